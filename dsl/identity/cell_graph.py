"""The graph of a cell: its vertices are operations, and the canonical form of the graph does not depend on names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from dsl.identity.canonical import Sum, Vertex, canonical
from dsl.identity.digests import digest
from dsl.identity.frames import Edge, Facts, Frame
from dsl.identity.labels import Label, Use, is_idempotent, label_of, shortened
from dsl.primitives import CONCATENATION, IDENTITY, NOTHING, PRODUCT
from dsl.space.evaluate import Scope, Symbol, Value
from dsl.tree import edit
from dsl.tree import syntax as s

_OF_A_SUM, _OF_A_TERM, _OF_EACH, _OF_A_NODE = map(Symbol, ("of a sum", "of a term", "of each", "of a node"))
_OF_ANY_SIZE = Symbol("of any size")  # the channels of a node whose map may have another size than the cell's output
_SAME, _NONE = (Label(text, True, (), None, 1, True, False) for text in (IDENTITY, NOTHING))
_MOST_PARTS = 256  # of one concatenation; a chain of nodes that double their parts would have any number


class CellGraph:
    """Builds the graph of one cell. Equal vertices without weights have the same value, so they are one vertex."""

    __slots__ = ("channels", "digest_of", "frame", "has_concatenation", "values", "vertices", "weightless")

    def __init__(self, frame: Frame, digest_of: Callable[[Use], str]) -> None:
        """Creates the graph of a cell, which has the vertices of the inputs.

        Args:
          frame: the facts of the cell.
          digest_of: returns the fingerprint of another cell of the genotype at a use.
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
        edges, channels, _ = self.facts(flow)
        only = _only_join(flow.terms) if edges[0] is None else None
        if only is None:
            total = self.sum(flow.terms, edges)
        else:
            total, own = self.nested(only, False)
            channels = self.after_tail(flow.tail, own)
        self.channels[node.name] = channels
        self.values[node.name] = self.through(flow.tail, total) if flow.tail else total

    def output(self, terms: tuple[s.Term, ...], tail: s.Pipe) -> Sum | None:
        """Adds the return of the cell with these terms, and returns its value; None if no term is live."""
        only = _only_join(terms)
        # If a concatenation is the only term, its order only permutes the channels of the cell's output.
        total = self.sum(terms, map(self.edge, terms)) if only is None else self.nested(only, True)[0]
        return self.through(tail, total)

    def through(self, tail: s.Pipe, total: Sum | None) -> Sum | None:
        """Applies the operations of a tail to a sum and returns the value; None if the sum is None."""
        for part in tail:
            if total is None:
                break
            assert isinstance(part, s.Op)
            total = self.applied(self.label(part, _OF_A_SUM, reads_input=False), total)
        return total

    def sum(self, terms: tuple[s.Term, ...], edges: Iterable[Edge | None]) -> Sum | None:
        """Returns the value of a sum of terms, each with its facts as an edge; None if no term is live."""
        live = []
        for place, edge in enumerate(edges):
            value = self.joined(terms[place]) if edge is None else self.read(edge)
            if value is not None:
                live.append(value)
        if len(live) < 2:
            return live[0] if live else None
        if self.frame.first_decides:
            # The first term decides the shape, so its place has a meaning. The order of the other terms has none.
            return self.add("sum", (live[0], _summed(live[1:])), ordered=True, weights=self.frame.joins_weigh)
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
        known = Facts(tuple(edges), self.after_tail(flow.tail, self.of_a_join), read)
        if self.frame.scope is None or not edit.measured(edit.flow_ops([flow])):
            self.frame.flows.put(known, flow)
        return known

    @property
    def of_a_join(self) -> Value:
        """The channels of a sum, if they are those that are wanted of each part of a join."""
        frame = self.frame
        return _OF_A_NODE if frame.wanted is None or (frame.is_fitted and frame.is_split) else frame.wanted

    def after_tail(self, tail: s.Pipe, channels: Value) -> Value:
        """Returns the channels of a state, or of a term, after operations that all have the stride 1."""
        # With `width split`, another node wants other channels.
        if not self.frame.is_fitted or self.frame.is_split:
            return _OF_A_NODE
        for part in tail:
            assert isinstance(part, s.Op)
            channels = self.after(self.label(part, channels, reads_input=False), channels is not _OF_ANY_SIZE, 1)
        return channels

    def after(self, label: Label, is_sized: bool, stride: Value) -> Value:
        """Returns the channels after an operation, which has to divide the size of its map by this stride."""
        if not is_sized or label.stride != stride:
            return _OF_ANY_SIZE
        wanted = self.frame.wanted
        return wanted if wanted is not None and label.channels == wanted else _OF_A_NODE

    def joined(self, term: s.Term, in_concatenation: bool = False) -> Sum | None:
        """Returns the value of a term as a part of a join, in the shape that is wanted; None if the term is dead."""
        if isinstance(term, s.Wire) and term.state not in self.frame.values:
            value, channels = self.values[term.state], self.channels[term.state]
        else:
            edge = self.edge(term, in_concatenation)
            if edge is not None:
                return self.read(edge)
            value, channels = self.nested(term, False)
        return self.fitted(value) if value is not None and self.may_fit(channels, in_concatenation) else value

    def argument(self, term: s.Term) -> tuple[Sum | None, Value]:
        """Returns the value and the channels of a term that an operation reads, so that nothing changes its shape."""
        edge = self.edge(term)
        if edge is None:
            return self.nested(term, False)
        return self.read(edge._replace(may_fit=False)), self.after_edge(edge.state, edge.label)

    def read(self, edge: Edge) -> Sum | None:
        """Returns the value of an edge; None if the operation of the edge is `none` or its state is a dead node."""
        state, _, label, may_fit, is_plain = edge
        value = self.values[state]
        if is_plain and value:
            if label.weightless:
                result = self.add(label.text, (value,))
            else:
                self.vertices.append((label.text, (value,), False))
                result = (len(self.vertices) - 1,)
            return self.fitted(result) if may_fit else result
        if value is None or label.text == NOTHING:
            return None
        each = self.frame.each
        if state in each:
            value = self.add(self.filled(each[state], self.frame.uses), (value,), weights=True)
        changed = self.applied(label, value)
        return self.fitted(changed) if may_fit and changed is not None else changed

    def edge(self, term: s.Term, in_concatenation: bool = False) -> Edge | None:
        """Returns the facts of a term that is an edge; None for any other term."""
        if isinstance(term, s.Wire):
            return self.made(term.state, _SAME, in_concatenation)
        applied, first = term.op, term.arguments[0]
        if not isinstance(first, s.Wire) or s.is_join(term):
            return None
        assert isinstance(applied, s.Op)
        state = first.state
        if applied.name == NOTHING:
            return self.made(state, _NONE, in_concatenation)
        channels = _OF_EACH if state in self.frame.each else self.channels[state]
        return self.made(state, self.label(applied, channels, state in self.frame.values), in_concatenation)

    def made(self, state: str, label: Label, in_concatenation: bool) -> Edge:
        """Returns the facts of an edge that reads a state and does what a label says."""
        frame, text = self.frame, label.text
        may_fit = frame.wanted is not None and self.may_fit(self.after_edge(state, label), in_concatenation)
        is_special = text in (IDENTITY, NOTHING) or label.from_zeros or label.uses or state in frame.each
        return Edge(state, self.channels[state], label, may_fit, not is_special)

    def after_edge(self, state: str, label: Label) -> Value:
        """Returns the channels after the operation of an edge."""
        frame, channels = self.frame, self.channels[state]
        if state not in frame.values:
            return channels if label.text == IDENTITY else self.after(label, channels is not _OF_ANY_SIZE, 1)
        if label.text != IDENTITY:
            return self.after(label, state in frame.sized, frame.place.stride)
        return frame.wanted if frame.wanted is not None and state in frame.fitting else _OF_ANY_SIZE

    def may_fit(self, channels: Value, in_concatenation: bool) -> bool:
        """Returns whether a part of a join, with these channels, may be fitted, or cut to the width of its node."""
        frame = self.frame
        return channels is not frame.wanted and (frame.is_fitted or (frame.is_split and not in_concatenation))

    def fitted(self, value: Sum) -> Sum:
        """Returns a value after a fit, which has weights, or after a cut to the width of its node."""
        if not self.frame.is_fitted:
            return self.add("fit", (value,))
        self.vertices.append(("fit", (value,), False))
        return (len(self.vertices) - 1,)

    def nested(self, term: s.Term, is_return: bool) -> tuple[Sum | None, Value]:
        """Returns the value and the channels of a term that is a join or an operation on another term.

        The value is None if the term is dead. `is_return` says whether the term is the whole return of the cell.
        """
        assert isinstance(term, s.Call) and isinstance(term.op, s.Op)
        applied = term.op
        if applied.name == NOTHING:
            return None, _OF_A_NODE
        if not s.is_join(term):
            value, channels = self.argument(term.arguments[0])
            if value is None:
                return None, channels
            result = self.applied(self.label(applied, _OF_A_TERM, reads_input=False), value)
            return result, self.after_tail((applied,), channels)
        if s.is_sum(term):
            return self.sum(term.arguments, map(self.edge, term.arguments)), self.of_a_join
        if applied.name == PRODUCT:
            return self.product(term), _OF_ANY_SIZE
        parts = [part for one in term.arguments if (part := self.joined(one, True)) is not None]
        if not parts:
            return None, _OF_A_NODE
        value = self.concatenation(parts, self.frame.order_counts or not is_return)
        return value, _OF_A_NODE if len(parts) > 1 else self.of_a_join

    def concatenation(self, parts: list[Sum], ordered: bool) -> Sum:
        """Returns the value of a concatenation. The parts of a concatenation within it are its own."""
        frame = self.frame
        # Where parts are fitted or cut, a concatenation by itself is fitted or cut as a whole.
        if len(parts) == 1 and (frame.is_fitted or not frame.joins_apart):
            return parts[0]
        if not frame.joins_apart and self.has_concatenation:
            groups = [self.parts(part) for part in parts]
            if sum(map(len, groups)) <= _MOST_PARTS:
                parts = [part for group in groups for part in group]
        self.has_concatenation = True
        return self.add(CONCATENATION, tuple(parts), ordered, frame.joins_weigh)

    def parts(self, value: Sum) -> tuple[Sum, ...]:
        """Returns what a concatenation joins; any other value is its own only part."""
        label, groups, _ = self.vertices[value[0]] if len(value) == 1 else ("", (), False)
        return groups if label == CONCATENATION else (value,)

    def product(self, term: s.Call) -> Sum | None:
        """Returns the value of a product, whose order has no meaning; None if no factor is live."""
        frame = self.frame
        # Where the first factor decides the shape, its place has a meaning, and a product by itself has another shape.
        factors = term.arguments if frame.first_decides else _factors(term)
        live = [value for factor in factors if (value := self.joined(factor)) is not None]
        if len(live) < 2:
            return live[0] if live else None
        if () in live:
            return ()
        return self.add(PRODUCT, tuple(live), frame.first_decides, frame.joins_weigh)

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

    def applied(self, label: Label, value: Sum) -> Sum | None:
        """Returns the value of an operation with this label on a value; None if the operation is `none`."""
        text = label.text
        if text == IDENTITY:
            return value
        if text == NOTHING:
            return None
        if label.from_zeros:
            value = ()
        if not value and label.keeps_zeros:
            return ()
        if is_idempotent(text) and len(value) == 1 and self.vertices[value[0]][0] == text:
            return value
        text = self.filled(text, label.uses) if label.uses else text
        return self.add(text, (value,), False, not label.weightless)

    def filled(self, text: str, uses: tuple[Use, ...]) -> str:
        """Returns a text with the fingerprints of cells in place of the marks of their uses."""
        for use in uses:
            text = text.replace(use.mark, self.digest_of(use))
        return text


def _only_join(terms: tuple[s.Term, ...]) -> s.Call | None:
    """Returns the product or the concatenation that is a whole node or return; None if there is none."""
    only = terms[0] if len(terms) == 1 else None
    return only if isinstance(only, s.Call) and s.is_join(only) and not s.is_sum(only) else None


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
