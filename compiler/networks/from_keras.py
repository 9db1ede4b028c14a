"""Takes the weights of a Keras model for a graph that computes the same, such as those of `tf_keras.applications`.

The layers with weights of both are matched by their shapes and by what they read, never by names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tf_keras

from compiler.errors import CompileError
from compiler.graph.structure import Graph
from compiler.layers.packing import Array
from compiler.networks.units import (
    FROM_IMAGE,
    Sources,
    Unit,
    as_map,
    graph_units,
    matched,
    role_of,
    side_by_side,
    together,
)
from compiler.primitives.base import Shape

# The roles of weights by the last part of their names in Keras.
_ROLES = {
    "kernel": "kernel",
    "pointwise_kernel": "kernel",
    "depthwise_kernel": "depthwise",
    "bias": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "moving_variance": "variance",
}
# The number of updates of statistics that come from elsewhere. It is so large that their decay is the set value.
UPDATES = 1e6
_PROBE = 2.0**16  # large, so that the difference of two outputs has no rounding error


def weights_from(model: tf_keras.Model, graph: Graph) -> dict[str, Array]:
    """Returns every weight of a graph by its key, taken from a Keras model. `restore` sets them.

    Raises:
      CompileError: the model and the graph are different networks. The message names a layer that has no counterpart.
    """
    wanted, given = graph_units(graph), model_units(model)
    found: dict[str, Array] = {}
    shapes = {key: weight.shape for step in graph.steps for key, weight in step.weights()}
    for unit, index in zip(wanted, matched(wanted, given), strict=True):
        for role, (_, key) in unit.weights.items():
            found[key] = given[index].weights[role][1].numpy().reshape(shapes[key])
    for step in graph.steps:
        if any(operation.keeps_statistics for operation in step.operations):
            found[f"{step.key}/updates"] = np.asarray(UPDATES, np.float32)
    return found


def model_units(model: tf_keras.Model) -> tuple[Unit[Any], ...]:
    """Returns the units of a functional Keras model, in the order in which they run; the handles are its variables.

    A layer `Normalization` is part of the preparation of images and not a unit.

    Raises:
      CompileError: a layer has weights that no primitive has, or runs twice.
    """
    units: list[Unit[Any]] = []
    _walk(model, [FROM_IMAGE] * len(model.inputs), units)
    return tuple(units)


def _walk(model: Any, inputs: Sequence[Sources], units: list[Unit[Any]]) -> list[Sources]:
    """Adds the units of a model that reads `inputs`; returns the sources of its outputs."""
    values = {id(tensor): sources for tensor, sources in zip(model.inputs, inputs, strict=True)}
    for layer in model.layers:
        runs = 0
        for node in layer.inbound_nodes:
            if node.keras_inputs and all(id(tensor) in values for tensor in node.keras_inputs):
                runs += 1
                if runs > 1 and layer.weights:
                    raise CompileError(f"layer {layer.name} runs twice with the same weights; a text cannot say this")
                read = [(values[id(tensor)], tensor.shape[-1]) for tensor in node.keras_inputs]
                outputs = node.outputs if isinstance(node.outputs, list) else [node.outputs]
                for tensor, sources in zip(outputs, _applied(layer, node, read, units), strict=True):
                    values[id(tensor)] = sources
    return [values[id(tensor)] for tensor in model.outputs]


def _applied(layer: Any, node: Any, read: list[tuple[Sources, int]], units: list[Unit[Any]]) -> list[Sources]:
    if isinstance(layer, tf_keras.Model):
        return _walk(layer, [sources for sources, _ in read], units)
    if isinstance(layer, tf_keras.layers.Concatenate):
        return [side_by_side(read)]
    value = together(sources for sources, _ in read)
    if isinstance(layer, tf_keras.layers.Normalization):
        return [value]
    for weights, channels in _parts(layer, read[0][1]):
        size = as_map(node.outputs.shape[1:])
        units.append(Unit(layer.name, weights, (*size[:-1], channels or size[-1]), value))
        value = frozenset({(len(units) - 1, 0)})
    return [value]


def _parts(layer: Any, channels: int) -> Iterator[tuple[dict[str, tuple[Shape, Any]], int | None]]:
    """Yields the weights of each unit of a layer, and the channels of its output if they are not the layer's."""
    named = {variable.name.rpartition("/")[2].partition(":")[0]: variable for variable in layer.weights}
    if len(named) < len(layer.weights) or not named.keys() <= _ROLES.keys():
        raise CompileError(f"layer {layer.name} of the class {type(layer).__name__} has weights that no primitive has")
    if "pointwise_kernel" in named:  # a separable convolution
        depthwise = named.pop("depthwise_kernel")
        yield {"depthwise": (tuple(depthwise.shape), depthwise)}, channels
    found: dict[str, tuple[Shape, Any]] = {}
    for name, variable in named.items():
        role, shape = role_of(_ROLES[name], variable.shape, getattr(layer, "groups", 1))
        found[role] = (shape, variable)
    if found:
        yield found, None


def preparation(model: tf_keras.Model) -> tuple[Array, Array]:
    """Returns the means and deviations `[channels]` by which a model itself prepares images.

    The preparation is what the model does between the image and its first other layer: layers `Rescaling` and
    `Normalization`, and factors of channels. It belongs to the data set here. A network takes `(images - mean) / std`.
    """
    tensor = model.inputs[0]
    while True:
        readers = [(layer, node) for layer in model.layers for node in layer.inbound_nodes
                   if any(read is tensor for read in node.keras_inputs)]  # fmt: skip
        if len(readers) != 1 or not _prepares(*readers[0]):
            break
        tensor = readers[0][1].outputs
    channels = model.input_shape[-1]
    if tensor is model.inputs[0]:
        return np.zeros(channels, np.float32), np.ones(channels, np.float32)
    prepared = tf_keras.Model(model.inputs, tensor)
    height, width = (side or 1 for side in model.input_shape[1:3])
    ends = [np.asarray(prepared(np.full((1, height, width, channels), value, np.float32)), np.float64)[0, 0, 0]
            for value in (0, _PROBE)]  # fmt: skip
    std = _PROBE / (ends[1] - ends[0])
    return (-ends[0] * std).astype(np.float32), std.astype(np.float32)


def _prepares(layer: Any, node: Any) -> bool:
    is_factor = layer.name.startswith("tf.math.multiply") and len(node.keras_inputs) == 1
    return is_factor or isinstance(layer, tf_keras.layers.Rescaling | tf_keras.layers.Normalization)
