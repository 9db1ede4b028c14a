"""The fingerprint of a genotype, which is equal for genotypes that are the same network up to names and order.

A cell is converted to a graph whose vertices are operations: each use of an operation has weights of its own, and is a
vertex of its own. Sums are multisets of vertices, and identity operations are left out. The fingerprint is the digest
of the canonical form of the graph.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dsl.identity.canonical import Sum, Vertex, canonical, digest
from dsl.identity.labels import Label, is_idempotent, label_of, op_text, shortened, walked
from dsl.identity.stacking import Lines, Stacking, Use, stacking_of
from dsl.primitives import CONCATENATION, FIT_BY_FIRST, IDENTITY, JOINS, NOTHING, PRODUCT, ZERO
from dsl.space.cache import Cache
from dsl.space.evaluate import Scope, Symbol, Value, evaluate, number
from dsl.space.expand import Applied, Definitions, Formals, Place, channels_after
from dsl.space.genes import GeneValue
from dsl.space.genotype import Genotype, Space
from dsl.tree import edit
from dsl.tree import syntax as s

_FILTERS = Symbol("filters")
_OF_A_SUM, _OF_A_TERM, _OF_EACH, _OF_A_NODE = map(Symbol, ("of a sum", "of a term", "of each", "of a node"))
_Calls = tuple[Value | None, Value]  # the filters and the stride with which a network uses a cell
_FREE: _Calls = (_FILTERS, Symbol("stride"))  # for uses that are not known
_MOST_PARTS = 256  # of one concatenation; a chain of nodes that double their parts would have any number
VERSION = 2  # changes when equal genotypes have other fingerprints than before; version 0.7.0 has version 1


class _Edge(NamedTuple):
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


class _Facts(NamedTuple):
    """The edges and the channels of a node. Both depend on the channels of the states that the node reads."""

    edges: tuple[_Edge | None, ...]  # None for a term that is not an edge
    channels: Value


@dataclass(frozen=True, slots=True)
class _Frame:
    """The facts of a cell that are the same for all genotypes of a space, and caches for parts of the cell.

    Attributes:
      flows: the cache of the facts of nodes.
      returns: the cache of the terms of returns. A key is the return and the states that `unused` stands for.
      inputs: the names of the inputs.
      head: the beginning of the text that is hashed, which describes inputs, `fit`, `width` and stride.
      place: the filters and the stride of an operation that reads an input.
      inner: the filters and the stride of an operation that reads no input.
      channels: the channels of the inputs.
      each: for each input that is declared with `each`, the label of its operation.
      first_decides: whether the first term of a sum decides its shape.
      order_counts: whether the order of a concatenation at the return has a meaning.
      is_fitted: whether all terms of a sum have the filters of the cell.
      scope: the values of the names in a cell with brackets; None for a cell without brackets.
    """

    flows: Cache[_Facts]
    returns: Cache[tuple[s.Term, ...]]
    inputs: frozenset[str]
    head: str
    place: Place
    inner: Place
    channels: tuple[Value, ...]
    each: Mapping[str, str]
    first_decides: bool
    order_counts: bool
    is_fitted: bool
    scope: Scope | None


class FingerprintCache:
    """The caches of one search space for fingerprints: the digests of the space and of cells, and operations' labels.

    Cells and operations are looked up by object, since a child shares these objects with its parent. Comparing
    operations by value would take longer than the rest of a fingerprint.
    """

    def __init__(self, space: Space) -> None:
        self.cells: Cache[str] = Cache()
        self.labels: Cache[Label] = Cache(2048)
        self.lines = Lines()
        self.stackings: Cache[Stacking] = Cache(256)
        self.uses = functools.lru_cache(maxsize=256)(functools.partial(_uses, space))
        self.frame = functools.lru_cache(maxsize=256)(functools.partial(_frame, space))
        self._same: dict[_Calls, _Calls] = {}

    def same(self, calls: _Calls) -> _Calls:
        """Returns equal uses of a cell as one object, as keys of a cache are compared."""
        return self._same.setdefault(calls, calls)


def fingerprint(genotype: Genotype) -> str:
    """Returns the fingerprint, which is equal for genotypes that are the same network, also those of other spaces.

    Names and order do not count, and neither do dead nodes, or genes that no live part of the network reads.
    """
    cache = genotype.space.once(FingerprintCache)
    stacking = _stacking(genotype, cache)
    cells = [_fingerprint_of(use, genotype, cache) for use in stacking.uses]
    return digest("\n".join([stacking.text, *cells]))


def _stacking(genotype: Genotype, cache: FingerprintCache) -> Stacking:
    """Returns how the network is stacked, from the cache if no gene that the network reads has another value."""
    read = genotype.space.network_genes
    values = [value for name, value in genotype.genes if name in read] if read else []
    known = cache.stackings.get(genotype.network, *values)
    if known is None:
        known = stacking_of(genotype, cache.lines)
        cache.stackings.put(known, genotype.network, *values)
    return known


def cell_fingerprint(cell: s.Cell, genotype: Genotype) -> str:
    """Returns the fingerprint of one cell, which does not depend on its name."""
    cache = genotype.space.once(FingerprintCache)
    return _at(cache.uses(cell.name, genotype.read), cell, genotype, cache)


def _fingerprint_of(use: Use, genotype: Genotype, cache: FingerprintCache) -> str:
    """Returns the fingerprint of a cell at the place where a step uses it."""
    cell = genotype.cell(use.cell)
    if not genotype.space.evolves_network:
        return cell_fingerprint(cell, genotype)
    if use.stride is None or cell.settings is not None:
        return _at(_FREE, cell, genotype, cache)
    return _at(cache.same((_FILTERS if use.has_filters else None, use.stride)), cell, genotype, cache)


def _at(calls: _Calls, cell: s.Cell, genotype: Genotype, cache: FingerprintCache) -> str:
    known = cache.cells.get(cell, calls, *genotype.read)
    if known is not None:
        return known
    found, by_itself = _cell_digest(cell, genotype, calls, cache)
    if by_itself:
        cache.cells.put(found, cell, calls, *genotype.read)
    return found


def _cell_digest(cell: s.Cell, genotype: Genotype, calls: _Calls, cache: FingerprintCache) -> tuple[str, bool]:
    """Returns the fingerprint of a cell, and whether the fingerprint is independent of the cells inside this cell."""
    frame = cache.frame(cell.inputs, cell.fit, cell.width, cell.settings, calls, genotype.read)
    build = _Builder(genotype, frame, cache.labels)
    for index, item in enumerate(cell.inputs):
        build.values[item.name] = build.add(f"input{index}", ())
        build.channels[item.name] = frame.channels[index]
    for node in cell.nodes:
        build.node(node)
    output = build.output(_returned(cell, frame), cell.output.tail)
    return digest(frame.head + canonical(build.vertices, output or ())), build.by_itself


def _returned(cell: s.Cell, frame: _Frame) -> tuple[s.Term, ...]:
    """Returns the terms of the cell's return. The word `unused` is replaced by the states that it stands for."""
    names = edit.unused(cell)
    terms = frame.returns.get(cell.output, *names)
    if terms is None:
        terms = edit.with_states(cell.output.terms, names)
        frame.returns.put(terms, cell.output, *names)
    return terms


