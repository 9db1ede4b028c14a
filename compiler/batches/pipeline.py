"""Chooses the feed for a data set, and reports the errors of feeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from compiler.batches.array_feed import ArrayFeed
from compiler.batches.base import Feed
from compiler.batches.stream_feed import StreamFeed
from compiler.errors import CompileError, pasted
from compiler.images import fit
from compiler.images.data import Dataset
from compiler.images.streams import Stream
from compiler.settings import Training

__all__ = ["ArrayFeed", "Feed", "StreamFeed", "feed", "naming_faults", "placed", "taken"]

Tensor = Any


def feed(found: Dataset | Stream | Feed) -> Feed:
    """Returns the feed of a `Dataset` or a `Stream`. A feed is returned unchanged."""
    if isinstance(found, Dataset):
        return ArrayFeed(found)
    return StreamFeed(found) if isinstance(found, Stream) else found


def placed(found: Feed, training: Training, strategy: Any) -> Feed:
    """Returns the feed of a training: one with the images on the devices of its strategy, or the feed itself.

    Raises:
      CompileError: the images shall lie on the devices of several machines.
    """
    is_apart = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    if is_apart and training.images_on_device is True:
        raise CompileError(
            "training.images_on_device is True, which is not possible on the machines of 'multi_worker': "
            f"{pasted('training.images_on_device', False)}"
        )
    accelerators = [*tf.config.list_logical_devices("GPU"), *tf.config.list_logical_devices("TPU")]
    has_one = bool(accelerators) and not is_apart
    return found.placed(strategy) if fit.is_on_device(training, found.bytes, has_one) else found


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
