"""The similarity of genotypes: half a Gaussian of their numbers, and half the cosine of their neighbourhoods.

Numbers are standardized on evaluated individuals only. Whatever else is known of the search space would be a leak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evolve.predictor.features import Features, Named

Array = NDArray[np.float64]
_CONSTANT = 1e-9  # a standard deviation below which a number is a constant


class Table(NamedTuple):
    """Named numbers of several genotypes, one after the other, each with the place of its genotype.

    Attributes:
      rows: for each number the place of its genotype.
      named: the numbers.
      height: the number of genotypes.
    """

    rows: NDArray[np.intp]
    named: Named
    height: int

    @classmethod
    def of(cls, found: Sequence[Named]) -> Table:
        """Returns the table of genotypes with these numbers."""
        return cls(np.repeat(np.arange(len(found)), [len(one.names) for one in found]), Named.joined(found), len(found))

    def matrix(self, names: NDArray[np.int64]) -> Array:
        """Returns the numbers with these names, which are sorted, and 0 where there is none `[genotypes, names]`."""
        found = np.zeros((self.height, len(names)))
        places, known = self._places(names)
        found.reshape(-1)[(self.rows * len(names) + places)[known]] = self.named.values[known]
        return found

    def without(self, names: NDArray[np.int64]) -> Table:
        """Returns the table without the numbers with these names, which are sorted."""
        return self._where(~self._places(names)[1])

    def within(self, names: NDArray[np.int64]) -> Table:
        """Returns the table of the numbers with these names, which are sorted."""
        return self._where(self._places(names)[1])

    def _where(self, kept: NDArray[np.bool_]) -> Table:
        return Table(self.rows[kept], Named(self.named.names[kept], self.named.values[kept]), self.height)

    def _places(self, names: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Returns the place of the name of each number among sorted names, and whether it is one of them."""
        if not len(names):
            return np.zeros_like(self.rows), np.zeros(len(self.rows), dtype=np.bool_)
        places = np.minimum(np.searchsorted(names, self.named.names), len(names) - 1)
        return places, names[places] == self.named.names

    def squared_lengths(self) -> Array:
        """Returns the sum of the squares of the numbers of each genotype."""
        return np.asarray(np.bincount(self.rows, self.named.values**2, self.height), dtype=np.float64)

    def overlaps(self, others: Table) -> Array:
        """Returns the products of the numbers of genotypes with those of others `[genotypes, others]`."""
        names = np.unique(self.named.names)
        return np.asarray(self.matrix(names) @ others.matrix(names).T)


