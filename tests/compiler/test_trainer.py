"""The trainer: randomness, averages, clipping and precision; and traced chains of operations."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import Feed, Training, feed
from compiler.images import data
from compiler.layers.chains import Chain, chains
from compiler.layers.model import build_layers, forward
from compiler.networks import weights
from compiler.primitives.normalization_layers import local_norm
from compiler.training.optimizers import learning_rate
from compiler.training.trainer import Trainer
from tests.compiler.shipped import QUICK

PLAIN = Training(epochs=2, batch_size=32, learning_rate=0.1, drop_path_keep=1.0, augment=(), optimize_graph=False)
SMALL = """
op norm = batch_norm | relu
cell net(image) {
  a = conv[3x3, filters=8](image) | norm
  b = conv[3x3, filters=8](a) + max_pool[3x3](a)
  return b | norm
}
network { body: net   head: global_avg_pool | dropout[rate=0.2] | dense[classes] }
"""


@pytest.fixture(scope="module")
def digits() -> Feed:
    return feed(data.load("digits", validation=0.2))


def trainer(digits: Feed, training: Training, seed: int = 1, text: str = SMALL) -> Trainer:
    graph = compiler.resolve(dsl.loads(text), digits.input_shape, digits.classes)
    return Trainer(graph, digits, training, tf.distribute.get_strategy(), seed)


def values(made: Trainer) -> np.ndarray:
    return np.concatenate([value.reshape(-1) for value in weights.weights_of(made.layers).values()])


def test_the_graph_of_a_training_is_freed(digits: Feed) -> None:
    """The second training of a network defines no gradient again: TensorFlow would keep it, with the whole graph."""
    text = """
    cell net(image) {
      a = swish(image)
      b = avg_pool[3x3](a) + max_pool[3x3](a)
      return b
    }
    network { body: net   head: global_avg_pool | dense[classes] }
    """
    for _ in range(2):
        made = trainer(digits, PLAIN, text=text)
        made.run(1)
        loop: Any = made._loop
        graph = weakref.ref(loop.get_concrete_function(made._training_batches, tf.constant(0), tf.constant(1)).graph)
        del made, loop
        gc.collect()
    assert graph() is None


def test_weight_decay_shrinks_the_kernels_only(digits: Feed) -> None:
    settings = replace(PLAIN, momentum=0.0, learning_rate=1.0, schedule="constant")
    made = [trainer(digits, replace(settings, l2=l2)) for l2 in (0.0, 0.25)]
    start = weights.weights_of(made[0].layers)
    for one in made:
        one.run(1)
    without, decayed = (weights.weights_of(one.layers) for one in made)
    for key, value in start.items():
        shrunk = 0.25 * value if key.endswith("/kernel") else 0.0
        np.testing.assert_allclose(decayed[key], without[key] - shrunk, rtol=1e-5, atol=1e-6, err_msg=key)
    assert any(key.endswith("/kernel") for key in start)


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.name)
def test_traced_chains_are_the_operations_they_stand_for(path: Path) -> None:
    """Outputs, gradients and statistics are those of the operations one by one."""
    genotype = dsl.load(path)
    genotype = dsl.load(path, {k: v for k, v in {"N": 1, "F": 8}.items() if k in genotype.space.params})
    size = 48 if "imagenet" in path.name else 16
    layers = build_layers(compiler.resolve(genotype, (size, size, 3), 10), seed=1)
    images = tf.random.stateless_normal((3, size, size, 3), seed=(1, 2))
    variables = [layer.trained for layer in layers if layer.trained is not None]
    found = []
    for norm in (None, lambda *given: local_norm(*given)):  # the operations one by one
        with tf.GradientTape() as tape:
            *_, body, logits = forward(layers, images, True, norm=norm)
            # different factors for all values, since normalization sets the mean over a map
            loss = tf.reduce_sum(logits) + tf.reduce_sum(body * tf.random.stateless_normal(body.shape, seed=(3, 4)))
        found.append((logits, tape.gradient(loss, variables, unconnected_gradients="zero")))
    (logits, gradients), (others, other_gradients) = found
    np.testing.assert_allclose(logits, others, rtol=2e-3, atol=2e-3)
    for one, other in zip(gradients, other_gradients, strict=True):
        scale = float(tf.reduce_max(tf.abs(other))) + 1e-6
        np.testing.assert_allclose(one / scale, other / scale, atol=2e-3)


def test_chains_hold_every_operation_once_and_end_where_a_value_is_read_twice() -> None:
    (step, *_) = compiler.resolve(dsl.loads(SMALL), (8, 8, 1), 10).steps
    found = chains(step, False)
    assert [operation for chain in found for operation in chain.operations] == list(step.operations)
    assert [[operation.primitive for operation in chain.operations] for chain in found] == [
        ["conv", "batch_norm", "relu"], ["conv"], ["max_pool"], ["add"], ["batch_norm", "relu"],
    ]  # fmt: skip
    dropped = chains(step, True)
    assert [operation.drop_path for chain in dropped for operation in chain.operations[:-1]].count(True) == 0
    assert len(dropped) == len(found) + 1, "the term of the first node is conv alone; its tail follows"


def test_chains_are_equal_where_they_compute_the_same() -> None:
    steps = compiler.resolve(dsl.load("amoebanet_a.cell", {"N": 2, "F": 4}), (16, 16, 3), 10).steps
    whole = {chain for step in steps for chain in chains(step, True)}
    assert len(whole) < sum(len(chains(step, True)) for step in steps) / 2
    one = Chain((), (("conv", (("kernel", 3),), (8, 8, 4), ()),))
    assert one != Chain((), (("conv", (("kernel", 3),), (8, 8, 5), ()),))


def test_a_run_in_pieces_is_the_run_in_one(digits: Feed) -> None:
    settings = replace(PLAIN, drop_path_keep=0.5, ema_decay=0.9, clip_norm=1.0)
    whole, parts = trainer(digits, settings), trainer(digits, settings)
    once = whole.run(5)
    pieces = [parts.run(2), parts.run(3)]
    assert once[0] == pytest.approx((pieces[0][0] * 2 + pieces[1][0] * 3) / 5, rel=1e-5)
    np.testing.assert_allclose(values(whole), values(parts), rtol=1e-4, atol=1e-5)
    other = trainer(digits, settings, seed=2)
    other.run(5)
    assert not np.allclose(values(other), values(whole), atol=1e-3)


def test_the_average_follows_the_weights_and_is_what_is_judged(digits: Feed) -> None:
    made = trainer(digits, replace(PLAIN, ema_decay=0.5))
    before = made.layers[0].trained.numpy()
    made.run(1)
    after = made.layers[0].trained.numpy()
    share = 1 - min(0.5, 2 / 11)  # after the first step
    np.testing.assert_allclose(made.averages[0].numpy(), before + (after - before) * share, rtol=1e-5, atol=1e-6)
    with made.averaged():
        np.testing.assert_array_equal(made.layers[0].trained.numpy(), made.averages[0].numpy())
    np.testing.assert_array_equal(made.layers[0].trained.numpy(), after)
    judged = made.evaluate("validation")
    for layer, average in zip((x for x in made.layers if x.trained is not None), made.averages, strict=True):
        layer.trained.assign(average)
    assert trainer_accuracy(made) == pytest.approx(judged[1])


def trainer_accuracy(made: Trainer) -> float:
    made.averages = []
    return made.evaluate("validation")[1]


def test_gradients_are_clipped_together(digits: Feed) -> None:
    still, steps = replace(PLAIN, l2=0.0, momentum=0.0, learning_rate=1.0, schedule="constant"), {}
    for norm in (0.0, 1e-3):
        made = trainer(digits, replace(still, clip_norm=norm))
        before = [layer.trained.numpy() for layer in made.layers if layer.trained is not None]
        made.run(1)
        after = [layer.trained.numpy() for layer in made.layers if layer.trained is not None]
        steps[norm] = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True)))
    assert steps[0.0] > 0.01
    assert steps[1e-3] == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize(
    ("training", "flag"),
    [(Training(precision="auto"), "precision='float32'"), (Training(jit_compile="auto"), "jit_compile=False")],
)
def test_only_a_search_decides_what_is_auto(digits: Feed, training: Training, flag: str) -> None:
    with pytest.raises(compiler.CompileError, match=rf"'auto', which only a search decides, .*\"training.{flag}\""):
        trainer(digits, training)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_other_precisions_learn_with_float32_weights(digits: Feed, precision: str) -> None:
    made = trainer(digits, replace(PLAIN, precision=precision))
    first = made.run(4)[0]
    made.run(60)
    assert made.run(4)[0] < first
    assert all(variable.dtype == tf.float32 for layer in made.layers for variable in layer.variables)
    logits = forward(made.layers, tf.zeros((2, 8, 8, 1)), training=False)[0]
    assert logits.dtype == precision
    assert made.evaluate("validation")[1] > 0.2


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
@pytest.mark.parametrize("schedule", ["cosine", "constant", "exponential"])
def test_every_combination_of_settings_lowers_the_loss(digits: Feed, optimizer: str, schedule: str) -> None:
    rate = 0.1 if optimizer == "sgd" else 0.01
    made = trainer(digits, replace(PLAIN, optimizer=optimizer, schedule=schedule, learning_rate=rate, nesterov=True))
    first = made.run(5)[0]
    made.run(40)
    assert made.run(5)[0] < first


def test_the_exponential_schedule_is_a_staircase_after_the_warm_up() -> None:
    settings = Training(
        epochs=9, learning_rate=0.1, schedule="exponential", decay_rate=0.5, decay_epochs=2, warmup_epochs=1
    )
    rate = learning_rate(settings, 10)
    found = [float(rate(step)) for step in (0, 5, 10, 29, 30, 49, 50)]
    assert found == pytest.approx([0, 0.05, 0.1, 0.1, 0.05, 0.05, 0.025])


class TestDropPath:
    """The share of examples that a layer keeps, over the steps of a training and the depth of its cell."""

    def kept(self, digits: Feed, schedule: str, step: int) -> list[float]:
        settings = replace(PLAIN, drop_path_keep=0.6, drop_path_schedule=schedule)
        made = trainer(digits, settings, text=dsl.load("amoebanet_a.cell", {"N": 1, "F": 4}).standalone())
        noise = made._noise(tf.constant(step))
        return [float(item.keep) for item in noise if item is not None and item.keep is not None]

    def test_the_kept_share_falls_with_the_steps(self, digits: Feed) -> None:
        last = 2 * (digits.count("train") // 32)
        assert self.kept(digits, "step", 0) == pytest.approx([1.0] * 5)
        assert self.kept(digits, "step", last // 2) == pytest.approx([0.8] * 5, abs=0.01)
        assert self.kept(digits, "step", last) == pytest.approx([0.6] * 5)

    def test_the_kept_share_falls_with_the_depth(self, digits: Feed) -> None:
        last = 2 * (digits.count("train") // 32)
        assert self.kept(digits, "step_and_cell", last) == pytest.approx([0.92, 0.84, 0.76, 0.68, 0.6])


class TestXla:
    """XLA compiles the steps for TPUs, so shapes must be static and every operation must be known to it."""

    def test_a_train_step_compiles_and_agrees(self, digits: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Trainer, "_is_on_tpu", True)
        settings = replace(PLAIN, drop_path_keep=0.7, auxiliary_weight=0.0)
        made = trainer(digits, settings, text=SMALL.replace("dropout[rate=0.2] | ", ""))
        images, labels = next(iter(digits.training(settings, 32, seed=1)))
        plain = tf.function(lambda: forward_loss(made, images, labels), autograph=False)()
        compiled = tf.function(lambda: forward_loss(made, images, labels), autograph=False, jit_compile=True)()
        np.testing.assert_allclose(plain, compiled, rtol=1e-3)
        step: Any = tf.function(
            lambda: made._replica_step((images, labels), tf.constant(0)), autograph=False, jit_compile=True
        )
        called = {node.op for node in step.get_concrete_function().graph.as_graph_def().node}
        assert not called & {"PartitionedCall", "StatefulPartitionedCall"}, "sizes would not be known to XLA"
        losses = [float(step()[0]) for _ in range(12)]
        assert losses[-1] < losses[0]

    @pytest.mark.parametrize(
        "operation",
        ["conv[3x3, dilation=2]", "conv[1x7, stride_x=2]", "depthwise[5x5, stride=2]", "depthwise[3x3, dilation=2]",
         "depthwise[1x3, stride_x=2]", "factorized_conv[stride=2]", "batch_norm", "avg_pool[3x3]",
         "max_pool[3x3, stride=2]", "zero[stride=2]", "dropout[rate=0.5]", "relu", "skip"],
    )  # fmt: skip
    def test_every_operation_compiles_with_its_gradient(self, operation: str) -> None:
        text = f"network {{ body: conv[1x1, filters=6] | {operation} head: global_avg_pool | dense[classes] }}"
        layers = build_layers(compiler.resolve(dsl.loads(text), (8, 8, 3), 10))
        variables = [layer.trained for layer in layers]
        # the variance of equal images is 0, and its gradient would be noise
        images = tf.constant(np.random.default_rng(0).standard_normal((2, 8, 8, 3), np.float32))

        def step() -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(forward(layers, images, training=True)[-1] ** 2)
            gradients: list[tf.Tensor] = tape.gradient(loss, variables, unconnected_gradients="zero")
            return gradients

        plain = tf.function(step, autograph=False)()
        compiled = tf.function(step, autograph=False, jit_compile=True)()
        for one, other in zip(plain, compiled, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-3)

    def test_the_resize_of_a_sum_compiles(self) -> None:
        text = """
        cell net(x) fit resize_and_pad { a = conv[1x1, filters=4](x) + max_pool[2x2, stride=2](x)  return a }
        network { body: net head: global_avg_pool | dense[classes] }
        """
        layers = build_layers(compiler.resolve(dsl.loads(text), (7, 8, 3), 10))
        images = tf.random.stateless_normal((2, 7, 8, 3), seed=(1, 2))

        def step(compiled: bool) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = forward(layers, images, training=True, compiled=compiled)[-1]
                loss = tf.reduce_sum(logits**2)
            gradients: list[tf.Tensor] = tape.gradient(loss, [layers[0].trained, layers[1].trained])
            return [logits, *gradients]

        compiled = tf.function(lambda: step(True), autograph=False, jit_compile=True)()
        for one, other in zip(compiled, step(False), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def forward_loss(made: Trainer, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return made._loss(forward(made.layers, images, True)[-1], labels)
