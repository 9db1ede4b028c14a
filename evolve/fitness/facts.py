"""The facts about the images of a search: found once, kept in its store, and sent with every task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from compiler.images.kept import Kept
from compiler.images.preparation import Preparation

FOLDER = "images"  # the folder in the work directory where images are kept for all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about the images of a search, which the driver and the workers need without the images.

    Attributes:
      description: one line for the user.
      input_shape: (height, width, channels) of an image.
      classes: the number of classes.
      class_names: the names of the classes, in the order of their labels.
      mean, std: mean and standard deviation of each channel of the training images, by which images are normalized.
      crop: the share of a resized image that is kept, around its center.
      images: the number of training images; 0 if nothing is trained.
      counts: the number of images of each class in each part, if labels are known before images are read.
      digest: a digest of the contents of the source.
      remarks: remarks on the source for the user, each a subject and a sentence.
      is_bytes: whether pixels are whole numbers from 0 to 255.
      bytes: the size of the images, which all workers of a machine hold together once.
      is_kept: whether the images are in the work directory.
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
        """The preparation of images of any size for a network."""
        return Preparation(self.input_shape[:2], self.crop, self.is_bytes)

    def kept(self, folder: Path) -> Kept | None:
        """Returns the place of the images in the work directory `folder`; None if they are not kept there."""
        return Kept(folder / FOLDER, self.digest) if self.is_kept else None

    def text(self) -> str:
        """Returns the facts as JSON, for the store."""
        preparation = {"size": self.input_shape[:2], "crop": self.crop}
        return json.dumps({**asdict(self), "preparation": preparation})

    @classmethod
    def read(cls, text: str) -> Facts | None:
        """Returns the facts of a store; None if version 0.5.0 or an earlier one has written them."""
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
    """Returns the name of a class on one line."""
    return name if name.isprintable() else repr(name)[1:-1]
