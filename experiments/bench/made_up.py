"""The search of the paper with a made-up fitness. Several benchmarks of the driver run this search."""

from __future__ import annotations

import zlib

import dsl
from evolve import CellSpace, Evaluation, RegularizedEvolution, Task

POPULATION, SAMPLE = 100, 25


def evolution(space: CellSpace) -> RegularizedEvolution[dsl.Genotype]:
    """Returns the algorithm with the paper's population and tournament samples."""
    return RegularizedEvolution(space, 0, population_size=POPULATION, sample_size=SAMPLE)


def evaluate(task: Task) -> Evaluation:
    """Returns an evaluation whose fitness is computed from the letters of the genotype."""
    return Evaluation(_share(task.genotype), params=1, mult_adds=1)


def fitness(genotype: dsl.Genotype, seed: int) -> float:
    """Returns the same fitness of a genotype, for `search.fitness = 'experiments.bench.made_up:fitness'`."""
    return _share(genotype.text())


def _share(text: str) -> float:
    return zlib.crc32(text.encode()) / 2**32
