"""Fitnesses that train nothing; a gin file names them as tests.evolve.made_up:FUNCTION."""

from __future__ import annotations

import math
import sys
import time

import dsl
from compiler import CompileError
from evolve import Evaluation, Task
from evolve.fitness.base import Fitness


def separables(genotype: dsl.Genotype, seed: int) -> float:
    """How much of the text is separable convolutions, and a little luck."""
    return genotype.text().count("sep_conv") / 20 + seed % 1000 / 1e6


def slow(genotype: dsl.Genotype, seed: int) -> float:
    """The same, with time to interrupt it."""
    time.sleep(0.1)
    return separables(genotype, seed)


def refused(genotype: dsl.Genotype, seed: int) -> float:
    """Nothing can be built."""
    raise CompileError("there is no such layer")


def out_of_memory(genotype: dsl.Genotype, seed: int) -> float:
    """Nothing fits."""
    raise MemoryError


def not_a_number(genotype: dsl.Genotype, seed: int) -> float:
    """Everything diverges."""
    return math.nan


def bug(genotype: dsl.Genotype, seed: int) -> float:
    """What nobody foresaw."""
    raise KeyError("a bug")


def all_equal(genotype: dsl.Genotype, seed: int) -> float:
    """What decides is size."""
    return 0.5


def evaluated(fitness: Fitness, task: Task) -> tuple[Evaluation, bool]:
    """Returns an evaluation, and whether the worker has imported TensorFlow for it."""
    return fitness.evaluate(task), "tensorflow" in sys.modules
