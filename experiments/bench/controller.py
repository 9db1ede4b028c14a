"""Measures the time of the driver for each individual: `python -m experiments.bench.controller [COUNT]`.

The driver calls `ask` and `tell`, and mutates, verifies and fingerprints genotypes of the NASNet space (population 100,
tournament samples of 25). Fitnesses are made up. The first table is for the algorithm alone. The second table is for
the search with its database, in the folder for temporary files. Each line is for a range of individuals, so that the
lines show whether the search becomes slower. Rates are given for wall time and for the processor time of this process.
On a shared machine, only rates for processor time can be compared.
"""

from __future__ import annotations

import itertools
import os
import resource
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dsl
from evolve import CellSpace, Individual, Plan, Search, Serial, Standing, Store, loaded
from experiments.bench.made_up import evaluate, evolution
from experiments.bench.pace import numbers, pace

COUNT = 20_000
STRETCH = 2_000


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


def main(count: int) -> None:
    """Measures and prints the tables."""
    loaded.freeze()  # the command `evolve` does this too
    for name, run in (("in memory", in_memory), ("durable", durable)):
        print("\n".join(_lines(name, run(count))), flush=True)
        print(f"  {pace()}", flush=True)


if __name__ == "__main__":
    main(*numbers(COUNT))
