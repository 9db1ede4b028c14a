"""Exact costs from the text of a network."""

from __future__ import annotations

import random
from typing import Any

import pytest

import compiler
import dsl
from compiler.graph import resolve
from compiler.graph.cost import shares, weight_values
from dsl.space.expand import walk
from tests.compiler.shipped import FILES, side

CIFAR = (32, 32, 3)


@pytest.mark.parametrize(
    ("edges", "size", "mult_adds"),
    [("1x1", 241_306, None), ("3x3, skip on 0->3", 1_288_506, 184_730_240)],
)
def test_cells_of_nasbench201_have_their_published_sizes(edges: str, size: int, mult_adds: int | None) -> None:
    if edges == "1x1":
        body = "a = {0}(x)\n b = {0}(x) + {0}(a)\n c = {0}(x) + {0}(a) + {0}(b)".format("relu_conv[1x1]")
    else:
        body = "a = {0}(x)\n b = {0}(x) + {0}(a)\n c = skip(x) + {0}(a) + {0}(b)".format("relu_conv[3x3]")
    genotype = dsl.loads(f'include "nasbench201.cell"\ncell net(x) {{\n {body}\n return c\n}}')
    found = compiler.cost(genotype, CIFAR, 10)
    assert found.params == size
    assert mult_adds in (None, found.mult_adds)


def test_every_shipped_file_has_a_cost() -> None:
    for path in FILES:
        assert compiler.cost(dsl.load(path), (side(path, 64), side(path, 64), 3), 10).params > 0


HAND = """
cell net(here, before) {
  a = conv[3x3, filters=6](here) + skip(before) | relu
  b = depthwise[5x5](a) | conv[1x1] | batch_norm
  return concat(a, b)
}
network {
  stem: conv[3x3, stride=2, filters=6]
  body: net[6], factorized_conv[stride=2, filters=5]
  head: global_avg_pool | dense[classes]
}
"""


def test_a_cost_by_hand() -> None:
    found = compiler.cost(dsl.loads(HAND), (16, 16, 3), 10)
    stem, a, b = 8 * 8 * 9 * 3 * 6, 8 * 8 * 9 * 6 * 6, 8 * 8 * (25 * 6 + 6 * 6)
    factorized, dense = 4 * 4 * 12 * 5, 5 * 10
    assert found.mult_adds == stem + a + b + factorized + dense
    assert found.params == 9 * 3 * 6 + 9 * 6 * 6 + 25 * 6 + 6 * 6 + 2 * 6 + 12 * 5 + (5 * 10 + 10)
    assert found.depth == 6  # stem, a, both of b, factorized, dense
    values = 8 * 8 * 6
    assert found.activations == values + 3 * values + 3 * values + 2 * values + 4 * 4 * 5 + 5 + 10


def test_a_dilated_or_strided_kernel_by_hand() -> None:
    text = "network {{ body: {} head: global_avg_pool | dense[classes] }}"
    for pipe, params, mult_adds in (
        ("conv[1x7, stride_x=2, filters=4]", 7 * 3 * 4, 9 * 5 * 7 * 3 * 4),
        ("conv[3x3, padding=valid, stride=2, filters=4]", 27 * 4, 4 * 4 * 27 * 4),
        ("conv[3x3, dilation=2, padding=valid, filters=4]", 27 * 4, 5 * 5 * 27 * 4),
        ("conv[full, filters=4]", 81 * 3 * 4, 81 * 3 * 4),
        ("conv[3x3, depth=1.5]", 27 * 5, 81 * 27 * 5),  # 1.5 * 3 channels, rounded half up
        ("depthwise[3x1, stride=2]", 3 * 3, 5 * 5 * 3 * 3),
        ("batch_norm", 6, 0),
        ("max_pool[3x3] | relu | dropout[rate=0.5]", 0, 0),
    ):
        genotype = dsl.loads(text.format(pipe))
        found, head = compiler.cost(genotype, (9, 9, 3), 2), compiler.resolve(genotype, (9, 9, 3), 2).steps[-1]
        dense = head.input_shapes[0][-1] * 2
        assert (found.params - dense - 2, found.mult_adds - dense) == (params, mult_adds), pipe