def _frame(
    space: Space, inputs: tuple[s.Input, ...], fit: s.Op | None, width: str | None, settings: Formals | None,
    calls: _Calls, read: tuple[GeneValue, ...],
) -> _Frame:  # fmt: skip
    given = space.defined(read)
    if settings is not None:
        return _frame_with_brackets(space, given, inputs, settings)
    filters, stride = calls
    kinds = [("each " if item.each else "") + _kind(item, space, given) for item in inputs]
    by_first = fit is not None and (fit.name == FIT_BY_FIRST or filters is None)
    return _Frame(
        Cache(2048),
        Cache(256),
        frozenset([item.name for item in inputs]),
        f"{kinds}{'' if fit is None else op_text(fit, space, given)}{width}{stride}",
        Place(filters, stride),
        Place(filters, 1),
        tuple(_input_channels(item, index, filters, given) for index, item in enumerate(inputs)),
        {item.name: f"each {_kind(item, space, given)}" for item in inputs if item.each and item.kind is not None},
        by_first,
        by_first or width == "split",
        fit is not None and filters is not None,
        None,
    )


def _frame_with_brackets(space: Space, given: Definitions, inputs: tuple[s.Input, ...], settings: Formals) -> _Frame:
    """Returns the frame of a cell with brackets, of which every use may have other filters, stride and settings."""
    scope: Scope = {
        **given.scope,
        **{formal.name: Symbol(f"setting {index}") for index, formal in enumerate(settings)},
        "filters": _FILTERS,
        "stride": Symbol("stride"),
    }
    kinds = [_kind(item, space, given) for item in inputs]
    place = Place(_FILTERS, 1)
    return _Frame(
        Cache(2048),
        Cache(256),
        frozenset([item.name for item in inputs]),
        f"{kinds}[{len(settings)}]",
        place,
        place,
        tuple(Symbol(f"input {index}") for index in range(len(inputs))),
        {},
        first_decides=False,
        # How a cell is used may depend on the order of its channels.
        order_counts=True,
        is_fitted=False,
        scope=scope,
    )


