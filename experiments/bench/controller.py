"""Measures the time of the driver for each individual: `python -m experiments.bench.controller`.

The driver calls `ask` and `tell`, and mutates, verifies and fingerprints genotypes of the NASNet space (population 100,
tournament samples of 25). Fitnesses are made up. The first table is for the algorithm alone. The second table is for
the search with its database, in the folder for temporary files. Each line is for a range of individuals, so that the
lines show whether the search becomes slower. Rates are given for wall time and for the processor time of this process.
On a shared machine, only rates for processor time can be compared.

The last table is for the whole command `evolve` in the space of `amoeba.gin`, with its workers and its summaries: 1,500
individuals, from the first proposal to the last stored result. `--only whole` measures this table alone.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dsl
from evolve import CellSpace, Individual, Plan, Search, Serial, Standing, Store, loaded, run
from evolve.callbacks import Callback
from experiments.bench.made_up import evaluate, evolution
from experiments.bench.pace import pace

COUNT = 20_000
STRETCH = 2_000
WHOLE = 1_500  # individuals of the last table
EXECUTORS = {
    "serial": ["search.executor='serial'"],
    "two processes": ["search.executor='processes'", "processes.workers=2"],
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A measurement at one time: wall seconds, processor seconds and resident bytes."""

    wall: float
    processor: float
    memory: int


def mark() -> Mark:
    """Returns a measurement of this moment."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Mark(time.perf_counter(), time.process_time(), pages * resource.getpagesize())


@dataclass
class Marks:
    """An observer that measures after every `STRETCH` individuals."""

    marks: list[Mark] = field(default_factory=lambda: [mark()])
    received: int = 0

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        """Counts a finished individual, and measures after every `STRETCH` individuals."""
        self.received += 1
        if self.received % STRETCH == 0:
            self.marks.append(mark())


def in_memory(count: int) -> list[Mark]:
    """Returns measurements of the algorithm alone. The results are made in advance, so their time is not counted."""
    space = Language()
    algorithm = evolution(space)
    results = [
        Individual(id, "", fitness=zlib.crc32(str(id).encode()) / 2**32, fingerprint="", finished=id)
        for id in range(1, count + 1)
    ]
    marks = [mark()]
    for id, individual in enumerate(results, 1):
        space.fingerprint(algorithm.ask(id).genotype)
        algorithm.tell(individual)
        if id % STRETCH == 0:
            marks.append(mark())
    return marks


def durable(count: int) -> list[Mark]:
    """Returns measurements of the search loop with its database."""
    space = Language()
    marks = Marks()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        plan = Plan(count, 0, Path(os.devnull))
        Search(plan, evolution(space), space, store, Serial(), evaluate, [marks]).run()
    return marks.marks


def whole(params: list[str]) -> tuple[float, float]:
    """Returns the individuals a second, by wall time and by processor time of this process, of a whole search."""
    made_up = [f"search.individuals={WHOLE}", "search.fitness='experiments.bench.made_up:fitness'"]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run("amoeba.gin", [*made_up, *params], Path(folder) / "search", callbacks=[clock], quiet=True)
    first, last = clock.marks
    return WHOLE / (last.wall - first.wall), WHOLE / (last.processor - first.processor)


@dataclass
class Clock(Callback):
    """A callback that measures at the beginning and at the end of a search."""

    marks: list[Mark] = field(default_factory=list)

    def begin(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Measures before the first proposal."""
        self.marks.append(mark())

    def end(self, reason: str, best: Individual | None) -> None:
        """Measures after the last result."""
        self.marks.append(mark())


class Language(CellSpace):
    """The search space without the compiler's check whether a child can be built."""

    def __init__(self) -> None:
        space = dsl.load("nasnet.cell", {"N": 3, "F": 24}).space
        super().__init__(space, (32, 32, 3), 10, unfit=lambda genotype: None)


def _lines(name: str, marks: list[Mark]) -> Iterator[str]:
    yield f"{name:<28} {'a second (wall)':>16} {'a second (processor)':>22} {'bytes an individual':>21}"
    for number, (before, after) in enumerate(itertools.pairwise(marks)):
        yield _row(f"{number * STRETCH + 1:,} to {(number + 1) * STRETCH:,}", before, after, STRETCH)
    if len(marks) > 2:
        yield _row("all but the first", marks[1], marks[-1], STRETCH * (len(marks) - 2))


def _row(name: str, before: Mark, after: Mark, individuals: int) -> str:
    wall, processor = individuals / (after.wall - before.wall), individuals / (after.processor - before.processor)
    grown = (after.memory - before.memory) / individuals
    return f"  {name:<26} {wall:>16,.0f} {processor:>22,.0f} {grown:>21,.0f}"


def main(arguments: Sequence[str]) -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.controller", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help="individuals of the first two tables")
    parser.add_argument("--only", choices=("whole",), help="measures the last table alone")
    options = parser.parse_args(arguments)
    loaded.freeze()  # the command `evolve` does this too
    for name, measure in (("in memory", in_memory), ("durable", durable)) if options.only is None else ():
        print("\n".join(_lines(name, measure(options.count))), flush=True)
        print(f"  {pace()}", flush=True)
    print(f"{'whole search':<28} {'a second (wall)':>16} {'a second (processor)':>22}")
    for name, params in EXECUTORS.items():
        wall, processor = whole(params)
        print(f"  {name:<26} {wall:>16,.0f} {processor:>22,.0f}", flush=True)
    print(f"  {pace()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
