"""Compares several algorithms, each with several random seeds: `python -m experiments.compare --seeds=5`.

Every search has its own work directory, as with the command `evolve`. So the same command resumes a stopped comparison.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table

import dsl
from compiler.errors import pasted
from compiler.interrupts import INTERRUPTED, interruptible
from evolve import Algorithm, CellSpace, SearchError, Store, UsageError
from evolve import config as gin_config
from evolve.objectives import is_share
from evolve.observers import progress
from evolve.search.retraining import best_of
from evolve.store.history import standings
from evolve.whole import run as search
from experiments.figure import Curves, draw

ALGORITHMS = ("regularized_evolution", "non_ageing_evolution", "pairwise_tournament", "reinforcement", "random_search")
DONE, FAILED, MISTAKE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Job:
    """One search of the comparison: its algorithm, random seed, settings and work directory."""

    algorithm: str
    seed: int
    files: tuple[str, ...]
    bindings: tuple[str, ...]
    folder: Path
    beside: tuple[str, ...]  # the names of all compared algorithms, for any of which `bindings` may have settings

    def config(self) -> gin_config.Config:
        """Returns the settings of the search. From now on, gin fills in these settings in this process.

        Raises:
          UsageError: a setting is wrong, or less of the fitness may be better.
        """
        own = (f"search.algorithm = {self.algorithm!r}", f"search.seed = {self.seed}")
        config = gin_config.read(self.files, (*self.bindings, *own), self.beside)
        metric = config.search.first_metric
        if metric is not None and not is_share(metric):
            raise UsageError(
                f"searches are compared by a metric from 0 to 1 of which more is better, and the fitness is {metric!r}:"
                f" {pasted('search.metric', 'accuracy')}, and leave out search.objectives"
            )
        return config


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns the exit code."""
    options = _parser().parse_args(argv)
    console = console_of_command()
    return exit_code("compare", console, lambda: _compare(options, console, for_good=argv is None))


def console_of_command() -> Console:
    """Returns the console on which a command prints: as wide as the terminal, or of 120 columns in a file."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def exit_code(program: str, console: Console, work: Callable[[], None]) -> int:
    """Does the work of a command that runs searches, and returns its exit code. A mistake is printed as one message."""
    try:
        work()
    except (UsageError, dsl.CellError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return MISTAKE
    except SearchError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        say(console, "\ninterrupted: all finished work is kept, and the same command resumes the comparison")
        return INTERRUPTED
    return DONE


def _compare(options: argparse.Namespace, console: Console, *, for_good: bool) -> None:
    jobs = _jobs(options)
    algorithms = [_algorithm(job) for job in jobs]
    with interruptible(for_good=for_good):
        run(jobs, console)
    curves: dict[str, list[Curves]] = {}
    for job, algorithm in zip(jobs, algorithms, strict=True):
        curves.setdefault(job.algorithm, []).append(_curves(job, algorithm))
    console.print(_table(curves))
    for text in _duels(curves):
        say(console, text)
    _draw(curves, options.workdir, console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.compare",
        description="Runs several algorithms, each with several random seeds, and draws their accuracies. "
        "The same command again resumes an interrupted comparison.",
    )
    parser.add_argument("--gin_file", action="append", help="gin file with the settings (compare.gin); repeatable")
    parser.add_argument("--gin_param", action="append", default=[], help="a setting of all searches; repeatable")
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS), help="their gin names, separated by commas")
    parser.add_argument("--seeds", type=from_one, default=5, help="number of random seeds, from 0 on (5)")
    parser.add_argument("--individuals", type=from_one, help="number in each search, in place of the gin file's")
    parser.add_argument(
        "--workdir", type=Path, default=Path("runs/compare"), help="folder of all searches (runs/compare)"
    )
    return parser


def from_one(text: str) -> int:
    """Returns the whole number from 1 on that an option of a command has.

    Raises:
      argparse.ArgumentTypeError: it has another value.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _jobs(options: argparse.Namespace) -> list[Job]:
    """Returns the searches, sorted by random seed, so that all algorithms have about equally many finished searches."""
    names = tuple(dict.fromkeys(name.strip() for name in options.algorithms.split(",")))
    bindings = [*options.gin_param]
    if options.individuals is not None:
        bindings.append(f"search.individuals = {options.individuals}")
    files = tuple(options.gin_file or ["compare.gin"])
    return [
        Job(name, seed, files, tuple(bindings), options.workdir / name / str(seed), names)
        for seed, name in product(range(options.seeds), names)
    ]


