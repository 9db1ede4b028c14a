"""The package's errors: one root, and one class for each thing a caller may want to tell apart."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CompileError(Exception):
    """The package's one error root: what was given, what was found and what is allowed.

    `reason` is the message in one line, without the place in a file: a child that a rule made stands in none.
    """

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason


class DataError(CompileError):
    """Images or labels cannot be used as they are."""


class ShapeError(CompileError):
    """Shapes do not fit each other."""


class Diverged(CompileError):
    """Training reached values that are no numbers."""


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The nearest name, as a clause to append to a message; nothing where none is near."""
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
