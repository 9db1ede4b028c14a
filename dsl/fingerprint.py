"""Identity: one text for all genotypes that compute the same network up to names and order.

A cell becomes a graph whose vertices are operations, since each has weights of its own; sums are flattened into
multisets of vertices and skips are spliced. A vertex that is read once is written inside its reader, so that only
shared ones need names, and those are told apart by what they are made of, then by who reads them.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dsl import edit
from dsl import syntax as s
from dsl.evaluate import Symbol, Value, number
from dsl.expand import Applied, Place, Undecided, channels_after, walk
from dsl.genotype import Genotype, Space
from dsl.unparse import op, unparse

_FILTERS = Symbol("filters")
_OF_A_SUM, _OF_A_TERM, _OF_EACH, _OF_A_NODE = map(Symbol, ("of a sum", "of a term", "of each", "of a node"))
_MAX_ORDERS = 5040
_MAX_TEXT = 512  # characters of a vertex's text; a longer one gets a name, so that long chains stay cheap
_WEIGHTLESS = frozenset({"relu", "avg_pool", "max_pool", "global_avg_pool", "resize_and_pad", "skip"})
_Sum = tuple[int, ...]  # the vertices that are summed, in order; none of them is a zero


class _Vertex(NamedTuple):
    label: str
    groups: tuple[_Sum, ...] = ()
    ordered: bool = False  # whether the order of the groups, or of the first in a sum, is part of the meaning


@dataclass(slots=True)
class _Graph:
    """Vertices in order; those without weights are one wherever they do the same to the same states."""

    vertices: list[_Vertex] = field(default_factory=list)
    weightless: dict[_Vertex, _Sum] = field(default_factory=dict)
    by_itself: bool = True  # whether no other cell's fingerprint is part of it

    def add(self, label: str, groups: tuple[_Sum, ...], ordered: bool = False, weights: bool = False) -> _Sum:
        if len(groups) != 1 or len(groups[0]) > 1:
            groups = tuple([_sorted(group) for group in groups])
        vertex = _Vertex(label, groups, ordered)
        made = (len(self.vertices),)
        if not weights:
            known = self.weightless.setdefault(vertex, made)
            if known is not made:
                return known
        self.vertices.append(vertex)
        return made


def _sorted(group: _Sum) -> _Sum:
    return group if len(group) < 2 else tuple(sorted(group))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the fingerprint of a cell needs to know of its signature and of how it is called."""

    head: str
    place: Place
    inner: Place  # of an operation that reads no input
    channels: tuple[Value, ...]  # of the inputs
    each: Mapping[str, s.Op]
    first_decides: bool
    order_counts: bool
    is_fitted: bool


def fingerprint(genotype: Genotype) -> str:
    """A short text, equal for genotypes of a space that are the same network; dead nodes and genes do not count."""
    space = genotype.space
    parts = [_space_digest(space)]
    parts += [cell_fingerprint(cell, genotype) for cell in genotype.cells if cell.name in space.reached]
    return _digest("\n".join(parts))


def cell_fingerprint(cell: s.Cell, genotype: Genotype) -> str:
    """The canonical digest of one cell, its name left out; cells that a search has just seen are remembered."""
    seen = genotype.space.seen
    known = seen.get(cell)
    if known is not None:
        return known
    digest, by_itself = _cell_digest(cell, genotype)
    if by_itself:
        seen.put(digest, cell)
    return digest


def _cell_digest(cell: s.Cell, genotype: Genotype) -> tuple[str, bool]:
    """The digest, and whether it depends on this cell alone."""
    space = genotype.space
    frame = _frame(cell.name, cell.inputs, cell.fit, cell.width, space)
    graph = _Graph()
    channels: dict[str, Value] = {}
    values: dict[str, _Sum | None] = {}
    for index, item in enumerate(cell.inputs):
        values[item.name] = graph.add(f"input{index}", ())
        channels[item.name] = frame.channels[index]
    build = _Builder(graph, genotype, values, channels, frozenset(values), frame)
    for node in cell.nodes:
        values[node.name] = build.flow(node.flow.terms, node.flow.tail, is_return=False)
        channels[node.name] = _node_channels(node, frame.is_fitted, space)
    output = build.flow(edit.returned_terms(cell), cell.output.tail, is_return=True)
    return _digest(frame.head + _canonical(graph.vertices, output or ())), graph.by_itself


