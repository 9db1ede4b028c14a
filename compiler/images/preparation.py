"""The preparation of images, which gives an image of any size the size that a network takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from compiler.errors import DataError

FILTER = Image.Resampling.BILINEAR  # Pillow widens the filter when it reduces an image, which is antialiasing.


@dataclass(frozen=True, slots=True)
class Preparation:
    """A bilinear resize with antialiasing, and a crop of the middle if `crop` is below 1.

    With a crop of 0.875 an image is resized to 8/7 of `size`, and the margin is cut off. Bytes are rounded once, after
    the resize in both directions. Pillow's own resize of bytes rounds after each direction, and other programs do not.
    Training, evaluation, exported networks and the examples in the documents all prepare images in this way.

    Attributes:
      size: (height, width) of the result, in pixels.
      crop: the share of the resized height and width that is kept, above 0 and at most 1; 1 keeps the whole image.
      is_whole: whether pixels are whole numbers from 0 to 255, and stay so.

    Raises:
      DataError: the size or the crop is out of range.
    """

    size: tuple[int, int]
    crop: float = 1.0
    is_whole: bool = False

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise DataError(f"image_size={self.size}: wanted (height, width), two positive whole numbers")
        if isinstance(self.crop, bool) or not isinstance(self.crop, int | float) or not 0 < self.crop <= 1:
            raise DataError(f"crop={self.crop!r}: wanted a share above 0 and at most 1; 1 keeps the whole image")

    @property
    def resized(self) -> tuple[int, int]:
        """(height, width) in pixels between the resize and the crop."""
        height, width = self.size
        return round(height / self.crop), round(width / self.crop)

    @property
    def corner(self) -> tuple[int, int]:
        """(top, left) of the crop in the resized image."""
        return (self.resized[0] - self.size[0]) // 2, (self.resized[1] - self.size[1]) // 2

    def applied(self, image: Image.Image) -> Image.Image:
        """Returns an image of any size, resized and cropped to `size`. Its mode does not change."""
        height, width = self.resized
        whole = image if image.size == (width, height) else _resized(image, (width, height))
        if self.crop == 1:
            return whole
        top, left = self.corner
        return whole.crop((left, top, left + self.size[1], top + self.size[0]))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Returns an image resized to (width, height). Bytes are rounded once, and other values are not rounded."""
    if image.mode not in ("L", "RGB"):
        return image.resize(size, FILTER)
    bands = [np.rint(np.asarray(band.convert("F").resize(size, FILTER))) for band in image.split()]
    values = bands[0] if len(bands) == 1 else np.stack(bands, axis=-1)
    return Image.fromarray(values.astype(np.uint8))
