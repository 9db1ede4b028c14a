"""Phrases for messages that all packages use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def nearest_name(name: str, allowed: Iterable[str]) -> str | None:
    """Returns the allowed name that is nearest to a misspelt one; None if no name is near."""
    return next(iter(difflib.get_close_matches(name, list(allowed), n=1)), None)


def plural(count: int, noun: str) -> str:
    """Returns a count with its noun: `1 file`, `1,200 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def by_x(shape: Iterable[int]) -> str:
    """Returns the lengths of a shape with an x between them: `8x8x24`."""
    return "x".join(map(str, shape))


def listed(names: Sequence[str]) -> str:
    """Returns names with commas and a last `and` between them: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
