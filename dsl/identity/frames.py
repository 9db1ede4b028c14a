"""The facts of a cell that are the same for all genotypes with the same values of genes, for fingerprints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dsl.identity.canonical import Sum, Vertex
from dsl.identity.labels import Label, Use, cells_within, label_of, marked, op_text
from dsl.primitives import FIT_BY_FIRST
from dsl.space.cache import Cache
from dsl.space.evaluate import Scope, Symbol, Value, evaluate, number
from dsl.space.expand import Definitions, Formals, Place
from dsl.space.genotype import Genes, Space
from dsl.tree import syntax as s

FILTERS = Symbol("filters")
Calls = tuple[Value | None, Value]  # the filters and the stride with which a network uses a cell
FREE: Calls = (FILTERS, Symbol("stride"))  # for uses that are not known
WITHOUT_FILTERS: Calls = (None, FREE[1])  # for uses that are not known, except that they have no filters
_RAW = Symbol("raw 0")  # the channels of a cell's first input, before the operation of this input
_OF_THE_OUTPUT = Symbol("of the output")  # for a cell with `fit` and `width split`, of which no part has this shape
_WIDTH = Symbol("width")  # the filters of a node in a cell with `width split`


class Edge(NamedTuple):
    """The facts of an edge from which vertices are made. The facts change if the channels of the edge's state change.

    Attributes:
      state: the state that the edge reads.
      channels: the channels of this state.
      label: the label of the edge's operation.
      may_fit: whether `fit` may change what the operation returns.
      is_plain: whether the operation is exactly one vertex with this label, provided that its state is live.
    """

    state: str
    channels: Value
    label: Label
    may_fit: bool
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
      uses: the uses of cells in the operations of inputs and of `fit`.
      wanted: the channels that `fit`, or the width of a node, gives to the parts of its joins; None if nothing does.
      place: the filters and the stride of an operation that reads an input.
      inner: the filters and the stride of an operation that reads no input.
      each: for each input that is declared with `each`, the label of its operation.
      fitting: the inputs of which each read has the shape of the cell's output.
      sized: the inputs that have the size of the cell's first input.
      first_decides: whether the first term of a sum decides its shape.
      joins_weigh: whether the first term of a join decides its shape, and fitting the others may cost weights.
      order_counts: whether the order of a concatenation at the return has a meaning.
      joins_apart: whether a concatenation within a concatenation gives its parts other shapes than the outer one.
      is_fitted: whether all parts of a join are fitted to the shape of the cell's output.
      is_split: whether the filters of the cell are split among its nodes.
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
    uses: tuple[Use, ...]
    wanted: Value | None
    place: Place
    inner: Place
    each: Mapping[str, str]
    fitting: frozenset[str]
    sized: frozenset[str]
    first_decides: bool
    joins_weigh: bool
    order_counts: bool
    joins_apart: bool
    is_fitted: bool
    is_split: bool
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
    kinds, uses = _kinds(inputs, filters, given)
    kinds = [("each " if item.each else "") + kind for item, kind in zip(inputs, kinds, strict=True)]
    fitted, within = ("", ()) if fit is None else _text(fit, FILTERS, given)
    by_first = fit is not None and (fit.name == FIT_BY_FIRST or filters is None)
    is_fitted, is_split = fit is not None and not by_first, width == "split"
    # The nodes of a cell with `width split` have other filters than the cell.
    place = Place(_WIDTH if is_split else filters, stride)
    first = inputs[0]
    own = None if first.kind is None else label_of(first.kind, Place(filters, 1), _RAW, given, given.scope)
    is_sized = own is None or own.stride == 1
    is_fitting = is_sized and not is_split and stride == 1 and own is not None and own.channels == filters
    return Frame(
        given,
        Cache(2048),
        Cache(2048),
        Cache(256),
        *_inputs(inputs, _input_channels(inputs, own)),
        f"{kinds}{fitted}{width}{stride}",
        tuple(dict.fromkeys((*uses, *within))),
        _OF_THE_OUTPUT if is_fitted and is_split else filters if is_fitted else _WIDTH if is_split else None,
        place,
        Place(place.filters, 1),
        {item.name: kind for item, kind in zip(inputs, kinds, strict=True) if item.each and item.kind is not None},
        frozenset([first.name] if is_fitting else []),
        frozenset([first.name] if is_sized else []),
        by_first,
        by_first and fit is not None and (fit.name != FIT_BY_FIRST or fit.name in given.ops),
        order_counts or by_first or is_split,
        by_first or is_split or is_fitted,
        is_fitted,
        is_split,
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
    kinds, uses = _kinds(inputs, FILTERS, given)
    place = Place(FILTERS, 1)
    return Frame(
        given,
        Cache(2048),
        Cache(2048),
        Cache(256),
        *_inputs(inputs, [Symbol(f"input {index}") for index in range(len(inputs))]),
        f"{kinds}[{len(settings)}]",
        uses,
        None,
        place,
        place,
        {},
        frozenset(),
        frozenset(),
        first_decides=False,
        joins_weigh=False,
        # How a cell is used may depend on the order of its channels.
        order_counts=True,
        joins_apart=False,
        is_fitted=False,
        is_split=False,
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


def _kinds(inputs: tuple[s.Input, ...], filters: Value | None, given: Definitions) -> tuple[list[str], tuple[Use, ...]]:
    """Returns the text of the operation of each input, and the uses of cells in them."""
    found = [("raw", ()) if item.kind is None else _text(item.kind, filters, given) for item in inputs]
    return [text for text, _ in found], tuple([use for _, uses in found for use in uses])


def _text(op: s.Op, filters: Value | None, given: Definitions) -> tuple[str, tuple[Use, ...]]:
    """Returns the text of an operation at a place with these filters, and the uses of cells in it."""
    return marked(op_text(op, given), cells_within(op, given), filters, given)


def _input_channels(inputs: tuple[s.Input, ...], first: Label | None) -> list[Value]:
    """Returns the channels of the inputs. `first` is the label of the operation of the first input.

    Only the first input's channels are known: others may be the stem's output.
    """
    channels: list[Value] = [_RAW, *(Symbol(f"raw {index}") for index in range(1, len(inputs)))]
    if first is not None and not inputs[0].each and not first.uses and first.channels is not None:
        channels[0] = first.channels
    return channels


def calls_of(space: Space, name: str, has_filters: bool, read: Genes) -> Calls:
    """Returns the filters and the stride with which steps of the network use a cell, either with filters or without.

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
    if has_filters:
        values = {evaluate(settings["filters"], scope) for settings in asked if "filters" in settings}
        filters = values.pop() if len(values) == 1 and not space.nests else FILTERS
    # A cell that contains this one may give it another stride.
    if (
        not calls
        or space.nests
        or any("stride" in settings for settings in asked)
        or any(step.stride for _, step in calls)
    ):
        return filters, FREE[1]
    return filters, own
