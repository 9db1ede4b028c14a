"""The similarity of genotypes: half a Gaussian of their numbers, and half the cosine of their neighbourhoods.

Numbers are standardized on evaluated individuals only. Whatever else is known of the search space would be a leak.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
        names = sorted(_varying([one.numbers for one in evaluated])[0])
        rows = _dense(names, evaluated)
        means, deviations = rows.mean(axis=0), rows.std(axis=0)
        varies = deviations > _CONSTANT
        kept = tuple(name for name, is_kept in zip(names, varies, strict=True) if is_kept)
        return cls(kept, means[varies], deviations[varies])

    def rows(self, found: Sequence[Features]) -> Array:
        """Returns the standardized numbers of genotypes `[genotypes, numbers]`."""
        return (_dense(self.names, found) - self.means) / self.deviations


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
      places: the columns of the neighbourhoods whose counts vary among evaluated individuals, by their names.
      constant: the names of the neighbourhoods of which all evaluated individuals have the same number.
      distance: the median distance of evaluated individuals.
    """

    scale: Scale
    places: Mapping[str, int]
    constant: frozenset[str]
    distance: float = 1.0

    @classmethod
    def of(cls, evaluated: Sequence[Features]) -> tuple[Kernel, Points]:
        """Returns the kernel in the scale of evaluated individuals, and these individuals as it compares them."""
        scale = Scale.of(evaluated)
        varying, constant = _varying([one.neighbourhoods for one in evaluated])
        kernel = cls(scale, {name: place for place, name in enumerate(sorted(varying))}, constant)
        points = kernel.points(evaluated)
        squares = _squared_distances(points.rows, points.rows)[np.triu_indices(len(evaluated), 1)]
        distance = math.sqrt(float(np.median(squares))) if len(squares) else 0.0
        return replace(kernel, distance=distance or 1.0), points

    def points(self, found: Sequence[Features]) -> Points:
        """Returns genotypes as this kernel compares them."""
        shares = np.zeros((len(found), len(self.places)))
        for row, one in zip(shares, found, strict=True):
            own = [(name, count) for name, count in one.neighbourhoods.items() if name not in self.constant]
            length = math.sqrt(sum([count * count for _, count in own])) or 1.0
            for name, count in own:
                place = self.places.get(name)
                if place is not None:
                    row[place] = count / length
        return Points(self.scale.rows(found), shares)

    def between(self, one: Points, other: Points, length: float) -> Array:
        """Returns the similarities `[one, other]`. `length` is that of the Gaussian, in median distances."""
        squares = _squared_distances(one.rows, other.rows)
        near = np.exp(-squares / (2 * (length * self.distance) ** 2))
        return np.asarray(0.5 * near + 0.5 * one.shares @ other.shares.T)


def _varying(found: Sequence[Mapping[str, float]]) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the names whose values vary, where a missing one is 0, and the names of the others."""
    constant = frozenset(name for name, _ in set.intersection(*({*values.items()} for values in found)))
    return frozenset().union(*found) - constant, constant


def _dense(names: Sequence[str], found: Sequence[Features]) -> Array:
    """Returns the numbers with these names, 0 where there is none `[found, names]`."""
    rows = [[one.numbers.get(name, 0.0) for name in names] for one in found]
    return np.array(rows, dtype=np.float64).reshape(len(found), len(names))


def _squared_distances(one: Array, other: Array) -> Array:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0.0))
