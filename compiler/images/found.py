"""The records that readers of labelled images take and return."""

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
from compiler.settings import DatasetSettings

Array = npt.NDArray[Any]
Size = tuple[int, int]
Remark = tuple[str, str]  # a remark for the user: a subject and a sentence


@dataclass(frozen=True, eq=False)
class Raw:
    """Unchecked images and labels of a source, and the names of these arrays in messages."""

    images: Array
    labels: Array
    images_name: str
    labels_name: str
    is_prepared: bool = False  # whether the images were resized during reading


@dataclass(frozen=True, eq=False)
class Found:
    """The images that a reader found; `test` and `validation` are None if the source lacks that part.

    Attributes:
      digest: the digest of the contents; "" if the caller computes it from the arrays.
      remarks: facts of the source that are shown to the user.
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
    """The data set that a reader reads.

    Attributes:
      settings: the settings of the data set.
      inventory_folder: the folder with the inventory of files that were read.
      progress: a function that is called as files are read.
    """

    settings: DatasetSettings
    inventory_folder: Path | None = None
    progress: Progress | None = None

    def preparation(self, size: Size) -> Preparation:
        """Returns the preparation of an image of any size."""
        return Preparation(self.settings.image_size or size, self.settings.crop)


def printable(name: str) -> str:
    """Returns the name of a file as one line that every terminal can print, for any bytes in the name."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else repr(text)[1:-1]


def prepared(image: Array, preparation: Preparation) -> Array:
    """Returns an image [height, width, channels] after its preparation, as uint8 if it was uint8, else as float32."""
    if image.shape[:2] == preparation.size and preparation.crop == 1:
        return image
    image = image if image.dtype == np.uint8 else image.astype(np.float32)
    # The channels are resized one by one, because Pillow has no float images of several channels.
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, -1, 0))
    return np.stack([np.asarray(preparation.applied(plane)) for plane in planes], axis=-1)


def stacked(images: Sequence[Array]) -> Array:
    """Returns images [height, width, channels] of one size as one array [n, ...]. Beside colour, grey becomes RGB."""
    channels = max(image.shape[2] for image in images)
    stacked = np.empty((len(images), *images[0].shape[:2], channels), images[0].dtype)
    for index, image in enumerate(images):
        stacked[index] = image
    return stacked
