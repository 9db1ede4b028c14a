"""Primitives: dense layers."""

from __future__ import annotations

from dsl.primitives.base import COUNT, Primitive, Setting

PRIMITIVES = (
    Primitive(
        name="dense",
        meaning="A weighted sum of one value a channel for each unit, and a bias.",
        settings=(Setting("units", COUNT, required=True),),
        channels="units",
        has_weights=True,
    ),
)
