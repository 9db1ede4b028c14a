"""Compares searches for a front on tables: `python -m experiments.fronts --table nb201.npz --latency hwnas201.npz`.

The objectives are the validation accuracy on CIFAR-10 after 12 epochs, which is to be high (NAS-Bench-201, Dong & Yang
2020), and the latency on a device, which is to be low (HW-NAS-Bench, Li et al. 2021). The 15,625 cells are 5,260
different networks, because an edge may lead nowhere, for example. A network has the mean accuracy and the mean latency
of its cells. Otherwise a search would gain by measuring one network under many names, until one measurement is lucky.

The result of a search is the hypervolume of the networks that it has evaluated, in percent of that of all networks. It
is measured between 0 and 1 in each objective, with the reference point (0, 0). In the accuracy, 0 is the lowest of all
networks and 1 the highest. In the latency, 0 is the highest and 1 the lowest, on a logarithmic scale, since latencies
differ by a factor of up to 300. The searches receive accuracies and milliseconds.

Pymoo's NSGA-II is the control. Its variables are the six edges of a cell, each with one of five operations.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import dsl
from compiler import CompileError, requirement
from compiler.errors import did_you_mean
from dsl import CellError
from evolve import CellSpace, Evaluation, Individual, SearchError, UsageError, config
from evolve.algorithms.fronts import Point, hypervolume, non_dominated
from evolve.config import Config
from evolve.executors.machine import cores
from evolve.fitness import table_files
from evolve.fitness.table import check_space, genotype_key, looked_up
from evolve.fitness.table_files import Row, Table
from evolve.prepared import bred
from evolve.records import failed
from experiments import pool

GIN = "nasbench201.gin"
# The sizes are those of the best of a few tried for each algorithm, by the mean over devices.
SETTINGS = (
    "search.fitness='table'",
    "nsga2.population_size=10",
    "regularized_evolution.population_size=30",
    "regularized_evolution.sample_size=10",
)
CONTROL = "pymoo_nsga2"
DEVICES = ("raspi4", "fpga", "edgegpu")
UNSUPPORTED = -1.0  # stands in HW-NAS-Bench for a cell that a device cannot run
EDGES = ((0,), (0, 1), (0, 1, 2))  # the states that the three nodes of a cell read
CANDIDATES = 100  # children of which a model chooses one
SEEDS_OF_A_TASK = 5


@dataclass(frozen=True, slots=True)
class Method:
    """An algorithm with settings of the search, such as candidates; or the control."""

    name: str
    algorithm: str
    settings: tuple[tuple[str, Any], ...] = ()


UNSEEN = (("repeat_networks", False),)
METHODS = {
    one.name: one
    for one in (
        Method("random_search", "random_search"),
        Method(CONTROL, CONTROL),
        Method("nsga2", "nsga2"),
        Method("regularized_evolution", "regularized_evolution"),
        Method("nsga2, no network twice", "nsga2", UNSEEN),
        Method("regularized_evolution, no network twice", "regularized_evolution", UNSEEN),
        Method("nsga2, candidates", "nsga2", (*UNSEEN, ("candidates", CANDIDATES))),
        Method("regularized_evolution, candidates", "regularized_evolution", (*UNSEEN, ("candidates", CANDIDATES))),
    )
}


@dataclass(frozen=True, slots=True)
class World:
    """The settings, the search space, and the table, whose metrics are the latencies on the devices."""

    config: Config
    space: CellSpace
    table: Table
    operations: Mapping[str, str]

    def point(self, row: Row, device: str) -> Point:
        """Returns the accuracy and the negative latency in milliseconds; empty if the device cannot run the cell."""
        latency = dict(row.metrics)[device]
        return () if latency == UNSUPPORTED else (row.fitness, -latency)


@dataclass(frozen=True)
class Scale:
    """The scale of the two objectives on one device."""

    points: tuple[Point, ...]  # of all cells that the device can run

    @functools.cached_property
    def whole(self) -> float:
        """The hypervolume of all cells."""
        return self._volume(self.points)

    def percent(self, found: Sequence[Point]) -> float:
        """Returns the hypervolume of points in percent of that of all cells."""
        return 100 * self._volume(found) / self.whole

    def _volume(self, points: Sequence[Point]) -> float:
        front = [points[place] for place in non_dominated(points)]
        low, high = self._ends
        scaled = [tuple((x - a) / (b - a) for x, a, b in zip(_logged(p), low, high, strict=True)) for p in front]
        return hypervolume(scaled, (0.0, 0.0))

    @functools.cached_property
    def _ends(self) -> tuple[Point, Point]:
        """The worst and the best value of each objective."""
        columns = [*zip(*map(_logged, self.points), strict=True)]
        return tuple(map(min, columns)), tuple(map(max, columns))


def _logged(point: Point) -> Point:
    accuracy, negative = point
    return accuracy, -math.log(-negative)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all searches, prints their table and returns the exit code."""
    options = _options(arguments)
    try:
        _check_devices(prepared(options.table, options.latency), options.devices)
    except (SearchError, CellError) as error:
        print(f"fronts: {error}", file=sys.stderr)
        return 2
    run = functools.partial(searches, options.table, options.latency, options.evaluations)
    tasks = [(METHODS[name], device, seeds) for name in options.methods for device in options.devices
             for seeds in _chunks(options.seeds)]  # fmt: skip
    found: dict[str, dict[str, list[float]]] = {name: {} for name in options.methods}
    with _mapping(options.processes) as mapped:
        for (method, device, _), shares in zip(tasks, mapped(run, *zip(*tasks, strict=True)), strict=True):
            found[method.name].setdefault(device, []).extend(shares)
    means = [{"name": name, **{k: statistics.fmean(v) for k, v in by.items()}} for name, by in found.items()]
    print(json.dumps(means, indent=1) if options.json else "\n".join(report(found, options)))
    return 0


