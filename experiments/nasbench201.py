"""Evolution beside its controls on NAS-Bench-201: `python -m experiments.nasbench201 --table nb201.npz`.

Hundreds of searches in this process and its helpers, without store and workers: the algorithms, the space and its
rules, and the settings are those that `evolve --gin_file=nasbench201.gin` has. A search ends with its simulated budget;
what counts is the test accuracy of the cell with the best validation accuracy. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from scipy import stats

import dsl
from compiler.requirements import requirement
from dsl import CellError
from evolve import config, lookup, tables
from evolve.config import Config
from evolve.errors import SearchError
from evolve.space import CellSpace
from evolve.tables import Row, Table

GIN = "nasbench201.gin"
CHUNK = 10  # searches a task: few enough to share out evenly
# Mean and deviation over 500 searches of the test accuracies that the gin file names, in its order, as recalled.
PUBLISHED = {
    "regularized_evolution": ((93.92, 0.30), (71.84, 0.99), (45.54, 1.03)),
    "random_search": ((93.70, 0.36), (71.04, 1.07), (44.57, 1.25)),
    "reinforcement": ((93.85, 0.37), (71.71, 1.09), (45.24, 1.18)),
}
EVOLUTION, CONTROL = "regularized_evolution", "random_search"


@dataclass(frozen=True, slots=True)
class World:
    """What all searches of one process share."""

    config: Config
    seed: dsl.Genotype
    table: Table
    space: CellSpace


@dataclass(frozen=True, slots=True)
class Found:
    """What one search came to."""

    best: Row
    cells: int  # tried
    seconds: float  # processor time


def main() -> int:
    """Run all searches and print what came of them; the exit code."""
    options = _options()
    try:
        world = _world(options.gin_file, options.table)
        unknown = set(options.algorithms) - set(config.algorithm_names())
        if unknown:
            raise SearchError(f"there is no algorithm {', '.join(unknown)}: {', '.join(config.algorithm_names())}")
        lookup.check(world.seed, world.table, _settings(world))
    except (SearchError, CellError) as error:
        print(f"nasbench201: {error}", file=sys.stderr)
        return 2
    if options.save:
        tables.read(options.table, _settings(world).columns).save(options.save)
        return 0
    print(f"{world.table.describe()}; {options.seeds} searches each, {options.processes} processes")
    found = {name: _searches(options, name) for name in options.algorithms}
    for line in report(found, _settings(world).metrics):
        print(line)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.nasbench201", description=__doc__.partition(":")[0])
    known = [name for name in PUBLISHED if name in config.algorithm_names()]
    parser.add_argument("--table", required=True, help="the .npz, or the folder of official files")
    parser.add_argument("--gin_file", default=GIN)
    parser.add_argument("--seeds", type=int, default=500, help="searches for each algorithm")
    parser.add_argument("--algorithms", nargs="+", default=known, help=", ".join(config.algorithm_names()))
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--save", type=Path, help="write the columns that are used to this .npz, and search nothing")
    return parser.parse_args()


def _settings(world: World) -> config.TableSettings:
    assert world.config.table is not None
    return world.config.table


def _searches(options: argparse.Namespace, name: str) -> list[Found]:
    """All searches of one algorithm, shared out to processes."""
    start = time.perf_counter()
    chunks = [range(first, min(first + CHUNK, options.seeds)) for first in range(0, options.seeds, CHUNK)]
    search = functools.partial(_chunk, options.gin_file, options.table, name)
    # Each starts anew, so that an algorithm that has threads of its own may be among them.
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        found = [one for chunk in pool.map(search, chunks) for one in chunk]
    print(f"{name}: {time.perf_counter() - start:.0f} s")
    return found


def _chunk(gin_file: str, table: str, name: str, seeds: Sequence[int]) -> list[Found]:
    world = _world(gin_file, table)
    return [one_search(world, name, seed) for seed in seeds]


@functools.lru_cache(maxsize=1)
def _world(gin_file: str, table: str) -> World:
    read = config.read([gin_file], ["search.fitness='table'", f"table.path={table!r}"])
    settings = read.table
    assert settings is not None
    seed = dsl.load(read.seed_file(), read.search.params, read.overlays())
    # Searches meet the same cells again and again, and to look whether one can be built takes longest.
    unfit = functools.cache(requirement(seed.space, settings.input_shape, settings.classes))
    space = CellSpace(seed.space, settings.input_shape, settings.classes, read.search.sample_mutations, unfit)
    return World(read, seed, tables.load(table, settings.columns), space)


def one_search(world: World, name: str, seed: int) -> Found:
    """One search to the end of its budget."""
    start = time.process_time()
    settings, operations = world.config.search, _settings(world).operations
    chosen = replace(world.config, search=replace(settings, algorithm=name, seed=seed))
    algorithm = chosen.algorithm(world.space)
    budget = float("inf") if settings.budget_seconds is None else settings.budget_seconds
    spent, cells, best = 0.0, 0, None
    while spent < budget and cells < settings.individuals:
        cells += 1
        row = lookup.looked_up(algorithm.ask(cells).genotype, world.table, operations)
        algorithm.tell(cells, row.fitness)
        spent += row.seconds
        if best is None or row.fitness > best.fitness:
            best = row
    assert best is not None
    return Found(best, cells, time.process_time() - start)


def report(found: dict[str, list[Found]], metrics: Sequence[str]) -> list[str]:
    """The lines of the table, and whether evolution is above its control by more than luck."""
    lines = ["", f"{'':<24}" + "".join(f"{name:>28}" for name in metrics) + f"{'cells':>8}{'s each':>8}"]
    for name, searches in found.items():
        shown = "".join(f"{_spread(values):>28}" for values in _columns(searches))
        cells = statistics.fmean(one.cells for one in searches)
        seconds = statistics.fmean(one.seconds for one in searches)
        lines.append(f"{name:<24}{shown}{cells:>8.1f}{seconds:>8.2f}")
        published = "".join(f"{f'{mean:.2f} ± {deviation:.2f}':>28}" for mean, deviation in PUBLISHED.get(name, ()))
        if published:
            lines.append(f"{'  published':<24}{published}")
    if EVOLUTION in found and CONTROL in found:
        lines += ["", f"{EVOLUTION} above {CONTROL}, one-sided p:"]
        both = zip(metrics, _columns(found[EVOLUTION]), _columns(found[CONTROL]), strict=True)
        for name, evolved, control in both:
            rank = stats.mannwhitneyu(evolved, control, alternative="greater").pvalue
            mean = stats.ttest_ind(evolved, control, equal_var=False, alternative="greater").pvalue
            lines.append(f"  {name:<26} Mann-Whitney {rank:.1e}, Welch's t {mean:.1e}")
    return lines


def _columns(searches: Sequence[Found]) -> list[list[float]]:
    """For each metric the values of all searches."""
    return [
        list(values) for values in zip(*([value for _, value in one.best.metrics] for one in searches), strict=True)
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


if __name__ == "__main__":
    sys.exit(main())
