"""Checks of an operation where a cell, a set or a rule uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dsl.errors import CellError, nearest
from dsl.primitives import NOTHING
from dsl.primitives.records import COUNT, STRIDE
from dsl.space.evaluate import Symbol, Value, evaluate
from dsl.space.expand import AMBIENT, Applied, Definitions, Place, Undecided, channels_after, walk
from dsl.space.genes import OP
from dsl.space.genotype import Space
from dsl.space.slots import key
from dsl.text.unparse import expression as written
from dsl.tree import edit
from dsl.tree import syntax as s

FILTERS, STRIDE_ASKED, CHANNELS = Symbol("filters"), Symbol("stride"), Symbol("channels")
_ONLY_AS_A_TERM = f"`{NOTHING}` is used in {{}}; it is allowed only as the operation of a term or a case of an op"
_WHOLE = "only the operation of a term in a cell, or a whole case of an op, may be it"


def names_at_a_use(space: Space) -> dict[str, Value]:
    """Returns the names that an operation's settings may use in a cell, in a set and in the network."""
    return {**space.once(_definitions).scope, "filters": FILTERS, "stride": STRIDE_ASKED}


def _definitions(space: Space) -> Definitions:
    """Returns the operations, with some values of each gene, of which at least one must be right where it is read."""
    genes: dict[str, Value] = {}
    for name, domain in space.domains.items():
        limits = (dict(space.seed.genes)[name], domain.low, domain.high)
        genes[name] = Symbol(name, domain.members or tuple(value for value in limits if value is not None))
    return replace(space.definitions, scope={**space.definitions.scope, **genes})


def check_use(op: s.Op | s.Any, space: Space, scope: Mapping[str, Value]) -> None:
    """Checks the use of an operation: its name, and the names and values of its settings.

    Raises:
      CellError: a name is unknown, or a value is not allowed.
    """
    if isinstance(op, s.Any):
        raise CellError("`any` is allowed only in rules and in sets", op.position, "write one operation here")
    for argument in op.arguments:
        named = edit.mentioned_in(argument.value)[:1]
        if named and named[0] not in scope and space.definitions.has(named[0]):
            check_value(argument.value, space, scope)
    channels = scope.get("channels", CHANNELS)
    try:
        walk(op, Place(FILTERS, STRIDE_ASKED), channels, scope, space.once(_definitions), _follow)
    except Undecided:
        return


def check_value(value: s.Expression, space: Space, scope: Mapping[str, Value]) -> None:
    """Checks the value of a setting: a number, a kernel, a word or an operation.

    Raises:
      CellError: a name is unknown, or an operation in the value is wrong, or may be `none`.
    """
    if isinstance(value, s.Path) and len(value.names) == 1 and value.names[0] not in scope:
        named = s.Op(value.names[0], position=value.position)
        value = named if space.definitions.has(named.name) else value
    if not isinstance(value, s.Op):
        evaluate(value, scope)
    elif value.name in (NOTHING, *space.may_be_none):
        raise CellError(f"{value.name} is or may be `{NOTHING}`, and a setting cannot be it", value.position,
                        "switch a branch off by `skip`")  # fmt: skip
    else:
        check_use(value, space, scope)


def _follow(applied: Applied) -> Value:
    return Symbol("cell") if applied.is_cell else channels_after(applied)


def check_numbers(expression: s.Expression, space: Space, what: str) -> None:
    """Checks that all genes in an expression, whose value is a number, are numbers.

    Raises:
      CellError: a gene is a kernel or an operation.
    """
    for path in s.paths(expression):
        domain = space.domains.get(path.names[0])
        if domain is not None and not domain.is_numeric:
            raise CellError(f"{path} is a gene of kind {domain.kind}, and {what} is a number", path.position)


def check_member(member: s.Expression, space: Space) -> None:
    """Checks one member of a set: a number, a kernel, a word, or an operation.

    Raises:
      CellError: the member is something else.
    """
    scope = names_at_a_use(space)
    if isinstance(member, s.Path) and len(member.names) == 1:
        name = member.names[0]
        if name in space.constants:
            return
        if name in space.genes and space.domains[name].kind != OP:
            raise CellError(f"gene {name} is a number, and a set is of operations, or of numbers and kernels",
                            member.position, "write the numbers in the set")  # fmt: skip
        check_use(s.Op(name, position=member.position), space, scope)
    elif isinstance(member, s.Op):
        for drawn in _draws(member, space):
            check_use(drawn, space, scope)
    elif isinstance(member, s.Any):
        hint = "write the members of the set that `any` draws from, in place of `any(...)`"
        raise CellError("a member of a set cannot be `any`", member.position, hint)
    else:
        evaluate(member, space.definitions.scope)


