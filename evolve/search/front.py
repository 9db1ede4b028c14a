"""The front of a search for several objectives: the individuals that no other individual dominates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from evolve.algorithms.fronts import dominates
from evolve.records import Individual, rank


class Front:
    """The individuals that none of those that were added dominates. Of equally good ones it has the smallest.

    In a search for one objective the front is empty.
    """

    def __init__(self, found: Iterable[Individual] = ()) -> None:
        self._found: tuple[Individual, ...] = ()
        self._rung = 0
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
        """Adds an individual if no other one dominates it, and removes those that it dominates.

        Scores of different rungs cannot be compared, so only individuals of the highest rung are in the front.
        """
        if individual.rung > self._rung:
            self._found, self._rung = (), individual.rung
        if (
            individual.is_failed
            or individual.rung < self._rung
            or len(individual.scores) < 2
            or any(_is_before(one, individual) for one in self._found)
        ):
            return
        kept = [one for one in self._found if not _is_before(individual, one)]
        self._found = tuple(sorted([*kept, replace(individual, graph="")], key=_order))


def _is_before(one: Individual, other: Individual) -> bool:
    """Whether the individual `other` is not in a front that has `one`."""
    return dominates(one.scores, other.scores) or (one.scores == other.scores and _order(one) <= _order(other))


def _order(one: Individual) -> tuple[float, ...]:
    return (*rank(one.fitness, one.size), one.finished)
