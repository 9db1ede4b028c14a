"""Forms of single operations that CPUs train faster. On other devices the operations keep their usual forms.

On small maps, TensorFlow's kernels for CPUs take long for the gradients of some operations: of convolutions of one
pixel, of average pooling, and of leaving out pixels. Networks of a search consist of such operations for a large part.
The values are those of the usual forms, up to rounding. Inference and exported networks keep the usual forms.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.primitives.layering import Run, Tensor


def trains_on_cpu(run: Run) -> bool:
    """Returns whether an operation is trained on a CPU, because the process has neither a GPU nor a TPU."""
    return run.trains and _has_only_cpu()


@functools.cache
def _has_only_cpu() -> bool:
    return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))


def conv_of_one_pixel(value: Tensor, kernel: Tensor) -> Tensor:
    """Returns a convolution with a kernel `[1, 1, inputs, outputs]` as a product of two matrices."""
    height, width, channels = value.shape[1:]
    flat = tf.matmul(tf.reshape(value, (-1, channels)), tf.reshape(kernel, kernel.shape[2:]))
    return tf.reshape(flat, (-1, height, width, kernel.shape[3]))


def every_pixel(value: Tensor, strides: tuple[int, int], first: tuple[int, int] = (0, 0)) -> Tensor:
    """Returns the pixels of a map at every `strides[0]`-th row and every `strides[1]`-th column, from `first` on.

    Where the strides divide the map, whole runs of memory are copied: each row of a matrix has one pixel to keep, with
    the pixels that are left out.
    """
    (height, width, channels), (vertical, horizontal) = value.shape[1:], strides
    if height % vertical or width % horizontal:
        return value[:, first[0] :: vertical, first[1] :: horizontal]
    line, down, right = width * channels, first[0] * width * channels, first[1] * channels
    block = horizontal * channels

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def with_gradient(value: Tensor) -> Any:
        rows = tf.slice(tf.reshape(value, (-1, vertical * line)), (0, down), (-1, line))
        pixels = tf.slice(tf.reshape(rows, (-1, block)), (0, right), (-1, channels))

        def gradient(above: Tensor) -> Tensor:
            # That of `tf.slice` computes the borders in the graph.
            rows = tf.pad(tf.reshape(above, (-1, channels)), ((0, 0), (right, block - channels - right)))
            maps = tf.pad(tf.reshape(rows, (-1, line)), ((0, 0), (down, (vertical - 1) * line - down)))
            return tf.reshape(maps, (-1, height, width, channels))

        return tf.reshape(pixels, (-1, height // vertical, width // horizontal, channels)), gradient

    return with_gradient(value)


def avg_pool(value: Tensor, window: tuple[int, int]) -> Tensor:
    """Returns the means over the windows of odd sizes around every pixel. Its gradient is average pooling too.

    A pixel adds to the mean of each window in which it lies. These are the windows around its neighbours, each divided
    by its own number of pixels.
    """
    counts = _counts(value.shape[1:3], window)
    shares, sums = tf.constant(1 / counts, value.dtype), tf.constant(counts, value.dtype)

    def pool(value: Tensor) -> Tensor:
        return tf.raw_ops.AvgPool(value=value, ksize=(1, *window, 1), strides=(1, 1, 1, 1), padding="SAME")

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def with_gradient(value: Tensor) -> Any:
        return pool(value), lambda above: pool(above * shares) * sums

    return with_gradient(value)


def _counts(sizes: tuple[int, ...], window: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Returns the number of pixels of the window around each pixel of a map `[1, height, width, 1]`."""
    height, width = (
        [min(place + reach // 2, size - 1) - max(place - reach // 2, 0) + 1 for place in range(size)]
        for size, reach in zip(sizes, window, strict=True)
    )
    return np.outer(height, width).reshape(1, *sizes, 1)
