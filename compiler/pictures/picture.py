"""Draws cells: states as boxes, operations as pills on the arrows between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from compiler.pictures import arrange, canvas
from compiler.pictures.arrange import Arrangement, Item, Role
from compiler.pictures.canvas import Arrow, Box, Drawing, Label, Line, Paint
from dsl.primitives import CONCATENATION
from dsl.text.unparse import expression
from dsl.tree import edit
from dsl.tree import syntax as s

_MARGIN, _APART, _HEADING = 28, 64, 48
_TITLE, _LARGEST = 22, 40
_LONGEST = 30  # the largest number of characters in a line
_WORDS = 12  # the distance of the words of a heading
_ARRIVAL = 9.0  # the length of the straight piece of an arrow under its head

_ROLES = {"input": Role.SOURCE, "node": Role.NODE, "output": Role.SINK, "pill": Role.MARK, "join": Role.MARK}


def picture(cells: Sequence[s.Cell], title: str = "", stacked: bool = False) -> Drawing:
    """Draws cells side by side, or one below the other if `stacked`, each under its name."""
    sheets = [_Sheet(cell) for cell in cells]
    wide, high = [sheet.width for sheet in sheets], [sheet.height for sheet in sheets]
    cells_width = max(wide, default=0) if stacked else sum(wide) + _APART * max(0, len(wide) - 1)
    # Stacked cells are shown small, so their titles are as large as the width allows.
    fitted = _TITLE * cells_width / max(1.0, Line(title, _TITLE).width) if stacked else _TITLE
    heading = Line(title, min(_LARGEST, max(_TITLE, fitted)))
    content = max(heading.width, cells_width)
    top = _MARGIN + (18 + heading.size if title else 0)
    left = _MARGIN + (content - sum(sheet.width + _APART for sheet in sheets) + _APART) / 2
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    labels: list[Label] = []
    for sheet in sheets:
        x = _MARGIN + (content - sheet.width) / 2 if stacked else left
        arrows += sheet.arrows(x, top, first=len(boxes))
        boxes += sheet.boxes(x, top)
        labels += sheet.labels(x, top)
        left += sheet.width + _APART
        top += (sheet.height + _APART) * stacked
    width = math.ceil(content + 2 * _MARGIN)
    if title:
        labels.append(Label(width / 2, _MARGIN + heading.size / 2 - 1, heading))
    bottom = top - _APART * bool(sheets) if stacked else top + max(high, default=0)
    height = math.ceil(bottom + _MARGIN)
    return Drawing(width, height, title, tuple(boxes), tuple(arrows), tuple(labels))


# --- the parts of a drawing -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A state, an operation or a join, before it has a place."""

    kind: str
    lines: tuple[Line, ...]
    paint: Paint
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
    """Collects the states, operations and joins of one cell, and the links from earlier to later ones."""

    def __init__(self, cell: s.Cell) -> None:
        self.parts: list[_Part] = []
        self.links: list[tuple[int, int]] = []
        self._states: dict[str, int] = {}
        self._unused = tuple(map(s.Wire, edit.unused(cell)))
        for item in cell.inputs:
            kind = "" if item.kind is None else f"{'each ' if item.each else ''}{' '.join(_words(item.kind))}"
            small = (_line(kind, 11.5, canvas.SOFT),) if kind else ()
            lines = [_line(item.name, 16), *small]
            self._states[item.name] = self._add("input", lines, canvas.SOURCE, item.name)
        for node in cell.nodes:
            self._states[node.name] = self._flow("node", node.name, node.flow, canvas.STATE)
        self._flow("output", "output", cell.output, canvas.RESULT)

    def _add(self, kind: str, lines: list[Line], paint: Paint, note: str, sources: Sequence[int] = ()) -> int:
        place = len(self.parts)
        self.parts.append(_Part(kind, tuple(lines), paint, note, len(sources)))
        self.links += [(source, place) for source in sources]
        return place

    def _flow(self, kind: str, name: str, flow: s.Flow, paint: Paint) -> int:
        terms, symbol, first = flow.terms, "+", flow.terms[0]
        if len(terms) == 1 and isinstance(first, s.Call) and s.is_join(first):
            terms, symbol = first.arguments, _symbol(first)
        sources = [self._term(term) for term in self._live(terms)]
        lines = [_line(name, 16)]
        if len(sources) > 1 or (symbol == CONCATENATION and kind == "output"):
            lines.append(_join_line(symbol))
        lines += [_line(" ".join(_words(op)), 12.5, _paint(op).edge) for op in flow.tail]
        return self._add(kind, lines, paint, name, sources)

    def _term(self, term: s.Term) -> int:
        if isinstance(term, s.Wire):
            return self._states[term.state]
        sources = [self._term(argument) for argument in self._live(term.arguments)]
        if s.is_join(term):
            symbol = _symbol(term)
            return self._add("join", [_join_line(symbol)], canvas.JOIN, symbol, sources)
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
    """Returns an operation's name with its unnamed settings, and its named settings."""
    if isinstance(op, s.Any):
        return expression(op), ""
    plain = [op.name, *(_value(a.value) for a in op.arguments if a.name is None)]
    named = [f"{a.name} {_value(a.value)}" for a in op.arguments if a.name is not None]
    return " ".join(plain), ", ".join(named)


