"""What the search itself costs for each individual: `python -m experiments.bench.controller [COUNT]`.

Asks, mutates, verifies, fingerprints and tells in the NASNet space (population 100, samples of 25) with a made-up
fitness: first the algorithm alone in memory, then the whole search with its database on this disk, in the folder for
temporary files. Every line is a stretch of individuals, so that a rate that falls with their number shows. Rates are by
the wall and by the processor time of this process; the second is the one to compare on a machine that is shared.
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dsl
from evolve import (
    CellSpace,
    Evaluation,
    Individual,
    Plan,
    RegularizedEvolution,
    Search,
    Serial,
    Standing,
    Store,
    Task,
    loaded,
)
from experiments.bench.pace import pace

COUNT = 20_000
STRETCH = 2_000
POPULATION, SAMPLE = 100, 25


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a run: seconds by the wall and of the processor, and bytes that are resident."""

    wall: float
    processor: float
    memory: int


def mark() -> Mark:
    """Now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Mark(time.perf_counter(), time.process_time(), pages * resource.getpagesize())


@dataclass
class Marks:
    """An observer that looks at the clock after each stretch."""

    marks: list[Mark] = field(default_factory=lambda: [mark()])
    received: int = 0

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        """One more is finished."""
        self.received += 1
        if self.received % STRETCH == 0:
            self.marks.append(mark())


def evaluate(task: Task) -> Evaluation:
    """A fitness that is made up of the text."""
    return Evaluation(zlib.crc32(task.genotype.encode()) / 2**32, params=1, mult_adds=1)


def in_memory(count: int) -> list[Mark]:
    """The algorithm alone; the records of results are made before, since the second table counts them."""
    space = Language()
    algorithm = RegularizedEvolution(space, 0, population_size=POPULATION, sample_size=SAMPLE)
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
    """The whole loop with its database."""
    space = Language()
    marks = Marks()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        plan = Plan(count, 0, Path(os.devnull))
        Search(
            plan,
            RegularizedEvolution(space, 0, population_size=POPULATION, sample_size=SAMPLE),
            space,
            store,
            Serial(),
            evaluate,
            [marks],
        ).run()
    return marks.marks


class Language(CellSpace):
    """The space as the language alone has it: no child is resolved into a network to see that it can be built."""

    def __init__(self) -> None:
        space = dsl.load("nasnet.cell", {"N": 3, "F": 24}).space
        super().__init__(space, (32, 32, 3), 10, unfit=lambda genotype: None)


def _lines(name: str, marks: list[Mark]) -> Iterator[str]:
    yield f"{name:<28} {'a second (wall)':>16} {'a second (processor)':>22} {'bytes an individual':>21}"
    for number, (before, after) in enumerate(itertools.pairwise(marks)):
        wall, processor = STRETCH / (after.wall - before.wall), STRETCH / (after.processor - before.processor)
        grown = (after.memory - before.memory) / STRETCH
        stretch = f"{number * STRETCH + 1:,} to {(number + 1) * STRETCH:,}"
        yield f"  {stretch:<26} {wall:>16,.0f} {processor:>22,.0f} {grown:>21,.0f}"
    first, last = marks[1], marks[-1]
    done = STRETCH * (len(marks) - 2)
    if done:
        rates = done / (last.wall - first.wall), done / (last.processor - first.processor)
        grown = (last.memory - first.memory) / done
        yield f"  {'all but the first':<26} {rates[0]:>16,.0f} {rates[1]:>22,.0f} {grown:>21,.0f}"


def main(count: int) -> None:
    """Measures and prints the tables."""
    loaded.freeze()  # as the command does
    for name, run in (("in memory", in_memory), ("durable", durable)):
        print("\n".join(_lines(name, run(count))), flush=True)
        print(f"  {pace()}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
