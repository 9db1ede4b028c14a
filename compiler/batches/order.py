"""The order of the training images. The images of a step are a function of the seed and the step alone.

No state is kept between steps. A training that was stopped therefore resumes with exactly the same batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

ENDLESS = int(np.iinfo(np.int64).max)  # the number of steps of an endless training, which the trainer ends

# Rounds of the cipher. With the four rounds that TensorFlow uses, the permutations of two epochs are alike.
_ROUNDS = 16

# The uses of a key. Without them the order of epoch 1 and the augmentation of step 1 would have the same draws.
ORDER, STEP = 0, 1


def key(seed: Tensor, number: Tensor, use: int) -> Tensor:
    """Returns the key int64 `[2]` from which all random numbers of an epoch, a step or an example are drawn."""
    return folded(tf.stack([tf.cast(seed, tf.int64), tf.cast(number, tf.int64)]), use)


def folded(key: Tensor, use: int) -> Tensor:
    """Returns a key for one use, made of another key. Keys of different uses give different random numbers."""
    return tf.random.experimental.stateless_fold_in(key, use)


def uniform(shape: Any, key: Tensor, low: Any = 0, high: Any = None, dtype: Any = tf.float32) -> Tensor:
    """Returns random numbers in [`low`, `high`). TensorFlow draws other numbers under XLA than without it."""
    return tf.random.stateless_uniform(shape, key, low, high, dtype)


def words(seed: Tensor, epoch: Tensor) -> Tensor:
    """Returns the random words int32 `[3]` that make an epoch's permutation."""
    return uniform([3], key(seed, epoch, ORDER), None, None, tf.int32)


def permuted(places: Tensor, words: Tensor, count: Tensor) -> Tensor:
    """Returns the values at these places of a random permutation of 0 to count-1."""
    return tf.raw_ops.RandomIndexShuffle(index=places, seed=words, max_index=count - 1, rounds=_ROUNDS)


def chosen(seed: Tensor, step: Tensor, batch: int, count: int) -> Tensor:
    """Returns the indices int32 `[batch]` of a step's images, from a permutation that each epoch draws anew.

    Images that do not fill a batch at the end of an epoch are left out. They are other images in every epoch.
    """
    steps = count // batch
    places = tf.cast(step % steps, tf.int32) * batch + tf.range(batch)
    return permuted(places, words(seed, step // steps), count)
