"""The draws of a rule: values for its assignments, and operations that it adds."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from dsl.errors import CellError
from dsl.rules.paths import current, drawable, members, value_of
from dsl.rules.scene import Member, Scene, Unfit
from dsl.space import steps
from dsl.space.evaluate import number
from dsl.space.functions import FUNCTIONS
from dsl.space.slots import Settable, as_written, key_in
from dsl.text.unparse import expression as written
from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.tree.edit import CellRef, StateRef, StepRef


def draw_value(statement: s.Assign, scene: Scene, rng: random.Random) -> Settable | None:
    """Returns the value that an assignment gives its target; None if an `any` draws from an empty set.

    Raises:
      Unfit: the target has no number to change, or has the drawn operation already.
    """
    drawn = _drawn(statement.value, statement.target, scene, rng)
    if isinstance(drawn, s.Op):
        member, drawn = drawn, with_values_drawn(drawn, scene, rng)
        is_other = isinstance(statement.value, s.Any) and statement.value.other
        # `any(other S)` has drawn another member. It may still be the present operation with the values drawn now.
        if is_other and drawn is not member and not _others((drawn,), statement.target, scene):
            part = "step" if isinstance(scene.bound.get(statement.target.names[0]), StepRef) else "edge"
            raise Unfit(f"the {part} has {drawn.name} already")
    if drawn is None or statement.operator == "=":
        return drawn
    now = current(statement.target, scene)
    if not isinstance(now, int | float) or not isinstance(drawn, int | float):
        raise Unfit(f"{statement.target} has no number to change")
    return {"*=": now * drawn, "+=": now + drawn, "-=": now - drawn}[statement.operator]


def _drawn(expression: s.Expression, target: s.Path, scene: Scene, rng: random.Random) -> Settable | None:
    match expression:
        case s.Any():
            return _any(expression, target, scene, rng)
        case s.Function(name) if name not in FUNCTIONS:
            low, high = bounds(expression, scene)
            if name == "normal":
                return rng.normalvariate(low, high)
            if name == "uniform":
                return rng.uniform(low, high)
            return math.exp(rng.uniform(math.log(low), math.log(high)))
        case s.Op():
            return expression
        case _:
            value = value_of(expression, scene)
            if isinstance(value, StateRef):
                return value.state if value.state in edit.states(scene.genotype.cell(value.cell)) else None
            if isinstance(value, CellRef):  # A name alone is an operation, or a state of the target's cell.
                return value.cell if target.names[-1] == "input" else s.Op(value.cell)
            return value if isinstance(value, int | float | s.Kernel | str | s.Op) else None


def bounds(distribution: s.Function, scene: Scene) -> tuple[float, float]:
    """Returns the two numbers of a distribution, such as the mean and the standard deviation of `normal`."""
    first, second = (number(argument, scene.genotype.space.params) for argument in distribution.arguments)
    return first, second


def candidates(expression: s.Any, target: s.Path, scene: Scene) -> tuple[Member, ...]:
    """Returns the members among which an `any` draws a value for a target."""
    found = drawable(expression.range, scene)
    if expression.other:
        found = _others(found, target, scene)
    return _without(found, expression.excluded, scene)


def _others(found: tuple[Member, ...], target: s.Path, scene: Scene) -> tuple[Member, ...]:
    """Returns the members that differ from the present value of a target."""
    now, space = current(target, scene), scene.genotype.space
    if isinstance(now, s.Op) and target.names[1:] == ("op",) and isinstance(scene.bound[target.names[0]], StepRef):
        # A step keeps the settings that a new operation does not give.
        return tuple([m for m in found if not _same(steps.merged(now, _as_op(m), space), now, scene)])
    return tuple([member for member in found if not _same(member, now, scene)])


def _without(found: tuple[Member, ...], excluded: s.Path | s.Set | None, scene: Scene) -> tuple[Member, ...]:
    """Returns the members of a set that are equal to none of the excluded ones."""
    if excluded is None:
        return found
    genotype = scene.genotype
    keys = {key_in(value, genotype) for value in drawable(excluded, scene)}
    return tuple([member for member in found if key_in(member, genotype) not in keys])


def _any(expression: s.Any, target: s.Path, scene: Scene, rng: random.Random) -> Settable | None:
    found = candidates(expression, target, scene)
    if not found:
        return None
    return settable(found[int(rng.random() * len(found))], target)


def settable(member: Member, target: s.Path) -> Settable:
    """Returns the value that the target receives when an assignment draws this member of a set.

    Raises:
      CellError: the member is a cell as a part, a node, a term, a gene or a step.
    """
    if not isinstance(member, tuple):  # All references are named tuples.
        return member
    if isinstance(member, StateRef):
        return member.state
    raise CellError(f"{target} cannot be a cell, a node, a term, a gene or a step", target.position)


def draw_pipe(pipe: s.Pipe, scene: Scene, rng: random.Random) -> tuple[s.Op, ...] | None:
    """Returns the operations that `insert` or `connect` adds; None if an `any` draws from an empty set."""
    drawn: list[s.Op] = []
    for part in pipe:
        if isinstance(part, s.Any):
            found = insertable(part, scene)
            if not found:
                return None
            part = found[int(rng.random() * len(found))]
        drawn.append(_with_bound(with_values_drawn(part, scene, rng), scene))
    return tuple(drawn)


def _with_bound(op: s.Op, scene: Scene) -> s.Op:
    """Returns the operation with the values of attributes in place of paths such as `s.filters` in its brackets.

    Raises:
      Unfit: a part does not have the attribute.
    """
    if not any(s.reads_attribute(argument.value, scene.bound) for argument in op.arguments):
        return op
    arguments = []
    for argument in op.arguments:
        if s.reads_attribute(argument.value, scene.bound):
            value = value_of(argument.value, scene)
            if not isinstance(value, int | float | s.Kernel | s.Op | str):
                raise Unfit(f"{written(argument.value)} has no value")
            argument = replace(argument, value=as_written(value))
        arguments.append(argument)
    return replace(op, arguments=tuple(arguments))


def insertable(drawn: s.Any, scene: Scene) -> list[s.Op]:
    """Returns the operations among which an `any` of `insert` or `connect` draws."""
    return list(map(_as_op, _without(drawable(drawn.range, scene), drawn.excluded, scene)))


def _as_op(member: Member) -> s.Op:
    if not isinstance(member, s.Op):
        raise CellError(f"an operation is wanted here, found {member}")
    return member


def _same(first: object, second: object, scene: Scene) -> bool:
    """Returns whether two members are equal. Operations are equal if all their settings have equal values."""
    genotype = scene.genotype
    if isinstance(first, s.Op) and isinstance(second, s.Op) and (first.name == second.name or genotype.space.read):
        return key_in(first, genotype) == key_in(second, genotype)
    return first == second


def in_brackets(drawn: s.Any, scene: Scene) -> tuple[Settable, ...]:
    """Returns the values among which an `any` in the brackets of an operation draws."""
    found = _without(members(drawn.range, scene), drawn.excluded, scene)
    return tuple([value for value in found if isinstance(value, Settable)])


def with_values_drawn(op: s.Op, scene: Scene, rng: random.Random) -> s.Op:
    """Returns the operation with a drawn value in place of every `any` in its brackets.

    Raises:
      Unfit: an `any` leaves nothing to draw, since its `except` names genes that have all its values.
    """
    if not any([isinstance(argument.value, s.Any) for argument in op.arguments]):
        return op
    arguments = []
    for argument in op.arguments:
        value = argument.value
        if isinstance(value, s.Any):
            found = in_brackets(value, scene)
            if not found:
                raise Unfit(f"{op.name}: {written(value)} has nothing to draw")
            value = as_written(found[int(rng.random() * len(found))])
        arguments.append(s.Argument(argument.name, value, position=argument.position))
    return s.Op(op.name, tuple(arguments), position=op.position)
