"""The interface by which a training gets batches, and the code that all feeds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.batches.augment import Scale
from compiler.errors import DataError
from compiler.images import fit
from compiler.images.data import Dataset
from compiler.images.streams import Stream
from compiler.settings import Training

Tensor = Any


class Feed(ABC):
    """Labelled images in three parts, `train`, `validation` and `test`, as batches of static shapes.

    Attributes:
      name: the source of the images, as messages name it.
      class_names: the name of each class, in the order of its labels.
      classes: the number of classes.
      input_shape: the shape (height, width, channels) of the images in batches.
      mean: the mean of each channel of the pixels, which normalization subtracts.
      std: the standard deviation of each channel of the pixels, by which normalization divides.
      preparation: makes an image of `input_shape` of an image of any size.
      fault: the error of an image that could not be read, or None.
    """

    def __init__(self, images: Dataset | Stream) -> None:
        """Creates the feed of a data set. Files are opened when `training` or `evaluation` is called."""
        self._images = images
        self.name, self.class_names, self.classes = images.name, images.class_names, images.classes
        self.input_shape, self.mean, self.std = images.input_shape, images.mean, images.std
        self.preparation = images.preparation
        self.fault: DataError | None = None
        self._scale = Scale(images.mean, images.std)

    def count(self, split: str) -> int:
        """Returns the number of images of a part."""
        return len(self._images.part(split))

    def class_counts(self) -> tuple[int, ...]:
        """Returns the number of training images of each class; empty for records, whose labels are not known."""
        labels = getattr(self._images.train, "labels", None)
        return () if labels is None else tuple(np.bincount(labels, minlength=self.classes).tolist())

    def describe(self) -> str:
        """Returns one line with the number of images of each part, their shape, and the number of classes."""
        return self._images.describe()

    def _check(self, training: Training, batch: int) -> None:
        """Raises DataError if a training with batches of this size is not possible on the images."""
        is_stream, channels = isinstance(self._images, Stream), self.input_shape[-1]
        checked = replace(training, batch_size=batch)
        fit.check(checked, self.name, self.count("train"), channels, self.preparation.is_whole, is_stream)

    def placed(self, strategy: Any) -> Feed:
        """Returns a feed whose images lie on the devices of a strategy; this feed, if it has no images in memory."""
        return self

    def batch(self, training: Training, *element: Any) -> tuple[Tensor, Tensor]:
        """Returns the images and the labels of a batch of `training`. A replica calls it on its device."""
        images, labels = element
        return images, labels

    def evaluated(self, *element: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the images, the labels and the weights of a batch of `evaluation`. A replica calls it."""
        images, labels, weights = element
        return images, labels, weights

    @property
    def bytes(self) -> int:
        """The bytes of all images in memory; 0 for images that are read during training."""
        return 0

    @abstractmethod
    def training(self, training: Training, batch: int, seed: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns endless batches of (images float32 `[batch, height, width, channels]`, labels int32 `[batch]`).

        The batch of a step depends on the random seed and the number of the step, and not on `first_step`. An epoch has
        count('train') // batch steps. In every epoch, other images are left out because they do not fill a batch.

        Raises:
          DataError: the training images do not fill a batch, or this feed lacks an augmentation.
        """

    def shuffled(self, training: Training, batch: int, seed: int) -> tf.data.Dataset:
        """Returns endless batches of the training images in the order of a training, as `evaluation` returns batches.

        The images are not augmented, and all weigh 1.
        """
        weights = tf.ones(batch)

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def weighted(images: Tensor, labels: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
            return images, labels, weights

        return self.training(replace(training, augment=()), batch, seed).map(weighted)

    @abstractmethod
    def evaluation(self, split: str, batch: int) -> tf.data.Dataset:
        """Returns batches of (images, labels, weights float32 `[batch]`) of one pass over a part.

        The last batch is padded with images of weight 0.
        """
