"""Fitness functions without training. A gin file names one as tests.evolve.made_up:FUNCTION."""

from __future__ import annotations

import math
import random
import sys
import time

import dsl
from compiler import CompileError
from evolve import Evaluation, Task
from evolve.fitness.base import Fitness

FAILING: frozenset[int] = frozenset()  # the random seeds for which `unlucky` fails, which a test replaces


def separables(genotype: dsl.Genotype, seed: int) -> float:
    """Returns a fitness that grows with the separable convolutions in the text, and a little noise."""
    return genotype.text().count("sep_conv") / 20 + seed % 1000 / 1e6


def slow(genotype: dsl.Genotype, seed: int) -> float:
    """Returns the fitness of `separables` after a tenth of a second, in which a test can interrupt the search."""
    time.sleep(0.1)
    return separables(genotype, seed)


def refused(genotype: dsl.Genotype, seed: int) -> float:
    """Raises the error of a network that cannot be built."""
    raise CompileError("there is no such layer")


def out_of_memory(genotype: dsl.Genotype, seed: int) -> float:
    """Raises the error of a network that does not fit into the memory."""
    raise MemoryError


def not_a_number(genotype: dsl.Genotype, seed: int) -> float:
    """Returns the fitness of a training that diverged."""
    return math.nan


def bug(genotype: dsl.Genotype, seed: int) -> float:
    """Raises an error that a search does not expect."""
    raise KeyError("a bug")


def all_equal(genotype: dsl.Genotype, seed: int) -> float:
    """Returns the same fitness for all, so that their size decides."""
    return 0.5


def errors(genotype: dsl.Genotype, seed: int) -> dict[str, float]:
    """Returns metrics without a fitness: an error that falls with the separable convolutions, and a time."""
    return {"errors": 50.0 - genotype.text().count("sep_conv"), "watts": seed % 100 / 10}


def negative(genotype: dsl.Genotype, seed: int) -> float:
    """Returns fitnesses below 0, and fails for some individuals."""
    if seed % 5 == 0:
        raise CompileError("there is no such layer")
    return separables(genotype, seed) - 100


def evaluated(fitness: Fitness, task: Task) -> tuple[Evaluation, bool]:
    """Returns an evaluation, and whether the worker has imported TensorFlow for it."""
    return fitness.evaluate(task), "tensorflow" in sys.modules


def convolutions(genotype: dsl.Genotype, seed: int) -> float:
    """Returns the accuracy of `tests.evolve.asking`."""
    return genotype.text().count("conv[3x3]") / 8 + seed % 1000 / 1e5


def noisy(genotype: dsl.Genotype, seed: int) -> float:
    """Returns a fitness that is mostly luck, which follows from the random seed."""
    return random.Random(seed).gauss(0.5, 0.1) + genotype.text().count("sep_conv") / 1000


def unlucky(genotype: dsl.Genotype, seed: int) -> float:
    """Returns the fitness of `noisy`, and fails for the random seeds `FAILING`."""
    if seed in FAILING:
        raise CompileError("there is no such layer\nand a second line")
    return noisy(genotype, seed)
