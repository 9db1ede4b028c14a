"""Static checks of reachability: conditions that no network satisfies, and rules that can never apply.

`verify_reach` finds errors that do not depend on the cells. `dead_rules` looks into the cells too. The findings of
`dead_rules` are not errors, since a rule that applies to no part of one individual may apply to parts of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from dsl.check.limits import verify_limits
from dsl.check.live import NOT_SETTINGS, NOTHING, Live, Scope, are_steps, brought, held, listed, members, open_cells
from dsl.check.never import kind_of, never
from dsl.errors import Problem
from dsl.space.genotype import Space
from dsl.space.slots import key, names_of
from dsl.space.steps import OWN, only_op, settings_of
from dsl.text.unparse import domain as text_of_domain
from dsl.text.unparse import expression
from dsl.tree import syntax as s
from dsl.tree.edit import states
from dsl.tree.network import step_at
from dsl.tree.network import steps as network_steps

_MAX_ROUNDS = 64


def verify_reach(space: Space) -> Iterator[Problem]:
    """Yields the errors of conditions that can never hold and of draws without a member, whatever the cells contain."""
    yield from _wrong_sets(space)
    yield from verify_limits(space)
    inputs = {item.name: len(item.inputs) for item in space.items if isinstance(item, s.Cell)}
    for rule in space.mutations:
        yield from _misused_cells(rule, space, inputs)
        yield from _named(rule, _block(rule.block, Scope.of(rule, space)))


def dead_rules(space: Space) -> Iterator[Problem]:
    """Yields a problem for each rule, and each branch of a rule, that can never apply to a genotype of the space."""
    for faults in dead_parts(space).values():
        yield from faults


def dead_parts(space: Space) -> Mapping[str, tuple[Problem, ...]]:
    """Returns for each rule the problems of the whole rule, or of its branches, that can never apply.

    The function assumes more operations on edges than mutations can bring there. So every rule that is reported can
    really never apply, and some rules that can never apply are not reported.
    """
    in_steps = [only_op(step_at(space.network, ref)) for ref in network_steps(space.network)]
    steps = frozenset(op for op in in_steps if op is not None)
    live = Live(frozenset(held(space)), steps, pipes=None in in_steps)
    cells = open_cells(space)
    reached: dict[str, _Found] = {}
    for _ in range(_MAX_ROUNDS):
        for rule in space.mutations:
            if rule.name not in reached or reached[rule.name].faults:  # A rule that was found applicable stays so.
                reached[rule.name] = _block(rule.block, Scope.of(rule, space, cells, live))
        grown = live.with_all(found.brings for found in reached.values() if not found.is_dead)
        if grown == live:
            return {rule.name: tuple(_named(rule, reached[rule.name])) for rule in space.mutations}
        live = grown
    return {}


def _named(rule: s.Mutation, found: _Found) -> Iterator[Problem]:
    part = rule.title if found.is_dead else f"a branch of {rule.title}"
    for fault in found.faults:
        yield replace(fault, message=f"{part} can never apply: {fault.message}")


# --- sets ------------------------------------------------------------------------------------------------------


def _wrong_sets(space: Space) -> Iterator[Problem]:
    parts = s.parts_of([item for item in space.items if isinstance(item, s.Values | s.Gene | s.Mutation)])
    for values in (part for part in parts if isinstance(part, s.Set)):
        first, seen = space.member(values.items[0]), set[s.Expression]()
        for item in values.items:
            if item in seen:
                yield Problem(f"{expression(item)} stands in this set twice", item.position,
                              "a draw from a set is uniform; write each member once")  # fmt: skip
            elif isinstance(space.member(item), s.Op) != isinstance(first, s.Op):
                yield Problem(f"this set holds both {expression(values.items[0])} and {expression(item)}",
                              item.position, "a set is of operations, or of numbers, kernels and words")  # fmt: skip
            seen.add(item)


# --- rules that can never apply --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """The result for a block of a rule: the errors of its parts, whether it never applies, and its possible changes."""

    faults: tuple[Problem, ...] = ()
    is_dead: bool = False
    brings: Live = NOTHING


def _block(block: s.Block, scope: Scope) -> _Found:
    scope = replace(scope, bound=dict(scope.bound))
    faults: list[Problem] = []
    brings: list[Live] = []
    is_dead = False
    for statement in block.statements:
        if isinstance(statement, s.Either | s.For):
            inner = replace(scope, bound=dict(scope.bound))
            fault = _choose_fault(statement, inner) if isinstance(statement, s.For) else None
            if fault is not None:
                return _Found((fault,), is_dead=True)
            branches = [_block(branch, inner) for branch in s.blocks(statement)]
            faults += [fault for branch in branches for fault in branch.faults]
            found = [branch.brings for branch in branches if not branch.is_dead]
            is_dead = is_dead or all(branch.is_dead for branch in branches)
        else:
            fault = _statement_fault(statement, scope)
            if fault is not None:
                return _Found((fault,), is_dead=True)
            found = [brought(statement, scope)]
        brings += found
        scope = scope.following(found)  # Later statements of the block meet what this one has brought.
    return _Found(tuple(faults), is_dead, NOTHING.with_all(brings))


# --- statements ------------------------------------------------------------------------------------------------


def _statement_fault(statement: s.Statement, scope: Scope) -> Problem | None:
    """Returns the reason why a statement never applies, or None."""
    match statement:
        case s.Choose():
            return _choose_fault(statement, scope)
        case s.Assign():
            return _assign_fault(statement, scope)
        case s.Insert(pipe, _) | s.Connect(_, _, pipe):
            drawn = (part for part in pipe if isinstance(part, s.Any))
            return next((fault for part in drawn if (fault := _empty_draw(part, scope.space))), None)
        case _:
            return None


def _choose_fault(statement: s.Choose | s.For, scope: Scope) -> Problem | None:
    for binding in statement.bindings:
        fault = None if scope.live is None else _range_fault(binding, scope, scope.live)
        if fault is not None:
            return fault
        scope.bound[binding.name] = binding.range
        fault = None if binding.where is None else never(binding.where, scope)
        if fault is not None:
            return fault
    return None


def _range_fault(binding: s.Binding, scope: Scope, live: Live) -> Problem | None:
    """Returns the reason why the set of a variable has no members, or None."""
    space, values = scope.space, binding.range
    if not isinstance(values, s.Path) or not space.mutable_cells:
        return None  # A network of fixed cells may include a file with rules, which then apply to no cell.
    root, *rest = values.names
    if root == "genes" and root not in space.values:
        return None if space.genes else Problem("the space has no gene", values.position)
    if are_steps(values, space):
        return None
    if not rest:
        cells = {str(item) for item in space.values[root].items} if root in space.values else set(space.mutable_cells)
        if cells.isdisjoint(space.mutable_cells):
            return Problem(f"the rules change no cell of {root}", values.position, listed(space.mutable_cells))
        return None
    if root not in scope.bound and root not in space.mutable_cells:
        return Problem(f"the network does not use cell {root}", values.position, listed(space.mutable_cells))
    is_empty = not live.grows and not any(cell.nodes for cell in scope.cells(values))
    if rest[0] in ("nodes", "terms") and is_empty and _is_cell(root, scope):
        return Problem(
            "there is no node, and no rule inserts one", values.position, "`vertices` and `edges` have the return too"
        )
    return None


def _is_cell(root: str, scope: Scope) -> bool:
    values = scope.bound.get(root)
    return values is None or (isinstance(values, s.Path) and len(values.names) == 1)


def _assign_fault(statement: s.Assign, scope: Scope) -> Problem | None:
    target, value, last = statement.target, statement.value, statement.target.names[-1]
    if len(target.names) == 1:
        return _gene_fault(statement, scope)
    if statement.operator != "=" and last in (*NOT_SETTINGS, "kernel", "padding"):
        hint = f"{target}.height and {target}.width are numbers" if last == "kernel" else f"write {target} = ..."
        return Problem(f"`{statement.operator}` changes numbers, and {target} is not a number", target.position, hint)
    if len(target.names) == 2 and last == "kernel" and isinstance(value, s.Number):
        return Problem(f"{target} is a kernel such as 3x3, not {expression(value)}", value.position)
    if last == "input" and isinstance(value, s.Path):
        return _input_fault(target, value, scope)
    empty = _empty_draw(value, scope.space) if isinstance(value, s.Any) else None
    return empty or (None if scope.live is None else _content_fault(statement, scope, scope.live))


def _gene_fault(statement: s.Assign, scope: Scope) -> Problem | None:
    """Returns the reason why a gene can never take the value of an assignment, or None."""
    space, target, value = scope.space, statement.target, statement.value
    name, drawn = target.names[0], members(value.range, space) if isinstance(value, s.Any) else None
    domain = space.domains.get(name)
    if domain is None:
        return _empty_draw(value, space) if isinstance(value, s.Any) else None
    if statement.operator != "=" and not domain.is_numeric:
        return Problem(f"`{statement.operator}` changes numbers, and the values of gene {name} are of kind "
                       f"{domain.kind}", target.position, f"write {target} = ...")  # fmt: skip
    if isinstance(value, s.Number | s.Kernel | s.Op):
        drawn = (space.member(value),)
    if statement.operator == "=" and drawn and all(domain.taken(each, _key(space)) is None for each in drawn):
        return Problem(f"gene {name} can never be {expression(value)}", value.position,
                       f"its domain is {text_of_domain(space.genes[name])}")  # fmt: skip
    return _empty_draw(value, space) if isinstance(value, s.Any) else None


def _key(space: Space) -> Callable[[object], object]:
    return lambda value: key(value, space)


def _input_fault(target: s.Path, value: s.Path, scope: Scope) -> Problem | None:
    """Returns the reason why a term can never read a state of this name, or None."""
    name = value.names[0]
    if name in scope.bound:
        is_state = kind_of(value, scope) == "state"
        return None if is_state else Problem(f"{name} is not a state", value.position, "choose it in `states`")
    known = {state for cell in scope.cells(target) for state in states(cell)}
    if scope.live is None or scope.live.grows or name in known:
        return None
    return Problem(f"{name!r} is not a state of any cell that the rule can draw", value.position, listed(known))


def _content_fault(statement: s.Assign, scope: Scope, live: Live) -> Problem | None:
    """Returns the reason why no edge has the assigned setting, or why there is no other value to draw; or None."""
    target, value = statement.target, statement.value
    if len(target.names) > 1 and target.names[1] not in NOT_SETTINGS:
        owners = _settings(target, scope, live)
        if target.names[1] not in owners:
            message = f"no operation that the rule can draw has a setting {target.names[1]!r}"
            return Problem(message, target.position, listed(owners))
    if isinstance(value, s.Any) and value.other and target.names[-1] == "op" and not live.tunes:
        drawn = set(members(value.range, scope.space) or ())
        if len(drawn) == 1 and drawn == live.ops and target.names[0] not in scope.steps:
            return Problem(f"every edge has the only operation of {expression(value.range)} already", value.position,
                           "`other` draws an operation that the edge does not have")  # fmt: skip
    return None


def _settings(target: s.Path, scope: Scope, live: Live) -> set[str]:
    """Returns the names of the settings that operations at a target may have."""
    if target.names[0] in scope.steps:
        return {*OWN, *(name for op in live.steps for name in settings_of(op, scope.space))}
    return {name for op in live.ops for name in names_of(s.Op(op.name), scope.space)}


def _misused_cells(rule: s.Mutation, space: Space, inputs: Mapping[str, int]) -> Iterator[Problem]:
    """Yields the errors of a rule that would use a cell with several inputs as an operation."""
    scope = Scope.of(rule, space)
    scope.bound.update((part.name, part.range) for part in s.parts_of(rule) if isinstance(part, s.Binding))
    for statement in _statements(rule.block):
        for op in sorted(brought(statement, scope).ops, key=lambda op: op.name):
            if op.name not in space.definitions.ops and inputs.get(op.name, 1) > 1:
                message = f"cell {op.name} takes {inputs[op.name]} states, and an operation gets one state"
                yield Problem(message, op.position or statement.position)


def _statements(block: s.Block) -> Iterator[s.Statement]:
    for statement in block.statements:
        yield statement
        for branch in s.blocks(statement):
            yield from _statements(branch)


def _empty_draw(drawn: s.Any, space: Space) -> Problem | None:
    """Returns the reason why an `any` always has an empty set, or None."""
    if drawn.excluded is None:
        return None
    all_, barred = members(drawn.range, space), members(drawn.excluded, space)
    is_empty = drawn.range == drawn.excluded
    if all_ is not None and barred is not None:
        is_empty = set(all_) <= set(barred)
    if not is_empty:
        return None
    return Problem(f"{expression(drawn.range)} without {expression(drawn.excluded)} is empty", drawn.position)
