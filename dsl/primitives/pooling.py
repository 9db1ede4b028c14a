"""Primitives: pooling."""

from __future__ import annotations

from dsl.primitives.base import ANY_STRIDE, KERNEL, PADDING, Primitive, Setting

_WINDOW = (
    Setting("kernel", KERNEL, required=True),
    Setting("stride", ANY_STRIDE, 1),
    Setting("padding", PADDING, "same"),
)

PRIMITIVES = (
    Primitive(name="avg_pool", meaning="The mean of each window; what pads a border does not count.", settings=_WINDOW),
    Primitive(name="max_pool", meaning="The maximum of each window.", settings=_WINDOW),
    Primitive(name="global_avg_pool", meaning="The mean of each channel over the whole map: one value a channel."),
)
