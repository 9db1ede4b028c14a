"""The layers of all primitives, in TensorFlow and as stock layers of Keras.

Activations, convolutions, normalizations, and operations on maps and channels have modules of their own. Only the
modules of the package whose names end in `layers` import TensorFlow.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.primitives import (
    activations_layers,
    convolutions_layers,
    cpu_layers,
    maps_layers,
    normalization_layers,
    positions_layers,
)
from compiler.primitives.base import Shape
from compiler.primitives.convolutions_layers import biased
from compiler.primitives.layering import Layers, Run, Stock, Tensor, resized
from compiler.primitives.windows import borders, kernel_size, padding, strides
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import collected

# --- pooling -------------------------------------------------------------------------------------------


def _pool(run: Run, pool: Callable[..., Tensor]) -> Tensor:
    settings, value, pad = run.settings, run.value, padding(run.settings)
    if settings["padding"] == "zeros":
        value, pad = tf.pad(value, [(0, 0), *borders(settings, value.shape[1:]), (0, 0)]), "VALID"
    window = kernel_size(settings, value.shape[1:])
    return pool(value, ksize=(1, *window, 1), strides=(1, *strides(settings), 1), padding=pad)


def _avg_pool(run: Run) -> Tensor:
    window = kernel_size(run.settings, run.value.shape[1:])
    is_plain = run.settings["padding"] != "zeros" and padding(run.settings) == "SAME"
    is_centred = strides(run.settings) == (1, 1) and all(size % 2 for size in window)
    if is_plain and is_centred and cpu_layers.trains_on_cpu(run):
        return cpu_layers.avg_pool(run.value, window)
    return _pool(run, lambda value, **window: tf.raw_ops.AvgPool(value=value, **window))


def _stock_pool(stock: Stock, kind: str) -> Tensor:
    settings, value, pad = stock.settings, stock.value, padding(stock.settings).lower()
    if settings["padding"] == "zeros":
        border = borders(settings, value.shape[1:])
        value, pad = stock.layer("ZeroPadding2D", border, what="pad")(value), "valid"
    window = kernel_size(settings, stock.operation.shape)
    return stock.layer(kind, window, strides=strides(settings), padding=pad)(value)


# --- dense ---------------------------------------------------------------------------------------------


def _dense(run: Run) -> Tensor:
    value = tf.matmul(tf.reshape(run.value, (-1, run.value.shape[-1])), run.weights[0])
    shape = run.operation.shape  # that of saved networks too, in which a map of one pixel gave `[units]`
    value = biased(value, run.weights[1:])
    return value if len(shape) == 1 else tf.reshape(value, (-1, *shape))


def _stock_dense(stock: Stock) -> Tensor:
    options = {"use_bias": len(stock.operation.weights) > 1, **stock.decayed("kernel")}
    return stock.with_weights("Dense", stock.operation.shape[-1], **options)(stock.value)


# --- joins ---------------------------------------------------------------------------------------------


def _add(run: Run) -> Tensor:
    return run.inputs[0] + run.inputs[1] if len(run.inputs) == 2 else tf.add_n(run.inputs)


def _multiply(run: Run) -> Tensor:
    return functools.reduce(operator.mul, [_spread(value, run.operation.shape) for value in run.inputs])


def _spread(value: Tensor, shape: Shape) -> Tensor:
    """Returns one value a channel as a map of one pixel if the product is a map."""
    return value[:, tf.newaxis, tf.newaxis, :] if len(value.shape) == 2 and len(shape) == 3 else value


def _stock_multiply(stock: Stock) -> Tensor:
    if len(stock.inputs) == 1:
        return stock.value
    is_map = len(stock.operation.shape) == 3
    factors = [
        stock.layer("Reshape", (1, 1, value.shape[-1]), what=f"pixel_{index}")(value)
        if is_map and len(value.shape) == 2
        else value
        for index, value in enumerate(stock.inputs)
    ]
    return stock.layer("Multiply")(factors)


def _stock_join(stock: Stock, kind: str) -> Tensor:
    # A layer of Keras refuses a single input.
    return stock.layer(kind)(list(stock.inputs)) if len(stock.inputs) > 1 else stock.value


# --- wiring --------------------------------------------------------------------------------------------


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
        nearest = _nearest if run.compiled else functools.partial(tf.image.resize, method="nearest")
        value = nearest(value, (height, width))
    value = value[..., :channels]
    return tf.pad(value, [[0, 0], [0, 0], [0, 0], [0, channels - value.shape[-1]]])


def _nearest(value: Tensor, size: tuple[int, int]) -> Tensor:
    """Returns a map resized by nearest neighbour. XLA has no gradient of TensorFlow's own operation."""
    rows, columns = (_places(old, new) for old, new in zip(value.shape[1:3], size, strict=True))
    return tf.einsum("hi,wj,bijc->bhwc", tf.cast(rows, value.dtype), tf.cast(columns, value.dtype), value)


