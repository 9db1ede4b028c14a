"""The values of single layers, dropped paths, and every shipped file as layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import compiler
import dsl
from compiler.layers.execute import Noise, kept_paths
from compiler.layers.model import build_layers, forward, step_layers
from compiler.networks.plain import plain_model
from tests.compiler.shipped import QUICK


def build(network: str, size: int) -> tuple[Any, list[Any], tf.Tensor]:
    graph = compiler.resolve(dsl.loads(network), (size, size, 3), 10)
    model = compiler.lower(graph, seed=1)
    images = tf.random.stateless_normal((2, 32, 32, 3), seed=(1, 2))
    return model, step_layers(model), images


def test_a_dilated_depthwise_convolution_is_what_tensorflow_computes() -> None:
    network = "network {{ body: depthwise[3x3, dilation={}] head: global_avg_pool | dense[classes] }}"
    _, layers, images = build(network.format(2), 8)
    kernel = tf.reshape(layers[0].trained, (3, 3, 3, 1))
    wanted = tf.nn.depthwise_conv2d(images, kernel, (1, 1, 1, 1), "SAME", dilations=(2, 2))
    np.testing.assert_allclose(forward(layers, images, training=False)[0], wanted, rtol=1e-4, atol=1e-5)


def test_the_factorized_convolution_sees_every_pixel() -> None:
    _, layers, _ = build(
        "network { body: factorized_conv[stride=2, filters=4] head: global_avg_pool | dense[classes] }", 6
    )
    images = tf.Variable(tf.ones((1, 6, 6, 3)))
    with tf.GradientTape() as tape:
        # the corner where both shifts meet reads odd rows and columns, and the rest reads even ones
        loss = tf.reduce_sum(tf.abs(forward(layers, images, training=False)[0]))
    seen = np.abs(tape.gradient(loss, images).numpy()).sum(axis=-1)[0] > 0
    assert seen[::2, ::2].all()
    assert seen[1::2, 1::2].all()


def test_resize_and_pad_repeats_pixels_and_pads_channels() -> None:
    text = """
    cell net(x) fit resize_and_pad { a = conv[1x1, filters=4](x) + max_pool[2x2, stride=2](x)  return a }
    network { body: net head: global_avg_pool | dense[classes] }
    """
    graph = compiler.resolve(dsl.loads(text), (4, 4, 3), 10)
    resized = next(op for op in graph.steps[0].operations if op.primitive == "resize_and_pad")
    assert resized.shape == (4, 4, 4)
    layers = step_layers(compiler.lower(graph))
    layers[0].trainable_variables[0].assign(tf.zeros_like(layers[0].trainable_variables[0]))
    images = tf.reshape(tf.range(48, dtype=tf.float32), (1, 4, 4, 3))
    value = forward(layers, images, training=False)[0].numpy()[0]
    assert (value[..., 3] == 0).all()
    assert (value[0, 0, :3] == value[1, 1, :3]).all()


@pytest.mark.parametrize("keras", [None, tf_keras], ids=["ours", "stock"])
@pytest.mark.parametrize(("pool", "corner"), [("avg_pool", 4 / 9), ("max_pool", 0)])
def test_zeros_count_in_a_pool_that_is_padded_with_them(pool: str, corner: float, keras: Any) -> None:
    network = f"network {{ body: rescale[-1] | {pool}[3x3, padding=zeros] | rescale[-1] head: global_avg_pool }}"
    graph = compiler.resolve(dsl.loads(network), (4, 4, 3), 3)
    model = compiler.lower(graph) if keras is None else plain_model(graph)
    inside, edge = 4, 8
    whole = {"avg_pool": inside + edge * 6 / 9 + 4 * corner, "max_pool": inside}[pool]
    np.testing.assert_allclose(model(tf.ones((1, 4, 4, 3))), np.full((1, 3), whole / 16), rtol=1e-6)


def test_a_border_may_be_on_one_side_only() -> None:
    network = "network { body: pad[0, after=1] | max_pool[2x2, padding=valid] head: flatten }"
    graph = compiler.resolve(dsl.loads(network), (2, 2, 1), 4)
    images = tf.constant([[[[-1.0], [-2.0]], [[-3.0], [-4.0]]]])
    np.testing.assert_array_equal(compiler.lower(graph)(images), [[-1, 0, 0, 0]])


def test_drop_path_drops_whole_examples_and_keeps_the_mean() -> None:
    noise = Noise(tf.constant([1, 2]), tf.constant(0.7))
    first, second = (factor.numpy() for factor in kept_paths(2, 4000, noise, tf.float32))
    assert (first != second).any(), "every path has its own draw"
    value = np.ones((4000, 2, 2, 3), np.float32) * first
    per_example = value.reshape(4000, -1)
    assert (per_example == per_example[:, :1]).all()
    assert abs((per_example[:, 0] > 0).mean() - 0.7) < 0.03
    assert abs(value.mean() - 1) < 0.05


def test_dropped_paths_do_not_depend_on_the_dropout_of_the_same_step() -> None:
    noise = Noise(tf.constant([5, 11]), tf.constant(0.5))
    network = "network { body: dropout[0.5] head: flatten }"
    (layer, *_) = build_layers(compiler.resolve(dsl.loads(network), (1, 1, 1), 1))
    value = layer.call(tf.ones((4000, 1, 1, 1)), training=True, noise=noise)
    paths = kept_paths(1, 4000, noise, "float32")
    same = (np.ravel(value) > 0) == (np.ravel(paths) > 0)
    assert abs(same.mean() - 0.5) < 0.05


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.name)
def test_every_shipped_file_is_built_with_as_many_parameters_as_it_costs(path: Path) -> None:
    genotype = dsl.load(path)
    small = {name: value for name, value in {"N": 1, "F": 8}.items() if name in genotype.space.params}
    genotype = dsl.load(path, small)
    graph = compiler.resolve(genotype, (32, 32, 3), 10)
    layers = build_layers(graph)
    assert forward(layers, tf.zeros((2, 32, 32, 3)), training=True)[-1].shape == (2, 10)
    built = sum(int(np.prod(variable.shape)) for layer in layers for variable in layer.trainable_variables)
    assert built == compiler.graph_cost(graph).params
