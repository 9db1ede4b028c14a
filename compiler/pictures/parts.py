"""The parts of a cell's picture: states, operations and joins, and the links between them.

If the changes from another version of the cell are given, new and changed parts are marked, and parts that this version
of the cell lacks are added and marked as removed.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from compiler.pictures import arrange, paints
from compiler.pictures.changes import RETURN, CellChanges, FlowChanges, Place, inner, is_drawn, sign
from compiler.pictures.paints import Paint
from compiler.pictures.shapes import Line, Mark
from dsl.primitives import CONCATENATION
from dsl.text.unparse import expression
from dsl.tree import edit
from dsl.tree import syntax as s

_LONGEST = 30  # the largest number of characters in a line
_NAME, _SMALL = 16, 11.5  # the sizes of texts


@dataclass(frozen=True, slots=True)
class Part:
    """A state, an operation or a join of a cell, without its position in the picture.

    `kind` is input, node, output, pill or join. A dead part lies on no path from an input to the output.
    """

    kind: str
    lines: tuple[Line, ...]
    paint: Paint
    note: str
    entries: int = 0
    mark: Mark | None = None
    is_dead: bool = False

    @property
    def is_state(self) -> bool:
        """Whether the part is an input, a node or the output."""
        return self.kind in ("input", "node", "output")

    @property
    def width(self) -> int:
        """The width of the part's box."""
        text = max(line.width for line in self.lines) + (28 if self.is_state else 24)
        return math.ceil(max(text, 52 if self.is_state else 0, self.entries * arrange.PORT + 8))

    @property
    def height(self) -> int:
        """The height of the part's box."""
        return math.ceil(sum(line.height for line in self.lines) + (14 if self.is_state else 9))


@dataclass(frozen=True, slots=True)
class Link:
    """A link from one part to a later part. `source` and `target` are the indices of the two in the list of parts."""

    source: int
    target: int
    mark: Mark | None = None
    is_dead: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of a cell, with the output at the end, and their links.

    `notes` has the changes that no part shows, as text.
    """

    parts: tuple[Part, ...]
    links: tuple[Link, ...]
    notes: tuple[str, ...] = ()


def read(cell: s.Cell, changes: CellChanges | None = None) -> Parts:
    """Returns the parts of a cell. If changes are given, the new, changed and removed parts are marked."""
    reader = _Reader(cell, changes or CellChanges())
    entries = Counter(link.target for link in reader.links)
    parts = [replace(part, entries=entries[place]) for place, part in enumerate(reader.parts)]
    order = _in_order(len(parts), reader.links, last=reader.sink)
    places = {place: index for index, place in enumerate(order)}
    links = [replace(link, source=places[link.source], target=places[link.target]) for link in reader.links]
    return _with_dead([parts[place] for place in order], links, tuple(dict.fromkeys(reader.notes)))


def _with_dead(parts: list[Part], links: list[Link], notes: tuple[str, ...]) -> Parts:
    """Returns the parts and links. Those that lie on no path from an input to the output are marked as dead."""
    sink = len(parts) - 1
    fed, wanted = {place for place, part in enumerate(parts) if part.kind == "input"}, {sink}
    present = [link for link in links if link.mark is not Mark.REMOVED]
    for link in sorted(present, key=lambda link: link.source):
        if link.source in fed:
            fed.add(link.target)
    for link in sorted(present, key=lambda link: -link.target):
        if link.target in wanted:
            wanted.add(link.source)
    live = fed & wanted | {sink} | {place for place, part in enumerate(parts) if part.mark is Mark.REMOVED}
    return Parts(
        tuple(part if place in live else replace(part, is_dead=True) for place, part in enumerate(parts)),
        tuple(link if {link.source, link.target} <= live else replace(link, is_dead=True) for link in links),
        notes,
    )


def focused(found: Parts) -> Parts:
    """Returns the changed states of a cell with their operations.

    A state that a changed state reads becomes an input.
    """
    # for each part, the state that is computed from the part, or the part itself if it is a state
    states: dict[int, int] = {}
    for place, part in enumerate(found.parts):
        if part.is_state:
            states[place] = place
    for link in reversed(sorted(found.links, key=lambda link: link.source)):
        states.setdefault(link.source, states[link.target])
    changed = {states[place] for place, part in enumerate(found.parts) if part.mark is not None}
    changed |= {states[link.target] for link in found.links if link.mark is not None}
    links = [link for link in found.links if states[link.target] in changed]
    kept = sorted({place for place in states if states[place] in changed} | {link.source for link in links})
    places = {place: index for index, place in enumerate(kept)}
    parts = (found.parts[place] if states[place] in changed else _as_input(found.parts[place]) for place in kept)
    moved = (replace(link, source=places[link.source], target=places[link.target]) for link in links)
    return Parts(tuple(parts), tuple(moved), found.notes)


def _as_input(part: Part) -> Part:
    return replace(part, kind="input", lines=part.lines[:1], paint=paints.SOURCE, entries=0)


def _in_order(count: int, links: Sequence[Link], last: int) -> list[int]:
    """Returns the indices of all parts in an order in which no link leads back.

    The old order is kept where it is possible.
    """
    below, waiting = defaultdict[int, list[int]](list), Counter(link.target for link in links)
    for link in links:
        below[link.source].append(link.target)
    ready = [place for place in range(count) if not waiting[place] and place != last]
    order: list[int] = []
    while ready:
        order.append(heapq.heappop(ready))
        for target in below[order[-1]]:
            waiting[target] -= 1
            if not waiting[target] and target != last:
                heapq.heappush(ready, target)
    return [*order, last]


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk through the terms of a state, with the changes of this state. If `is_new` is True, all terms are new."""

    key: str
    changes: FlowChanges
    is_new: bool


