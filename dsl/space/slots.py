"""Reads and changes settings of an edge's operation, which rules write `t.kernel`, `t.kernel.width` or `t.depth`."""

from __future__ import annotations

from collections.abc import Callable

from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive
from dsl.space.evaluate import WORDS, Scope, evaluate
from dsl.space.expand import AMBIENT
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
    primitive = _primitive(op, space)
    return () if primitive is None else tuple(setting.name for setting in primitive.settings)


def asked_of(op: s.Op, space: Space) -> tuple[str, ...]:
    """Returns those of `filters` and `stride` that the brackets of an operation may give besides its settings.

    They are both for an `op` and for a cell, and none for a primitive, which has them among its settings.
    """
    if _primitive(op, space) is not None:
        return ()
    own = names_of(op, space)
    return tuple([name for name in AMBIENT if name not in own])


def setting(op: s.Op, path: tuple[str, ...], genotype: Genotype) -> Settable | None:
    """Returns the value of an operation's setting; None if the operation has no such setting.

    A setting that the text does not give has the default of its declaration. A gene has the value of the genotype.
    If the setting is not a kernel, its height and its width are None.
    """
    space = genotype.space
    if path[0] not in names_of(op, space):
        return None
    value = _setting(op, path[0], space, names(genotype) if genotype.genes else space.params)
    if len(path) > 1:
        return side(value, path[1])
    return value if isinstance(value, int | float | s.Kernel | str | s.Op) else None


def side(value: object, name: str) -> int | None:
    """Returns the `height` or the `width` of a kernel; None for another value, such as the word `full`."""
    if not isinstance(value, s.Kernel):
        return None
    return value.height if name == "height" else value.width


def _setting(op: s.Op, name: str, space: Space, scope: Scope) -> object:
    known = dict(enumerate((*names_of(op, space), *asked_of(op, space))))
    for index, argument in enumerate(op.arguments):
        if (argument.name or known.get(index)) == name:
            return _value(argument.value, space, scope)
    return _default(op, name, space, scope)


def _formals(op: s.Op, space: Space) -> tuple[s.Formal, ...] | None:
    """Returns the settings that an op or a cell with brackets declares; None for any other operation."""
    defined = space.definitions.ops.get(op.name)
    return space.definitions.cells.get(op.name) if defined is None else defined.formals


def _primitive(op: s.Op, space: Space) -> Primitive | None:
    """Returns the primitive that an operation is; None for an op, a cell, and a name that a setting or a gene has."""
    declared = op.name in space.definitions.ops or op.name in space.definitions.cells
    return None if declared else PRIMITIVES.get(op.name)


def _value(expression: s.Expression, space: Space, scope: Scope) -> object:
    """Returns the value of a setting; the expression itself if it has other names than those of the scope."""
    known = all(path.names[0] in scope or path.names[0] in WORDS for path in s.paths(expression))
    if known and not isinstance(expression, s.Op):
        return evaluate(expression, scope)
    is_op = isinstance(expression, s.Path) and space.definitions.has(str(expression))
    return s.Op(str(expression)) if is_op else expression


def key(value: object, space: Space) -> object:
    """Returns a value that is equal for equal members of sets. A gene is equal to itself only."""
    if not isinstance(value, s.Op):
        return value
    found = space.operations.get(value)
    if found is None:
        found = _key(value, space, space.params, lambda each: key(each, space))
        space.operations.put(found, value)
    return found


def key_in(value: object, genotype: Genotype) -> object:
    """Returns a value that is equal for members of sets that are equal in a genotype, where each gene has its value."""
    space = genotype.space
    read = genotype.read_by(value) if isinstance(value, s.Op) else ()
    if not isinstance(value, s.Op) or not read:
        return key(value, space)
    values = [each for _, each in read]
    found = space.operations.get(value, *values)
    if found is None:
        genes = dict(read)
        op: object = value
        while isinstance(op, s.Op) and op.name in genes:
            op = genes[op.name]
        if not isinstance(op, s.Op):
            return op
        found = _key(op, space, names(genotype), lambda each: key_in(each, genotype))
        space.operations.put(found, value, *values)
    return found


def _key(op: s.Op, space: Space, scope: Scope, inner: Callable[[object], object]) -> tuple[object, ...]:
    """Returns the name of an operation and the keys of all that its brackets may give, which `inner` returns.

    A setting that the text does not give has its default. Filters and a stride that it does not give are None, since
    they are those of the place of the operation.
    """
    if any(isinstance(argument.value, s.Any) for argument in op.arguments):
        # The value of an `any` is not known before the draw, so such operations are equal if their texts are.
        return op.name, op
    given = (*names_of(op, space), *asked_of(op, space))
    return op.name, tuple([inner(_setting(op, name, space, scope)) for name in given])


def has_setting(edge: s.Term, name: str, space: Space) -> bool:
    """Returns whether the operation on an edge has a setting of this name."""
    return isinstance(edge, s.Call) and isinstance(edge.op, s.Op) and name in names_of(edge.op, space)


def _default(op: s.Op, name: str, space: Space, scope: Scope) -> object:
    primitive = _primitive(op, space)
    if primitive is not None:
        return next(item.default for item in primitive.settings if item.name == name)
    default = {formal.name: formal.default for formal in _formals(op, space) or ()}.get(name)
    return None if default is None else _value(default, space, scope)


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