def _kind(item: s.Input, space: Space, given: Definitions) -> str:
    return "raw" if item.kind is None else op_text(item.kind, space, given)


class _Builder:
    """Builds the graph of one cell. Equal vertices without weights have the same value, so they are one vertex."""

    __slots__ = (
        "by_itself",
        "channels",
        "frame",
        "gene_values",
        "genotype",
        "labels",
        "values",
        "vertices",
        "weightless",
    )

    def __init__(self, genotype: Genotype, frame: _Frame, labels: Cache[Label]) -> None:
        self.genotype = genotype
        self.gene_values = genotype.read
        self.frame = frame
        self.labels = labels
        self.vertices: list[Vertex] = []
        self.weightless: dict[Vertex, Sum] = {}
        self.values: dict[str, Sum | None] = {}  # the value of each state: a sum of vertices; None for a dead node
        self.channels: dict[str, Value] = {}  # the channels of each state
        self.by_itself = True  # whether the fingerprint is independent of the cells inside this cell

    def add(self, label: str, groups: tuple[Sum, ...], ordered: bool = False, weights: bool = False) -> Sum:
        """Adds a vertex and returns the sum of this vertex alone. Equal vertices without weights are added once."""
        vertex = (label, groups, ordered)
        made = (len(self.vertices),)
        if not weights:
            known = self.weightless.setdefault(vertex, made)
            if known is not made:
                return known
        self.vertices.append(vertex)
        return made

    def node(self, node: s.Node) -> None:
        """Adds a node: the sum of its live terms, and its tail. The value of a node without a live term is None."""
        flow = node.flow
        edges, self.channels[node.name] = self.facts(flow)
        self.values[node.name] = self.through(flow.tail, self.sum(flow.terms, edges))

    def output(self, terms: tuple[s.Term, ...], tail: s.Pipe) -> Sum | None:
        """Adds the return of the cell with these terms, and returns its value; None if no term is live."""
        # If a concatenation is the only term, its order only permutes the channels of the cell's output.
        only = len(terms) == 1
        return self.through(tail, self.term(terms[0], True) if only else self.sum(terms, map(self.edge, terms)))

    def through(self, tail: s.Pipe, total: Sum | None) -> Sum | None:
        """Applies the operations of a tail to a sum and returns the value; None if the sum is None."""
        for part in tail:
            if total is None:
                break
            assert isinstance(part, s.Op)
            total = self.apply(part, total, _OF_A_SUM)
        return total

    def sum(self, terms: tuple[s.Term, ...], edges: Iterable[_Edge | None]) -> Sum | None:
        live = []
        for place, edge in enumerate(edges):
            value = self.nested(terms[place], False) if edge is None else self.read(edge)
            if value is not None:
                live.append(value)
        if len(live) < 2:
            return live[0] if live else None
        if self.frame.first_decides:
            # The first term decides the shape, so its place has a meaning. The order of the other terms has none.
            return self.add("sum", (live[0], _summed(live[1:])), ordered=True)
        return _summed(live)

    def facts(self, flow: s.Flow) -> _Facts:
        """Returns the facts of a node. The facts in the cache are used if its states still have the same channels."""
        known = self.frame.flows.get(flow)
        if known is not None:
            for edge in known.edges:
                if edge is not None and edge.channels is not self.channels[edge.state]:
                    break
            else:
                return known
        channels = _flow_channels(flow, self.frame, self.genotype.definitions)
        known = _Facts(tuple([self.edge(term) for term in flow.terms]), channels)
        if self.frame.scope is None or not edit.measured(edit.flow_ops([flow])):
            self.frame.flows.put(known, flow)
        return known

    def term(self, term: s.Term, is_return: bool) -> Sum | None:
        if isinstance(term, s.Wire) and term.state not in self.frame.inputs:
            return self.values[term.state]
        edge = self.edge(term)
        return self.read(edge) if edge is not None else self.nested(term, is_return)

    def read(self, edge: _Edge) -> Sum | None:
        """Returns the value of an edge; None if the operation of the edge is `none` or its state is a dead node."""
        state, _, label, weights, cells, is_plain = edge
        value = self.values[state]
        if is_plain and value:
            return self.add(label, (value,), False, weights)
        if value is None or label == NOTHING:
            return None
        each = self.frame.each
        if state in each:
            value = self.add(each[state], (value,), weights=True)
        return self.applied(label, cells, value, weights)

    def edge(self, term: s.Term) -> _Edge | None:
        """Returns the facts of a term that is an edge; None for any other term."""
        if isinstance(term, s.Wire):
            fits = term.state not in self.frame.each and self.may_fit(term.state)
            return _Edge(term.state, self.channels[term.state], "fit" if fits else IDENTITY, fits, (), fits)
        applied, first = term.op, term.arguments[0]
        if not isinstance(first, s.Wire) or s.is_join(term):
            return None
        assert isinstance(applied, s.Op)
        state, channels = first.state, self.channels[first.state]
        if applied.name == NOTHING:
            return _Edge(state, channels, NOTHING, False, (), False)
        is_each = state in self.frame.each
        label, weightless, cells = self.label(applied, _OF_EACH if is_each else channels, state in self.frame.inputs)
        fits = self.may_fit(state)
        if label == IDENTITY and fits:
            label = "fit"
        is_plain = label not in (IDENTITY, ZERO, NOTHING) and not cells and not is_each
        return _Edge(state, channels, label, fits or not weightless, cells, is_plain)

    def nested(self, term: s.Term, is_return: bool) -> Sum | None:
        """Returns the value of a term that is a join or an operation on another term; None if the term is dead."""
        assert isinstance(term, s.Call) and isinstance(term.op, s.Op)
        applied = term.op
        if applied.name == NOTHING:
            return None
        is_join = applied.name in JOINS
        if is_join and s.is_sum(term):
            return self.sum(term.arguments, map(self.edge, term.arguments))
        if applied.name == PRODUCT:
            return self.product(term)
        parts = [part for argument in term.arguments if (part := self.term(argument, False)) is not None]
        if not parts:
            return None
        if is_join:
            return self.concatenation(parts, self.frame.order_counts or not is_return)
        return self.apply(applied, parts[0], _OF_A_TERM)

    def concatenation(self, parts: list[Sum], ordered: bool) -> Sum:
        """Returns the value of a concatenation. The parts of a concatenation within it are its own."""
        frame = self.frame
        # Where the first term decides the shape, or the width is split, a concatenation by itself has other shapes.
        if frame.scope is not None or not frame.order_counts:
            groups = [self.parts(part) for part in parts]
            if sum(map(len, groups)) <= _MOST_PARTS:
                parts = [part for group in groups for part in group]
            if len(parts) == 1 and not frame.is_fitted:
                return parts[0]
        return self.add(CONCATENATION, tuple(parts), ordered)

    def parts(self, value: Sum) -> tuple[Sum, ...]:
        """Returns what a concatenation joins; a value that is no concatenation is its own only part."""
        label, groups, _ = self.vertices[value[0]] if len(value) == 1 else ("", (), False)
        return groups if label == CONCATENATION else (value,)

    def product(self, term: s.Call) -> Sum | None:
        """Returns the value of a product, whose order has no meaning; None if no factor is live."""
        live = [value for factor in _factors(term) if (value := self.term(factor, False)) is not None]
        if len(live) < 2:
            return live[0] if live else None
        if () in live:
            return ()
        # The first factor decides the shape under `fit resize_and_pad`, so its place has a meaning there.
        return self.add(PRODUCT, tuple(live), self.frame.first_decides)

    def may_fit(self, state: str) -> bool:
        """Returns whether a state is an input whose shape may differ from the output's, so that `fit` adds weights."""
        frame = self.frame
        has_fit = state in frame.inputs and (frame.is_fitted or frame.first_decides)
        return has_fit and (frame.place.stride != 1 or self.channels[state] != frame.place.filters)

    def label(self, applied: s.Op, channels: Value, reads_input: bool) -> Label:
        """Returns an operation at its place as a `Label`, from the cache if it is there."""
        place = self.frame.place if reads_input else self.frame.inner
        known = self.labels.get(applied, place, channels, *self.gene_values)
        if known is None:
            given = self.genotype.definitions
            known = label_of(applied, place, channels, self.genotype.space, given, self.scope(applied))
            known = shortened(known)
            if self.frame.scope is None or not edit.measured([applied]):
                self.labels.put(known, applied, place, channels, *self.gene_values)
        return known

    def scope(self, applied: s.Op) -> Scope:
        """Returns the values of the names in an operation's settings.

        The channels of a node are not known. A digest of what the node computes stands for them.
        """
        scope = self.frame.scope
        if scope is None:
            return self.genotype.definitions.scope
        states = edit.measured([applied])
        if not states:
            return scope
        found: dict[str, Value] = dict(scope)
        for state in states:
            if state in self.frame.inputs:
                found[f"{state}.channels"] = self.channels[state]
            else:
                value = self.values[state]
                text = "none" if value is None else digest(canonical(self.vertices, value))
                found[f"{state}.channels"] = Symbol(f"channels of {text}")
        return found

    def apply(self, applied: s.Op, value: Sum, channels: Value) -> Sum | None:
        label, weightless, cells = self.label(applied, channels, reads_input=False)
        return self.applied(label, cells, value, not weightless)

    def applied(self, label: str, cells: tuple[str, ...], value: Sum, weights: bool) -> Sum | None:
        if label == IDENTITY:
            return value
        if label == NOTHING:
            return None
        if label == ZERO or not value:
            return ()
        if is_idempotent(label) and len(value) == 1 and self.vertices[value[0]][0] == label:
            return value
        for name in cells:
            self.by_itself = False
            label = label.replace(f"<{name}>", cell_fingerprint(self.genotype.cell(name), self.genotype))
        return self.add(label, (value,), False, weights)