def _draws(op: s.Op, space: Space) -> Iterator[s.Op]:
    """Yields draws of an operation in which each value of every `any` in its brackets stands once or more often."""
    known = [_bracket_members(argument.value, space) for argument in op.arguments]
    for number in range(max(map(len, known), default=1)):
        arguments = [replace(argument, value=values[min(number, len(values) - 1)])
                     for argument, values in zip(op.arguments, known, strict=True)]  # fmt: skip
        yield replace(op, arguments=tuple(arguments))


def _bracket_members(value: s.Expression, space: Space) -> Sequence[s.Expression]:
    """Returns the values that a setting may have: the members that an `any` draws, or the only value.

    Raises:
      CellError: the `any` has another form than one in brackets may have, or it has nothing to draw.
    """
    if not isinstance(value, s.Any):
        return (value,)
    if not isinstance(value.range, s.Set):
        raise CellError("`any` in brackets needs a written set: any({ 3x3, 5x5 })", value.position)
    if value.other:
        raise CellError("`other` excludes a present value, and an operation that is drawn has none in its brackets",
                        value.position, "leave `other` out in brackets; t.op = any(other { ... }) draws another "
                        "operation, whose settings are compared too")  # fmt: skip
    excluded = value.excluded
    if isinstance(excluded, s.Path) and str(excluded) not in space.values:
        raise CellError(f"unknown set {str(excluded)!r}", excluded.position, nearest(str(excluded), space.values),
                        str(excluded))  # fmt: skip
    for item in excluded.items if isinstance(excluded, s.Set) else ():
        check_value(item, space, names_at_a_use(space))
    barred = space.values[str(excluded)] if isinstance(excluded, s.Path) else excluded
    keys = {key(space.member(item), space) for item in barred.items} if barred is not None else set()
    found = [item for item in value.range.items if key(space.member(item), space) not in keys]
    if not found:
        raise CellError(f"{written(value)} has nothing to draw", value.position,
                        "name a value after `any(` that does not stand after `except`")  # fmt: skip
    return found


def check_is_some(op: s.Op | s.Any, where: str, space: Space) -> None:
    """Checks that an operation is not `none`, and not an `op` that may be `none`, which only a term may have."""
    if isinstance(op, s.Op) and op.name == NOTHING:
        raise CellError(_ONLY_AS_A_TERM.format(where), op.position)
    if isinstance(op, s.Op) and op.name in space.may_be_none:
        raise CellError(f"{op.name} may be `{NOTHING}`, and is used in {where}", op.position, _WHOLE)


def check_call(op: s.Op | s.Any, space: Space, scope: Mapping[str, Value], alone: bool = False) -> None:
    """Checks the settings with which an operation calls a cell.

    A cell with several inputs must be the only operation of a step of the network.
    """
    if not isinstance(op, s.Op) or op.name in space.definitions.ops or op.name not in space.definitions.cells:
        return
    cell = space.written[op.name]
    if len(cell.inputs) > 1 and not alone:
        names = ", ".join(item.name for item in cell.inputs)
        raise CellError(f"cell {cell.name} takes {len(cell.inputs)} states ({names}), and an operation gets one state",
                        op.position, "a cell of several inputs stands alone in a step of the network")  # fmt: skip
    formals = space.definitions.cells[op.name]
    for argument in op.arguments:
        name = argument.name or (AMBIENT[0] if formals is None else "")
        if name not in AMBIENT:
            continue  # The values of the cell's own settings have no domain.
        value = evaluate(argument.value, {"channels": CHANNELS, **scope})
        domain = STRIDE if name == "stride" else COUNT
        if isinstance(value, s.Op) or not (isinstance(value, Symbol) or domain.holds(value)):
            hint = "write F//4 for a whole quotient" if domain is COUNT and isinstance(value, float) else ""
            raise CellError(f"{op.name}: {name} is {value}; allowed: {domain.allowed}", argument.value.position, hint)
