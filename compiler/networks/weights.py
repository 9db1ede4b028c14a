"""The weights of a network as arrays by their keys in the genotype. They are inherited, saved and read here.

A key names the section, step, repetition, cell, node and term of an operation, and the operation. A weight has
the same key in parent and child wherever the mutation did not change the text. The moving statistics of batch
normalizations are weights too. A step of the network with such statistics also has `updates`, the number of their
updates.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compiler.errors import CompileError
from compiler.filesystem import Place, writing
from compiler.primitives.base import Shape
from dsl.rules.scene import Noise, Part
from dsl.wording import nearest_name

if TYPE_CHECKING:  # These modules import TensorFlow, and reading and writing weights does not need TensorFlow.
    from compiler.layers.model import StepLayer
    from compiler.layers.packing import Array

Weights = Mapping[str, "Array"]
_FIRST_CELL = 3  # the place of the cell in a key, after the section, the step and the repetition
_PERTURBATION = 1  # gives other random numbers than the initial weights of the same random seed


def weights_of(layers: Iterable[StepLayer]) -> dict[str, Array]:
    """Returns every weight of a network by its key."""
    return {key: value for layer in layers for key, value in layer.values().items()}


def count(layers: Iterable[StepLayer]) -> int:
    """Returns the number of values in the weights of a network."""
    return sum(int(np.prod(weight.shape)) for layer in layers for _, weight in layer.step.weights())


def inherit(layers: Iterable[StepLayer], *sources: Weights) -> int:
    """Copies the weights whose key and shape a network has; returns the number of copied values.

    This is the weight inheritance of Real et al. 2017. A weight that several sources have is that of the last of them,
    such as the parent's after those with which the search began. The number of updates of a step's statistics is copied
    only if all these statistics are copied. Otherwise it starts at 0, so that the statistics of a new operation follow
    its first batches quickly.
    """
    return sum(_inherit(layer, sources) for layer in layers)


def _inherit(layer: StepLayer, sources: Sequence[Weights]) -> int:
    own = layer.values()
    same = {
        key: values[key]
        for values in sources
        for key, value in own.items()
        if key in values and values[key].shape == value.shape
    }
    updates = {layer.updates_key: same.pop(layer.updates_key)} if layer.updates_key in same else {}
    if same:
        layer.assign({**own, **same, **(updates if layer.packing.normalized <= same.keys() else {})})
    return sum(value.size for value in same.values())


def of_parents(parent: Weights, mate: Weights, from_mate: Collection[Part]) -> Weights:
    """Returns the weights of a child of two parents. Those of the parts `from_mate` are the mate's.

    All others are the parent's. Where the mate lacks a weight of such a part, as of one that is dead in the mate, it is
    the parent's too.
    """
    return {**parent, **{key: value for key, value in mate.items() if any(_is_in(key, part) for part in from_mate)}}


def _is_in(key: str, part: Part) -> bool:
    """Whether a key belongs to a part: the cell, the node and the label of a term, or the section and step of a step.

    A cell that is used as an operation has its place inside of the key of that operation.
    """
    kind, *names = part
    found = key.split("/")
    if kind == "step":
        return found[: len(names)] == names
    starts = [place for place, name in enumerate(found) if place >= _FIRST_CELL and name == names[0]]
    return any(found[start : start + len(names)] == names for start in starts)


def difference(layers: Iterable[StepLayer], values: Weights) -> float | None:
    """Returns the root mean square of the differences between the trained weights of a network and other weights.

    Weights count that have the same key and shape on both sides. Without any, the result is None.
    """
    pairs = [
        (own[key] - values[key]).ravel()
        for layer in layers
        for own in (layer.values(),)
        for key, _ in layer.packing.trained
        if key in values and values[key].shape == own[key].shape
    ]
    return float(np.sqrt(np.mean(np.square(np.concatenate(pairs))))) if pairs else None


def perturb(layers: Iterable[StepLayer], noise: Noise, seed: int) -> None:
    """Adds noise to every trained weight of a network. Statistics stay as they are.

    The noise depends only on the random seed and on the shapes of the weights in their order.
    """
    generator = np.random.default_rng([seed, _PERTURBATION])
    draw = generator.normal if noise.kind == "normal" else generator.uniform
    for layer in layers:
        own = layer.values()
        trained = {key: own[key] for key, _ in layer.packing.trained}
        noisy = {key: value + draw(noise.first, noise.second, value.shape) for key, value in trained.items()}
        if noisy:
            layer.assign({**own, **noisy})


def restore(layers: Iterable[StepLayer], values: Weights) -> None:
    """Sets every weight of a network to the value with the same key.

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
        raise CompileError(f"the weights have {key} in the shape {values[key].shape}; the network needs {shape}")
    return values[key]


def save(path: Place, values: Weights) -> None:
    """Writes weights to a file atomically. An interrupted write leaves the old file. Missing folders are created."""
    with writing(path) as file:
        np.savez(file, **values)  # type: ignore[arg-type]


def read(path: Place) -> dict[str, Array]:
    """Returns the weights by their keys from a file that `save` has written.

    Raises:
      CompileError: the file does not exist, or is damaged.
      OSError: the file is at an address that cannot be reached now.
    """
    return {key: value for key, value in entries(path).items() if value.dtype.kind != "U"}


def entries(path: Place) -> dict[str, Array]:
    """Returns everything in a file of weights by its name: the weights, and the texts of a file that has them.

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
