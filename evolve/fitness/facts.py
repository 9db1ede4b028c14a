"""What a search knows of its images: found once, kept in its store, and sent along with every task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.images.kept import Kept
from compiler.images.preparation import Preparation

if TYPE_CHECKING:
    from compiler.images.data import Dataset
    from compiler.images.inventory import Progress
    from compiler.images.streams import Stream
    from compiler.settings import DatasetSettings

FOLDER = "images"  # of the work directory: where images are kept for all workers


@dataclass(frozen=True, slots=True)
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


def of(found: Dataset | Stream) -> Facts:
    """The facts of images that were found."""
    from compiler.images.data import Dataset

    parts = {part: getattr(found, part) for part in ("train", "validation", "test")}
    held = [part.images for part in parts.values()] if isinstance(found, Dataset) else []
    return Facts(
        found.describe(),
        found.input_shape,
        found.classes,
        found.class_names,
        tuple(found.mean),
        tuple(found.std),
        found.crop,
        len(found.train),
        {name: _counts(part, found.classes) for name, part in parts.items()},
        found.digest,
        found.remarks,
        all(images.dtype == np.uint8 for images in held),
        sum(images.nbytes for images in held),
    )


def find(settings: DatasetSettings, folder: Path, known: Facts | None, progress: Progress | None = None) -> Facts:
    """Reads the images of a search and keeps them in its work directory, where they are not kept there already.

    Args:
      settings: what to read.
      folder: the work directory.
      known: what a search that goes on knows of its images.
      progress: is called as files are read.

    Raises:
      DataError: they are not there, or cannot be learnt from.
    """
    from compiler.images import data, kept, manifest

    memory = folder / FOLDER
    if known is not None:
        digest = data.digest(settings.source, memory, progress) or known.digest
        if digest != known.digest:
            return replace(known, digest=digest)
        place = known.kept(folder)
        if place is None or kept.read(place) is not None:
            return known
    is_seen = folder.is_dir()  # False on a machine of a cluster that does not see the work directory
    found = data.load(**asdict(settings), memory=memory if is_seen else None, progress=progress)
    is_kept = is_seen and kept.keep(found, memory) is not None
    if known is None and is_seen:
        manifest.write(settings.source, memory)
    return replace(of(found), is_kept=is_kept)


def _counts(part: Any, classes: int) -> tuple[int, ...]:
    """Images of each class; of records, whose labels are not known, none."""
    labels = getattr(part, "labels", None)
    return () if labels is None else tuple(np.bincount(labels, minlength=classes).tolist())
