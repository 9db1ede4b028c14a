"""`CellError`, the error for a wrong `.cell` text, with its problems and their positions in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from dsl.wording import nearest_name

MAX_SHOWN = 50
MAX_LENGTH = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """A text, and the name by which messages call this text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Position:
    """A line and a column of a source text, both counted from 1."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """Returns the line of this position, and under the line a caret at the column."""
        lines = self.source.text.split("\n")  # Other characters that end lines elsewhere do not count here.
        if not 0 < self.line <= len(lines):
            return ""
        start = max(0, self.column - 80)
        shown = lines[self.line - 1].rstrip("\r")[start : start + 120]
        indent = "".join("\t" if c == "\t" else " " for c in shown[: self.column - 1 - start])
        return f"  {shown}\n  {indent}^"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the message, its position, a hint on what is allowed, and a name that is unknown at its place."""

    message: str
    position: Position | None = None
    hint: str = ""
    unknown: str = ""

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        message = self.message if len(self.message) <= MAX_LENGTH else f"{self.message[:MAX_LENGTH]}..."
        excerpt = self.position.excerpt() if self.position else ""
        return "\n".join(part for part in (where + message, excerpt, self.hint) if part)


class CellError(Exception):
    """The error for a wrong `.cell` text; `problems` has every mistake that was found in the text."""

    def __init__(self, message: str, position: Position | None = None, hint: str = "", unknown: str = "") -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = (Problem(message, position, hint, unknown),)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> CellError:
        """Returns an error with several problems, in the order of the text."""
        found = tuple(problems)
        error = cls(found[0].message)
        error.problems = found
        return error

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        left = len(self.problems) - len(shown)
        return "\n".join([*shown, f"... and {left:,} more"] if left else shown)


def problems_of(check: Callable[[T], object], items: Iterable[T]) -> Iterator[Problem]:
    """Calls `check` with each item, and yields the problems of every `CellError` that the check raises."""
    for item in items:
        try:
            check(item)
        except CellError as error:
            yield from error.problems


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Returns a hint for a misspelt name: the nearest allowed name, and a list of at most 24 allowed names."""
    names = sorted(set(allowed))
    close = nearest_name(name, names)
    hint = f"did you mean {close!r}? " if close else ""
    if not names:
        return hint.strip()
    listed = ", ".join(names) if len(names) <= 24 else ", ".join(names[:24]) + ", ..."
    return f"{hint}allowed: {listed}"
