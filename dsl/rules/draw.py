"""The meaning of a rule's paths, sets, conditions and draws in a genotype."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dsl.errors import CellError
from dsl.primitives import IDENTITY
from dsl.rules.scene import Member, Scene, Unfit
from dsl.space import steps
from dsl.space.evaluate import COMPARISONS, WORDS, call, evaluate, number
from dsl.space.functions import FUNCTIONS
from dsl.space.genotype import STEPS, Genotype, Space
from dsl.space.slots import Settable, as_written, key, setting
from dsl.text.unparse import expression as written
from dsl.tree import edit, network
from dsl.tree import syntax as s
from dsl.tree.edit import CellRef, GeneRef, NodeRef, Ref, StateRef, StepRef, TermRef

# --- sets ------------------------------------------------------------------------------------------------------


def members(values: s.Path | s.Set, scene: Scene) -> tuple[Member, ...]:
    """Returns the members of a set that a rule names after `in` or in `any(...)`."""
    space = scene.genotype.space
    if isinstance(values, s.Set):
        return tuple(space.member(item) for item in values.items)
    root, *rest = values.names
    if not rest:
        if root == STEPS and STEPS not in space.values:
            return network.steps(scene.genotype.network)
        return space.once(_sets)[root]
    return _collection(scene.bound.get(root) or _named(root, scene), rest[0], scene.genotype)


def _named(root: str, scene: Scene) -> Ref:
    """Returns the gene or the cell of a name that is not a variable."""
    return GeneRef(root) if root in scene.genotype.space.genes else CellRef(root)


def _collection(ref: Ref, name: str, genotype: Genotype) -> tuple[Member, ...]:
    if isinstance(ref, NodeRef):
        return _of_node(ref, name, genotype.cell(ref.cell))
    if isinstance(ref, GeneRef):
        return genotype.space.domains[ref.gene].members
    assert not isinstance(ref, StepRef)
    cell = genotype.cell(ref.cell)
    if name == "states":
        return _state_refs(ref.cell, edit.states(cell))
    if name == "inputs":
        return _state_refs(ref.cell, [item.name for item in cell.inputs])
    nodes = [NodeRef(ref.cell, index) for index in range(len(cell.nodes))]
    output = NodeRef(ref.cell, edit.OUTPUT)
    match name:
        case "nodes":
            return tuple(nodes)
        case "vertices":
            return (*nodes, output)
        case "output":
            return (output,)
        case "terms":
            return tuple(term for node in nodes for term in _terms(node, cell))
        case _:
            edges = (term for node in (*nodes, output) for term in _terms(node, cell))
            return tuple(term for term in edges if not edit.is_none(edit.term_at(cell, term)))


def _sets(space: Space) -> Mapping[str, tuple[Member, ...]]:
    """Returns the members of `cells`, `genes` and each named set.

    A set of cells gives only cells that rules may change.
    """
    sets: dict[str, tuple[Member, ...]] = {"cells": tuple(map(CellRef, space.mutable_cells))}
    sets["genes"] = tuple(map(GeneRef, space.genes))
    for name, found in space.members.items():
        cells = [item.name for item in found if isinstance(item, s.Op) and item.name in space.cell_names]
        may_change = tuple(CellRef(cell) for cell in cells if not space.is_fixed(cell))
        sets[name] = may_change if found and len(cells) == len(found) else found
    return sets


def _state_refs(cell: str, states: Iterable[str]) -> tuple[StateRef, ...]:
    return tuple([StateRef(cell, state) for state in states])


def _terms(ref: NodeRef, cell: s.Cell) -> tuple[TermRef, ...]:
    return tuple([TermRef(ref.cell, ref.node, place) for place in edit.flow_at(cell, ref.node).places])


def _of_node(ref: NodeRef, name: str, cell: s.Cell) -> tuple[Member, ...]:
    if name == "terms":
        return _terms(ref, cell)
    if name == "inputs":
        reader = "return" if ref.node == edit.OUTPUT else cell.nodes[ref.node].name
        return _state_refs(ref.cell, dict.fromkeys(_sources(cell)[reader]))
    if name == "earlier":
        return _state_refs(ref.cell, edit.states(cell, ref.node))
    own = "" if ref.node == edit.OUTPUT else cell.nodes[ref.node].name
    later = _computed_from(cell, own)
    free = [node.name for node in cell.nodes if node.name not in later]
    return _state_refs(ref.cell, (*[item.name for item in cell.inputs], *free))


def _sources(cell: s.Cell) -> dict[str, tuple[str, ...]]:
    """Returns the states that each node and the return read. The states of `unused` replace this word."""
    sources = {node.name: node.flow.reads for node in cell.nodes}
    return {**sources, "return": tuple(s.read_state(e) for t in edit.returned_terms(cell) for _, e in s.edges(t))}


def reaches(cell: s.Cell, source: str, target: str) -> bool:
    """Returns whether the state `target` is computed from the state `source`, or is the same state."""
    found = _computed_from(cell, source)
    return target in found or (target == "return" and not found.isdisjoint(_sources(cell)["return"]))


def _computed_from(cell: s.Cell, source: str) -> set[str]:
    """Returns a state, and the nodes that are computed from it. Every node stands after the nodes that it reads."""
    found = {source}
    for node in cell.nodes:
        if not found.isdisjoint(node.flow.reads):
            found.add(node.name)
    return found


# --- values and conditions -------------------------------------------------------------------------------------


def current(path: s.Path, scene: Scene) -> Member | tuple[Member, ...] | None:
    """Returns the present value of a path of a rule.

    The value is a part of the genotype, a gene or param, an attribute of a part, a set, or the `.count` of a set.
    """
    root, *rest = path.names
    genotype = scene.genotype
    if root == s.MATE and genotype.space.has_crossover and root not in scene.bound:
        beside = scene.in_mate(rest[0])
        return None if beside is None else current(s.Path(tuple(rest)), beside)
    if not rest:
        ref = scene.bound.get(root)
        if ref is not None and not isinstance(ref, GeneRef):
            return ref
        gene = root if ref is None else ref.gene
        for name, value in genotype.genes:
            if name == gene:
                return value
        if root in genotype.space.params:
            return genotype.space.params[root]
        return root if root in WORDS else CellRef(root)
    if rest[-1] == "count":
        return len(members(s.Path((root, *rest[:-1])), scene))
    return _attribute(scene.bound.get(root) or _named(root, scene), tuple(rest), genotype)


def _attribute(ref: Ref, rest: tuple[str, ...], genotype: Genotype) -> Member | tuple[Member, ...] | None:
    """Returns the value of an attribute of a part of the genotype."""
    if isinstance(ref, TermRef):
        edge = edit.term_at(genotype.cell(ref.cell), ref)
        op = edge.op if isinstance(edge, s.Call) else s.Op(IDENTITY)
        if rest[0] == "input":
            return StateRef(ref.cell, s.read_state(edge))
        assert isinstance(op, s.Op)
        return op if rest[0] == "op" else setting(op, rest, genotype)
    if isinstance(ref, StepRef):
        return steps.value(network.step_at(genotype.network, ref), rest, genotype)
    if isinstance(ref, NodeRef) and rest[0] in ("tail", "join"):
        flow = edit.flow_at(genotype.cell(ref.cell), ref.node)
        if rest[0] == "join":
            return edit.join_of(flow)
        return flow.tail[0] if len(flow.tail) == 1 and isinstance(flow.tail[0], s.Op) else None
    return _collection(ref, rest[0], genotype)


def _value(expression: s.Expression, scene: Scene) -> Member | tuple[Member, ...] | None:
    if isinstance(expression, s.Path):
        return current(expression, scene)
    if isinstance(expression, s.Binary | s.Negative | s.Function):
        return _computed(expression, scene)
    found = evaluate(expression, scene.genotype.space.params)
    return found if isinstance(found, int | float | s.Kernel | str) else None


def _computed(expression: s.Binary | s.Negative | s.Function, scene: Scene) -> int | float | None:
    """Returns the value of an arithmetic expression over paths; None if the value of a path is not a number."""
    if isinstance(expression, s.Function):
        values = [_value(argument, scene) for argument in expression.arguments]
        found = call(expression, values) if all(isinstance(value, int | float) for value in values) else None
        return found if isinstance(found, int | float) else None
    if isinstance(expression, s.Negative):
        value = _value(expression.value, scene)
        return -value if isinstance(value, int | float) else None
    left, right = _value(expression.left, scene), _value(expression.right, scene)
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return None
    computed = evaluate(s.Binary(expression.operator, s.Number(left), s.Number(right)), {})
    return computed if isinstance(computed, int | float) else None


def holds(condition: s.Condition, scene: Scene) -> bool:
    """Returns whether a condition holds in a scene. A comparison with a setting that an operation lacks is false."""
    match condition:
        case s.And(parts):
            return all(holds(part, scene) for part in parts)
        case s.Or(parts):
            return any(holds(part, scene) for part in parts)
        case s.Not(inner):
            return not holds(inner, scene)
        case s.Is(path, op, negated):
            value = current(path, scene)
            same = isinstance(value, s.Op) and value.name == op.name
            same = same and (not op.arguments or value == op)
            return same != negated
        case s.Relation("has", _, right):
            part = current(right, scene)
            return isinstance(part, Ref) and scene.mates(part) is not None
        case s.Relation(kind, left, right):
            return _related(kind, _related_part(kind, left, scene), _related_part(kind, right, scene), scene)
        case s.Compare(symbol, left, right):
            first, second = _value(left, scene), _value(right, scene)
            if symbol in ("==", "!="):
                return (first == second) == (symbol == "==")
            if not isinstance(first, int | float) or not isinstance(second, int | float):
                return False
            return COMPARISONS[symbol](first, second)


def _related_part(kind: str, path: s.Path, scene: Scene) -> NodeRef | StateRef | TermRef:
    """Returns the node, term or state that one side of a relation names.

    Raises:
      CellError: the side names something else, such as a cell, an operation or a number.
    """
    part = current(path, scene)
    if isinstance(part, NodeRef | StateRef | TermRef):
        return part
    raise CellError(f"`{kind}` relates nodes, terms and states, and {path} is not one of these", path.position)


def _related(kind: str, left: NodeRef | StateRef | TermRef, right: NodeRef | StateRef | TermRef, scene: Scene) -> bool:
    if left.cell != right.cell:
        return False
    cell = scene.genotype.cell(left.cell)
    first, second = _state(left, cell), _state(right, cell)
    if kind == "reaches":
        return reaches(cell, first, second)
    if kind == "feeds":
        return first in _sources(cell).get(second, ())
    order = [*edit.states(cell), "return"]
    places = [ref.place if isinstance(ref, TermRef) else () for ref in (left, right)]
    return (order.index(first), places[0]) < (order.index(second), places[1])


def _state(ref: NodeRef | StateRef | TermRef, cell: s.Cell) -> str:
    if isinstance(ref, StateRef):
        return ref.state
    return "return" if ref.node == edit.OUTPUT else cell.nodes[ref.node].name


# --- draws -----------------------------------------------------------------------------------------------------


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
        may_be_same = drawn is not member or drawn.name in scene.genotype.space.definitions.cells
        if is_other and may_be_same and not _others((drawn,), statement.target, scene):
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
            value = _value(expression, scene)
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
    found = members(expression.range, scene)
    if expression.other:
        found = _others(found, target, scene)
    if expression.excluded is not None:
        found = _without(found, members(expression.excluded, scene), scene)
    return found


def _others(found: tuple[Member, ...], target: s.Path, scene: Scene) -> tuple[Member, ...]:
    """Returns the members that differ from the present value of a target."""
    now, space = current(target, scene), scene.genotype.space
    if isinstance(now, s.Op) and target.names[1:] == ("op",) and isinstance(scene.bound[target.names[0]], StepRef):
        # A step keeps the settings that a new operation does not give.
        return tuple([m for m in found if not _same(steps.merged(now, _as_op(m), space), now, scene)])
    return tuple([member for member in found if not _same(member, now, scene)])


def _without(found: tuple[Member, ...], barred: tuple[Member, ...], scene: Scene) -> tuple[Member, ...]:
    """Returns the members of a set that are equal to none of the barred ones."""
    if any(isinstance(value, CellRef) for value in (*found, *barred)):
        return tuple([m for m in found if not any(_same(m, b, scene) or _same(b, m, scene) for b in barred)])
    space = scene.genotype.space
    keys = {key(value, space) for value in barred}
    return tuple([member for member in found if key(member, space) not in keys])


def _any(expression: s.Any, target: s.Path, scene: Scene, rng: random.Random) -> Settable | None:
    found = candidates(expression, target, scene)
    if not found:
        return None
    return settable(found[int(rng.random() * len(found))], target)


def settable(member: Member, target: s.Path) -> Settable:
    """Returns the value that the target receives when an assignment draws this member of a set.

    Raises:
      CellError: the member is a node, a term, a gene or a step.
    """
    if isinstance(member, StateRef):
        return member.state
    if isinstance(member, CellRef):
        return s.Op(member.cell)
    if isinstance(member, NodeRef | TermRef | GeneRef | StepRef):
        raise CellError(f"{target} cannot be a node, a term, a gene or a step", target.position)
    return member


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
            value = _value(argument.value, scene)
            if not isinstance(value, int | float | s.Kernel | s.Op | str):
                raise Unfit(f"{written(argument.value)} has no value")
            argument = replace(argument, value=as_written(value))
        arguments.append(argument)
    return replace(op, arguments=tuple(arguments))


def insertable(drawn: s.Any, scene: Scene) -> list[s.Op]:
    """Returns the operations among which an `any` of `insert` or `connect` draws."""
    barred = () if drawn.excluded is None else members(drawn.excluded, scene)
    return [member for member in map(_as_op, members(drawn.range, scene)) if member not in barred]


def _as_op(member: Member) -> s.Op:
    if isinstance(member, CellRef):
        return s.Op(member.cell)
    if not isinstance(member, s.Op):
        raise CellError(f"an operation is wanted here, found {member}")
    return member


def _same(first: object, second: object, scene: Scene) -> bool:
    """Returns whether two members are equal. Operations are equal if all their settings have equal values."""
    if isinstance(first, s.Op) and isinstance(second, s.Op) and first.name == second.name:
        return key(first, scene.genotype.space) == key(second, scene.genotype.space)
    if isinstance(first, CellRef) and isinstance(second, s.Op):
        return second == s.Op(first.cell)
    return first == second


def with_values_drawn(op: s.Op, scene: Scene, rng: random.Random) -> s.Op:
    """Returns the operation with a drawn value in place of every `any` in its brackets."""
    if not any(isinstance(argument.value, s.Any) for argument in op.arguments):
        return op
    arguments = []
    for argument in op.arguments:
        value = argument.value
        if isinstance(value, s.Any):
            found = members(value.range, scene)
            picked = found[int(rng.random() * len(found))]
            if not isinstance(picked, int | float | s.Kernel | s.Op):
                raise CellError(f"{op.name}: `any` in brackets draws values of settings", value.position)
            value = as_written(picked)
        arguments.append(s.Argument(argument.name, value, position=argument.position))
    return s.Op(op.name, tuple(arguments), position=op.position)
