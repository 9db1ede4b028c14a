"""Compares evolution with other algorithms on NAS-Bench-201: `python -m experiments.nasbench201 --table nb201.npz`.

Hundreds of searches run in child processes, without stores and workers. The algorithms, the search space and the
settings are those of `evolve --gin_file=nasbench201.gin`. A search ends when its simulated budget is spent. The result
of a search is the test accuracy of the cell with the best validation accuracy. The results are printed as a table.

Every search is run twice. In the first, as in the publication, a cell that is proposed again costs the time of its
training again. In the second, with `reuse`, a duplicate takes the evaluation of the earlier cell and costs nothing.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from scipy import stats

import dsl
from compiler import CompileError, requirement
from dsl import CellError
from evolve import CellSpace, Individual, SearchError, config
from evolve.config import Config
from evolve.executors.machine import cores
from evolve.fitness import table_files
from evolve.fitness.table import check_space, looked_up
from evolve.fitness.table_files import Row, Table
from evolve.records import WORST
from evolve.settings import TableSettings

GIN = "nasbench201.gin"
CHUNK = 10  # searches in one task. The number is small, so that all processes end at about the same time.
# The published mean and standard deviation of each test accuracy, over 500 searches, in the order of `table.metrics`.
# The numbers are recalled.
PUBLISHED = {
    "regularized_evolution": ((93.92, 0.30), (71.84, 0.99), (45.54, 1.03)),
    "random_search": ((93.70, 0.36), (71.04, 1.07), (44.57, 1.25)),
    "reinforcement": ((93.85, 0.37), (71.71, 1.09), (45.24, 1.18)),
}
EVOLUTION, CONTROL = "regularized_evolution", "random_search"


@dataclass(frozen=True, slots=True)
class Variant:
    """An algorithm, with or without reuse."""

    algorithm: str
    reuse: bool = False  # whether a cell that is proposed again takes its earlier evaluation

    def __str__(self) -> str:
        return f"{self.algorithm}{', reuse' if self.reuse else ''}"


@dataclass(frozen=True, slots=True)
class World:
    """The settings, the table and the search space, which all searches of one process share."""

    config: Config
    seed: dsl.Genotype
    settings: TableSettings
    table: Table
    space: CellSpace
    fingerprint: Callable[[dsl.Genotype], str]


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one search."""

    best: Row
    cells: int  # proposed cells
    trained: int  # trained cells
    seconds: float  # seconds of processor time


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all searches, prints their table and returns the exit code."""
    options = _options(arguments)
    try:
        world = prepared(options.gin_file, options.table)
        check_space(world.seed, world.table, world.settings)
        for name in options.algorithms:
            replace(world.config, search=replace(world.config.search, algorithm=name)).algorithm_name()
    except (SearchError, CellError) as error:
        print(f"nasbench201: {error}", file=sys.stderr)
        return 2
    if options.save:
        table_files.read(world.settings).save(options.save)
        return 0
    print(f"{world.table.describe()}; {options.seeds} searches each, {options.processes} processes")
    variants = [Variant(name, reuse) for reuse in (False, True) for name in options.algorithms]
    # Processes are spawned and not forked, since an algorithm may have threads of its own.
    with ProcessPoolExecutor(options.processes, get_context("spawn"), _prepare_process) as pool:
        found = {variant: _searches(pool, options, variant) for variant in variants}
    for line in report(found, world.settings.metrics):
        print(line)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.nasbench201", description=__doc__.split("\n\n")[1])
    known = [name for name in PUBLISHED if name in config.algorithm_names()]
    parser.add_argument("--table", required=True, help="the table: a .npz file, or a folder of official files")
    parser.add_argument("--gin_file", default=GIN)
    parser.add_argument("--seeds", type=_count, default=500, help="number of searches for each algorithm")
    parser.add_argument("--algorithms", nargs="+", default=known, help=", ".join(config.algorithm_names()))
    parser.add_argument("--processes", type=_count, default=cores())
    parser.add_argument("--save", type=Path, help="write the needed columns to this .npz file and run no search")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    """Returns the whole number, at least 1, in a text of the command line. argparse prints the exception's message."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _searches(pool: Executor, options: argparse.Namespace, variant: Variant) -> list[Found]:
    """Runs all searches of one variant in the processes of the pool, and returns their results."""
    start = time.perf_counter()
    chunks = [range(first, min(first + CHUNK, options.seeds)) for first in range(0, options.seeds, CHUNK)]
    search = functools.partial(_chunk, options.gin_file, options.table, variant)
    found = [one for chunk in pool.map(search, chunks) for one in chunk]
    print(f"{variant}: {time.perf_counter() - start:.0f} s", flush=True)
    return found


