"""The limits of a search, and its counts, its costs and its best individuals while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from compiler.graph.cost import Cost
from evolve.objectives import Objective, Objectives
from evolve.records import Individual, Proposal, Size, Spent, Task, ranked

# If this number of individuals have failed and none has succeeded, the cause is not in the genotypes.
FAILURES_THAT_STOP = 10


class Tally:
    """Counts results and their costs, and keeps the fittest individual.

    Args:
      before: the counts and costs of earlier runs.
      fittest: the fittest individual of earlier runs.
    """

    def __init__(self, before: Spent, fittest: Individual | None) -> None:
        self.finished, self.failed = before.finished, before.failed
        self.flops = before.flops
        self.simulated = before.simulated  # the seconds of the individuals that the algorithm has received
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

    def store(self, individual: Individual, before: Individual | None = None) -> None:
        """Counts a result that has been stored. The algorithm may not have received it yet.

        Args:
          individual: the individual with the result.
          before: the individual before its promotion; None if it had no result.
        """
        self.finished += before is None
        self.failed += individual.is_failed
        self.flops += individual.flops - (before.flops if before else 0.0)
        self.compare(individual)

    def compare(self, individual: Individual) -> None:
        """Keeps an individual as the fittest if it is fitter than all individuals before it."""
        if individual.is_failed:
            return
        if self.fittest is None or (individual.rung, individual.fitness) > (self.fittest.rung, self.fittest.fitness):
            self.fittest = replace(individual, graph="")


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
        # With rungs, an individual may come later than an equal one that was finished after it.
        if last is None or last.id == individual.id or _order(individual) < _order(last):
            others = [one for one in self._found if one.id != individual.id]
            self._found = ranked([*others, replace(individual, graph="")], self._count)

    def task(self, proposal: Proposal[str], seed: int, rung: int = 0, cost: Cost | None = None) -> Task:
        """Returns the task of a proposal, with the fitness above which a worker returns the graph or keeps weights."""
        best, best_size = _beaten(self.best, rung)
        keep_above, keep_above_size = _beaten(self.last, rung)
        return Task(
            proposal.id, proposal.genotype, seed, best, proposal.weights_from, keep_above, best_size, keep_above_size,
            proposal.mate_weights_from, proposal.from_mate, proposal.noise, proposal.compared, rung, cost=cost,
        )  # fmt: skip


def all_finished(count: int) -> str:
    """Returns the reason of the end of a search whose individuals all have a result."""
    return "the individual is finished" if count == 1 else f"all {count} individuals are finished"


def _order(one: Individual) -> tuple[float, ...]:
    """Returns the key of the order in which `records.ranked` and the store sort individuals."""
    return (*one.rank, one.finished)


def _beaten(one: Individual | None, rung: int) -> tuple[float, Size]:
    """Returns the fitness and the size that a better individual on a rung must beat. A higher rung is better."""
    if one is None or one.rung < rung:
        return -math.inf, (0, 0)
    if one.rung > rung:
        return math.inf, (0, 0)
    # An individual that is trained on may be better with an equal result, if it was finished before the other one. Its
    # weights and its graph are needed then, so a size is returned that an equal one beats.
    return one.fitness, (one.params, one.mult_adds + (rung > 0))


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of a search, and other settings that the search loop reads."""

    individuals: int
    seed: int
    log: Path  # the file or folder with the output of the workers, which messages name
    timeout: float | None = None  # seconds an individual may take
    retries: int = 0  # retries of an individual whose worker was lost
    budget: float | None = None  # seconds of all runs together
    budget_flops: float | None = None
    target: float | None = None  # the value of the first objective at which the search ends
    keep_best: int = 1  # the number of best individuals whose weights are kept
    reuse: bool = False  # whether a duplicate takes the evaluation of the earlier individual
    budget_simulated: float | None = None  # simulated seconds of all individuals together, from a table
    order: Literal["finished", "born"] = "finished"  # the order in which results reach the algorithm
    objectives: Objectives = field(default_factory=lambda: Objectives([Objective("fitness")]))
    rungs: tuple[int, ...] = ()  # the epochs after which trainings are compared; empty: trainings are not interrupted
    repeats: int = 1  # evaluations of each individual
    reduction: int = 3  # one of this number of results is trained on to the next rung
    stop: bool = False  # whether a training is stopped that is below all that were promoted

    def end(self, tally: Tally, is_proposed: bool) -> str:
        """Returns why no further individual is started; empty if the search continues.

        Args:
          tally: the counts and costs of the search.
          is_proposed: whether all individuals have been proposed.
        """
        fittest = tally.fittest
        goal = math.inf if self.target is None else self.objectives.first.score(self.target)
        is_whole = fittest is not None and fittest.rung == max(0, len(self.rungs) - 1)
        if fittest is not None and is_whole and fittest.fitness >= goal:
            return f"individual {fittest.id} has reached the target, {self.target:g}"
        if self.budget is not None and tally.seconds >= self.budget:
            return f"the budget of {self.budget / 3600:.3g} hours is spent"
        if self.budget_flops is not None and tally.flops >= self.budget_flops:
            return f"the budget of {self.budget_flops:.3g} FLOPs of training is spent"
        if self.budget_simulated is not None and tally.simulated >= self.budget_simulated:
            return f"the budget of {self.budget_simulated:,} simulated seconds is spent"
        return all_finished(self.individuals) if is_proposed else ""

    def has_only_failures(self, tally: Tally) -> bool:
        """Whether all individuals so far have failed, and there are enough of them to stop the search."""
        return tally.failed == tally.finished and tally.failed >= min(FAILURES_THAT_STOP, self.individuals)

    def failure_message(self, tally: Tally, reasons: Sequence[str]) -> str:
        """Returns the message for a search that stops because all individuals failed.

        Args:
          tally: the counts of the search.
          reasons: errors of individuals.
        """
        listed = "\n".join(f"  {reason}" for reason in reasons)
        return (
            f"all of the first {tally.failed} individuals failed:\n{listed}\n"
            f"remove the cause and start again in another --workdir; the log may have more: {self.log}"
        )
