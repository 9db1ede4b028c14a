"""Shapes on a sheet, written as SVG text or as the bytes of a PNG.

This module does not depend on cells: its callers give shapes and positions. Pillow is imported only for a PNG, since
its import takes time.
"""

from __future__ import annotations

import io
import math
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from PIL import ImageDraw

Point = tuple[float, float]

INK, SOFT, PALE, LINE, WHITE = "#1f2933", "#66727f", "#b4bcc4", "#56616d", "#ffffff"
_FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_HEAD_LENGTH, _HEAD_WIDTH, _STROKE = 8.0, 7.0, 1.5
_DASH = (5.0, 4.0)
_MANY_PIXELS = 48_000_000

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


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of a box: its fill and its border."""

    fill: str
    edge: str


# Each family has a light, a middle and a strong colour, for a small, a middle and a large kernel.
_FAMILIES = {
    "skip": (Paint("#eceff2", "#98a3ae"),) * 3,
    "dilated": (Paint("#eee3fb", "#9061cf"), Paint("#dfcbf7", "#7d49c4"), Paint("#d0b4f2", "#6a35b3")),
    "separable": (Paint("#dfecfd", "#4b89dc"), Paint("#c3dbfb", "#2f6fca"), Paint("#a5c8f8", "#2059ab")),
    "conv": (Paint("#ddf3e0", "#4aa25c"), Paint("#c2e9c8", "#35894a"), Paint("#a6deb0", "#27713a")),
    "pool": (Paint("#ffecd6", "#e08a2c"), Paint("#ffdcb5", "#cd7413"), Paint("#ffcc93", "#b3610a")),
}
_TEALS = (
    Paint("#d9f3f1", "#2f9c95"), Paint("#cdeff2", "#2290a3"), Paint("#d3f5e8", "#2b9b78"),
    Paint("#c5ece6", "#1f857b"), Paint("#d8f1f6", "#3a93ad"),
)  # fmt: skip
# The order matters: the names of dilated and separable convolutions contain "conv" too.
_FAMILY_OF = (
    ("dil", "dilated"), ("sep", "separable"), ("depthwise", "separable"), ("dw_", "separable"),
    ("conv", "conv"), ("pool", "pool"), ("identity", "skip"), ("skip", "skip"), ("linear", "skip"),
    ("zero", "skip"),
)  # fmt: skip
STATE = Paint("#ffffff", "#3d4854")
SOURCE = Paint("#f4f5f7", "#3d4854")
RESULT = Paint("#fff7d6", "#b59a2b")
JOIN = Paint("#ffffff", "#98a3ae")
DEAD = Paint("#ffffff", PALE)


def operation_paint(name: str, kernel: int = 1) -> Paint:
    """Returns the colour of an operation's family, stronger for a larger kernel."""
    for part, family in _FAMILY_OF:
        if part in name:
            return _FAMILIES[family][0 if kernel < 5 else 1 if kernel < 7 else 2]
    return _TEALS[zlib.crc32(name.encode()) % len(_TEALS)]


