"""Compares the model that is trained with a model of stock layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import compiler
from compiler import Graph
from compiler.layers.model import step_layers
from compiler.networks.plain import plain_model
from compiler.networks.weights import restore, weights_of

KERAS = (tf_keras, keras)  # Keras 2 and Keras 3, in one process


def of_random_weights(graph: Graph, seed: int = 0) -> tuple[tf_keras.Model, dict[str, np.ndarray[Any, Any]]]:
    """Returns a model as it is trained, and its weights. No weight and no statistic has its initial value."""
    model = compiler.lower(graph)
    rng = np.random.default_rng(seed)
    values: dict[str, np.ndarray] = {}
    for key, value in weights_of(step_layers(model)).items():
        if key.endswith(("gamma", "variance")):
            values[key] = np.asarray(rng.uniform(0.5, 1.5, value.shape), np.float32)
        else:
            values[key] = (value + 0.3 * rng.standard_normal(value.shape)).astype(np.float32)
    restore(step_layers(model), values)
    return model, values


def compare(graph: Graph, modules: tuple[Any, ...] = KERAS) -> Any:
    """Compares the model that is trained with the models of both Keras versions, and returns the first of these."""
    model, values = of_random_weights(graph)
    images = tf.random.stateless_normal((3, *graph.input_shape), seed=(1, 2))
    wanted = np.asarray(tf.nest.flatten(model(images, training=False)))
    scale = max(1.0, float(np.abs(wanted).max()))
    made = [plain_model(graph, values, keras=module) for module in modules]
    for module, plain in zip(modules, made, strict=True):
        found = np.asarray(tf.nest.flatten(plain(images, training=False)))
        np.testing.assert_allclose(found / scale, wanted / scale, atol=2e-5)
        assert sum(int(np.prod(v.shape)) for v in plain.trainable_variables) == sum(
            int(np.prod(v.shape)) for v in model.trainable_variables
        )
        assert {type(layer).__module__.split(".")[0] for layer in plain.layers} == {module.__name__.split(".")[0]}
    return made[0]
