"""What a search knows of its images: found once, kept in its store, and sent along with every task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from compiler.images.kept import Kept
from compiler.images.preparation import Preparation

FOLDER = "images"  # of the work directory: where images are kept for all workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the driver and the workers must know of the images without loading them.

    Attributes:
      description: one line for people.
      input_shape: (height, width, channels) of an image.
      classes: how many classes there are.
      class_names: of the classes, in the order of their labels.
      mean, std: of the channels of the training images, as a network takes them out.
      crop: the share of a resized image that is kept in the middle.
      images: how many a network is trained on; 0 where nothing is trained.
      counts: images of each class in each part, where labels are known before they are read.
      digest: of the contents of the source.
      remarks: what the user should know of the source: what each is about, and a sentence.
      is_bytes: whether pixels are whole numbers from 0 to 255.
      bytes: that all workers of a machine hold together, once.
      is_kept: whether the images lie in the work directory.
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
        """How an image of any size becomes one that a network takes."""
        return Preparation(self.input_shape[:2], self.crop, self.is_bytes)

    def kept(self, folder: Path) -> Kept | None:
        """Where the images lie in a work directory, if they do."""
        return Kept(folder / FOLDER, self.digest) if self.is_kept else None

    def text(self) -> str:
        """The facts as JSON, for the store."""
        preparation = {"size": self.input_shape[:2], "crop": self.crop}
        return json.dumps({**asdict(self), "preparation": preparation})

    @classmethod
    def read(cls, text: str) -> Facts | None:
        """The facts of a store; None where version 0.5.0 or an earlier one has written them."""
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