@contextmanager
def _mapping(processes: int) -> Iterator[Callable[..., Iterable[list[float]]]]:
    """A context with a function like `map`, which runs in several processes, or in this one."""
    if processes == 1:
        yield map
        return
    with pool.processes(processes) as workers:
        yield workers.map


def _check_devices(world: World, devices: Sequence[str]) -> None:
    known = [name for name, _ in next(iter(world.table.rows.values())).metrics]
    for name in devices:
        if name not in known:
            raise UsageError(f"there is no device {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.fronts", description=__doc__.split("\n\n")[1])
    parser.add_argument("--table", required=True, help="NAS-Bench-201: a .npz file with the columns of nasbench201.gin")
    parser.add_argument("--latency", required=True, help="HW-NAS-Bench: a .npz file, its cells in the table's order")
    parser.add_argument("--seeds", type=int, default=50, help="number of searches for each method and device")
    parser.add_argument("--evaluations", type=int, default=100, help="number of individuals of a search")
    parser.add_argument("--devices", nargs="+", default=DEVICES, help="raspi4, fpga, edgegpu and others of the file")
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=[*METHODS], metavar="NAME")
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--json", action="store_true", help="print the means as JSON and nothing else")
    return parser.parse_args(arguments)


def _chunks(seeds: int) -> Iterator[range]:
    """Yields the random seeds of each task. Tasks are short, so that all processes end at about the same time."""
    return (range(first, min(first + SEEDS_OF_A_TASK, seeds)) for first in range(0, seeds, SEEDS_OF_A_TASK))


@functools.lru_cache(maxsize=1)
def prepared(table: str, latency: str) -> World:
    """Returns the settings, the table and the search space. Each process reads them once.

    Raises:
      SearchError, CellError: a file or a setting cannot be used.
    """
    read = config.read([GIN], [*SETTINGS, f"table.path={table!r}"], beside=("nsga2", "regularized_evolution"))
    seed = dsl.load(read.seed_file(), read.search.params, read.overlays())
    settings = read.own
    check_space(seed, table_files.load(settings), settings)
    unfit = functools.cache(requirement(seed.space, settings.input_shape, settings.classes))
    space = CellSpace(seed.space, settings.input_shape, settings.classes, read.search.sample_mutations, unfit)
    cells = table_files.load(settings)
    latencies = _latencies(latency, len(cells.rows))
    rows = [replace(row, metrics=found) for row, found in zip(cells.rows.values(), latencies, strict=True)]
    networks = _networks(space, settings.operations)
    means = _means(dict(zip(cells.rows, rows, strict=True)), networks)
    return World(read, space, replace(cells, rows=means), settings.operations)


def _networks(space: CellSpace, operations: Mapping[str, str]) -> Mapping[str, str]:
    """Returns the fingerprint of the network of each cell, by the key of the cell."""
    rng = random.Random(0)  # every choice is given, so nothing is drawn
    genotypes = (space.decide(choices, rng) for choices in itertools.product(*map(range, space.sizes())))
    return {genotype_key(genotype, operations): dsl.fingerprint(genotype) for genotype in genotypes}


def _means(rows: Mapping[str, Row], networks: Mapping[str, str]) -> Mapping[str, Row]:
    """Returns, for each cell, the means over the cells that are the same network."""
    equal: dict[str, list[Row]] = {}
    for cell, row in rows.items():
        equal.setdefault(networks[cell], []).append(row)
    means = {network: _mean(found) for network, found in equal.items()}
    return {cell: means[networks[cell]] for cell in rows}


