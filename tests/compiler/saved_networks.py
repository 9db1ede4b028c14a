"""Small networks with the weights of a training, for the tests of saved and exported networks."""

from __future__ import annotations

from typing import Any

import numpy as np

import dsl
from compiler import lower, resolve
from compiler.layers.model import step_layers
from compiler.networks.saved import Saved
from compiler.networks.weights import weights_of

# a network in which stock layers are combined in every way
TEXT = """
cell net(x) fit resize_and_pad {
  a = conv[3x3, filters=4, stride=2](x) | batch_norm
  b = conv[1x1, filters=6](x) + depthwise[3x3, dilation=2, stride=2](x) | relu
  return concat(max_pool[3x3](a), avg_pool[3x3](a), b)
}
network {
  stem: conv[3x3, filters=4] | batch_norm
  body: net, factorized_conv[stride=2, filters=6]
  head: relu | global_avg_pool | dropout[rate=0.5] | dense[classes]
}
"""


def network(text: str = TEXT, channels: int = 1, seed: int = 0) -> Saved:
    """Returns a network for images of 8x8 and three classes. No weight and no statistic has its initial value."""
    genotype = dsl.loads(text)
    rng = np.random.default_rng(seed)
    weights: dict[str, np.ndarray[Any, Any]] = {}
    for key, value in weights_of(step_layers(lower(resolve(genotype, (8, 8, channels), 3)))).items():
        weights[key] = (0.6 * value + rng.uniform(0.05, 0.15, value.shape)).astype(np.float32)
    mean, std = (5.0, 6.0, 7.0)[:channels], (3.0, 4.0, 5.0)[:channels]
    return Saved(genotype, weights, (8, 8, channels), ("zero", "one", "two"), mean, std, 0.75)
