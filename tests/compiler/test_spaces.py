"""Every shipped space: children are costed and built, and learn in one step."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import requirement
from compiler.layers.model import build_layers, forward
from dsl import shipped_cells
from dsl.check.verify import verify_genotype
from dsl.rules.sample import unfit
from tests.dsl.genotypes import SAMPLED, with_crossovers

SMALL = {"N": 1, "F": 8, "alpha": 0.25}
FILES = [path for path in sorted(shipped_cells().glob("*.cell")) if dsl.load(path).space.mutations]
# Spaces whose rules change steps and genes of a network, with a crossover.
NETWORKS = ("mobilenet_space.cell", "regnet_space.cell", "convnext_space.cell")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_descendant_is_costed_and_trains_a_step(path: Path) -> None:
    genotype = small(path)
    rng, check = random.Random(3), requirement(genotype.space, (32, 32, 3), 10)
    for _ in range(12):
        genotype = dsl.mutate(genotype, rng, check).genotype
    graph = compiler.resolve(genotype, (32, 32, 3), 10)
    layers = build_layers(graph)
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    assert sum(int(np.prod(variable.shape)) for variable in variables) == compiler.graph_cost(graph).params
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(forward(layers, tf.random.normal((2, 32, 32, 3)), training=True)[-1] ** 2)
    gradients = tape.gradient(loss, variables)
    assert all(gradient is not None for gradient in gradients)
    assert np.isfinite(float(loss))


def check_individuals(name: str, count: int, built: int) -> None:
    """Checks children of two parents, mutated children and samples of a space for images of 224x224."""
    seed, shape, classes = dsl.load(name), (224, 224, 3), 1000
    rng, check = random.Random(name), requirement(seed.space, shape, classes)
    found, crossed = [seed], 0
    for number in range(1, count + 1):
        parent, mate = rng.choice(found[-30:]), rng.choice(found[-30:])
        child = dsl.mutate(parent, rng, check, mate=mate, born=number)
        found.append(child.genotype)
        crossed += child.crossed
    assert 0 < crossed < count
    found += [dsl.sample(seed.space, rng, check=check) for _ in range(count)]
    for genotype in found:
        assert unfit(genotype, check) is None
        again = dsl.loads(genotype.standalone())
        assert again == genotype == seed.space.genotype(genotype.text())
        assert dsl.fingerprint(again) == dsl.fingerprint(genotype)
        assert compiler.cost(again, shape, classes) == compiler.cost(genotype, shape, classes)
    for genotype in rng.sample(found, built):
        check_built(genotype)


@pytest.mark.parametrize("name", NETWORKS)
def test_individuals_of_a_space_of_networks(name: str) -> None:
    check_individuals(name, 8, 1)


@pytest.mark.full
@pytest.mark.parametrize("name", NETWORKS)
def test_2000_individuals_of_a_space_of_networks(name: str) -> None:
    check_individuals(name, 2000, 5)


def check_children(seed: dsl.Genotype, count: int) -> None:
    """Checks children of one or two parents from a line of descent of a space, and builds one in a thousand."""
    rng, check = random.Random(0), requirement(seed.space, (32, 32, 3), 10)
    pair = [seed, seed]
    for number in range(1, count + 1):
        parent, mate = rng.sample(pair, 2)
        mate_or_none = mate if parent.space.has_crossover else None
        genotype = dsl.mutate(parent, rng, check, mate=mate_or_none, born=number).genotype
        assert not verify_genotype(genotype)
        again = genotype.space.genotype(genotype.text())
        assert again == genotype
        assert dsl.fingerprint(again) == dsl.fingerprint(genotype)
        if number % 10 == 0:
            alone = dsl.loads(genotype.standalone())
            assert alone == genotype
            assert dsl.fingerprint(alone) == dsl.fingerprint(genotype)
            assert compiler.cost(alone, (32, 32, 3), 10) == compiler.cost(genotype, (32, 32, 3), 10)
        if number % 1000 == 500:
            check_built(genotype)
        pair[rng.randrange(2)] = genotype
        if number % 250 == 0:  # The networks of a long line are large, and each step takes longer.
            pair = [seed, seed]


def check_built(genotype: dsl.Genotype) -> None:
    """Checks that a network has as many weights as its cost says."""
    graph = compiler.resolve(genotype, (32, 32, 3), 10)
    variables = [variable for layer in build_layers(graph) for variable in layer.trainable_variables]
    assert sum(int(np.prod(variable.shape)) for variable in variables) == compiler.graph_cost(graph).params


def small(path: Path) -> dsl.Genotype:
    """Returns the seed of a space, with few cells and filters."""
    params = dsl.load(path).space.params
    return dsl.load(path, {name: value for name, value in SMALL.items() if name in params})


# All spaces with mutation rules, and those without a crossover once more with one.
SPACES: dict[str, Callable[[], dsl.Genotype]] = {
    **{path.name: partial(small, path) for path in FILES},
    **{f"{name} with crossovers": partial(with_crossovers, name, mutates=True) for name in SAMPLED[:-1]},
}


@pytest.mark.parametrize("space", SPACES)
def test_children_of_every_space(space: str) -> None:
    check_children(SPACES[space](), 10)


@pytest.mark.full
@pytest.mark.parametrize("space", SPACES)
def test_100_000_children_of_all_spaces(space: str) -> None:
    check_children(SPACES[space](), math.ceil(100_000 / len(SPACES)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_crossover_of_equal_parents_is_the_parent(name: str) -> None:
    text = dsl.load(name).standalone()
    assert text.count("  mutate\n") == 1
    seed, rng = dsl.loads(text.replace("  mutate\n", "\n")), random.Random(4)
    crossed = [child for child in (dsl.mutate(seed, rng, mate=seed) for _ in range(40)) if child.crossed]
    assert crossed
    assert all(child.genotype == seed for child in crossed)
