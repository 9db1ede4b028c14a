"""Shapes with their positions and marks: boxes, arrows and texts.

This module does not depend on cells: its callers give shapes and positions.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from compiler.pictures import paints
from compiler.pictures.paints import Paint

Point = tuple[float, float]

AROUND = 5.0  # the width of the halo around a marked box
HALO = 2 * AROUND + 2.5  # the width of the halo of an arrow
SIGN = 7.0  # the radius of the plus sign at a new part
DASH = (5.0, 4.0)  # the lengths of the drawn and of the empty pieces of a dashed line
STROKE = 1.5  # the width of a line
_HEAD_LENGTH, _HEAD_WIDTH, _STRONG = 8.0, 7.0, 2.5

# The widths of Helvetica's characters, in thousandths of the font size. They are listed here so that the layout does
# not depend on the fonts of a machine.
_WIDTHS = {
    character: width
    for width, characters in {
        222: "'ijl", 260: "|", 278: " !,./:;[\\]fIt", 333: "()-`r{}", 355: '"', 389: "*", 469: "^",
        500: "ckJsvxyz", 556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~", 611: "FTZ", 667: "&ABEKPSVXY",
        722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%", 944: "W", 1015: "@",
    }.items()
    for character in characters
}  # fmt: skip


def text_width(text: str, size: float) -> float:
    """Returns the width of a text at a font size, in units of the drawing."""
    wide = (1000 if unicodedata.east_asian_width(one) in "WF" else _WIDTHS.get(one, 667) for one in text)
    return sum(wide) * size / 1000


class Mark(Enum):
    """The change of a part from another version of its cell. The value describes how the part is drawn."""

    NEW = "with a halo and a plus sign"
    CHANGED = "with a halo"
    REMOVED = "dashed"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, which may be struck through."""

    text: str
    size: float
    ink: str = paints.INK
    struck: bool = False

    @property
    def width(self) -> float:
        """The width of the text in pixels."""
        return text_width(self.text, self.size)

    @property
    def height(self) -> float:
        """The height of a line of this size, with the room between lines."""
        return self.size * 1.25


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text centred on a point."""

    x: float
    y: float
    line: Line


@dataclass(frozen=True, slots=True)
class Box:
    """A rounded box around centred lines; `kind` is input, node, output, pill, join, note or legend."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Line, ...]
    paint: Paint
    dead: bool = False
    note: str = ""
    mark: Mark | None = None

    @property
    def radius(self) -> float:
        """The radius of the corners."""
        return self.height / 2 if self.kind in ("pill", "join") and len(self.lines) == 1 else 9.0

    @property
    def is_dashed(self) -> bool:
        """Whether the border is dashed."""
        return self.dead or self.mark is Mark.REMOVED

    @property
    def has_halo(self) -> bool:
        """Whether there is a halo around the box."""
        return self.mark in (Mark.NEW, Mark.CHANGED)

    @property
    def sign(self) -> Point | None:
        """The centre of the plus sign; None if there is none."""
        return (self.x + self.radius * 0.3, self.y + self.radius * 0.3) if self.mark is Mark.NEW else None

    @property
    def edge(self) -> str:
        """The colour of the border."""
        return paints.MARK if self.mark is not None else self.paint.edge

    @property
    def stroke(self) -> float:
        """The width of the border."""
        return _STRONG if self.has_halo else STROKE

    def labels(self) -> Iterator[Label]:
        """Yields a label for each line of the box, with its position."""
        y = self.y + self.height / 2 - sum(line.height for line in self.lines) / 2
        for line in self.lines:
            yield Label(self.x + self.width / 2, y + line.height / 2, line)
            y += line.height


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line from `start` straight down to `leave`, in a curve to `arrive`, and straight down to `end`.

    `source` and `target` are indices of boxes of the drawing. None stands for a bend, at which a piece of a link ends.
    """

    source: int | None
    target: int | None
    start: Point
    leave: Point
    arrive: Point
    end: Point
    head: bool = False
    dead: bool = False
    mark: Mark | None = None

    @property
    def is_dashed(self) -> bool:
        """Whether the line is dashed."""
        return self.dead or self.mark is Mark.REMOVED

    @property
    def is_new(self) -> bool:
        """Whether the arrow is marked as new."""
        return self.mark is Mark.NEW

    @property
    def ink(self) -> str:
        """The colour of the line."""
        return paints.MARK if self.mark is not None else paints.PALE if self.dead else paints.LINE

    @property
    def stroke(self) -> float:
        """The width of the line."""
        return _STRONG if self.is_new else STROKE

    @property
    def middle(self) -> float:
        """The y coordinate half way along the curve."""
        return (self.leave[1] + self.arrive[1]) / 2

    @property
    def stop(self) -> Point:
        """Where the line itself ends: under its head, not at the tip."""
        return (self.end[0], self.end[1] - _HEAD_LENGTH + 1) if self.head else self.end

    @property
    def tip(self) -> tuple[Point, Point, Point]:
        """The three corners of the head."""
        x, y = self.end
        wide = _HEAD_WIDTH / 2 + (self.stroke - STROKE)
        return (x - wide, y - _HEAD_LENGTH), (x + wide, y - _HEAD_LENGTH), (x, y)

    def polyline(self, pieces: int = 24) -> tuple[Point, ...]:
        """Returns the points of the line, with the curve divided into short straight pieces."""
        (x0, y0), (x1, y1) = self.leave, self.arrive
        if x0 == x1:
            return (self.start, self.stop)
        curve = []
        for piece in range(pieces + 1):
            t = piece / pieces
            u = 1 - t
            y = u**3 * y0 + 3 * u * t * self.middle + t**3 * y1
            curve.append((x0 + (x1 - x0) * t * t * (3 - 2 * t), y))
        return (self.start, *curve, self.stop)


def in_order(arrows: Sequence[Arrow]) -> list[Arrow]:
    """Returns the arrows in the order in which they are drawn: new ones last, so that no other arrow covers them."""
    return sorted(arrows, key=lambda arrow: (arrow.is_new, not arrow.is_dashed))


def printable(text: str) -> str:
    """Returns the text with a blank for every character that cannot be shown."""
    # XML cannot hold a control character, and Pillow draws a second line after a line break.
    return "".join(character if character.isprintable() else " " for character in text)
