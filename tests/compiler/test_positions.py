"""Values of the primitives that mix the positions of a map."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import Graph
from compiler.layers.model import build_layers, forward
from compiler.networks import formats
from tests.compiler.saved_networks import network

HEIGHT, WIDTH, CHANNELS = SHAPE = (3, 2, 6)
MAP = np.random.default_rng(0).standard_normal((2, *SHAPE)).astype(np.float32)
Array = np.ndarray[Any, Any]


def graph_of(operation: str, shape: tuple[int, ...] = SHAPE) -> Graph:
    text = f"network {{ body: {operation} head: global_avg_pool | dense[classes] }}"
    return compiler.resolve(dsl.loads(text), shape, 10)


def run(operation: str, precision: str = "float32") -> tuple[Array, dict[str, Array]]:
    """Returns the output of an operation for `MAP` as float32, and its weights by their names."""
    layers = build_layers(graph_of(operation), precision=precision)
    rng = np.random.default_rng(1)
    values: dict[str, Array] = {
        key: np.asarray(rng.standard_normal(value.shape), np.float32) for key, value in layers[0].values().items()
    }
    layers[0].assign(values)
    out = tf.cast(forward(layers, MAP, training=True)[0], tf.float32)
    return np.asarray(out), {key.rpartition("/")[2]: value for key, value in values.items()}


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_each_head_of_an_attention_weighs_all_positions(heads: int) -> None:
    """The reference computes one head and one position after the other, in float64."""
    found, w = run(f"attention[{heads}]")
    tokens = MAP.reshape(2, HEIGHT * WIDTH, CHANNELS).astype(np.float64)
    query, key, value = (tokens @ w[name] + w[f"{name}_bias"] for name in ("query", "key", "value"))
    size, mixed = CHANNELS // heads, np.zeros_like(tokens)
    for image in range(2):
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            for place in range(HEIGHT * WIDTH):
                scores = np.exp(key[image][:, own] @ query[image, place, own] / math.sqrt(size))
                mixed[image, place, own] = scores / scores.sum() @ value[image][:, own]
    wanted = mixed @ w["output"] + w["output_bias"]
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-4)


def test_half_precision_keeps_the_softmax_in_float32() -> None:
    layers = build_layers(graph_of("attention[2]"), precision="float16")
    traced = tf.function(lambda images: forward(layers, images, training=True)[0]).get_concrete_function(MAP)
    assert [op.inputs[0].dtype for op in traced.graph.get_operations() if op.type == "Softmax"] == [tf.float32]
    assert {op.inputs[0].dtype for op in traced.graph.get_operations() if "MatMul" in op.type} == {tf.float16}
    wanted, _ = run("attention[2]")
    found, _ = run("attention[2]", precision="float16")
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_a_token_mlp_mixes_the_positions_of_each_channel() -> None:
    found, w = run("token_mlp[4]")
    for image in range(2):
        for channel in range(CHANNELS):
            hidden = MAP[image, :, :, channel].reshape(-1) @ w["in"] + w["in_bias"]
            hidden = hidden / 2 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
            wanted = (hidden @ w["out"] + w["out_bias"]).reshape(HEIGHT, WIDTH)
            np.testing.assert_allclose(found[image, :, :, channel], wanted, atol=1e-4)


def test_a_position_adds_its_own_trained_values() -> None:
    found, w = run("position")
    np.testing.assert_allclose(found, MAP + w["embedding"], rtol=1e-5)


def test_initial_values_and_weight_decay() -> None:
    layer = build_layers(graph_of("position", (32, 32, 8)))[0]
    start = layer.values()["body/0/0/0/position/embedding"]
    assert abs(float(start.mean())) < 1e-3 and abs(float(start.std()) - 0.02) < 1e-3
    assert layer.decay(1.0) is None
    made = build_layers(graph_of("attention[4]", (4, 4, 64)))[0].values()
    for name in ("query", "key", "value", "output"):
        kernel = made[f"body/0/0/0/attention/{name}"]
        assert abs(float(kernel.std()) / math.sqrt(2 / 64) - 1) < 0.05
        assert not made[f"body/0/0/0/attention/{name}_bias"].any()


@pytest.mark.parametrize(
    ("operation", "params", "mult_adds"),
    [
        # 14x14 positions; four projections of 384 channels, and two products of 196 by 196 positions
        ("attention[6]", 4 * 384 * 384 + 4 * 384, 196 * 4 * 384 * 384 + 2 * 196 * 196 * 384),
        ("token_mlp[256]", 2 * 196 * 256 + 256 + 196, 384 * 2 * 196 * 256),
        ("position", 196 * 384, 0),
    ],
)
def test_costs(operation: str, params: int, mult_adds: int) -> None:
    step = graph_of(operation, (14, 14, 384)).steps[0]
    assert (step.params, step.mult_adds) == (params, mult_adds)


@pytest.mark.parametrize("out", ["out.keras", "out.tflite", "out.onnx", "out"])
def test_every_format_has_them(tmp_path: Path, out: str) -> None:
    text = """
    network {
      stem: conv[2x2, stride=2, padding=valid, filters=6] | position
      body: attention[3], token_mlp[5]
      head: global_avg_pool | dense[classes]
    }
    """
    assert formats.export(network(text), tmp_path / out).difference < 1e-4