class _Reader:
    """Collects the parts of one cell, and the links between them. Removed parts and their links come last."""

    def __init__(self, cell: s.Cell, changes: CellChanges) -> None:
        self.parts: list[Part] = []
        self.links: list[Link] = []
        self.notes = [*changes.notes]
        self._changes = changes
        self._states: dict[str, int] = {}
        self._hidden: set[str] = set()  # removed states whose names other states have now
        # the state, the removed term, and the index of the part that read the term
        self._removed: list[tuple[str, s.Term, int]] = []
        self._unused = edit.unused(cell) if "unused" not in edit.states(cell) else ("unused",)
        for item in cell.inputs:
            lines = [line_of(item.name, _NAME), *_kind_lines(item, changes.inputs.get(item.name))]
            self._states[item.name] = self._state("input", lines, paints.SOURCE, item.name, item.name)
        for node in cell.nodes:
            self._states[node.name] = self._flow("node", node.name, node.flow, paints.STATE, node.name)
        self.sink = self._flow("output", RETURN, cell.output, paints.RESULT, "output")
        self._add_removed()

    # --- present parts

    def _state(self, kind: str, lines: list[Line], paint: Paint, key: str, name: str, is_changed: bool = False) -> int:
        changes = self._changes
        former = changes.names.get(key)
        if former is not None:
            lines.insert(1, _former(former))
        is_changed = is_changed or former is not None or key in changes.inputs
        mark = Mark.NEW if key in changes.new else Mark.CHANGED if is_changed else None
        note = name if former is None else _noted(name, former)
        return self._add(Part(kind, tuple(lines), paint, note, mark=mark))

    def _add(self, part: Part) -> int:
        self.parts.append(part)
        return len(self.parts) - 1

    def _flow(self, kind: str, key: str, flow: s.Flow, paint: Paint, name: str) -> int:
        walk = _Walk(key, self._changes.flows.get(key, FlowChanges()), key in self._changes.new)
        terms, place, symbol = inner(flow)
        entering = self._entering(terms, place, walk)
        lines = [line_of(name, _NAME)]
        former = walk.changes.join
        if len(entering) > 1 or (symbol == CONCATENATION and kind == "output"):
            lines.append(_join_line(symbol, paints.SOFT if former is None else paints.MARKED))
        if former is not None:
            lines.append(_former(former))
        lines += _tail_lines(flow.tail, walk.changes.tail)
        is_changed = former is not None or walk.changes.tail is not None
        part = self._state(kind, lines, paint, key, name, is_changed)
        self._link(entering, part, place, walk)
        return part

    def _link(self, entering: list[tuple[int, Mark | None]], target: int, place: Place, walk: _Walk) -> None:
        self.links += [Link(source, target, mark) for source, mark in entering]
        self._removed += [(walk.key, term, target) for at, term in walk.changes.removed if at == place]
        for at, state in walk.changes.reads.items():
            if at[:-1] == place:
                self._removed.append((walk.key, s.Wire(state), target))

    def _entering(self, terms: tuple[s.Term, ...], place: Place, walk: _Walk) -> list[tuple[int, Mark | None]]:
        """Returns for each drawn term the index of its outermost part, and the mark of the link from this part."""
        expanded = edit.with_states(terms, self._unused) if self._unused != ("unused",) else terms
        return [self._term(term, (*place, i), walk) for i, term in enumerate(expanded) if is_drawn(term)]

    def _term(self, term: s.Term, place: Place, walk: _Walk) -> tuple[int, Mark | None]:
        changes, is_new = walk.changes, walk.is_new or place in walk.changes.new
        mark = Mark.NEW if is_new else None
        if isinstance(term, s.Wire):
            return self._states[term.state], Mark.NEW if place in changes.reads else mark
        inside = replace(walk, is_new=is_new)
        entering = self._entering(term.arguments, place, inside)
        part = _operation(term)
        former = changes.operations.get(place)
        if former is not None:
            mark = Mark.CHANGED
            line = _former(_difference(former, term.op))
            part = replace(part, lines=(*part.lines, line), note=_noted(part.note, " ".join(_words(former)).strip()))
        added = self._add(replace(part, mark=mark))
        self._link(entering, added, place, inside)
        return added, Mark.NEW if is_new else None

    # --- removed parts

    def _add_removed(self) -> None:
        changes = self._changes
        for item in changes.removed_inputs:
            self._add_removed_state("input", item.name, _kind_lines(item, None))
        for node in changes.removed_nodes:
            target = self._add_removed_state("node", node.name, _tail_lines(node.flow.tail, None))
            if target is not None:
                terms, _, _ = inner(node.flow)
                self._removed += [(node.name, term, target) for term in terms if is_drawn(term)]
        for name, term, target in self._removed:
            if self._has_place(term, target):
                self.links.append(Link(self._ghost(term), target, Mark.REMOVED))
            else:
                self.notes += self._changes.lines.get(name, ())

    def _add_removed_state(self, kind: str, name: str, more: Iterable[Line]) -> int | None:
        """Adds a removed state and returns its index; returns None if another state has its name now."""
        if name in self._states:
            self.notes += self._changes.lines[name]
            self._hidden.add(name)
            return None
        self._states[name] = self._add(_ghost_of(Part(kind, (line_of(name, _NAME), *more), paints.STATE, name)))
        return self._states[name]

    def _has_place(self, term: s.Term, target: int) -> bool:
        """Returns whether a removed term can be drawn.

        The states that it read must be in the picture, and none of them may be computed from the part `target`, which
        read the term.
        """
        below = defaultdict[int, list[int]](list)
        for link in self.links:
            below[link.source].append(link.target)
        after, waiting = {target}, [target]
        while waiting:
            fresh = [place for place in below[waiting.pop()] if place not in after]
            after.update(fresh)
            waiting += fresh
        read = {s.read_state(edge) for _, edge in s.edges(term)}
        return read.isdisjoint(self._hidden) and after.isdisjoint(self._states[state] for state in read)

    def _ghost(self, term: s.Term) -> int:
        """Adds the parts of a removed term, and returns the index of the outermost part."""
        if isinstance(term, s.Wire):
            return self._states[term.state]
        sources = [self._ghost(part) for part in term.arguments if is_drawn(part)]
        added = self._add(_ghost_of(_operation(term)))
        self.links += [Link(source, added, Mark.REMOVED) for source in sources]
        return added


