"""The order of the training images: which ones make up a step is a function of the seed and the step alone.

Nothing is kept between steps, so that a training that was stopped goes on exactly where it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

ENDLESS = int(np.iinfo(np.int64).max)  # steps, for a training that ends when it is told

# So many rounds make a permutation random; TensorFlow's own four leave those of two epochs alike.
_ROUNDS = 16

# What a key is for: without it the order of epoch 1 and the augmentation of step 1 would share their draws.
ORDER, STEP, EXAMPLE = 0, 1, 2


def key(seed: Tensor, number: Tensor, use: int) -> Tensor:
    """The key int64 `[2]` of all that is drawn for an epoch, a step or an example."""
    return folded(tf.stack([tf.cast(seed, tf.int64), tf.cast(number, tf.int64)]), use)


def folded(key: Tensor, use: int) -> Tensor:
    """A key for one of several uses."""
    return tf.random.experimental.stateless_fold_in(key, use)


def uniform(shape: Any, key: Tensor, low: Any = 0, high: Any = None, dtype: Any = tf.float32) -> Tensor:
    """Numbers from `low` to below `high`; where XLA compiles, TensorFlow draws others than elsewhere."""
    return tf.random.stateless_uniform(shape, key, low, high, dtype)


def words(seed: Tensor, epoch: Tensor) -> Tensor:
    """The random words int32 `[3]` that make an epoch's permutation."""
    return uniform([3], key(seed, epoch, ORDER), None, None, tf.int32)


def permuted(places: Tensor, words: Tensor, count: Tensor) -> Tensor:
    """Where a random permutation of 0 to count-1 takes these places."""
    return tf.raw_ops.RandomIndexShuffle(index=places, seed=words, max_index=count - 1, rounds=_ROUNDS)


def chosen(seed: Tensor, step: Tensor, batch: int, count: int) -> Tensor:
    """The indices int32 `[batch]` of a step's images: its place in a permutation that each epoch draws anew.

    The images that do not fill a batch at the end of an epoch are left out of it, others each time.
    """
    steps = count // batch
    places = tf.cast(step % steps, tf.int32) * batch + tf.range(batch)
    return permuted(places, words(seed, step // steps), count)