def _prepare_process() -> None:
    """Limits TensorFlow to one thread in this process and turns its log off, in case an algorithm uses TensorFlow."""
    os.environ.update(TF_NUM_INTEROP_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")


def _chunk(gin_file: str, table: str, variant: Variant, seeds: Sequence[int]) -> list[Found]:
    world = prepared(gin_file, table)
    return [one_search(world, variant, seed) for seed in seeds]


@functools.lru_cache(maxsize=1)
def prepared(gin_file: str, table: str) -> World:
    """Returns the settings, the table and the search space. Each process reads them once.

    Raises:
      SearchError, CellError: the settings, the table or the space cannot be used.
    """
    read = config.read([gin_file], ["search.fitness='table'", f"table.path={table!r}"])
    settings: TableSettings = read.own
    seed = dsl.load(read.seed_file(), read.search.params, read.overlays())
    # Many searches propose the same cells. The check whether a cell can be built is slow, so its results are kept.
    unfit = functools.cache(requirement(seed.space, settings.input_shape, settings.classes))
    space = CellSpace(seed.space, settings.input_shape, settings.classes, read.search.sample_mutations, unfit)
    return World(read, seed, settings, table_files.load(settings), space, functools.cache(dsl.fingerprint))


def one_search(world: World, variant: Variant, seed: int) -> Found:
    """Runs one search to the end of its budget and returns its result."""
    start = time.process_time()
    search = replace(world.config.search, algorithm=variant.algorithm, seed=seed)
    algorithm = replace(world.config, search=search).algorithm(world.space)
    budget = math.inf if world.settings.budget_seconds is None else world.settings.budget_seconds
    known: dict[str, Row] = {}
    rows: list[Row] = []
    spent, trained = 0.0, 0
    while spent < budget and len(rows) < search.individuals:
        id = len(rows) + 1
        genotype = algorithm.ask(id).genotype
        fingerprint = world.fingerprint(genotype) if variant.reuse else str(id)
        if fingerprint not in known:
            known[fingerprint] = _row(world, genotype)
            spent += known[fingerprint].seconds
            trained += 1
        rows.append(known[fingerprint])
        row = rows[-1]
        algorithm.tell(Individual(id, "", fitness=row.fitness, fingerprint="", finished=id, metrics=row.metrics))
    best = max(rows, key=lambda row: row.fitness)  # the first of several that are equal
    return Found(best, len(rows), trained, time.process_time() - start)


def _row(world: World, genotype: dsl.Genotype) -> Row:
    """Returns the row of a cell. A cell that the table lacks has the worst fitness, as in `evolve`."""
    try:
        return looked_up(genotype, world.table, world.settings.operations)
    except CompileError:
        return Row(WORST, tuple((name, math.nan) for name in world.settings.metrics), 0.0)


def report(found: Mapping[Variant, Sequence[Found]], metrics: Sequence[str]) -> list[str]:
    """Returns the lines of the table, and the lines of tests whether evolution is better than random search."""
    width = max(20, *map(len, metrics)) + 2
    lines = ["", f"{'':<32}" + "".join(f"{name:>{width}}" for name in metrics) + f"{'cells':>8}{'trained':>9}{'s':>7}"]
    for variant, searches in found.items():
        shown = "".join(f"{_spread(values):>{width}}" for values in _columns(searches))
        cells, trained, seconds = (
            statistics.fmean(values)
            for values in zip(*((f.cells, f.trained, f.seconds) for f in searches), strict=True)
        )
        lines.append(f"{variant!s:<32}{shown}{cells:>8.1f}{trained:>9.1f}{seconds:>7.2f}")
        if variant.algorithm in PUBLISHED and not variant.reuse:
            published = (f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in PUBLISHED[variant.algorithm])
            lines.append(f"{'  published':<32}" + "".join(f"{value:>{width}}" for value in published))
    for reuse in (False, True):
        evolved, control = found.get(Variant(EVOLUTION, reuse)), found.get(Variant(CONTROL, reuse))
        if evolved and control:
            lines += ["", f"{Variant(EVOLUTION, reuse)} above {Variant(CONTROL, reuse)}, one-sided p:"]
            lines += _tests(metrics, evolved, control)
    return lines


def _tests(metrics: Sequence[str], evolved: Sequence[Found], control: Sequence[Found]) -> Iterator[str]:
    for name, above, below in zip(metrics, _columns(evolved), _columns(control), strict=True):
        rank = stats.mannwhitneyu(above, below, alternative="greater").pvalue
        mean = stats.ttest_ind(above, below, equal_var=False, alternative="greater").pvalue
        yield f"  {name:<36} Mann-Whitney {rank:.1e}, Welch's t {mean:.1e}"


def _columns(searches: Sequence[Found]) -> list[list[float]]:
    """Returns, for each metric, a list of the values of all searches."""
    return [
        list(values) for values in zip(*([value for _, value in one.best.metrics] for one in searches), strict=True)
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


if __name__ == "__main__":
    sys.exit(main())
