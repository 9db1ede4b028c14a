"""Primitives that keep a state, remove its edge, or give it zeros or another shape."""

from __future__ import annotations

from dsl.primitives.base import STRIDE, Primitive, Role, Setting

PRIMITIVES = (
    Primitive(name="skip", meaning="The state itself.", role=Role.IDENTITY),
    Primitive(
        name="zero",
        meaning="Zeros in the shape of the state (NAS-Bench-201).",
        settings=(Setting("stride", STRIDE, 1),),
        role=Role.ZERO,
    ),
    Primitive(
        name="none",
        meaning="No edge (NAS-Bench-101, hierarchical spaces); only as the operation of a term, never in an `op`.",
        role=Role.NOTHING,
    ),
    Primitive(
        name="resize_and_pad",
        meaning="The nearest pixels in the wanted shape, channels cut off or added as zeros; only after `fit`.",
        role=Role.FIT_BY_FIRST,
    ),
)
