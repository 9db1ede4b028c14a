"""Labels of operations: texts that are equal for operations that do the same at their places, whatever their names.

An operation is expanded to primitives. Primitives that return their input are left out, and settings that mean the
same have one form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from dsl.errors import CellError
from dsl.identity.digests import digest
from dsl.primitives import IDENTITY, PRIMITIVES, ZERO
from dsl.primitives.base import Primitive, Role
from dsl.space.evaluate import Scope, Symbol, Value
from dsl.space.expand import AMBIENT, Applied, Definitions, Follow, Place, Undecided, bind, channels_after, valued, walk
from dsl.text.unparse import condition, expression
from dsl.tree import edit
from dsl.tree import syntax as s

_MAX_LABEL = 16  # characters; a longer label of an operation is replaced by its digest, which keeps texts short
_PLACEHOLDER = re.compile(r"<([A-Za-z_]\w*)>")


class Use(NamedTuple):
    """A use of a cell, by a step or as a part of an operation.

    Attributes:
      cell: the name of the cell.
      has_filters: whether the cell has filters where it is used.
      stride: the stride of the cell; None if the cell is a part of an operation.
    """

    cell: str
    has_filters: bool = True
    stride: Value | None = None

    @property
    def mark(self) -> str:
        """The text that stands for the cell in labels."""
        return f"<{self.cell}>" if self.has_filters else f"<{self.cell} without filters>"


class Label(NamedTuple):
    """What an operation does at its place.

    Attributes:
      text: the names and settings of the primitives, with marks for cells. For the identity, for zeros and for `none`
        it is the name of the primitive.
      weightless: whether two uses of the operation on one value give one value.
      uses: the uses of cells in the operation.
      channels: the channels of the output; None if they are not known.
      stride: the number by which the operation divides the size of a map; None if it may change the size otherwise.
      keeps_zeros: whether the operation gives zeros for zeros.
      from_zeros: whether the text is what the operation does to zeros, since it puts them in the place of its input.
    """

    text: str
    weightless: bool
    uses: tuple[Use, ...]
    channels: Value | None
    stride: Value | None
    keeps_zeros: bool
    from_zeros: bool


def label_of(applied: s.Op, place: Place, channels: Value, given: Definitions, scope: Scope) -> Label:
    """Returns the label of an operation at a place.

    Args:
      applied: the operation as it is written.
      place: the filters and the stride at its place.
      channels: the channels of its input.
      given: the operations of the space, with the values of genes.
      scope: the values of the names in the operation's settings.
    """
    walk = _Walk(given)
    if scope is not given.scope and applied.name not in scope:
        applied = valued(applied, scope, channels, given)  # so that a text has no name of a state
    after = walked(applied, place, channels, given, walk.follow, scope)
    if after is not None:
        return walk.label(after)
    here = replace(given, scope=scope)
    text = f"{op_text(applied, here)} at {place.filters} {place.stride} of {channels}"
    text, uses = marked(text, cells_within(applied, here), place.filters, given)
    return Label(text, False, uses, None, None, False, False)


@dataclass(slots=True)
class _Walk:
    """What is known of an operation after a number of its primitives."""

    given: Definitions
    steps: list[str] = field(default_factory=list)
    primitives: list[Primitive] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    strides: list[Value | None] = field(default_factory=list)
    cells: int = 0
    keeps_zeros: bool = True
    from_zeros: bool = False

    def follow(self, part: Applied) -> Value:
        """Adds a primitive or a cell, and returns its output channels."""
        return self._cell(part) if part.is_cell else self._primitive(part)

    def _cell(self, part: Applied) -> Value:
        use = use_of(part, self.given)
        self.uses += (use, *uses_in(part.settings, self.given))
        self.steps.append(f"{use.mark} {call_text(part.settings, self.given)}")
        self.strides.append(None)
        self.keeps_zeros = False
        self.cells += 1
        # The channels of two cells may differ, so each has a symbol of its own.
        return Symbol(f"of cell {self.cells}")

    def _primitive(self, part: Applied) -> Value:
        primitive, after = PRIMITIVES[part.name], channels_after(part)
        settings = _filled(primitive, part.settings)
        if _has(settings, primitive.identity):
            return after
        settings = _settled(primitive, settings)
        self.strides.append(_stride(primitive, settings))
        if primitive.role is Role.ZERO:
            self.steps, self.primitives, self.uses = [], [], []
            self.keeps_zeros = self.from_zeros = True
            return after
        keeps_zeros = _has(settings, primitive.keeps_zeros)
        if self.from_zeros and not self.steps and keeps_zeros:
            return after
        text = f"{part.name} {_text_of(primitive, settings, after, self.given)}".strip()
        if not (primitive.idempotent and self.steps and self.steps[-1] == text):
            self.steps.append(text)
            self.primitives.append(primitive)
            self.keeps_zeros = self.keeps_zeros and keeps_zeros
        return after

    def label(self, channels: Value) -> Label:
        """Returns the label of the whole operation, which has these output channels."""
        weightless = not self.uses and all(primitive.is_pure for primitive in self.primitives)
        text = "|".join(self.steps) or (ZERO if self.from_zeros else IDENTITY)
        strides = [stride for stride in self.strides if stride != 1]
        # Each stride rounds sizes up. One after the other, they give the same size as their product.
        known = [stride for stride in strides if isinstance(stride, int)]
        stride = math.prod(known) if len(known) == len(strides) else strides[0] if len(strides) == 1 else None
        return Label(text, weightless, tuple(self.uses), channels, stride, self.keeps_zeros, self.from_zeros)


def shortened(label: Label) -> Label:
    """Returns the label with a digest in place of a long text, which keeps the texts of graphs short."""
    is_short = label.uses or len(label.text) <= _MAX_LABEL
    return label if is_short else label._replace(text=digest(label.text)[:_MAX_LABEL])


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


def _has(settings: Mapping[str, Value], wanted: Mapping[str, Value] | None) -> bool:
    """Returns whether settings have the wanted values; no settings do if `wanted` is None."""
    return wanted is not None and all(settings.get(name) == value for name, value in wanted.items())


def _stride(primitive: Primitive, settings: Mapping[str, Value]) -> Value | None:
    """Returns the number by which a primitive divides the size of a map; None if it may change the size otherwise."""
    if primitive.sized is None or any(one.follows and one.name in settings for one in primitive.settings):
        return None
    for name, domain in primitive.sized.items():
        value = settings[name]
        if isinstance(value, s.Op | Symbol) or not domain.holds(value):
            return None
    return settings.get("stride", 1)


def _filled(primitive: Primitive, settings: Mapping[str, Value | None]) -> dict[str, Value]:
    """Returns the settings that have a value. A setting that follows another one has the value of that one."""
    found = {name: value for name, value in settings.items() if value is not None}
    for one in primitive.settings:
        if one.follows:
            found.setdefault(one.name, found[one.follows])
    return found


def _settled(primitive: Primitive, settings: Mapping[str, Value]) -> dict[str, Value]:
    """Returns settings without those that follow another one with its value, so that equal settings have one form."""
    found = dict(settings)
    for leader in {one.follows for one in primitive.settings if one.follows}:
        followers = [one.name for one in primitive.settings if one.follows == leader]
        values = {found[name] for name in followers}
        if len(followers) > 1:  # The leader has no other meaning than that of its followers.
            found[leader] = found[followers[0]]
        if values == {found[leader]}:
            found = {name: value for name, value in found.items() if name not in followers}
        elif len(followers) > 1:
            del found[leader]
    return found


def _text_of(primitive: Primitive, settings: Mapping[str, Value], after: Value, given: Definitions) -> str:
    """Returns the settings of a primitive as text. The output channels stand for a factor of the input channels."""
    found = dict(settings)
    if primitive.channel_factor is not None and found.pop(primitive.channel_factor, None) is not None:
        found[str(primitive.channels)] = after
    return " ".join(f"{name}={value_text(value, given)}" for name, value in sorted(found.items()))


def use_of(call: Applied, given: Definitions) -> Use:
    """Returns the use of a cell as a part of an operation. A cell with brackets always has filters."""
    return Use(call.name, call.settings["filters"] is not None or given.cells[call.name] is not None)


def marked(text: str, cells: Iterable[str], filters: Value | None, given: Definitions) -> tuple[str, tuple[Use, ...]]:
    """Returns the text of an operation with marks for the uses of these cells, and the uses.

    The operation is one that cannot be expanded. Where its place has no filters, a cell in it may have some or none.
    """
    uses: list[Use] = []
    for name in cells:
        own = [Use(name)] if filters is not None or given.cells[name] is not None else [Use(name), Use(name, False)]
        text = text.replace(f"<{name}>", "".join(use.mark for use in own))
        uses += own
    return text, tuple(uses)


def call_text(settings: Mapping[str, Value | None], given: Definitions) -> str:
    """Returns the filters, the stride and the settings with which a cell is called; names of settings do not count."""
    own = [value for name, value in settings.items() if name not in AMBIENT]
    values = [*(settings[name] for name in AMBIENT), *own]
    return " ".join("-" if value is None else value_text(value, given) for value in values)


def uses_in(settings: Mapping[str, Value | None], given: Definitions) -> list[Use]:
    """Returns the cells in those settings of a call that are operations. The cell that is called gives them filters."""
    return [Use(cell) for value in settings.values() if isinstance(value, s.Op) for cell in cells_within(value, given)]


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
