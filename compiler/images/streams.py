"""Labelled images that stay where they are until a step needs them: what a `Stream` is, and how it is found.

Nothing is decoded here, and of a folder nothing is opened: names are enough for labels and splits. Batches are made in
`compiler.batches.stream_feed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.errors import DataError
from compiler.images import folders
from compiler.images.folders import Files
from compiler.images.sources import SUFFIXES, Size, parsed, tfds_call
from compiler.images.splits import split, total

# What TensorFlow decodes.
STREAM_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")

# Of ImageNet's training images, from 0 to 255: they stand for photographs in general.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Shard:
    """A file of records, and which of them belong to a part."""

    path: str
    skip: int
    take: int


@dataclass(frozen=True, eq=False)
class Records:
    """A part of a data set of TensorFlow Datasets: its files, and how a record is read."""

    where: str
    shards: tuple[Shard, ...]
    features: Any  # of TensorFlow Datasets: knows how a record is read
    image_key: str
    label_key: str

    def __len__(self) -> int:
        return sum(shard.take for shard in self.shards)


Part = Files | Records


@dataclass(frozen=True, eq=False)
class Stream:
    """Three disjoint parts of images that are brought to one size, and to red, green and blue, as they are read."""

    name: str
    train: Part
    validation: Part
    test: Part
    class_names: tuple[str, ...]
    image_size: Size

    mean = MEAN
    std = STD

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of one image, (height, width, channels)."""
        return (*self.image_size, 3)

    def describe(self) -> str:
        """One line: how many images of which shape, and how many classes."""
        return (
            f"{self.name}: {len(self.train):,} train, {len(self.validation):,} validation, "
            f"{len(self.test):,} test images, streamed as {'x'.join(map(str, self.input_shape))}, "
            f"{self.classes} classes"
        )


def find(source: str, validation: float | int, test: float | int, seed: int, image_size: Size | None) -> Stream:
    """The stream of a source; the settings are those of `compiler.images.data.load`.

    Raises:
      DataError: the source cannot be streamed, is missing or malformed, or there is no image size.
    """
    kind, argument = parsed(source)
    if kind not in ("images", "tfds"):
        raise DataError(f"stream=True: {source} is held in memory; only images:DIR and tfds:NAME are streamed")
    if image_size is None:
        raise DataError(
            f"stream=True and image_size=None: the images of {source} are brought to one size as they are read; "
            "set image_size, for example image_size=(224, 224)"
        )
    size = (image_size[0], image_size[1])
    if kind == "tfds":
        return _from_tfds(argument, validation, test, size)
    return _from_folder(argument, validation, test, seed, size)


def _from_folder(folder: str, validation: float | int, test: float | int, seed: int, image_size: Size) -> Stream:
    tree = folders.scan(folder, SUFFIXES)
    for part in (tree.train, tree.validation, tree.test):
        for path in part.paths if part else ():
            if not path.lower().endswith(STREAM_SUFFIXES):
                raise DataError(f"{path}: cannot be streamed; allowed: {', '.join(STREAM_SUFFIXES)}")
    if len(tree.class_names) == 1:
        raise DataError(f"images:{folder}: only one class ({tree.class_names[0]}); wanted at least 2")
    # Drawn in the order in which images in memory are, so that both have the same parts.
    rng = np.random.default_rng(seed)
    train, tested, validated = tree.train, tree.test, tree.validation
    if tested is None:
        kept, drawn = split(train.labels, test, "test", tree.class_names, rng, keep=2)
        train, tested = train.of(kept), train.of(drawn)
    if validated is None:
        kept, drawn = split(train.labels, validation, "validation", tree.class_names, rng, keep=1)
        train, validated = train.of(kept), train.of(drawn)
    return Stream(tree.name, train, validated, tested, tree.class_names, image_size)


def _from_tfds(name: str, validation: float | int, test: float | int, image_size: Size) -> Stream:
    """Parts that are drawn here are the first records of the training part, which were shuffled when it was made."""

    def prepared(tfds: Any) -> tuple[Any, list[str]]:
        builder = tfds.builder(name)
        builder.download_and_prepare()
        return builder, [part for part in ("validation", "test") if _is_labelled(tfds, builder, part)]

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
        first = total(count, classes, test, "test", 2)
        tested = _records(name, info, "train", 0, first)
    if validated is None:
        held_out = total(count - first, classes, validation, "validation", 1)
        validated = _records(name, info, "train", first, first + held_out)
        first += held_out
    return Stream(name, _records(name, info, "train", first, count), validated, tested, names, image_size)


def _is_labelled(tfds: Any, builder: Any, part: str) -> bool:
    """Whether there is such a part and its labels are known: those of a contest's test images are -1."""
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
    """The records of a part from the `first` on, up to the `last`, or all."""
    file_format = getattr(info.file_format, "value", info.file_format)
    if file_format != "tfrecord":
        raise DataError(f"tfds:{name}: stored as {file_format}; a stream reads tfrecord")
    cut = part if last is None else f"{part}[{first}:{last}]"
    shards = tuple(Shard(file.filename, file.skip, file.take) for file in info.splits[cut].file_instructions)
    return Records(f"tfds:{name} {part}", shards, info.features, *info.supervised_keys)
