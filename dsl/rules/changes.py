"""Statements of rules that change a genotype or the weights of the child: assignments and growing verbs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from dsl.check.network import MAX_OF_NETWORK
from dsl.errors import CellError
from dsl.rules.crossing import taken, takes_part
from dsl.rules.draw import bounds, draw_pipe, draw_value
from dsl.rules.paths import current
from dsl.rules.scene import Noise, Scene, Unfit
from dsl.space import steps
from dsl.space.genes import written
from dsl.space.genotype import Genotype
from dsl.space.slots import Settable, has_setting, key, with_setting
from dsl.space.stack import MAX_REPEATS
from dsl.text.parse import whole
from dsl.text.unparse import expression
from dsl.tree import edit, grow, network
from dsl.tree import syntax as s
from dsl.tree.edit import GeneRef, NodeRef, Ref, StateRef, StepRef, TermRef

MAX_NUMBER = 1e15


def followed(scene: Scene, after: Scene) -> Scene:
    """Returns the scene with the genotype that a statement has made. Variables refer to the same parts as before."""
    bound = scene.bound
    for old, new in zip(scene.genotype.cells, after.genotype.cells, strict=True):
        if new is not old:
            found = {name: grow.moved(ref, old, new) for name, ref in bound.items()}
            bound = {name: ref for name, ref in found.items() if ref is not None}
    old_network, new_network = scene.genotype.network, after.genotype.network
    if new_network is not old_network:
        found = {
            name: network.moved(ref, old_network, new_network) if isinstance(ref, StepRef) else ref
            for name, ref in bound.items()
        }
        bound = {name: ref for name, ref in found.items() if ref is not None}
    return after.having(after.genotype, bound)


def _changed(scene: Scene, cell: s.Cell) -> Scene:
    return scene.having(scene.genotype.with_cell(cell))


def _bound(name: str, scene: Scene) -> Ref:
    """Returns the part to which a variable of the rule refers.

    Raises:
      Unfit: an earlier statement has removed that part.
    """
    if name not in scene.bound:
        raise Unfit(f"{name} was removed before this use")
    return scene.bound[name]


def _assign(statement: s.Assign, scene: Scene, rng: random.Random) -> Scene | None:
    names = statement.target.names
    if len(names) > 1 or names[0] not in scene.genotype.space.genes:
        _bound(names[0], scene)
    if takes_part(statement, scene):
        return taken(names[0], scene)
    value = draw_value(statement, scene, rng)
    return None if value is None else assign(statement.target, value, scene)


def assign(target: s.Path, value: Settable, scene: Scene) -> Scene | None:
    """Returns the scene after an assignment; None if the operation lacks the setting.

    Raises:
      Unfit: the value is not allowed for this target.
    """
    ref = scene.bound.get(target.names[0])
    if isinstance(ref, TermRef):
        changed = _assigned_to_term(scene.genotype.cell(ref.cell), ref, target, value, scene)
        return None if changed is None else _changed(scene, changed)
    if ref is None or isinstance(ref, GeneRef):
        return scene.having(_with_gene(scene.genotype, target.names[0] if ref is None else ref.gene, value))
    if isinstance(ref, StepRef):
        return _assigned_to_step(ref, target, value, scene)
    if not isinstance(ref, NodeRef):
        raise CellError(f"{target} cannot be assigned", target.position)
    cell = scene.genotype.cell(ref.cell)
    flow = edit.flow_at(cell, ref.node)
    flow = edit.joined(flow, _op(value)) if target.names[1] == "join" else replace(flow, tail=(_op(value),))
    return _changed(scene, edit.with_flow(cell, ref.node, flow))


def _assigned_to_term(cell: s.Cell, ref: TermRef, target: s.Path, value: Settable, scene: Scene) -> s.Cell | None:
    edge = edit.term_at(cell, ref)
    if target.names[1] == "op":
        return edit.with_term(cell, ref, edit.with_op(edge, _op(value)))
    if target.names[1] == "input":
        moved = edit.in_order(edit.with_term(cell, ref, edit.with_input(edge, str(value))))
        if moved is None:
            raise Unfit(f"{value} is computed from the node that would read it")
        return moved
    if not has_setting(edge, target.names[1], scene.genotype.space):
        return None
    if len(target.names) > 2 and not isinstance(current(s.Path(target.names[:2]), scene), s.Kernel):
        return None
    return edit.with_term(cell, ref, with_setting(edge, target.names[1:], _side(target, value), scene.genotype))


def _assigned_to_step(ref: StepRef, target: s.Path, value: Settable, scene: Scene) -> Scene | None:
    genotype, attribute = scene.genotype, target.names[1]
    step = network.step_at(genotype.network, ref)
    if not steps.has(step, attribute, genotype.space):
        return None
    value = _side(target, step_value(target, value))
    if len(target.names) > 2 and not isinstance(steps.value(step, target.names[1:2], genotype), s.Kernel):
        return None
    return _with_network(
        scene, network.with_step(genotype.network, ref, steps.with_value(step, target.names[1:], value, genotype))
    )


def _side(target: s.Path, value: Settable) -> Settable:
    """Returns the value of an assignment, which is a number if the target is a side of a kernel.

    Raises:
      Unfit: a side of a kernel would be something else.
    """
    if len(target.names) > 2 and not (isinstance(value, int | float) and abs(value) <= MAX_NUMBER):
        raise Unfit(f"{target} would be {value}")
    return value


def step_value(target: s.Path, value: Settable) -> Settable:
    """Returns a value in the form in which a step takes it as the attribute `target.names[1]`.

    Raises:
      Unfit: no step takes this value.
    """
    attribute = target.names[1]
    if attribute == "op":
        return _op(value)
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > MAX_NUMBER:
            raise Unfit(f"{target} would be {value}")
        value = whole(value)
    if attribute == "repeat" and not (isinstance(value, int) and 1 <= value <= MAX_REPEATS):
        raise Unfit(f"a step would be repeated {value} times")
    return value


def _with_network(scene: Scene, changed: s.Network) -> Scene:
    return scene.having(replace(scene.genotype, network=changed))


def _op(value: object) -> s.Op:
    if not isinstance(value, s.Op):
        raise Unfit(f"{value} is not an operation")
    return value


def _with_gene(genotype: Genotype, name: str, value: Settable) -> Genotype:
    space = genotype.space
    taken = space.domains[name].taken(value, lambda other: key(other, space))
    if taken is None:
        raise Unfit(f"gene {name} cannot be {value if isinstance(value, str) else expression(written(value))}")
    return replace(genotype, genes=tuple((other, taken if other == name else old) for other, old in genotype.genes))


def _insert(statement: s.Insert, scene: Scene, rng: random.Random) -> Scene | None:
    ref, pipe = _bound(statement.on, scene), draw_pipe(statement.pipe, scene, rng)
    assert isinstance(ref, TermRef | StepRef)
    if pipe is None:
        return None
    if isinstance(ref, StepRef):
        if network.count(scene.genotype.network) >= MAX_OF_NETWORK:
            raise Unfit(f"the network would have more than {MAX_OF_NETWORK:,} steps")
        return _with_network(scene, network.inserted(scene.genotype.network, ref, pipe, scene.attempt.born))
    return _changed(scene, grow.inserted(scene.genotype.cell(ref.cell), ref, pipe, scene.attempt.born))


def _connect(statement: s.Connect, scene: Scene, rng: random.Random) -> Scene | None:
    source, target = _bound(statement.source, scene), _bound(statement.target, scene)
    pipe = draw_pipe(statement.pipe, scene, rng)
    assert isinstance(source, StateRef | NodeRef) and isinstance(target, NodeRef)
    if pipe is None:
        return None
    cell = scene.genotype.cell(target.cell)
    state = source.state if isinstance(source, StateRef) else cell.nodes[source.node].name
    if source.cell != target.cell:
        raise Unfit(f"{state} is a state of another cell")
    changed = grow.connected(cell, state, target.node, pipe, scene.attempt.born)
    if changed is None:
        raise Unfit(f"{state} is computed from the node that would read it")
    return _changed(scene, changed)


def _remove(statement: s.Remove, scene: Scene, rng: random.Random) -> Scene | None:
    ref = _bound(statement.name, scene)
    assert isinstance(ref, TermRef | NodeRef | StepRef)
    if isinstance(ref, StepRef):
        left = network.without_step(scene.genotype.network, ref)
        return None if left is None else _with_network(scene, left)
    cell = scene.genotype.cell(ref.cell)
    changed = grow.without_term(cell, ref) if isinstance(ref, TermRef) else grow.without_node(cell, ref.node)
    return None if changed is None else _changed(scene, changed)


def _forget(statement: s.Forget, scene: Scene, rng: random.Random) -> Scene | None:
    return scene.with_effects(replace(scene.effects, forget=True))


def _perturb(statement: s.Perturb, scene: Scene, rng: random.Random) -> Scene | None:
    assert isinstance(statement.noise, s.Function)
    noise, before = Noise(statement.noise.name, *bounds(statement.noise, scene)), scene.effects.noise
    if before is not None and {before.kind, noise.kind} != {"normal"}:
        raise Unfit("the weights are perturbed twice, and the sum of the noise is not normal")
    if before is not None:
        noise = Noise("normal", before.first + noise.first, math.hypot(before.second, noise.second))
    return scene.with_effects(replace(scene.effects, noise=noise))


# The function of each statement that changes a genotype, or the weights of the child.
CHANGES: Mapping[type, Callable[..., Scene | None]] = {
    s.Assign: _assign,
    s.Forget: _forget,
    s.Perturb: _perturb,
    s.Insert: _insert,
    s.Connect: _connect,
    s.Remove: _remove,
}
