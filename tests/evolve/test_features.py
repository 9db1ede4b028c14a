"""The features of a genotype, in spaces of cells, of growing networks, of steps and of genes."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import numpy as np
import pytest

import dsl
from dsl.identity.graphs import OpGraph
from evolve import CellSpace
from evolve.predictor.features import MOST_WEIGHTED, FeatureCache, Features, Named, name, pairs

IMAGES = (32, 32, 3)
CONV, POOL = "conv kernel=3x3 stride=1", "avg_pool kernel=2x2 stride=1"
# Two paths: the one through a convolution and a pooling, the other through the pooling only.
GRAPH = OpGraph((("input0", ()), (CONV, (0,)), (POOL, (0, 1))), (2,))


def features(graphs: Mapping[str, OpGraph], genes: Mapping[str, float | str]) -> Features:
    (found,) = FeatureCache().of([(graphs, genes)])
    return found


def of(graph: OpGraph) -> Features:
    return features({"0": graph}, {})


def by_name(numbers: Named, key: int = 0) -> dict[int, float]:
    """Returns numbers by their names; by the names within a graph if `key` is the name of the graph's key."""
    return dict(zip((numbers.names ^ key).tolist(), numbers.values.tolist(), strict=True))


def known(one: Features) -> tuple[dict[int, float], dict[int, float]]:
    return by_name(one.numbers), by_name(one.neighbourhoods)


def numbers_of(graph: OpGraph) -> dict[int, float]:
    return by_name(of(graph).numbers, name("0"))


def test_operations_and_pairs_of_them_are_counted() -> None:
    numbers = numbers_of(GRAPH)
    pair, end = pairs(np.array([name(CONV), name(POOL)]), np.array([name(POOL), name("output")])).tolist()
    assert (numbers[name(CONV)], numbers[pair], numbers[end]) == (1, 1, 1)
    assert (numbers[name("edges")], numbers[name("fan-in of the output")]) == (3, 1)


def test_paths_are_counted_by_their_weights_and_lengths() -> None:
    numbers = numbers_of(GRAPH)
    paths = [numbers.get(name(f"log of paths with {count} weighted")) for count in range(3)]
    assert paths == [math.log(2), math.log(2), None]
    assert [numbers[name(f"{which} path")] for which in ("shortest", "mean", "longest")] == [1, 1.5, 2]


def test_paths_with_many_weights_are_counted_together() -> None:
    chain = [("input0", ()), *((CONV, (place,)) for place in range(MOST_WEIGHTED + 2))]
    few, many = (numbers_of(OpGraph(tuple(chain[: length + 1]), (length,))) for length in (3, MOST_WEIGHTED + 2))
    assert few[name("log of paths with 3 weighted")] == math.log(2)
    assert many[name(f"log of paths with {MOST_WEIGHTED} weighted")] == math.log(2)
    assert many[name("longest path")] == MOST_WEIGHTED + 2


def test_settings_are_numbers() -> None:
    numbers = numbers_of(GRAPH)
    found = [numbers[name(f"{which} kernel")] for which in ("conv", "avg_pool")]
    assert found == pytest.approx([math.log(10), math.log(5)], abs=1e-6)


def test_neighbourhoods_do_not_depend_on_the_order() -> None:
    other = OpGraph((("input0", ()), (CONV, (0,)), (POOL, (1, 0))), (2,))
    assert known(of(GRAPH)) == known(of(other))
    deeper = OpGraph((("input0", ()), (POOL, (0,)), (CONV, (0, 1))), (2,))
    assert by_name(of(deeper).neighbourhoods) != by_name(of(GRAPH).neighbourhoods)


def test_the_graphs_of_a_genotype_have_names_of_their_own() -> None:
    both = features({"0": GRAPH, "1": GRAPH}, {})
    assert len(by_name(both.numbers)) == 2 * len(numbers_of(GRAPH))
    assert by_name(both.numbers).keys() > by_name(of(GRAPH).numbers).keys()


def test_names_are_equal_in_every_process() -> None:
    assert name("image") == 1155119914025011590
    assert pairs(np.array([1, -2]), np.array([3, 4])).tolist() == [2092789425003139053, 8081192715146949241]


@pytest.mark.parametrize("place", ["nasbench201.cell", "nasnet.cell", "large_scale.cell", "hierarchical.cell"])
def test_features_do_not_depend_on_what_they_are_made_with(place: str) -> None:
    space = CellSpace(dsl.load(place).space, IMAGES, 10)
    rng = random.Random(5)
    genotypes = [space.sample(rng) for _ in range(20)]
    together = list(map(known, space.features(genotypes)))
    alone = [known(*CellSpace(dsl.load(place).space, IMAGES, 10).features([genotype])) for genotype in genotypes]
    assert together == alone


def test_the_latest_graphs_are_kept() -> None:
    cache = FeatureCache(size=4)
    graphs = [OpGraph((("input0", ()), (f"conv kernel={size}x{size}", (0,))), (1,)) for size in range(1, 20)]
    alone = [known(of(graph)) for graph in graphs]
    assert [known(*cache.of([({"0": graph}, {})])) for graph in graphs] == alone
    assert len(cache) <= 4


def test_genes_are_features() -> None:
    numbers = by_name(features({}, {"learning_rate": 0.1, "momentum": 0, "optimizer": "adam"}).numbers)
    assert numbers == {
        name("gene learning_rate"): 0.1,
        name("gene learning_rate, log"): math.log(0.1),
        name("gene momentum"): 0,
        name("gene optimizer is adam"): 1,
    }


@pytest.mark.parametrize(
    "name", ["nasbench201.cell", "nasnet.cell", "large_scale.cell", "mobilenet_space.cell", "hierarchical.cell"]
)
def test_features_follow_from_the_text_and_tell_networks_apart(name: str) -> None:
    space = CellSpace(dsl.load(name).space, IMAGES, 10)
    rng = random.Random(3)
    genotype = space.sample(rng)
    found: dict[tuple[str, str], tuple[dict[int, float], dict[int, float]]] = {}
    for _ in range(30):
        genotype = space.draft(genotype, rng).genotype
        (one,) = space.features([genotype])
        made = found[space.network(genotype)] = known(one)
        assert known(*space.features([space.read(space.text(genotype))])) == made
        assert all(map(math.isfinite, made[0].values()))
    different = {(tuple(sorted(numbers.items())), tuple(sorted(around))) for numbers, around in found.values()}
    assert len(different) >= 0.8 * len(found)
