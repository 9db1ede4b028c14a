"""Labels of operations: texts that are equal for operations that do the same at their places, whatever their names.

An operation is expanded to primitives. Primitives that return their input are left out, and settings that mean the
same have one form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from dsl.errors import CellError
from dsl.identity.canonical import digest
from dsl.primitives import IDENTITY, PRIMITIVES, ZERO
from dsl.primitives.base import Primitive, Role
from dsl.space.evaluate import Scope, Symbol, Value
from dsl.space.expand import AMBIENT, Applied, Definitions, Follow, Place, Undecided, bind, channels_after, valued, walk
from dsl.text.unparse import condition, expression
from dsl.tree import edit
from dsl.tree import syntax as s

OF_A_CELL = Symbol("of a cell")
_MAX_LABEL = 16  # characters; a longer label of an operation is replaced by its digest, which keeps texts short
_PLACEHOLDER = re.compile(r"<([A-Za-z_]\w*)>")
# An operation at its place: its label, whether two uses of it on one value give one value, and the cells in it.
Label = tuple[str, bool, tuple[str, ...]]


def label_of(applied: s.Op, place: Place, channels: Value, given: Definitions, scope: Scope) -> Label:
    """Returns an operation's label at a place, whether two uses on one value give one value, and the cells in it.

    The label has the names and settings of the primitives, and `<NAME>` for a cell. For the identity, for zeros and for
    `none`, the label is the name of the primitive.

    Args:
      applied: the operation as it is written.
      place: the filters and the stride at its place.
      channels: the channels of its input.
      given: the operations of the space, with the values of genes.
      scope: the values of the names in the operation's settings.
    """
    steps: list[str] = []
    cells: list[str] = []
    primitives: list[Primitive] = []

    def follow(part: Applied) -> Value:
        if part.is_cell:
            cells.extend((part.name, *cells_of(part.settings, given)))
            steps.append(f"<{part.name}> {call_text(part.settings, given)}")
            return OF_A_CELL
        primitive, after = PRIMITIVES[part.name], channels_after(part)
        if not _returns_its_input(primitive, part):
            text = f"{part.name} {_settings(primitive, part, after, given)}".strip()
            if not (primitive.idempotent and steps and steps[-1] == text):
                steps.append(text)
                primitives.append(primitive)
        return after

    if scope is not given.scope and applied.name not in scope:
        applied = valued(applied, scope, channels, given)  # so that a text has no name of a state
    if walked(applied, place, channels, given, follow, scope) is None:
        here = replace(given, scope=scope)
        text = f"{op_text(applied, here)} at {place.filters} {place.stride} of {channels}"
        return text, False, cells_within(applied, here)
    if any(primitive.role is Role.ZERO for primitive in primitives):
        return ZERO, True, ()
    weightless = not cells and all(primitive.is_pure for primitive in primitives)
    return "|".join(steps) or IDENTITY, weightless, tuple(cells)


def shortened(label: Label) -> Label:
    """Returns the label with a digest in place of a long text, which keeps the texts of graphs short."""
    text, weightless, cells = label
    is_short = cells or len(text) <= _MAX_LABEL
    return label if is_short else (digest(text)[:_MAX_LABEL], weightless, cells)


def walked(
    part: s.Op, place: Place, channels: Value, given: Definitions, follow: Follow, scope: Scope | None = None
) -> Value | None:
    """Calls `follow` with each primitive of an operation and returns the operation's output channels.

    Returns None if the primitives depend on the place of use, which is not known, or if a setting is wrong at this
    place, so that the network cannot be built.
    """
    try:
        return walk(part, place, channels, given.scope if scope is None else scope, given, follow)
    except (Undecided, CellError):
        return None


def is_idempotent(label: str) -> bool:
    """Returns whether an operation with this label, applied twice, does the same as once."""
    return label in PRIMITIVES and PRIMITIVES[label].idempotent


def _returns_its_input(primitive: Primitive, part: Applied) -> bool:
    if primitive.role is Role.IDENTITY:
        return True
    same = primitive.identity or {}
    return bool(same) and all(part.settings.get(name) == value for name, value in same.items())


def _settings(primitive: Primitive, part: Applied, after: Value, given: Definitions) -> str:
    """Returns the settings of a primitive as text. The output channels stand for a factor of the input channels."""
    found = {name: value for name, value in part.settings.items() if value is not None}
    if primitive.channel_factor is not None and found.pop(primitive.channel_factor, None) is not None:
        found[str(primitive.channels)] = after
    return " ".join(f"{name}={value_text(value, given)}" for name, value in sorted(found.items()))


def call_text(settings: Mapping[str, Value | None], given: Definitions) -> str:
    """Returns the filters, the stride and the settings with which a cell is called; names of settings do not count."""
    own = [value for name, value in settings.items() if name not in AMBIENT]
    values = [*(settings[name] for name in AMBIENT), *own]
    return " ".join("-" if value is None else value_text(value, given) for value in values)


def cells_of(settings: Mapping[str, Value | None], given: Definitions) -> list[str]:
    """Returns the cells in those settings of a call that are operations."""
    return [cell for value in settings.values() if isinstance(value, s.Op) for cell in cells_within(value, given)]


def value_text(value: Value, given: Definitions) -> str:
    """Returns the text of a setting's value."""
    if isinstance(value, s.Op):
        return op_text(value, given)
    return f"<{value.text}>" if isinstance(value, Symbol) else str(value)


