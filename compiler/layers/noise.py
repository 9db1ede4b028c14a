"""The random numbers of one step of training: the seed of dropout, and the factors of drop path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from compiler.primitives.layering import Tensor


@dataclass(frozen=True)
class Noise:
    """The source of random numbers for one layer in one step of training. Everything is drawn from the seed.

    Attributes:
      seed: two int32 numbers `[2]`, different for every step of training, layer and replica.
      keep: the probability of keeping a path; None switches drop path off.
    """

    seed: Tensor
    keep: Tensor | None = None


def kept_paths(count: int, batch: Tensor | int, noise: Noise, dtype: Any) -> list[Tensor]:
    """Returns for each of `count` paths the factors `[batch, 1, 1, 1]` of the images.

    A factor of 0 drops the path of that image. Otherwise it is 1 / keep.
    """
    drawn = tf.random.stateless_uniform((count, batch, 1, 1, 1), seed=noise.seed)
    factors = tf.floor(drawn + noise.keep) / noise.keep
    return list(tf.unstack(tf.cast(factors, dtype)))
