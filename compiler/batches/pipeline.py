"""Images to batches: the one interface by which training gets its data, and the feeds that keep it."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from compiler.batches.array_feed import ArrayFeed
from compiler.batches.stream_feed import UNREADABLE, StreamFeed
from compiler.errors import DataError
from compiler.images.data import Dataset
from compiler.images.streams import Stream
from compiler.settings import Training

__all__ = ["ArrayFeed", "Feed", "StreamFeed", "feed", "unreadable"]


class Feed(Protocol):
    """Labelled images in three parts, `train`, `validation` and `test`, as batches of static shapes.

    Attributes:
      input_shape: (height, width, channels) of what comes out.
      mean, std: of each channel of the pixels; normalization takes them out.
    """

    @property
    def name(self) -> str: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def classes(self) -> int: ...
    @property
    def input_shape(self) -> tuple[int, int, int]: ...
    @property
    def mean(self) -> tuple[float, ...]: ...
    @property
    def std(self) -> tuple[float, ...]: ...

    def count(self, split: str) -> int:
        """How many images a part has."""
        ...

    def describe(self) -> str:
        """One line: how many images of which shape, and how many classes."""
        ...

    def training(self, training: Training, batch: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
        """Endless batches of (images float32 `[batch, height, width, channels]`, labels int32 `[batch]`).

        Step s is a function of the seed and s, whichever the `first_step` is. An epoch has count('train') // batch
        steps; the images that are left out are others in each.

        Raises:
          DataError: the training images do not fill a batch, or an augmentation step cannot be had here.
        """
        ...

    def evaluation(self, split: str, batch: int) -> tf.data.Dataset:
        """One pass of (images, labels, weights float32 `[batch]`); the last batch is filled up with weight 0."""
        ...


def feed(found: Dataset | Stream | Feed) -> Feed:
    """The feed of what `compiler.images.data.load` found; a feed stays itself."""
    if isinstance(found, Dataset):
        return ArrayFeed(found)
    return StreamFeed(found) if isinstance(found, Stream) else found


def unreadable(error: tf.errors.InvalidArgumentError) -> DataError | None:
    """The user's error behind TensorFlow's, when a stream met a file that is no image; None for any other."""
    start = error.message.find(UNREADABLE)
    if start < 0:
        return None
    # TensorFlow prints the paths in quotes and brackets, and goes on with where in the graph it was
    paths = error.message[start + len(UNREADABLE) :].split("\n")[0].partition("[[{{")[0]
    return DataError(f"{UNREADABLE} {paths.strip(' []')}")
