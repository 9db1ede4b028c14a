"""Measures how much training rungs and candidates save: `python -m experiments.savings --gin_file=amoeba.gin`.

For each random seed, the search of the gin file comes first. Then the same search runs with candidates
and, if `--rungs` names some, with rungs. It ends when one of its networks, trained for all epochs, is as good as the
best network of the first search. The arithmetic of
both is compared: 3 x mult-adds x training images x epochs, summed over all trainings. The second search ends at the
latest when it has spent the arithmetic of the first one. The same command resumes, and `--workdir` may be that of
`experiments.compare`, whose searches are then taken as the first ones.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from compiler.interrupts import interruptible
from evolve import Store
from experiments.compare import Job, console_of_command, exit_code, from_one, run, say

MOST = 100_000  # individuals of a second search, which ends at its goal or at its budget


@dataclass(frozen=True, slots=True)
class Spent:
    """The best fitness of a search, its number of individuals, and the FLOPs of its trainings."""

    fitness: float
    individuals: int
    flops: float


@dataclass(frozen=True, slots=True)
class Saving:
    """A search and the same search with rungs and candidates, of one random seed."""

    seed: int
    plain: Spent
    saving: Spent

    @property
    def share(self) -> float | None:
        """The share of the FLOPs with which the second search reached the fitness of the first; None if it did not."""
        return self.saving.flops / self.plain.flops if self.saving.fitness >= self.plain.fitness else None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns the exit code."""
    options = _parser().parse_args(argv)
    console = console_of_command()
    return exit_code("savings", console, lambda: _measure(options, console, for_good=argv is None))


def _measure(options: argparse.Namespace, console: Console, *, for_good: bool) -> None:
    plain = [_plain(options, seed) for seed in range(options.seeds)]
    for job in (*plain, *(_saving(options, job, Spent(1.0, 0, 1.0)) for job in plain)):
        job.config()  # A wrong setting raises an error here, before any search runs.
    with interruptible(for_good=for_good):
        run(plain, console)
        found = [_spent(job) for job in plain]
        saving = [_saving(options, job, goal) for job, goal in zip(plain, found, strict=True)]
        run(saving, console, are_counted=False)
    reached = [_spent(job) for job in saving]
    savings = [Saving(job.seed, *pair) for job, *pair in zip(plain, found, reached, strict=True)]
    console.print(_table(savings))
    say(console, summary(savings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.savings",
        description="Measures with how much training rungs and candidates reach the result of a search without them.",
    )
    parser.add_argument("--gin_file", action="append", help="gin file with the settings (amoeba.gin); repeatable")
    parser.add_argument("--gin_param", action="append", default=[], help="a setting of both searches; repeatable")
    parser.add_argument("--algorithm", default="regularized_evolution", help="its gin name (regularized_evolution)")
    parser.add_argument("--seeds", type=from_one, default=5, help="number of random seeds, from 0 on (5)")
    parser.add_argument("--candidates", type=from_one, default=100, help="children among which a model chooses (100)")
    parser.add_argument(
        "--rungs",
        type=from_one,
        nargs="+",
        default=(),
        help="the epochs of the rungs below the last one, which has all epochs (no rungs)",
    )
    parser.add_argument("--reduction", type=from_one, default=3, help="of this number of results, one goes on (3)")
    parser.add_argument(
        "--saving_param", action="append", default=[], help="a setting of the second searches alone; repeatable"
    )
    parser.add_argument("--name", default="saving", help="name of the folder of the second searches (saving)")
    parser.add_argument(
        "--workdir", type=Path, default=Path("runs/savings"), help="folder of all searches (runs/savings)"
    )
    return parser


def _plain(options: argparse.Namespace, seed: int) -> Job:
    """Returns the first search of a random seed. Its folder is that which `experiments.compare` gives it."""
    name = options.algorithm
    files = tuple(options.gin_file or ["amoeba.gin"])
    return Job(name, seed, files, tuple(options.gin_param), options.workdir / name / str(seed), (name,))


def _saving(options: argparse.Namespace, job: Job, goal: Spent) -> Job:
    """Returns the second search of a random seed. It ends at the fitness of the first search, or at its FLOPs."""
    own = [
        f"search.candidates = {options.candidates}",
        f"search.individuals = {MOST}",
        f"search.target = {goal.fitness!r}",
        f"search.budget_flops = {goal.flops!r}",
    ]
    if options.rungs:
        rungs = (*options.rungs, job.config().training.epochs)
        own += [f"search.rungs = {rungs}", f"search.reduction = {options.reduction}"]
    own += options.saving_param
    return replace(job, bindings=(*job.bindings, *own), folder=options.workdir / options.name / str(job.seed))


def _spent(job: Job) -> Spent:
    """Returns what a search has spent, and its best fitness after all epochs, which is -inf without such a network."""
    last = max(0, len(job.config().search.rungs) - 1)
    with Store(job.folder) as store:
        best, spent = next(iter(store.best(1)), None), store.spent()
        return Spent(best.fitness if best and best.rung == last else -math.inf, spent.finished, spent.flops)


def _table(savings: Sequence[Saving]) -> Table:
    table = Table(
        "random seed", "goal", "individuals", "FLOPs", "reached", "individuals", "FLOPs", "share of the FLOPs"
    )
    for one in savings:
        share = "not reached" if one.share is None else f"{one.share:.2f}"
        cells = (
            f"{spent.fitness:.4f} {spent.individuals} {spent.flops:.3g}".split() for spent in (one.plain, one.saving)
        )
        table.add_row(str(one.seed), *(cell for row in cells for cell in row), share)
    return table


def summary(savings: Sequence[Saving]) -> str:
    """Returns a line with the median share of the FLOPs. A search that did not reach its goal has an infinite share."""
    shares = [one.share for one in savings]
    middle = median(math.inf if share is None else share for share in shares)
    count = sum(share is not None for share in shares)
    text = f"{count} of {len(shares)} searches reached the goal"
    return f"{text}; median share of the FLOPs: {'above 1' if middle > 1 else f'{middle:.2f}'}"


if __name__ == "__main__":
    sys.exit(main())