def test_depth_is_the_longest_way() -> None:
    text = """cell net(x) {{
      a = conv[3x3](x)
      b = conv[3x3](a) + conv[1x1](x)
      c = {}(x)
      return concat(b, c)
    }}
    network {{ body: net[4] * {} head: global_avg_pool | dense[classes] }}"""
    for op, times, depth in (("max_pool[3x3]", 1, 3), ("max_pool[3x3]", 3, 7), ("batch_norm", 1, 3), ("skip", 0, 1)):
        assert compiler.cost(dsl.loads(text.format(op, times)), (8, 8, 1), 2).depth == depth
    path = "network { body: conv[3x3, filters=2] | depthwise[3x3] | relu | conv[1x1] head: global_avg_pool | dense[2] }"
    assert compiler.cost(dsl.loads(path), (8, 8, 1), 2).depth == 4


def test_the_shares_of_cells_add_up() -> None:
    for file, names in (
        ("amoebanet_a.cell", ["stem", "cell normal", "cell reduction", "head"]),
        ("nasbench101.cell", ["stem", "cell net", "body", "head"]),
        ("large_scale.cell", ["cell net", "head"]),
    ):
        graph = compiler.resolve(dsl.load(file), CIFAR, 10)
        found, total = shares(graph), compiler.graph_cost(graph)
        assert [share.name for share in found] == names
        assert sum(share.steps for share in found) == len(graph.steps)
        for count in ("params", "mult_adds", "activations"):
            assert sum(getattr(share, count) for share in found) == getattr(total, count)


def test_weights_are_parameters_and_statistics() -> None:
    """Keras' NASNetLarge of 1,000 classes has 88,949,818 weights, 88,753,150 of them trainable."""
    graph = compiler.resolve(dsl.load("nasnet_a_large.cell"), (331, 331, 3), 1000)
    assert (weight_values(graph), compiler.graph_cost(graph).params) == (88_949_818, 88_753_150)


def test_operations_are_expanded_once_however_deep_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer stack of cells expands no further operation. This keeps the time of counting a cell small."""
    expanded = []

    def counted(op: Any, *arguments: Any) -> Any:
        expanded.append(op.name)
        return walk(op, *arguments)

    monkeypatch.setattr(resolve, "walk", counted)
    lengths = []
    for n in (4, 40):
        expanded.clear()
        graph = compiler.resolve(dsl.load("amoebanet_a.cell", {"N": n, "F": 8}), CIFAR, 10)
        assert graph.cells == 3 * n + 2
        lengths.append(len(expanded))
    assert lengths[0] == lengths[1] < 200


def test_unused_nodes_cost_nothing() -> None:
    text = 'include "nasbench201.cell"\ncell net(x) {{\n a = relu_conv[3x3](x){}\n return a\n}}'
    alive, dead = (dsl.loads(text.format(extra)) for extra in ("", "\n dead = relu_conv[3x3](a)"))
    assert compiler.cost(alive, CIFAR, 10) == compiler.cost(dead, CIFAR, 10)


def test_the_auxiliary_head_costs_nothing() -> None:
    genotype = dsl.load("amoebanet_a.cell", {"N": 1, "F": 8})
    plain = compiler.resolve(genotype, CIFAR, 10)
    full = compiler.resolve(genotype, CIFAR, 10, auxiliary=True)
    assert len(full.auxiliary) == 1
    assert compiler.graph_cost(full) == compiler.graph_cost(plain)


@pytest.mark.parametrize(
    ("file", "overlays", "size", "map_size"),
    [
        ("nasnet.cell", (), 32, 4),
        ("pnasnet_5.cell", (), 32, 4),
        ("darts.cell", (), 32, 2),
        ("amoebanet_a.cell", ("imagenet.cell",), 224, 4),
        ("pnasnet_5.cell", ("imagenet.cell",), 331, 6),
        ("nasnet_a_large.cell", (), 331, 6),
        ("darts_imagenet.cell", (), 224, 2),
    ],
)
def test_every_network_of_the_space_has_its_auxiliary_head(
    file: str, overlays: tuple[str, ...], size: int, map_size: int
) -> None:
    """The full convolution shrinks to the pooled map: 4x4 in networks of NASNet, 2x2 in those of DARTS."""
    genotype = dsl.load(file, {"N": 2, "F": 24}, overlays)
    (head,) = compiler.resolve(genotype, (size, size, 3), 10, auxiliary=True).auxiliary
    pooled = next(operation for operation in head.operations if operation.primitive == "avg_pool")
    assert (pooled.shape[:2], head.shape) == ((map_size, map_size), (10,))


def test_random_genotypes_resolve() -> None:
    rng = random.Random(1)
    space = dsl.load("nasnet.cell", {"N": 1, "F": 8}).space
    for _ in range(50):
        assert compiler.cost(dsl.sample(space, rng), (8, 8, 1), 10).params > 1000
