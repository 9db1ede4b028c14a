"""Activations, normalizations, grouped convolutions, dense layers on maps and dropped paths, against their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler.graph.structure import Step, step_from_json, step_to_json
from compiler.layers.execute import Noise
from compiler.layers.model import StepLayer, build_layers, forward
from compiler.networks import formats
from compiler.primitives import convolutions_layers
from compiler.primitives.base import Operation
from compiler.primitives.layering import Run
from compiler.primitives.layers import LAYERS
from tests.compiler.saved_networks import network

Array = np.ndarray[Any, Any]
HEAD = "head: global_avg_pool | dense[classes]"
# a network with the primitives of this file
TODAY = """
cell net(x) {
  a = conv[3x3, groups=2, bias=yes](x) | batch_norm[scale=no] | relu6 | depthwise[3x3, bias=yes] | swish
  b = layer_norm(x) | dense[16] | gelu | dense[8, bias=no] | drop_path[0.2]
  s = global_max_pool(x) | dense[4] | hard_swish | dense[8] | hard_sigmoid
  c = group_norm[4](x) | elu | leaky_relu | softplus | tanh | sigmoid
  d = a + b + c
  return d * s
}
network { stem: conv[3x3, filters=8] body: net head: conv[full] | dense[classes] }
"""
RNG = np.random.default_rng(1)
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.3 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * np.vectorize(lambda one: (1 + math.erf(one / math.sqrt(2))) / 2)(x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "hard_sigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hard_swish": lambda x: x * np.clip((x + 3) / 6, 0, 1),
    "softplus": lambda x: np.log1p(np.exp(x)),
}


def step_of(pipe: str, shape: tuple[int, ...] = (8, 8, 6)) -> Step:
    """Returns the first step of a network for images of this shape."""
    return compiler.resolve(dsl.loads(f"network {{ body: {pipe} {HEAD} }}"), shape, 10).steps[0]


def run(operation: Operation, value: Any, *weights: Any) -> Any:
    return LAYERS[operation.primitive].run(Run(operation, (tf.constant(value),), tuple(map(tf.constant, weights))))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_an_activation_is_its_formula(name: str, dtype: str) -> None:
    points = tf.cast(np.linspace(-8, 8, 8 * 8 * 6, dtype=np.float32).reshape(1, 8, 8, 6), dtype)
    wanted = ACTIVATIONS[name](np.asarray(points, np.float64))
    found = run(step_of(name).operations[0], points)
    assert found.dtype == dtype
    exact = {"float32": 1e-6, "bfloat16": 4e-2, "float16": 4e-3}[dtype]
    np.testing.assert_allclose(np.asarray(found, np.float64), wanted, atol=exact, rtol=exact)


@pytest.mark.parametrize(
    ("text", "axes", "groups"), [("layer_norm[1e-5]", (4,), 1), ("group_norm[3, epsilon=1e-5]", (1, 2, 4), 3)]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_normalization_computes_in_float32(text: str, axes: tuple[int, ...], groups: int, dtype: str) -> None:
    value = tf.cast(100 + RNG.normal(size=(2, 4, 5, 6)), dtype)  # the squares would be too large for float16
    gamma, beta = (RNG.normal(size=6).astype(np.float32) for _ in range(2))
    wide = np.asarray(value, np.float64).reshape(2, 4, 5, groups, -1)
    normal = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + 1e-5)
    found = run(step_of(text, (4, 5, 6)).operations[0], value, gamma, beta)
    assert found.dtype == dtype
    exact = {"float32": 1e-4, "bfloat16": 4e-2, "float16": 4e-3}[dtype]
    np.testing.assert_allclose(
        np.asarray(found, np.float64), normal.reshape(2, 4, 5, 6) * gamma + beta, atol=exact, rtol=exact
    )


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("norm", ["layer_norm[1e-9]", "group_norm[1, epsilon=1e-9]", "batch_norm[1e-9]"])
def test_the_weights_of_a_normalization_stay_float32(norm: str, precision: str) -> None:
    """In the other types, 1.0002 would be 1."""
    graph = compiler.resolve(dsl.loads(f"network {{ body: {norm} | skip {HEAD} }}"), (1, 1, 2), 10)
    layer = build_layers(graph, precision=precision)[0]
    layer.trained.assign([1.0002, 1.0002, -1, 1])
    row = [[1, -1], [-1, 1]] if norm.startswith("batch") else [[1, -1], [1, -1]]
    value = layer.call(tf.reshape(tf.constant(row, tf.float32), (2, 1, 1, 2)), training=True)
    assert value.dtype == precision.removeprefix("mixed_")
    np.testing.assert_allclose(np.asarray(value[0, 0, 0], np.float32), [2e-4, -2e-4], rtol=0.02)


@pytest.mark.parametrize(
    "text",
    ["conv[3x3, groups=3, filters=9, stride=2]", "conv[3x3, groups=2, dilation=2]", "conv[1x1, groups=6, bias=yes]"],
)
def test_a_grouped_convolution_is_a_convolution_with_zeros_between_groups(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters of a group read the channels of their group alone, in the forms with and without TensorFlow's gradient.

    TensorFlow computes this gradient on GPUs, and on CPUs for which it uses oneDNN.
    """
    operation = step_of(text).operations[0]
    value = tf.constant(RNG.normal(size=(2, 8, 8, 6)).astype(np.float32))
    weights = [tf.constant(RNG.normal(size=weight.shape).astype(np.float32)) for weight in operation.weights]
    groups, count = value.shape[-1] // weights[0].shape[2], weights[0].shape[3]

    def widened(kernel: Any) -> Any:
        """Returns the kernel that reads all channels, with zeros for those of other groups."""
        parts = []
        for group, filters in enumerate(tf.split(kernel, groups, axis=-1)):
            before = group * 6 // groups
            parts.append(tf.pad(filters, [[0, 0], [0, 0], [before, 6 - before - 6 // groups], [0, 0]]))
        return tf.concat(parts, axis=-1)

    def result(change: Callable[[Any], Any]) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch([value, *weights])
            out = LAYERS["conv"].run(Run(operation, (value,), (change(weights[0]), *weights[1:])))
            loss = tf.reduce_sum(out * tf.random.stateless_normal(out.shape, (1, 2)))
        return out, tape.gradient(loss, [value, *weights])

    wanted, gradients = result(widened)
    assert wanted.shape[-1] == count
    known = convolutions_layers._has_grouped_gradient(value.dtype.name)
    for is_used in {known, False}:
        monkeypatch.setattr(convolutions_layers, "_has_grouped_gradient", lambda _, is_used=is_used: is_used)
        out, found = result(tf.identity)
        np.testing.assert_allclose(out, wanted, atol=1e-4)
        for one, other in zip(found, gradients, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_whether_gradients_of_groups_are_there_is_found_out_in_every_context(dtype: str) -> None:
    value, kernel = (tf.cast(RNG.normal(size=shape), dtype) for shape in ((1, 4, 4, 6), (3, 3, 2, 6)))
    with tf.GradientTape() as tape:
        tape.watch([value, kernel])
        out = tf.raw_ops.Conv2D(input=value, filter=kernel, strides=(1, 1, 1, 1), padding="SAME")
    try:
        tape.gradient(out, [value, kernel])
        wanted = True
    except tf.errors.InvalidArgumentError:
        wanted = False
    found = convolutions_layers._has_grouped_gradient
    for call in (found, tf.function(found, autograph=False)):
        found.cache_clear()
        with tf.GradientTape():
            assert bool(call(dtype)) == wanted


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_todays_primitives_learn_in_every_precision(precision: str) -> None:
    graph = compiler.resolve(dsl.loads(TODAY), (8, 8, 3), 3)
    layers, images = build_layers(graph, 1, precision), tf.random.stateless_normal((4, 8, 8, 3), (1, 2))
    variables = [layer.trained for layer in layers]

    def gradients() -> Any:
        with tf.GradientTape() as tape:
            logits = forward(layers, images, True, [Noise(tf.constant([1, 2]), tf.constant(0.9))] * len(layers))[-1]
            loss = tf.reduce_mean(tf.square(tf.cast(logits, tf.float32)))
        return tape.gradient(loss, variables)

    for gradient, variable in zip(tf.function(gradients, autograph=False)(), variables, strict=True):
        assert gradient.dtype == variable.dtype == tf.float32
        assert np.isfinite(gradient).all()
        assert np.count_nonzero(gradient) > 0.5 * np.size(gradient)


def test_a_dense_layer_keeps_the_positions_of_a_map() -> None:
    operation = step_of("dense[7]", (4, 5, 6)).operations[0]
    assert operation.shape == (4, 5, 7)
    assert operation.mult_adds == 4 * 5 * 6 * 7
    value, kernel, bias = (RNG.normal(size=shape).astype(np.float32) for shape in ((2, 4, 5, 6), (6, 7), (7,)))
    np.testing.assert_allclose(run(operation, value, kernel, bias), value @ kernel + bias, atol=1e-5)


@pytest.mark.parametrize(
    "head", ["conv[full] | dense[classes]", "conv[full, filters=classes, bias=yes]", "flatten | dense[classes]"]
)
def test_a_network_ends_in_a_row_or_in_a_map_of_one_pixel(head: str) -> None:
    graph = compiler.resolve(dsl.loads(f"network {{ body: conv[3x3, filters=4] head: {head} }}"), (8, 8, 3), 10)
    assert graph.steps[-1].shape == (10,)
    assert forward(build_layers(graph), tf.zeros((2, 8, 8, 3)), training=True)[-1].shape == (2, 10)


def test_a_step_that_was_saved_before_dense_kept_positions_gives_the_same() -> None:
    step = compiler.resolve(
        dsl.loads("network { body: conv[full, filters=4] head: dense[7] | relu | dense[classes] }"), (4, 4, 3), 10
    ).steps[-1]
    first, *others = step.operations
    old = replace(first, shape=(7,), settings={"units": 7})
    layers = [
        StepLayer(made, 1) for made in (step, step_from_json(step_to_json(replace(step, operations=(old, *others)))))
    ]
    value = tf.constant(RNG.normal(size=(2, 1, 1, 4)).astype(np.float32))
    new, saved = (layer(value) for layer in layers)
    assert new.shape == saved.shape == (2, 10)
    np.testing.assert_array_equal(new, saved)


class TestDropPath:
    IMAGES = tf.ones((400, 1, 1, 6))

    def dropped(self, body: str, keep: float | None = None, shape: tuple[int, ...] = (1, 1, 6)) -> Array:
        """Returns the factor of each image `[400, nodes]` of a cell that concatenates its nodes."""
        head = "head: dense[classes]" if "global" in body else HEAD
        text = f"cell net(x) {{ {body} }} network {{ body: net {head} }}"
        layer = build_layers(compiler.resolve(dsl.loads(text), shape, 10))[0]
        noise = Noise(tf.constant([1, 2]), None if keep is None else tf.constant(keep))
        value: Array = layer.call(self.IMAGES, training=True, noise=noise).numpy().reshape(400, -1, 6)
        assert (value == value[:, :, :1]).all(), "all values of an image are dropped together"
        return np.asarray(value[:, :, 0])

    def test_a_rate_drops_whole_images_and_keeps_the_mean(self) -> None:
        found = self.dropped("a = drop_path[0.25](x) return a")
        assert set(np.unique(found)) == {0, np.float32(4 / 3)}
        assert abs((found == 0).mean() - 0.25) < 0.06

    def test_every_use_has_its_own_draw(self) -> None:
        first, second = self.dropped("a = drop_path[0.5](x) b = drop_path[0.5](x) return concat(a, b)").T
        assert 0.4 < (first == second).mean() < 0.6

    def test_a_rate_and_the_paths_of_the_training_have_different_draws(self) -> None:
        first, second = self.dropped("a = drop_path[0.5](x) b = drop_path(x) return concat(a, b)", keep=0.5).T
        assert 0.4 < (first == second).mean() < 0.6

    def test_without_a_rate_it_is_where_the_drop_path_of_training_drops(self) -> None:
        assert (self.dropped("a = drop_path(x) return a") == 1).all()
        found = self.dropped("a = drop_path(x) return a", keep=0.75)
        assert set(np.unique(found)) == {0, np.float32(4 / 3)}

    def test_a_term_that_drops_paths_is_not_dropped_again(self) -> None:
        found = self.dropped("a = drop_path[0.25](x) return a", keep=0.5)
        assert set(np.unique(found)) == {0, np.float32(4 / 3)}

    def test_one_value_a_channel_is_dropped_as_a_map_is(self) -> None:
        found = self.dropped("a = global_avg_pool(x) return a", keep=0.75)
        assert set(np.unique(found)) == {0, np.float32(4 / 3)}


def test_todays_primitives_are_exported(tmp_path: Any) -> None:
    saved = network(TODAY)
    for ending in formats.FORMATS:
        assert formats.export(saved, tmp_path / f"net{ending}").difference < 1e-4
