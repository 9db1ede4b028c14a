"""What the syntax tree and the records of the primitives have in common: places in a text, and kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

from dsl.errors import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """Anything that was written at some place."""

    position: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Kernel(Syntax):
    """`3x3`, height by width."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"
