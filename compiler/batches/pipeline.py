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

__all__ = ["ArrayFeed", "Feed", "StreamFeed", "clock", "feed", "naming_faults", "placed", "taken"]


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


def clock() -> tf.Variable:
    """Returns the variable in which `taken` counts seconds. It is in the memory of the CPU, for which no GPU waits."""
    with tf.device("CPU:0"):
        return tf.Variable(0.0, trainable=False, dtype=tf.float64, name="waited")


def taken(batches: Any, waited: tf.Variable) -> tuple[Any, tf.Operation]:
    """Returns the next batch of an iterator inside a graph, and an operation that adds the waiting time to a `clock`.

    The step must depend on this operation. Otherwise a thread might compute parts of the step that do not need the
    batch, and the time of these parts would count. A GPU may still compute earlier steps while this process waits. Then
    the GPU itself waits for a shorter time, or not at all.
    """
    with tf.device("CPU:0"):
        begun = tf.timestamp()
    with tf.control_dependencies([begun]):
        batch = next(batches)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)), tf.device("CPU:0"):
        return batch, waited.assign_add(tf.timestamp() - begun, read_value=False)


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
