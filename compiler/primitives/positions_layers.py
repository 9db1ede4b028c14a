"""The layers of primitives whose output at one position of a map depends on all positions."""

from __future__ import annotations

import math

import tensorflow as tf

from compiler.primitives.base import whole_number
from compiler.primitives.layering import Layers, Run, Stock, Tensor


def _attention(run: Run) -> Tensor:
    """Returns multi-head self-attention (Vaswani et al. 2017). The softmax is computed in float32."""
    height, width, channels = run.operation.shape
    heads = whole_number(run.settings, "heads")
    rows = tf.reshape(run.value, (-1, channels))

    def projected(place: int, value: Tensor) -> Tensor:
        return tf.nn.bias_add(tf.matmul(value, run.weights[2 * place]), run.weights[2 * place + 1])

    def of_heads(value: Tensor) -> Tensor:
        return tf.transpose(tf.reshape(value, (-1, height * width, heads, channels // heads)), (0, 2, 1, 3))

    query, key, value = (of_heads(projected(place, rows)) for place in range(3))
    scores = tf.matmul(query * math.sqrt(heads / channels), key, transpose_b=True)
    shares = tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32)), value.dtype)
    mixed = tf.transpose(tf.matmul(shares, value), (0, 2, 1, 3))
    return tf.reshape(projected(3, tf.reshape(mixed, (-1, channels))), (-1, height, width, channels))


def _stock_attention(stock: Stock) -> Tensor:
    height, width, channels = stock.operation.shape
    heads = whole_number(stock.settings, "heads")
    start = stock.keras.initializers.RandomNormal(stddev=math.sqrt(2 / channels))
    options = stock.decayed("kernel") | {"kernel_initializer": start}
    value = stock.layer("Reshape", (height * width, channels), what="positions")(stock.value)
    value = stock.with_weights("MultiHeadAttention", heads, channels // heads, **options)(value, value)
    return stock.layer("Reshape", stock.operation.shape, what="map")(value)


def _token_mlp(run: Run) -> Tensor:
    height, width, channels = run.operation.shape
    positions = height * width
    before, before_bias, after, after_bias = run.weights
    rows = tf.reshape(tf.transpose(tf.reshape(run.value, (-1, positions, channels)), (0, 2, 1)), (-1, positions))
    hidden = tf.nn.gelu(tf.nn.bias_add(tf.matmul(rows, before), before_bias))
    mixed = tf.nn.bias_add(tf.matmul(hidden, after), after_bias)
    turned = tf.transpose(tf.reshape(mixed, (-1, channels, positions)), (0, 2, 1))
    return tf.reshape(turned, (-1, height, width, channels))


def _stock_token_mlp(stock: Stock) -> Tensor:
    height, width, channels = stock.operation.shape
    value = stock.layer("Reshape", (height * width, channels), what="positions")(stock.value)
    value = stock.layer("Permute", (2, 1), what="channels")(value)
    for names, activation in ((("in", "in_bias"), "gelu"), (("out", "out_bias"), "linear")):
        units = whole_number(stock.settings, "hidden") if activation == "gelu" else height * width
        options = {"activation": activation, **stock.decayed("kernel")}
        value = stock.with_weights("Dense", units, only=names, **options)(value)
    value = stock.layer("Permute", (2, 1), what="turned")(value)
    return stock.layer("Reshape", stock.operation.shape)(value)


def _stock_position(stock: Stock) -> Tensor:
    """Returns the map plus the trained values. Keras has no layer that adds values for each position.

    A PReLU with a slope for each position and channel returns the negative slopes where its input is -1.
    """
    ones = stock.layer("Rescaling", 0.0, -1.0, what="minus_one")(stock.value)
    start = stock.keras.initializers.RandomNormal(stddev=0.02)
    slopes = stock.with_weights("PReLU", alpha_initializer=start)(ones)
    return stock.layer("Subtract", what="sum")([stock.value, slopes])


LAYERS = (
    Layers("attention", _attention, _stock_attention),
    Layers("token_mlp", _token_mlp, _stock_token_mlp),
    Layers("position", lambda run: run.value + run.weights[0], _stock_position),
)
