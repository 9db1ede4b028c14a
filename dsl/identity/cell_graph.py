"""The graph of a cell: its vertices are operations, and the canonical form of the graph does not depend on names."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

from dsl.identity.canonical import Sum, Vertex, canonical, digest
from dsl.identity.frames import Edge, Facts, Frame
from dsl.identity.labels import Label, is_idempotent, label_of, shortened, walked
from dsl.primitives import CONCATENATION, IDENTITY, JOINS, NOTHING, PRODUCT, ZERO
from dsl.space.evaluate import Scope, Symbol, Value
from dsl.space.expand import Applied, Place, channels_after
from dsl.tree import edit
from dsl.tree import syntax as s

_OF_A_SUM, _OF_A_TERM, _OF_EACH, _OF_A_NODE = map(Symbol, ("of a sum", "of a term", "of each", "of a node"))
_MOST_PARTS = 256  # of one concatenation; a chain of nodes that double their parts would have any number


class CellGraph:
    """Builds the graph of one cell. Equal vertices without weights have the same value, so they are one vertex."""

    __slots__ = ("channels", "digest_of", "frame", "has_concatenation", "values", "vertices", "weightless")

    def __init__(self, frame: Frame, digest_of: Callable[[str], str]) -> None:
        """Creates the graph of a cell, which has the vertices of the inputs.

        Args:
          frame: the facts of the cell.
          digest_of: returns the fingerprint of another cell of the genotype by its name.
        """
        self.digest_of = digest_of
        self.frame = frame
        self.has_concatenation = False
        self.vertices: list[Vertex] = [*frame.inputs]
        self.weightless: dict[Vertex, Sum] = {}
        # The value of each state: a sum of vertices; None for a dead node.
        self.values: dict[str, Sum | None] = {**frame.values}
        self.channels: dict[str, Value] = {**frame.channels}  # the channels of each state

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
        edges, self.channels[node.name], _ = self.facts(flow)
        total = self.sum(flow.terms, edges)
        self.values[node.name] = self.through(flow.tail, total) if flow.tail else total

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

    def sum(self, terms: tuple[s.Term, ...], edges: Iterable[Edge | None]) -> Sum | None:
        """Returns the value of a sum of terms, each with its facts as an edge; None if no term is live."""
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

    def facts(self, flow: s.Flow) -> Facts:
        """Returns the facts of a node. The facts in the cache are used if its states still have the same channels."""
        known, present = self.frame.flows.get(flow), self.channels
        if known is not None:
            for state, channels in known.read:
                if channels is not present[state]:
                    break
            else:
                return known
        edges = [self.edge(term) for term in flow.terms]
        read = tuple([(edge.state, edge.channels) for edge in edges if edge is not None])
        known = Facts(tuple(edges), _flow_channels(flow, self.frame), read)
        if self.frame.scope is None or not edit.measured(edit.flow_ops([flow])):
            self.frame.flows.put(known, flow)
        return known

    def term(self, term: s.Term, is_return: bool) -> Sum | None:
        """Returns the value of a term, which may be the whole return of the cell; None if the term is dead."""
        if isinstance(term, s.Wire) and term.state not in self.frame.values:
            return self.values[term.state]
        edge = self.edge(term)
        return self.read(edge) if edge is not None else self.nested(term, is_return)

    def read(self, edge: Edge) -> Sum | None:
        """Returns the value of an edge; None if the operation of the edge is `none` or its state is a dead node."""
        state, _, label, weights, cells, is_plain = edge
        value = self.values[state]
        if is_plain and value:
            if not weights:
                return self.add(label, (value,))
            self.vertices.append((label, (value,), False))
            return (len(self.vertices) - 1,)
        if value is None or label == NOTHING:
            return None
        each = self.frame.each
        if state in each:
            value = self.add(self.filled(each[state], self.frame.cells), (value,), weights=True)
        return self.applied(label, cells, value, weights)

    def edge(self, term: s.Term) -> Edge | None:
        """Returns the facts of a term that is an edge; None for any other term."""
        if isinstance(term, s.Wire):
            fits = term.state not in self.frame.each and self.may_fit(term.state)
            return Edge(term.state, self.channels[term.state], "fit" if fits else IDENTITY, fits, (), fits)
        applied, first = term.op, term.arguments[0]
        if not isinstance(first, s.Wire) or s.is_join(term):
            return None
        assert isinstance(applied, s.Op)
        state, channels = first.state, self.channels[first.state]
        if applied.name == NOTHING:
            return Edge(state, channels, NOTHING, False, (), False)
        is_each = state in self.frame.each
        label, weightless, cells = self.label(applied, _OF_EACH if is_each else channels, state in self.frame.values)
        fits = self.may_fit(state)
        if label == IDENTITY and fits:
            label = "fit"
        is_plain = label not in (IDENTITY, ZERO, NOTHING) and not cells and not is_each
        return Edge(state, channels, label, fits or not weightless, cells, is_plain)

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
        if not frame.joins_apart:
            if self.has_concatenation:
                groups = [self.parts(part) for part in parts]
                if sum(map(len, groups)) <= _MOST_PARTS:
                    parts = [part for group in groups for part in group]
            if len(parts) == 1 and not frame.is_fitted:
                return parts[0]
        self.has_concatenation = True
        return self.add(CONCATENATION, tuple(parts), ordered)

    def parts(self, value: Sum) -> tuple[Sum, ...]:
        """Returns what a concatenation joins; any other value is its own only part."""
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
        """Returns whether a state may have another shape than the output, so that `fit` adds weights at each read."""
        frame = self.frame
        if state not in frame.values:
            return frame.is_fitted and self.channels[state] != frame.place.filters
        has_fit = frame.is_fitted or frame.first_decides
        return has_fit and (frame.place.stride != 1 or self.channels[state] != frame.place.filters)

    def label(self, applied: s.Op, channels: Value, reads_input: bool) -> Label:
        """Returns an operation at its place as a `Label`, from the cache if it is there."""
        frame = self.frame
        place = frame.place if reads_input else frame.inner
        known = frame.labels.get(applied, place, channels)
        if known is None:
            known = self.kept(label_of(applied, place, channels, frame.given, self.scope(applied)))
            if frame.scope is None or not edit.measured([applied]):
                frame.labels.put(known, applied, place, channels)
        return known

    @staticmethod
    def kept(label: Label) -> Label:
        """Returns a label in the form in which vertices have it."""
        return shortened(label)

    def scope(self, applied: s.Op) -> Scope:
        """Returns the values of the names in an operation's settings.

        The channels of a node are not known. A digest of what the node computes stands for them.
        """
        scope = self.frame.scope
        if scope is None:
            return self.frame.given.scope
        states = edit.measured([applied])
        if not states:
            return scope
        found: dict[str, Value] = dict(scope)
        for state in states:
            if state in self.frame.values:
                found[f"{state}.channels"] = self.channels[state]
            else:
                value = self.values[state]
                text = NOTHING if value is None else digest(canonical(self.vertices, value))
                found[f"{state}.channels"] = Symbol(f"channels of {text}")
        return found

    def apply(self, applied: s.Op, value: Sum, channels: Value) -> Sum | None:
        """Returns the value of an operation on a value with these channels; None if the operation is `none`."""
        label, weightless, cells = self.label(applied, channels, reads_input=False)
        return self.applied(label, cells, value, not weightless)

    def applied(self, label: str, cells: tuple[str, ...], value: Sum, weights: bool) -> Sum | None:
        """Returns the value of an operation with this label on a value; None if the operation is `none`."""
        if label == IDENTITY:
            return value
        if label == NOTHING:
            return None
        if label == ZERO or not value:
            return ()
        if is_idempotent(label) and len(value) == 1 and self.vertices[value[0]][0] == label:
            return value
        return self.add(self.filled(label, cells) if cells else label, (value,), False, weights)

    def filled(self, text: str, cells: tuple[str, ...]) -> str:
        """Returns a text with the fingerprints of cells in place of `<NAME>`."""
        for name in cells:
            text = text.replace(f"<{name}>", self.digest_of(name))
        return text


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


def _flow_channels(flow: s.Flow, frame: Frame) -> Value:
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
        channels = walked(part, Place(filters, 1), channels, frame.given, after) or unknown
    return channels


def _after(filters: Value, applied: Applied) -> Value:
    return filters if applied.is_cell else channels_after(applied)
