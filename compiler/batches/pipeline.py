"""The interface by which training gets its batches, and the choice of the feed that implements it."""

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
    """Labelled images in three parts, `train`, `validation` and `test`, as batches of static shapes."""

    @property
    def name(self) -> str:
        """The source of the images, as it is shown to the user."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, in the order of its labels."""
        ...

    @property
    def classes(self) -> int:
        """The number of classes."""
        ...

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape (height, width, channels) of the images in batches."""
        ...

    @property
    def mean(self) -> tuple[float, ...]:
        """The mean of each channel of the pixels, which normalization subtracts."""
        ...

    @property
    def std(self) -> tuple[float, ...]:
        """The deviation of each channel of the pixels, by which normalization divides."""
        ...

    @property
    def preparation(self) -> Preparation:
        """The preparation that makes an image of any size one of `input_shape`."""
        ...

    @property
    def fault(self) -> DataError | None:
        """The error of an image that could not be read, or None."""
        ...

    def count(self, split: str) -> int:
        """Returns the number of images of a part."""
        ...

    def describe(self) -> str:
        """Returns one line with the number of images of each part, their shape, and the number of classes."""
        ...

    def training(self, training: Training, batch: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns endless batches of (images float32 `[batch, height, width, channels]`, labels int32 `[batch]`).

        Step s is a function of the seed and s, and does not depend on `first_step`. An epoch has
        count('train') // batch steps. The images that do not fill a batch are other images in every epoch.

        Raises:
          DataError: the training images do not fill a batch, or this feed lacks an augmentation step.
        """
        ...

    def evaluation(self, split: str, batch: int) -> tf.data.Dataset:
        """Returns batches of (images, labels, weights float32 `[batch]`) of one pass over a part.

        The last batch is padded with images of weight 0.
        """
        ...


def feed(found: Dataset | Stream | Feed) -> Feed:
    """Returns the feed of a `Dataset` or a `Stream`. A feed is returned unchanged."""
    if isinstance(found, Dataset):
        return ArrayFeed(found)
    return StreamFeed(found) if isinstance(found, Stream) else found


@contextmanager
def naming_faults(found: Feed) -> Iterator[None]:
    """Raises the feed's own error in place of TensorFlow's, where an image that cannot be read caused it.

    Raises:
      DataError: an image file is missing, or can no longer be read as an image; the message names it.
    """
    try:
        yield
    except tf.errors.OpError:
        if found.fault is not None:
            raise found.fault from None
        raise
