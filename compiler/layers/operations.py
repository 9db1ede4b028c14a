"""Primitives as TensorFlow operations: one row a primitive. Values are `[batch, height, width, channels]`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from compiler.graph.primitives import kernel_size, padding, strides
from compiler.graph.structure import Operation

Tensor = Any


@dataclass(frozen=True)
class Noise:
    """What is random in one step of training, drawn from a seed and from nothing else.

    Attributes:
      seed: two int32 numbers `[2]`, others for every step of training, layer and replica.
      keep: probability of keeping a path; None where none is dropped.
    """

    seed: Tensor
    keep: Tensor | None = None


# Value `[batch, ..., channels]`, scale, offset and epsilon to the normalized value, and the batch's mean and variance.
Norm = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]]
Inputs = tuple[Tensor, ...]
Weights = tuple[Tensor, ...]
Layer = Callable[[Operation, Inputs, Weights], Tensor]


def _conv(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    settings = operation.settings
    value, (vertical, horizontal) = inputs[0], strides(settings)
    if _dilation(operation) > 1:
        # on a CPU without oneDNN, TensorFlow has no gradient of a dilated convolution
        return _at_every_pixel(operation, value, functools.partial(_dilated_conv, operation, weights[0]))
    if tuple(weights[0].shape[:2]) == (1, 1) and (vertical, horizontal) != (1, 1):
        # TensorFlow 2.21's gradient of a strided 1x1 convolution writes past its memory on CPUs (oneDNN)
        value, vertical, horizontal = value[:, ::vertical, ::horizontal], 1, 1
    return tf.raw_ops.Conv2D(
        input=value, filter=weights[0], strides=(1, vertical, horizontal, 1), padding=padding(settings)
    )


def _dilated_conv(operation: Operation, kernel: Tensor, value: Tensor) -> Tensor:
    def convolve(part: Tensor, dimensions: Tensor, padding: str) -> Tensor:
        return tf.raw_ops.Conv2D(input=part, filter=kernel, strides=(1, 1, 1, 1), padding=padding)

    dilations = [_dilation(operation)] * 2
    return tf.compat.v1.nn.with_space_to_batch(value, dilations, "VALID", convolve, filter_shape=kernel.shape[:2])


def _depthwise(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    settings = operation.settings
    vertical, horizontal = strides(settings)
    if vertical == horizontal and _dilation(operation) == 1:
        return tf.raw_ops.DepthwiseConv2dNative(
            input=inputs[0], filter=weights[0], strides=(1, vertical, horizontal, 1), padding=padding(settings)
        )
    # the kernel itself cannot do dilation, nor unequal strides
    return _at_every_pixel(operation, inputs[0], functools.partial(_dilated_depthwise, operation, weights[0]))


def _dilated_depthwise(operation: Operation, kernel: Tensor, value: Tensor) -> Tensor:
    return tf.nn.depthwise_conv2d(value, kernel, (1, 1, 1, 1), "VALID", dilations=(_dilation(operation),) * 2)


def _at_every_pixel(operation: Operation, value: Tensor, convolve: Callable[[Tensor], Tensor]) -> Tensor:
    """A convolution at every pixel, of which those are taken that the strides want."""
    settings = operation.settings
    vertical, horizontal = strides(settings)
    if padding(settings) == "SAME":
        window = kernel_size(settings, value.shape[1:])
        value = tf.pad(value, _same_padding(value, window, strides(settings), _dilation(operation)))
    return convolve(value)[:, ::vertical, ::horizontal]


def _dilation(operation: Operation) -> int:
    dilation = operation.settings.get("dilation") or 1
    assert isinstance(dilation, int)
    return dilation


def _same_padding(value: Tensor, kernel: tuple[int, int], step: tuple[int, int], dilation: int) -> list[list[int]]:
    pads = [[0, 0]]
    for size, window, stride in zip(value.shape[1:3], kernel, step, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size)
        pads.append([total // 2, total - total // 2])
    return [*pads, [0, 0]]


def _factorized_conv(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    """Two 1x1 paths, the second one pixel further on, so that together they see every pixel (NASNet)."""
    vertical, horizontal = strides(operation.settings)
    first = inputs[0][:, ::vertical, ::horizontal]
    shift = tf.pad(inputs[0], [[0, 0], [0, int(vertical > 1)], [0, int(horizontal > 1)], [0, 0]])
    second = shift[:, int(vertical > 1) :: vertical, int(horizontal > 1) :: horizontal]
    height, width = operation.shape[:2]
    second = second[:, :height, :width]
    pads = [[0, 0], [0, height - second.shape[1]], [0, width - second.shape[2]], [0, 0]]
    second = tf.pad(second, pads)
    paths = (_pointwise(first, weights[0]), _pointwise(second, weights[1]))
    return tf.concat(paths, axis=-1)


def _pointwise(value: Tensor, kernel: Tensor) -> Tensor:
    return tf.raw_ops.Conv2D(input=value, filter=kernel, strides=(1, 1, 1, 1), padding="SAME")


def _relu(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return tf.raw_ops.Relu(features=inputs[0])


def _avg_pool(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return tf.raw_ops.AvgPool(value=inputs[0], **_window(operation, inputs[0]))


def _max_pool(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return tf.raw_ops.MaxPool(input=inputs[0], **_window(operation, inputs[0]))


def _window(operation: Operation, value: Tensor) -> dict[str, Any]:
    settings = operation.settings
    window = kernel_size(settings, value.shape[1:])
    return {"ksize": (1, *window, 1), "strides": (1, *strides(settings), 1), "padding": padding(settings)}


def _skip(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return inputs[0]


def _zero(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    # multiplied rather than made anew, so that the batch stays the input's
    stride = operation.settings.get("stride", 1)
    value = inputs[0][:, ::stride, ::stride] if len(operation.shape) == 3 else inputs[0]
    return tf.zeros_like(value)


def _concat(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return tf.concat(inputs, axis=-1)


def _add(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return inputs[0] + inputs[1] if len(inputs) == 2 else tf.add_n(inputs)


def _dense(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    value = tf.reshape(inputs[0], (-1, inputs[0].shape[-1]))
    return tf.nn.bias_add(tf.matmul(value, weights[0]), weights[1])


def _global_avg_pool(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    return tf.reduce_mean(inputs[0], axis=(1, 2))


def _resize_and_pad(operation: Operation, inputs: Inputs, weights: Weights) -> Tensor:
    """Zeroth-order interpolation to the wanted size; channels are cut off or padded with zeros (Real et al. 2017)."""
    height, width, channels = operation.shape
    value = inputs[0]
    if value.shape[1:3] != (height, width):
        value = tf.image.resize(value, (height, width), method="nearest")
    value = value[..., :channels]
    return tf.pad(value, [[0, 0], [0, 0], [0, 0], [0, channels - value.shape[-1]]])


def local_norm(value: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization by the statistics of this replica's batch."""
    empty = tf.zeros((0,))
    out, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=value, scale=gamma, offset=beta, mean=empty, variance=empty, epsilon=epsilon, is_training=True
    )
    return out, mean, variance


