"""Phrases for messages that all packages use."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def nearest_name(name: str, allowed: Iterable[str]) -> str | None:
    """Returns the allowed name that is nearest to a misspelt one; None if no name is near."""
    return next(iter(difflib.get_close_matches(name, list(allowed), n=1)), None)


def plural(count: int, noun: str, many: str = "") -> str:
    """Returns a count with its noun: `1 file`, `1,200 files`. `many` is the plural of a noun that takes no -s."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def by_kind(texts: Iterable[str]) -> Iterator[str]:
    """Yields one line for all texts whose first lines differ in numbers only, in the order of the lines.

    If a single number differs, the line has its range; otherwise it is the first line with the count of the others.
    """
    groups: dict[str, list[str]] = {}
    for text in sorted({text.partition("\n")[0] for text in texts}):
        groups.setdefault(_NUMBER.sub("#", text), []).append(text)
    for first, *others in groups.values():
        numbers = [list(_NUMBER.finditer(text)) for text in (first, *others)]
        varying = [column for column in zip(*numbers, strict=True) if len({number[0] for number in column}) > 1]
        if len(varying) == 1 and _stands_alone(varying[0][0]):
            least, *_, greatest = sorted((number[0] for number in varying[0]), key=_value)
            yield f"{first[: varying[0][0].start()]}{least} to {greatest}{first[varying[0][0].end() :]}"
        else:
            yield f"{first} (and {len(others):,} more with other numbers)" if others else first


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _stands_alone(number: re.Match[str]) -> bool:
    """Returns whether a number is not a part of a name or of a shape such as 8x8x24."""
    around = number.string[max(0, number.start() - 1) : number.start()] + number.string[number.end() :][:1]
    return not any(letter.isalnum() or letter in "_/" for letter in around)


def by_x(shape: Iterable[int]) -> str:
    """Returns the lengths of a shape with an x between them: `8x8x24`."""
    return "x".join(map(str, shape))


def listed(names: Sequence[str]) -> str:
    """Returns names with commas and a last `and` between them: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
