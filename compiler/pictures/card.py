"""Resizes pictures for the cards of TensorBoard's page of images, which all have one width."""

from __future__ import annotations

import io

WIDTH = 350  # the width of a card in pixels
_RATHER_SMALLER = (
    0.2  # subtracted from the number of cards before it is rounded, so that more pictures become smaller than larger
)


def fit(png: bytes) -> tuple[bytes, int, int]:
    """Resizes a PNG to a whole number of card widths; returns the file, its width and its height in pixels.

    TensorBoard shows only every second or third pixel, without blending. The picture is therefore blurred here first.
    Shown at its actual size, it may be wider than its card.
    """
    from PIL import Image, ImageFilter

    image = Image.open(io.BytesIO(png)).convert("RGB")
    times = max(1, round(image.width / WIDTH - _RATHER_SMALLER))
    size = WIDTH * times, max(1, round(image.height * WIDTH * times / image.width))
    fitted = image.resize(size, Image.Resampling.LANCZOS).filter(ImageFilter.BoxBlur((times - 1) / 2))
    stream = io.BytesIO()
    fitted.save(stream, "PNG")
    return stream.getvalue(), *size
