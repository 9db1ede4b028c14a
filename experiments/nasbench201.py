"""Compares search methods on a table of trained networks: `python -m experiments.nasbench201 --table nb201.npz`.

Hundreds of searches run in child processes, without stores and workers. The algorithms, the search space and the
settings are those of `evolve --gin_file=nasbench201.gin`; each method binds a few settings of its own. Cells are chosen
by the validation accuracy alone. The result of a search is the test accuracy of the chosen cell.

An evaluation that does not fit into the budget ends a search, and does not count. In `evolve` it still counts.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

import dsl
from compiler import CompileError, requirement
from dsl import CellError
from dsl.wording import nearest_name
from evolve import CellSpace, Individual, SearchError, config
from evolve.config import Config
from evolve.executors.machine import cores
from evolve.fitness import table_files
from evolve.fitness.table import check_space, loaded, looked_up
from evolve.fitness.table_files import Row, Table
from evolve.prepared import bred
from evolve.records import WORST
from evolve.search.listed_space import ListedSpace
from evolve.settings import TableSettings
from experiments.pool import processes

GIN = "nasbench201.gin"
CHUNK = 10  # searches in one task. The number is small, so that all processes end at about the same time.
SHARES = (0.25, 0.5, 1.0)  # of the budget, at which the results are shown
# The names of the columns in the JSON output.
SHORT = {"c10_test_acc_200": "cifar10", "c100_test_acc_200": "cifar100", "in16_test_acc_200": "imagenet16"}
_EVOLUTION = "search.algorithm='regularized_evolution'"
_REPEATS, _NO_REPEATS = "search.repeat_networks=True", "search.repeat_networks=False"


@dataclass(frozen=True, slots=True)
class Method:
    """A search method: its name, and the settings that it binds."""

    name: str
    bindings: tuple[str, ...]

    @classmethod
    def evolution(cls, name: str, population: int, sample: int, *others: str) -> Method:
        """Returns regularized evolution with a population size and a sample size."""
        sizes = (f"regularized_evolution.population_size={population}", f"regularized_evolution.sample_size={sample}")
        return cls(f"{name} P={population} S={sample}", (_EVOLUTION, *sizes, *others))


METHODS = (
    Method("random_search", ("search.algorithm='random_search'", _REPEATS)),
    Method.evolution("evolution", 10, 3, _REPEATS),
    Method.evolution("evolution", 20, 5, _REPEATS),
    Method.evolution("evolution", 30, 10, _REPEATS),
    Method.evolution("reuse", 10, 3, _REPEATS, "search.reuse=True"),
    Method.evolution("no_repeats", 10, 3, _NO_REPEATS),
    Method.evolution("no_repeats", 20, 5, _NO_REPEATS),
    Method.evolution("no_repeats", 30, 10, _NO_REPEATS),
    Method.evolution("no_repeats", 50, 25, _NO_REPEATS),
    Method("local_search", ("search.algorithm='local_search'", _NO_REPEATS)),
    Method("reinforcement", ("search.algorithm='reinforcement'", _REPEATS)),
    Method.evolution(
        "candidates", 50, 15, "search.candidates=100", _NO_REPEATS,
        "regularized_evolution.initial=10", "regularized_evolution.second_mutation=0.3",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """The settings of one method, and the table and the search space, which all searches of one process share."""

    config: Config
    seed: dsl.Genotype
    settings: TableSettings
    table: Table
    space: CellSpace
    fingerprint: Callable[[dsl.Genotype], str]
    queries: int | None = None  # the number of cells that a search may train; None: the budget is in seconds

    @property
    def budget(self) -> float:
        """The budget of a search: a number of cells, or simulated seconds."""
        if self.queries is not None:
            return self.queries
        return math.inf if self.settings.budget_seconds is None else self.settings.budget_seconds


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one search.

    Attributes:
      best: the chosen cell at each share of the budget.
      cells: the number of cells that were proposed within the budget.
      trained: the number of cells that were trained within the budget.
      seconds: the processor time of the search.
    """

    best: tuple[Row, ...]
    cells: int
    trained: int
    seconds: float


def main(arguments: Sequence[str] | None = None, **defaults: object) -> int:
    """Runs all searches, prints their table and returns the exit code. `defaults` are those of another benchmark."""
    options = _options(arguments, defaults)
    try:
        methods = [_method(name) for name in options.methods]
        worlds = [_prepared(options, method) for method in methods]
        check_space(worlds[0].seed, worlds[0].table, worlds[0].settings)
        for world in worlds:
            world.config.algorithm_name()
    except (SearchError, CellError) as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 2
    if options.save:
        table_files.read(worlds[0].settings).save(options.save)
        return 0
    _say(f"{worlds[0].table.describe()}; {options.seeds} searches each, {options.processes} processes")
    with processes(options.processes) as pool:
        found = {method.name: _searches(pool, options, method) for method in methods}
    metrics = worlds[0].settings.metrics
    if options.json:
        print(json.dumps(rows(found, metrics), indent=1))
        return 0
    for line in report(found, metrics, worlds[0].budget, "cells" if options.queries else "s"):
        print(line)
    return 0


