"""The canonical form of graphs in which vertices look alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import pytest

from dsl.identity.canonical import Sum, Vertex, canonical

Graph = tuple[list[Vertex], Sum]


def pairs_of(edges: Sequence[tuple[int, int]]) -> Graph:
    """Returns operations with weights on one input, and for each pair of them an operation that reads both."""
    count = 1 + max(max(edge) for edge in edges)
    vertices: list[Vertex] = [("input", (), False), *[("conv", ((0,),), False)] * count]
    vertices += [("pool", (tuple(sorted((one + 1, other + 1))),), False) for one, other in edges]
    return vertices, tuple(range(count + 1, len(vertices)))


def rings(*lengths: int) -> Graph:
    """Returns the graph of pairs of neighbours in several rings."""
    edges: list[tuple[int, int]] = []
    for length in lengths:
        first = len(edges)
        edges += [(first + place, first + (place + 1) % length) for place in range(length)]
    return pairs_of(edges)


def cubic(step: int) -> Graph:
    """Returns the graph of a ring of five and five more: Petersen's graph with the step 2, a prism with the step 1."""
    edges = [(place, (place + 1) % 5) for place in range(5)] + [(place, place + 5) for place in range(5)]
    return pairs_of([*edges, *[(place + 5, (place + step) % 5 + 5) for place in range(5)]])


def rook() -> Graph:
    """Returns the graph of the squares of a board of 4x4 that a rook connects."""
    squares = [(row, column) for row in range(4) for column in range(4)]
    edges = [(one, other) for one in range(16) for other in range(one)
             if (squares[one][0] == squares[other][0]) != (squares[one][1] == squares[other][1])]  # fmt: skip
    return pairs_of(edges)


def shrikhande() -> Graph:
    """Returns a graph with the same numbers of common neighbours as that of the rook."""
    steps = ((0, 1), (1, 0), (1, 1))
    return pairs_of([
        (4 * row + column, 4 * ((row + down) % 4) + (column + right) % 4)
        for row in range(4) for column in range(4) for down, right in steps
    ])  # fmt: skip


def all_but_one(count: int) -> Graph:
    """Returns operations that read all of as many others but one."""
    vertices: list[Vertex] = [("input", (), False), *[("conv", ((0,),), False)] * count]
    others = [tuple([one for one in range(1, count + 1) if one != place]) for place in range(1, count + 1)]
    return [*vertices, *[("pool", (read,), False) for read in others]], tuple(range(count + 1, 2 * count + 1))


def branches(count: int, chain: int) -> Graph:
    """Returns equal branches, each of which ends in a sum that reads a vertex twice, and a long chain."""
    vertices: list[Vertex] = [("input", (), False)]
    output: list[int] = []
    for _ in range(count):
        first = len(vertices)
        vertices += [("conv", ((0,),), False), ("conv", ((first,),), False)]
        output += [first, first + 1]
    for place in range(chain):
        vertices.append((f"chain {place % 7}", ((len(vertices) - 1,),), False))
    return vertices, (*output, len(vertices) - 1)


def products(*, crossed: bool) -> Graph:
    """Returns the product of two sums. With `crossed`, what the terms of one sum read stands in one more sum."""
    vertices: list[Vertex] = [("input", (), False), *[("conv", ((0,),), False)] * 2]
    vertices += [("a", ((1,),), False), ("a", ((2,),), False), ("b", ((1,),), False), ("b", ((2,),), False)]
    sums = ((3, 6), (4, 5)) if crossed else ((3, 5), (4, 6))
    return [*vertices, ("multiply", sums, False)], (7,)


def renumbered(graph: Graph, rng: random.Random) -> Graph:
    """Returns the graph with its vertices, and the sums whose order has no meaning, in another order."""
    vertices, output = graph
    places: dict[int, int] = {}
    found: list[Vertex] = []
    while len(found) < len(vertices):
        ready = [index for index, (_, groups, _) in enumerate(vertices)
                 if index not in places and all(read in places for group in groups for read in group)]  # fmt: skip
        index = rng.choice(ready)
        label, groups, ordered = vertices[index]
        sums = [tuple(sorted([places[read] for read in group])) for group in groups]
        if not ordered:
            rng.shuffle(sums)
        places[index] = len(found)
        found.append((label, tuple(sums), ordered))
    return found, tuple(sorted([places[index] for index in output]))


DIFFERENT: list[Callable[[], Graph]] = [
    lambda: rings(8), lambda: rings(4, 4), lambda: rings(3, 5), lambda: cubic(1), lambda: cubic(2), rook, shrikhande,
    lambda: all_but_one(9), lambda: branches(9, 3), lambda: products(crossed=True), lambda: products(crossed=False),
]  # fmt: skip


def test_graphs_whose_vertices_look_alike_have_other_texts() -> None:
    assert len({canonical(*make()) for make in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("make", DIFFERENT)
def test_the_text_does_not_depend_on_the_numbers_of_vertices(make: Callable[[], Graph]) -> None:
    graph, rng = make(), random.Random(1)
    assert {canonical(*renumbered(graph, rng)) for _ in range(4)} == {canonical(*graph)}


def test_many_vertices_that_look_alike_take_little_time() -> None:
    start = time.process_time()
    for graph in (branches(7, 400), branches(500, 10), rings(100), rings(*[4] * 50), all_but_one(40)):
        canonical(*graph)
    assert time.process_time() - start < 5
