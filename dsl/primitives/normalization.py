"""Primitives: normalization and regularization."""

from __future__ import annotations

from dsl.primitives.base import FRACTION, POSITIVE, Primitive, Setting

PRIMITIVES = (
    Primitive(
        name="batch_norm",
        meaning="Batch normalization, then a scale and an offset for each channel.",
        settings=(Setting("epsilon", POSITIVE, 1e-3), Setting("decay", FRACTION, 0.9997)),
        has_weights=True,
    ),
    Primitive(
        name="dropout",
        meaning="In training each value is zero with the probability `rate`, and the others are scaled up.",
        settings=(Setting("rate", FRACTION, 0),),
        is_random=True,
    ),
)
