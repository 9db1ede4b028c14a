"""Records that both the syntax tree and the primitives use: a part of a text with its position, and values."""

from __future__ import annotations

from dataclasses import dataclass, field

from dsl.errors import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """A part of a text, with its position. A part that a mutation rule has made has no position."""

    position: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Kernel(Syntax):
    """The size of a kernel, height by width, such as `3x3`."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


@dataclass(frozen=True, slots=True)
class Symbol(Syntax):
    """A value that depends on the use of a cell or operation, or on the individual.

    Attributes:
      text: describes the value.
      values: for a gene, some of the values that it may have.
    """

    text: str
    values: tuple[object, ...] = field(default=(), compare=False, repr=False)
