"""Convolutions: shapes and weights."""

from __future__ import annotations

from functools import partial

from compiler.errors import ShapeError
from compiler.primitives.base import Record, Settings, Shape, Weight, map_shape, whole_number
from compiler.primitives.windows import kernel_size, strides, window_of_each_channel, window_shape


def _filters(settings: Settings, shape: Shape) -> int:
    """Returns the output channels: `depth` times the channels of the input if `depth` is set, else `filters`."""
    depth = settings.get("depth")
    if isinstance(depth, int | float):
        return max(1, int(depth * shape[-1] + 0.5))
    return whole_number(settings, "filters")


def _conv_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return window_shape("conv", settings, shapes, _filters(settings, shapes[0]))


def _conv_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    shape = (*kernel_size(settings, shapes[0]), shapes[0][-1], _filters(settings, shapes[0]))
    return (Weight("kernel", shape, "kernel"),)


def _depthwise_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return (Weight("kernel", (*kernel_size(settings, shapes[0]), shapes[0][-1], 1), "depthwise"),)


def _factorized_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    height, width, _ = map_shape(shapes, "factorized_conv")
    vertical, horizontal = strides(settings)
    return (-(-height // vertical), -(-width // horizontal), whole_number(settings, "filters"))


def _factorized_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    total = whole_number(settings, "filters")
    if total < 2:
        raise ShapeError(f"factorized_conv divides its filters between two paths; {total} is too few")
    first, channels = total // 2, shapes[0][-1]
    return (
        Weight("kernel_a", (1, 1, channels, first), "kernel"),
        Weight("kernel_b", (1, 1, channels, total - first), "kernel"),
    )


RECORDS = (
    Record("conv", _conv_shape, _conv_weights),
    Record("depthwise", partial(window_of_each_channel, "depthwise"), _depthwise_weights),
    Record("factorized_conv", _factorized_shape, _factorized_weights),
)
