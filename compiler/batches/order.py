"""The order of the training images. The images of a step depend only on the random seed and the number of the step.

No state is kept between steps. A training that was stopped therefore resumes with the same batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

ENDLESS = int(np.iinfo(np.int64).max)  # the number of steps of an endless training, which the trainer ends

# The rounds of the cipher that permutes indices. With TensorFlow's four rounds, permutations of two epochs are alike.
_ROUNDS = 16

# What a key is used for. The use is mixed into the key. Otherwise the order of epoch 1 and the augmentation of step 1
# would be drawn from the same random numbers, since both have the number 1.
ORDER, STEP = 0, 1


def key(seed: Tensor, number: Tensor, use: int) -> Tensor:
    """Returns the key int64 `[2]` from which all random numbers of an epoch, a step or an example are drawn."""
    return folded(tf.stack([tf.cast(seed, tf.int64), tf.cast(number, tf.int64)]), use)


def folded(key: Tensor, use: int) -> Tensor:
    """Returns a key for one use, made of another key. Keys for different uses give different random numbers."""
    return tf.random.experimental.stateless_fold_in(key, use)


def uniform(shape: Any, key: Tensor, low: Any = 0, high: Any = None, dtype: Any = tf.float32) -> Tensor:
    """Returns random numbers in [`low`, `high`). With the compiler XLA, TensorFlow draws other numbers than without."""
    return tf.random.stateless_uniform(shape, key, low, high, dtype)


def words(seed: Tensor, epoch: Tensor) -> Tensor:
    """Returns random int32 numbers `[3]`, which decide the permutation of one epoch."""
    return uniform([3], key(seed, epoch, ORDER), None, None, tf.int32)


def permuted(places: Tensor, words: Tensor, count: Tensor) -> Tensor:
    """Returns the values at these places of a random permutation of 0 to count-1."""
    return tf.raw_ops.RandomIndexShuffle(index=places, seed=words, max_index=count - 1, rounds=_ROUNDS)


def chosen(seed: Tensor, step: Tensor, batch: int, count: int) -> Tensor:
    """Returns the indices int32 `[batch]` of the images of a step. Each epoch has a new permutation of the images.

    Images that do not fill a batch at the end of an epoch are left out. Every epoch leaves out other images.
    """
    steps = count // batch
    places = tf.cast(step % steps, tf.int32) * batch + tf.range(batch)
    return permuted(places, words(seed, step // steps), count)
