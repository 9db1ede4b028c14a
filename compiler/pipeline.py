"""Images to batches: normalization, augmentation, shuffling, as a `tf.data` pipeline of static shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from compiler.data import Dataset, Images
from compiler.settings import Training

Tensor = Any


def normalized(images: Tensor, dataset: Dataset) -> Tensor:
    """Images as float32 with mean 0 and deviation 1 a channel, as the training images have them."""
    mean = tf.constant(dataset.mean, tf.float32)
    return (tf.cast(images, tf.float32) - mean) / tf.constant(dataset.std, tf.float32)


def training_batches(dataset: Dataset, training: Training, batch: int, seed: int) -> tf.data.Dataset:
    """Endless shuffled batches of (images `[batch, height, width, channels]`, labels `[batch]`)."""
    images, labels = tf.constant(dataset.train.images), tf.constant(dataset.train.labels)

    def gather(indices: Tensor) -> tuple[Tensor, Tensor]:
        chosen = normalized(tf.gather(images, indices), dataset)
        return augmented(chosen, training), tf.gather(labels, indices)

    indices = tf.data.Dataset.range(len(dataset.train)).shuffle(len(dataset.train), seed=seed).repeat()
    return _quiet(indices.batch(batch, drop_remainder=True).map(gather).prefetch(2))


def evaluation_batches(split: Images, dataset: Dataset, batch: int) -> tf.data.Dataset:
    """One pass of (images, labels, weights); the last batch is filled up with examples of weight 0."""
    count = len(split)
    padded = -(-count // batch) * batch
    indices = np.minimum(np.arange(padded), count - 1)
    weights = (np.arange(padded) < count).astype(np.float32)
    images, labels = tf.constant(split.images), tf.constant(split.labels)

    def gather(chosen: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return normalized(tf.gather(images, chosen), dataset), tf.gather(labels, chosen), weight

    batches = tf.data.Dataset.from_tensor_slices((indices, weights)).batch(batch, drop_remainder=True)
    return _quiet(batches.map(gather))


def augmented(images: Tensor, training: Training) -> Tensor:
    """The augmentation steps of the settings, in their order, each image with its own draw."""
    for step in training.augment:
        images = _flipped(images) if step == "flip" else _cropped(images, training.crop_padding)
    return images


def _flipped(images: Tensor) -> Tensor:
    coin = tf.random.uniform((tf.shape(images)[0], 1, 1, 1)) < 0.5
    return tf.where(coin, images[:, :, ::-1], images)


def _cropped(images: Tensor, pad: int) -> Tensor:
    """Each image shifted by up to `pad` pixels in both directions, zeros moving in."""
    height, width = images.shape[1:3]
    count = tf.shape(images)[0]
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    rows = tf.random.uniform((count, 1), maxval=2 * pad + 1, dtype=tf.int32) + tf.range(height)
    columns = tf.random.uniform((count, 1), maxval=2 * pad + 1, dtype=tf.int32) + tf.range(width)
    by_rows = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(by_rows, columns, axis=2, batch_dims=1)


def _quiet(batches: tf.data.Dataset) -> tf.data.Dataset:
    """One thread a pipeline: a worker has one core."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    return batches.with_options(options)
