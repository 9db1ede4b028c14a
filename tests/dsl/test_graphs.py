"""The graphs of a genotype: live operations with their whole texts, equal for equal networks."""

from __future__ import annotations

import random

import pytest

import dsl
from dsl.identity.graphs import graphs

SPACE = """
op identity = skip
values ops = {{ conv[3x3], avg_pool[3x3], identity, none }}
cell net(x) {{
  a = {a}(x)
  b = {b}(x) + avg_pool[3x3](a)
  return b
}}
network {{
  body: net[8], net[8]
  head: global_avg_pool | dense[classes]
}}
mutation op {{ choose n in net.nodes, t in n.terms  t.op = any(other ops) }}
"""


def texts(a: str, b: str) -> list[tuple[str, tuple[int, ...]]]:
    """Returns the operations of the cell, without their settings, and what they read."""
    graph = graphs(dsl.loads(SPACE.format(a=a, b=b)))["0"]
    return [(text.split(" ")[0], reads) for text, reads in graph.operations]


def test_a_cell_is_a_graph_of_its_operations() -> None:
    assert texts("conv[3x3]", "conv[3x3]") == [
        ("input0", ()), ("conv", (0,)), ("conv", (0,)), ("avg_pool", (1,)),
    ]  # fmt: skip


def test_identities_and_dead_operations_are_left_out() -> None:
    assert texts("identity", "none") == [("input0", ()), ("avg_pool", (0,))]
    assert texts("none", "conv[3x3]") == [("input0", ()), ("conv", (0,))]


def test_the_steps_are_a_graph_too() -> None:
    network = graphs(dsl.loads(SPACE.format(a="identity", b="none")))["network"]
    assert [text.split(" ")[0] for text, _ in network.operations] == ["<0>", "<0>", "global_avg_pool|dense"]
    assert network.output == (2,)


def test_cells_within_operations_have_graphs() -> None:
    found = graphs(dsl.load("hierarchical.cell"))
    assert {"network", "0"} < found.keys()
    assert any("m1" in text for graph in found.values() for text, _ in graph.operations)


@pytest.mark.parametrize("name", ["nasnet.cell", "large_scale.cell", "mobilenet_space.cell", "neat.cell"])
def test_every_operation_reads_earlier_ones(name: str) -> None:
    rng = random.Random(0)
    genotype = dsl.sample(dsl.load(name).space, rng)
    for _ in range(20):
        genotype = dsl.mutate(genotype, rng).genotype
        for graph in graphs(genotype).values():
            for place, (_, reads) in enumerate(graph.operations):
                assert all(read < place for read in reads)
            assert all(place < len(graph.operations) for place in graph.output)
