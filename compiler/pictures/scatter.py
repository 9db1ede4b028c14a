"""A diagram of points over two named axes as SVG, in which some points are marked and joined by steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from xml.sax.saxutils import escape

from compiler.pictures.paints import INK, PALE, SOFT, WHITE
from compiler.pictures.shapes import printable, text_width
from dsl.wording import plural

_MARKED, _OTHER = "#0072b2", "#98a3ae"
_WIDTH, _HEIGHT = 520, 400  # of the area of points with its axes
_LEFT, _TOP, _RIGHT, _BOTTOM = 74, 64, 24, 58  # from the edges of the picture to the area of points
_TICKS = 5
_SPREAD = 10.0  # a scale of positive numbers is logarithmic if the largest is this many times the smallest
# At each end of an axis, this share of the points that are not marked may be outside. Such a point is outside if it is
# further from the rest than this share of the length of the rest.
_TAIL, _REACH = 0.1, 0.5
_FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its title, and whether larger values are better."""

    title: str
    more_is_better: bool

    @property
    def words(self) -> str:
        """The title, and which direction is better."""
        return f"{self.title} ({'more' if self.more_is_better else 'less'} is better)"


@dataclass(frozen=True, slots=True)
class Dot:
    """A point: its values on the two axes, its name, the text that appears over it, and whether it is marked."""

    x: float
    y: float
    name: str
    note: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """A diagram of points over two axes. With `has_steps`, steps join the marked points."""

    across: Axis
    up: Axis
    dots: tuple[Dot, ...]
    has_steps: bool = True


def svg(panels: Sequence[Panel], title: str, subtitle: str = "") -> str:
    """Returns diagrams side by side as a complete SVG text."""
    width, height = _WIDTH * len(panels), _HEIGHT
    size = f'width="{width}" height="{height}"'
    drawn = [part for place, panel in enumerate(panels) for part in _panel(panel, place * _WIDTH)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" font-family="{_FONTS}">',
            f"<title>{_safe(title)}</title>",
            f'<rect {size} fill="{WHITE}"/>',
            _text(16, 26, title, 15, INK, "start", bold=True),
            _text(16, 46, subtitle, 12, SOFT, "start"),
            *drawn,
            "</svg>\n",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps values to positions between two ends."""

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool

    @classmethod
    def of(cls, marked: Sequence[float], others: Sequence[float], start: float, end: float) -> _Scale:
        """Returns a scale on which the marked values can be read. A few others that are far away are not within it."""
        low, high = _most(marked, others)
        is_logarithmic = low > 0 and high >= _SPREAD * low
        values = [*marked, *others]
        if is_logarithmic:
            low, high = math.log(low), math.log(high)
            values = [math.log(value) for value in values if value > 0]
        reach = _REACH * (high - low)
        inside = [value for value in values if low - reach <= value <= high + reach]
        low, high = min(inside), max(inside)
        margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        return cls(low - margin, high + margin, start, end, is_logarithmic)

    def holds(self, value: float) -> bool:
        """Returns whether a value lies within the scale."""
        return 0 <= self._share(value) <= 1

    def __call__(self, value: float) -> float:
        """Returns the position of a value. One that does not lie within the scale is at the nearer end."""
        return self.start + min(1.0, max(0.0, self._share(value))) * (self.end - self.start)

    def _share(self, value: float) -> float:
        """Returns which share of the scale lies below a value."""
        if self.is_logarithmic and value <= 0:
            return -math.inf
        return ((math.log(value) if self.is_logarithmic else value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Returns round values within the scale."""
        if self.is_logarithmic:
            powers = range(math.floor(self.low / math.log(10)), math.ceil(self.high / math.log(10)))
            found = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
            inside = [value for value in found if self.low <= math.log(value) <= self.high]
            return inside[:: max(1, round(len(inside) / _TICKS))]
        raw = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= raw * 0.999)
        first = math.ceil(self.low / step)
        return [step * count for count in range(first, math.floor(self.high / step) + 1)]


