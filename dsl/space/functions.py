"""The functions of numbers that expressions may use, such as `max(8, F // 4)` and `round_to(32 * W, 8)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """A function of numbers.

    Attributes:
      apply: computes the value.
      arguments: the names of the arguments, for messages.
      most: the greatest number of arguments; None if there is no limit. The least is the number of the names.
    """

    apply: Callable[..., float]
    arguments: tuple[str, ...]
    most: int | None


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _round_to(value: float, divisor: float) -> float:
    """Returns the nearest multiple of the divisor, halves up, and at least the divisor (EfficientNetV2)."""
    return max(divisor, int(value + divisor / 2) // divisor * divisor)


def _divisible(value: float, divisor: float) -> float:
    """Returns `_round_to`, and the next multiple if that is under nine tenths of the value (MobileNet)."""
    found = _round_to(value, divisor)
    return found + divisor if found < 0.9 * value else found


FUNCTIONS: Mapping[str, Function] = {
    "min": Function(min, ("a", "b"), None),
    "max": Function(max, ("a", "b"), None),
    "floor": Function(math.floor, ("x",), 1),
    "ceil": Function(math.ceil, ("x",), 1),
    "round": Function(_half_up, ("x",), 1),
    "round_to": Function(_round_to, ("x", "divisor"), 2),
    "divisible": Function(_divisible, ("x", "divisor"), 2),
}
