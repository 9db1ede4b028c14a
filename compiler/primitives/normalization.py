"""Normalization and regularization: weights and statistics."""

from __future__ import annotations

from compiler.primitives.base import Record, Settings, Shape, Weight, same


def _norm_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return tuple(Weight(kind, (shapes[0][-1],), kind) for kind in ("gamma", "beta", "mean", "variance"))


RECORDS = (Record("batch_norm", same, _norm_weights), Record("dropout"))
