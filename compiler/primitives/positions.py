"""The records of primitives whose output at one position of a map depends on all positions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from compiler.errors import ShapeError
from compiler.primitives.base import (
    Record,
    Settings,
    Shape,
    Weight,
    group_size,
    kernels_everywhere,
    map_shape,
    whole_number,
)
from dsl.wording import by_x

MAX_POSITIONS = 16_384  # Each head of an attention computes the square of this number of values.


def _attention_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    height, width, channels = map_shape(shapes, "attention")
    group_size("attention", "", whole_number(settings, "heads"), channels, "heads")
    if height * width > MAX_POSITIONS:
        raise ShapeError(
            f"attention over {by_x((height, width))} positions is too large; at most {MAX_POSITIONS:,} positions: put "
            f"conv[16x16, stride=16, padding=valid] before it"
        )
    return shapes[0]


def _attention_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    channels = shapes[0][-1]
    found: list[Weight] = []
    for name in ("query", "key", "value", "output"):
        found += [Weight(name, (channels, channels), "kernel"), Weight(f"{name}_bias", (channels,), "bias")]
    return tuple(found)


def _attention_cost(shape: Shape, weights: Sequence[Weight]) -> int:
    """Returns the mult-adds of the projections, and of both products of all positions with all positions."""
    return kernels_everywhere(shape, weights) + 2 * prod(shape[:-1]) * prod(shape)


def _token_mlp_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return map_shape(shapes, "token_mlp")


def _token_mlp_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    positions, hidden = prod(shapes[0][:-1]), whole_number(settings, "hidden")
    return (
        Weight("in", (positions, hidden), "kernel"),
        Weight("in_bias", (hidden,), "bias"),
        Weight("out", (hidden, positions), "kernel"),
        Weight("out_bias", (positions,), "bias"),
    )


def _for_each_channel(shape: Shape, weights: Sequence[Weight]) -> int:
    return shape[-1] * sum(prod(weight.shape) for weight in weights if weight.is_kernel)


def _position_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return map_shape(shapes, "position")


def _position_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return (Weight("embedding", shapes[0], "embedding"),)


RECORDS = (
    Record("attention", _attention_shape, _attention_weights, _attention_cost),
    Record("token_mlp", _token_mlp_shape, _token_mlp_weights, _for_each_channel),
    Record("position", _position_shape, _position_weights),
)
