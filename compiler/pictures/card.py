"""Resizes pictures for the cards of TensorBoard's page of images, which all have one width."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from compiler.pictures.canvas import Drawing
from compiler.pictures.pixels import png

if TYPE_CHECKING:
    from PIL import Image

WIDTH = 350  # the width of a card in pixels
_RATHER_SMALLER = (
    0.2  # subtracted from the number of cards before it is rounded, so that more pictures become smaller than larger
)


def fit(picture: bytes) -> tuple[bytes, int, int]:
    """Resizes a PNG to a whole number of card widths; returns the file, its width and its height in pixels."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    times = _cards(image.width)
    size = WIDTH * times, max(1, round(image.height * WIDTH * times / image.width))
    return _file(image.resize(size, Image.Resampling.LANCZOS), times)


def drawn(drawing: Drawing) -> tuple[bytes, int, int]:
    """Draws a picture as wide as a whole number of cards; returns the PNG, its width and its height in pixels.

    The file has 256 colours, since a search has a picture of each new best individual.
    """
    from PIL import Image

    times = _cards(drawing.width)
    return _file(drawing.image(WIDTH * times / drawing.width), times, Image.Quantize.FASTOCTREE)


def _cards(width: int) -> int:
    return max(1, round(width / WIDTH - _RATHER_SMALLER))


def _file(image: Image.Image, times: int, colours: Image.Quantize | None = None) -> tuple[bytes, int, int]:
    """Returns a PNG of an image that is `times` cards wide, with its width and its height in pixels.

    TensorBoard shows only every second or third pixel, without blending. The picture is therefore blurred here first.
    Shown at its actual size, it may be wider than its card.
    """
    from PIL import ImageFilter

    blurred = image.filter(ImageFilter.BoxBlur((times - 1) / 2))
    return png(blurred if colours is None else blurred.quantize(method=colours)), *image.size
