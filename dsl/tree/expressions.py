"""The expressions of the language, one frozen dataclass for each, and the names that they read."""

from __future__ import annotations

from dataclasses import dataclass, field

from dsl.values import Kernel, Symbol, Syntax


@dataclass(frozen=True, slots=True)
class Number(Syntax):
    """A number such as `3`, `0.5` or `20K`. A whole number is an int, also if it is written `3.0`."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Path(Syntax):
    """A name, or names with dots between them: `F`, `c.nodes`, `t.kernel.width`."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Binary(Syntax):
    """Two expressions with an operator between them: `left + right`; `depth` is the nesting depth, which is bounded."""

    operator: str
    left: Expression
    right: Expression
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negative(Syntax):
    """The negative of an expression: `-value`."""

    value: Expression
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Function(Syntax):
    """A function of numbers, `max(8, F // 4)`, or a distribution from which a rule draws: `uniform(0.5, 2)`."""

    name: str
    arguments: tuple[Expression, ...]
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Set(Syntax):
    """A set that is written out: `{ 1, 2 }`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any(Syntax):
    """A uniform draw from a set: `any(S)`, `any(other S)`, `any(S except T)`."""

    range: Path | Set
    other: bool = False
    excluded: Path | Set | None = None


@dataclass(frozen=True, slots=True)
class Argument(Syntax):
    """The value of a setting in an operation's brackets: `3x3`, or `stride=2` with the name of the setting."""

    name: str | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Op(Syntax):
    """`sep_conv[3x3]`: the name of a primitive, an `op` or a cell, with settings."""

    name: str
    arguments: tuple[Argument, ...] = ()


# A symbol stands in no text: the checks give it to an operation's setting whose value is not known.
Expression = Number | Kernel | Path | Binary | Negative | Function | Set | Any | Op | Symbol
Pipe = tuple[Op | Any, ...]


@dataclass(frozen=True, slots=True)
class Formal(Syntax):
    """A setting of an operation or cell that the file defines, with its default."""

    name: str
    default: Expression | None = None