def _most(marked: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Returns the range of the marked values and of most of the others; of all values if it has no length."""
    order = sorted(others)
    tail = math.floor(_TAIL * max(0, len(order) - 1))
    most = [*marked, *order[tail : len(order) - tail]]
    low, high = min(most), max(most)
    return (low, high) if low < high else (min([*marked, *others]), max([*marked, *others]))


def _panel(panel: Panel, left: float) -> Iterator[str]:
    start, end, top, bottom = left + _LEFT, left + _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    marked = sorted((dot for dot in panel.dots if dot.is_marked), key=lambda dot: (dot.x, dot.y))
    others = [dot for dot in panel.dots if not dot.is_marked]
    across = _Scale.of([dot.x for dot in marked], [dot.x for dot in others], start, end)
    up = _Scale.of([dot.y for dot in marked], [dot.y for dot in others], bottom, top)
    are_inside = [across.holds(dot.x) and up.holds(dot.y) for dot in others]
    for value in up.ticks():
        y = up(value)
        yield _line([(start, y), (end, y)], "#e3e7eb")
        yield _text(start - 8, y + 4, number(value), 11, SOFT, "end")
    for value in across.ticks():
        x = across(value)
        yield _line([(x, bottom), (x, bottom + 5)], PALE)
        yield _text(x, bottom + 19, number(value), 11, SOFT)
    yield _line([(start, bottom), (end, bottom)], SOFT)
    scale = ", logarithmic scale" if across.is_logarithmic else ""
    yield _text((start + end) / 2, bottom + 42, f"{panel.across.words}{scale}", 12, INK)
    scale = ", logarithmic scale" if up.is_logarithmic else ""
    middle = (top + bottom) / 2
    yield f'<g transform="rotate(-90 {left + 20:.1f} {middle:.1f})">'
    yield _text(left + 20, middle, f"{panel.up.words}{scale}", 12, INK) + "</g>"
    for dot, is_inside in zip(others, are_inside, strict=True):
        if is_inside:
            yield _circle(across(dot.x), up(dot.y), 3.0, _OTHER, 0.55, dot.note)
        else:
            yield _ring(across(dot.x), up(dot.y), 3.0, _OTHER, dot.note)
    if not all(are_inside):
        yield _text(end, top - 6, f"○ {plural(are_inside.count(False), 'point')} outside the axes", 11, SOFT, "end")
    if panel.has_steps and marked:
        yield _line(list(_steps([(across(dot.x), up(dot.y)) for dot in marked], panel)), _MARKED, 1.5)
    for dot in marked:
        yield _circle(across(dot.x), up(dot.y), 4.5, _MARKED, 1.0, dot.note)
    yield from _names([(across(dot.x), up(dot.y), dot.name) for dot in marked], panel, start, end)


def _steps(points: Sequence[tuple[float, float]], panel: Panel) -> Iterator[tuple[float, float]]:
    """Yields the corners of the edge of the area that the points dominate. The points are given from left to right."""
    yield points[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        worse_y = max(y0, y1) if panel.up.more_is_better else min(y0, y1)  # y grows downwards
        yield (x1, y0) if worse_y == y0 else (x0, y1)
        yield x1, y1


def _names(points: Sequence[tuple[float, float, str]], panel: Panel, start: float, end: float) -> Iterator[str]:
    """Yields the name of each point beside it, where it overlaps no earlier name and no point; otherwise none.

    The better side comes first, since the steps between the points lie on the other side.
    """
    is_left, is_above = not panel.across.more_is_better, panel.up.more_is_better
    taken = [(x - 5, x + 5, y - 5, y + 5) for x, y, _ in points]
    for x, y, name in points:
        wide = text_width(name, 11)
        for at_left, above in product((is_left, not is_left), (is_above, not is_above)):
            left = min(max(x - 7 - wide if at_left else x + 7, start), end - wide)
            base = y - 7 if above else y + 15
            box = left - 2, left + wide + 2, base - 9, base + 3
            if not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield _text(left, base, name, 11, INK, "start")
                break


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Returns whether two rectangles, each from left to right and from top to bottom, have a common point."""
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def number(value: float) -> str:
    """Returns a number with at most four digits: 0.975, 31.2k, 3.22M."""
    for limit, unit in _UNITS:
        if abs(value) >= limit:
            return f"{value / limit:.4g}{unit}"
    return f"{value:.4g}"


def _circle(x: float, y: float, radius: float, fill: str, opacity: float, note: str) -> str:
    place = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
    return f'<circle {place} fill="{fill}" fill-opacity="{opacity:g}"><title>{_safe(note)}</title></circle>'


def _ring(x: float, y: float, radius: float, ink: str, note: str) -> str:
    place = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
    return f'<circle {place} fill="{WHITE}" stroke="{ink}" stroke-width="1.5"><title>{_safe(note)}</title></circle>'


def _line(points: Sequence[tuple[float, float]], ink: str, stroke: float = 1.0) -> str:
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{listed}" fill="none" stroke="{ink}" stroke-width="{stroke:g}"/>'


def _text(x: float, y: float, text: str, size: int, ink: str, anchor: str = "middle", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{ink}"{weight}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    return escape(printable(text))
