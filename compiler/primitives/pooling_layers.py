"""Pooling: layers in TensorFlow, and stock layers of Keras."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compiler.primitives.layering import Layers, Run, Stock, Tensor
from compiler.primitives.windows import kernel_size, padding, strides


def _window(run: Run) -> dict[str, Any]:
    settings = run.settings
    window = kernel_size(settings, run.value.shape[1:])
    return {"ksize": (1, *window, 1), "strides": (1, *strides(settings), 1), "padding": padding(settings)}


def _stock(stock: Stock, kind: str) -> Tensor:
    settings = stock.settings
    window, pad = kernel_size(settings, stock.operation.shape), padding(settings).lower()
    return stock.layer(kind, window, strides=strides(settings), padding=pad)(stock.value)


LAYERS = (
    Layers(
        "avg_pool",
        lambda run: tf.raw_ops.AvgPool(value=run.value, **_window(run)),
        lambda stock: _stock(stock, "AveragePooling2D"),
    ),
    Layers(
        "max_pool",
        lambda run: tf.raw_ops.MaxPool(input=run.value, **_window(run)),
        lambda stock: _stock(stock, "MaxPooling2D"),
    ),
    Layers(
        "global_avg_pool",
        lambda run: tf.reduce_mean(run.value, axis=(1, 2)),
        lambda stock: stock.layer("GlobalAveragePooling2D")(stock.value),
    ),
)
