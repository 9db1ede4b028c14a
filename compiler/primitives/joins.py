"""Primitives that join several states: shapes."""

from __future__ import annotations

from compiler.errors import ShapeError
from compiler.primitives.base import Record, Settings, Shape
from dsl.wording import by_x


def _add_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len(set(shapes)) > 1:
        raise ShapeError(f"a sum needs one shape, found {', '.join(map(by_x, shapes))}; give the cell a `fit`")
    return shapes[0]


def _concat_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len({shape[:-1] for shape in shapes}) > 1:
        raise ShapeError(f"concat joins maps of one size, found {', '.join(map(by_x, shapes))}")
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


RECORDS = (Record("add", _add_shape), Record("concat", _concat_shape))
