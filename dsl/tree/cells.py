"""The parts of a cell, one frozen dataclass for each, and the edges in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dsl.primitives import JOINS, PRODUCT, SUM
from dsl.tree.expressions import Any, Expression, Formal, Op, Pipe
from dsl.values import Syntax


@dataclass(frozen=True, slots=True)
class Wire(Syntax):
    """A term that is a state without an operation. `label` is None if the term has no label other than its place."""

    state: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Syntax):
    """A term that is an operation on one term, or a join such as `concat` on several terms."""

    op: Op | Any
    arguments: tuple[Term, ...]
    label: str | None = None


Term = Wire | Call


@dataclass(frozen=True, slots=True)
class Flow(Syntax):
    """A sum of terms and the operations that follow it.

    Attributes:
      terms: the terms of the sum.
      tail: the operations that follow the sum.
      reads: the states of all edges in order, including edges that are `none`.
      places: the places of the edges. The word `unused` stands for states and is not an edge, so it has no place here.
      size: the number of operations.
    """

    terms: tuple[Term, ...]
    tail: Pipe = ()
    reads: tuple[str, ...] = field(init=False, compare=False, repr=False)
    places: tuple[tuple[int, ...], ...] = field(init=False, compare=False, repr=False)
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A search needs these attributes of every flow of every child. They are computed once for each flow, and a
        # child shares most flows with its parent.
        reads: list[str] = []
        places: list[tuple[int, ...]] = []
        size = len(self.tail)
        for index, term in enumerate(self.terms):
            size += _note_edges(term, (index,), reads, places)
        object.__setattr__(self, "reads", tuple(reads))
        object.__setattr__(self, "places", tuple(places))
        object.__setattr__(self, "size", size)


@dataclass(frozen=True, slots=True)
class Node(Syntax):
    """`a = conv[3x3](x) + skip(b)`: a state of a cell, and the flow that computes it."""

    name: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class Input(Syntax):
    """An input of a cell.

    `here: project` applies the operation once, `x: each conv_bn[1x1]` for each edge that reads it.
    """

    name: str
    kind: Op | None = None
    each: bool = False


@dataclass(frozen=True, slots=True)
class Cell(Syntax):
    """`cell normal(x) { ... return a }`: the inputs and nodes of a cell, and `output`, the flow of its return.

    `settings` has the settings of a cell with brackets, which may be none: `cell block[kernel](x)`, `cell layer[](x)`.
    It is None for a cell without brackets.
    """

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    output: Flow
    stride: Expression | None = None
    fit: Op | None = None
    width: str | None = None
    fixed: bool = False
    settings: tuple[Formal, ...] | None = None


@dataclass(frozen=True, slots=True)
class Like(Syntax):
    """`cell m2(x) like m1`: a copy of a cell under another name."""

    name: str
    inputs: tuple[Input, ...]
    original: str
    fixed: bool = False


def edges(term: Term, place: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Term]]:
    """Yields the edges in a term with their places. An edge is a state, or an operation that reads a state directly."""
    if isinstance(term, Wire) or (not is_join(term) and isinstance(term.arguments[0], Wire)):
        yield place, term
    else:
        for index, argument in enumerate(term.arguments):
            yield from edges(argument, (*place, index))


def _note_edges(term: Term, place: tuple[int, ...], reads: list[str], places: list[tuple[int, ...]]) -> int:
    """Appends the states and places of the edges in a term to two lists; returns the term's number of operations."""
    if isinstance(term, Wire) or (not is_join(term) and isinstance(term.arguments[0], Wire)):
        state = read_state(term)
        reads.append(state)
        if state != "unused":
            places.append(place)
        return int(isinstance(term, Call))
    inner = [_note_edges(part, (*place, index), reads, places) for index, part in enumerate(term.arguments)]
    return 1 + sum(inner)


def flow_edges(flow: Flow) -> Iterator[tuple[tuple[int, ...], Term]]:
    """Yields all edges of a sum, each with the path of indices that leads to it."""
    for index, term in enumerate(flow.terms):
        yield from edges(term, (index,))


def is_join(call: Call) -> bool:
    """Returns whether the call joins several states."""
    return isinstance(call.op, Op) and call.op.name in JOINS


def is_sum(call: Call) -> bool:
    """Returns whether the call is `add(a, b)`. As the whole right side of a node this is written `a + b`."""
    return is_join(call) and isinstance(call.op, Op) and call.op.name == SUM and not call.op.arguments


def is_product(call: Call) -> bool:
    """Returns whether the call is `multiply` of several terms, which a node writes `a * b`."""
    is_plain = is_join(call) and call.op == Op(PRODUCT) and call.label is None
    return is_plain and len(call.arguments) > 1


def read_state(edge: Term) -> str:
    """Returns the state that an edge reads."""
    while isinstance(edge, Call):
        edge = edge.arguments[0]
    return edge.state