def _factors(term: s.Call) -> Iterator[s.Term]:
    """Yields the factors of a product and of the products within it."""
    for factor in term.arguments:
        if isinstance(factor, s.Call) and isinstance(factor.op, s.Op) and factor.op.name == PRODUCT:
            yield from _factors(factor)
        else:
            yield factor


def _summed(values: list[Sum]) -> Sum:
    if len(values) == 2:
        first, second = values
        total = first + second
        return total if not first or not second or first[-1] <= second[0] else tuple(sorted(total))
    return tuple(sorted(itertools.chain.from_iterable(values)))


def _flow_channels(flow: s.Flow, frame: _Frame, given: Definitions) -> Value:
    """Returns the channels of a node, which are known if all terms of the node's sum have the filters of the cell."""
    only = flow.terms[0] if len(flow.terms) == 1 else None
    unknown = _OF_A_NODE
    filters = frame.place.filters
    if not frame.is_fitted or filters is None or (isinstance(only, s.Call) and s.is_join(only) and not s.is_sum(only)):
        return unknown
    channels: Value = filters
    for part in flow.tail:
        assert isinstance(part, s.Op)
        after = functools.partial(_after, filters)
        channels = walked(part, Place(filters, 1), channels, given, after) or unknown
    return channels


def _after(filters: Value, applied: Applied) -> Value:
    return filters if applied.is_cell else channels_after(applied)


