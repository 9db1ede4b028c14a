"""JSON that every program can read: JSON has no infinity and no NaN, so null stands for these numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping


def json_text(value: object, *, is_ascii: bool = True, separators: tuple[str, str] | None = None) -> str:
    """Returns a value as JSON, with null in the place of each number that is not finite.

    Args:
      value: the value.
      is_ascii: whether all characters that are not ASCII are written as escapes.
      separators: the texts between items and after keys; None for those with spaces.
    """
    encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=is_ascii, separators=separators)
    try:
        return encoder.encode(value)
    except ValueError:
        return encoder.encode(finite(value))


def finite(value: object) -> object:
    """Returns a value with None in the place of each number that is not finite."""
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
