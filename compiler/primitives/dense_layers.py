"""Dense layers in TensorFlow, and stock layers of Keras."""

from __future__ import annotations

import tensorflow as tf

from compiler.primitives.layering import Layers, Run, Stock, Tensor


def _dense(run: Run) -> Tensor:
    value = tf.reshape(run.value, (-1, run.value.shape[-1]))
    return tf.nn.bias_add(tf.matmul(value, run.weights[0]), run.weights[1])


def _stock_dense(stock: Stock) -> Tensor:
    value = stock.layer("Flatten", what="flat")(stock.value) if stock.is_map else stock.value
    return stock.with_weights("Dense", stock.operation.shape[-1], **stock.decayed("kernel"))(value)


LAYERS = (Layers("dense", _dense, _stock_dense),)
