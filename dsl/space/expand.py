"""Expands operations to primitives at their place of use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dsl.errors import CellError, nearest
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive
from dsl.space.evaluate import Scope, Symbol, Value, decide, evaluate
from dsl.text.parse import whole
from dsl.tree import syntax as s

AMBIENT = ("filters", "stride")


class Undecided(Exception):
    """The error for an `if` that depends on a symbol. The value of a symbol is known only at the place of use."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One primitive of an expanded operation, or a cell that is used as an operation.

    Attributes:
      name: the name of the primitive or cell.
      settings: the values of its settings.
      channels: the channels of its input.
      path: names and positions that lead to the primitive or cell, as in `("sep_conv", "1", "depthwise")`.
      is_cell: whether this is a cell.
    """

    name: str
    settings: Mapping[str, Value | None]
    channels: Value
    path: tuple[str, ...]
    is_cell: bool = False


Follow = Callable[[Applied], Value]


@dataclass(frozen=True, slots=True)
class Definitions:
    """The declarations of a file that define operations: ops, cells, and the values of names in settings."""

    ops: Mapping[str, s.OpDef]
    cells: frozenset[str]
    scope: Scope

    def names(self) -> list[str]:
        """Returns all names that an operation may have, sorted."""
        return sorted({*PRIMITIVES, *self.ops, *self.cells})


@dataclass(frozen=True, slots=True)
class Place:
    """The filters and the stride at the place of an operation.

    If `filters` is None, the operation has the channels of its input.
    """

    filters: Value | None
    stride: Value


def bind(op: s.Op, formals: tuple[str, ...], positional: int) -> dict[str, s.Expression]:
    """Returns the settings in an operation's brackets by their names.

    `formals` has the names of all settings of the operation. The first `positional` settings may be written without
    their names.

    Raises:
      CellError: a setting is unknown, or is given twice.
    """
    bound: dict[str, s.Expression] = {}
    positional = min(positional, len(formals))
    for index, argument in enumerate(op.arguments):
        if argument.name is None and index >= positional:
            most = f"at most {positional}" if positional else "none"
            raise CellError(
                f"{op.name} takes {most} of its settings without a name", argument.position, nearest("", formals)
            )
        name = formals[index] if argument.name is None else argument.name
        if name not in formals:
            raise CellError(f"{op.name} has no setting {name!r}", argument.position, nearest(name, formals))
        if name in bound:
            raise CellError(f"{op.name} is given {name!r} twice", argument.position)
        bound[name] = argument.value
    return bound


def walk(
    op: s.Op, place: Place, channels: Value, scope: Scope, given: Definitions, follow: Follow,
    within: tuple[str, ...] = (), path: tuple[str, ...] = (),
) -> Value:  # fmt: skip
    """Calls `follow` with each primitive of an operation, in order, and returns the output channels of the operation.

    A cell that is used as an operation is passed to `follow` like a primitive. `follow` returns the output channels of
    the primitive or cell.

    Args:
      op: the operation as it is written.
      place: the filters and the stride at its place.
      channels: the channels of its input.
      scope: the values of names in its settings.
      given: the declarations of the file.
      follow: the function to call.
      within: the names of the ops that contain the operation, the outermost first.
      path: the names and positions that lead to the operation from the outermost op.

    Raises:
      CellError: a name is unknown, a setting is wrong, or an op contains itself.
      Undecided: the condition of an `if` depends on a symbol.
    """
    path = (*path, op.name)
    is_own = bool(within) and within[-1] == op.name
    if op.name in given.ops and not is_own:
        if op.name in within:
            raise CellError(f"op {op.name} is defined by itself: {' -> '.join((*within, op.name))}", op.position)
        return _walk_defined(given.ops[op.name], op, place, channels, scope, given, follow, within, path)
    inner = _ambient(scope, place, channels)
    if op.name in given.cells:
        bound = bind(op, AMBIENT, 1)
        filters = evaluate(bound["filters"], inner) if "filters" in bound else place.filters
        stride = evaluate(bound["stride"], inner) if "stride" in bound else place.stride
        return follow(Applied(op.name, {"filters": filters, "stride": stride}, channels, path, is_cell=True))
    if op.name not in PRIMITIVES:
        raise CellError(f"unknown operation {op.name!r}", op.position, nearest(op.name, given.names()))
    settings = primitive_settings(PRIMITIVES[op.name], op, inner)
    if not within and "stride" in settings and all(argument.name != "stride" for argument in op.arguments):
        # A primitive in an `op` has the stride that the `op` writes. A primitive that a cell or the network uses
        # directly has the stride of its place.
        settings["stride"] = place.stride
    return follow(Applied(op.name, settings, channels, path))


def _ambient(scope: Scope, place: Place, channels: Value) -> dict[str, Value]:
    """Returns the values that names in the settings of an operation have, such as `filters`, `stride`, `channels`."""
    filters = channels if place.filters is None else place.filters
    return {"filters": filters, "stride": place.stride, **scope, "channels": channels}


def _walk_defined(
    defined: s.OpDef, op: s.Op, place: Place, channels: Value, scope: Scope, given: Definitions, follow: Follow,
    within: tuple[str, ...], path: tuple[str, ...],
) -> Value:  # fmt: skip
    names = tuple(formal.name for formal in defined.formals)
    bound = bind(op, names + tuple(name for name in AMBIENT if name not in names), len(names))
    outer = _ambient(scope, place, channels)
    asked = Place(
        evaluate(bound["filters"], outer) if "filters" in bound else place.filters,
        evaluate(bound["stride"], outer) if "stride" in bound else place.stride,
    )
    values: dict[str, Value] = {**given.scope, "channels": channels, "stride": asked.stride}
    values["filters"] = channels if asked.filters is None else asked.filters
    for formal in defined.formals:
        if formal.name in bound:
            values[formal.name] = evaluate(bound[formal.name], outer)
        elif formal.default is not None:
            values[formal.name] = evaluate(formal.default, values)
        else:
            raise CellError(f"{op.name} needs its setting {formal.name!r}", op.position)
    for index, part in enumerate(choose_case(defined, values, op).pipe):
        if isinstance(part, s.Any):
            raise CellError("`any` is allowed only in rules and in sets", part.position, "write one operation here")
        inner = {**values, "channels": channels}
        if asked.filters is None:
            inner["filters"] = channels
        step = Place(asked.filters, 1)
        channels = walk(part, step, channels, inner, given, follow, (*within, op.name), (*path, str(index)))
    return channels


def choose_case(defined: s.OpDef, values: Scope, op: s.Op) -> s.Case:
    """Returns the first case of an `op` with a condition that holds.

    Raises:
      CellError: no case has a condition that holds.
      Undecided: a condition depends on a symbol.
    """
    for case in defined.cases:
        holds = True if case.condition is None else decide(case.condition, values)
        if holds is None:
            raise Undecided(op.name)
        if holds:
            return case
    raise CellError(f"no case of op {defined.name} holds here; add a last case that has no `if`", op.position)


def primitive_settings(primitive: Primitive, op: s.Op, scope: Scope) -> dict[str, Value | None]:
    """Returns the values of all settings of a primitive.

    Raises:
      CellError: a setting is missing, or its value is not in its domain.
    """
    bound = bind(op, tuple(setting.name for setting in primitive.settings), 1)
    found: dict[str, Value | None] = {}
    for setting in primitive.settings:
        if setting.name not in bound:
            found[setting.name] = scope["filters"] if setting.ambient else setting.default
            if setting.required:
                raise CellError(f"{op.name} needs its setting {setting.name!r}", op.position)
            continue
        value = evaluate(bound[setting.name], scope)
        if not isinstance(value, Symbol) and not setting.domain.holds(value):
            at = bound[setting.name].position or op.position
            hint = "write F//4 for a whole quotient" if setting.ambient and isinstance(value, float) else ""
            raise CellError(f"{op.name}: {setting.name} is {value}; allowed: {setting.domain.allowed}", at, hint)
        found[setting.name] = value
    return found


def channels_after(applied: Applied) -> Value:
    """Returns the output channels of a primitive, from its settings and the channels of its input."""
    primitive, settings = PRIMITIVES[applied.name], applied.settings
    factor = None if primitive.channel_factor is None else settings[primitive.channel_factor]
    if factor is not None:
        if isinstance(factor, int | float) and isinstance(applied.channels, int):
            return max(1, int(whole(factor * applied.channels) + 0.5))
        return Symbol(f"({factor}*channels)")
    if primitive.flattens:
        return Symbol(f"flat({_text(applied.channels)})")
    if primitive.channel_divisor is not None:
        return _divided(applied.channels, settings[primitive.channel_divisor])
    asked = None if primitive.channels is None else settings[primitive.channels]
    return applied.channels if asked is None else asked


def _divided(channels: Value, parts: Value | None) -> Value:
    """Returns the channels of one of equal parts. The compiler refuses channels that do not divide."""
    if isinstance(channels, int) and isinstance(parts, int) and channels % parts == 0:
        return channels // parts
    return Symbol(f"({_text(channels)}/{_text(parts)})")


def _text(value: Value | None) -> str:
    return value.text if isinstance(value, Symbol) else str(value)
