"""Weights of Keras models are taken for texts that compute the same: outputs agree, and other networks are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers as k

import compiler
import dsl
from compiler import CompileError, lower
from compiler.layers.model import step_layers
from compiler.networks.from_keras import model_units, preparation, weights_from
from compiler.networks.units import graph_units, matched
from compiler.networks.weights import restore

SIZE, CLASSES = 9, 3
HEAD = "head: global_avg_pool | dense[classes] }"


@tf_keras.saving.register_keras_serializable("amoeba_tests")
class LayerScale(tf_keras.layers.Layer):  # type: ignore[misc]
    """A trained factor for each channel."""

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones")

    def call(self, value: Any) -> Any:
        return value * self.gamma


def graph_of(text: str) -> compiler.Graph:
    return compiler.resolve(dsl.loads(text), (SIZE, SIZE, 3), CLASSES)


def model_of(body: Callable[[Any], Any]) -> tf_keras.Model:
    """Returns a Keras model with random weights, which ends in logits."""
    image = k.Input((SIZE, SIZE, 3))
    model = tf_keras.Model(image, body(image))
    rng = np.random.default_rng(1)
    for variable in model.weights:
        drawn = (
            rng.uniform(0.5, 1.5, variable.shape) if "variance" in variable.name else rng.normal(0, 0.3, variable.shape)
        )
        variable.assign(drawn)
    return model


def head(value: Any) -> Any:
    return k.Dense(CLASSES)(k.GlobalAveragePooling2D()(value))


def separable(image: Any) -> Any:
    return head(k.BatchNormalization()(k.SeparableConv2D(5, 3, padding="same", use_bias=False)(image)))


def grouped(image: Any) -> Any:
    value = k.Conv2D(8, 3, groups=1, padding="same")(image)
    value = k.Conv2D(8, 3, groups=2, padding="same", use_bias=False)(value)
    return head(k.Conv2D(8, 5, groups=8, padding="same")(value))


def pointwise_head(image: Any) -> Any:
    value = k.GlobalAveragePooling2D(keepdims=True)(k.DepthwiseConv2D(3, padding="same")(image))
    return k.Flatten()(k.Conv2D(CLASSES, 1)(value))


def nested(image: Any) -> Any:
    stem = tf_keras.Sequential([k.Conv2D(6, 3, strides=3), k.LayerNormalization(epsilon=1e-6)])
    value = stem(image)
    return head(value + LayerScale()(k.Dense(6, activation="gelu")(value)))


def without_scale(image: Any) -> Any:
    return head(k.ReLU()(k.BatchNormalization(scale=False)(k.Conv2D(4, 3, padding="same", use_bias=False)(image))))


def branches(image: Any) -> Any:
    # The branches are built in the order in which the text does not have them.
    second = k.Conv2D(4, 3, padding="same", use_bias=False)(image)
    first = k.Conv2D(4, 3, padding="same", use_bias=False)(image)
    return head(k.Concatenate()([first, k.ReLU()(second)]))


def residuals(image: Any) -> Any:
    value = k.Conv2D(4, 1, use_bias=False)(image)
    for _ in range(3):
        value = value + k.Conv2D(4, 3, padding="same", use_bias=False)(value)
    return head(value)


def halves(image: Any) -> Any:
    """Returns NASNet's factorized convolution: the second half reads the map moved by one pixel."""
    moved = k.Cropping2D(((1, 0), (1, 0)))(k.ZeroPadding2D(((0, 1), (0, 1)))(image))
    parts = [k.Conv2D(count, 1, strides=2, use_bias=False)(value) for count, value in ((2, image), (3, moved))]
    return head(k.Concatenate()(parts))


def flat(image: Any) -> Any:
    return k.Dense(CLASSES)(k.Flatten()(k.MaxPooling2D(3)(image)))


