"""What readers of labelled images are asked for, and what they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from compiler.images.inventory import Progress
from compiler.images.preparation import Preparation

Array = npt.NDArray[Any]
Size = tuple[int, int]
Remark = tuple[str, str]  # what it is about, and a sentence for the user


@dataclass(frozen=True, eq=False)
class Raw:
    """Images and labels as a source has them, unchecked, and what messages call them."""

    images: Array
    labels: Array
    images_name: str
    labels_name: str
    is_prepared: bool = False  # whether the images were brought to size as they were read


@dataclass(frozen=True, eq=False)
class Found:
    """What a reader found; `test` and `validation` are None when the source has no such split of its own.

    Attributes:
      digest: of the contents; where a reader gives none, that of the arrays counts.
      remarks: what the user should know of it.
    """

    name: str
    train: Raw
    test: Raw | None = None
    class_names: tuple[str, ...] | None = None
    validation: Raw | None = None
    digest: str = ""
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be read.

    Attributes:
      image_size: (height, width) of every image; None where they have one size already.
      crop: the share of the resized image that is kept in the middle.
      unreadable: `error` refuses files that are no images, `skip` leaves them out.
      channels: `last` or `first`, where an array's shape leaves open which axis has the channels.
      memory: the folder that remembers which files are images.
      progress: is called as files are read.
    """

    image_size: Size | None = None
    crop: float = 1.0
    unreadable: str = "error"
    channels: str | None = None
    memory: Path | None = None
    progress: Progress | None = None

    def preparation(self, size: Size) -> Preparation:
        """How an image of a size of its own becomes one of the size that is wanted."""
        return Preparation(self.image_size or size, self.crop)


def printable(name: str) -> str:
    """A name in one line that every terminal can print, whatever bytes it has in the file system."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else repr(text)[1:-1]


def prepared(image: Array, preparation: Preparation) -> Array:
    """An image [height, width, channels] brought to size; uint8 stays, the rest is float32."""
    if image.shape[:2] == preparation.size and preparation.crop == 1:
        return image
    image = image if image.dtype == np.uint8 else image.astype(np.float32)
    # Plane by plane, because Pillow has no float images of several channels.
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, -1, 0))
    return np.stack([np.asarray(preparation.applied(plane)) for plane in planes], axis=-1)


def stacked(images: Sequence[Array]) -> Array:
    """Images [height, width, channels] of one size as one array [n, ...]; grey joins colour as RGB."""
    channels = max(image.shape[2] for image in images)
    stacked = np.empty((len(images), *images[0].shape[:2], channels), images[0].dtype)
    for index, image in enumerate(images):
        stacked[index] = image
    return stacked
