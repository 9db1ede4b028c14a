"""Shapes drawn as the bytes of a PNG. Pillow is imported only when a picture is drawn, since its import takes time."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from compiler.pictures import paints
from compiler.pictures.paints import Tone
from compiler.pictures.shapes import AROUND, DASH, HALO, SIGN, STROKE, Arrow, Box, Label, Point, in_order, printable

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_MANY_PIXELS = 48_000_000


def image(
    size: tuple[int, int],
    shapes: tuple[Sequence[Box], Sequence[Arrow], Sequence[Label]],
    tone: Tone,
    scale: float,
) -> Image.Image:
    """Returns an image with `scale` pixels for each unit of the size and of the shapes."""
    from PIL import Image, ImageDraw

    boxes, arrows, labels = shapes
    wide, high = (max(1, round(length * scale)) for length in size)
    # Pillow draws jagged lines, so the picture is drawn larger and then reduced.
    finer = 3 if wide * high * 9 <= _MANY_PIXELS else 2
    drawn = Image.new("RGB", (wide * finer, high * finer), tone(paints.WHITE))
    pen = _Pen(ImageDraw.Draw(drawn), scale * finer, tone)
    for arrow in (arrow for arrow in arrows if arrow.is_new):
        pen.way(arrow.polyline(), paints.HALO, HALO)
    for box in boxes:
        if box.has_halo:
            pen.rectangle(box, paints.HALO, None, AROUND)
    for arrow in in_order(arrows):
        pen.arrow(arrow)
    for box in boxes:
        pen.box(box)
    for label in labels:
        pen.label(label)
    return drawn.reduce(finer)


def png(drawn: Image.Image) -> bytes:
    """Returns the bytes of a PNG file with an image."""
    stream = io.BytesIO()
    drawn.save(stream, "PNG")
    return stream.getvalue()


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws shapes into an image, with `unit` pixels for each unit of the drawing."""

    on: ImageDraw.ImageDraw
    unit: float
    tone: Tone

    def way(self, points: Sequence[Point], ink: str, stroke: float) -> None:
        scaled = [(x * self.unit, y * self.unit) for x, y in points]
        self.on.line(scaled, self.tone(ink), max(1, round(stroke * self.unit)), joint="curve")

    def arrow(self, arrow: Arrow) -> None:
        for way in _dashed(arrow.polyline()) if arrow.is_dashed else [arrow.polyline()]:
            self.way(way, arrow.ink, arrow.stroke)
        if arrow.head:
            self.on.polygon([(x * self.unit, y * self.unit) for x, y in arrow.tip], self.tone(arrow.ink))

    def rectangle(self, box: Box, fill: str, edge: str | None, around: float = 0.0) -> None:
        left, top, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
        place = tuple(v * self.unit for v in (left - around, top - around, right + around, bottom + around))
        line = None if edge is None else self.tone(edge)
        stroke = max(1, round(box.stroke * self.unit))
        self.on.rounded_rectangle(place, (box.radius + around) * self.unit, self.tone(fill), line, stroke)

    def box(self, box: Box) -> None:
        self.rectangle(box, box.paint.fill, None if box.is_dashed else box.edge)
        if box.is_dashed:
            for way in _dashed(_outline(box)):
                self.way(way, box.edge, box.stroke)
        for label in box.labels():
            self.label(label)
        if box.sign is not None:
            (x, y), arm = box.sign, SIGN / 2
            circle = tuple(v * self.unit for v in (x - SIGN, y - SIGN, x + SIGN, y + SIGN))
            self.on.ellipse(circle, self.tone(box.edge))
            self.way([(x - arm, y), (x + arm, y)], paints.WHITE, STROKE)
            self.way([(x, y - arm), (x, y + arm)], paints.WHITE, STROKE)

    def label(self, label: Label) -> None:
        from PIL import ImageFont

        line, text, unit = label.line, printable(label.line.text), self.unit
        font = ImageFont.load_default(line.size * unit)
        wide, asked = font.getlength(text), line.width * unit
        if wide > asked:
            font = ImageFont.load_default(line.size * unit * asked / wide)
        self.on.text(
            (label.x * unit, (label.y + line.size * 0.35) * unit), text, self.tone(line.ink), font, anchor="ms"
        )
        if line.struck:
            self.way([(label.x - line.width / 2, label.y), (label.x + line.width / 2, label.y)], line.ink, 1.0)


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
    drawn, left, dash = True, DASH[0], [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            here = x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length
            if drawn:
                yield [*dash, here]
            drawn, left, dash = not drawn, DASH[1] if drawn else DASH[0], [here]
        left -= length - done
        dash.append((x1, y1))
    if drawn and len(dash) > 1:
        yield dash
