"""A resolved graph as a Keras model of stock layers: one layer or a few layers for each primitive.

The layers are those of `tf_keras` (Keras 2) or of `keras` (Keras 3), whose interfaces are the same here. A program that
loads the saved model needs Keras and does not need this package. The benchmarks measure this model too, since a careful
user of Keras would write the network in this way. Training uses `compiler.layers.model`, which is faster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import tf_keras

from compiler.graph.structure import IMAGE, Graph
from compiler.networks.weights import Weights, weight_of
from compiler.primitives.layering import Stock, Tensor
from compiler.primitives.layers import LAYERS


def plain_model(graph: Graph, weights: Weights | None = None, l2: float = 0.0, keras: Any = tf_keras) -> Any:
    """Returns a functional model from images `[batch, height, width, channels]` to logits `[batch, classes]`.

    The logits of an auxiliary head are a second output. Drop-path is left out.

    Args:
      graph: the network.
      weights: every weight by its key, as `compiler.networks.weights.weights_of` returns them. None gives the layers
        new initial weights.
      l2: weight decay of kernels. The loss has this factor times half the sum of their squares.
      keras: the module whose layers are taken, `tf_keras` or `keras`.

    Raises:
      CompileError: a weight is missing, or has another shape.
    """
    image = keras.layers.Input(graph.input_shape, name="image")
    outputs = plain_outputs(graph, image, weights, l2, keras)
    return keras.Model(image, outputs if graph.auxiliary else outputs[0], name="plain")


def plain_outputs(
    graph: Graph, image: Tensor, weights: Weights | None = None, l2: float = 0.0, keras: Any = tf_keras
) -> list[Tensor]:
    """Applies stock layers to a Keras tensor of images. Returns the logits, and the logits of an auxiliary head.

    Raises:
      CompileError: a weight is missing, or has another shape.
    """
    made: list[Tensor] = []
    weighted: dict[str, Any] = {}
    for step in (*graph.steps, *graph.auxiliary):
        values = [image if index == IMAGE else made[index] for index in step.inputs]
        for operation in step.operations:
            stock = Stock(operation, tuple(values[index] for index in operation.inputs), l2, keras, weighted)
            values.append(LAYERS[operation.primitive].stock(stock))
        value = values[step.output]
        if len(value.shape) > 1 + len(step.shape):
            value = keras.layers.Flatten(name=f"{'.'.join(step.key.split('/'))}.flat")(value)
        made.append(value)
    if weights is not None:
        _set_weights(graph, weighted, weights)
    logits = made[len(graph.steps) - 1]
    return [logits, made[-1]] if graph.auxiliary else [logits]


def _set_weights(graph: Graph, weighted: Mapping[str, Any], weights: Weights) -> None:
    values: defaultdict[Any, list[np.ndarray[Any, Any]]] = defaultdict(list)
    for step in (*graph.steps, *graph.auxiliary):
        for key, weight in step.weights():
            values[weighted[key]].append(weight_of(weights, key, weight.shape))
    for layer, arrays in values.items():
        # A layer of Keras may have a weight in another shape, such as factors of channels as a kernel of 1x1.
        layer.set_weights([array.reshape(w.shape) for array, w in zip(arrays, layer.weights, strict=True)])
