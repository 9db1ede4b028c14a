"""Draws cells: states as boxes, operations as pills on the arrows between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from compiler import arrange, canvas
from compiler.arrange import Arrangement, Item, Role
from compiler.canvas import Arrow, Box, Drawing, Label, Line
from dsl import edit
from dsl import syntax as s
from dsl.unparse import expression

__all__ = ["Drawing", "picture"]

_MARGIN, _APART, _HEADING = 28, 64, 48
_LONGEST = 30  # characters in a line
_ARRIVAL = 9.0  # the last piece of an arrow is straight, under its head

_ROLES = {"input": Role.SOURCE, "node": Role.NODE, "output": Role.SINK, "pill": Role.MARK, "join": Role.MARK}


def picture(cells: Sequence[s.Cell], title: str = "") -> Drawing:
    """Draws cells side by side, each under its name."""
    top = _MARGIN + (40 if title else 0)
    right, bottom = 0.0, float(top)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    labels: list[Label] = []
    for cell in cells:
        panel = _panel(cell, right + (_APART if right else _MARGIN), top, len(boxes))
        boxes += panel.boxes
        arrows += panel.arrows
        labels += panel.labels
        right, bottom = panel.width, max(bottom, panel.height)
    heading = Line(title, 22)
    width = math.ceil(max(right, heading.width + _MARGIN) + _MARGIN)
    if title:
        labels.append(Label(width / 2, _MARGIN + 10, heading))
    return Drawing(width, math.ceil(bottom + _MARGIN), title, tuple(boxes), tuple(arrows), tuple(labels))


# --- what is drawn ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A state, an operation or a join, before it has a place."""

    kind: str
    lines: tuple[Line, ...]
    paint: canvas.Paint
    note: str
    entries: int

    @property
    def is_state(self) -> bool:
        return self.kind in ("input", "node", "output")

    @property
    def width(self) -> int:
        text = max(line.width for line in self.lines) + (28 if self.is_state else 24)
        return math.ceil(max(text, 52 if self.is_state else 0, self.entries * arrange.PORT + 8))

    @property
    def height(self) -> int:
        return math.ceil(sum(line.height for line in self.lines) + (14 if self.is_state else 9))


class _Reader:
    """Collects the parts of one cell, and the links between them, which lead from earlier to later parts."""

    def __init__(self, cell: s.Cell) -> None:
        self.parts: list[_Part] = []
        self.links: list[tuple[int, int]] = []
        self._states: dict[str, int] = {}
        self._unused = tuple(map(s.Wire, edit.unused(cell)))
        for item in cell.inputs:
            kind = "" if item.kind is None else f"{'each ' if item.each else ''}{' '.join(_words(item.kind))}"
            small = (_line(kind, 11.5, canvas.SOFT),) if kind else ()
            lines = [_line(item.name, 16), *small]
            self._states[item.name] = self._add("input", lines, canvas.SOURCE, item.name, ())
        for node in cell.nodes:
            self._states[node.name] = self._flow("node", node.name, node.flow, canvas.STATE)
        self._flow("output", "output", cell.output, canvas.RESULT)

    def _add(self, kind: str, lines: Sequence[Line], paint: canvas.Paint, note: str, sources: Sequence[int]) -> int:
        place = len(self.parts)
        self.parts.append(_Part(kind, tuple(lines), paint, note, len(sources)))
        self.links += [(source, place) for source in sources]
        return place

    def _flow(self, kind: str, name: str, flow: s.Flow, paint: canvas.Paint) -> int:
        terms, symbol = flow.terms, "+"
        if len(terms) == 1 and isinstance(terms[0], s.Call) and s.is_join(terms[0]):
            terms, symbol = terms[0].arguments, "concat"
        sources = [self._term(term) for term in self._live(terms)]
        lines = [_line(name, 16)]
        if len(sources) > 1 or (symbol == "concat" and kind == "output"):
            lines.append(_line(symbol, 17 if symbol == "+" else 12.5, canvas.SOFT))
        lines += [_line(" ".join(_words(op)), 12.5, _paint(op).edge) for op in flow.tail]
        return self._add(kind, lines, paint, name, sources)

    def _term(self, term: s.Term) -> int:
        if isinstance(term, s.Wire):
            return self._states[term.state]
        sources = [self._term(argument) for argument in self._live(term.arguments)]
        if s.is_join(term):
            return self._add("join", [_line("concat", 12.5, canvas.SOFT)], canvas.JOIN, "concat", sources)
        first, rest = _words(term.op)
        lines = [_line(first, 13.5), *([_line(rest, 11, canvas.SOFT)] if rest else [])]
        return self._add("pill", lines, _paint(term.op), f"{first} {rest}".strip(), sources)

    def _live(self, terms: Iterable[s.Term]) -> Iterator[s.Term]:
        for term in terms:
            if isinstance(term, s.Wire) and term.state == "unused" and "unused" not in self._states:
                yield from self._unused
            elif isinstance(term, s.Wire) or (not edit.is_none(term) and any(self._live(term.arguments))):
                yield term