@functools.lru_cache(maxsize=64)
def _frame(name: str, inputs: tuple[s.Input, ...], fit: s.Op | None, width: str | None, space: Space) -> _Frame:
    filters, stride = _calls(space, name)
    kinds = [("each " if item.each else "") + (op(item.kind) if item.kind else "raw") for item in inputs]
    by_first = fit is not None and (fit.name == "resize_and_pad" or filters is None)
    return _Frame(
        f"{kinds}{'' if fit is None else op(fit)}{width}{stride}",
        Place(filters, stride),
        Place(filters, 1),
        tuple(_input_channels(item, index, filters, space) for index, item in enumerate(inputs)),
        {item.name: item.kind for item in inputs if item.each and item.kind is not None},
        by_first,
        by_first or width == "split",
        fit is not None and filters is not None,
    )


@dataclass(frozen=True, slots=True)
class _Builder:
    """Adds the flows of one cell to a graph."""

    graph: _Graph
    genotype: Genotype
    values: dict[str, _Sum | None]
    channels: dict[str, Value]
    inputs: frozenset[str]
    frame: _Frame

    def flow(self, terms: tuple[s.Term, ...], tail: s.Pipe, is_return: bool) -> _Sum | None:
        """The sum of the live terms, then the tail; `None` when there is no live term."""
        total = self.sum(terms, is_return and len(terms) == 1)
        if total is None:
            return None
        for part in tail:
            assert isinstance(part, s.Op)
            total = self.apply(part, total, _OF_A_SUM, reads_input=False)
        return total

    def sum(self, terms: tuple[s.Term, ...], is_return: bool) -> _Sum | None:
        live = [value for term in terms if (value := self.term(term, is_return)) is not None]
        if len(live) < 2:
            return live[0] if live else None
        if self.frame.first_decides:
            # the first term sets the shape; the others are a multiset
            return self.graph.add("sum", (live[0], tuple(itertools.chain.from_iterable(live[1:]))), ordered=True)
        return tuple(itertools.chain.from_iterable(live))

    def term(self, term: s.Term, is_return: bool) -> _Sum | None:
        if isinstance(term, s.Wire):
            return self.read(term.state)
        applied, first = term.op, term.arguments[0]
        assert isinstance(applied, s.Op)
        if applied.name == "none":
            return None
        is_join = applied.name in s.JOINS
        if not is_join and isinstance(first, s.Wire):
            return self.edge(applied, first.state)
        if is_join and s.is_sum(term):
            return self.sum(term.arguments, is_return=False)
        parts = [part for argument in term.arguments if (part := self.term(argument, False)) is not None]
        if not parts:
            return None
        if is_join:
            ordered = self.frame.order_counts or not is_return
            return self.graph.add("concat", tuple(parts), ordered)
        return self.apply(applied, parts[0], _OF_A_TERM, reads_input=False)

    def edge(self, applied: s.Op, state: str) -> _Sum | None:
        """An operation that reads a state."""
        is_each = state in self.frame.each
        value = self.read(state) if is_each else self.values[state]
        if value is None:
            return None
        channels = _OF_EACH if is_each else self.channels[state]
        may_fit = self.may_fit(state)
        made = self.apply(applied, value, channels, state in self.inputs, may_fit)
        return self.graph.add("fit", (made,), weights=True) if may_fit and made == value else made

    def read(self, state: str) -> _Sum | None:
        """A state as a bare wire reads it."""
        value = self.values[state]
        if state in self.frame.each:
            return self.graph.add(f"each {op(self.frame.each[state])}", (value or (),), weights=True)
        return self.graph.add("fit", (value or (),), weights=True) if self.may_fit(state) else value

    def may_fit(self, state: str) -> bool:
        """Whether an input may have another shape than the cell makes, so that reading it costs weights."""
        frame = self.frame
        has_fit = state in self.inputs and (frame.is_fitted or frame.first_decides)
        return has_fit and (frame.place.stride != 1 or self.channels[state] != _FILTERS)

    def apply(self, applied: s.Op, value: _Sum, channels: Value, reads_input: bool, weights: bool = False) -> _Sum:
        place = self.frame.place if reads_input else self.frame.inner
        # By the very objects, which children share; to compare operations by value takes longer than all the rest.
        labels = self.genotype.space.labels
        known = labels.get(applied, place, channels)
        if known is None:
            known = _label(applied, place, channels, self.genotype.space)
            labels.put(known, applied, place, channels)
        label, weightless, cells = known
        if label == "skip":
            return value
        if label == "zero" or not value:
            return ()
        for name in cells:
            self.graph.by_itself = False
            label = label.replace(f"<{name}>", cell_fingerprint(self.genotype.cell(name), self.genotype))
        return self.graph.add(label, (value,), weights=weights or not weightless)


