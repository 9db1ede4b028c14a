"""Identity, zeros and resizing: layers in TensorFlow, and stock layers of Keras."""

from __future__ import annotations

import tensorflow as tf

from compiler.primitives.layering import Layers, Run, Stock, Tensor


def _zero(run: Run) -> Tensor:
    # The zeros are made from the input, which has the size of the batch.
    stride = run.settings.get("stride", 1)
    value = run.value[:, ::stride, ::stride] if len(run.operation.shape) == 3 else run.value
    return tf.zeros_like(value)


def _stock_zero(stock: Stock) -> Tensor:
    stride = stock.settings.get("stride", 1)
    assert isinstance(stride, int)
    value = stock.every(stock.value, (stride, stride)) if stock.is_map else stock.value
    return stock.layer("Rescaling", 0.0)(value)


def _resize_and_pad(run: Run) -> Tensor:
    """Returns the map resized by nearest neighbour, with channels cut off or padded with zeros (Real et al. 2017)."""
    height, width, channels = run.operation.shape
    value = run.value
    if value.shape[1:3] != (height, width):
        value = tf.image.resize(value, (height, width), method="nearest")
    value = value[..., :channels]
    return tf.pad(value, [[0, 0], [0, 0], [0, 0], [0, channels - value.shape[-1]]])


def _stock_resize_and_pad(stock: Stock) -> Tensor:
    """Returns the map resized by nearest neighbour, with channels cut off or padded with zeros (Real et al. 2017)."""
    value = stock.value
    height, width, channels = stock.operation.shape
    if tuple(value.shape[1:3]) != (height, width):
        value = stock.layer("Resizing", height, width, interpolation="nearest", what="resize")(value)
    more = channels - value.shape[-1]
    # Keras pads and cuts rows and columns only. With `channels_first` it takes columns and channels for these.
    options = {"data_format": "channels_first"}
    if more > 0:
        value = stock.layer("ZeroPadding2D", ((0, 0), (0, more)), what="pad", **options)(value)
    elif more < 0:
        value = stock.layer("Cropping2D", ((0, 0), (0, -more)), what="cut", **options)(value)
    return value


LAYERS = (
    Layers("skip", lambda run: run.value, lambda stock: stock.value),
    Layers("zero", _zero, _stock_zero),
    Layers("none", _zero, _stock_zero),
    Layers("resize_and_pad", _resize_and_pad, _stock_resize_and_pad),
)
