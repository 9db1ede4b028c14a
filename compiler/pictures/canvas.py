"""A picture of shapes, as SVG text or as the bytes of a PNG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from compiler.pictures import paints, pixels
from compiler.pictures.paints import Tone
from compiler.pictures.shapes import AROUND, DASH, HALO, SIGN, STROKE, Arrow, Box, Label, Point, in_order, printable

if TYPE_CHECKING:
    from PIL import Image

_FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture: shapes with their positions."""

    width: int
    height: int
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    labels: tuple[Label, ...]
    dark: bool = False

    @property
    def tone(self) -> Tone:
        """The colours of the page."""
        return paints.by_night if self.dark else paints.by_day

    def svg(self) -> str:
        """Returns the picture as a complete SVG text."""
        size = f'width="{self.width}" height="{self.height}"'
        view = f'{size} viewBox="0 0 {self.width} {self.height}" text-anchor="middle"'
        tone, arrows = self.tone, in_order(self.arrows)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="{_FONTS}">',
                *([f"<title>{_safe(self.title)}</title>"] if self.title else []),
                f'<rect {size} fill="{tone(paints.WHITE)}"/>',
                *(_svg_way(arrow, tone(paints.HALO), HALO) for arrow in arrows if arrow.is_new),
                *(_svg_halo(box, tone) for box in self.boxes if box.has_halo),
                *(_svg_arrow(arrow, tone) for arrow in arrows),
                *(_svg_box(box, tone) for box in self.boxes),
                *(_svg_label(label, tone) for label in self.labels),
                "</svg>\n",
            ]
        )

    def _repr_svg_(self) -> str:
        """Returns the picture as SVG, which a notebook shows."""
        return self.svg()

    def png(self, scale: float = 1.0) -> bytes:
        """Returns the picture as the bytes of a PNG file, with `scale` pixels for each unit.

        Raises:
          ValueError: the scale is not above zero.
        """
        if not scale > 0:
            raise ValueError(f"the scale of a picture is above 0, not {scale}")
        return pixels.png(self.image(scale))

    def image(self, scale: float) -> Image.Image:
        """Returns the picture as an image, with `scale` pixels for each unit."""
        shapes = self.boxes, self.arrows, self.labels
        return pixels.image((self.width, self.height), shapes, self.tone, scale)


# --- SVG --------------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _pair(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _safe(text: str) -> str:
    return escape(printable(text))


def _dashes(dead: bool) -> str:
    return f' stroke-dasharray="{DASH[0]:g} {DASH[1]:g}"' if dead else ""


def _svg_way(arrow: Arrow, ink: str, stroke: float, dashes: str = "") -> str:
    (x0, _), (x1, _) = arrow.leave, arrow.arrive
    way = f"M{_pair(arrow.start)}"
    if x0 != x1:
        middle = arrow.middle
        way += f" L{_pair(arrow.leave)} C{_pair((x0, middle))} {_pair((x1, middle))} {_pair(arrow.arrive)}"
    path = f'<path d="{way} L{_pair(arrow.stop)}" fill="none" stroke="{ink}" stroke-width="{stroke}"'
    return f"{path}{dashes}/>"


def _svg_arrow(arrow: Arrow, tone: Tone) -> str:
    ink = tone(arrow.ink)
    tip = " ".join(map(_pair, arrow.tip))
    return _svg_way(arrow, ink, arrow.stroke, _dashes(arrow.is_dashed)) + (
        f'<polygon points="{tip}" fill="{ink}"/>' if arrow.head else ""
    )


def _svg_rect(box: Box, around: float = 0.0) -> str:
    place = f'x="{_number(box.x - around)}" y="{_number(box.y - around)}"'
    place += f' width="{_number(box.width + 2 * around)}" height="{_number(box.height + 2 * around)}"'
    return f'<rect {place} rx="{_number(box.radius + around)}"'


def _svg_halo(box: Box, tone: Tone) -> str:
    return f'{_svg_rect(box, AROUND)} fill="{tone(paints.HALO)}"/>'


def _svg_box(box: Box, tone: Tone) -> str:
    note = f"<title>{_safe(box.note)}</title>" if box.note else ""
    paint = f'fill="{tone(box.paint.fill)}" stroke="{tone(box.edge)}" stroke-width="{box.stroke}"'
    texts = "".join(_svg_label(label, tone) for label in box.labels()) + _svg_sign(box, tone)
    return f'<g class="{box.kind}">{note}{_svg_rect(box)} {paint}{_dashes(box.is_dashed)}/>{texts}</g>'


def _svg_sign(box: Box, tone: Tone) -> str:
    if box.sign is None:
        return ""
    place, arm = _pair(box.sign), _number(SIGN / 2)
    plus = f"M{place} m-{arm},0 h{_number(SIGN)} M{place} m0,-{arm} v{_number(SIGN)}"
    circle = f'<circle cx="{_number(box.sign[0])}" cy="{_number(box.sign[1])}" r="{SIGN:g}" fill="{tone(box.edge)}"/>'
    return f'{circle}<path d="{plus}" stroke="{tone(paints.WHITE)}" stroke-width="{STROKE}"/>'


def _svg_label(label: Label, tone: Tone) -> str:
    line = label.line
    # With this length, a text in a wider font stays inside its box.
    fitted = ""
    if len(line.text) > 3:
        fitted = f' textLength="{_number(line.width)}" lengthAdjust="spacingAndGlyphs"'
    if line.struck:
        fitted += ' text-decoration="line-through"'
    place = f'x="{_number(label.x)}" y="{_number(label.y + line.size * 0.35)}"'
    return f'<text {place} font-size="{line.size:g}" fill="{tone(line.ink)}"{fitted}>{_safe(line.text)}</text>'
