"""Pooling: shapes."""

from __future__ import annotations

from functools import partial

from compiler.primitives.base import Record, Settings, Shape, map_shape
from compiler.primitives.windows import window_of_each_channel


def _global_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return (map_shape(shapes, "global_avg_pool")[-1],)


RECORDS = (
    Record("avg_pool", partial(window_of_each_channel, "avg_pool")),
    Record("max_pool", partial(window_of_each_channel, "max_pool")),
    Record("global_avg_pool", _global_shape),
)
