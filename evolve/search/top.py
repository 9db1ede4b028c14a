"""The best individuals of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from evolve.records import Individual, Proposal, Size, Task, rank, ranked


class Top:
    """The first individuals in the order of `records.rank`, one of each network, of those that the algorithm knows.

    Args:
      found: those of earlier runs, in their order.
      count: how many there are to be.
    """

    def __init__(self, found: Iterable[Individual], count: int) -> None:
        self._found = list(found)
        self._count = count

    @property
    def best(self) -> Individual | None:
        """The first, if there is one."""
        return self._found[0] if self._found else None

    @property
    def last(self) -> Individual | None:
        """The one that a further individual must beat; None as long as there is room for more."""
        return self._found[-1] if len(self._found) == self._count else None

    @property
    def ids(self) -> tuple[int, ...]:
        """Their ids, the best first."""
        return tuple([one.id for one in self._found])

    def add(self, individual: Individual) -> None:
        """Puts one that is done among them, where it is one of them."""
        last = self.last
        if last is None or rank(individual.fitness, individual.size) < rank(last.fitness, last.size):
            self._found = ranked([*self._found, replace(individual, graph="")], self._count)

    def task(self, proposal: Proposal[str], seed: int) -> Task:
        """The task of an individual that is sent now: it says what the individual must beat to be of interest."""
        best, best_size = _beaten(self.best)
        worth, worth_size = _beaten(self.last)
        return Task(proposal.id, proposal.genotype, seed, best, proposal.heir_of, worth, best_size, worth_size)


def _beaten(one: Individual | None) -> tuple[float, Size]:
    """The fitness and the size that a better individual must beat."""
    return (-math.inf, (0, 0)) if one is None else (one.fitness, one.size)
