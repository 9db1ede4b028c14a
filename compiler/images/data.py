"""Loads data sets from their sources: `load("digits")`, `load("npz:mine.npz")`, `load("images:dir")`.

In a `Dataset` all images have one size and one type, and labels are 0 to classes-1. If this module draws a part from
the training images, the part has at least one image of every class. Images that do not fit into memory are a `Stream`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from compiler.errors import DataError
from compiler.images import in_memory, streams
from compiler.images.found import Array, Found, Raw, Wanted, prepared
from compiler.images.inventory import Progress, digest_of
from compiler.images.npz import npz_digest
from compiler.images.preparation import Preparation
from compiler.images.readers import parsed, read
from compiler.images.splits import Images, Parts, completed
from compiler.images.streams import Stream
from compiler.settings import DatasetSettings

INT32_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Dataset(Parts[Images]):
    """A data set in memory.

    Attributes:
      mean: the mean of each channel over the training images.
      std: the standard deviation of each channel over the training images.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalized_by(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Dataset:
        """Returns this data set with other numbers by which images are normalized."""
        return replace(self, mean=mean, std=std)

    @property
    def preparation(self) -> Preparation:
        """The preparation that gives an image of any size the size of the images of this data set."""
        return Preparation(self.input_shape[:2], self.crop, self.train.images.dtype == np.uint8)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of one image, (height, width, channels)."""
        _, height, width, channels = self.train.images.shape
        return height, width, channels

    def describe(self) -> str:
        """Returns one line with the number of images of each part, their shape, and the number of classes."""
        return self.described(self.input_shape, " of")


@overload
def load(
    source: str = ...,
    *,
    stream: Literal[False] = ...,
    inventory_folder: Path | None = ...,
    progress: Progress | None = ...,
    **settings: Any,
) -> Dataset: ...
@overload
def load(
    source: str = ...,
    *,
    stream: bool,
    inventory_folder: Path | None = ...,
    progress: Progress | None = ...,
    **settings: Any,
) -> Dataset | Stream: ...
def load(
    source: str = "digits",
    *,
    stream: bool = False,
    inventory_folder: Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Dataset | Stream:
    """Reads the images of a source and divides them into training, validation and test images.

    The parts depend only on the source and the settings. A part that the source itself has is used unchanged. If the
    source has only one part besides the training images, this part is the test images, whatever its name.

    Args:
        source: digits, digits_scattered, npz:PATH, images:DIR, mnist, fashion_mnist, cifar10, cifar100 or tfds:NAME.
        stream: whether images are read during training, for images:DIR and tfds:NAME that do not fit into memory.
        inventory_folder: the folder with the inventory, which lists the files that are images.
        progress: is called with the number of files that were read, and the number of all files.
        settings: the other settings of `DatasetSettings`.

    Raises:
        DataError: a setting is out of range, or the source is missing, unreadable or malformed.
    """
    wanted = Wanted(DatasetSettings(source=source, stream=stream, **settings), inventory_folder, progress)
    _check_read(wanted.settings)
    return streams.find(wanted) if stream else _in_memory(read(wanted), wanted)


def digest(source: str, inventory_folder: Path | None = None, progress: Progress | None = None) -> str:
    """Returns the digest of the present contents of a source npz:PATH or images:DIR; "" for other sources.

    Files of an images source are not read if they have not changed since they were listed in the inventory.

    Raises:
        DataError: the source is missing or malformed.
    """
    kind, argument = parsed(source)
    if kind == "npz":
        return npz_digest(argument)
    if kind == "images":
        return digest_of(in_memory.digests(argument, inventory_folder, progress).items())
    return ""


def _in_memory(found: Found, wanted: Wanted) -> Dataset:
    train = _checked(found.train, wanted)
    names = _class_names(train.labels, found.class_names, found.train.labels_name)
    test, validation = (
        None if raw is None else _own(found.train, train, raw, wanted, names) for raw in (found.test, found.validation)
    )
    train, validation, test = completed(train, validation, test, names, wanted.settings)
    return Dataset(
        found.name, train, validation, test, names, *_statistics(train.images),
        crop=wanted.settings.crop, digest=found.digest or _digest(found), remarks=found.remarks,
    )  # fmt: skip


def _digest(found: Found) -> str:
    """Returns the digest of all arrays, for a source without its own digest."""
    whole = hashlib.sha256()
    for raw in (found.train, found.validation, found.test):
        for array in () if raw is None else (raw.images, raw.labels):
            whole.update(f"{array.dtype} {array.shape}\n".encode())
            whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()


def _own(raw_train: Raw, train: Images, raw: Raw, wanted: Wanted, names: tuple[str, ...]) -> Images:
    """Returns the images of a part that the source itself has. Type, shape and labels must fit the training images."""
    part = _checked(raw, wanted)
    kinds = [f"{one.images.dtype} images {list(one.images.shape[1:])}" for one in (train, part)]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"{raw_train.images_name} holds {kinds[0]} and {raw.images_name} {kinds[1]}: "
            "wanted one type and one [height, width, channels]"
        )
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= len(names):
        raise DataError(f"{raw.labels_name}: labels run from {low} to {high}; wanted 0 to {len(names) - 1}")
    return part


# --- settings ------------------------------------------------------------------------------------------


def _check_read(settings: DatasetSettings) -> None:
    """Checks that each setting that the user has set has an effect for a source of this kind.

    Raises:
        DataError: a setting is for another kind of source.
    """
    kind, _ = parsed(settings.source)
    for name, default, of in (("channels", None, "npz:PATH"), ("unreadable", "error", "images:DIR")):
        value = getattr(settings, name)
        if value != default and kind != of.partition(":")[0]:
            raise DataError(
                f"{name}={value!r} is for {of}, and the source is {settings.source}: leave dataset.{name} out"
            )


# --- checks --------------------------------------------------------------------------------------------


def _checked(raw: Raw, wanted: Wanted) -> Images:
    images, labels = _pixels(raw.images, raw.images_name), _labels(raw.labels, raw.labels_name)
    if len(images) != len(labels):
        raise DataError(
            f"{raw.images_name} holds {len(images):,} images and {raw.labels_name} {len(labels):,} labels: "
            "wanted one label for each image"
        )
    if raw.is_prepared:
        return Images(images, labels)
    preparation = wanted.preparation((images.shape[1], images.shape[2]))
    if images.shape[1:3] != preparation.size or preparation.crop != 1:
        images = np.stack([prepared(image, preparation) for image in images])
    return Images(images, labels)


def _pixels(images: Array, where: str) -> Array:
    """Returns images as uint8 or float32 [n, height, width, channels], after checks of type, shape and values."""
    if images.dtype.kind not in "buif":
        raise DataError(f"{where} has type {images.dtype}: wanted numbers, best uint8 or float32")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise DataError(
            f"{where} has shape {list(images.shape)}: wanted [n, height, width, channels], "
            "or [n, height, width] for grey images"
        )
    if len(images) == 0:
        raise DataError(f"{where} holds no images")
    if 0 in images.shape:
        raise DataError(f"{where} has shape {list(images.shape)}: wanted images of at least one pixel")
    if images.dtype.kind != "f":
        is_byte = images.dtype.kind == "b" or (images.min() >= 0 and images.max() <= 255)
        return images.astype(np.uint8 if is_byte else np.float32, copy=False)
    with np.errstate(over="ignore"):  # Numbers that are too large for float32 become infinite and are reported below.
        images = images.astype(np.float32, copy=False)
    finite = np.isfinite(images)
    if not finite.all():
        image = int(np.argmin(finite.all(axis=(1, 2, 3))))
        raise DataError(f"{where} has {np.sum(~finite):,} NaN or infinite pixels, the first in image {image}")
    return images


def _labels(labels: Array, where: str) -> Array:
    """Returns labels as int32 [n], after checks of type and shape. `_class_names` checks their range."""
    wanted = "wanted one whole number from 0 to classes-1 for each image"
    if labels.dtype.kind in "USO":
        advice = "numpy.unique(labels, return_inverse=True)[1] makes them"
        raise DataError(f"{where} holds text or objects: {wanted}; {advice}")
    if labels.dtype.kind not in "uif":
        advice = "labels.astype('int32') makes two classes of true and false"
        raise DataError(f"{where} has type {labels.dtype}: {wanted}; {advice}")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        one_hot = "; labels.argmax(axis=1) makes them from one-hot rows" if labels.ndim == 2 else ""
        raise DataError(f"{where} has shape {list(labels.shape)}: {wanted}{one_hot}")
    # NaN and infinity fail the comparison too.
    odd = labels[~((labels == np.floor(labels)) & (np.abs(labels.astype(float)) <= INT32_MAX))]
    if len(odd):
        raise DataError(f"{where} holds the label {odd[0]}: {wanted}")
    return labels.astype(np.int32)


def _class_names(labels: Array, names: tuple[str, ...] | None, where: str) -> tuple[str, ...]:
    """Returns the names of the classes, or their numbers as names. The labels must use every class."""
    found = np.unique(labels)
    if len(found) == 1:
        label = names[0] if names and len(names) == 1 else found[0]
        raise DataError(f"{where}: only one class ({label}); wanted at least 2")
    low, high = int(found[0]), int(found[-1])
    classes = len(names) if names else high + 1
    if low == 0 and len(found) == classes == high + 1:
        return names or tuple(map(str, range(classes)))
    present = set(found.tolist())
    missing = list(islice((label for label in range(classes) if label not in present), 8))
    shown = ", ".join(names[label] if names else str(label) for label in missing)
    raise DataError(
        f"{where}: labels run from {low} to {high}"
        + (f", without {shown}{', ...' if len(missing) == 8 else ''}" if missing else "")
        + f"; wanted every number from 0 to {classes - 1 if names else 'classes-1'}"
    )


# --- statistics ---------------------------------------------------------------------------------------


def _statistics(images: Array, batch: int = 1024) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the mean and the standard deviation of each channel. The deviation of a constant channel is set to 1."""
    # The statistics are computed in batches. `numpy.std` would make a float64 copy of all images, 1.2 GB for CIFAR-10.
    mean = images.mean(axis=(0, 1, 2), dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(images), batch):
        squares += np.square(images[start : start + batch] - mean).sum(axis=(0, 1, 2))
    std = np.sqrt(squares / (images.size / images.shape[-1]))
    # A deviation below the resolution of float32 is only the rounding of the mean.
    constant = std <= 1e-7 * np.abs(mean)
    return tuple(mean.tolist()), tuple(np.where(constant, 1.0, std).tolist())
