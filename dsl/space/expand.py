"""Expands operations to primitives at their place of use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dsl.errors import CellError, nearest
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive, Setting
from dsl.space.evaluate import WORDS, Scope, Symbol, Value, decide, evaluate
from dsl.text.parse import whole
from dsl.text.unparse import op as written
from dsl.tree import syntax as s
from dsl.wording import nearest_name

AMBIENT = ("filters", "stride")
_OF_A_PLACE = (*AMBIENT, "channels")
_NUMBERS = (*_OF_A_PLACE, "classes")  # names that never stand for an operation
Formals = tuple[s.Formal, ...]


class Undecided(Exception):
    """The error for an `if`, or a setting that is an operation, that depends on a symbol.

    The value of a symbol is known only at the place of use.
    """


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
    """The declarations of a file that define operations: ops, cells, and the values of names in settings.

    `cells` has the settings of each cell with brackets, and None for a cell without brackets.
    """

    ops: Mapping[str, s.OpDef]
    cells: Mapping[str, Formals | None]
    scope: Scope

    def has(self, name: str) -> bool:
        """Returns whether there is an operation of this name."""
        return name in PRIMITIVES or name in self.ops or name in self.cells

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


def walk(op: s.Op, place: Place, channels: Value, scope: Scope, given: Definitions, follow: Follow) -> Value:
    """Calls `follow` with each primitive of an operation, in order, and returns the output channels of the operation.

    A cell that is used as an operation is passed to `follow` like a primitive. `follow` returns the output channels of
    the primitive or cell.

    Args:
      op: the operation as it is written.
      place: the filters and the stride at its place.
      channels: the channels of its input.
      scope: the values of names in its settings. An operation whose name has a value is that value.
      given: the declarations of the file.
      follow: the function to call.

    Raises:
      CellError: a name is unknown, a setting is wrong, or an op contains itself.
      Undecided: the condition of an `if`, or an operation that is a setting, depends on a symbol.
    """
    return _Walk(given, follow).op(op, place, channels, scope, (), ())


class _Walk:
    """One call of `walk`.

    In its methods, `within` has the names of the ops that contain an operation, the outermost first, and `path` the
    names and positions that lead to the operation from the outermost op.
    """

    __slots__ = ("follow", "given")

    def __init__(self, given: Definitions, follow: Follow) -> None:
        self.given = given
        self.follow = follow

    def op(
        self, op: s.Op, place: Place, channels: Value, scope: Scope, within: tuple[str, ...], path: tuple[str, ...]
    ) -> Value:
        name, given = op.name, self.given
        if name in scope and name not in _NUMBERS and (_may_be_an_op(scope[name]) or not given.has(name)):
            value = handed(op, scope)
            # The names of the ops around it do not count, since the setting was written outside of them.
            return self.op(value, place, channels, given.scope, ("",) if within else (), path)
        path = (*path, name)
        is_own = bool(within) and within[-1] == name
        if name in given.ops and not is_own:
            if name in within:
                raise CellError(f"op {name} is defined by itself: {' -> '.join((*within, name))}", op.position)
            return self._defined(given.ops[name], op, place, channels, scope, (*within, name), path)
        if name in given.cells:
            settings = called(op, place, channels, scope, given)
            return self.follow(Applied(name, settings, channels, path, is_cell=True))
        if name not in PRIMITIVES:
            raise CellError(f"unknown operation {name!r}", op.position, nearest(name, given.names()), name)
        settings = primitive_settings(PRIMITIVES[name], op, _ambient(scope, place, channels), given)
        if not within and "stride" in settings and all(argument.name != "stride" for argument in op.arguments):
            # A primitive in an `op` has the stride that the `op` writes. A primitive that a cell or the network uses
            # directly has the stride of its place.
            settings["stride"] = place.stride
        return self.follow(Applied(name, settings, channels, path))

    def _defined(
        self, defined: s.OpDef, op: s.Op, place: Place, channels: Value, scope: Scope, within: tuple[str, ...],
        path: tuple[str, ...],
    ) -> Value:  # fmt: skip
        asked, values = _bound(op, defined.formals, place, channels, scope, self.given)
        for index, part in enumerate(choose_case(defined, values, op).pipe):
            if isinstance(part, s.Any):
                raise CellError("`any` is allowed only in rules and in sets", part.position, "write one operation here")
            inner = {**values, "channels": channels}
            if asked.filters is None:
                inner["filters"] = channels
            step = Place(asked.filters, 1)
            channels = self.op(part, step, channels, inner, within, (*path, str(index)))
        return channels


def _may_be_an_op(value: Value) -> bool:
    """Returns whether a value is an operation. A number does not hide an operation of the same name."""
    if isinstance(value, Symbol):
        return not value.values or isinstance(value.values[0], s.Op)
    return isinstance(value, s.Op)


def handed(op: s.Op, scope: Scope) -> s.Op:
    """Returns the operation that a setting, a gene or a param has as its value.

    Raises:
      CellError: the value is not an operation, or `op` gives it settings.
      Undecided: the value depends on a symbol.
    """
    value = scope[op.name]
    if isinstance(value, Symbol) and _may_be_an_op(value):
        if op.arguments and value.values:
            raise CellError(f"{op.name!r} is a gene, and the members of its set have their settings", op.position,
                            f"leave the brackets out: {op.name}")  # fmt: skip
        raise Undecided(op.name)
    if isinstance(value, Symbol):
        raise CellError(f"{op.name!r} is a gene, and none of its values is an operation", op.position,
                        f"such a gene has a set: gene {op.name} = relu in {{ relu, skip }}")  # fmt: skip
    if not isinstance(value, s.Op):
        raise CellError(f"{op.name!r} is {value} here, and not an operation", op.position,
                        "an operation may be the value of a setting or of a gene")  # fmt: skip
    if op.arguments:
        raise CellError(f"{op.name!r} stands for the operation {written(value)}, which has its settings",
                        op.position, f"leave the brackets out: {op.name}")  # fmt: skip
    return value


def valued(op: s.Op, scope: Scope, channels: Value, given: Definitions) -> s.Op:
    """Returns an operation in a cell with brackets with the values of its settings in place of expressions.

    The operation then means the same at every place with these filters and this stride.

    Args:
      op: the operation as it is written.
      scope: the values of the names in the cell.
      channels: the channels of the operation's input.
      given: the declarations of the file.
    """
    if op.name in scope and op.name not in _NUMBERS:
        op = handed(op, scope)
        scope = {**given.scope, **{name: scope[name] for name in AMBIENT}}
    if not op.arguments:
        return op
    inner = {**scope, "channels": channels}
    return _with_values(op, lambda value: _literal(_value(value, inner, given)))


def _with_values(op: s.Op, new: Callable[[s.Expression], s.Expression]) -> s.Op:
    arguments = tuple([s.Argument(a.name, new(a.value), position=a.position) for a in op.arguments])
    return s.Op(op.name, arguments, position=op.position)


def _value(expression: s.Expression, scope: Scope, given: Definitions) -> Value:
    """Returns the value of a setting, which may be an operation."""
    match expression:
        case s.Path((name,)) if name not in scope and name not in WORDS and given.has(name):
            return s.Op(name, position=expression.position)
        case s.Op():
            return _closed(expression, scope, given)
        case s.Path((name,)) if name not in scope and name not in WORDS:
            close = nearest_name(name, [*scope, *WORDS]) or nearest_name(name, given.names())
            if close is not None and given.has(close):
                raise CellError(f"unknown name {name!r}", expression.position, f"did you mean {close!r}?", name)
    return evaluate(expression, scope)


def _closed(op: s.Op, scope: Scope, given: Definitions) -> s.Op:
    """Returns an operation that is given as a setting, with the values of the names in its own settings.

    The ambient names stay: they have the values of the place where the operation is applied.
    """

    def closed(expression: s.Expression) -> s.Expression:
        if all(path.names[0] not in _OF_A_PLACE for path in s.paths(expression)):
            return _literal(_value(expression, scope, given))
        match expression:
            case s.Path((name,)) if name in _OF_A_PLACE:
                return expression
            case s.Binary(symbol, left, right):
                return s.Binary(symbol, closed(left), closed(right), expression.depth, position=expression.position)
            case s.Negative(value):
                return s.Negative(closed(value), expression.depth, position=expression.position)
            case s.Function(name, arguments):
                inner = tuple(map(closed, arguments))
                return s.Function(name, inner, expression.depth, position=expression.position)
            case _:
                return _literal(_value(expression, scope, given))

    if op.name in scope and op.name not in _NUMBERS:
        return handed(op, scope)
    if not given.has(op.name):
        raise CellError(f"unknown operation {op.name!r}", op.position, nearest(op.name, given.names()), op.name)
    return _with_values(op, closed)


def _literal(value: Value) -> s.Expression:
    """Returns an expression with this value."""
    if isinstance(value, s.Kernel | s.Op | Symbol):
        return value
    return s.Path((value,)) if isinstance(value, str) else s.Number(value)


def _ambient(scope: Scope, place: Place, channels: Value) -> dict[str, Value]:
    """Returns the values that names in the settings of an operation have, such as `filters`, `stride`, `channels`."""
    filters = channels if place.filters is None else place.filters
    return {"filters": filters, "stride": place.stride, **scope, "channels": channels}


def called(op: s.Op, place: Place, channels: Value, scope: Scope, given: Definitions) -> dict[str, Value | None]:
    """Returns the filters, the stride and the settings with which an operation calls a cell.

    A cell with brackets that is called without filters makes as many as its first input has.
    """
    formals = given.cells[op.name]
    if formals is not None:
        asked, values = _bound(op, formals, place, channels, scope, given)
        own = {formal.name: values[formal.name] for formal in formals}
        return {"filters": values["filters"], "stride": asked.stride, **own}
    bound, inner = bind(op, AMBIENT, 1), _ambient(scope, place, channels)
    filters = evaluate(bound["filters"], inner) if "filters" in bound else place.filters
    stride = evaluate(bound["stride"], inner) if "stride" in bound else place.stride
    return {"filters": filters, "stride": stride}


def _bound(
    op: s.Op, formals: Formals, place: Place, channels: Value, scope: Scope, given: Definitions
) -> tuple[Place, dict[str, Value]]:
    """Returns the filters and stride for which a use of an op or cell asks, and the values of names in its body."""
    names = tuple(formal.name for formal in formals)
    bound = bind(op, names + tuple(name for name in AMBIENT if name not in names), len(names))
    outer = _ambient(scope, place, channels)
    asked = Place(
        evaluate(bound["filters"], outer) if "filters" in bound else place.filters,
        evaluate(bound["stride"], outer) if "stride" in bound else place.stride,
    )
    values: dict[str, Value] = {**given.scope, "channels": channels, "stride": asked.stride}
    values["filters"] = channels if asked.filters is None else asked.filters
    for formal in formals:
        if formal.name in bound:
            values[formal.name] = _value(bound[formal.name], outer, given)
        elif formal.default is not None:
            values[formal.name] = _value(formal.default, values, given)
        else:
            raise CellError(f"{op.name} needs its setting {formal.name!r}", op.position)
    return asked, values


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


def primitive_settings(primitive: Primitive, op: s.Op, scope: Scope, given: Definitions) -> dict[str, Value | None]:
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
        value = _value(bound[setting.name], scope, given)
        if isinstance(value, Symbol) and value.values and not any(_holds(setting, each) for each in value.values):
            shown = written(value.values[0]) if isinstance(value.values[0], s.Op) else value.values[0]
            raise CellError(f"{op.name}: {setting.name} is gene {value.text}, which is {shown} or of that kind; "
                            f"allowed: {setting.domain.allowed}", bound[setting.name].position)  # fmt: skip
        if isinstance(value, s.Op) or not (isinstance(value, Symbol) or setting.domain.holds(value)):
            at = bound[setting.name].position or op.position
            hint = "write F//4 for a whole quotient" if setting.ambient and isinstance(value, float) else ""
            given_as = written(value) if isinstance(value, s.Op) else value
            raise CellError(f"{op.name}: {setting.name} is {given_as}; allowed: {setting.domain.allowed}", at, hint)
        found[setting.name] = value
    return found


def _holds(setting: Setting, value: object) -> bool:
    return isinstance(value, int | float | str | s.Kernel) and setting.domain.holds(value)


def channels_after(applied: Applied) -> Value:
    """Returns the output channels of a primitive, from its settings and the channels of its input."""
    primitive, settings = PRIMITIVES[applied.name], applied.settings
    factor = None if primitive.channel_factor is None else settings[primitive.channel_factor]
    if factor is not None:
        if isinstance(factor, int | float) and isinstance(applied.channels, int):
            return max(1, int(whole(factor * applied.channels) + 0.5))
        return applied.channels if factor == 1 else Symbol(f"({_text(factor)}*{_text(applied.channels)})")
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
