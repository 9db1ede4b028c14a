"""Where the weights of a step lie in its few variables."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from compiler.graph.structure import Step
from compiler.layers.chains import Chain, chains
from compiler.primitives.base import Operation, Weight

Array = np.ndarray[Any, np.dtype[np.float32]]
STATISTICS = ("mean", "variance")


@dataclass(frozen=True, kw_only=True)
class Packing:
    """One step's weights: the trained ones, what L2 decays first; and the normalizations whose statistics are kept."""

    chains: tuple[Chain, ...]  # as long as they go
    dropped: tuple[Chain, ...]  # the same operations where paths are dropped
    trained: tuple[tuple[str, Weight], ...]  # with their keys
    norms: tuple[Operation, ...]

    @functools.cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each trained weight is."""
        return tuple(prod(weight.shape) for _, weight in self.trained)

    @functools.cached_property
    def size(self) -> int:
        """How many numbers are trained."""
        return sum(self.sizes)

    @functools.cached_property
    def decayed(self) -> int:
        """How many of them, from the first, L2 decays: kernels, those of dense layers included."""
        return sum(prod(weight.shape) for _, weight in self.trained if weight.is_kernel)

    @functools.cached_property
    def channels(self) -> int:
        """The channels of all batch normalizations together."""
        return sum(norm.shape[-1] for norm in self.norms)

    @functools.cached_property
    def decays(self) -> Array:
        """The decay of the statistics of each channel."""
        decays = [_number(norm.settings["decay"]) for norm in self.norms]
        return np.repeat(np.asarray(decays, np.float32), [norm.shape[-1] for norm in self.norms])

    @functools.cached_property
    def places(self) -> Array:
        """How many values of each channel an image has, where it is normalized: the pixels of its map."""
        pixels = [prod(norm.shape[:-1]) for norm in self.norms]
        return np.repeat(np.asarray(pixels, np.float32), [norm.shape[-1] for norm in self.norms])

    @functools.cached_property
    def normalized(self) -> frozenset[str]:
        """The keys of all that batch normalizations have: scales, offsets and statistics."""
        return frozenset(f"{norm.key}/{weight.name}" for norm in self.norms for weight in norm.weights)

    def pack(self, values: Mapping[str, Array]) -> Array:
        """The trained weights as one row."""
        return np.concatenate([np.reshape(values[key], -1) for key, _ in self.trained]).astype(np.float32)

    def unpack(self, row: Array) -> dict[str, Array]:
        """The trained weights of a row by their keys."""
        parts = np.split(row, np.cumsum(self.sizes)[:-1])
        return {key: part.reshape(w.shape) for (key, w), part in zip(self.trained, parts, strict=True)}

    def pack_statistics(self, values: Mapping[str, Array]) -> Array:
        """Means and variances of all batch normalizations, `[2, channels]`."""
        rows = [np.concatenate([values[f"{norm.key}/{kind}"] for norm in self.norms]) for kind in STATISTICS]
        return np.stack(rows).astype(np.float32)

    def unpack_statistics(self, rows: Array) -> dict[str, Array]:
        """Means and variances by their keys."""
        ends = np.cumsum([norm.shape[-1] for norm in self.norms])[:-1]
        return {
            f"{norm.key}/{kind}": part
            for kind, row in zip(STATISTICS, rows, strict=True)
            for norm, part in zip(self.norms, np.split(row, ends), strict=True)
        }


def packing(step: Step) -> Packing:
    """How the weights of a step are packed."""
    trained = [(key, weight) for key, weight in step.weights() if weight.trainable]
    ordered = sorted(trained, key=lambda item: not item[1].is_kernel)
    norms = tuple(operation for operation in step.operations if operation.keeps_statistics)
    return Packing(chains=chains(step, False), dropped=chains(step, True), trained=tuple(ordered), norms=norms)


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
