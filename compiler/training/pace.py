"""The pace of a training: the seconds of its set-up and of a step, and the memory of the GPU that it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from compiler.batches.pipeline import Feed, feed, naming_faults
from compiler.epochs import Pace
from compiler.errors import CompileError
from compiler.graph.resolve import resolve
from compiler.images.data import Dataset
from compiler.images.streams import Stream
from compiler.settings import Training
from compiler.training.candidate import prepare, without_collection
from compiler.training.strategies import make_strategy
from compiler.training.trainer import Trainer
from dsl.space.genotype import Genotype

CHUNK = 0.25  # seconds of the steps that are run at a time, between two looks at the clock


def pace(
    genotype: Genotype,
    images: Dataset | Stream | Feed,
    training: Training,
    seconds: float,
    begin: Callable[[], None] | None = None,
) -> Pace:
    """Trains a genotype as a candidate training does, and returns the pace. The trained weights are dropped.

    Args:
      genotype: the network.
      images: the data set.
      training: the settings of the training.
      seconds: the time in which steps are measured, after the set-up.
      begin: is called after the set-up. It may wait until other processes have been set up too.

    Raises:
      MemoryError: the GPU has not enough memory.
      CompileError, DataError: the network cannot be trained on these images or this device.
    """
    start = time.perf_counter()
    with set_up(genotype, images, training) as trainer:
        setup = time.perf_counter() - start
        if begin is not None:
            begin()
        return Pace(setup, _seconds_of_step(trainer, seconds), _memory(), device())


@contextmanager
def set_up(genotype: Genotype, images: Dataset | Stream | Feed, training: Training) -> Iterator[Trainer]:
    """A context with the training of a genotype, after its first step. The arguments and errors are those of `pace`."""
    data = feed(images)
    graph = resolve(genotype, data.input_shape, data.classes, training.auxiliary_weight > 0)
    prepare(training, seed=0)
    with explained(), naming_faults(data), without_collection():
        trainer = Trainer(graph, data, training, make_strategy(training.strategy, training.tpu), seed=0)
        trainer.run(1)
        yield trainer


@contextmanager
def explained() -> Iterator[None]:
    """A context that replaces TensorFlow's errors by those that a process without TensorFlow can read.

    Raises:
      MemoryError: the device has not enough memory.
      CompileError: the device or TensorFlow failed in another way.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError(error.message.partition("\n")[0]) from None
    except tf.errors.OpError as error:
        raise CompileError(error.message.partition("\n")[0]) from None


def _seconds_of_step(trainer: Trainer, seconds: float) -> float:
    start = now = time.perf_counter()
    count, chunk = 0, 1
    while not count or now - start < seconds:
        trainer.run(chunk)
        now, count = time.perf_counter(), count + chunk
        chunk = max(1, round(CHUNK * count / (now - start)))
    return (now - start) / count


def device() -> str:
    """Returns the name of the first GPU that TensorFlow uses; empty without a GPU, or if none can be started."""
    try:
        started = tf.config.list_logical_devices("GPU")  # a GPU that was lost may still be a physical device
    except tf.errors.OpError:
        return ""
    if not started:
        return ""
    found = tf.config.list_physical_devices("GPU")
    return str(tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU"))


def _memory() -> int:
    """Returns the greatest number of bytes that this process held on the first GPU; 0 without a GPU."""
    if not tf.config.list_physical_devices("GPU"):
        return 0
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