def _places(old: int, new: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Returns a matrix `[new, old]` that is True in each row at the nearest of the old places."""
    middle = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(old / new)
    nearest = np.minimum(np.floor(middle).astype(int), old - 1)
    found: np.ndarray[Any, np.dtype[np.bool_]] = nearest[:, None] == np.arange(old)
    return found


def _stock_resize_and_pad(stock: Stock) -> Tensor:
    """Returns the map resized by nearest neighbour, with channels cut off or padded with zeros (Real et al. 2017)."""
    value = stock.value
    height, width, channels = stock.operation.shape
    if tuple(value.shape[1:3]) != (height, width):
        value = resized(stock.layer("Resizing", height, width, interpolation="nearest", what="resize"), value)
    more = channels - value.shape[-1]
    # Keras pads and cuts rows and columns only. With `channels_first` it takes columns and channels for these.
    options = {"data_format": "channels_first"}
    if more > 0:
        value = stock.layer("ZeroPadding2D", ((0, 0), (0, more)), what="pad", **options)(value)
    elif more < 0:
        value = stock.layer("Cropping2D", ((0, 0), (0, -more)), what="cut", **options)(value)
    return value


# --- all of them ---------------------------------------------------------------------------------------

_ALL = (
    *activations_layers.LAYERS,
    *convolutions_layers.LAYERS,
    *maps_layers.LAYERS,
    *normalization_layers.LAYERS,
    *positions_layers.LAYERS,
    Layers(
        "avg_pool",
        _avg_pool,
        lambda stock: _stock_pool(stock, "AveragePooling2D"),
        has_gradient=True,
    ),
    Layers(
        "max_pool",
        lambda run: _pool(run, lambda value, **window: tf.raw_ops.MaxPool(input=value, **window)),
        lambda stock: _stock_pool(stock, "MaxPooling2D"),
    ),
    Layers(
        "global_avg_pool",
        lambda run: tf.reduce_mean(run.value, axis=(1, 2)),
        lambda stock: stock.layer("GlobalAveragePooling2D")(stock.value),
    ),
    Layers(
        "global_max_pool",
        lambda run: tf.reduce_max(run.value, axis=(1, 2)),
        lambda stock: stock.layer("GlobalMaxPooling2D")(stock.value),
    ),
    Layers("dense", _dense, _stock_dense),
    Layers("add", _add, lambda stock: _stock_join(stock, "Add")),
    Layers("multiply", _multiply, _stock_multiply),
    Layers("concat", lambda run: tf.concat(run.inputs, axis=-1), lambda stock: _stock_join(stock, "Concatenate")),
    Layers("skip", lambda run: run.value, lambda stock: stock.value),
    Layers("zero", _zero, _stock_zero),
    Layers("none", _zero, _stock_zero),
    Layers("resize_and_pad", _resize_and_pad, _stock_resize_and_pad),
)


def _checked(layers: Layers) -> Layers:
    if PRIMITIVES[layers.name].is_random != (layers.draw is not None):
        raise ValueError(f"the layers of {layers.name} must have `draw` exactly if its record says `is_random`")
    return layers


LAYERS: Mapping[str, Layers] = {
    name: _checked(layers) for name, layers in collected("layers in compiler/primitives", _ALL, PRIMITIVES).items()
}
