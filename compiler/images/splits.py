"""The three parts of a data set. Parts that a source lacks are drawn from its training images, class by class.

The drawn images depend only on the labels, the shares and the random seed.
"""

from __future__ import annotations

import math
from collections.abc import Sized
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from compiler.errors import DataError
from compiler.images.folders import Files
from compiler.images.found import Array, Remark
from compiler.settings import DatasetSettings
from dsl.wording import by_x, plural


@dataclass(frozen=True, eq=False)
class Images:
    """Images [n, height, width, channels] in uint8 or float32, and their labels [n] in int32."""

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, indices: Array) -> Images:
        """Returns the images at these indices."""
        return Images(self.images[indices], self.labels[indices])

    def joined(self, other: Images) -> Images:
        """Returns these images, followed by others."""
        return Images(np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))


S = TypeVar("S", bound=Sized)
L = TypeVar("L", Files, Images)


@dataclass(frozen=True, eq=False)
class Parts(Generic[S]):
    """Three disjoint parts of labelled images of one size.

    Attributes:
      name: the name of the source.
      train: the training images.
      validation: the validation images.
      test: the test images.
      class_names: the names of the classes, in the order of the labels.
      crop: the share of the height and width of the resized image that is kept in the middle.
      digest: the digest of the contents of the source.
      remarks: facts of the source that are shown to the user.
    """

    name: str
    train: S
    validation: S
    test: S
    class_names: tuple[str, ...]
    crop: float = field(default=1.0, kw_only=True)
    digest: str = field(default="", kw_only=True)
    remarks: tuple[Remark, ...] = field(default=(), kw_only=True)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def part(self, split: str) -> S:
        """Returns the part of this name: `train`, `validation` or `test`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]

    def described(self, shape: tuple[int, int, int], verb: str) -> str:
        """Returns one line with the number of images of each part, their shape, and the number of classes."""
        return (
            f"{self.name}: {len(self.train):,} train, {len(self.validation):,} validation, "
            f"{len(self.test):,} test images{verb} {by_x(shape)}, {plural(self.classes, 'class', 'classes')}"
        )


P = TypeVar("P", bound=Parts[Any])


def completed(
    train: L, validation: L | None, test: L | None, names: tuple[str, ...], settings: DatasetSettings
) -> tuple[L, L, L]:
    """Returns training, validation and test images. Parts that are None are drawn from the training images.

    The test images are drawn first.

    Raises:
      DataError: a class has too few images, or a share leaves a part without a class.
    """
    rng = np.random.default_rng(settings.seed)
    if test is None:
        train, test = _drawn(train, settings.test, "test", names, rng, keep=2)
    if validation is None:
        share = settings.validation if settings.folds is None else 1 / settings.folds
        train, validation = _drawn(train, share, "validation", names, rng, keep=1)
    elif settings.folds is not None:
        raise DataError(
            f"folds={settings.folds}: {settings.source} has validation images of its own; leave dataset.folds out, or "
            "move these images to the training images"
        )
    return train, validation, test


def fold(parts: P, number: int, folds: int, seed: int) -> P:
    """Returns a data set whose validation images are those of one fold.

    Fold 0 is the validation part, and the other folds divide the training images, class by class. The training images
    are those of all other folds. The statistics by which images are normalized stay those of the data set.

    Args:
      parts: the data set.
      number: the number of the fold, from 0.
      folds: the number of folds.
      seed: the random seed of the division.
    """
    if not number:
        return parts
    rng = np.random.default_rng((seed, folds))
    places = np.empty(len(parts.train), np.int64)
    first = 0  # Classes begin at different folds, so that the sizes of the folds differ by one image at most.
    for label in range(parts.classes):
        members = rng.permutation(np.flatnonzero(parts.train.labels == label))
        places[members] = 1 + (first + np.arange(len(members))) % (folds - 1)
        first += len(members)
    held_out = places == number
    train = parts.train.of(np.flatnonzero(~held_out)).joined(parts.validation)
    return replace(parts, train=train, validation=parts.train.of(np.flatnonzero(held_out)))


def _drawn(
    part: L, share: float | int, what: str, names: tuple[str, ...], rng: np.random.Generator, keep: int
) -> tuple[L, L]:
    """Returns the remaining and the drawn images, both shuffled. At least `keep` images of every class remain."""
    counts = np.bincount(part.labels, minlength=len(names))
    scarce = int(np.argmin(counts))
    if counts[scarce] <= keep:
        raise DataError(
            f"class {names[scarce]!r} has {counts[scarce]} training images: wanted at least {keep + 1}, "
            f"one for each of {'train, validation and test' if keep == 2 else 'train and validation'}"
        )
    held_out = _apportioned(counts, total(int(counts.sum()), len(counts), share, what, keep), keep)
    kept, drawn = [], []
    for label, count in enumerate(held_out):
        members = rng.permutation(np.flatnonzero(part.labels == label))
        drawn.append(members[:count])
        kept.append(members[count:])
    return part.of(rng.permutation(np.concatenate(kept))), part.of(rng.permutation(np.concatenate(drawn)))


def total(images: int, classes: int, share: float | int, what: str, keep: int) -> int:
    """Returns the number of images to draw. A share gives at least one image of each class; a number is exact.

    Raises:
      DataError: a number leaves a part without a class.
    """
    least, most = classes, images - keep * classes
    if isinstance(share, float):
        # The product is rounded first, since 0.07 * 100 is a little above 7.
        return min(max(math.ceil(round(share * images, 6)), least), most)
    if not least <= share <= most:
        raise DataError(
            f"{what}={share}: wanted {least:,} to {most:,} of the {images:,} training images, "
            "so that every class is in each part"
        )
    return share


def _apportioned(counts: Array, total: int, keep: int) -> Array:
    """Divides `total` images among the classes in proportion. Each class gives at least 1 image and keeps `keep`."""
    ideal = counts * total / counts.sum()
    chosen: Array = np.clip(np.floor(ideal).astype(int), 1, counts - keep)
    while chosen.sum() < total:
        chosen[np.argmax(np.where(chosen < counts - keep, ideal - chosen, -np.inf))] += 1
    while chosen.sum() > total:
        chosen[np.argmin(np.where(chosen > 1, ideal - chosen, np.inf))] -= 1
    return chosen
