"""The facts of a cell that are the same for all genotypes with the same values of genes, for fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dsl.identity.canonical import Sum, Vertex
from dsl.identity.labels import Label, cells_within, op_text, walked
from dsl.primitives import FIT_BY_FIRST
from dsl.space.cache import Cache
from dsl.space.evaluate import Scope, Symbol, Value, evaluate, number
from dsl.space.expand import Definitions, Formals, Place, channels_after
from dsl.space.genotype import Genes, Space
from dsl.tree import syntax as s

FILTERS = Symbol("filters")
Calls = tuple[Value | None, Value]  # the filters and the stride with which a network uses a cell
FREE: Calls = (FILTERS, Symbol("stride"))  # for uses that are not known


class Edge(NamedTuple):
    """The facts of an edge from which vertices are made. The facts change if the channels of the edge's state change.

    Attributes:
      state: the state that the edge reads.
      channels: the channels of this state.
      label: the label of the edge's operation; for the identity, zeros and `none` the name of the primitive.
      weights: whether the edge has weights.
      cells: the cells that the edge's operation contains.
      is_plain: whether the edge is exactly one vertex with this label, provided that its state is live.
    """

    state: str
    channels: Value
    label: str
    weights: bool
    cells: tuple[str, ...]
    is_plain: bool


class Facts(NamedTuple):
    """The facts of a node, which depend on the channels of the states that its edges read.

    Attributes:
      edges: the facts of the terms as edges; None for a term that is not an edge.
      channels: the channels of the node.
      read: the states that the edges read, with their channels.
    """

    edges: tuple[Edge | None, ...]
    channels: Value
    read: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The facts of a cell that are the same for all genotypes of a space, and caches for parts of the cell.

    Attributes:
      given: the operations, with the values of the genes that the cell reads.
      labels: the cache of the labels of operations.
      flows: the cache of the facts of nodes.
      returns: the cache of the terms of returns. A key is the return and the states that `unused` stands for.
      inputs: the vertices of the inputs.
      values: the value of each input: the sum of its vertex alone.
      channels: the channels of each input.
      head: the beginning of the text that is hashed, which describes inputs, `fit`, `width` and stride.
      cells: the cells within the operations of inputs and of `fit`.
      place: the filters and the stride of an operation that reads an input.
      inner: the filters and the stride of an operation that reads no input.
      each: for each input that is declared with `each`, the label of its operation.
      first_decides: whether the first term of a sum decides its shape.
      order_counts: whether the order of a concatenation at the return has a meaning.
      joins_apart: whether a concatenation within a concatenation gives its parts other shapes than the outer one.
      is_fitted: whether all terms of a sum have the filters of the cell.
      scope: the values of the names in a cell with brackets; None for a cell without brackets.
    """

    given: Definitions
    labels: Cache[Label]
    flows: Cache[Facts]
    returns: Cache[tuple[s.Term, ...]]
    inputs: tuple[Vertex, ...]
    values: Mapping[str, Sum]
    channels: Mapping[str, Value]
    head: str
    cells: tuple[str, ...]
    place: Place
    inner: Place
    each: Mapping[str, str]
    first_decides: bool
    order_counts: bool
    joins_apart: bool
    is_fitted: bool
    scope: Scope | None


def frame_of(
    space: Space, order_counts: bool, inputs: tuple[s.Input, ...], fit: s.Op | None, width: str | None,
    settings: Formals | None, calls: Calls, read: Genes,
) -> Frame:  # fmt: skip
    """Returns the facts of a cell with these parts, which the network uses in this way and which reads these genes.

    `order_counts` says whether the order of the channels that cells return has an effect in the network.
    """
    given = space.defined(read)
    if settings is not None:
        return _frame_with_brackets(given, inputs, settings)
    filters, stride = calls
    kinds = [("each " if item.each else "") + _kind(item, given) for item in inputs]
    by_first = fit is not None and (fit.name == FIT_BY_FIRST or filters is None)
    return Frame(
        given,
        Cache(2048),
        Cache(2048),
        Cache(256),
        *_inputs(inputs, [_input_channels(item, index, filters, given) for index, item in enumerate(inputs)]),
        f"{kinds}{'' if fit is None else op_text(fit, given)}{width}{stride}",
        _cells([*(item.kind for item in inputs), fit], given),
        Place(filters, stride),
        Place(filters, 1),
        {item.name: f"each {_kind(item, given)}" for item in inputs if item.each and item.kind is not None},
        by_first,
        order_counts or by_first or width == "split",
        by_first or width == "split",
        fit is not None and filters is not None,
        None,
    )


