"""Makes batches of a `Stream`. Images are read, decoded and resized in parallel while training runs.

The same code decodes and resizes images of streams and images in memory, so that both have the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from compiler.batches import order
from compiler.batches.augment import augmented
from compiler.batches.base import Feed
from compiler.errors import DataError
from compiler.images.decoding import Unreadable, contents, decoded, pixels
from compiler.images.folders import Files
from compiler.images.preparation import FILTER
from compiler.images.streams import Part, Records, Stream
from compiler.settings import Training

Tensor = Any
# A function that makes an image of the network's size from an image and the number of the example.
Take = Callable[[Image.Image, int], Image.Image]

AUTOTUNE = tf.data.AUTOTUNE
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # the ranges of the random crop (Szegedy et al. 2014, section 6)
ATTEMPTS = 10  # the number of draws of a window, after which the whole image is taken
BLOCK = 4096  # the number of records that are shuffled together
FILES = 16  # the number of files that are read at the same time


class StreamFeed(Feed):
    """The feed of images that do not fit into memory."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.stream = stream

    def training(self, training: Training, batch: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns endless batches (images, labels) of the training images.

        A batch depends only on the random seed and the step.

        If a training resumes inside an epoch of records, the records of earlier steps are read and not decoded.
        """
        self._check(training, batch)
        part = self.stream.train
        examples = _shuffled(part, batch, seed, first_step).enumerate(first_step * batch)
        take = self._random_window(seed) if "random_crop" in training.augment else self._whole
        batches = self._decoded(examples, part, take).batch(batch, drop_remainder=True)

        def finish(step: Tensor, found: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            images, labels = self._readable(*found)
            return augmented(images, training, self._scale, order.key(seed, step, order.STEP)), labels

        return _tuned(batches.enumerate(first_step).map(finish, AUTOTUNE))

    def evaluation(self, split: str, batch: int) -> tf.data.Dataset:
        """Returns the batches (images, labels, weights) of one pass over a part.

        Images that fill the last batch weigh 0.
        """
        part = self.stream.part(split)
        batches = self._decoded(_in_order(part).enumerate(), part, self._whole).batch(batch)

        def finish(*found: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            images, labels = self._readable(*found)
            weights = tf.ones_like(labels, tf.float32)
            return _filled(images, batch), _filled(labels, batch), _filled(weights, batch)

        return _tuned(batches.map(finish, AUTOTUNE))

    def _decoded(self, examples: tf.data.Dataset, part: Part, take: Take) -> tf.data.Dataset:
        """Returns for each example an image uint8 `[height, width, channels]`, the label, and whether it was read."""
        shape = self.input_shape

        def decode(number: np.ndarray, example: np.ndarray | bytes) -> tuple[np.ndarray, bool]:
            # The error is kept here. TensorFlow would print an exception, and raise an error without the cause.
            try:
                image = _image(part, example)
            except DataError as error:
                self.fault = error
                return np.zeros(shape, np.uint8), False
            return pixels(take(image, int(number)), shape[2]), True

        def load(number: Tensor, example: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            data, label = _read(part, example)
            image, is_read = tf.numpy_function(decode, (number, data), (tf.uint8, tf.bool), stateful=False)
            return tf.ensure_shape(image, shape), label, tf.ensure_shape(is_read, ())

        return examples.map(load, num_parallel_calls=AUTOTUNE, deterministic=True)

    def _readable(self, images: Tensor, labels: Tensor, is_read: Tensor) -> tuple[Tensor, Tensor]:
        """Returns a batch with normalized images. If an image could not be read, TensorFlow raises an error."""
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(is_read), ["an image cannot be read"])]):
            return self._scale.normalized(images), tf.identity(labels)

    def _whole(self, image: Image.Image, _: int) -> Image.Image:
        return self.preparation.applied(image)

    def _random_window(self, seed: int) -> Take:
        """Returns a function that crops an image at random (Szegedy et al. 2014, section 6).

        The window depends on the random seed and on the number of the example.
        """
        height, width = self.preparation.size

        def take(image: Image.Image, number: int) -> Image.Image:
            box = window(np.random.default_rng([seed, number]), *image.size)
            return image.resize((width, height), FILTER, box)

        return take


# --- which examples, in which order --------------------------------------------------------------------


def _shuffled(part: Part, batch: int, seed: int, first_step: int) -> tf.data.Dataset:
    """Returns endless examples from the first step on. Each epoch has its own order and only whole batches."""
    steps = len(part) // batch
    if isinstance(part, Files):
        labels = tf.constant(part.labels)
        batches = tf.data.Dataset.range(first_step, order.ENDLESS).map(
            lambda step: order.chosen(seed, step, batch, len(part))
        )
        return batches.unbatch().map(lambda index: (index, labels[index]))
    epochs = tf.data.Dataset.range(first_step // steps, order.ENDLESS)
    examples = epochs.flat_map(lambda epoch: _shuffled_records(part, seed, epoch).take(steps * batch))
    return examples.skip(first_step % steps * batch)


def _shuffled_records(part: Records, seed: int, epoch: Tensor) -> tf.data.Dataset:
    """Returns the records of one epoch. Files are in a new order, and blocks of records are shuffled."""
    words = order.words(seed, epoch)
    files = _files(part)
    places = order.permuted(tf.range(len(part.shards)), words, len(part.shards))
    shards = tf.data.Dataset.from_tensor_slices(tuple(tf.gather(column, places) for column in files))
    records = shards.interleave(_shard, cycle_length=FILES, num_parallel_calls=AUTOTUNE, deterministic=True)

    def mixed(number: Tensor, block: Tensor) -> Tensor:
        size = tf.size(block)
        # Each block has its own permutation.
        own = words + tf.cast(number + 1, tf.int32) * tf.constant([1, 0, 0])
        return tf.gather(block, order.permuted(tf.range(size), own, size))

    return records.batch(BLOCK).enumerate().map(mixed).unbatch()


def _in_order(part: Part) -> tf.data.Dataset:
    if isinstance(part, Files):
        return tf.data.Dataset.from_tensor_slices((np.arange(len(part), dtype=np.int32), part.labels))
    return tf.data.Dataset.from_tensor_slices(_files(part)).flat_map(_shard)


def _files(part: Records) -> tuple[Tensor, Tensor, Tensor]:
    paths = tf.constant([str(shard.path) for shard in part.shards])
    skips, takes = ([getattr(shard, name) for shard in part.shards] for name in ("skip", "take"))
    return paths, tf.constant(skips, tf.int64), tf.constant(takes, tf.int64)


def _shard(path: Tensor, skip: Tensor, take: Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path).skip(skip).take(take)


# --- one example ---------------------------------------------------------------------------------------


def _read(part: Part, example: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the index of the file of an example, or the encoded image of its record; and its label int32."""
    if isinstance(part, Files):
        place, label = example
        return place, label
    import tensorflow_datasets as tfds

    skip = {part.image_key: tfds.decode.SkipDecoding()}
    found = part.features.deserialize_example(example, decoders=skip)
    return found[part.image_key], tf.cast(found[part.label_key], tf.int32)


def _image(part: Part, example: np.ndarray | bytes) -> Image.Image:
    """Returns the decoded image of an example, which is the index of a file or an encoded image.

    Raises:
      DataError: an image file is missing, or can no longer be read as an image. The message names the file.
    """
    path = None if isinstance(part, Records) else part.paths[int(example)]
    data = bytes(example) if path is None else contents(path)
    try:
        return decoded(data)
    except Unreadable as error:
        where = part.where if isinstance(part, Records) else path
        raise DataError(f"{where}: cannot be read as an image: {error}") from None


def window(rng: np.random.Generator, width: int, height: int) -> tuple[float, float, float, float]:
    """Returns (left, top, right, bottom) of a random window, or of the whole image if no drawn window fits."""
    for _ in range(ATTEMPTS):
        area = rng.uniform(*AREA) * width * height
        ratio = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, top = rng.integers(width - across, endpoint=True), rng.integers(height - down, endpoint=True)
            return float(left), float(top), float(left + across), float(top + down)
    return 0.0, 0.0, float(width), float(height)


# --- batches -------------------------------------------------------------------------------------------


def _filled(values: Tensor, batch: int) -> Tensor:
    """Returns values `[n, ...]`, padded with zeros to the size of the batch."""
    paddings = [[0, batch - tf.shape(values)[0]]] + [[0, 0]] * (len(values.shape) - 1)
    return tf.ensure_shape(tf.pad(values, paddings), (batch, *values.shape[1:]))


def _tuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the pipeline with prefetching. If a training has several workers, each gets a part of every batch."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(AUTOTUNE).with_options(options)