# --- texts ------------------------------------------------------------------------------------------------


def _operation(term: s.Call) -> Part:
    """Returns the part for the outermost operation of a term."""
    if s.is_join(term):
        return Part("join", (_join_line(sign(term)),), paints.JOIN, sign(term))
    first, rest = _words(term.op)
    lines = line_of(first, 13.5), *([line_of(rest, 11, paints.SOFT)] if rest else [])
    return Part("pill", lines, _paint(term.op), f"{first} {rest}".strip())


def _ghost_of(part: Part) -> Part:
    """Returns a copy of the part that is marked as removed."""
    lines = tuple(replace(line, ink=paints.SOFT, struck=True) for line in part.lines)
    return replace(part, lines=lines, paint=paints.REMOVED, mark=Mark.REMOVED)


def _kind_lines(item: s.Input, former: s.Input | None) -> Iterator[Line]:
    """Yields the lines for the operation of an input, and for the operation that the input had before."""
    now, before = (_kind(one) if one is not None else "" for one in (item, former))
    if now:
        yield line_of(now, _SMALL, paints.SOFT if former is None else paints.MARKED)
    if before:
        yield _struck(before)


def _kind(item: s.Input) -> str:
    return "" if item.kind is None else f"{'each ' if item.each else ''}{' '.join(_words(item.kind))}"