def _frame_with_brackets(given: Definitions, inputs: tuple[s.Input, ...], settings: Formals) -> Frame:
    """Returns the frame of a cell with brackets, of which every use may have other filters, stride and settings."""
    scope: Scope = {
        **given.scope,
        **{formal.name: Symbol(f"setting {index}") for index, formal in enumerate(settings)},
        "filters": FILTERS,
        "stride": Symbol("stride"),
    }
    kinds = [_kind(item, given) for item in inputs]
    place = Place(FILTERS, 1)
    return Frame(
        given,
        Cache(2048),
        Cache(2048),
        Cache(256),
        *_inputs(inputs, [Symbol(f"input {index}") for index in range(len(inputs))]),
        f"{kinds}[{len(settings)}]",
        _cells([item.kind for item in inputs], given),
        place,
        place,
        {},
        first_decides=False,
        # How a cell is used may depend on the order of its channels.
        order_counts=True,
        joins_apart=False,
        is_fitted=False,
        scope=scope,
    )


def _inputs(
    inputs: tuple[s.Input, ...], channels: Sequence[Value]
) -> tuple[tuple[Vertex, ...], dict[str, Sum], dict[str, Value]]:
    """Returns the vertices of inputs with these channels, and the values and channels of the inputs by their names."""
    names = [item.name for item in inputs]
    vertices: list[Vertex] = [(f"input{index}", (), False) for index in range(len(names))]
    values: dict[str, Sum] = {name: (index,) for index, name in enumerate(names)}
    return tuple(vertices), values, dict(zip(names, channels, strict=True))


def _kind(item: s.Input, given: Definitions) -> str:
    return "raw" if item.kind is None else op_text(item.kind, given)


def _cells(ops: Iterable[s.Op | None], given: Definitions) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell for op in ops if op is not None for cell in cells_within(op, given)))


def _input_channels(item: s.Input, index: int, filters: Value | None, given: Definitions) -> Value:
    """Returns the channels of an input. Only the first input's channels are known: others may be the stem's output."""
    raw = Symbol(f"raw {index}")
    if index or item.kind is None or item.each:
        return raw
    return walked(item.kind, Place(filters, 1), raw, given, channels_after) or raw


def calls_of(space: Space, name: str, read: Genes) -> Calls:
    """Returns the filters and the stride with which the network uses a cell.

    A value that differs between uses is a symbol.
    """
    if space.evolves_network or space.written[name].settings is not None:
        return FREE
    cell, scope = space.written[name], space.defined(read).scope
    own: Value = 1 if cell.stride is None else number(cell.stride, scope)
    steps = [step for section in space.network.sections for step in section.steps]
    calls = [(part, step) for step in steps for part in step.pipe if isinstance(part, s.Op) and part.name == name]
    asked = [{argument.name or "filters": argument.value for argument in call.arguments} for call, _ in calls]
    filters: Value | None = None
    if not calls or all("filters" in settings for settings in asked):
        values = {evaluate(settings["filters"], scope) for settings in asked}
        filters = values.pop() if len(values) == 1 and not space.nests else FILTERS
    # A cell that contains this one may give it another stride.
    if (
        not calls
        or space.nests
        or any("stride" in settings for settings in asked)
        or any(step.stride for _, step in calls)
    ):
        return filters, Symbol("stride")
    return filters, own
