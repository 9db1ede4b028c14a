"""The places of the weights of a step in the packed variables of its layer."""

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
    """The weights of one step in the order in which they are packed.

    Attributes:
      chains: the operations in the longest chains.
      dropped: the operations in chains that also end where drop path may drop a value.
      trained: the trained weights with their keys; those with weight decay come first.
      norms: the batch normalizations, which keep statistics.
    """

    chains: tuple[Chain, ...]
    dropped: tuple[Chain, ...]
    trained: tuple[tuple[str, Weight], ...]
    norms: tuple[Operation, ...]

    @functools.cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each trained weight."""
        return tuple(prod(weight.shape) for _, weight in self.trained)

    @functools.cached_property
    def size(self) -> int:
        """The number of values of all trained weights."""
        return sum(self.sizes)

    @functools.cached_property
    def decayed(self) -> int:
        """The number of values with weight decay: all kernels, which are packed first."""
        return sum(prod(weight.shape) for _, weight in self.trained if weight.is_kernel)

    @functools.cached_property
    def channels(self) -> int:
        """The number of channels of all batch normalizations."""
        return sum(norm.shape[-1] for norm in self.norms)

    @functools.cached_property
    def decays(self) -> Array:
        """The decay of the moving statistics of each channel `[channels]`."""
        decays = [_number(norm.settings["decay"]) for norm in self.norms]
        return np.repeat(np.asarray(decays, np.float32), [norm.shape[-1] for norm in self.norms])

    @functools.cached_property
    def places(self) -> Array:
        """The number of pixels of the map of each normalized channel `[channels]`, for one image."""
        pixels = [prod(norm.shape[:-1]) for norm in self.norms]
        return np.repeat(np.asarray(pixels, np.float32), [norm.shape[-1] for norm in self.norms])

    @functools.cached_property
    def normalized(self) -> frozenset[str]:
        """The keys of all weights of batch normalizations: scales, offsets, means and variances."""
        return frozenset(f"{norm.key}/{weight.name}" for norm in self.norms for weight in norm.weights)

    def pack(self, values: Mapping[str, Array]) -> Array:
        """Returns the trained weights, given by their keys, in one row `[size]`."""
        return np.concatenate([np.reshape(values[key], -1) for key, _ in self.trained]).astype(np.float32)

    def unpack(self, row: Array) -> dict[str, Array]:
        """Returns the trained weights of a row `[size]` by their keys."""
        parts = np.split(row, np.cumsum(self.sizes)[:-1])
        return {key: part.reshape(w.shape) for (key, w), part in zip(self.trained, parts, strict=True)}

    def pack_statistics(self, values: Mapping[str, Array]) -> Array:
        """Returns the means and variances of all batch normalizations as `[2, channels]`."""
        rows = [np.concatenate([values[f"{norm.key}/{kind}"] for norm in self.norms]) for kind in STATISTICS]
        return np.stack(rows).astype(np.float32)

    def unpack_statistics(self, rows: Array) -> dict[str, Array]:
        """Returns means and variances by their keys, from `[2, channels]`."""
        ends = np.cumsum([norm.shape[-1] for norm in self.norms])[:-1]
        return {
            f"{norm.key}/{kind}": part
            for kind, row in zip(STATISTICS, rows, strict=True)
            for norm, part in zip(self.norms, np.split(row, ends), strict=True)
        }


def packing(step: Step) -> Packing:
    """Returns the weights of one step of the network, in the order in which they are packed into variables.

    A step of the network is one use of a cell, or a pipe of operations.
    """
    trained = [(key, weight) for key, weight in step.weights() if weight.trainable]
    ordered = sorted(trained, key=lambda item: not item[1].is_kernel)
    norms = tuple(operation for operation in step.operations if operation.keeps_statistics)
    return Packing(chains=chains(step, False), dropped=chains(step, True), trained=tuple(ordered), norms=norms)


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