def _value(value: s.Expression) -> str:
    # A mutated factor may have sixteen digits; four are enough to read.
    return f"{value.value:.4g}" if isinstance(value, s.Number) and value.value < 1e4 else expression(value)


def _symbol(join: s.Call) -> str:
    """Returns the sign of a sum, or the name of the concatenation."""
    return "+" if s.is_sum(join) else CONCATENATION


def _join_line(symbol: str) -> Line:
    return _line(symbol, 17 if symbol == "+" else 12.5, canvas.SOFT)


def _paint(op: s.Op | s.Any) -> Paint:
    if isinstance(op, s.Any):
        return canvas.operation_paint("any")
    kernels = [a.value for a in op.arguments if isinstance(a.value, s.Kernel)]
    return canvas.operation_paint(op.name, max((max(k.height, k.width) for k in kernels), default=1))


def _line(text: str, size: float, ink: str = canvas.INK) -> Line:
    text = text.strip()
    return Line(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…", size, ink)


# --- the places of parts ----------------------------------------------------------------------------------


class _Sheet:
    """One cell, laid out from a corner at 0, 0: its heading, its parts and the arrows between them."""

    def __init__(self, cell: s.Cell) -> None:
        reader = _Reader(cell)
        self._parts = reader.parts
        items = [Item(_ROLES[part.kind], part.width) for part in reader.parts]
        self._placed = arrange.arrange(items, reader.links)
        self._heading = [_line(cell.name, 19)]
        if cell.stride is not None:
            self._heading.append(_line(f"stride {expression(cell.stride)}", 14, canvas.SOFT))
        self._connected = _reaching(self._placed, len(self._parts) - 1)
        self._set_across()
        self._tops, self._heights = self._stacked()
        self.height = self._tops[-1] + self._heights[-1]

    def _set_across(self) -> None:
        """Sets the x coordinate of every part. The output becomes as wide as the parts that it joins."""
        placed, sink = self._placed, len(self._parts) - 1
        centres, self._widths = list(placed.centres), [item.width for item in placed.items]
        ports = _sink_ports(placed, sink)
        if ports:
            low, high = min(ports.values()), max(ports.values())
            centres[sink] = (low + high) / 2
            self._widths[sink] = max(self._widths[sink], high - low + 2 * arrange.PORT)
        left = min(x - width / 2 for x, width in zip(centres, self._widths, strict=True)) - 2
        right = max(x + width / 2 for x, width in zip(centres, self._widths, strict=True)) + 2
        self.width = max(right - left, self._heading_width())
        left -= (self.width - (right - left)) / 2
        self._centres = [x - left for x in centres]
        self._ends = [
            ports[link] - left if link in ports else self._centres[target] + placed.shifts[link]
            for link, (_, target) in enumerate(placed.links)
        ]

    def _heading_width(self) -> float:
        return sum(line.width for line in self._heading) + _WORDS * (len(self._heading) - 1)

    def _stacked(self) -> tuple[list[float], list[float]]:
        """Returns the tops and heights of the rows; rows are farther apart where arrows go farther sideways."""
        rows = self._placed.rows
        heights, gaps = [0.0] * (max(rows) + 1), [26.0] * (max(rows) + 1)
        for row, part in zip(rows, self._parts, strict=False):
            heights[row] = max(heights[row], part.height)
        for (source, _), end in zip(self._placed.links, self._ends, strict=True):
            aside = abs(end - self._centres[source])
            gaps[rows[source]] = max(gaps[rows[source]], min(26 + aside * 0.13, 96.0))
        tops = [_HEADING + sum(heights[:row]) + sum(gaps[:row]) for row in range(len(heights))]
        return tops, heights

    def labels(self, across: float, down: float) -> Iterator[Label]:
        """Yields the labels of the heading, for a sheet with its corner at this point."""
        x = across + (self.width - self._heading_width()) / 2
        for line in self._heading:
            # Texts of all sizes have one base line.
            yield Label(x + line.width / 2, down + 12 + (self._heading[0].size - line.size) * 0.35, line)
            x += line.width + _WORDS

    def boxes(self, across: float, down: float) -> Iterator[Box]:
        """Yields the boxes of the parts, for a sheet with its corner at this point."""
        for place, part in enumerate(self._parts):
            width = self._widths[place]
            x, y = across + self._centres[place] - width / 2, down + self._span(place)[0]
            box = Box(part.kind, x, y, width, part.height, part.lines, part.paint, note=part.note)
            yield box if place in self._connected else _pale(box)

    def arrows(self, across: float, down: float, first: int) -> Iterator[Arrow]:
        """Yields the arrows, for a sheet with its corner at this point; `first` is the index of its first box."""
        for (source, target), end in zip(self._placed.links, self._ends, strict=True):
            start, row = across + self._centres[source], self._placed.rows[source]
            part = self._parts[target] if target < len(self._parts) else None
            head = part is not None and part.kind != "pill"
            leave = self._tops[row] + self._heights[row]
            arrive = self._tops[row + 1] - (_ARRIVAL if head else 0)
            yield Arrow(
                first + source if source < len(self._parts) else None,
                first + target if part is not None else None,
                (start, down + self._span(source)[1]), (start, down + leave),
                (across + end, down + arrive), (across + end, down + self._span(target)[0 if part else 1]),
                head, target not in self._connected or source not in self._connected,
            )  # fmt: skip

    def _span(self, place: int) -> tuple[float, float]:
        """Returns the top and the bottom of a part, or of the whole row for a bend."""
        row = self._placed.rows[place]
        spare = (self._heights[row] - self._parts[place].height) / 2 if place < len(self._parts) else 0.0
        return self._tops[row] + spare, self._tops[row] + self._heights[row] - spare


def _sink_ports(placed: Arrangement, sink: int) -> dict[int, float]:
    """Returns the points at which links arrive at the output: straight below their origins."""
    ports: dict[int, float] = {}
    entering = [link for link, (_, target) in enumerate(placed.links) if target == sink]
    for link in sorted(entering, key=lambda link: placed.centres[placed.links[link][0]]):
        wanted = placed.centres[placed.links[link][0]]
        ports[link] = max(wanted, list(ports.values())[-1] + arrange.PORT) if ports else wanted
    return ports


def _reaching(placed: Arrangement, sink: int) -> set[int]:
    """Returns the indices of parts that lie on a path from an input to the output."""
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
    inks = (canvas.SOFT if line.ink == canvas.INK else canvas.PALE for line in box.lines)
    lines = tuple(replace(line, ink=ink) for line, ink in zip(box.lines, inks, strict=True))
    return replace(box, lines=lines, paint=canvas.DEAD, dead=True)