def _tail_lines(tail: s.Pipe, former: s.Pipe | None) -> Iterator[Line]:
    """Yields the lines for the operations after a node's sum, and for those that the node had there before."""
    before = tail if former is None else former
    for kind, i, j, k, m in SequenceMatcher(None, before, tail, autojunk=False).get_opcodes():
        for op in tail[k:m]:
            yield line_of(" ".join(_words(op)), 12.5, _paint(op).edge if kind == "equal" else paints.MARKED)
        if kind != "equal":
            yield from (_struck(" ".join(_words(op))) for op in before[i:j])


def _former(text: str) -> Line:
    return line_of(f"was {text}", _SMALL, paints.MARKED)


def _difference(former: s.Op | s.Any, op: s.Op | s.Any) -> str:
    """Returns a former operation as text. If only settings have changed, the text has only the former settings."""
    (before, settings), (now, others) = _words(former), _words(op)
    if (before, settings) == (now, others):
        return expression(former)  # The two differ only in digits that `_value` leaves out.
    differing = [setting for setting in settings.split(", ") if setting and setting not in others.split(", ")]
    if before == now and differing:
        return ", ".join(differing)
    return before if settings == others else f"{before} {settings}"


def _noted(text: str, former: str) -> str:
    return f"{text} (was {former})"


def _struck(text: str) -> Line:
    return replace(line_of(text, _SMALL, paints.MARKED), struck=True)


def _words(op: s.Op | s.Any) -> tuple[str, str]:
    """Returns an operation as two texts: its name with its unnamed settings, and its other settings."""
    if isinstance(op, s.Any):
        return expression(op), ""
    plain = [op.name, *(_value(a.value) for a in op.arguments if a.name is None)]
    # `stride=stride`, in a cell with settings, is written once.
    given = {a.name: _value(a.value) for a in op.arguments if a.name is not None}
    named = [name if value == name else f"{name} {value}" for name, value in given.items()]
    return " ".join(plain), ", ".join(named)


def _value(value: s.Expression) -> str:
    # A mutated factor may have sixteen digits; four are enough to read.
    return f"{value.value:.4g}" if isinstance(value, s.Number) and value.value < 1e4 else expression(value)


def _paint(op: s.Op | s.Any) -> Paint:
    if isinstance(op, s.Any):
        return paints.operation_paint("any")
    kernels = [a.value for a in op.arguments if isinstance(a.value, s.Kernel)]
    return paints.operation_paint(op.name, max((max(k.height, k.width) for k in kernels), default=1))


def line_of(text: str, size: float, ink: str = paints.INK) -> Line:
    """Returns a line of a text. A text of more than `_LONGEST` characters is cut off."""
    text = text.strip()
    return Line(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…", size, ink)


def _join_line(symbol: str, ink: str = paints.SOFT) -> Line:
    return line_of(symbol, 17 if symbol == "+" else 12.5, ink)