PAIRS = (
    (separable, f"network {{ body: depthwise[3x3] | conv[1x1, filters=5] | batch_norm {HEAD}"),
    (
        grouped,
        "network { body: conv[3x3, filters=8, bias=yes] | conv[3x3, filters=8, groups=2] "
        f"| conv[5x5, filters=8, groups=8, bias=yes] {HEAD}",
    ),
    (
        grouped,
        "network { body: conv[3x3, filters=8, bias=yes] | conv[3x3, filters=8, groups=2] "
        f"| depthwise[5x5, bias=yes] {HEAD}",
    ),
    (pointwise_head, f"network {{ body: depthwise[3x3, bias=yes] {HEAD}"),
    (
        nested,
        "cell wide(x) { y = dense[6](x) | gelu | scale  return x + y } "
        "network { stem: conv[3x3, filters=6, stride=3, padding=valid, bias=yes] | layer_norm[1e-6] "
        f"body: wide {HEAD}",
    ),
    (without_scale, f"network {{ body: conv[3x3, filters=4] | batch_norm[scale=no] | relu {HEAD}"),
    (
        branches,
        "cell both(x) { a = conv[3x3, filters=4](x)  b = conv[3x3, filters=4](x) | relu  return concat(a, b) } "
        f"network {{ body: both {HEAD}",
    ),
    (
        residuals,
        "cell more(x) { y = conv[3x3](x)  return y + x } "
        f"network {{ stem: conv[1x1, filters=4] body: more * 3 {HEAD}",
    ),
    (halves, f"network {{ body: factorized_conv[stride=2, filters=5] {HEAD}"),
    (flat, "network { body: max_pool[3x3, stride=3, padding=valid] head: flatten | dense[classes] }"),
)  # fmt: skip


@pytest.mark.parametrize(("body", "text"), PAIRS, ids=[body.__name__ for body, _ in PAIRS])
def test_a_network_computes_the_same_with_the_weights_of_keras(body: Callable[[Any], Any], text: str) -> None:
    model, graph = model_of(body), graph_of(text)
    assert sum(unit.values for unit in graph_units(graph)) == model.count_params()
    assert sum(unit.mult_adds for unit in model_units(model)) == compiler.graph_cost(graph).mult_adds
    network = lower(graph)
    restore(step_layers(network), weights_from(model, graph))
    images = np.random.default_rng(0).normal(size=(2, SIZE, SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(network(images), model(images), rtol=1e-4, atol=1e-5)


def test_layers_have_the_sizes_of_their_outputs() -> None:
    graph = graph_of(PAIRS[0][1])
    assert [unit.size for unit in graph_units(graph)] == [unit.size for unit in model_units(model_of(separable))]


def test_equal_branches_are_matched_in_the_order_in_which_they_run() -> None:
    text = (
        "cell twice(x) {{ a = conv[1x1, filters=2](x) + conv[1x1, filters=2](x)  return a }} network {{ body: twice {}"
    )
    units = graph_units(graph_of(text.format(HEAD)))
    assert matched(units, units) == tuple(range(len(units)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"network {{ body: conv[3x3, filters=4] {HEAD}", "lacks 1 x beta[4] mean[4] variance[4]"),
        (
            f"network {{ body: conv[3x3, filters=4] | batch_norm {HEAD}",
            "it has 1 x beta[4] gamma[4] mean[4] variance[4] and it lacks 1 x beta[4] mean[4] variance[4]",
        ),
    ],
)
def test_a_network_with_other_layers_is_refused(text: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        weights_from(model_of(without_scale), graph_of(text))
    assert message in str(caught.value)


def test_a_network_whose_layers_read_each_other_in_another_way_is_refused() -> None:
    text = f"network {{ stem: conv[1x1, filters=4] body: conv[3x3, filters=4] * 3 {HEAD}"
    with pytest.raises(CompileError, match=r"nothing corresponds to body/0/1/0/conv, and nothing to conv2d_\d+ of"):
        weights_from(model_of(residuals), graph_of(text))


def test_a_layer_with_weights_that_no_primitive_has_is_refused() -> None:
    model = model_of(lambda image: head(k.PReLU()(image)))
    with pytest.raises(CompileError, match="of the class PReLU has weights that no primitive has"):
        model_units(model)


def test_a_layer_that_runs_twice_is_refused() -> None:
    layer = k.Conv2D(3, 3, padding="same", name="shared")
    with pytest.raises(CompileError, match="layer shared runs twice with the same weights"):
        model_units(model_of(lambda image: head(layer(layer(image)))))


def test_the_preparation_inside_of_a_model_is_given_as_means_and_deviations() -> None:
    image = k.Input((SIZE, SIZE, 3))
    value = k.Rescaling(1 / 255)(image)
    value = k.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.04, 0.09, 0.01])(value)
    value = tf.math.multiply(value, tf.reshape([2.0, 1.0, 0.5], (1, 1, 1, 3)))  # as EfficientNet's weights need it
    model = tf_keras.Model(image, head(value))
    mean, std = preparation(model)
    np.testing.assert_allclose(mean, [0.4 * 255, 0.5 * 255, 0.6 * 255], rtol=1e-5)
    np.testing.assert_allclose(std, [0.1 * 255, 0.3 * 255, 0.2 * 255], rtol=1e-5)


def test_a_model_without_preparation_has_mean_0_and_deviation_1() -> None:
    mean, std = preparation(model_of(flat))
    np.testing.assert_array_equal([mean, std], [[0, 0, 0], [1, 1, 1]])
