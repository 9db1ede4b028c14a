"""Augmentation of whole batches. Each image has its own random draw, which depends on the key alone.

Images are normalized float32 `[batch, height, width, channels]`, in which 0 is the mean of a channel. Keys are int64
`[2]`, as TensorFlow's stateless random numbers take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.batches import order
from compiler.settings import Training

Tensor = Any
# For each augmentation of the settings, tensors [batch, ...] that decide it; empty for one without random numbers.
Draws = tuple[tuple[Tensor, ...], ...]

GREY = (0.299, 0.587, 0.114)  # the weights of red, green and blue in a grey value: ITU-R BT.601


@dataclass(frozen=True)
class Scale:
    """The mean and the standard deviation of each channel, by which pixels are normalized."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalized(self, images: Tensor) -> Tensor:
        """Returns pixels as float32, in which each channel has the mean 0 and the deviation 1."""
        factor = 1 / np.array(self.std)
        offset = -np.array(self.mean) * factor
        rows = _rows(tf.cast(images, tf.float32))
        return _images(rows * _tiled(factor, images) + _tiled(offset, images), images)


def augmented(images: Tensor, training: Training, scale: Scale, key: Tensor) -> Tensor:
    """Returns images after the augmentations of the settings, in the order of the settings."""
    return changed(images, training, scale, drawn(training, key, _count(images), images.shape[1:3]))


def drawn(training: Training, key: Tensor, count: Tensor, size: tuple[int, int]) -> Draws:
    """Returns the random numbers with which `changed` augments `count` images of a size (height, width).

    `random_crop` draws none, since the images were cropped when they were decoded.
    """
    found: list[tuple[Tensor, ...]] = []
    for position, step in enumerate(training.augment):
        draw, of_step = order.folded(key, position), tuple[Tensor, ...]()
        if step == "flip":
            of_step = (order.uniform((count, 1), draw) < 0.5,)
        elif step == "crop":
            shift = order.uniform((2, count, 1), draw, 0, 2 * training.crop_padding + 1, tf.int32)
            of_step = (shift[0], shift[1])
        elif step == "cutout":
            centre = order.uniform((2, count, 1), draw) * np.array(size, np.float32).reshape(2, 1, 1)
            first = tf.cast(centre, tf.int32) - training.cutout_size // 2
            of_step = (first[0], first[1])
        elif step == "colour":
            strength = training.colour_strength
            factors = order.uniform((3, count, 1, 1), draw, 1 - strength, 1 + strength)
            of_step = (factors[0], factors[1], factors[2])
        found.append(of_step)
    return tuple(found)


def changed(images: Tensor, training: Training, scale: Scale, draws: Draws) -> Tensor:
    """Returns images after the augmentations of the settings, with random numbers of `drawn`."""
    for step, draw in zip(training.augment, draws, strict=True):
        if step == "flip":
            images = flipped(images, *draw)
        elif step == "crop":
            images = cropped(images, training.crop_padding, *draw)
        elif step == "cutout":
            images = cut_out(images, training.cutout_size, *draw)
        elif step == "colour":
            images = coloured(images, scale, *draw)
    return images


def flipped(images: Tensor, coin: Tensor) -> Tensor:
    """Returns the images. Those for which the coin `[batch, 1]` is true are mirrored, left and right."""
    width = images.shape[2]
    columns = tf.where(coin, tf.range(width)[::-1], tf.range(width))
    # This takes a fifth of the time of a choice between all images and all mirrored images.
    return tf.gather(images, columns, axis=2, batch_dims=1)


def cropped(images: Tensor, pad: int, down: Tensor, across: Tensor) -> Tensor:
    """Returns a window of each image, which was padded with `pad` pixels of zeros on each side.

    The window has the size of the image, and begins at the row and the column `[batch, 1]` of the padded image.
    """
    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    by_rows = tf.gather(padded, down + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(by_rows, across + tf.range(width), axis=2, batch_dims=1)


def cut_out(images: Tensor, size: int, top: Tensor, left: Tensor) -> Tensor:
    """Returns images with a square of zeros, `size` pixels wide (DeVries & Taylor 2017).

    The square begins at the row and the column `[batch, 1]`. Near a border, a part of the square lies outside of the
    image, as in the paper.
    """
    height, width = images.shape[1:3]
    rows, columns = tf.range(height) - top, tf.range(width) - left
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    return tf.where(inside[..., None], 0.0, images)


def coloured(images: Tensor, scale: Scale, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Returns images whose brightness, contrast and saturation are multiplied by factors `[batch, 1, 1]`.

    Contrast scales the distance of pixels from the mean grey of the image. Saturation scales the distance of a pixel
    from the grey of this pixel. All three changes and normalization are linear, so one matrix and one offset for each
    image are enough. Pixels are clipped to 0..255.
    """
    mean, std, grey = (np.array(values, np.float32) for values in (scale.mean, scale.std, GREY))
    own_grey = np.outer(grey, np.ones(3, np.float32))
    matrix = brightness * contrast * (saturation * np.eye(3, dtype=np.float32) + (1 - saturation) * own_grey)
    colours = tf.reduce_mean(images, axis=(1, 2))[:, None, :] * std + mean
    mean_grey = tf.reduce_sum(colours * grey, axis=-1, keepdims=True)
    offset = tf.reduce_sum(mean[:, None] * matrix, axis=1, keepdims=True) + brightness * (1 - contrast) * mean_grey
    flat = tf.reshape(images, (_count(images), images.shape[1] * images.shape[2], 3))
    rows = _rows(_images(tf.matmul(flat, std[:, None] * matrix / std), images))
    rows += tf.tile((offset - mean) / std, (1, 1, images.shape[2]))
    rows = tf.minimum(tf.maximum(rows, _tiled(-mean / std, images)), _tiled((255 - mean) / std, images))
    return _images(rows, images)


def _rows(images: Tensor) -> Tensor:
    """Returns images as `[batch, height, width * channels]`, so that one addition changes a whole row.

    To add three numbers to each pixel would take TensorFlow three times as long.
    """
    return tf.reshape(images, (_count(images), images.shape[1], images.shape[2] * images.shape[3]))


def _images(rows: Tensor, like: Tensor) -> Tensor:
    """Returns images `[batch, height, width * channels]` in the shape `[batch, height, width, channels]`."""
    return tf.reshape(rows, (_count(like), *like.shape[1:]))


def _tiled(channels: Any, images: Tensor) -> Any:
    """Returns one number for each channel, repeated for every pixel of a row."""
    return np.tile(np.array(channels, np.float32), images.shape[2])


def _count(images: Tensor) -> Tensor:
    """Returns the number of images: a Python number if the shape is static, otherwise a tensor."""
    return images.shape[0] or tf.shape(images)[0]