class Overlaps:
    """The overlaps of the neighbourhoods of evaluated individuals, each of which is computed once.

    They are whole numbers. So they are equal whenever they are computed, in whatever order the sums are made.

    Args:
      features: returns the features of an individual.
    """

    def __init__(self, features: Callable[[int], Features]) -> None:
        self._features = features
        self._places: dict[int, int] = {}
        self._found = np.zeros((0, 0))

    def among(self, ids: Sequence[int]) -> Array:
        """Returns the overlaps of individuals with each other, and forgets those of others if an individual is new."""
        new = [id for id in ids if id not in self._places]
        if new:
            kept = [id for id in ids if id in self._places]
            known = self._of(kept)
            whole = Table.of([self._features(id).neighbourhoods for id in (*new, *kept)])
            beside = Table.of([self._features(id).neighbourhoods for id in new]).overlaps(whole)
            self._found = np.block([[beside], [beside[:, len(new) :].T, known]])
            self._places = {id: place for place, id in enumerate((*new, *kept))}
        return self._of(ids)

    def _of(self, ids: Sequence[int]) -> Array:
        places = [self._places[id] for id in ids]
        return self._found[np.ix_(places, places)]


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers that vary among evaluated individuals, with their means and deviations. Constants are dropped."""

    names: NDArray[np.int64]  # sorted
    means: Array
    deviations: Array

    @classmethod
    def of(cls, evaluated: Table) -> tuple[Scale, Array]:
        """Returns the scale of the numbers of evaluated individuals, and their standardized numbers."""
        names = np.unique(evaluated.named.names)
        rows = evaluated.matrix(names)
        means, deviations = rows.mean(axis=0), rows.std(axis=0)
        varies = deviations > _CONSTANT
        scale = cls(names[varies], means[varies], deviations[varies])
        return scale, (rows[:, varies] - scale.means) / scale.deviations

    def rows(self, found: Table) -> Array:
        """Returns the standardized numbers of genotypes `[genotypes, numbers]`."""
        return (found.matrix(self.names) - self.means) / self.deviations


@dataclass(frozen=True, slots=True)
class Points:
    """Genotypes as the kernel compares them.

    Attributes:
      rows: the standardized numbers `[genotypes, numbers]`.
      counts: the counts of the neighbourhoods that vary among evaluated individuals.
      lengths: the lengths of the counts of each genotype `[genotypes]`.
    """

    rows: Array
    counts: Table
    lengths: Array


@dataclass(frozen=True, slots=True)
class Kernel:
    """Compares genotypes in the scale of evaluated individuals.

    Attributes:
      scale: the scale of the numbers.
      constant: the neighbourhoods of which all evaluated individuals have the same number. They are dropped.
    """

    scale: Scale
    constant: Named

    @classmethod
    def of(cls, evaluated: Sequence[Features]) -> tuple[Kernel, Points]:
        """Returns the kernel in the scale of evaluated individuals, and these individuals as it compares them."""
        scale, rows = Scale.of(Table.of([one.numbers for one in evaluated]))
        table = Table.of([one.neighbourhoods for one in evaluated])
        kernel = cls(scale, _constant(table, evaluated[0].neighbourhoods))
        return kernel, kernel._points(rows, table)

    def points(self, found: Sequence[Features]) -> Points:
        """Returns genotypes as this kernel compares them."""
        rows = self.scale.rows(Table.of([one.numbers for one in found]))
        return self._points(rows, Table.of([one.neighbourhoods for one in found]))

    def varying(self, overlaps: Array) -> Array:
        """Returns the overlaps of evaluated individuals without what the neighbourhoods that are dropped add."""
        return np.asarray(overlaps - (self.constant.values**2).sum())

    def _points(self, rows: Array, table: Table) -> Points:
        counts = table.without(self.constant.names)
        # A genotype without counts is similar to no other, whatever its length.
        return Points(rows, counts, np.sqrt(np.maximum(counts.squared_lengths(), 1.0)))


class Likeness(NamedTuple):
    """What the similarities of genotypes with others are made of, whatever the width of the Gaussian is.

    Attributes:
      squares: the squared distances of the numbers `[genotypes, others]`.
      shared: the cosines of the neighbourhoods `[genotypes, others]`.
    """

    squares: Array
    shared: Array

    @classmethod
    def of(cls, one: Points, other: Points, shared: Array) -> Likeness:
        """Returns the likeness of genotypes with others. `shared` has the overlaps of their counts."""
        return cls(_squared_distances(one.rows, other.rows), shared / np.outer(one.lengths, other.lengths))

    def similarities(self, width: float) -> Array:
        """Returns the similarities `[genotypes, others]` for a width of the Gaussian."""
        return np.asarray(0.5 * (np.exp(self.squares * (-0.5 / width**2)) + self.shared))

    def median_distance(self) -> float:
        """Returns the median distance of different genotypes among each other; 1.0 if it is zero."""
        squares = self.squares[np.tri(len(self.squares), k=-1, dtype=bool)]
        return (math.sqrt(float(np.median(squares))) if len(squares) else 0.0) or 1.0


def _constant(table: Table, first: Named) -> Named:
    """Returns the numbers that are equal in all rows. `first` has those of the first row."""
    order = np.argsort(first.names)
    names, values = first.names[order], first.values[order]
    same = (table.matrix(names) == values).all(axis=0)
    return Named(names[same], values[same])


def _squared_distances(one: Array, other: Array) -> Array:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * (one @ other.T)
    return np.asarray(np.maximum(squares, 0.0))