def text_width(text: str, size: float) -> float:
    """Returns the width of a text at a font size, in units of the drawing."""
    wide = (1000 if unicodedata.east_asian_width(one) in "WF" else _WIDTHS.get(one, 667) for one in text)
    return sum(wide) * size / 1000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    text: str
    size: float
    ink: str = INK

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
    """A rounded box around centred lines; `kind` is input, node, output, pill or join."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Line, ...]
    paint: Paint
    dead: bool = False
    note: str = ""

    @property
    def radius(self) -> float:
        """The radius of the corners."""
        return self.height / 2 if self.kind in ("pill", "join") and len(self.lines) == 1 else 9.0

    def labels(self) -> Iterator[Label]:
        """Yields the lines, each at its place."""
        y = self.y + self.height / 2 - sum(line.height for line in self.lines) / 2
        for line in self.lines:
            yield Label(self.x + self.width / 2, y + line.height / 2, line)
            y += line.height


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line from `start` straight down to `leave`, in a curve to `arrive`, and straight down to `end`.

    `source` and `target` are places in the drawing's boxes; None is a bend of a longer way.
    """

    source: int | None
    target: int | None
    start: Point
    leave: Point
    arrive: Point
    end: Point
    head: bool = False
    dead: bool = False

    @property
    def middle(self) -> float:
        """The height at which the curve is half way."""
        return (self.leave[1] + self.arrive[1]) / 2

    @property
    def stop(self) -> Point:
        """Where the line itself ends: under its head, not at the tip."""
        return (self.end[0], self.end[1] - _HEAD_LENGTH + 1) if self.head else self.end

    @property
    def tip(self) -> tuple[Point, Point, Point]:
        """The three corners of the head."""
        x, y = self.end
        return (x - _HEAD_WIDTH / 2, y - _HEAD_LENGTH), (x + _HEAD_WIDTH / 2, y - _HEAD_LENGTH), (x, y)

    def polyline(self, pieces: int = 24) -> tuple[Point, ...]:
        """Returns the way in short straight pieces."""
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


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture: shapes with their positions."""

    width: int
    height: int
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    labels: tuple[Label, ...]

    def svg(self) -> str:
        """Returns the picture as a complete SVG text."""
        size = f'width="{self.width}" height="{self.height}"'
        view = f'{size} viewBox="0 0 {self.width} {self.height}" text-anchor="middle"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="{_FONTS}">',
                *([f"<title>{_safe(self.title)}</title>"] if self.title else []),
                f'<rect {size} fill="{WHITE}"/>',
                *map(_svg_arrow, _pale_first(self.arrows)),
                *map(_svg_box, self.boxes),
                *map(_svg_label, self.labels),
                "</svg>\n",
            ]
        )

    def png(self, scale: float = 1.0) -> bytes:
        """Returns the picture as the bytes of a PNG file, with `scale` pixels for each unit.

        Raises:
          ValueError: the scale is not above zero.
        """
        if not scale > 0:
            raise ValueError(f"the scale of a picture is above 0, not {scale}")
        return _png(self, scale)


def _pale_first(arrows: Sequence[Arrow]) -> list[Arrow]:
    return sorted(arrows, key=lambda arrow: not arrow.dead)


def _printable(text: str) -> str:
    # XML cannot hold a control character, and Pillow draws a second line after a line break.
    return "".join(character if character.isprintable() else " " for character in text)


# --- SVG --------------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _pair(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _safe(text: str) -> str:
    return escape(_printable(text))


def _dashes(dead: bool) -> str:
    return f' stroke-dasharray="{_DASH[0]:g} {_DASH[1]:g}"' if dead else ""


def _svg_arrow(arrow: Arrow) -> str:
    (x0, _), (x1, _) = arrow.leave, arrow.arrive
    way = f"M{_pair(arrow.start)}"
    if x0 != x1:
        middle = arrow.middle
        way += f" L{_pair(arrow.leave)} C{_pair((x0, middle))} {_pair((x1, middle))} {_pair(arrow.arrive)}"
    ink = PALE if arrow.dead else LINE
    path = f'<path d="{way} L{_pair(arrow.stop)}" fill="none" stroke="{ink}" stroke-width="{_STROKE}"'
    path += f"{_dashes(arrow.dead)}/>"
    tip = " ".join(map(_pair, arrow.tip))
    return path + (f'<polygon points="{tip}" fill="{ink}"/>' if arrow.head else "")


def _svg_box(box: Box) -> str:
    note = f"<title>{_safe(box.note)}</title>" if box.note else ""
    place = f'x="{_number(box.x)}" y="{_number(box.y)}"'
    place += f' width="{_number(box.width)}" height="{_number(box.height)}"'
    paint = f'fill="{box.paint.fill}" stroke="{box.paint.edge}" stroke-width="{_STROKE}"{_dashes(box.dead)}'
    texts = "".join(map(_svg_label, box.labels()))
    return f'<g class="{box.kind}">{note}<rect {place} rx="{_number(box.radius)}" {paint}/>{texts}</g>'


def _svg_label(label: Label) -> str:
    line = label.line
    # The text keeps this length in a wider font too, so it stays inside its box.
    fitted = ""
    if len(line.text) > 3:
        fitted = f' textLength="{_number(line.width)}" lengthAdjust="spacingAndGlyphs"'
    place = f'x="{_number(label.x)}" y="{_number(label.y + line.size * 0.35)}"'
    return f'<text {place} font-size="{line.size:g}" fill="{line.ink}"{fitted}>{_safe(line.text)}</text>'


# --- PNG --------------------------------------------------------------------------------------------------


def _png(drawing: Drawing, scale: float) -> bytes:
    from PIL import Image, ImageDraw

    size = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    # Pillow's lines have hard steps, so the picture is drawn larger and then reduced.
    finer = 3 if size[0] * size[1] * 9 <= _MANY_PIXELS else 2
    image = Image.new("RGB", (size[0] * finer, size[1] * finer), WHITE)
    pen = ImageDraw.Draw(image)
    unit = scale * finer
    for arrow in _pale_first(drawing.arrows):
        _png_arrow(pen, arrow, unit)
    for box in drawing.boxes:
        _png_box(pen, box, unit)
    for label in drawing.labels:
        _png_label(pen, label, unit)
    stream = io.BytesIO()
    image.resize(size, Image.Resampling.BOX).save(stream, "PNG")
    return stream.getvalue()


def _png_way(pen: ImageDraw.ImageDraw, points: Sequence[Point], ink: str, unit: float) -> None:
    pen.line([(x * unit, y * unit) for x, y in points], ink, max(1, round(_STROKE * unit)), joint="curve")


def _png_arrow(pen: ImageDraw.ImageDraw, arrow: Arrow, unit: float) -> None:
    ink = PALE if arrow.dead else LINE
    for way in _dashed(arrow.polyline()) if arrow.dead else [arrow.polyline()]:
        _png_way(pen, way, ink, unit)
    if arrow.head:
        pen.polygon([(x * unit, y * unit) for x, y in arrow.tip], ink)


def _png_box(pen: ImageDraw.ImageDraw, box: Box, unit: float) -> None:
    place = (box.x * unit, box.y * unit, (box.x + box.width) * unit, (box.y + box.height) * unit)
    edge = None if box.dead else box.paint.edge
    pen.rounded_rectangle(place, box.radius * unit, box.paint.fill, edge, max(1, round(_STROKE * unit)))
    if box.dead:
        for way in _dashed(_outline(box)):
            _png_way(pen, way, box.paint.edge, unit)
    for label in box.labels():
        _png_label(pen, label, unit)


def _png_label(pen: ImageDraw.ImageDraw, label: Label, unit: float) -> None:
    from PIL import ImageFont

    line, text = label.line, _printable(label.line.text)
    font = ImageFont.load_default(line.size * unit)
    wide, asked = font.getlength(text), line.width * unit
    if wide > asked:
        font = ImageFont.load_default(line.size * unit * asked / wide)
    pen.text((label.x * unit, (label.y + line.size * 0.35) * unit), text, line.ink, font, anchor="ms")


def _outline(box: Box) -> list[Point]:
    radius, points = box.radius, []
    centres = ((box.width - radius, box.height - radius), (radius, box.height - radius), (radius, radius),
               (box.width - radius, radius))  # fmt: skip
    for quarter, (x, y) in enumerate(centres):
        for step in range(7):
            angle = (quarter + step / 6) * math.pi / 2
            points.append((box.x + x + radius * math.cos(angle), box.y + y + radius * math.sin(angle)))
    return [*points, points[0]]


def _dashed(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Yields the drawn pieces of a dashed line."""
    drawn, left, dash = True, _DASH[0], [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            here = x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length
            if drawn:
                yield [*dash, here]
            drawn, left, dash = not drawn, _DASH[1] if drawn else _DASH[0], [here]
        left -= length - done
        dash.append((x1, y1))
    if drawn and len(dash) > 1:
        yield dash
