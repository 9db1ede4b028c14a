"""How far a search goes: when there is enough, and when it is hopeless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evolve.search.tally import Tally

HOPELESS = 10  # When this many have failed and no other has finished, the fault is not in the genotypes.


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to go, and what to do on the way."""

    individuals: int
    seed: int
    log: Path  # Where the workers' own words go, for messages.
    timeout: float | None = None  # seconds an individual may take
    retries: int = 0  # for an individual that was lost with its worker
    budget: float | None = None  # seconds of all runs together
    budget_flops: float | None = None
    target: float | None = None  # the fitness that is enough
    keep_best: int = 1  # how many of the fittest keep their weights
    reuse: bool = False  # whether an individual that equals an earlier one takes its evaluation
    budget_simulated: float | None = None  # seconds of all individuals together, as a table has them
    order: Literal["finished", "born"] = "finished"  # in which results reach the algorithm

    def end(self, tally: Tally, is_proposed: bool) -> str:
        """Why nothing more is to be begun, or an empty text; `is_proposed` says whether all individuals have been."""
        fittest = tally.fittest
        if self.target is not None and fittest is not None and fittest.fitness >= self.target:
            return f"individual {fittest.id} has reached the target, {self.target:g}"
        if self.budget is not None and tally.seconds >= self.budget:
            return f"the budget of {self.budget / 3600:.3g} hours is spent"
        if self.budget_flops is not None and tally.flops >= self.budget_flops:
            return f"the budget of {self.budget_flops:.3g} FLOPs of training is spent"
        if self.budget_simulated is not None and tally.simulated >= self.budget_simulated:
            return f"the budget of {self.budget_simulated:,} simulated seconds is spent"
        return f"all {self.individuals} individuals are finished" if is_proposed else ""

    def is_hopeless(self, tally: Tally) -> bool:
        """Whether all of the first individuals have failed."""
        return tally.failed == tally.finished and tally.failed >= min(HOPELESS, self.individuals)

    def despair(self, tally: Tally, reasons: Sequence[str]) -> str:
        """Why a hopeless search is given up, for the user."""
        listed = "\n".join(f"  {reason}" for reason in reasons)
        return (
            f"all of the first {tally.failed} individuals failed:\n{listed}\n"
            f"put that right and start again in another --workdir (more may stand in {self.log})"
        )
