"""Batches of a `Stream`: read, decoded and brought to size in parallel, as they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from compiler.batches import order
from compiler.batches.augment import Scale, augmented
from compiler.errors import DataError
from compiler.images.folders import Files
from compiler.images.streams import Part, Records, Stream
from compiler.settings import Training

Tensor = Any
Example = Any  # (path, label) of a file, or a record
Window = Callable[[Tensor, Tensor], Tensor]  # from an image's shape and its number to (top, left, height, width)

AUTOTUNE = tf.data.AUTOTUNE
UNREADABLE = "cannot be read as images:"
CENTRE = 0.875  # the share of height and width that evaluation looks at
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # of the random crop (Szegedy et al. 2014, section 6)
BLOCK = 4096  # records that are shuffled together
FILES = 16  # read at the same time


class StreamFeed:
    """The feed of images that do not fit into memory (the interface: `compiler.batches.pipeline.Feed`)."""

    def __init__(self, stream: Stream) -> None:
        """Opens nothing yet."""
        self.stream = stream
        self.name, self.class_names, self.classes = stream.name, stream.class_names, stream.classes
        self.input_shape, self.mean, self.std = stream.input_shape, stream.mean, stream.std
        self._scale = Scale(stream.mean, stream.std)

    def count(self, split: str) -> int:
        """How many images a part has."""
        return len(self._part(split))

    def describe(self) -> str:
        """One line: how many images of which shape, and how many classes."""
        return self.stream.describe()

    def training(self, training: Training, batch: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
        """Endless batches; see `Feed`. A start inside an epoch of records reads those before it, undecoded."""
        self._check(training, batch)
        part = self.stream.train
        examples = _shuffled(part, batch, seed, first_step).enumerate(first_step * batch)
        window = _random_window(seed) if "random_crop" in training.augment else _central_window
        batches = self._decoded(examples, part, window).batch(batch, drop_remainder=True)

        def finish(step: Tensor, found: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            images, labels = self._readable(*found)
            return augmented(images, training, self._scale, order.key(seed, step, order.STEP)), labels

        return _tuned(batches.enumerate(first_step).map(finish, AUTOTUNE))

    def evaluation(self, split: str, batch: int) -> tf.data.Dataset:
        """One pass with weights over central crops; see `Feed`."""
        part = self._part(split)
        batches = self._decoded(_in_order(part).enumerate(), part, _central_window).batch(batch)

        def finish(*found: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            images, labels = self._readable(*found)
            weights = tf.ones_like(labels, tf.float32)
            return _filled(images, batch), _filled(labels, batch), _filled(weights, batch)

        return _tuned(batches.map(finish, AUTOTUNE))

    def _decoded(self, examples: tf.data.Dataset, part: Part, window: Window) -> tf.data.Dataset:
        """(image, label, "") of each numbered example, or (zeros, 0, its name) if that is no image.

        TensorFlow's error would not say which it was; so each is tried on its own, and what fails is replaced.
        """
        size = self.stream.image_size
        zeros = tf.zeros((*size, 3))

        def decode(number: Tensor, example: Example) -> tuple[Tensor, Tensor, str]:
            data, label = _read(part, example)
            image = tf.image.resize(_cut(data, lambda shape: window(shape, number)), size)
            return tf.ensure_shape(image, zeros.shape), label, ""

        def attempt(number: Tensor, example: Example) -> tf.data.Dataset:
            tried = tf.data.Dataset.from_tensors((number, example)).map(decode).ignore_errors()
            failed = tf.data.Dataset.from_tensors((zeros, 0, _name(part, example)))
            return tried.concatenate(failed).take(1)

        return examples.interleave(attempt, num_parallel_calls=AUTOTUNE, deterministic=True)

    def _readable(self, images: Tensor, labels: Tensor, unreadable: Tensor) -> tuple[Tensor, Tensor]:
        """A batch, normalized, all of whose images could be read."""
        failed = tf.not_equal(unreadable, "")
        check = tf.debugging.Assert(
            ~tf.reduce_any(failed), [UNREADABLE, tf.boolean_mask(unreadable, failed)], summarize=8
        )
        with tf.control_dependencies([check]):
            return self._scale.normalized(images), tf.identity(labels)

    def _check(self, training: Training, batch: int) -> None:
        count = self.count("train")
        if batch > count:
            raise DataError(f"training.batch_size is {batch}, more than the {count:,} training images of {self.name}")
        if "random_crop" in training.augment[1:]:
            raise DataError(
                f"training.augment is {training.augment}; random_crop is done as images are decoded: it comes first"
            )

    def _part(self, split: str) -> Part:
        parts = {"train": self.stream.train, "validation": self.stream.validation, "test": self.stream.test}
        return parts[split]


# --- which examples, in which order --------------------------------------------------------------------


def _shuffled(part: Part, batch: int, seed: int, first_step: int) -> tf.data.Dataset:
    """Examples without end, from those of a step on; each epoch in an order of its own, and whole batches of it."""
    steps = len(part) // batch
    if isinstance(part, Files):
        paths, labels = tf.constant(part.paths), tf.constant(part.labels)
        batches = tf.data.Dataset.range(first_step, order.ENDLESS).map(
            lambda step: order.chosen(seed, step, batch, len(part))
        )
        return batches.unbatch().map(lambda index: (paths[index], labels[index]))
    epochs = tf.data.Dataset.range(first_step // steps, order.ENDLESS)
    examples = epochs.flat_map(lambda epoch: _shuffled_records(part, seed, epoch).take(steps * batch))
    return examples.skip(first_step % steps * batch)


def _shuffled_records(part: Records, seed: int, epoch: Tensor) -> tf.data.Dataset:
    """The records of one epoch: files in a new order, many read at a time, and blocks of records shuffled."""
    words = order.words(seed, epoch)
    files = _files(part)
    places = order.permuted(tf.range(len(part.shards)), words, len(part.shards))
    shards = tf.data.Dataset.from_tensor_slices(tuple(tf.gather(column, places) for column in files))
    records = shards.interleave(_shard, cycle_length=FILES, num_parallel_calls=AUTOTUNE, deterministic=True)

    def mixed(number: Tensor, block: Tensor) -> Tensor:
        size = tf.size(block)
        # a permutation of its own for each block
        own = words + tf.cast(number + 1, tf.int32) * tf.constant([1, 0, 0])
        return tf.gather(block, order.permuted(tf.range(size), own, size))

    return records.batch(BLOCK).enumerate().map(mixed).unbatch()


def _in_order(part: Part) -> tf.data.Dataset:
    if isinstance(part, Files):
        return tf.data.Dataset.from_tensor_slices((list(part.paths), part.labels))
    return tf.data.Dataset.from_tensor_slices(_files(part)).flat_map(_shard)


def _files(part: Records) -> tuple[Tensor, Tensor, Tensor]:
    paths = tf.constant([str(shard.path) for shard in part.shards])
    skips, takes = ([getattr(shard, name) for shard in part.shards] for name in ("skip", "take"))
    return paths, tf.constant(skips, tf.int64), tf.constant(takes, tf.int64)


def _shard(path: Tensor, skip: Tensor, take: Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path).skip(skip).take(take)


# --- one example ---------------------------------------------------------------------------------------


def _read(part: Part, example: Example) -> tuple[Tensor, Tensor]:
    """The bytes of an image, still encoded, and its label int32."""
    if isinstance(part, Files):
        path, label = example
        return tf.io.read_file(path), label
    import tensorflow_datasets as tfds

    skip = {part.image_key: tfds.decode.SkipDecoding()}
    found = part.features.deserialize_example(example, decoders=skip)
    return found[part.image_key], tf.cast(found[part.label_key], tf.int32)


def _name(part: Part, example: Example) -> Tensor:
    """What a message calls it."""
    return example[0] if isinstance(part, Files) else tf.constant(part.where)


def _cut(data: Tensor, window: Callable[[Tensor], Tensor]) -> Tensor:
    """The window (top, left, height, width) of an encoded image, uint8 `[height, width, 3]`.

    Of a JPEG no more is decoded than the window needs.
    """

    def from_jpeg() -> Tensor:
        return tf.io.decode_and_crop_jpeg(
            data, window(tf.io.extract_jpeg_shape(data)), channels=3, dct_method="INTEGER_FAST"
        )

    def from_other() -> Tensor:
        image = tf.io.decode_image(data, channels=3, expand_animations=False)
        top, left, height, width = tf.unstack(window(tf.shape(image)))
        return image[top : top + height, left : left + width]

    return tf.cond(tf.io.is_jpeg(data), from_jpeg, from_other)


def _central_window(shape: Tensor, _: Tensor) -> Tensor:
    """The window in the middle that evaluation looks at."""
    sides = tf.maximum(1, tf.cast(tf.round(CENTRE * tf.cast(shape[:2], tf.float32)), tf.int32))
    return tf.concat([(shape[:2] - sides) // 2, sides], 0)


def _random_window(seed: int) -> Window:
    """A window of random area and ratio (Szegedy et al. 2014, section 6), drawn from the example's number."""

    def window(shape: Tensor, number: Tensor) -> Tensor:
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            shape,
            tf.zeros((1, 0, 4)),
            order.key(seed, number, order.EXAMPLE),
            min_object_covered=0.0,
            aspect_ratio_range=RATIO,
            area_range=AREA,
            use_image_if_no_bounding_boxes=True,
        )
        return tf.concat([begin[:2], size[:2]], 0)

    return window


# --- batches -------------------------------------------------------------------------------------------


def _filled(values: Tensor, batch: int) -> Tensor:
    """Values `[n, ...]` filled up with zeros to the batch."""
    paddings = [[0, batch - tf.shape(values)[0]]] + [[0, 0]] * (len(values.shape) - 1)
    return tf.ensure_shape(tf.pad(values, paddings), (batch, *values.shape[1:]))


def _tuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Prefetched; of several workers, each takes its share of every batch."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(AUTOTUNE).with_options(options)
