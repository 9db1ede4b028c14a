"""A confusion matrix as a picture: for each true class the number of images of each predicted class.

Pillow is imported only when a picture is drawn, since its import takes time.
"""

from __future__ import annotations

import functools
import io
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from compiler.pictures.paints import INK, SOFT, WHITE

if TYPE_CHECKING:
    from PIL import ImageDraw

# Pillow's own font has the letters of English. The other fonts are searched for in this machine's font folders.
_FONTS = ("", "DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf")
LABELLED = 30  # With more classes than this, a cell of the matrix has no room for its count.
_EMPTY, _GRID = (244, 245, 247), 2
# the colours of a cell with all images of its row: of correct and of wrong predictions
_RIGHT, _WRONG = (32, 89, 171), (205, 116, 19)
_SIZE, _SMALL = 16, 14  # the sizes of letters
_MARGIN, _LONGEST = 16, 170  # the margin around the matrix, and the greatest length of a label, in pixels
# Pixels of the smallest and the largest cell with a count, and half the width of all cells without counts.
_CELL, _ALL = (38, 48), 380


def png(counts: Sequence[Sequence[int]], names: Sequence[str], title: str) -> bytes:
    """Returns the picture as a PNG file.

    Args:
      counts: [classes, classes], a row for each true class and a column for each predicted class.
      names: the names of the classes. If the font lacks a letter of a name, the number of the class is shown.
      title: the line above the matrix.
    """
    from PIL import Image, ImageDraw

    classes, labels = len(counts), _labels(names)
    cell = min(max(_ALL // classes, _CELL[0]), _CELL[1]) if classes <= LABELLED else max(2, 2 * _ALL // classes)
    room = max(_width(label, _SMALL, font) for label, font in labels)
    left, top = _MARGIN + room + 34, _MARGIN + 36 + room + 34
    width = max(left + cell * classes, _MARGIN + _width(title, _SIZE)) + _MARGIN
    height = top + cell * classes + _MARGIN
    image = Image.new("RGB", (width, height), WHITE)
    pen = ImageDraw.Draw(image)
    pen.text((_MARGIN, _MARGIN), title, INK, _font(_SIZE))
    _cells(pen, counts, left, top, cell)
    # A label may be larger than a cell, and then only some classes have labels.
    every = -(-(_SMALL + 4) // cell)
    for place in range(0, classes, every):
        middle = cell * place + cell // 2
        label, font = labels[place]
        pen.text((left - 8, top + middle), label, INK, _font(_SMALL, font), anchor="rm")
        _upright(image, label, INK, left + middle, top - 8, font)
    pen.text((left + cell * classes // 2, top - room - 34), "taken for", SOFT, _font(_SMALL), anchor="ma")
    _upright(image, "true class", SOFT, _MARGIN + 7, top + cell * classes // 2 + _width("true class", _SMALL) // 2)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _cells(pen: ImageDraw.ImageDraw, counts: Sequence[Sequence[int]], left: int, top: int, cell: int) -> None:
    gap = _GRID if cell >= _CELL[0] else 0
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            share = count / sum(row) if count else 0.0
            corner = left + x * cell, top + y * cell
            place = (*corner, corner[0] + cell - 1 - gap, corner[1] + cell - 1 - gap)
            pen.rectangle(place, _shade(_RIGHT if x == y else _WRONG, share))
            if count and gap:
                middle = corner[0] + (cell - gap) / 2, corner[1] + (cell - gap) / 2
                size = (
                    _SMALL if _width(str(count), _SMALL) < cell - 6 else _SMALL * (cell - 6) // _width("0" * 6, _SMALL)
                )
                pen.text(middle, str(count), WHITE if share > 0.5 else INK, _font(size), anchor="mm")


def _shade(full: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    """Returns the colour of a count, from white to dark. A single image of a large class has a visible colour."""
    strength = 0.25 + 0.75 * share if share else 0.0
    red, green, blue = (round(low + (high - low) * strength) for low, high in zip(_EMPTY, full, strict=True))
    return red, green, blue


def _labels(names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns for each class its label, and a font that has all letters of the label.

    The label of a class is its number if no font has the letters of its name.
    """
    found = []
    for number, name in enumerate(names):
        font = next((font for font in _FONTS if _is_drawn(name, font)), None)
        found.append((str(number), "") if font is None else (_cut(name, font), font))
    return found


def _cut(name: str, font: str) -> str:
    if _width(name, _SMALL, font) <= _LONGEST:
        return name
    length = next(end for end in range(len(name), 0, -1) if _width(name[:end] + "…", _SMALL, font) <= _LONGEST)
    return name[:length] + "…"


def _is_drawn(name: str, font: str) -> bool:
    """Returns whether a font has every letter, and the letters stand one after another from left to right."""
    loaded = _font(_SMALL, font)
    if loaded is None or not name.isprintable() or not name.strip():
        return False
    missing = (bytes(loaded.getmask("\U0010fffe")), b"")
    return all(
        letter == " "
        or (
            bytes(loaded.getmask(letter)) not in missing and unicodedata.bidirectional(letter) not in ("R", "AL", "NSM")
        )
        for letter in name
    )


def _width(text: str, size: int, font: str = "") -> int:
    return int(_font(size, font).getlength(text)) + 1


def _upright(image: Any, text: str, ink: str, x: int, bottom: int, font: str = "") -> None:
    """Draws a text upright, to be read from below."""
    from PIL import Image, ImageDraw

    across = Image.new("RGB", (_width(text, _SMALL, font), _SMALL + 6), WHITE)
    ImageDraw.Draw(across).text((0, _SMALL // 2 + 3), text, ink, _font(_SMALL, font), anchor="lm")
    turned = across.rotate(90, expand=True)
    image.paste(turned, (x - turned.width // 2, bottom - turned.height))


@functools.cache
def _font(size: int, name: str = "") -> Any:
    """Returns a font by the name of its file, or Pillow's own; None if this machine lacks the font."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return None
