"""Primitives that join several states: layers in TensorFlow, and stock layers of Keras."""

from __future__ import annotations

import tensorflow as tf

from compiler.primitives.layering import Layers, Run, Stock, Tensor


def _add(run: Run) -> Tensor:
    return run.inputs[0] + run.inputs[1] if len(run.inputs) == 2 else tf.add_n(run.inputs)


def _stock(stock: Stock, kind: str) -> Tensor:
    # A layer of Keras refuses a single input.
    return stock.layer(kind)(list(stock.inputs)) if len(stock.inputs) > 1 else stock.value


LAYERS = (
    Layers("add", _add, lambda stock: _stock(stock, "Add")),
    Layers("concat", lambda run: tf.concat(run.inputs, axis=-1), lambda stock: _stock(stock, "Concatenate")),
)