@functools.lru_cache(maxsize=8192)
def _label(applied: s.Op, place: Place, channels: Value, space: Space) -> tuple[str, bool, tuple[str, ...]]:
    """What an operation is at a place: its primitives and their settings, `skip`, or `zero`.

    With it whether it has no weights, and the cells that it is made of.
    """
    steps: list[str] = []
    cells: list[str] = []

    def follow(part: Applied) -> Value:
        settings = " ".join(f"{key}={value}" for key, value in sorted(part.settings.items()) if value is not None)
        steps.append(f"<{part.name}> {settings}" if part.is_cell else f"{part.name} {settings}".strip())
        if part.is_cell:
            cells.append(part.name)
        return Symbol("of a cell") if part.is_cell else channels_after(part)

    try:
        walk(applied, place, channels, space.definitions.scope, space.definitions, follow)
    except Undecided:
        return f"{op(applied)} at {place.stride} of {channels}", False, ()
    if any(step.startswith("zero") for step in steps):
        return "zero", True, ()
    weightless = all(step.split(" ")[0] in _WEIGHTLESS for step in steps)
    return "|".join(step for step in steps if step != "skip") or "skip", weightless, tuple(cells)


def _node_channels(node: s.Node, is_fitted: bool, space: Space) -> Value:
    """The channels of a node, known where every term of its sum is fitted to the cell's filters."""
    only = node.flow.terms[0] if len(node.flow.terms) == 1 else None
    unknown = _OF_A_NODE
    if not is_fitted or (isinstance(only, s.Call) and s.is_join(only) and not s.is_sum(only)):
        return unknown
    channels: Value = _FILTERS
    for part in node.flow.tail:
        assert isinstance(part, s.Op)
        channels = _channels_through(part, channels, space) or unknown
    return channels


@functools.lru_cache(maxsize=8192)
def _channels_through(part: s.Op, channels: Value, space: Space) -> Value | None:
    """The channels after an operation of a tail; `None` where they cannot be known here."""
    try:
        return walk(part, Place(_FILTERS, 1), channels, space.definitions.scope, space.definitions, _after)
    except Undecided:
        return None


def _after(applied: Applied) -> Value:
    return _FILTERS if applied.is_cell else channels_after(applied)


def _input_channels(item: s.Input, index: int, filters: Value | None, space: Space) -> Value:
    """The first input's kind is always applied; another may be the raw stem, so that its channels are unknown."""
    raw = Symbol(f"raw {index}")
    if index or item.kind is None or item.each:
        return raw
    try:
        return walk(item.kind, Place(filters, 1), raw, space.definitions.scope, space.definitions, channels_after)
    except Undecided:
        return raw


@functools.lru_cache(maxsize=64)
def _calls(space: Space, name: str) -> tuple[Value | None, Value]:
    """The filters and the stride that a cell is called with, as far as they are the same at every call."""
    cell = next(item for item in space.items if isinstance(item, s.Cell) and item.name == name)
    own: Value = 1 if cell.stride is None else number(cell.stride, space.params)
    calls = [part for section in space.network.sections for step in section.steps for part in step.pipe
             if isinstance(part, s.Op) and part.name == name]  # fmt: skip
    asked = [{argument.name or "filters": argument.value for argument in call.arguments} for call in calls]
    filters = _FILTERS if not calls or all("filters" in settings for settings in asked) else None
    if not calls or any("stride" in settings for settings in asked):
        return filters, Symbol("stride")
    return filters, own


