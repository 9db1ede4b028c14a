"""Activation functions: layers in TensorFlow, and stock layers of Keras."""

from __future__ import annotations

import tensorflow as tf

from compiler.primitives.layering import Layers

LAYERS = (
    Layers("relu", lambda run: tf.raw_ops.Relu(features=run.value), lambda stock: stock.layer("ReLU")(stock.value)),
)
