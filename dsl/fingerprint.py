"""Identity: one text for all genotypes that compute the same network up to names and order.

A cell becomes a graph whose vertices are operations, since each has weights of its own; sums are flattened into
multisets of vertices and skips are spliced. A vertex that is read once is written inside its reader, so that only
shared ones need names, and those are told apart by what they are made of, then by who reads them.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from dsl import edit
from dsl import syntax as s
from dsl.evaluate import Symbol, Value, number
from dsl.expand import Applied, Place, Undecided, channels_after, walk
from dsl.genotype import Genotype, Space
from dsl.unparse import op, unparse

_FILTERS = Symbol("filters")
_MAX_ORDERS = 5040
_MAX_DEPTH = 50
_WEIGHTLESS = frozenset({"relu", "avg_pool", "max_pool", "global_avg_pool", "resize_and_pad", "skip"})
_Sum = tuple[int, ...]  # the vertices that are summed; none of them is a zero


@dataclass(frozen=True, slots=True)
class _Vertex:
    label: str
    groups: tuple[_Sum, ...] = ()
    ordered: bool = False  # whether the order of the groups, or of the first in a sum, is part of the meaning


@dataclass(slots=True)
class _Graph:
    """Vertices in order; those without weights are one wherever they do the same to the same states."""

    vertices: list[_Vertex] = field(default_factory=list)
    weightless: dict[_Vertex, int] = field(default_factory=dict)

    def add(self, label: str, groups: tuple[_Sum, ...], ordered: bool = False, weights: bool = False) -> _Sum:
        vertex = _Vertex(label, tuple(tuple(sorted(group)) for group in groups), ordered)
        if not weights:
            if vertex in self.weightless:
                return (self.weightless[vertex],)
            self.weightless[vertex] = len(self.vertices)
        self.vertices.append(vertex)
        return (len(self.vertices) - 1,)


def fingerprint(genotype: Genotype) -> str:
    """A short text, equal for genotypes of a space that are the same network; dead nodes and genes do not count."""
    space = genotype.space
    parts = [_space_digest(space)]
    parts += [cell_fingerprint(cell, genotype) for cell in genotype.cells if cell.name in space.reached]
    return _digest("\n".join(parts))


def cell_fingerprint(cell: s.Cell, genotype: Genotype) -> str:
    """The canonical digest of one cell, its name left out."""
    space = genotype.space
    filters, stride = _calls(space, cell.name)
    graph = _Graph()
    channels: dict[str, Value] = {}
    values: dict[str, _Sum | None] = {}
    for index, item in enumerate(cell.inputs):
        values[item.name] = graph.add(f"input{index}", ())
        channels[item.name] = _input_channels(item, index, filters, space)
    reads_input = {item.name for item in cell.inputs}
    by_first = cell.fit is not None and (cell.fit.name == "resize_and_pad" or filters is None)
    each = {item.name: item.kind for item in cell.inputs if item.each and item.kind is not None}
    place, by_place = Place(filters, stride), by_first or cell.width == "split"
    fitted = reads_input if cell.fit is not None else set()
    build = _Builder(graph, genotype, values, channels, reads_input, place, each, fitted, by_first, by_place)
    for node in cell.nodes:
        values[node.name] = build.flow(node.flow.terms, node.flow.tail, is_return=False)
        channels[node.name] = _node_channels(node, filters is not None and cell.fit is not None, genotype)
    output = build.flow(edit.returned_terms(cell), cell.output.tail, is_return=True)
    kinds = [("each " if item.each else "") + (op(item.kind) if item.kind else "raw") for item in cell.inputs]
    head = f"{kinds}{'' if cell.fit is None else op(cell.fit)}{cell.width}{stride}"
    return _digest(head + _canonical(graph.vertices, output or ()))


@dataclass(frozen=True, slots=True)
class _Builder:
    """Adds the flows of one cell to a graph."""

    graph: _Graph
    genotype: Genotype
    values: dict[str, _Sum | None]
    channels: dict[str, Value]
    inputs: set[str]
    place: Place
    each: dict[str, s.Op]
    fitted: set[str]  # the inputs on whose way `fit` may stand, with weights of its own at every read
    first_decides: bool
    order_counts: bool

    def flow(self, terms: tuple[s.Term, ...], tail: s.Pipe, is_return: bool) -> _Sum | None:
        """The sum of the live terms, then the tail; `None` when there is no live term."""
        total = self.sum(terms, is_return and len(terms) == 1)
        if total is None:
            return None
        for part in tail:
            assert isinstance(part, s.Op)
            total = self.apply(part, total, Symbol("of a sum"), reads_input=False)
        return total

    def sum(self, terms: tuple[s.Term, ...], is_return: bool) -> _Sum | None:
        live = [value for term in terms if (value := self.term(term, is_return)) is not None]
        if not live:
            return None
        if self.first_decides and len(live) > 1:
            # the first term sets the shape; the others are a multiset
            return self.graph.add("sum", (live[0], tuple(itertools.chain.from_iterable(live[1:]))), ordered=True)
        return tuple(itertools.chain.from_iterable(live))

    def term(self, term: s.Term, is_return: bool) -> _Sum | None:
        if isinstance(term, s.Wire):
            return self.read(term.state)
        assert isinstance(term.op, s.Op)
        if term.op.name == "none":
            return None
        if isinstance(term.arguments[0], s.Wire) and not s.is_join(term):
            return self.edge(term.op, term.arguments[0].state)
        if s.is_sum(term):
            return self.sum(term.arguments, is_return=False)
        parts = [part for argument in term.arguments if (part := self.term(argument, False)) is not None]
        if not parts:
            return None
        if s.is_join(term):
            ordered = self.order_counts or not is_return
            return self.graph.add("concat", tuple(parts), ordered)
        return self.apply(term.op, parts[0], Symbol("of a term"), reads_input=False)

    def edge(self, applied: s.Op, state: str) -> _Sum | None:
        """An operation that reads a state."""
        value = self.read(state) if state in self.each else self.values[state]
        if value is None:
            return None
        channels = Symbol("of each") if state in self.each else self.channels[state]
        made = self.apply(applied, value, channels, state in self.inputs, self.may_fit(state))
        return self.graph.add("fit", (made,), weights=True) if made == value and self.may_fit(state) else made

    def read(self, state: str) -> _Sum | None:
        """A state as a bare wire reads it."""
        value = self.values[state]
        if state in self.each:
            return self.graph.add(f"each {op(self.each[state])}", (value or (),), weights=True)
        return self.graph.add("fit", (value or (),), weights=True) if self.may_fit(state) else value

    def may_fit(self, state: str) -> bool:
        """Whether an input may have another shape than the cell makes, so that reading it costs weights."""
        return state in self.fitted and (self.place.stride != 1 or self.channels[state] != _FILTERS)

    def apply(self, applied: s.Op, value: _Sum, channels: Value, reads_input: bool, weights: bool = False) -> _Sum:
        place = self.place if reads_input else Place(self.place.filters, 1)
        label = _label(applied, place, channels, self.genotype.space)
        if label == "skip":
            return value
        if label == "zero" or not value:
            return ()
        for name in self.genotype.space.cell_names:
            if f"<{name}>" in label:
                label = label.replace(f"<{name}>", cell_fingerprint(self.genotype.cell(name), self.genotype))
        weightless = all(part.split(" ")[0] in _WEIGHTLESS for part in label.split("|"))
        return self.graph.add(label, (value,), weights=weights or not weightless)


@functools.lru_cache(maxsize=8192)
def _label(applied: s.Op, place: Place, channels: Value, space: Space) -> str:
    """What an operation is at a place: its primitives and their settings, `skip`, or `zero`."""
    steps: list[str] = []

    def follow(part: Applied) -> Value:
        settings = " ".join(f"{key}={value}" for key, value in sorted(part.settings.items()) if value is not None)
        steps.append(f"<{part.name}> {settings}" if part.is_cell else f"{part.name} {settings}".strip())
        return Symbol("of a cell") if part.is_cell else channels_after(part)

    try:
        walk(applied, place, channels, space.definitions.scope, space.definitions, follow)
    except Undecided:
        return f"{op(applied)} at {place.stride} of {channels}"
    if any(step.startswith("zero") for step in steps):
        return "zero"
    return "|".join(step for step in steps if step != "skip") or "skip"


def _node_channels(node: s.Node, is_fitted: bool, genotype: Genotype) -> Value:
    """The channels of a node, known where every term of its sum is fitted to the cell's filters."""
    only = node.flow.terms[0] if len(node.flow.terms) == 1 else None
    unknown = Symbol(f"of {node.name}")
    if not is_fitted or (isinstance(only, s.Call) and s.is_join(only) and not s.is_sum(only)):
        return unknown
    channels: Value = _FILTERS
    for part in node.flow.tail:
        assert isinstance(part, s.Op)
        channels = _channels_through(part, channels, genotype.space) or unknown
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
    shared: list[int] = []
    names: dict[int, str] = {}
    depths: dict[int, int] = {}
    for index in sorted(counts):
        vertex = vertices[index]
        depths[index] = 1 + max((depths[source] for group in vertex.groups for source in group), default=0)
        is_shared = counts[index] > 1 and bool(vertex.groups)
        # long chains are cut into named pieces, so that writing one does not recurse without bound
        if is_shared or (vertex.groups and depths[index] % _MAX_DEPTH == 0):
            names[index] = "@" + _digest(_write(vertex, vertices, names))
            shared.append(index)
    ties = [members for _, members in _grouped(shared, names) if len(members) > 1]
    if not ties:
        return _sum(output, vertices, names)
    names = _refined(shared, vertices, output, names)
    ties = [members for _, members in _grouped(shared, names) if len(members) > 1]
    return min(_defined(shared, vertices, output, named) for named in _orders(ties, names))


