"""Chooses the feed for a data set, and reports the errors of feeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from compiler.batches.array_feed import ArrayFeed
from compiler.batches.base import Feed
from compiler.batches.stream_feed import StreamFeed
from compiler.images.data import Dataset
from compiler.images.streams import Stream

__all__ = ["ArrayFeed", "Feed", "StreamFeed", "feed", "naming_faults", "taken"]

Tensor = Any


def feed(found: Dataset | Stream | Feed) -> Feed:
    """Returns the feed of a `Dataset` or a `Stream`. A feed is returned unchanged."""
    if isinstance(found, Dataset):
        return ArrayFeed(found)
    return StreamFeed(found) if isinstance(found, Stream) else found


def taken(batches: Any) -> tuple[Any, Tensor]:
    """Returns the next batch of an iterator, and the seconds for which this process waited for it, inside a graph.

    A GPU may still compute earlier steps in this time. Then the GPU itself waits for a shorter time, or not at all.
    """
    begun = tf.timestamp()
    with tf.control_dependencies([begun]):
        batch = next(batches)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, tf.timestamp() - begun


@contextmanager
def naming_faults(found: Feed) -> Iterator[None]:
    """A context in which an error of TensorFlow is replaced by the feed's error if an unreadable image is the cause.

    Raises:
      DataError: an image file is missing, or can no longer be read as an image. The message names the file.
    """
    try:
        yield
    except tf.errors.OpError:
        if found.fault is not None:
            raise found.fault from None
        raise