def _options(arguments: Sequence[str] | None, defaults: Mapping[str, object]) -> argparse.Namespace:
    name = defaults.get("name", "nasbench201")
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{name}", description=__doc__.split("\n\n")[1])
    names = [method.name for method in METHODS]
    parser.add_argument("--table", required=True, help="the table: a file, or a folder of official files")
    parser.add_argument("--gin_file", default=GIN)
    parser.add_argument("--gin_param", action="append", default=[], help="a setting of all searches; repeatable")
    parser.add_argument("--seeds", type=whole_number, default=300, help="number of searches for each method (300)")
    parser.add_argument("--methods", nargs="+", default=names, help=", ".join(map(repr, names)))
    parser.add_argument("--queries", type=whole_number, help="a budget in trained cells, in place of simulated seconds")
    parser.add_argument("--permuted", action="store_true", help="permute the fitness among the cells, as a control")
    parser.add_argument("--processes", type=whole_number, default=cores())
    parser.add_argument("--json", action="store_true", help="print the means at the whole budget as JSON")
    parser.add_argument("--save", type=Path, help="write the needed columns to this .npz file and run no search")
    parser.set_defaults(**{"name": name, **defaults})
    return parser.parse_args(arguments)


def whole_number(text: str) -> int:
    """Returns the whole number, at least 1, in a text of the command line. argparse prints the exception's message."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _method(name: str) -> Method:
    """Returns the method of a name.

    Raises:
      SearchError: there is no such method.
    """
    names = [method.name for method in METHODS]
    if name in names:
        return METHODS[names.index(name)]
    close = nearest_name(name, names)
    advice = f"; did you mean {close!r}?" if close else ""
    raise SearchError(f"there is no method {name!r}{advice} The methods are {', '.join(map(repr, names))}")


def _say(words: str) -> None:
    """Prints the state of the comparison to standard error, since standard output has the results alone."""
    print(words, file=sys.stderr, flush=True)


def _searches(pool: Executor, options: argparse.Namespace, method: Method) -> list[Found]:
    """Runs all searches of one method in the processes of the pool, and returns their results."""
    start = time.perf_counter()
    chunks = [range(first, min(first + CHUNK, options.seeds)) for first in range(0, options.seeds, CHUNK)]
    found = [one for chunk in pool.map(functools.partial(_chunk, options, method), chunks) for one in chunk]
    _say(f"{method.name}: {time.perf_counter() - start:.0f} s")
    return found


def _chunk(options: argparse.Namespace, method: Method, seeds: Sequence[int]) -> list[Found]:
    world = _prepared(options, method)
    return [one_search(world, seed) for seed in seeds]


def _prepared(options: argparse.Namespace, method: Method) -> World:
    bindings = (*options.gin_param, *method.bindings)
    return prepared(options.gin_file, options.table, bindings, options.queries, options.permuted)


@functools.lru_cache(maxsize=1)
def prepared(
    gin_file: str,
    table: str,
    bindings: tuple[str, ...] = (),
    queries: int | None = None,
    is_permuted: bool = False,
) -> World:
    """Returns the settings of a method, the table and the search space. Gin now has these settings.

    Raises:
      SearchError, CellError: the settings, the table or the space cannot be used.
    """
    own = ["search.fitness='table'", f"table.path={table!r}"]
    read = config.read([gin_file], [*own, *bindings], config.algorithm_names())
    settings: TableSettings = read.own
    seed, space, fingerprint = _space(read.seed_file(), tuple(read.search.params.items()), read.overlays(), settings)
    found = loaded(settings, seed.space)
    return World(read, seed, settings, permuted(found) if is_permuted else found, space, fingerprint, queries)


@functools.lru_cache(maxsize=1)
def _space(
    file: str, params: tuple[tuple[str, int | float], ...], overlays: tuple[str, ...], settings: TableSettings
) -> tuple[dsl.Genotype, CellSpace, Callable[[dsl.Genotype], str]]:
    """Returns the seed, the search space, and the function of fingerprints, which all methods share."""
    seed = dsl.load(file, dict(params), overlays)
    # Many searches propose the same cells. The check whether a cell can be built is slow, so its results are kept.
    unfit = functools.cache(requirement(seed.space, settings.input_shape, settings.classes))
    shape, classes = settings.input_shape, settings.classes
    if settings.operations is not None:
        space = CellSpace(seed.space, shape, classes, unfit=unfit)
    else:
        table = loaded(settings, seed.space)
        space = ListedSpace(seed.space, shape, classes, unfit=unfit, listed=table.names, choices=table.choices)
    return seed, space, functools.cache(space.fingerprint)


def permuted(table: Table) -> Table:
    """Returns a table whose fitnesses are permuted among the cells, so that no method can learn from other cells."""
    order = np.random.default_rng(0).permutation(len(table.rows))
    found = list(table.rows.values())
    rows = (replace(row, fitness=found[place].fitness) for row, place in zip(found, order, strict=True))
    return replace(table, rows=dict(zip(table.rows, rows, strict=True)))


def one_search(world: World, seed: int) -> Found:
    """Runs one search to the end of its budget and returns its result."""
    start = time.process_time()
    search = replace(world.config.search, seed=seed)
    algorithm = bred(replace(world.config, search=search), world.space)
    known: dict[str, Row] = {}
    best: Row | None = None
    reached: list[Row] = []
    spent, cells = 0.0, 0
    while cells < search.individuals:
        genotype = algorithm.ask(cells + 1).genotype
        fingerprint = world.fingerprint(genotype) if search.reuse else str(cells)
        row = known.get(fingerprint) or row_of(world, genotype)
        price = 0.0 if fingerprint in known else 1.0 if world.queries is not None else row.seconds
        while best and len(reached) < len(SHARES) and spent + price > SHARES[len(reached)] * world.budget:
            reached.append(best)
        if spent + price > world.budget:
            break
        spent, cells, known[fingerprint] = spent + price, cells + 1, row
        if best is None or row.fitness > best.fitness:  # Of cells that are equal, the first is the best.
            best = row
        one = Individual(cells, "", fitness=row.fitness, fingerprint="", finished=cells, metrics=row.metrics)
        algorithm.tell(one)
    if best is None:
        raise SearchError("the budget is smaller than the price of one cell")
    chosen = (*reached, *(best,) * (len(SHARES) - len(reached)))
    return Found(chosen, cells, len(known), time.process_time() - start)


def row_of(world: World, genotype: dsl.Genotype) -> Row:
    """Returns the row of a cell. A cell that the table lacks has the worst fitness, as in `evolve`."""
    try:
        return looked_up(genotype, world.table, world.settings.operations)
    except CompileError:
        return Row(WORST, tuple((name, math.nan) for name in world.settings.metrics), 0.0)


def rows(found: Mapping[str, Sequence[Found]], metrics: Sequence[str]) -> list[dict[str, str | float]]:
    """Returns the mean results at the whole budget, one dictionary for each method."""
    listed: list[dict[str, str | float]] = []
    for name, searches in found.items():
        means = {SHORT.get(metric, metric): _mean(values) for metric, values in _columns(searches, -1, metrics).items()}
        listed.append({"name": name, **means, "cells": _mean([one.cells for one in searches])})
    return listed


def report(found: Mapping[str, Sequence[Found]], metrics: Sequence[str], budget: float, unit: str) -> Iterator[str]:
    """Yields the lines of a table for each share of the budget, and tests of the last method against the others."""
    width = max(18, *map(len, metrics)) + 2
    for place, share in enumerate(SHARES):
        yield f"\n{f'at {share * budget:,.0f} {unit}':<26}" + "".join(f"{name:>{width}}" for name in metrics)
        for name, searches in found.items():
            columns = _columns(searches, place, metrics).values()
            yield f"{name:<26}" + "".join(f"{spread(values):>{width}}" for values in columns)
    yield "\nmeans with standard errors in brackets, in percent"
    yield f"\n{'':<26}{'cells':>8}{'trained':>9}{'ms a cell':>11}"
    for name, searches in found.items():
        cells, trained = _mean([one.cells for one in searches]), _mean([one.trained for one in searches])
        pace = 1000 * sum(one.seconds for one in searches) / sum(one.cells for one in searches)
        yield f"{name:<26}{cells:>8.1f}{trained:>9.1f}{pace:>11.2f}"
    *others, last = found
    for name in others:
        yield f"\n{last} above {name}, one-sided p:"
        yield from _tests(metrics, found[last], found[name])


def _tests(metrics: Sequence[str], above: Sequence[Found], below: Sequence[Found]) -> Iterator[str]:
    highs, lows = (_columns(searches, -1, metrics) for searches in (above, below))
    for name in metrics:
        rank = stats.mannwhitneyu(highs[name], lows[name], alternative="greater").pvalue
        mean = stats.ttest_ind(highs[name], lows[name], equal_var=False, alternative="greater").pvalue
        yield f"  {name:<24} Mann-Whitney {rank:.1e}, Welch's t {mean:.1e}"


def _columns(searches: Sequence[Found], place: int, metrics: Sequence[str]) -> dict[str, list[float]]:
    """Returns the values of each metric in all searches, at one share of the budget."""
    chosen = [dict(one.best[place].metrics) for one in searches]
    return {name: [values[name] for values in chosen] for name in metrics}


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)


def spread(values: Sequence[float]) -> str:
    """Returns the mean of values with its standard error in brackets."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{_mean(values):.2f} ({error:.2f})"


if __name__ == "__main__":
    sys.exit(main())
