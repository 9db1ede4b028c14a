"""Dense layers: shapes and weights."""

from __future__ import annotations

from compiler.errors import ShapeError
from compiler.primitives.base import Record, Settings, Shape, Weight, whole_number
from dsl.wording import by_x


def _dense_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    shape = shapes[0]
    if len(shape) == 3 and shape[:2] != (1, 1):
        raise ShapeError(f"dense needs one value a channel, found {by_x(shape)}; put global_avg_pool before it")
    return (whole_number(settings, "units"),)


def _dense_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    units = whole_number(settings, "units")
    return (Weight("kernel", (shapes[0][-1], units), "kernel"), Weight("bias", (units,), "bias"))


RECORDS = (Record("dense", _dense_shape, _dense_weights),)
