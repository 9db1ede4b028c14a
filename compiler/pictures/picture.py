"""Draws cells as pictures. States are boxes, and operations are rounded boxes on the arrows between states."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import dsl
from compiler.pictures import arrange, paints
from compiler.pictures.arrange import Arrangement, Item, Role
from compiler.pictures.canvas import Drawing
from compiler.pictures.changes import CellChanges, Changes, changes
from compiler.pictures.network import as_cell
from compiler.pictures.parts import Link, Parts, focused, line_of, read
from compiler.pictures.shapes import Arrow, Box, Label, Line, Mark, text_width
from dsl.text.unparse import expression, formals
from dsl.tree import syntax as s

_MARGIN, _APART, _HEADING = 28, 64, 48
_TITLE, _LARGEST = 22, 40
_WORDS = 12  # the distance of the words of a heading, and of the samples of the legend
# the space above notes, their font size, their least width, and the largest number of lines
_SPACE, _NOTE, _LEAST, _MOST = 26, 13, 300, 12
_ARRIVAL = 9.0  # the length of the straight piece of an arrow under its head

_SAMPLES = {
    mark: Box("legend", 0, 0, 72, 20, (line,), paints.STATE, mark=mark)
    for mark, line in {
        Mark.NEW: Line("new", 11, paints.MARKED),
        Mark.CHANGED: Line("changed", 11, paints.MARKED),
        Mark.REMOVED: Line("removed", 11, paints.SOFT, struck=True),
    }.items()
}
_PALER = {paints.INK: paints.SOFT, paints.MARKED: paints.MARKED}
_ROLES = {"input": Role.SOURCE, "node": Role.NODE, "output": Role.SINK, "pill": Role.MARK, "join": Role.MARK}


def marked(
    before: dsl.Genotype | None,
    after: dsl.Genotype,
    title: str = "",
    dark: bool = False,
    only_changed: bool = False,
) -> Drawing:
    """Draws the cells of a network, and marks the changes from another genotype.

    Args:
      before: the other genotype, such as the parent; None marks nothing.
      after: the genotype that is drawn.
      title: the heading of the picture.
      dark: draws for a dark page.
      only_changed: draws only the changed states and the states that these read, without a legend, for a small picture.
    """
    cells = [cell for cell in after.cells if cell.name in after.space.reached]
    if after.space.evolves_network:
        cells.append(as_cell(after))
    if before is None:
        return picture(cells, title, dark=dark)
    marks = changes(before, after)
    if only_changed and not marks.cells and not marks.notes:
        return picture([], f"{title}: no difference" if title else "no difference", dark=dark)
    return picture(cells, title, marks=marks, dark=dark, only_changed=only_changed)


def picture(
    cells: Sequence[s.Cell],
    title: str = "",
    stacked: bool = False,
    marks: Changes | None = None,
    dark: bool = False,
    only_changed: bool = False,
) -> Drawing:
    """Draws cells side by side, each under its name.

    Args:
      cells: the cells.
      title: the heading of the picture.
      stacked: draws the cells one below the other.
      marks: the changes from another genotype. They are marked in the cells, or listed below the cells if no cell can
        show them.
      dark: draws for a dark page.
      only_changed: draws only the states with changes in `marks` and the states that these read, without a legend.
    """
    marks = marks or Changes({}, ())
    sheets, notes = _sheets(cells, marks, only_changed)
    wide, high = [sheet.width for sheet in sheets], [sheet.height for sheet in sheets]
    cells_width = max(wide, default=0) if stacked else sum(wide) + _APART * max(0, len(wide) - 1)
    # Stacked cells are shown small, so their titles are as large as the width allows.
    fitted = _TITLE * cells_width / max(1.0, Line(title, _TITLE).width) if stacked else _TITLE
    heading = Line(title, min(_LARGEST, max(_TITLE, fitted)))
    below = _below(notes, sheets, max(heading.width, cells_width), not only_changed)
    content = max(heading.width, cells_width, below.width)
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
    boxes += below.boxes(width / 2, bottom)
    height = math.ceil(bottom + below.height + _MARGIN)
    return Drawing(width, height, title, tuple(boxes), tuple(arrows), tuple(labels), dark)


def _sheets(cells: Sequence[s.Cell], marks: Changes, only_changed: bool) -> tuple[list[_Sheet], list[str]]:
    """Returns the drawings of the cells, and the changes that no drawing shows, as text."""
    sheets: list[_Sheet] = []
    notes: list[str] = []
    left = dict(marks.cells)
    for cell in cells:
        changes = left.pop(cell.name, None)
        if changes is None and only_changed:
            continue
        found = read(cell, changes)
        if changes is not None and only_changed and not changes.is_new:
            found = focused(found)
        if found.parts:
            sheets.append(_Sheet(cell, found, changes))
            notes += found.notes
        elif changes is not None:
            notes += changes.words
    return sheets, [*notes, *(words for changes in left.values() for words in changes.words), *marks.notes]


# --- notes and legend below the cells ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Below:
    """A frame with the differences that no cell shows, and the legend."""

    lines: tuple[Line, ...]
    samples: tuple[Box, ...]  # the samples of the legend, with the y coordinate 0

    @property
    def width(self) -> float:
        """The width of the frame or of the legend, whichever is wider."""
        samples = sum(box.width + _WORDS for box in self.samples) - _WORDS * bool(self.samples)
        return max(samples, max((line.width + 2 * _WORDS for line in self.lines), default=0))

    @property
    def height(self) -> float:
        """The height of the frame and the legend together, with the space above each."""
        frame = _SPACE + self._frame if self.lines else 0
        return frame + (_SPACE + self.samples[0].height if self.samples else 0)

    @property
    def _frame(self) -> float:
        return sum(line.height for line in self.lines) + 14

    def boxes(self, middle: float, top: float) -> Iterator[Box]:
        """Yields the frame and the samples of the legend, centred below the point (`middle`, `top`)."""
        if self.lines:
            width = max(line.width for line in self.lines) + 2 * _WORDS
            place = middle - width / 2, top + _SPACE, width, self._frame
            yield Box("note", *place, self.lines, paints.NOTE, mark=Mark.CHANGED)
            top += _SPACE + self._frame
        x = middle - (sum(box.width + _WORDS for box in self.samples) - _WORDS) / 2
        for box in self.samples:
            yield replace(box, x=x, y=top + _SPACE)
            x += box.width + _WORDS


def _below(notes: Sequence[str], sheets: Sequence[_Sheet], width: float, has_legend: bool) -> _Below:
    """Returns the frame with the notes, and the legend with the marks that the cells have, for cells of this width."""
    lines = [line for note in notes for text in note.splitlines() for line in _wrapped(text, max(width, _LEAST))]
    if len(lines) > _MOST:
        more = f"and {len(lines) - _MOST} more lines, which `cell diff` prints"
        lines = [*lines[:_MOST], Line(more, _NOTE, paints.SOFT)]
    found = {mark for sheet in sheets for mark in sheet.marks if has_legend}
    samples = [_SAMPLES[mark] for mark in Mark if mark in found]
    return _Below(tuple(lines), tuple(samples))


def _wrapped(text: str, width: float) -> list[Line]:
    """Returns a text as lines, broken at its blanks. Only a line of a single word may be wider than `width`."""
    texts = [""]
    for word in text.split():
        longer = f"{texts[-1]} {word}".strip()
        texts = [*texts[:-1], longer] if text_width(longer, _NOTE) <= width else [*texts, word]
    return [Line(text, _NOTE) for text in texts if text]


# --- the places of parts ----------------------------------------------------------------------------------


class _Sheet:
    """One cell, laid out from a corner at 0, 0: its heading, its parts and the arrows between them."""

    def __init__(self, cell: s.Cell, found: Parts, marks: CellChanges | None) -> None:
        self._parts = found.parts
        items = [Item(_ROLES[part.kind], part.width) for part in found.parts]
        self._placed = arrange.arrange(items, [(link.source, link.target) for link in found.links])
        self._heading = list(_heading(cell, marks))
        self._pieces = _pieces(self._placed, found.links, len(self._parts))
        self._set_across()
        self._tops, self._heights = self._stacked()
        self.height = self._tops[-1] + self._heights[-1]

    @property
    def marks(self) -> set[Mark]:
        """The marks that the parts and the arrows have."""
        found = {*(piece.mark for piece in self._pieces), *(part.mark for part in self._parts)}
        return {mark for mark in found if mark is not None}

    def _set_across(self) -> None:
        """Sets the x coordinate of every part. The output becomes as wide as the parts that it joins."""
        placed, sink = self._placed, len(self._parts) - 1
        centres, self._widths = list(placed.centres), [item.width for item in placed.items]
        ports = _sink_ports(placed, sink) if self._parts[sink].kind == "output" else {}
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
        """Returns the tops and heights of the rows. Where arrows go far sideways, rows have more space between them."""
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
        """Yields the labels of the heading, for a sheet whose upper left corner is at (`across`, `down`)."""
        x = across + (self.width - self._heading_width()) / 2
        for line in self._heading:
            # Texts of all sizes have one base line.
            yield Label(x + line.width / 2, down + 12 + (self._heading[0].size - line.size) * 0.35, line)
            x += line.width + _WORDS

    def boxes(self, across: float, down: float) -> Iterator[Box]:
        """Yields the boxes of the parts, for a sheet whose upper left corner is at (`across`, `down`)."""
        for place, part in enumerate(self._parts):
            width = self._widths[place]
            x, y = across + self._centres[place] - width / 2, down + self._span(place)[0]
            box = Box(part.kind, x, y, width, part.height, part.lines, part.paint, note=part.note, mark=part.mark)
            yield _pale(box) if part.is_dead else box

    def arrows(self, across: float, down: float, first: int) -> Iterator[Arrow]:
        """Yields the arrows, for a sheet whose upper left corner is at (`across`, `down`).

        `first` is the index of its first box.
        """
        for (source, target), end, piece in zip(self._placed.links, self._ends, self._pieces, strict=True):
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
                head, piece.is_dead, piece.mark,
            )  # fmt: skip

    def _span(self, place: int) -> tuple[float, float]:
        """Returns the top and the bottom of a part, or of the whole row for a bend."""
        row = self._placed.rows[place]
        spare = (self._heights[row] - self._parts[place].height) / 2 if place < len(self._parts) else 0.0
        return self._tops[row] + spare, self._tops[row] + self._heights[row] - spare


def _sink_ports(placed: Arrangement, sink: int) -> dict[int, float]:
    """Returns the x coordinate at which each link enters the output.

    It is that of the source of the link, or further right if another link enters too near to it.
    """
    ports: dict[int, float] = {}
    entering = [link for link, (_, target) in enumerate(placed.links) if target == sink]
    for link in sorted(entering, key=lambda link: placed.centres[placed.links[link][0]]):
        wanted = placed.centres[placed.links[link][0]]
        ports[link] = max(wanted, list(ports.values())[-1] + arrange.PORT) if ports else wanted
    return ports


def _heading(cell: s.Cell, marks: CellChanges | None) -> Iterator[Line]:
    """Yields the words above a cell: its name, settings and stride, whether it is new, and its stride before."""
    yield line_of(cell.name, 19)
    if cell.settings:
        yield line_of(formals(cell.settings), 14, paints.SOFT)
    if cell.stride is not None:
        yield line_of(f"stride {expression(cell.stride)}", 14, paints.SOFT)
    if marks is not None and marks.is_new:
        yield line_of("new", 14, paints.MARKED)
    if marks is not None and marks.stride is not None:
        before = marks.stride.before
        yield line_of(f"was {'without stride' if before is None else f'stride {before}'}", 14, paints.MARKED)


def _pieces(placed: Arrangement, links: Sequence[Link], count: int) -> list[Link]:
    """Returns for each piece of a link the link to which it belongs.

    An item with an index of `count` or more is a bend.

    A piece that several links share is marked as new if one of these links is new. It is marked as removed or dead only
    if all of them are.
    """
    given = iter(links)
    found = [next(given) if target < count else None for _, target in placed.links]
    leaving: dict[int, list[Link]] = defaultdict(list)
    for piece in sorted(range(len(found)), key=lambda piece: -placed.rows[placed.links[piece][0]]):
        source, target = placed.links[piece]
        link = found[piece] or min(leaving[target], key=_from_front)
        found[piece] = link
        leaving[source].append(link)
    return [link for link in found if link is not None]


def _from_front(link: Link) -> tuple[bool, bool, bool]:
    return link.mark is not Mark.NEW, link.mark is Mark.REMOVED, link.is_dead


def _pale(box: Box) -> Box:
    inks = (_PALER.get(line.ink, paints.PALE) for line in box.lines)
    lines = tuple(replace(line, ink=ink) for line, ink in zip(box.lines, inks, strict=True))
    return replace(box, lines=lines, paint=paints.DEAD, dead=True)