def shared_norm(value: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization by the statistics of all replicas' batches together; their sizes are equal."""
    context = tf.distribute.get_replica_context()
    wide = tf.cast(value, tf.float32)
    axes = tuple(range(len(value.shape) - 1))
    own = tf.stack([tf.reduce_mean(wide, axes), tf.reduce_mean(tf.square(wide), axes)])
    mean, square = tf.unstack(context.all_reduce(tf.distribute.ReduceOp.MEAN, own))
    variance = tf.maximum(square - tf.square(mean), 0.0)
    out = tf.nn.batch_normalization(wide, mean, variance, beta, gamma, epsilon)
    # as the fused kernel has it: by the batch's own variance it divides, the unbiased one it keeps
    count = math.prod(value.shape[:-1]) * context.num_replicas_in_sync
    return tf.cast(out, value.dtype), mean, variance * (count / max(1, count - 1))


def of_all_replicas(statistics: Tensor, values: Tensor) -> Tensor:
    """Means and unbiased variances `[2, channels]` over all replicas, each of which has `values` values a channel."""
    context = tf.distribute.get_replica_context()
    mean = context.all_reduce(tf.distribute.ReduceOp.MEAN, statistics[0])
    squares = (values - 1) * statistics[1] + values * tf.square(statistics[0] - mean)
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, squares)
    return tf.stack([mean, total / tf.maximum(values * context.num_replicas_in_sync - 1, 1.0)])


def dropped(value: Tensor, rate: float, seed: Tensor) -> Tensor:
    """Dropout: each value is zero with probability `rate`, the others are scaled up."""
    return tf.nn.experimental.stateless_dropout(value, rate, seed, rng_alg="auto_select")


def kept_paths(count: int, batch: Tensor | int, noise: Noise, dtype: Any) -> list[Tensor]:
    """For each of so many paths a factor an example `[batch, 1, 1, 1]`: 0 drops the path, else it is scaled up."""
    drawn = tf.random.stateless_uniform((count, batch, 1, 1, 1), seed=noise.seed)
    factors = tf.floor(drawn + noise.keep) / noise.keep
    return list(tf.unstack(tf.cast(factors, dtype)))


# All but `batch_norm` and `dropout`, which need more than their inputs: see `compiler.layers.run`.
LAYERS: Mapping[str, Layer] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "factorized_conv": _factorized_conv,
    "relu": _relu,
    "avg_pool": _avg_pool,
    "max_pool": _max_pool,
    "skip": _skip,
    "zero": _zero,
    "none": _zero,
    "concat": _concat,
    "dense": _dense,
    "global_avg_pool": _global_avg_pool,
    "resize_and_pad": _resize_and_pad,
    "add": _add,
}
