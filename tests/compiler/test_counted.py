"""Built networks have the number of trainable parameters that `cost` counts from the text: children of every space."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import compiler
import dsl
from compiler import requirement
from dsl import shipped_cells
from dsl.primitives import ZERO
from tests.compiler.shipped import side

FILES = [path for path in sorted(shipped_cells().glob("*.cell")) if dsl.load(path).space.mutations]
SPACES = {
    (space.mutations, tuple(space.values)): path for path in FILES for space in [dsl.load(path).space]
}  # by rules
Shape = tuple[int, int, int]
SHAPE, CLASSES = (16, 16, 3), 7


def children(genotype: dsl.Genotype, seed: int, length: int, shape: Shape = SHAPE) -> Iterator[dsl.Genotype]:
    """Returns a chain of children, each made from the one before."""
    rng, check = random.Random(seed), requirement(genotype.space, shape, CLASSES)
    for _ in range(length):
        genotype = dsl.mutate(genotype, rng, check).genotype
        yield genotype


def small(path: Path) -> dsl.Genotype:
    known = dsl.load(path).space.params
    return dsl.load(path, {name: value for name, value in {"N": 1, "F": 8}.items() if name in known})


def shape_for(path: Path) -> Shape:
    """Returns the shape of images on which a file can be built."""
    return (side(path, SHAPE[0]), side(path, SHAPE[1]), SHAPE[2])


def agrees(genotype: dsl.Genotype, shape: Shape = SHAPE) -> None:
    graph = compiler.resolve(genotype, shape, CLASSES)
    model = compiler.lower(graph)
    built = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    assert built == compiler.cost(genotype, shape, CLASSES).params


@pytest.mark.parametrize("path", SPACES.values(), ids=lambda path: path.name)
def test_a_descendant_has_the_parameters_that_it_costs(path: Path) -> None:
    *_, last = children(small(path), 5, 30, shape_for(path))
    agrees(last, shape_for(path))


def test_a_network_that_grew_has_the_parameters_that_it_costs() -> None:
    grown = list(children(small(shipped_cells() / "large_scale.cell"), 1, 120))
    largest = max(grown, key=lambda genotype: len(genotype.cell("net").nodes))
    assert len(largest.cell("net").nodes) >= 8
    agrees(largest)


def weights_of(genotype: dsl.Genotype, shape: Shape) -> Counter[tuple[str, tuple[int, ...]]]:
    graph = compiler.resolve(genotype, shape, CLASSES)
    return Counter((weight.kind, weight.shape) for step in graph.steps for _, weight in step.weights())


# Edges of zeros are built and are no part of the fingerprint, so spaces with zeros are left out.
WITHOUT_ZEROS = [path for path in SPACES.values() if ZERO not in dsl.load(path).space.text()]


@pytest.mark.parametrize("path", WITHOUT_ZEROS, ids=lambda path: path.name)
def test_individuals_with_one_fingerprint_have_equal_weights(path: Path) -> None:
    seed, shape, found = small(path), shape_for(path), dict[str, Counter[tuple[str, tuple[int, ...]]]]()
    for number in range(12):
        for genotype in children(seed, number, 4, shape):
            weights = weights_of(genotype, shape)
            assert found.setdefault(dsl.fingerprint(genotype), weights) == weights


@pytest.mark.full
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_of_a_chain_have_the_parameters_that_they_cost(path: Path) -> None:
    for genotype in children(small(path), 6, 40, shape_for(path)):
        agrees(genotype, shape_for(path))