# --- operations whose place is not known ------------------------------------------------------------------------


def op_text(op: s.Op, given: Definitions, own: str = "") -> str:
    """Returns the text of an operation with its declaration in place of its name, and values in place of other names.

    In the text, `<NAME>` stands for a cell. `own` is the name of the op around it, which means a primitive there.
    """
    if isinstance(given.scope.get(op.name), s.Op | Symbol):
        return value_text(given.scope[op.name], given)
    defined = given.ops.get(op.name) if op.name != own else None
    if defined is not None:
        formals = {formal.name: formal.default for formal in defined.formals}
        bound = bind(op, (*formals, *(name for name in AMBIENT if name not in formals)), len(formals))
        defaults = {name: default for name, default in formals.items() if default is not None}
        places = {name: f"setting {index}" for index, name in enumerate(formals)}
        bound = {places.get(name, name): value for name, value in {**defaults, **bound}.items()}
        name = "{" + _declaration(defined, given) + "}"
    elif op.name in PRIMITIVES:
        settings = tuple(setting.name for setting in PRIMITIVES[op.name].settings)
        bound, name = bind(op, settings, 1), op.name
    else:
        bound = {argument.name or str(index): argument.value for index, argument in enumerate(op.arguments)}
        name = f"<{op.name}>" if op.name in given.cells else op.name
    written = [f"{key}={_text(value, given, own)}" for key, value in sorted(bound.items())]
    return f"{name}[{', '.join(written)}]"


def _declaration(defined: s.OpDef, given: Definitions) -> str:
    """Returns the digest of what an op declares, in which names do not count, and `<NAME>` for each cell within it."""
    inner = _within(given, defined)
    parts = ["-" if one.default is None else _text(one.default, inner) for one in defined.formals]
    for case in defined.cases:
        pipe = "|".join(op_text(op, inner, defined.name) for op in case.pipe if isinstance(op, s.Op))
        where = "" if case.condition is None else condition(_with_values(case.condition, inner.scope))
        parts.append(f"{pipe} if {where}")
    text = "\n".join(parts)
    cells = [name for name in dict.fromkeys(_PLACEHOLDER.findall(text)) if name in given.cells]
    for index, name in enumerate(cells):
        text = text.replace(f"<{name}>", f"<cell {index}>")
    return digest(text)[:_MAX_LABEL] + "".join(f"<{name}>" for name in cells)


def cells_within(op: s.Op, given: Definitions) -> tuple[str, ...]:
    """Returns the cells that an operation may contain, directly, through other operations or as settings, sorted."""
    seen, found = set[tuple[str, bool]](), set[str]()
    waiting = [(name, True) for name in edit.mentioned(op)]
    while waiting:
        name, is_in_scope = waiting.pop()
        if (name, is_in_scope) in seen:
            continue
        seen.add((name, is_in_scope))
        value = given.scope.get(name)
        if isinstance(value, s.Op):
            waiting += [(inner, is_in_scope) for inner in edit.mentioned(value)]
        elif isinstance(value, Symbol) and is_in_scope:
            continue  # a setting, which hides an op or a cell of its name
        elif name in given.ops:
            waiting += [(inner, False) for inner in edit.all_names(edit.op_uses(given.ops[name]))]
        elif name in given.cells:
            found.add(name)
    return tuple(sorted(found))


def _within(given: Definitions, defined: s.OpDef) -> Definitions:
    """Returns the operations as the cases of an op see them: its settings hide other names, and have numbers."""
    own = {formal.name: Symbol(f"setting {index}") for index, formal in enumerate(defined.formals)}
    ops = {name: op for name, op in given.ops.items() if name not in own}
    return replace(given, scope={**given.scope, **own}, ops=ops)


def _text(value: s.Expression, given: Definitions, own: str = "") -> str:
    if isinstance(value, s.Op):
        return op_text(value, given, own)
    if isinstance(value, s.Path) and str(value) not in given.scope and given.has(str(value)):
        return op_text(s.Op(str(value)), given, own)
    return expression(_with_values(value, given.scope))


def _with_values(part: Any, scope: Scope) -> Any:
    """Returns a part of the tree with the values of the names in `scope` in place of the names."""
    if isinstance(part, tuple):
        return tuple(_with_values(each, scope) for each in part)
    if isinstance(part, s.Path) and str(part) in scope:
        value = scope[str(part)]
        if isinstance(value, int | float):
            return s.Number(value)
        return s.Path((value,)) if isinstance(value, str) else value
    if isinstance(part, s.Syntax):
        changed = {one.name: _with_values(getattr(part, one.name), scope) for one in fields(part) if one.init}
        return replace(part, **changed)
    return part