def _algorithm(job: Job) -> Algorithm[dsl.Genotype]:
    """Returns the algorithm of a search. Wrong settings raise an error here, before any search runs."""
    config = job.config()
    seed = dsl.load(config.seed_file(), config.search.params, config.overlays())
    return config.algorithm(CellSpace(seed.space, (1, 1, 1), 1))


def run(jobs: Sequence[Job], console: Console, *, are_counted: bool = True) -> None:
    """Runs searches one after another, or resumes them, and prints how long the others will take.

    With `are_counted=False` this is not printed, because the searches do not end at a number of individuals.
    """
    started, here = time.monotonic(), 0
    silent = Console(quiet=True)
    say(console, f"watch: evolve board --workdir={shlex.quote(str(jobs[0].folder.parents[1]))}")
    for number, job in enumerate(jobs, 1):
        config = job.config()
        say(console, f"{number} of {len(jobs)}: {job.algorithm}, random seed {job.seed}")
        before = _finished(job)
        # Limits and workers may differ from those of the last run. A folder of another search is refused all the same.
        search(config, job.folder, silent, changed=True)
        here += _finished(job) - before
        if are_counted and here and number < len(jobs):
            pace = here / (time.monotonic() - started)
            left = sum(config.search.individuals - _finished(job) for job in jobs[number:])
            say(console, f"  {3600 * pace:,.0f} models an hour, about {progress.duration(left / pace)} left")


def _finished(job: Job) -> int:
    if not job.folder.exists():
        return 0
    with Store(job.folder) as store:
        return store.counts()[0]


def _curves(job: Job, algorithm: Algorithm[dsl.Genotype]) -> Curves:
    best, population = [], []
    with Store(job.folder) as store:
        for _, standing in standings(store, algorithm):
            members = standing.measured
            best.append(standing.best.fitness if standing.best else math.nan)
            population.append(mean(members) if members else math.nan)
        chosen = best_of(store)
        tested = None if chosen is None else store.tested(chosen.id)
    return Curves(tuple(best), tuple(population), None if tested is None else tested.accuracy)


def _table(curves: Mapping[str, Sequence[Curves]]) -> Table:
    table = Table("algorithm", "searches", "models", "best", "its test accuracy", "population at the end")
    for name, searches in curves.items():
        table.add_row(
            name,
            str(len(searches)),
            str(min(len(search.best) for search in searches)),
            _spread([search.best[-1] for search in searches]),
            _spread([search.test for search in searches if search.test is not None]),
            _spread([search.population[-1] for search in searches]),
        )
    return table


def _duels(curves: Mapping[str, Sequence[Curves]]) -> Iterator[str]:
    """Yields with how many random seeds the first algorithm ends above each other one."""
    first, *others = curves
    for other in others:
        pairs = list(zip(curves[first], curves[other], strict=True))
        tests = [(one.test, two.test) for one, two in pairs if one.test is not None and two.test is not None]
        means = sum(one.population[-1] > two.population[-1] for one, two in pairs)
        text = f"{first} is above {other} by the mean of the population with {means} of {len(pairs)} random seeds"
        wins = sum(one > two for one, two in tests)
        yield text + (f", by the test accuracy of the best with {wins} of {len(tests)}" if tests else "")


def _spread(values: Sequence[float]) -> str:
    """Returns the mean and the standard deviation over all searches as text."""
    if not values:
        return "-"
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def _draw(curves: Mapping[str, Sequence[Curves]], folder: Path, console: Console) -> None:
    try:
        written = draw(curves, folder / "compare")
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        say(console, "no picture: matplotlib is missing; pip install 'amoeba-evolve[plot]', then run the same command")
        return
    say(console, f"drawn: {', '.join(map(str, written))}")


def say(console: Console, text: str) -> None:
    """Prints a line without wrapping it."""
    console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
