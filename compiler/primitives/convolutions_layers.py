"""The layers of convolutions, in TensorFlow and as stock layers of Keras."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from compiler.primitives import cpu_layers
from compiler.primitives.layering import Layers, Run, Stock, Tensor
from compiler.primitives.windows import borders, dilation, padding, strides


def biased(value: Tensor, bias: Sequence[Tensor]) -> Tensor:
    """Returns a value plus a bias `[channels]`, which is the only member of `bias`; without one, the value."""
    return tf.nn.bias_add(value, bias[0]) if bias else value


@functools.cache
def _has_grouped_gradient(dtype: str) -> bool:
    """Returns whether TensorFlow computes gradients of convolutions with groups here.

    On a GPU and a TPU it does. On a CPU it does with oneDNN, and there not for float16.
    """
    with tf.init_scope():  # A tape records nothing in this scope, so that the gradient is called by its name.
        value, kernel = tf.zeros((1, 2, 2, 4), dtype), tf.zeros((1, 1, 2, 4), dtype)
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=value.shape, filter=kernel, out_backprop=value, strides=(1, 1, 1, 1), padding="SAME"
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def _conv2d(value: Tensor, kernel: Tensor, strides: tuple[int, int] = (1, 1), padding: str = "VALID") -> Tensor:
    """Returns a convolution. If the kernel reads fewer channels than the value has, these are divided into groups."""
    groups, steps = value.shape[-1] // kernel.shape[2], (1, *strides, 1)
    if groups == 1 or _has_grouped_gradient(value.dtype.name):
        return tf.raw_ops.Conv2D(input=value, filter=kernel, strides=steps, padding=padding)
    parts = zip(tf.split(value, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat([tf.raw_ops.Conv2D(input=v, filter=k, strides=steps, padding=padding) for v, k in parts], axis=-1)


def _conv(run: Run) -> Tensor:
    value, kernel, (vertical, horizontal) = run.value, run.weights[0], strides(run.settings)
    if dilation(run.settings) > 1:
        # On a CPU without oneDNN, TensorFlow has no gradient of a dilated convolution.
        return biased(_at_every_pixel(run, _dilated_conv), run.weights[1:])
    if tuple(kernel.shape[:2]) == (1, 1) and (vertical, horizontal) != (1, 1):
        # On CPUs (oneDNN), the gradient of a strided 1x1 convolution in TensorFlow 2.21 writes outside of its memory.
        value, vertical, horizontal = _every_pixel(run, (vertical, horizontal)), 1, 1
    if tuple(kernel.shape[:3]) == (1, 1, value.shape[-1]) and cpu_layers.trains_on_cpu(run):
        return biased(cpu_layers.conv_of_one_pixel(value, kernel), run.weights[1:])
    return biased(_conv2d(value, kernel, (vertical, horizontal), padding(run.settings)), run.weights[1:])


def _every_pixel(run: Run, strides: tuple[int, int]) -> Tensor:
    if cpu_layers.trains_on_cpu(run):
        return cpu_layers.every_pixel(run.value, strides)
    return run.value[:, :: strides[0], :: strides[1]]


def _dilated_conv(run: Run, value: Tensor) -> Tensor:
    kernel = run.weights[0]

    def convolve(part: Tensor, dilations: Tensor, padding: str) -> Tensor:
        return _conv2d(part, kernel, padding=padding)

    dilations = [dilation(run.settings)] * 2
    return tf.compat.v1.nn.with_space_to_batch(value, dilations, "VALID", convolve, filter_shape=kernel.shape[:2])


def _depthwise(run: Run) -> Tensor:
    vertical, horizontal = strides(run.settings)
    if vertical == horizontal and dilation(run.settings) == 1:
        value = tf.raw_ops.DepthwiseConv2dNative(
            input=run.value, filter=run.weights[0], strides=(1, vertical, horizontal, 1), padding=padding(run.settings)
        )
    else:
        # The TensorFlow operation supports neither dilation with strides nor unequal strides.
        value = _at_every_pixel(run, _dilated_depthwise)
    return biased(value, run.weights[1:])


def _dilated_depthwise(run: Run, value: Tensor) -> Tensor:
    dilations = (dilation(run.settings),) * 2
    return tf.nn.depthwise_conv2d(value, run.weights[0], (1, 1, 1, 1), "VALID", dilations=dilations)


def _at_every_pixel(run: Run, convolve: Callable[[Run, Tensor], Tensor]) -> Tensor:
    """Returns a convolution with strides. It is computed at every pixel, and outputs between strides are dropped."""
    settings, value = run.settings, run.value
    vertical, horizontal = strides(settings)
    if padding(settings) == "SAME":
        value = tf.pad(value, [(0, 0), *borders(settings, value.shape[1:]), (0, 0)])
    return convolve(run, value)[:, ::vertical, ::horizontal]


def _factorized_conv(run: Run) -> Tensor:
    """Returns the concatenation of two strided 1x1 convolutions (NASNet).

    The second convolution reads the map moved by one pixel. So it reads the pixels that the first one does not read.
    """
    steps = strides(run.settings)
    first, second = _every_pixel(run, steps), _every_moved_pixel(run, steps)
    if cpu_layers.trains_on_cpu(run):
        paths = [cpu_layers.conv_of_one_pixel(v, k) for v, k in zip((first, second), run.weights, strict=True)]
        return tf.concat(paths, axis=-1)
    return tf.concat((_conv2d(first, run.weights[0]), _conv2d(second, run.weights[1])), axis=-1)


def _every_moved_pixel(run: Run, steps: tuple[int, int]) -> Tensor:
    """Returns the pixels one below and to the right of those of `_every_pixel`. Outside of the map they are zero."""
    (down, right), (height, width) = (int(step > 1) for step in steps), run.operation.shape[:2]
    if cpu_layers.trains_on_cpu(run) and run.value.shape[1:3] == (height * steps[0], width * steps[1]):
        return cpu_layers.every_pixel(run.value, steps, (down, right))
    moved = tf.pad(run.value, [[0, 0], [0, down], [0, right], [0, 0]])[:, down :: steps[0], right :: steps[1]]
    moved = moved[:, :height, :width]
    return tf.pad(moved, [[0, 0], [0, height - moved.shape[1]], [0, width - moved.shape[2]], [0, 0]])


def _stock_conv(stock: Stock) -> Tensor:
    kernel, settings = stock.operation.weights[0].shape, stock.settings
    groups = stock.value.shape[-1] // kernel[2]
    options = {"use_bias": len(stock.operation.weights) > 1, "groups": groups, **stock.decayed("kernel")}
    dilated_with_strides = dilation(settings) > 1 and strides(settings) != (1, 1)
    return _stock_window(stock, "Conv2D", (kernel[-1], kernel[:2]), options, whole=not dilated_with_strides)


def _stock_depthwise(stock: Stock) -> Tensor:
    kernel, settings = stock.operation.weights[0].shape, stock.settings
    options = {"use_bias": len(stock.operation.weights) > 1, **stock.decayed("depthwise")}
    vertical, horizontal = strides(settings)
    whole = vertical == horizontal and (vertical == 1 or dilation(settings) == 1)
    return _stock_window(stock, "DepthwiseConv2D", (kernel[:2],), options, whole)


def _stock_window(stock: Stock, kind: str, arguments: tuple[Any, ...], options: dict[str, Any], whole: bool) -> Tensor:
    """Returns a convolution as one Keras layer. For strides that Keras lacks, pixels of the output are left out."""
    settings, value = stock.settings, stock.value
    step, apart = strides(settings), dilation(settings)
    if whole:
        options |= {"strides": step, "padding": padding(settings).lower(), "dilation_rate": apart}
        return stock.with_weights(kind, *arguments, **options)(value)
    if padding(settings) == "SAME":
        value = stock.layer("ZeroPadding2D", borders(settings, value.shape[1:]), what="pad")(value)
    value = stock.with_weights(kind, *arguments, dilation_rate=apart, **options)(value)
    return stock.every(value, step)


def _stock_factorized_conv(stock: Stock) -> Tensor:
    """Returns two strided 1x1 convolutions, concatenated; the second one reads the map moved by one pixel (NASNet)."""
    vertical, horizontal = strides(stock.settings)
    down, right = int(vertical > 1), int(horizontal > 1)
    moved = stock.value
    if down or right:
        moved = stock.layer("ZeroPadding2D", ((0, down), (0, right)), what="pad")(moved)
        moved = stock.layer("Cropping2D", ((down, 0), (right, 0)), what="crop")(moved)
    paths = []
    for weight, value in zip(stock.operation.weights, (stock.value, moved), strict=True):
        options = {"strides": (vertical, horizontal), "use_bias": False, **stock.decayed("kernel")}
        paths.append(stock.with_weights("Conv2D", weight.shape[-1], 1, only=(weight.name,), **options)(value))
    return stock.layer("Concatenate")(paths)


LAYERS = (
    Layers("conv", _conv, _stock_conv, has_gradient=True),
    Layers("depthwise", _depthwise, _stock_depthwise),
    Layers("factorized_conv", _factorized_conv, _stock_factorized_conv, has_gradient=True),
)
