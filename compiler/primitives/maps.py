"""The records of primitives that change the size of a map, the order of its channels, or all values of a channel."""

from __future__ import annotations

from math import prod

from compiler.errors import ShapeError
from compiler.primitives.base import Record, Settings, Shape, Weight, group_size, map_shape, whole_number
from dsl.values import Kernel
from dsl.wording import by_x

MAX_PIXELS = 2**24  # as many as an image of 4096x4096 has


def _grown(name: str, shape: Shape) -> Shape:
    """Returns the shape of a map that has become larger.

    Raises:
      ShapeError: the map is too large.
    """
    if prod(shape[:2]) > MAX_PIXELS:
        raise ShapeError(f"{name} would return a map of {by_x(shape)}; a map has at most {MAX_PIXELS:,} pixels")
    return shape


def _pad_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    height, width, channels = map_shape(shapes, "pad")
    both = sum(pad_border(settings))
    return _grown("pad", (height + both, width + both, channels))


def pad_border(settings: Settings) -> tuple[int, int]:
    """Returns the zeros that `pad` adds before and after the rows and columns of a map."""
    before = whole_number(settings, "border")
    after = settings.get("after")
    return before, after if isinstance(after, int) else before


def _upsample_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    height, width, channels = map_shape(shapes, "upsample")
    size = settings["size"]
    assert isinstance(size, Kernel)
    return _grown("upsample", (height * size.height, width * size.width, channels))


def _flatten_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return (prod(map_shape(shapes, "flatten")),)


def part_channels(settings: Settings, channels: int) -> tuple[int, int]:
    """Returns the number of channels before a part, and the number of its channels.

    Raises:
      ShapeError: the index is greater than the number of parts, or the channels do not divide.
    """
    index, parts = whole_number(settings, "index"), whole_number(settings, "of")
    if index > parts:
        raise ShapeError(f"part: there is no group {index} of {parts}; write part[{parts}, of={parts}]")
    size = group_size("part", f"{index}, of=", parts, channels)
    return (index - 1) * size, size


def _part_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return (*shapes[0][:-1], part_channels(settings, shapes[0][-1])[1])


def _shuffle_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    group_size("shuffle", "", whole_number(settings, "groups"), shapes[0][-1])
    return shapes[0]


def _scale_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    initial = settings["initial"]
    assert isinstance(initial, int | float)
    return (Weight("gamma", (shapes[0][-1],), "gamma", float(initial)),)


RECORDS = (
    Record("pad", _pad_shape),
    Record("upsample", _upsample_shape),
    Record("flatten", _flatten_shape),
    Record("part", _part_shape),
    Record("shuffle", _shuffle_shape),
    Record("rescale"),
    Record("scale", weights=_scale_weights),
)
