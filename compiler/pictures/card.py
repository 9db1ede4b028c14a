"""Pictures for cards of one width, as TensorBoard's page of images has them."""

from __future__ import annotations

import io

WIDTH = 350  # pixels of a card
_RATHER_SMALLER = 0.2  # of a card


def fit(png: bytes) -> tuple[bytes, int, int]:
    """A PNG file made a whole number of cards wide, its width and its height in pixels.

    The page shows every second or third pixel of it and does not blend them, so they are blended here; who asks the
    page for the actual size sees it larger.
    """
    from PIL import Image, ImageFilter

    image = Image.open(io.BytesIO(png)).convert("RGB")
    times = max(1, round(image.width / WIDTH - _RATHER_SMALLER))
    size = WIDTH * times, max(1, round(image.height * WIDTH * times / image.width))
    fitted = image.resize(size, Image.Resampling.LANCZOS).filter(ImageFilter.BoxBlur((times - 1) / 2))
    stream = io.BytesIO()
    fitted.save(stream, "PNG")
    return stream.getvalue(), *size