def _input_channels(item: s.Input, index: int, filters: Value | None, given: Definitions) -> Value:
    """Returns the channels of an input. Only the first input's channels are known: others may be the stem's output."""
    raw = Symbol(f"raw {index}")
    if index or item.kind is None or item.each:
        return raw
    return walked(item.kind, Place(filters, 1), raw, given, channels_after) or raw


def _uses(space: Space, name: str, read: tuple[GeneValue, ...]) -> _Calls:
    """Returns the filters and the stride with which the network uses a cell.

    A value that differs between uses is a symbol.
    """
    if space.evolves_network or space.written[name].settings is not None:
        return _FREE
    cell, scope = space.written[name], space.defined(read).scope
    own: Value = 1 if cell.stride is None else number(cell.stride, scope)
    steps = [step for section in space.network.sections for step in section.steps]
    calls = [(part, step) for step in steps for part in step.pipe if isinstance(part, s.Op) and part.name == name]
    asked = [{argument.name or "filters": argument.value for argument in call.arguments} for call, _ in calls]
    filters: Value | None = None
    if not calls or all("filters" in settings for settings in asked):
        values = {evaluate(settings["filters"], scope) for settings in asked}
        filters = values.pop() if len(values) == 1 and not space.nests else _FILTERS
    if not calls or any("stride" in settings for settings in asked) or any(step.stride for _, step in calls):
        return filters, Symbol("stride")
    return filters, own
