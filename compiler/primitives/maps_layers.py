"""The layers of primitives that change the size of a map, the order of its channels, or all values of a channel."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compiler.primitives.base import whole_number
from compiler.primitives.layering import Layers, Run, Stock, Tensor
from compiler.primitives.maps import pad_border, part_channels
from dsl.values import Kernel


def _pad(run: Run) -> Tensor:
    border = pad_border(run.settings)
    return tf.pad(run.value, [(0, 0), border, border, (0, 0)])


def _stock_pad(stock: Stock) -> Tensor:
    return stock.layer("ZeroPadding2D", (pad_border(stock.settings),) * 2)(stock.value)


def _size(part: Run | Stock) -> tuple[int, int]:
    size = part.settings["size"]
    assert isinstance(size, Kernel)
    return size.height, size.width


def _upsample(run: Run) -> Tensor:
    vertical, horizontal = _size(run)
    if run.settings["mode"] == "nearest":
        # On GPUs, the gradient of TensorFlow's resizing by nearest pixels adds in an order that varies.
        return tf.repeat(tf.repeat(run.value, vertical, axis=1), horizontal, axis=2)
    return tf.cast(tf.image.resize(run.value, run.operation.shape[:2], method="bilinear"), run.value.dtype)


def _stock_upsample(stock: Stock) -> Tensor:
    return stock.layer("UpSampling2D", _size(stock), interpolation=stock.settings["mode"])(stock.value)


def _part(run: Run) -> Tensor:
    first, size = part_channels(run.settings, run.value.shape[-1])
    return run.value[..., first : first + size]


def _stock_part(stock: Stock) -> Tensor:
    channels = stock.value.shape[-1]
    first, size = part_channels(stock.settings, channels)
    # Keras cuts rows and columns only. With `channels_first` it takes columns and channels for these.
    cut = ((0, 0), (first, channels - first - size))
    return _on_map(stock, stock.layer("Cropping2D", cut, data_format="channels_first"))


def _on_map(stock: Stock, layer: Any) -> Tensor:
    """Applies a layer for maps. A state without height and width becomes a map of one pixel for the layer."""
    if stock.is_map:
        return layer(stock.value)
    value = stock.layer("Reshape", (1, 1, stock.value.shape[-1]), what="map")(stock.value)
    return stock.layer("Reshape", stock.operation.shape, what="flat")(layer(value))


def _groups(part: Run | Stock) -> tuple[int, ...]:
    """Returns the shape of the value with its channels divided into groups: (..., groups, channels of a group)."""
    groups, shape = whole_number(part.settings, "groups"), part.operation.shape
    return (*shape[:-1], groups, shape[-1] // groups)


def _shuffle(run: Run) -> Tensor:
    grouped = _groups(run)
    value = tf.reshape(run.value, (-1, *grouped))
    last = len(grouped)
    turned = tf.transpose(value, (*range(last - 1), last, last - 1))
    return tf.reshape(turned, (-1, *run.operation.shape))


def _stock_shuffle(stock: Stock) -> Tensor:
    grouped = _groups(stock)
    last = len(grouped)
    value = stock.layer("Reshape", grouped, what="groups")(stock.value)
    value = stock.layer("Permute", (*range(1, last - 1), last, last - 1), what="turned")(value)
    return stock.layer("Reshape", stock.operation.shape)(value)


def _rescale(run: Run) -> Tensor:
    return run.value * run.number("factor") + run.number("offset")


def _stock_rescale(stock: Stock) -> Tensor:
    return stock.layer("Rescaling", stock.settings["factor"], offset=stock.settings["offset"])(stock.value)


def _stock_scale(stock: Stock) -> Tensor:
    # Keras has no layer that only scales channels. A convolution of each channel by itself with one pixel does this.
    start = stock.keras.initializers.Constant(stock.settings["initial"])
    layer = stock.with_weights("DepthwiseConv2D", 1, use_bias=False, depthwise_initializer=start)
    return _on_map(stock, layer)


LAYERS = (
    Layers("pad", _pad, _stock_pad),
    Layers("upsample", _upsample, _stock_upsample),
    Layers(
        "flatten",
        lambda run: tf.reshape(run.value, (-1, run.operation.shape[-1])),
        lambda stock: stock.layer("Flatten")(stock.value),
    ),
    Layers("part", _part, _stock_part),
    Layers("shuffle", _shuffle, _stock_shuffle),
    Layers("rescale", _rescale, _stock_rescale),
    Layers("scale", lambda run: run.value * run.weights[0], _stock_scale),
)
