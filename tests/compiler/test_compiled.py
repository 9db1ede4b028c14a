"""Cells that XLA compiles compute what they compute without it; and the measured pace of a training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import Feed, Training, feed
from compiler.images import data
from compiler.layers import compiled
from compiler.layers.execute import Noise
from compiler.layers.model import build_layers, forward
from compiler.training.pace import pace
from compiler.training.trainer import Trainer

CELLS = """
op point = conv[1x1, stride=stride] | batch_norm | relu
cell one(x) {
  a = point(x) + x | relu
  return a
}
network { stem: conv[1x1, filters=4] body: one * 3 head: global_avg_pool | dense[classes] }
"""


@pytest.fixture
def graph() -> compiler.Graph:
    return compiler.resolve(dsl.loads(CELLS), (4, 4, 1), 3)


@pytest.mark.parametrize("noise", [None, Noise(tf.constant([1, 2]), tf.constant(0.5))], ids=["whole", "dropped"])
def test_compiled_cells_compute_the_same(graph: compiler.Graph, noise: Noise | None) -> None:
    images = tf.random.stateless_normal((5, 4, 4, 1), (1, 2))
    found = []
    for jit_compile in (False, True):
        layers = build_layers(graph, seed=1, jit_compile=jit_compile)
        variables = [layer.trained for layer in layers if layer.trained is not None]
        with tf.GradientTape() as tape:
            values = forward(layers, images, True, [noise] * len(layers))
            loss = tf.reduce_sum(tf.square(values[-1]))
        statistics = np.concatenate([v.reshape(-1) for layer in layers for v in layer.values().values()])
        found.append((values[-1].numpy(), [g.numpy() for g in tape.gradient(loss, variables)], statistics))
    (logits, gradients, statistics), (others, other_gradients, other_statistics) = found
    np.testing.assert_allclose(logits, others, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(statistics, other_statistics, rtol=1e-4, atol=1e-5)
    for one, other in zip(gradients, other_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_uses_of_a_cell_share_a_program(graph: compiler.Graph) -> None:
    compiled._compiled.cache_clear()
    for seed in (1, 2):  # a later network has the same cells
        forward(build_layers(graph, seed, jit_compile=True), tf.zeros((2, 4, 4, 1)), True)
    found = compiled._compiled.cache_info()
    assert (found.misses, found.hits) == (1, 5)


def test_random_operations_are_not_compiled() -> None:
    """XLA would draw other numbers."""
    compiled._compiled.cache_clear()
    drops = compiler.resolve(dsl.loads(CELLS.replace("x | relu", "x | dropout[rate=0.2]")), (4, 4, 1), 3)
    noise = [Noise(tf.constant([1, 2]))] * 8
    images = tf.random.stateless_normal((5, 4, 4, 1), (1, 2))
    found = [forward(build_layers(drops, 1, jit_compile=on), images, True, noise[:5])[-1] for on in (False, True)]
    np.testing.assert_array_equal(*found)
    assert compiled._compiled.cache_info().misses == 0


def test_only_training_is_compiled(graph: compiler.Graph) -> None:
    compiled._compiled.cache_clear()
    forward(build_layers(graph, jit_compile=True), tf.zeros((2, 4, 4, 1)), False)
    assert compiled._compiled.cache_info().misses == 0


# --- the pace of a training ---

PLAIN = Training(epochs=1, batch_size=32, drop_path_keep=1.0, augment=(), optimize_graph=False)


@pytest.fixture(scope="module")
def digits() -> Feed:
    return feed(data.load("digits", validation=0.2))


def test_the_pace_has_set_up_and_step_and_waits_between_them(digits: Feed) -> None:
    waited: list[str] = []
    found = pace(dsl.loads(CELLS), digits, PLAIN, 0.0, lambda: waited.append("once"))
    assert waited == ["once"]
    assert found.setup > found.step > 0
    assert (found.memory, found.device) == (0, ""), "without a GPU"
    assert found.total(10) == pytest.approx(found.setup + 10 * found.step)


def test_a_full_gpu_is_a_memory_error(digits: Feed) -> None:
    def fails() -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nand more")

    with pytest.raises(MemoryError, match=r"^OOM when allocating tensor$"):
        pace(dsl.loads(CELLS), digits, replace(PLAIN, jit_compile=True), 0.0, fails)


# --- 20 steps of a training ---


def weights_after(steps: int, made: Trainer) -> np.ndarray:
    made.run(steps)
    return np.concatenate([layer.trained.numpy() for layer in made.layers if layer.trained is not None])


def test_compiled_cells_train_to_the_same_weights(digits: Feed) -> None:
    """After 20 steps, the greatest difference was 2.2e-5 here. Values changed by 1e-6 gave one of 3.2e-6."""
    graph = compiler.resolve(dsl.loads(CELLS), digits.input_shape, digits.classes)
    settings, strategy = replace(PLAIN, drop_path_keep=0.7, learning_rate=0.1), tf.distribute.get_strategy()
    plain = weights_after(20, Trainer(graph, digits, settings, strategy, 1))
    found = weights_after(20, Trainer(graph, digits, replace(settings, jit_compile=True), strategy, 1))
    np.testing.assert_allclose(found, plain, rtol=0, atol=2e-4)


def test_mixed_precision_adds_few_casts(digits: Feed) -> None:
    """A step of the network casts its packed kernels and their gradient, and not the value of each operation."""
    graph = compiler.resolve(dsl.loads(CELLS), digits.input_shape, digits.classes)
    found = []
    for precision in ("float32", "bfloat16"):
        made = Trainer(graph, digits, replace(PLAIN, precision=precision), tf.distribute.get_strategy(), 1)
        loop: Any = made._loop
        traced = loop.get_concrete_function(made._training_batches, tf.constant(0), tf.constant(1))
        functions = traced.graph.as_graph_def().library.function
        found.append(sum(node.op == "Cast" for function in functions for node in function.node_def))
    with_kernels = sum(layer.trained is not None for layer in made.layers)
    assert found[1] - found[0] <= 3 * with_kernels + 3
