"""The front of a search for several objectives: the individuals that no other individual dominates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from evolve.algorithms.fronts import Rated, joined
from evolve.records import Individual, rank


class Front:
    """The individuals of the highest rung that no other dominates. Of equally good ones it has the smallest.

    In a search for one objective the front is empty.
    """

    def __init__(self, found: Iterable[Individual] = ()) -> None:
        self._found: tuple[Individual, ...] = ()
        for one in found:
            self.add(one)

    def __iter__(self) -> Iterator[Individual]:
        """Yields the individuals, those that are the best by the first objective first."""
        return iter(self._found)

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the individuals, the best by the first objective first."""
        return tuple([one.id for one in self._found])

    def add(self, individual: Individual) -> None:
        """Adds an individual if no other one excludes it, and removes those that it excludes."""
        if not individual.is_failed and len(individual.scores) > 1:
            self._found = joined(self._found, replace(individual, graph=""), _rated)


def _rated(one: Individual) -> Rated:
    return Rated(one.rung, one.scores, (*rank(one.fitness, one.size), one.finished))
