"""The facts about the images of a search. They are found once, kept in the store, and sent with every task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from compiler.images.kept import Kept
from compiler.images.preparation import Preparation

FOLDER = "images"  # the folder in the work directory with a copy of the images for all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about the images of a search, so that the driver and the workers need not read the images to know them.

    Attributes:
      description: a description of the data set on one line, for the user.
      input_shape: (height, width, channels) of an image.
      classes: the number of classes.
      class_names: the names of the classes, in the order of their labels.
      mean, std: mean and standard deviation of each channel of the training images, by which images are normalized.
      crop: the share of a resized image that is kept, around its center.
      images: the number of training images; 0 if nothing is trained.
      counts: the number of images of each class, by the name of the part; empty tuples if the labels are not known.
      digest: a digest of the files of `dataset.source`.
      remarks: remarks on the data set for the user, each a title and a sentence.
      is_bytes: whether pixels are whole numbers from 0 to 255.
      bytes: the memory for all images. The workers of a machine share it.
      is_kept: whether the work directory has a copy of the images.
    """

    description: str
    input_shape: tuple[int, int, int]
    classes: int
    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    crop: float = 1.0
    images: int = 0
    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    digest: str = ""
    remarks: tuple[tuple[str, str], ...] = ()
    is_bytes: bool = True
    bytes: int = 0
    is_kept: bool = False

    @property
    def preparation(self) -> Preparation:
        """The preparation that turns an image of any size into an input of a network."""
        return Preparation(self.input_shape[:2], self.crop, self.is_bytes)

    def kept(self, folder: Path) -> Kept | None:
        """Returns the place of the copy of the images in the work directory `folder`; None if there is no copy."""
        return Kept(folder / FOLDER, self.digest) if self.is_kept else None

    def text(self) -> str:
        """Returns the facts as JSON, for the store."""
        preparation = {"size": self.input_shape[:2], "crop": self.crop}
        return json.dumps({**asdict(self), "preparation": preparation})

    @classmethod
    def read(cls, text: str) -> Facts | None:
        """Returns the facts from the JSON in a store; None if version 0.5.0 or an earlier one wrote the JSON."""
        found = json.loads(text)
        if not isinstance(found, dict):
            return None
        del found["preparation"]
        height, width, channels = found.pop("input_shape")
        for name in ("class_names", "mean", "std"):
            found[name] = tuple(found[name])
        found["counts"] = {part: tuple(counts) for part, counts in found["counts"].items()}
        found["remarks"] = tuple((subject, sentence) for subject, sentence in found["remarks"])
        return cls(input_shape=(height, width, channels), **found)


def shown(name: str) -> str:
    """Returns the name of a class for the terminal. Line breaks and other control characters are escaped."""
    return name if name.isprintable() else repr(name)[1:-1]
