"""Images to batches: the one interface by which training gets its data, and the feeds that keep it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import tensorflow as tf

from compiler.batches.array_feed import ArrayFeed
from compiler.batches.stream_feed import StreamFeed
from compiler.errors import DataError
from compiler.images.data import Dataset
from compiler.images.preparation import Preparation
from compiler.images.streams import Stream
from compiler.settings import Training

__all__ = ["ArrayFeed", "Feed", "StreamFeed", "feed", "naming_faults"]


class Feed(Protocol):
    """Labelled images in three parts, `train`, `validation` and `test`, as batches of static shapes.

    Attributes:
      input_shape: (height, width, channels) of what comes out.
      mean, std: of each channel of the pixels; normalization takes them out.
      preparation: how an image of any size becomes one of `input_shape`.
      fault: why an image could not be read, once that has happened.
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
    @property
    def preparation(self) -> Preparation: ...
    @property
    def fault(self) -> DataError | None: ...

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


@contextmanager
def naming_faults(found: Feed) -> Iterator[None]:
    """Raises the feed's own error where TensorFlow's comes from an image that could not be read.

    Raises:
      DataError: an image file is missing, or can no longer be read as an image; the message names it.
    """
    try:
        yield
    except tf.errors.OpError:
        if found.fault is not None:
            raise found.fault from None
        raise
