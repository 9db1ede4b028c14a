"""Activations: functions of each value by itself, in TensorFlow and as stock layers of Keras."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from compiler.primitives.layering import Layers, Run, Stock, Tensor


def _activation(name: str, function: Callable[[Tensor], Tensor], has_gradient: bool = False) -> Layers:
    """Returns the layers of an activation that Keras knows by the same name."""
    return Layers(
        name,
        lambda run: function(run.value),
        lambda stock: stock.layer("Activation", name)(stock.value),
        has_gradient,
    )


def _elu(run: Run) -> Tensor:
    below = run.number("alpha") * tf.nn.elu(run.value)
    return tf.where(run.value > 0, run.value, below)


def _hard_sigmoid(value: Tensor) -> Tensor:
    return tf.nn.relu6(value + 3.0) * (1 / 6)


def _stock_hard_sigmoid(stock: Stock) -> Tensor:
    """Returns relu6(x + 3) / 6. The activation that Keras 2 calls `hard_sigmoid` is another function."""
    value = stock.layer("Rescaling", 1.0, 3.0, what="shift")(stock.value)
    return stock.layer("Rescaling", 1 / 6, what="sixth")(stock.layer("ReLU", 6.0, what="relu6")(value))


LAYERS = (
    Layers("relu", lambda run: tf.raw_ops.Relu(features=run.value), lambda stock: stock.layer("ReLU")(stock.value)),
    Layers("relu6", lambda run: tf.nn.relu6(run.value), lambda stock: stock.layer("ReLU", 6.0)(stock.value)),
    Layers(
        "leaky_relu",
        lambda run: tf.nn.leaky_relu(run.value, run.number("slope")),
        lambda stock: stock.layer("LeakyReLU", stock.settings["slope"])(stock.value),
    ),
    Layers("elu", _elu, lambda stock: stock.layer("ELU", stock.settings["alpha"])(stock.value)),
    _activation("swish", tf.nn.silu, has_gradient=True),
    _activation("gelu", tf.nn.gelu),
    _activation("sigmoid", tf.sigmoid),
    _activation("tanh", tf.tanh),
    _activation("softplus", tf.nn.softplus),
    Layers("hard_sigmoid", lambda run: _hard_sigmoid(run.value), _stock_hard_sigmoid),
    Layers(
        "hard_swish",
        lambda run: run.value * _hard_sigmoid(run.value),
        lambda stock: stock.layer("Multiply")([stock.value, _stock_hard_sigmoid(stock)]),
    ),
)
