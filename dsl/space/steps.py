"""Reads and changes the attributes of steps: `s.op`, `s.repeat`, `s.stride`, `s.filters`, and settings."""

from __future__ import annotations

from dataclasses import replace

from dsl.space.evaluate import WORDS, evaluate
from dsl.space.expand import AMBIENT
from dsl.space.genotype import Genotype, Space
from dsl.space.slots import Settable, as_written, asked_of, names_of, setting, side, with_argument
from dsl.space.stack import cell_of, names, repeats
from dsl.tree import syntax as s

OWN = ("op", "repeat", *AMBIENT)  # the attributes that are not settings of the step's operation
FILTERS, STRIDE = AMBIENT


def only_op(step: s.Step) -> s.Op | None:
    """Returns the operation of a step; None for a pipe of several."""
    only = step.pipe[0]
    return only if len(step.pipe) == 1 and isinstance(only, s.Op) else None


def settings_of(op: s.Op, space: Space) -> tuple[str, ...]:
    """Returns the names of the settings of a step's operation. An `op` or a cell takes filters and a stride too."""
    return (*names_of(op, space), *asked_of(op, space))


def has(step: s.Step, attribute: str, space: Space) -> bool:
    """Returns whether a step has an attribute. A pipe of several operations has only `repeat` and `stride`."""
    if attribute in ("repeat", STRIDE):
        return True
    op = only_op(step)
    return op is not None and (attribute == "op" or attribute in settings_of(op, space))


def takes_wires(step: s.Step, op: s.Op, genotype: Genotype) -> bool:
    """Returns whether a step with another operation could read the inputs that are written after it."""
    cell = cell_of(s.Step((op,)), genotype)
    return not step.inputs or (cell is not None and len(cell.inputs) == len(step.inputs))


def value(step: s.Step, path: tuple[str, ...], genotype: Genotype) -> Settable | None:
    """Returns the value of a step's attribute; None if the step does not have it, or if its place decides the value."""
    op, name = only_op(step), path[0]
    if name == "repeat":
        return repeats(step, names(genotype))
    if name == STRIDE:
        return _stride(step, genotype)
    if op is None or name == "op":
        return op
    if name not in settings_of(op, genotype.space):
        return None
    written = _written(op, name, genotype.space)
    found = _default(op, name, genotype) if written is None else _known(written, genotype)
    return side(found, path[1]) if len(path) > 1 else found


def _written(op: s.Op, name: str, space: Space) -> s.Expression | None:
    """Returns what an operation's brackets give a setting; None without it."""
    known = settings_of(op, space)
    given = [argument.value for place, argument in enumerate(op.arguments) if (argument.name or known[place]) == name]
    return given[0] if given else None


def _default(op: s.Op, name: str, genotype: Genotype) -> Settable | None:
    return setting(s.Op(op.name), (name,), genotype) if name in names_of(op, genotype.space) else None


def evaluated(op: s.Op, genotype: Genotype) -> s.Op:
    """Returns an operation of a step with the values of its settings in place of expressions, where they are known."""
    known = [_known(argument.value, genotype) for argument in op.arguments]
    pairs = zip(op.arguments, known, strict=True)
    arguments = [a if found is None else replace(a, value=as_written(found)) for a, found in pairs]
    return replace(op, arguments=tuple(arguments))


def _known(written: s.Expression, genotype: Genotype) -> Settable | None:
    """Returns the value of an expression; None if it depends on the place of the step."""
    if isinstance(written, s.Op):
        return written
    known = names(genotype)
    if not all(str(path) in known or str(path) in WORDS for path in s.paths(written)):
        is_op = isinstance(written, s.Path) and str(written) in genotype.space.definitions.names()
        return s.Op(str(written)) if is_op else None
    found = evaluate(written, known)
    return found if isinstance(found, Settable) else None


def _stride(step: s.Step, genotype: Genotype) -> Settable | None:
    """Returns the stride of the first repetition."""
    first = step.pipe[0]
    assert isinstance(first, s.Op)
    if sets_stride(first, genotype.space):
        written = _written(first, STRIDE, genotype.space)
        return _default(first, STRIDE, genotype) if written is None else _known(written, genotype)
    if step.stride is not None:
        return _known(step.stride, genotype)
    written = _written(first, STRIDE, genotype.space)
    if written is not None:
        return _known(written, genotype)
    cell = cell_of(step, genotype)
    return 1 if cell is None or cell.stride is None else _known(cell.stride, genotype)


def sets_stride(op: s.Op, space: Space) -> bool:
    """Returns whether an `op` declares a setting `stride` of its own, which hides the stride of the place of use."""
    defined = space.definitions.ops.get(op.name)
    formals = () if defined is None else defined.formals
    own = [formal.default for formal in formals if formal.name == STRIDE]
    return any(default is None or s.Path((STRIDE,)) not in s.parts_of(default) for default in own)


def with_value(step: s.Step, path: tuple[str, ...], new: Settable, genotype: Genotype) -> s.Step:
    """Returns a step with a new value of an attribute that it has.

    A stride that stands in brackets stays there, and so does that of an `op` with a setting `stride`. Any other one is
    written after the step.
    """
    first, name = step.pipe[0], path[0]
    assert isinstance(first, s.Op)
    if name == "op":
        assert isinstance(new, s.Op)
        return _with_op(step, first, new, genotype.space)
    if name == "repeat":
        return replace(step, times=as_written(new))
    in_brackets = sets_stride(first, genotype.space) or _written(first, STRIDE, genotype.space) is not None
    if name == STRIDE and not in_brackets:
        return replace(step, stride=as_written(new))
    now = value(step, path[:1], genotype)
    changed = with_argument(first, settings_of(first, genotype.space), path, new, now)
    after = None if name == STRIDE else step.stride
    return replace(step, pipe=(changed, *step.pipe[1:]), stride=after)


def merged(old: s.Op, new: s.Op, space: Space) -> s.Op:
    """Returns an operation with those of its settings that it does not give taken from the operation before it."""
    before, after = settings_of(old, space), settings_of(new, space)
    given = {argument.name or after[place]: argument.value for place, argument in enumerate(new.arguments)}
    if old.name == new.name:
        mine = {argument.name or before[place] for place, argument in enumerate(old.arguments)}
        arguments = [
            replace(argument, value=given.get(argument.name or before[place], argument.value))
            for place, argument in enumerate(old.arguments)
        ]
        more = [s.Argument(name, value) for name, value in given.items() if name not in mine]
        return replace(old, arguments=(*arguments, *more))
    named = [replace(argument, name=argument.name or before[place]) for place, argument in enumerate(old.arguments)]
    kept = [argument for argument in named if argument.name in after and argument.name not in given]
    return replace(new, arguments=(*new.arguments, *kept))


def _with_op(step: s.Step, old: s.Op, new: s.Op, space: Space) -> s.Step:
    changed = replace(step, pipe=(merged(old, new, space),))
    if _written(new, STRIDE, space) is not None:
        return replace(changed, stride=None)
    if step.stride is None or not sets_stride(new, space):
        return changed
    kept = s.Op(new.name, (s.Argument(STRIDE, step.stride),))
    return replace(changed, pipe=(merged(merged(old, new, space), kept, space),), stride=None)