def _mean(rows: Sequence[Row]) -> Row:
    latencies = [dict(row.metrics) for row in rows]
    metrics = tuple((device, _mean_of([one[device] for one in latencies])) for device in latencies[0])
    return replace(rows[0], fitness=statistics.fmean(row.fitness for row in rows), metrics=metrics)


def _mean_of(latencies: Sequence[float]) -> float:
    """Returns the mean of the latencies that were measured; `UNSUPPORTED` if none was."""
    measured = [one for one in latencies if one != UNSUPPORTED]
    return statistics.fmean(measured) if measured else UNSUPPORTED


def _latencies(path: str, cells: int) -> Iterator[tuple[tuple[str, float], ...]]:
    """Yields the latencies in milliseconds of each cell on CIFAR-10, each after the name of its device."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, values = [name.decode() for name in file["metrics"].tolist()], file["c10"].tolist()
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise UsageError(f"{path} cannot be read as the latencies of HW-NAS-Bench: {error}") from None
    if len(values) != cells:
        raise UsageError(f"{path} has {len(values)} cells and the table has {cells}; they must be the same cells")
    kept = [(place, name.removesuffix("_latency")) for place, name in enumerate(names) if name.endswith("_latency")]
    for row in values:
        yield tuple((device, row[place]) for place, device in kept)


@functools.lru_cache(maxsize=1)
def scale(table: str, latency: str, device: str) -> Scale:
    """Returns the scale of the objectives on a device, of which each process makes one."""
    world = prepared(table, latency)
    return Scale(tuple(point for row in world.table.rows.values() if (point := world.point(row, device))))


def searches(
    table: str, latency: str, evaluations: int, method: Method, device: str, seeds: Sequence[int]
) -> list[float]:
    """Returns the hypervolume of searches in percent of that of all cells, one for each random seed."""
    world, own = prepared(table, latency), scale(table, latency, device)
    search = controlled if method.name == CONTROL else evolved
    return [own.percent([p for p in search(world, method, device, evaluations, seed) if p]) for seed in seeds]


def evolved(world: World, method: Method, device: str, evaluations: int, seed: int) -> Sequence[Point]:
    """Returns the points that a search of this project evaluates. A point is empty if the device lacks the cell."""
    settings = replace(world.config.search, algorithm=method.algorithm, seed=seed, **dict(method.settings))
    algorithm = bred(replace(world.config, search=settings), world.space)
    found: list[Point] = []
    for id in range(1, evaluations + 1):
        point = world.point(_row(world, algorithm.ask(id).genotype), device)
        found.append(point)
        result = Evaluation(point[0], scores=point) if point else failed("the device cannot run the cell")
        algorithm.tell(Individual(id, "", **vars(result), fingerprint="", finished=id))
    return found


def _row(world: World, genotype: dsl.Genotype) -> Row:
    """Returns the row of a cell, which the table must have.

    Raises:
      UsageError: the table lacks the cell.
    """
    try:
        return looked_up(genotype, world.table, world.operations)
    except CompileError as error:
        raise UsageError(str(error)) from None


def controlled(world: World, method: Method, device: str, evaluations: int, seed: int) -> Sequence[Point]:
    """Returns the points that pymoo's NSGA-II evaluates.

    It has the settings with which it did best here, of populations of 10, 20 and 30: one child at a time, uniform
    crossover, and each edge drawn anew with probability 1/6.

    Raises:
      UsageError: pymoo is not installed.
    """
    try:
        from experiments import pymoo_control
    except ModuleNotFoundError as error:
        raise UsageError(f"the control needs {error.name}: pip install pymoo") from None
    operations = sorted({*world.operations.values()})
    rows = [point for row in world.table.rows.values() if (point := world.point(row, device))]
    worst = [min(column) for column in zip(*rows, strict=True)]
    found: list[Point] = []

    def evaluate(choices: Sequence[int]) -> Sequence[float]:
        names = iter([operations[choice] for choice in choices])
        cell = "+".join("|" + "".join(f"{next(names)}~{state}|" for state in node) for node in EDGES)
        found.append(world.point(world.table.rows[cell], device))
        return found[-1] or worst

    pymoo_control.search(evaluate, sum(map(len, EDGES)), len(operations), evaluations, seed)
    return found[:evaluations]


def report(found: Mapping[str, Mapping[str, Sequence[float]]], options: argparse.Namespace) -> Iterator[str]:
    """Yields the lines of the table: means, and their standard errors."""
    yield f"hypervolume after {options.evaluations} evaluations, percent of that of all networks, {options.seeds} seeds"
    yield f"{'':<42}" + "".join(f"{device:>16}" for device in options.devices)
    for name, by_device in found.items():
        yield f"{name:<42}" + "".join(f"{_spread(shares):>16}" for shares in by_device.values())


def _spread(values: Sequence[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.2f} ± {error:.2f}"


if __name__ == "__main__":
    sys.exit(main())
