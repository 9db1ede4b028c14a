"""Numbers of a store as JSON can have them."""

from __future__ import annotations

from math import isfinite
from typing import TypeAlias

Number: TypeAlias = int | float | None


def number(value: object) -> Number:
    """Returns a number that JSON can have; None for any other value."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, int) else None


def significant(value: object) -> Number:
    """Returns a number with at most seven digits, which a chart cannot tell from the exact one."""
    found = number(value)
    return float(f"{found:.7g}") if isinstance(found, float) else found


def rounded(value: object) -> Number:
    """Returns seconds in whole milliseconds."""
    found = number(value)
    return None if found is None else round(found, 3)


def whole(value: object) -> int:
    """Returns a whole number; 0 for any other value."""
    return value if isinstance(value, int) else 0


def read(text: object) -> float | None:
    """Returns the number that a stored setting or note is; None for any other text."""
    try:
        found = float(str(text))
    except ValueError:
        return None
    return found if isfinite(found) else None
