"""The best individuals of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from evolve.records import Individual, Proposal, Size, Task, rank, ranked


class Top:
    """The best individuals that the algorithm has received, in the order of `records.rank`, each network once.

    Args:
      found: the best individuals of earlier runs, in the order of `records.rank`.
      count: the greatest number of individuals that are kept.
    """

    def __init__(self, found: Iterable[Individual], count: int) -> None:
        self._found = list(found)
        self._count = count

    @property
    def best(self) -> Individual | None:
        """The best individual, or None."""
        return self._found[0] if self._found else None

    @property
    def last(self) -> Individual | None:
        """The last of the `count` best individuals, which a new individual must beat; None if there are fewer."""
        return self._found[-1] if len(self._found) == self._count else None

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the individuals, the best first."""
        return tuple([one.id for one in self._found])

    def add(self, individual: Individual) -> None:
        """Adds an individual if it is among the best. It must not have failed."""
        last = self.last
        if last is None or rank(individual.fitness, individual.size) < rank(last.fitness, last.size):
            self._found = ranked([*self._found, replace(individual, graph="")], self._count)

    def task(self, proposal: Proposal[str], seed: int) -> Task:
        """Returns the task of a proposal, with the fitness above which a worker returns the graph or keeps weights."""
        best, best_size = _beaten(self.best)
        keep_above, keep_above_size = _beaten(self.last)
        return Task(
            proposal.id, proposal.genotype, seed, best, proposal.weights_from, keep_above, best_size, keep_above_size
        )


def _beaten(one: Individual | None) -> tuple[float, Size]:
    """Returns the fitness and the size that a better individual must beat."""
    return (-math.inf, (0, 0)) if one is None else (one.fitness, one.size)
