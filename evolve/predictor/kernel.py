"""The similarity of genotypes: half a Gaussian of their numbers, and half the cosine of their neighbourhoods.

Numbers are standardized on evaluated individuals only. Whatever else is known of the search space would be a leak.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evolve.predictor.features import Features

Array = NDArray[np.float64]
_CONSTANT = 1e-9  # a standard deviation below which a number is a constant
_DROPPED = -1  # stands for the column of a neighbourhood that does not count


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers that vary among evaluated individuals, with their means and deviations. Constants are dropped."""

    names: tuple[str, ...]
    means: Array
    deviations: Array

    @classmethod
    def of(cls, evaluated: Sequence[Features]) -> tuple[Scale, Array]:
        """Returns the scale of the numbers of evaluated individuals, and their standardized numbers."""
        names = sorted(_varying([one.numbers for one in evaluated])[0])
        rows = _dense(names, evaluated)
        means, deviations = rows.mean(axis=0), rows.std(axis=0)
        varies = deviations > _CONSTANT
        kept = tuple(name for name, is_kept in zip(names, varies, strict=True) if is_kept)
        scale = cls(kept, means[varies], deviations[varies])
        return scale, (np.ascontiguousarray(rows[:, varies]) - scale.means) / scale.deviations

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
      places: the columns of the neighbourhoods whose counts vary among evaluated individuals, by their names. Those
        of which all evaluated individuals have the same number are dropped.
      columns: the number of columns.
      distance: the median distance of evaluated individuals.
    """

    scale: Scale
    places: Mapping[str, int]
    columns: int
    distance: float = 1.0

    @classmethod
    def of(cls, evaluated: Sequence[Features]) -> tuple[Kernel, Points]:
        """Returns the kernel in the scale of evaluated individuals, and these individuals as it compares them."""
        scale, rows = Scale.of(evaluated)
        varying, constant = _varying([one.neighbourhoods for one in evaluated])
        places = {name: place for place, name in enumerate(sorted(varying))}
        kernel = cls(scale, places | dict.fromkeys(constant, _DROPPED), len(varying))
        points = Points(rows, kernel._shares(evaluated))
        squares = _squared_distances(points.rows, points.rows)[np.triu_indices(len(evaluated), 1)]
        distance = math.sqrt(float(np.median(squares))) if len(squares) else 0.0
        return replace(kernel, distance=distance or 1.0), points

    def points(self, found: Sequence[Features]) -> Points:
        """Returns genotypes as this kernel compares them."""
        return Points(self.scale.rows(found), self._shares(found))

    def _shares(self, found: Sequence[Features]) -> Array:
        """Returns the counts of neighbourhoods, so scaled that the counts of a genotype have the length 1."""
        own = [one.neighbourhoods for one in found]
        names, values = itertools.chain.from_iterable(own), itertools.chain.from_iterable([one.values() for one in own])
        places = np.fromiter(map(self.places.get, names, itertools.repeat(self.columns)), np.intp)
        rows = np.repeat(np.arange(len(found)), [len(one) for one in own])
        kept = places != _DROPPED
        places, rows, counts = places[kept], rows[kept], np.fromiter(values, np.float64)[kept]
        lengths = np.sqrt(np.bincount(rows, counts**2, len(found)))
        known = places < self.columns
        shares = np.zeros((len(found), self.columns))
        shares[rows[known], places[known]] = (counts / lengths[rows])[known]
        return shares

    def between(self, one: Points, other: Points, length: float) -> Array:
        """Returns the similarities `[one, other]`. `length` is that of the Gaussian, in median distances."""
        return next(self.betweens(one, other, [length]))

    def betweens(self, one: Points, other: Points, lengths: Iterable[float]) -> Iterator[Array]:
        """Yields the similarities `[one, other]` for each length of the Gaussian."""
        squares, shared = _squared_distances(one.rows, other.rows), 0.5 * one.shares @ other.shares.T
        for length in lengths:
            near = np.exp(-squares / (2 * (length * self.distance) ** 2))
            yield np.asarray(0.5 * near + shared)


def _varying(found: Sequence[Mapping[str, float]]) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the names whose values vary, where a missing one is 0, and the names of the others."""
    first, *others = found
    same = [*first.items()]
    for (
        values
    ) in others:  # Few names are left after a few individuals, so this takes less time than sets of all values.
        same = [(name, value) for name, value in same if values.get(name) == value]
    constant = frozenset(name for name, _ in same)
    return frozenset().union(*found) - constant, constant


def _dense(names: Sequence[str], found: Sequence[Features]) -> Array:
    """Returns the numbers with these names, 0 where there is none `[found, names]`."""
    missing = itertools.repeat(0.0)
    rows = [[*map(one.numbers.get, names, missing)] for one in found]
    return np.array(rows, dtype=np.float64).reshape(len(found), len(names))


def _squared_distances(one: Array, other: Array) -> Array:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0.0))