def _reads(vertices: list[_Vertex], output: _Sum) -> Counter[int]:
    counts: Counter[int] = Counter(output)
    for index in range(len(vertices) - 1, -1, -1):
        if counts[index]:
            counts.update(itertools.chain.from_iterable(vertices[index].groups))
    return counts


def _write(vertex: _Vertex, vertices: list[_Vertex], names: dict[int, str]) -> str:
    if not vertex.groups:
        return vertex.label
    groups = [_sum(group, vertices, names) for group in vertex.groups]
    if not vertex.ordered:
        groups.sort()
    return f"{vertex.label}({','.join(groups)})"


def _sum(group: _Sum, vertices: list[_Vertex], names: dict[int, str]) -> str:
    if not group:
        return "0"
    return "+".join(sorted(names.get(index) or _write(vertices[index], vertices, names) for index in group))


def _grouped(shared: list[int], names: dict[int, str]) -> list[tuple[str, list[int]]]:
    ordered = sorted(shared, key=lambda index: names[index])
    return [(name, list(group)) for name, group in itertools.groupby(ordered, key=lambda index: names[index])]


def _refined(shared: list[int], vertices: list[_Vertex], output: _Sum, names: dict[int, str]) -> dict[int, str]:
    """Names of shared vertices told apart by their readers too, until nothing new is learnt."""
    kinds = len(set(names.values()))
    while True:
        new = {}
        for index in shared:
            marked = {**names, index: "@self"}
            new[index] = "@" + _digest(names[index] + _defined(shared, vertices, output, marked))
        if len(set(new.values())) == kinds:
            return names
        names, kinds = new, len(set(new.values()))


def _defined(shared: list[int], vertices: list[_Vertex], output: _Sum, names: dict[int, str]) -> str:
    definitions = sorted(f"{names[index]}={_write(vertices[index], vertices, names)}" for index in shared)
    return ";".join([_sum(output, vertices, names), *definitions])


def _orders(ties: list[list[int]], names: dict[int, str]) -> Iterator[dict[int, str]]:
    """Every way to number the vertices that are still alike; past a bound they are left alike."""
    choices = [list(itertools.permutations(members)) for members in ties if len(members) <= 7]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MAX_ORDERS:
        yield names
        return
    for order in itertools.product(*choices):
        named = dict(names)
        for members in order:
            for position, index in enumerate(members):
                named[index] = f"{names[index]}#{position}"
        yield named
