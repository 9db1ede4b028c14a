"""The similarity of genotypes: half a Gaussian of their numbers, and half the cosine of their neighbourhoods.

Numbers are standardized on evaluated individuals only. Whatever else is known of the search space would be a leak.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evolve.predictor.features import Features

Array = NDArray[np.float64]
_CONSTANT = 1e-9  # a standard deviation below which a number is a constant


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers that vary among evaluated individuals, with their means and deviations. Constants are dropped."""

    names: tuple[str, ...]
    means: Array
    deviations: Array

    @classmethod
    def of(cls, evaluated: Sequence[Features]) -> Scale:
        """Returns the scale of the numbers of evaluated individuals."""
        names = sorted({name for one in evaluated for name in one.numbers})
        rows = _rows(names, [one.numbers for one in evaluated])
        means, deviations = rows.mean(axis=0), rows.std(axis=0)
        varies = deviations > _CONSTANT
        kept = tuple(name for name, is_kept in zip(names, varies, strict=True) if is_kept)
        return cls(kept, means[varies], deviations[varies])

    def rows(self, found: Sequence[Features]) -> Array:
        """Returns the standardized numbers of genotypes `[genotypes, numbers]`."""
        return (_rows(self.names, [one.numbers for one in found]) - self.means) / self.deviations


@dataclass(frozen=True, slots=True)
class Points:
    """Genotypes as the kernel compares them.

    Attributes:
      rows: the standardized numbers `[genotypes, numbers]`.
      shares: the counts of the neighbourhoods that vary among evaluated individuals, so scaled that the counts of a
        genotype, with neighbourhoods of its own, have the length 1 `[genotypes, neighbourhoods]`.
    """

    rows: Array
    shares: Array


@dataclass(frozen=True, slots=True)
class Kernel:
    """Compares genotypes in the scale of evaluated individuals.

    Attributes:
      scale: the scale of the numbers.
      neighbourhoods: the names of the neighbourhoods whose counts vary among evaluated individuals.
      constant: the names of the neighbourhoods of which all evaluated individuals have the same number.
      distance: the median distance of evaluated individuals.
    """

    scale: Scale
    neighbourhoods: tuple[str, ...]
    constant: frozenset[str]
    distance: float

    @classmethod
    def of(cls, evaluated: Sequence[Features]) -> Kernel:
        """Returns the kernel in the scale of evaluated individuals."""
        scale = Scale.of(evaluated)
        rows = scale.rows(evaluated)
        squares = _squared_distances(rows, rows)[np.triu_indices(len(rows), 1)]
        distance = math.sqrt(float(np.median(squares))) if len(squares) else 0.0
        pairs = [{*one.neighbourhoods.items()} for one in evaluated]
        constant = frozenset(name for name, _ in set.intersection(*pairs))
        varying = sorted({name for one in evaluated for name in one.neighbourhoods} - constant)
        return cls(scale, tuple(varying), constant, distance or 1.0)

    def points(self, found: Sequence[Features]) -> Points:
        """Returns genotypes as this kernel compares them."""
        shares = _rows(self.neighbourhoods, [one.neighbourhoods for one in found])
        lengths = [self._length(one) or 1.0 for one in found]
        return Points(self.scale.rows(found), shares / np.reshape(lengths, (len(found), 1)))

    def _length(self, one: Features) -> float:
        counts = [count for name, count in one.neighbourhoods.items() if name not in self.constant]
        return math.sqrt(sum([count * count for count in counts]))

    def between(self, one: Points, other: Points, length: float) -> Array:
        """Returns the similarities `[one, other]`. `length` is that of the Gaussian, in median distances."""
        squares = _squared_distances(one.rows, other.rows)
        near = np.exp(-squares / (2 * (length * self.distance) ** 2))
        return np.asarray(0.5 * near + 0.5 * one.shares @ other.shares.T)


def _rows(names: Sequence[str], found: Sequence[Mapping[str, float]]) -> Array:
    """Returns the values of these names, 0 where there is none `[found, names]`."""
    places = {name: place for place, name in enumerate(names)}
    rows = np.zeros((len(found), len(names)))
    for row, values in zip(rows, found, strict=True):
        known = [(places[name], value) for name, value in values.items() if name in places]
        if known:
            where, what = zip(*known, strict=True)
            row[list(where)] = what
    return rows


def _squared_distances(one: Array, other: Array) -> Array:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0.0))
