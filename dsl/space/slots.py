"""Reads and changes settings of an edge's operation, which rules write `t.kernel`, `t.kernel.width` or `t.depth`."""

from __future__ import annotations

from dsl.primitives import PRIMITIVES
from dsl.space.evaluate import WORDS, Scope, evaluate
from dsl.space.genotype import Genotype, Space
from dsl.space.stack import names
from dsl.text.parse import whole
from dsl.tree import syntax as s

Settable = int | float | s.Kernel | s.Op | str


def names_of(op: s.Op, space: Space) -> tuple[str, ...]:
    """Returns the names of the settings of an operation."""
    formals = _formals(op, space)
    if formals is not None:
        return tuple([formal.name for formal in formals])
    if op.name in PRIMITIVES and op.name not in space.definitions.cells:
        return tuple(setting.name for setting in PRIMITIVES[op.name].settings)
    return ()


def setting(op: s.Op, path: tuple[str, ...], genotype: Genotype) -> Settable | None:
    """Returns the value of an operation's setting; None if the operation has no such setting.

    A setting that the text does not give has the default of its declaration. A gene has the value of the genotype.
    """
    space = genotype.space
    if path[0] not in names_of(op, space):
        return None
    value = _setting(op, path[0], space, names(genotype) if genotype.genes else space.params)
    if len(path) > 1 and isinstance(value, s.Kernel):
        value = value.height if path[1] == "height" else value.width
    return value if isinstance(value, int | float | s.Kernel | str | s.Op) else None


def _setting(op: s.Op, name: str, space: Space, scope: Scope) -> object:
    known = names_of(op, space)
    for index, argument in enumerate(op.arguments):
        if (argument.name or known[index]) == name:
            return _value(argument.value, space, scope)
    return _default(op, name, space, scope)


def _formals(op: s.Op, space: Space) -> tuple[s.Formal, ...] | None:
    """Returns the settings that an op or a cell with brackets declares; None for any other operation."""
    defined = space.definitions.ops.get(op.name)
    return space.definitions.cells.get(op.name) if defined is None else defined.formals


def _value(expression: s.Expression, space: Space, scope: Scope) -> object:
    """Returns the value of a setting; the expression itself if it has other names than those of the scope."""
    known = all(path.names[0] in scope or path.names[0] in WORDS for path in s.paths(expression))
    if known and not isinstance(expression, s.Op):
        return evaluate(expression, scope)
    is_op = isinstance(expression, s.Path) and space.definitions.has(str(expression))
    return s.Op(str(expression)) if is_op else expression


def _settings_of(op: s.Op, space: Space) -> tuple[object, ...]:
    """Returns the values of all settings of an operation. A setting that the text does not give has its default."""
    return tuple([_setting(op, name, space, space.params) for name in names_of(op, space)])


def key(value: object, space: Space) -> object:
    """Returns a value that is equal for equal members of sets."""
    if not isinstance(value, s.Op):
        return value
    found = space.operations.get(value)
    if found is None:
        # The value of an `any` is not known before the draw, so such operations are equal if their texts are.
        is_drawn = any(isinstance(argument.value, s.Any) for argument in value.arguments)
        found = (value.name, value if is_drawn else _settings_of(value, space))
        space.operations.put(found, value)
    return found


def has_setting(edge: s.Term, name: str, space: Space) -> bool:
    """Returns whether the operation on an edge has a setting of this name."""
    return isinstance(edge, s.Call) and isinstance(edge.op, s.Op) and name in names_of(edge.op, space)


def _default(op: s.Op, name: str, space: Space, scope: Scope) -> object:
    formals = _formals(op, space)
    if formals is not None:
        default = {formal.name: formal.default for formal in formals}[name]
        return None if default is None else _value(default, space, scope)
    return next(item.default for item in PRIMITIVES[op.name].settings if item.name == name)


def with_setting(edge: s.Term, path: tuple[str, ...], value: Settable, genotype: Genotype) -> s.Term:
    """Returns the edge with a new value of one setting. The operation of the edge must have this setting."""
    assert isinstance(edge, s.Call) and isinstance(edge.op, s.Op)
    op = edge.op
    changed = with_argument(op, names_of(op, genotype.space), path, value, setting(op, path[:1], genotype))
    return s.Call(changed, edge.arguments, edge.label, position=edge.position)


def with_argument(op: s.Op, names: tuple[str, ...], path: tuple[str, ...], value: Settable, now: object) -> s.Op:
    """Returns the operation with a new value of one setting.

    Args:
      op: the operation.
      names: the names of its settings.
      path: the name of the setting, and `height` or `width` for a part of a kernel.
      value: the new value.
      now: the present value.
    """
    if len(path) > 1:
        assert isinstance(now, s.Kernel) and isinstance(value, int | float)
        size = int(value + 0.5)
        value = s.Kernel(size, now.width) if path[1] == "height" else s.Kernel(now.height, size)
    if path[0] in ("filters", "units") and isinstance(value, float):
        value = int(value + 0.5)
    written = s.Argument(path[0], as_written(value))
    arguments = list(op.arguments)
    for index, argument in enumerate(op.arguments):
        if (argument.name or names[index]) == path[0]:
            arguments[index] = s.Argument(argument.name, written.value, position=argument.position)
            break
    else:
        arguments.append(written)
    return s.Op(op.name, tuple(arguments), position=op.position)


def as_written(value: Settable) -> s.Expression:
    """Returns a value of a setting as the parser reads it from a text."""
    if isinstance(value, s.Op) and not value.arguments:
        return s.Path((value.name,))
    if isinstance(value, s.Kernel | s.Op):
        return value
    if isinstance(value, str):
        return s.Path((value,))
    number = whole(value)
    return s.Negative(s.Number(-number)) if number < 0 else s.Number(number)