@functools.lru_cache(maxsize=8)
def _space_digest(space: Space) -> str:
    kept = tuple(item for item in space.items if isinstance(item, s.Network | s.OpDef | s.Param))
    return _digest(unparse(s.File(kept)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


# --- canonical form --------------------------------------------------------------------------------------------


def _canonical(vertices: list[_Vertex], output: _Sum) -> str:
    """A text of the graph that does not depend on the numbers of its vertices."""
    counts = _reads(vertices, output)
    texts: list[str] = []
    shared: list[int] = []
    for index, vertex in enumerate(vertices):
        text = _written(vertex, texts) if counts[index] else ""
        if vertex.groups and (counts[index] > 1 or len(text) > _MAX_TEXT):
            shared.append(index)
            text = "@" + _digest(text)
        texts.append(text)
    names = {index: texts[index] for index in shared}
    if len(set(names.values())) == len(names):
        return "+".join(sorted([texts[index] for index in output])) or "0"
    names = _refined(vertices, output, names)
    return min(_defined(vertices, output, named) for named in _orders(names))


def _reads(vertices: list[_Vertex], output: _Sum) -> list[int]:
    """How often each vertex is read on a way to the output."""
    counts = [0] * len(vertices)
    for index in output:
        counts[index] += 1
    for index in range(len(vertices) - 1, -1, -1):
        if counts[index]:
            for group in vertices[index].groups:
                for source in group:
                    counts[source] += 1
    return counts


def _written(vertex: _Vertex, texts: list[str]) -> str:
    """A vertex from the texts of what it reads."""
    label, groups, ordered = vertex
    if not groups:
        return label
    if len(groups) == 1:
        group = groups[0]
        if len(group) == 1:
            return f"{label}({texts[group[0]]})"
    sums = ["+".join(sorted([texts[index] for index in group])) or "0" for group in groups]
    if not ordered:
        sums.sort()
    return f"{label}({','.join(sums)})"


def _rewritten(vertices: list[_Vertex], names: Mapping[int, str]) -> list[str]:
    """The texts of all vertices, those that have a name by their name."""
    texts: list[str] = []
    for index, vertex in enumerate(vertices):
        texts.append(names.get(index) or _written(vertex, texts))
    return texts


def _refined(vertices: list[_Vertex], output: _Sum, names: dict[int, str]) -> dict[int, str]:
    """Names told apart by who reads them too, until nothing new is learnt."""
    kinds = len(set(names.values()))
    while kinds < len(names):
        contexts = _contexts(vertices, output, _rewritten(vertices, names))
        new = {index: "@" + _digest(name + contexts[index]) for index, name in names.items()}
        found = len(set(new.values()))
        if found == kinds:
            return names
        names, kinds = new, found
    return names


def _contexts(vertices: list[_Vertex], output: _Sum, texts: list[str]) -> list[str]:
    """For each vertex what reads it, and what reads that, down to the output."""
    readers: list[list[str]] = [[] for _ in vertices]
    contexts = [""] * len(vertices)
    for index in output:
        readers[index].append("out")
    for index in range(len(vertices) - 1, -1, -1):
        if readers[index]:
            contexts[index] = own = _digest(f"{texts[index]}<{','.join(sorted(readers[index]))}")
            for position, group in enumerate(vertices[index].groups):
                mark = f"{own}.{position}" if vertices[index].ordered else own
                for source in group:
                    readers[source].append(mark)
    return contexts


def _defined(vertices: list[_Vertex], output: _Sum, names: Mapping[int, str]) -> str:
    """The whole graph as definitions of its named vertices."""
    texts = _rewritten(vertices, names)
    definitions = sorted([f"{name}={_written(vertices[index], texts)}" for index, name in names.items()])
    return ";".join(["+".join(sorted([texts[index] for index in output])), *definitions])


def _orders(names: dict[int, str]) -> Iterator[dict[int, str]]:
    """Every way to number the vertices that are still alike; past a bound they are left alike."""
    alike: dict[str, list[int]] = {}
    for index, name in names.items():
        alike.setdefault(name, []).append(index)
    ties = [members for _, members in sorted(alike.items()) if 1 < len(members) <= 7]
    if math.prod(math.factorial(len(members)) for members in ties) > _MAX_ORDERS:
        yield names
        return
    for order in itertools.product(*(itertools.permutations(members) for members in ties)):
        named = dict(names)
        for members in order:
            for position, index in enumerate(members):
                named[index] = f"{names[index]}#{position}"
        yield named
