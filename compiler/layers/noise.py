"""What is random in a step of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from compiler.primitives.layering import Tensor


@dataclass(frozen=True)
class Noise:
    """What is random in one step of training, drawn from a seed and from nothing else.

    Attributes:
      seed: two int32 numbers `[2]`, others for every step of training, layer and replica.
      keep: probability of keeping a path; None where none is dropped.
    """

    seed: Tensor
    keep: Tensor | None = None


def kept_paths(count: int, batch: Tensor | int, noise: Noise, dtype: Any) -> list[Tensor]:
    """For each of `count` paths a factor an example `[batch, 1, 1, 1]`: 0 drops the path, else it is scaled up."""
    drawn = tf.random.stateless_uniform((count, batch, 1, 1, 1), seed=noise.seed)
    factors = tf.floor(drawn + noise.keep) / noise.keep
    return list(tf.unstack(tf.cast(factors, dtype)))
