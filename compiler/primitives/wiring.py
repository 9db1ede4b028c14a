"""Identity, zeros and resizing: shapes."""

from __future__ import annotations

from compiler.errors import ShapeError
from compiler.primitives.base import Record, Settings, Shape, whole_number


def _zero_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len(shapes[0]) != 3:
        return shapes[0]
    stride = whole_number(settings, "stride")
    height, width, channels = shapes[0]
    return (-(-height // stride), -(-width // stride), channels)


def _resize_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if settings.get("height") is None:
        raise ShapeError("resize_and_pad has no shape to go to here; it stands only after `fit`")
    return tuple(whole_number(settings, name) for name in ("height", "width", "channels"))


RECORDS = (Record("skip"), Record("zero", _zero_shape), Record("none"), Record("resize_and_pad", _resize_shape))
