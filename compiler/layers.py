"""Primitives as TensorFlow operations: one row a primitive. Values are `[batch, height, width, channels]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from compiler.graph import Operation
from compiler.primitives import kernel_size, padding, strides

Tensor = Any


@dataclass(frozen=True)
class Run:
    """What a layer's operations see of the pass they run in.

    Attributes:
      training: whether this pass trains.
      keep: probability of keeping a path, or `None` where none is dropped.
      normalize: batch normalization by the key of its operation; it keeps the statistics.
    """

    training: bool
    keep: Tensor | None
    normalize: Callable[[Operation, Tensor], Tensor]


Inputs = tuple[Tensor, ...]
Weights = tuple[Tensor, ...]
Layer = Callable[[Operation, Inputs, Weights, Run], Tensor]


def _conv(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    settings = operation.settings
    return tf.nn.conv2d(
        inputs[0], weights[0], strides(settings), padding(settings), dilations=settings.get("dilation") or 1
    )


def _depthwise(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    settings = operation.settings
    vertical, horizontal = strides(settings)
    dilation = settings.get("dilation") or 1
    if vertical == horizontal and dilation == 1:
        return tf.nn.depthwise_conv2d(inputs[0], weights[0], (1, vertical, horizontal, 1), padding(settings))
    return _general_depthwise(operation, inputs[0], weights[0])


def _general_depthwise(operation: Operation, value: Tensor, kernel: Tensor) -> Tensor:
    """A depthwise convolution with dilation or unequal strides, which the kernel itself cannot do together."""
    settings = operation.settings
    vertical, horizontal = strides(settings)
    dilation = settings.get("dilation") or 1
    assert isinstance(dilation, int)
    if padding(settings) == "SAME":
        value = tf.pad(value, _same_padding(value, kernel_size(settings, value.shape[1:]), strides(settings), dilation))
    out = tf.nn.depthwise_conv2d(value, kernel, (1, 1, 1, 1), "VALID", dilations=(dilation, dilation))
    return out[:, ::vertical, ::horizontal]


def _same_padding(value: Tensor, kernel: tuple[int, int], step: tuple[int, int], dilation: int) -> list[list[int]]:
    pads = [[0, 0]]
    for size, window, stride in zip(value.shape[1:3], kernel, step, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size)
        pads.append([total // 2, total - total // 2])
    return [*pads, [0, 0]]


def _factorized_conv(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    """Two 1x1 paths, the second one pixel further on, so that together they see every pixel (NASNet)."""
    vertical, horizontal = strides(operation.settings)
    first = inputs[0][:, ::vertical, ::horizontal]
    shift = tf.pad(inputs[0], [[0, 0], [0, int(vertical > 1)], [0, int(horizontal > 1)], [0, 0]])
    second = shift[:, int(vertical > 1) :: vertical, int(horizontal > 1) :: horizontal]
    height, width = operation.shape[:2]
    second = second[:, :height, :width]
    pads = [[0, 0], [0, height - second.shape[1]], [0, width - second.shape[2]], [0, 0]]
    second = tf.pad(second, pads)
    paths = (tf.nn.conv2d(first, weights[0], 1, "SAME"), tf.nn.conv2d(second, weights[1], 1, "SAME"))
    return tf.concat(paths, axis=-1)


def _batch_norm(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    return run.normalize(operation, inputs[0])


def _relu(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    return tf.nn.relu(inputs[0])


def _avg_pool(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    settings = operation.settings
    window = kernel_size(settings, inputs[0].shape[1:])
    return tf.nn.avg_pool2d(inputs[0], window, strides(settings), padding(settings))


def _max_pool(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    settings = operation.settings
    window = kernel_size(settings, inputs[0].shape[1:])
    return tf.nn.max_pool2d(inputs[0], window, strides(settings), padding(settings))


def _skip(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    return inputs[0]


def _zero(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    # multiplied rather than made anew, so that the batch stays the input's
    stride = operation.settings.get("stride", 1)
    value = inputs[0][:, ::stride, ::stride] if len(operation.shape) == 3 else inputs[0]
    return tf.zeros_like(value)


def _concat(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    return tf.concat(inputs, axis=-1)


def _add(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    return inputs[0] + inputs[1] if len(inputs) == 2 else tf.add_n(inputs)


def _dense(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    value = tf.reshape(inputs[0], (-1, inputs[0].shape[-1]))
    return tf.nn.bias_add(tf.matmul(value, weights[0]), weights[1])


def _dropout(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    rate = operation.settings["rate"]
    return tf.nn.dropout(inputs[0], rate) if run.training and rate else inputs[0]


def _global_avg_pool(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    return tf.reduce_mean(inputs[0], axis=(1, 2))


def _resize_and_pad(operation: Operation, inputs: Inputs, weights: Weights, run: Run) -> Tensor:
    """Zeroth-order interpolation to the wanted size; channels are cut off or padded with zeros (Real et al. 2017)."""
    height, width, channels = operation.shape
    value = inputs[0]
    if value.shape[1:3] != (height, width):
        value = tf.image.resize(value, (height, width), method="nearest")
    value = value[..., :channels]
    return tf.pad(value, [[0, 0], [0, 0], [0, 0], [0, channels - value.shape[-1]]])


def drop_path(value: Tensor, keep: Tensor) -> Tensor:
    """Drops the whole path of an example with probability 1 - keep and scales the rest."""
    shape = (tf.shape(value)[0], *(1 for _ in value.shape[1:]))
    kept = tf.floor(keep + tf.random.uniform(shape, dtype=value.dtype))
    return value * (kept / keep)


LAYERS: Mapping[str, Layer] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "factorized_conv": _factorized_conv,
    "batch_norm": _batch_norm,
    "relu": _relu,
    "avg_pool": _avg_pool,
    "max_pool": _max_pool,
    "skip": _skip,
    "zero": _zero,
    "none": _zero,
    "concat": _concat,
    "dense": _dense,
    "dropout": _dropout,
    "global_avg_pool": _global_avg_pool,
    "resize_and_pad": _resize_and_pad,
    "add": _add,
}