def _words(op: s.Op | s.Any) -> tuple[str, str]:
    """An operation's name with its plain settings, and its named settings."""
    if isinstance(op, s.Any):
        return expression(op), ""
    plain = [op.name, *(_value(argument.value) for argument in op.arguments if argument.name is None)]
    named = [f"{argument.name} {_value(argument.value)}" for argument in op.arguments if argument.name is not None]
    return " ".join(plain), ", ".join(named)


def _value(value: s.Expression) -> str:
    # a mutated factor has sixteen digits, of which nobody reads more than four
    return f"{value.value:.4g}" if isinstance(value, s.Number) and value.value < 1e4 else expression(value)


def _paint(op: s.Op | s.Any) -> canvas.Paint:
    if isinstance(op, s.Any):
        return canvas.operation_paint("any")
    kernels = [a.value for a in op.arguments if isinstance(a.value, s.Kernel)]
    return canvas.operation_paint(op.name, max((max(k.height, k.width) for k in kernels), default=1))


def _line(text: str, size: float, ink: str = canvas.INK) -> Line:
    text = text.strip()
    return Line(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…", size, ink)


# --- where it is drawn -----------------------------------------------------------------------------------------


def _panel(cell: s.Cell, left: float, top: float, first: int) -> Drawing:
    """One cell with its corner at a place; `width` and `height` are where it ends.

    `first` is the place of its first box in the whole drawing.
    """
    reader = _Reader(cell)
    placed = arrange.arrange([Item(_ROLES[part.kind], part.width) for part in reader.parts], reader.links)
    sheet = _Sheet(reader.parts, placed)
    heading = [_line(cell.name, 19)]
    if cell.stride is not None:
        heading.append(_line(f"stride {expression(cell.stride)}", 14, canvas.SOFT))
    named = sum(line.width for line in heading) + 12 * (len(heading) - 1)
    width = max(sheet.width, named)
    x, labels = left + (width - named) / 2, []
    for line in heading:
        labels.append(Label(x + line.width / 2, top + 12 + (19 - line.size) * 0.35, line))
        x += line.width + 12
    across, down = left + (width - sheet.width) / 2, top + _HEADING
    return Drawing(
        math.ceil(left + width), math.ceil(down + sheet.height), cell.name,
        tuple(sheet.boxes(across, down)), tuple(sheet.arrows(across, down, first)), tuple(labels),
    )  # fmt: skip


class _Sheet:
    """The parts of one cell and the arrows between them, from a corner at 0, 0."""

    def __init__(self, parts: Sequence[_Part], placed: Arrangement) -> None:
        self._parts, self._placed = parts, placed
        sink = len(parts) - 1
        centres, widths = list(placed.centres), [item.width for item in placed.items]
        ports = _sink_ports(placed, sink)
        if ports:
            span = min(ports.values()), max(ports.values())
            centres[sink], widths[sink] = sum(span) / 2, max(widths[sink], span[1] - span[0] + 2 * arrange.PORT)
        left = min(x - width / 2 for x, width in zip(centres, widths, strict=True)) - 2
        self.width = max(x + width / 2 for x, width in zip(centres, widths, strict=True)) + 2 - left
        self._centres, self._widths = [x - left for x in centres], widths
        self._ends = [
            ports[link] - left if link in ports else self._centres[target] + placed.shifts[link]
            for link, (_, target) in enumerate(placed.links)
        ]
        self._tops, self._heights = self._stacked()
        self.height = self._tops[-1] + self._heights[-1]
        self._alive = _alive(placed, sink)

    def _stacked(self) -> tuple[list[float], list[float]]:
        """The rows' tops and heights: the farther arrows go sideways, the more room there is between."""
        rows = self._placed.rows
        heights, gaps = [0.0] * (max(rows) + 1), [26.0] * (max(rows) + 1)
        for row, part in zip(rows, self._parts, strict=False):
            heights[row] = max(heights[row], part.height)
        for (source, _), end in zip(self._placed.links, self._ends, strict=True):
            aside = abs(end - self._centres[source])
            gaps[rows[source]] = max(gaps[rows[source]], min(26 + aside * 0.13, 96.0))
        tops = [sum(heights[:row]) + sum(gaps[:row]) for row in range(len(heights))]
        return tops, heights

    def boxes(self, across: float, down: float) -> Iterator[Box]:
        """The parts, moved to a corner."""
        for place, part in enumerate(self._parts):
            x, (y, _), width = self._centres[place], self._span(place), self._widths[place]
            box = Box(part.kind, across + x - width / 2, down + y, width, part.height, part.lines, part.paint, note=part.note)
            yield box if place in self._alive else _pale(box)

    def arrows(self, across: float, down: float, first: int) -> Iterator[Arrow]:
        """The arrows, moved to a corner, between boxes counted from `first`."""
        for (source, target), end in zip(self._placed.links, self._ends, strict=True):
            start, row = across + self._centres[source], self._placed.rows[source]
            part = self._parts[target] if target < len(self._parts) else None
            head = part is not None and part.kind != "pill"
            leave, arrive = self._tops[row] + self._heights[row], self._tops[row + 1] - (_ARRIVAL if head else 0)
            yield Arrow(
                first + source if source < len(self._parts) else None,
                first + target if part is not None else None,
                (start, down + self._span(source)[1]), (start, down + leave),
                (across + end, down + arrive), (across + end, down + self._span(target)[0 if part else 1]),
                head, target not in self._alive or source not in self._alive,
            )  # fmt: skip

    def _span(self, place: int) -> tuple[float, float]:
        """Top and bottom: of a part, or of the whole row for a bend."""
        row = self._placed.rows[place]
        spare = (self._heights[row] - self._parts[place].height) / 2 if place < len(self._parts) else 0.0
        return self._tops[row] + spare, self._tops[row] + self._heights[row] - spare


def _sink_ports(placed: Arrangement, sink: int) -> dict[int, float]:
    """Where the links to the output arrive: straight below where they come from."""
    ports: dict[int, float] = {}
    entering = [link for link, (_, target) in enumerate(placed.links) if target == sink]
    for link in sorted(entering, key=lambda link: placed.centres[placed.links[link][0]]):
        wanted = placed.centres[placed.links[link][0]]
        ports[link] = max(wanted, list(ports.values())[-1] + arrange.PORT) if ports else wanted
    return ports


def _alive(placed: Arrangement, sink: int) -> set[int]:
    """The places that an input reaches and that reach the output."""
    fed = {place for place, item in enumerate(placed.items) if item.role is Role.SOURCE}
    wanted = {sink}
    downwards = sorted(placed.links, key=lambda link: placed.rows[link[0]])
    for source, target in downwards:
        if source in fed:
            fed.add(target)
    for source, target in reversed(downwards):
        if target in wanted:
            wanted.add(source)
    return fed & wanted | {sink}


def _pale(box: Box) -> Box:
    lines = tuple(replace(line, ink=canvas.SOFT if line.ink == canvas.INK else canvas.PALE) for line in box.lines)
    return replace(box, lines=lines, paint=canvas.DEAD, dead=True)
