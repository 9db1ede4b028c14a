"""What a search has done and spent."""

from __future__ import annotations

import time
from dataclasses import replace

from evolve.records import Individual, Spent


class Tally:
    """Counts results and their costs as the search goes on, and has the fittest of all results.

    Args:
      before: what the earlier runs have spent.
      fittest: of the results of earlier runs.
    """

    def __init__(self, before: Spent, fittest: Individual | None) -> None:
        self.finished, self.failed = before.finished, before.failed
        self.flops, self.simulated = before.flops, before.simulated
        self.fittest = fittest
        self._began = time.monotonic() - before.seconds

    @property
    def seconds(self) -> float:
        """Of all runs together."""
        return time.monotonic() - self._began

    @property
    def spent(self) -> Spent:
        """The counts of now."""
        return Spent(self.finished, self.failed, self.seconds, self.flops, self.simulated)

    def store(self, individual: Individual) -> None:
        """Counts a result that is stored, whether or not the algorithm has it yet."""
        self.finished += 1
        self.failed += individual.is_failed
        self.flops += individual.flops
        self.compare(individual)

    def compare(self, individual: Individual) -> None:
        """Remembers an individual that is fitter than all before it."""
        if not individual.is_failed and (self.fittest is None or individual.fitness > self.fittest.fitness):
            self.fittest = replace(individual, graph="")

    def tell(self, individual: Individual) -> None:
        """Counts the simulated seconds of an individual that the algorithm is told of."""
        self.simulated += individual.seconds
