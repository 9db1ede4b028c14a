"""Makes batches of a `Dataset`, whose images are arrays in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.batches import order
from compiler.batches.augment import augmented, changed, drawn
from compiler.batches.base import Feed
from compiler.images.data import Dataset
from compiler.images.splits import Images
from compiler.settings import Training

Tensor = Any

# Bytes. The images of a part up to this size are copied to TensorFlow. Of a larger part, only batches are copied.
RESIDENT = 64 * 2**20
SPLITS = ("train", "validation", "test")


class ArrayFeed(Feed):
    """The feed of images in memory.

    One feed gives batches to many trainings. The images are copied to TensorFlow once, and a pipeline that differs from
    an earlier one only in its random seed is not traced again.
    """

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.dataset = dataset
        self._takers: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {}
        self._makers: dict[tuple[object, ...], Callable[..., Any]] = {}
        self._passes: dict[tuple[str, int], tf.data.Dataset] = {}
        self._placed: tuple[Any, Feed] | None = None  # the latest strategy, and the feed on its devices

    @property
    def bytes(self) -> int:
        """The bytes of all images."""
        return sum(self.dataset.part(split).images.nbytes for split in SPLITS)

    def placed(self, strategy: Any) -> Feed:
        """Returns a feed whose images lie on the devices of a strategy. They are copied once for each strategy."""
        if self._placed is None or self._placed[0] is not strategy:
            self._placed = strategy, DeviceFeed(self.dataset, strategy)
        return self._placed[1]

    def training(self, training: Training, batch: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns endless batches (images, labels) of the training images.

        A batch depends only on the random seed and the step.
        """
        make = self._maker(training, batch)
        seed = tf.constant(seed, tf.int64)

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def at(step: Tensor) -> tuple[Tensor, Tensor]:
            return make(seed, step)  # type: ignore[no-any-return]

        return _on_one_thread(tf.data.Dataset.range(first_step, order.ENDLESS).map(at).prefetch(2))

    def evaluation(self, split: str, batch: int) -> tf.data.Dataset:
        """Returns the batches (images, labels, weights) of one pass over a part.

        Images that fill the last batch weigh 0.
        """
        if (split, batch) not in self._passes:
            self._passes[split, batch] = self._pass(split, batch)
        return self._passes[split, batch]

    def _pass(self, split: str, batch: int) -> tf.data.Dataset:
        count = self.count(split)
        padded = -(-count // batch) * batch
        indices = np.minimum(np.arange(padded), count - 1)
        weights = (np.arange(padded) < count).astype(np.float32)
        batches = tf.data.Dataset.from_tensor_slices((indices, weights)).batch(batch, drop_remainder=True)
        return _on_one_thread(batches.map(self._gathered(split)))

    def _gathered(self, split: str) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Returns a function from the indices and the weights of a batch to an element of `evaluation`."""
        taker = self._taker(split)

        def gather(chosen: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            images, labels = taker(chosen)
            return self._scale.normalized(images), labels, weight

        return gather

    def _maker(self, training: Training, batch: int) -> Callable[..., Any]:
        """Returns a traced function that makes a batch from a random seed and the number of a step.

        Trainings with the same augmentations and the same size of batches get the same function.
        """
        alike = (training.augment, training.crop_padding, training.cutout_size, training.colour_strength, batch)
        if alike not in self._makers:
            self._check(training, batch)
            self._makers[alike] = self._made(training, batch)
        return self._makers[alike]

    def _made(self, training: Training, batch: int) -> Callable[..., Any]:
        taker, count = self._taker("train"), self.count("train")

        def make(seed: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
            images, labels = taker(order.chosen(seed, step, batch, count))
            found = self._scale.normalized(images)
            return augmented(found, training, self._scale, order.key(seed, step, order.STEP)), labels

        return tf.function(make, autograph=False)  # type: ignore[no-any-return]

    def _taker(self, split: str) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Returns a function from indices to the images and labels of a part with these indices."""
        if split not in self._takers:
            part = self.dataset.part(split)
            self._takers[split] = (_resident if part.images.nbytes <= RESIDENT else _mapped)(part)
        return self._takers[split]


class DeviceFeed(ArrayFeed):
    """The feed of images that lie on the devices of a strategy, where they are normalized and augmented too.

    The pipeline gives places of images and random numbers only. These are the same as those of an `ArrayFeed`, so the
    batches are the same.
    """

    def __init__(self, dataset: Dataset, strategy: Any) -> None:
        """Copies the images of all parts to each device, one part behind the other."""
        super().__init__(dataset)
        parts = [dataset.part(split) for split in SPLITS]
        self._first = dict(zip(SPLITS, np.cumsum([0, *map(len, parts[:-1])]).tolist(), strict=True))
        with strategy.scope():
            # A variable, since a GPU gathers bytes from variables only, and the CPU would gather those of a tensor.
            self._table = tf.Variable(np.concatenate([part.images for part in parts]), trainable=False, name="images")

    def batch(self, training: Training, *element: Any) -> tuple[Tensor, Tensor]:
        """Returns the images and the labels of a batch of `training`. A replica calls it on its device."""
        places, labels, draws = element
        return changed(self._at(places), training, self._scale, draws), labels

    def evaluated(self, *element: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the images, the labels and the weights of a batch of `evaluation`. A replica calls it."""
        places, labels, weights = element
        return self._at(places), labels, weights

    def _at(self, places: Tensor) -> Tensor:
        # If several replicas have a copy, `tf.gather` would read the whole table first, and the CPU would gather bytes.
        found = tf.raw_ops.ResourceGather(resource=self._table.handle, indices=places, dtype=self._table.dtype)
        return self._scale.normalized(found)

    def _made(self, training: Training, batch: int) -> Callable[..., Any]:
        labels, count = tf.constant(self.dataset.part("train").labels), self.count("train")

        def make(seed: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Any]:
            places = order.chosen(seed, step, batch, count)
            draws = drawn(training, order.key(seed, step, order.STEP), batch, self.input_shape[:2])
            return places + self._first["train"], tf.gather(labels, places), draws

        return tf.function(make, autograph=False)  # type: ignore[no-any-return]

    def _gathered(self, split: str) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        labels, first = tf.constant(self.dataset.part(split).labels), self._first[split]
        return lambda chosen, weight: (tf.cast(chosen, tf.int32) + first, tf.gather(labels, chosen), weight)


def _on_one_thread(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the pipeline with one thread, since a worker has one core, and without automatic tuning."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)


def _resident(part: Images) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Returns a function that gathers images from TensorFlow's own copy."""
    images, labels = tf.constant(part.images), tf.constant(part.labels)
    return lambda indices: (tf.gather(images, indices), tf.gather(labels, indices))


def _mapped(part: Images) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Returns a function that gathers images from a numpy array. The array may be a file that all workers map."""
    kind, labels = tf.as_dtype(part.images.dtype), tf.constant(part.labels)

    def take(indices: Tensor) -> tuple[Tensor, Tensor]:
        images = tf.numpy_function(part.images.__getitem__, (indices,), kind, stateful=False)
        return tf.ensure_shape(images, (*indices.shape, *part.images.shape[1:])), tf.gather(labels, indices)

    return take
