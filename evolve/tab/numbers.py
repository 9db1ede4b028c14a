"""Conversions of stored values to numbers that JSON can represent."""

from __future__ import annotations

from math import isfinite
from typing import TypeAlias

Number: TypeAlias = int | float | None


def number(value: object) -> Number:
    """Returns a value if it is a finite number, and else None."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, int) else None


def significant(value: object) -> Number:
    """Returns a number rounded to seven digits. In a chart the rounding cannot be seen."""
    found = number(value)
    return float(f"{found:.7g}") if isinstance(found, float) else found


def rounded(value: object) -> Number:
    """Returns seconds, rounded to whole milliseconds."""
    found = number(value)
    return None if found is None else round(found, 3)


def whole(value: object) -> int:
    """Returns a value if it is a whole number, and else 0."""
    return value if isinstance(value, int) else 0


def read(text: object) -> float | None:
    """Returns the number in the text of a stored setting or note; None if the text is not a number."""
    try:
        found = float(str(text))
    except ValueError:
        return None
    return found if isfinite(found) else None
