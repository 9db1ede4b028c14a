"""What makes a training faster changes its weights no more than rounding does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import Training, feed
from compiler.batches.augment import Scale
from compiler.images import data
from compiler.layers import chains
from compiler.networks import weights
from compiler.primitives import cpu_layers
from compiler.primitives.normalization_layers import local_norm
from compiler.training.candidate import prepare
from compiler.training.trainer import Trainer

STEPS = 20
NUDGE = 1e-6  # the change of the input, in standard deviations of its pixels
NETWORK = """
op reduce = relu | factorized_conv[stride=stride] | batch_norm
op point = relu | conv[1x1, stride=stride] | batch_norm
op sep = relu | depthwise[3x3, stride=stride] | conv[1x1] | batch_norm
cell net(image) {
  a = sep(image) + point(image)
  b = avg_pool[3x3](a) + sep(a)
  return concat(unused)
}
network { stem: conv[3x3, filters=4] | batch_norm  body: net[4], net[8, stride=2]
          head: relu | global_avg_pool | dense[classes] }
"""
PLAIN = Training(epochs=2, batch_size=32, learning_rate=0.01, drop_path_keep=1.0, augment=(), optimize_graph=False)
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def without_traced_chains() -> Iterator[None]:
    """No chain that was traced under one setting is used under another."""
    chains._traced.cache_clear()
    yield
    chains._traced.cache_clear()


def trained(training: Training) -> np.ndarray:
    """Returns all weights after 20 steps in one row."""
    digits = feed(data.load("digits", validation=0.2))
    prepare(training, 1)
    graph = compiler.resolve(dsl.loads(NETWORK), digits.input_shape, digits.classes)
    made = Trainer(graph, digits, training, tf.distribute.get_strategy(), 1)
    made.run(STEPS)
    return np.concatenate([value.reshape(-1) for value in weights.weights_of(made.layers).values()])


@pytest.fixture(scope="module")
def usual() -> np.ndarray:
    return trained(PLAIN)


@pytest.fixture(scope="module")
def rounding(usual: np.ndarray) -> float:
    """The greatest change of a weight if the images change by a millionth."""
    normalized = Scale.normalized

    def nudged(self: Scale, images: tf.Tensor) -> tf.Tensor:
        return normalized(self, images) + NUDGE * tf.random.stateless_normal(images.shape[1:], (3, 4))

    with Patch.context() as patch:
        patch.setattr(Scale, "normalized", nudged)
        chains._traced.cache_clear()
        return float(np.abs(trained(PLAIN) - usual).max())


def operations_one_by_one(patch: Patch) -> Training:
    patch.setattr(Trainer, "_norm", lambda self: lambda *given: local_norm(*given))
    return PLAIN


def usual_forms(patch: Patch) -> Training:
    patch.setattr(cpu_layers, "_has_only_cpu", lambda: False)
    return PLAIN


@pytest.mark.parametrize(
    "switched",
    [
        operations_one_by_one,
        usual_forms,
        lambda patch: replace(PLAIN, optimize_graph=True),
        lambda patch: replace(PLAIN, jit_compile=True),
    ],
    ids=["traced chains", "forms for CPUs", "graph optimization", "XLA"],
)
def test_on_and_off_differ_like_two_roundings(
    switched: Callable[[Patch], Training], usual: np.ndarray, rounding: float, monkeypatch: Patch
) -> None:
    difference = np.abs(trained(switched(monkeypatch)) - usual).max()
    assert difference <= 3 * rounding
