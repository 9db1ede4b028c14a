"""Pooling: shapes."""

from __future__ import annotations

from compiler.primitives.base import Record, Settings, Shape, map_shape
from compiler.primitives.windows import window_shape


def _avg_pool_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return window_shape(settings, shapes, shapes[0][-1], "avg_pool")


def _max_pool_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return window_shape(settings, shapes, shapes[0][-1], "max_pool")


def _global_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return (map_shape(shapes, "global_avg_pool")[-1],)


RECORDS = (
    Record("avg_pool", _avg_pool_shape),
    Record("max_pool", _max_pool_shape),
    Record("global_avg_pool", _global_shape),
)
