"""Streams, which are labelled images that are read from their files during training.

All files of a folder are decoded once at the start, so a file that is not an image is found before training. Batches
are made in `compiler.batches.stream_feed`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from compiler.errors import DataError, pasted
from compiler.images import folders, in_memory, inventory
from compiler.images.decoding import SUFFIXES
from compiler.images.folders import Files
from compiler.images.found import Size, Wanted
from compiler.images.preparation import Preparation
from compiler.images.readers import parsed, tfds_call
from compiler.images.splits import Parts, completed, total

# The statistics of ImageNet's training images, from 0 to 255, which are used for all photographs.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
GREY_MEAN, GREY_STD = 117.0, 57.4  # the mean and the deviation of the same images in grey


@dataclass(frozen=True)
class Shard:
    """A file of records, and the range of records that belongs to a part."""

    path: str
    skip: int
    take: int


@dataclass(frozen=True, eq=False)
class Records:
    """A part of a data set of TensorFlow Datasets: the files of the part, and the features that decode a record."""

    where: str
    shards: tuple[Shard, ...]
    features: Any  # the features of TensorFlow Datasets, which decode a record
    image_key: str
    label_key: str

    def __len__(self) -> int:
        return sum(shard.take for shard in self.shards)


Part = Files | Records


@dataclass(frozen=True, eq=False)
class Stream(Parts[Part]):
    """A data set whose images are read and resized during training.

    Attributes:
      channels: 1 if all images are grey, and 3 (red, green and blue) otherwise.
      scale: the means and the deviations by which images are normalized; None for those of photographs in general.
    """

    image_size: Size
    channels: int = 3
    scale: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def mean(self) -> tuple[float, ...]:
        """The mean of each channel, by default over photographs in general."""
        if self.scale is not None:
            return self.scale[0]
        return MEAN if self.channels == 3 else (GREY_MEAN,)

    @property
    def std(self) -> tuple[float, ...]:
        """The standard deviation of each channel, by default over photographs in general."""
        if self.scale is not None:
            return self.scale[1]
        return STD if self.channels == 3 else (GREY_STD,)

    def normalized_by(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Stream:
        """Returns this stream with other numbers by which images are normalized."""
        return replace(self, scale=(mean, std))

    @property
    def preparation(self) -> Preparation:
        """The preparation that gives an image of any size the size of the images of this data set."""
        return Preparation(self.image_size, self.crop, is_whole=True)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of one image, (height, width, channels)."""
        return (*self.image_size, self.channels)

    def describe(self) -> str:
        """Returns one line with the number of images of each part, their shape, and the number of classes."""
        return self.described(self.input_shape, ", streamed as")


def find(wanted: Wanted) -> Stream:
    """Returns the stream of a source.

    Raises:
      DataError: the source cannot be streamed, is missing or malformed, or there is no image size.
    """
    source, size = wanted.settings.source, wanted.settings.image_size
    kind, argument = parsed(source)
    if kind not in ("images", "tfds"):
        raise DataError(f"stream=True: {source} is held in memory; only images:DIR and tfds:NAME are streamed")
    if size is None:
        raise DataError(
            f"stream=True and image_size=None: the images of {source} are brought to one size as they are read; "
            f"set one, for example {pasted('dataset.image_size', (224, 224))}"
        )
    return (_from_tfds if kind == "tfds" else _from_folder)(argument, wanted, size)


def _from_folder(folder: str, wanted: Wanted, size: Size) -> Stream:
    whole = folders.scan(folder, SUFFIXES)
    found = inventory.look(whole.paths, wanted.inventory_folder, wanted.progress)
    tree, remarks = in_memory.without_unreadable(whole, found, wanted.settings.unreadable)
    parts = completed(tree.train, tree.validation, tree.test, tree.class_names, wanted.settings)
    return Stream(
        tree.name, *parts, tree.class_names, size, max(content.channels for content in found.values()),
        crop=wanted.settings.crop, digest=in_memory.tree_digest(whole, found), remarks=remarks,
    )  # fmt: skip


def _from_tfds(name: str, wanted: Wanted, size: Size) -> Stream:
    """Returns the stream of a data set of TensorFlow Datasets. Missing parts are drawn from the training images."""

    def prepared(tfds: Any) -> tuple[Any, list[str]]:
        builder = tfds.builder(name)
        builder.download_and_prepare()
        return builder, [part for part in ("validation", "test") if _is_labelled(tfds, builder, part)]

    if wanted.settings.folds is not None:
        raise DataError(
            f"folds={wanted.settings.folds}: the labels of tfds:{name} are read only while it is streamed, and folds "
            f"are drawn class by class: {pasted('dataset.stream', False)}, or {pasted('dataset.folds', None)}"
        )
    builder, held_back = tfds_call(name, prepared)
    info = builder.info
    if "train" not in info.splits:
        raise DataError(f"tfds:{name}: found splits {', '.join(sorted(info.splits)) or 'none'}; wanted train")
    names = _class_names(name, info)
    whole = _records(name, info, "train")
    own = [_records(name, info, part) for part in held_back]
    validated, tested = folders.held_back_parts(own)
    first, count, classes = 0, len(whole), len(names)
    if tested is None:
        first = total(count, classes, wanted.settings.test, "test", 2)
        tested = _records(name, info, "train", 0, first)
    if validated is None:
        held_out = total(count - first, classes, wanted.settings.validation, "validation", 1)
        validated = _records(name, info, "train", first, first + held_out)
        first += held_out
    train = _records(name, info, "train", first, count)
    digest = inventory.digest_of(
        (f"{os.path.basename(str(shard.path))} {shard.skip}", str(shard.take))
        for part in (whole, *own)
        for shard in part.shards
    )
    return Stream(name, train, validated, tested, names, size, crop=wanted.settings.crop, digest=digest)


def _is_labelled(tfds: Any, builder: Any, part: str) -> bool:
    """Returns whether a part exists and has known labels. The test images of a contest have the label -1."""
    if part not in builder.info.splits:
        return False
    image, label = builder.info.supervised_keys or (None, None)
    if label is None:
        return True
    skip = {image: tfds.decode.SkipDecoding()}
    examples = tfds.as_numpy(builder.as_dataset(split=f"{part}[:1]", decoders=skip))
    return all(int(example[label]) >= 0 for example in examples)


def _class_names(name: str, info: Any) -> tuple[str, ...]:
    image, label = info.supervised_keys or (None, None)
    features = dict(info.features.items())
    classes = getattr(features.get(label), "num_classes", None)
    if not classes or image not in features:
        found = ", ".join(f"{key}: {type(feature).__name__}" for key, feature in features.items())
        raise DataError(f"tfds:{name}: found {found}; wanted images with a ClassLabel each, as supervised_keys")
    if classes == 1:
        raise DataError(f"tfds:{name}: only one class; wanted at least 2")
    return tuple(features[label].names or map(str, range(classes)))


def _records(name: str, info: Any, part: str, first: int = 0, last: int | None = None) -> Records:
    """Returns the records of a part from `first` to `last`, or to the end."""
    file_format = getattr(info.file_format, "value", info.file_format)
    if file_format != "tfrecord":
        raise DataError(f"tfds:{name}: stored as {file_format}; a stream reads tfrecord")
    cut = part if last is None else f"{part}[{first}:{last}]"
    shards = tuple(Shard(file.filename, file.skip, file.take) for file in info.splits[cut].file_instructions)
    return Records(f"tfds:{name} {part}", shards, info.features, *info.supervised_keys)
