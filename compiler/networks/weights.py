"""The weights of a network as arrays under their keys in the genotype: inherited, saved and read.

A key names section, step, repetition, cell, node, term and the operation inside it. A child's weights are therefore
found in its parent wherever the mutation did not change the text. The moving statistics of batch normalizations are
weights too. A step that has any also has `updates`, the number of times its statistics were updated.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compiler.errors import CompileError
from compiler.filesystem import Place, writing
from compiler.primitives.base import Shape
from dsl.wording import nearest_name

if TYPE_CHECKING:  # These modules import TensorFlow, which is not needed for reading and writing weights.
    from compiler.layers.model import StepLayer
    from compiler.layers.packing import Array

Weights = Mapping[str, "Array"]


def weights_of(layers: Iterable[StepLayer]) -> dict[str, Array]:
    """Returns every weight of a network by its key."""
    return {key: value for layer in layers for key, value in layer.values().items()}


def count(layers: Iterable[StepLayer]) -> int:
    """Returns the number of values in the weights of a network."""
    return sum(int(np.prod(weight.shape)) for layer in layers for _, weight in layer.step.weights())


def inherit(layers: Iterable[StepLayer], values: Weights) -> int:
    """Copies the weights whose key and shape a network has; returns the number of values that were copied.

    This is the weight inheritance of Real et al. 2017. The number of updates is copied only where all statistics that
    it counts for were copied. The statistics of a new operation therefore follow its first batches quickly.
    """
    return sum(_inherit(layer, values) for layer in layers)


def _inherit(layer: StepLayer, values: Weights) -> int:
    own = layer.values()
    same = {key: values[key] for key, value in own.items() if key in values and values[key].shape == value.shape}
    updates = {layer.updates_key: same.pop(layer.updates_key)} if layer.updates_key in same else {}
    if same:
        layer.assign({**own, **same, **(updates if layer.packing.normalized <= same.keys() else {})})
    return sum(value.size for value in same.values())


def restore(layers: Iterable[StepLayer], values: Weights) -> None:
    """Sets every weight of a network.

    Raises:
      CompileError: a weight is missing, or has another shape.
    """
    for layer in layers:
        layer.assign({key: weight_of(values, key, value.shape) for key, value in layer.values().items()})


def weight_of(values: Weights, key: str, shape: Shape) -> Array:
    """Returns one weight by its key.

    Raises:
      CompileError: the weight is missing, or has another shape.
    """
    if key not in values:
        close = nearest_name(key, values)
        raise CompileError(f"the weights lack {key}" + (f"; the nearest is {close}" if close else ""))
    if values[key].shape != shape:
        raise CompileError(f"the weights have {key} in the shape {values[key].shape}; the network's is {shape}")
    return values[key]


def save(path: Place, values: Weights) -> None:
    """Writes a file in one step: an interrupted write leaves the old file. Missing folders are made."""
    with writing(path) as file:
        np.savez(file, **values)  # type: ignore[arg-type]


def read(path: Place) -> dict[str, Array]:
    """Returns the weights in a file that `save` wrote, by their keys.

    Raises:
      CompileError: the file does not exist, or is damaged.
      OSError: the file is at an address that cannot be reached now.
    """
    try:
        source = path.open("rb") if isinstance(path, Path) else io.BytesIO(path.read_bytes())
    except FileNotFoundError:
        raise CompileError(f"there are no weights in {path}") from None
    except IsADirectoryError:
        raise CompileError(f"{path} is not a file of weights: it is a folder") from None
    try:
        with source, np.load(source, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CompileError(f"{path} is not a file of weights: {error}") from None
