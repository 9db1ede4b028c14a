"""The counts and costs of a search while it runs."""

from __future__ import annotations

import time
from dataclasses import replace

from evolve.records import Individual, Spent


class Tally:
    """Counts results and their costs, and keeps the fittest individual.

    Args:
      before: the counts and costs of earlier runs.
      fittest: the fittest individual of earlier runs.
    """

    def __init__(self, before: Spent, fittest: Individual | None) -> None:
        self.finished, self.failed = before.finished, before.failed
        self.flops, self.simulated = before.flops, before.simulated
        self.fittest = fittest
        self._began = time.monotonic() - before.seconds

    @property
    def seconds(self) -> float:
        """The seconds of all runs together."""
        return time.monotonic() - self._began

    @property
    def spent(self) -> Spent:
        """The counts and costs up to now."""
        return Spent(self.finished, self.failed, self.seconds, self.flops, self.simulated)

    def store(self, individual: Individual) -> None:
        """Counts a result that has been stored. The algorithm may not have received it yet."""
        self.finished += 1
        self.failed += individual.is_failed
        self.flops += individual.flops
        self.compare(individual)

    def compare(self, individual: Individual) -> None:
        """Keeps an individual as the fittest if it is fitter than all before it."""
        if not individual.is_failed and (self.fittest is None or individual.fitness > self.fittest.fitness):
            self.fittest = replace(individual, graph="")

    def add_simulated(self, individual: Individual) -> None:
        """Counts the simulated seconds of an individual that the algorithm has received."""
        self.simulated += individual.seconds
