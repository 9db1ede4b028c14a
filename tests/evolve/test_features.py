"""The features of a genotype, in spaces of cells, of growing networks, of steps and of genes."""

from __future__ import annotations

import math
import random

import pytest

import dsl
from dsl.identity.graphs import OpGraph
from evolve import CellSpace
from evolve.predictor.features import Features, features

IMAGES = (32, 32, 3)
CONV, POOL = "conv kernel=3x3 stride=1", "avg_pool kernel=2x2 stride=1"
# Two paths: the one through a convolution and a pooling, the other through the pooling only.
GRAPH = OpGraph((("input0", ()), (CONV, (0,)), (POOL, (0, 1))), (2,))


def of(graph: OpGraph) -> Features:
    return features({"0": graph}, {})


def test_operations_and_pairs_of_them_are_counted() -> None:
    numbers = of(GRAPH).numbers
    assert (numbers[f"0: {CONV}"], numbers[f"0: {CONV} > {POOL}"], numbers[f"0: {POOL} > output"]) == (1, 1, 1)
    assert (numbers["0: edges"], numbers["0: fan-in of the output"]) == (3, 1)


def test_paths_are_counted_by_their_weights_and_lengths() -> None:
    numbers = of(GRAPH).numbers
    assert numbers["0: log of paths with 0 weighted"] == numbers["0: log of paths with 1 weighted"] == math.log(2)
    assert (numbers["0: shortest path"], numbers["0: mean path"], numbers["0: longest path"]) == (1, 1.5, 2)


def test_settings_are_numbers() -> None:
    numbers = of(GRAPH).numbers
    assert numbers["0: conv kernel"] == math.log(10) and numbers["0: avg_pool kernel"] == math.log(5)


def test_neighbourhoods_do_not_depend_on_the_order() -> None:
    other = OpGraph((("input0", ()), (CONV, (0,)), (POOL, (1, 0))), (2,))
    assert of(GRAPH) == of(other)
    deeper = OpGraph((("input0", ()), (POOL, (0,)), (CONV, (0, 1))), (2,))
    assert of(deeper).neighbourhoods != of(GRAPH).neighbourhoods


def test_genes_are_features() -> None:
    numbers = features({}, {"learning_rate": 0.1, "momentum": 0, "optimizer": "adam"}).numbers
    assert numbers == {
        "gene learning_rate": 0.1,
        "gene learning_rate, log": math.log(0.1),
        "gene momentum": 0,
        "gene optimizer is adam": 1,
    }


@pytest.mark.parametrize(
    "name", ["nasbench201.cell", "nasnet.cell", "large_scale.cell", "mobilenet_space.cell", "hierarchical.cell"]
)
def test_features_follow_from_the_text_and_tell_networks_apart(name: str) -> None:
    space = CellSpace(dsl.load(name).space, IMAGES, 10)
    rng = random.Random(3)
    genotype = space.sample(rng)
    found: dict[tuple[str, str], Features] = {}
    for _ in range(30):
        genotype = space.draft(genotype, rng).genotype
        made = found[space.network(genotype)] = space.features(genotype)
        assert space.features(space.read(space.text(genotype))) == made
        assert all(math.isfinite(value) for value in made.numbers.values())
    different = {(tuple(sorted(one.numbers.items())), tuple(sorted(one.neighbourhoods))) for one in found.values()}
    assert len(different) >= 0.8 * len(found)
