"""The rule interpreter: what a `mutation` does to a genotype.

Rules are data. `choose` draws level by level, uniformly; tuples that fail `where`, or leave an `any` nothing to draw
from, are drawn again, which is the same as renormalising over those that remain. A rule that cannot apply leaves
its weight to the others.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dsl import edit
from dsl import syntax as s
from dsl.draw import Scene, Unfit, draw_value, holds, members, settled
from dsl.edit import NodeRef, Ref, StateRef, TermRef
from dsl.errors import CellError
from dsl.evaluate import number
from dsl.genotype import Genotype, Space
from dsl.settings import has_setting, with_setting
from dsl.verify import cell_ops, recursion, verify_cell

MAX_REDRAWS = 100
_QUICK_DRAWS = 16
Check = Callable[[Genotype], str | None]


@dataclass(frozen=True, slots=True)
class Mutated:
    """A child: its genotype, the rule that made it, and what was rejected on the way as (rule, reason)."""

    genotype: Genotype
    rule: str
    rejected: tuple[tuple[str, str], ...] = ()
    forget: bool = False


@dataclass(frozen=True, slots=True)
class _Attempt:
    genotype: Genotype
    forget: bool = False


def mutate(genotype: Genotype, rng: random.Random, check: Check | None = None) -> Mutated:
    """One child by one rule, drawn by weight; the parent is not changed.

    `check` gives a reason to reject a child, such as a `require` it breaks; the rule is then drawn again.

    Raises:
      CellError: the space has no rule, or none applies.
    """
    rules = list(genotype.space.mutations)
    rejected: list[tuple[str, str]] = []
    while rules:
        weights = [_weight(rule, genotype.space) for rule in rules]
        rule = rng.choices(rules, weights)[0]
        for _ in range(MAX_REDRAWS):
            try:
                attempt = _block(rule.block, Scene(genotype, {}), rng)
            except Unfit as error:
                rejected.append((rule.name, str(error)))
                continue
            if attempt is None:
                break
            reason = _fault(genotype, attempt.genotype)
            if reason is None and check is not None:
                reason = check(attempt.genotype)
            if reason is None:
                return Mutated(attempt.genotype, rule.name, tuple(rejected), attempt.forget)
            rejected.append((rule.name, reason))
        rules.remove(rule)
    reasons = "; ".join(sorted({f"{name}: {reason}" for name, reason in rejected}))
    raise CellError("no mutation rule applies to this genotype", hint=reasons)


def _fault(parent: Genotype, child: Genotype) -> str | None:
    """What is wrong with the cells that a rule has changed."""
    for before, after in zip(parent.cells, child.cells, strict=True):
        if after is not before:
            problems = verify_cell(after, child.space)
            names = {op.name for op in cell_ops(after) if isinstance(op, s.Op)}
            if not problems and names & child.space.definitions.cells:
                problems = recursion(child)
            if problems:
                return problems[0].message
    return None


def _weight(rule: s.Mutation, space: Space) -> float:
    return 1.0 if rule.weight is None else number(rule.weight, space.params)


# --- blocks ----------------------------------------------------------------------------------------------------


def _block(block: s.Block, scene: Scene, rng: random.Random) -> _Attempt | None:
    """Runs a block once; `None` when it does not apply."""
    chosen = [st for st in block.statements if isinstance(st, s.Choose)]
    rest = [st for st in block.statements if not isinstance(st, s.Choose)]
    if not chosen:
        return _run(rest, scene, rng)
    for _ in range(_QUICK_DRAWS):
        bound = _draw_bindings(chosen, scene, rng)
        if bound is not None:
            attempt = _run(rest, bound, rng)
            if attempt is not None:
                return attempt
    weighted = list(_every_binding(chosen, scene, 1.0))
    while weighted:
        index = rng.choices(range(len(weighted)), [weight for weight, _ in weighted])[0]
        attempt = _run(rest, weighted.pop(index)[1], rng)
        if attempt is not None:
            return attempt
    return None


def _draw_bindings(chosen: list[s.Choose], scene: Scene, rng: random.Random) -> Scene | None:
    for choose in chosen:
        for binding in choose.bindings:
            found = members(binding.range, scene)
            if not found:
                return None
            scene = scene.bind(binding.name, found[int(rng.random() * len(found))])
        if choose.where is not None and not holds(choose.where, scene):
            return None
    return scene


def _every_binding(chosen: list[s.Choose], scene: Scene, weight: float) -> Iterator[tuple[float, Scene]]:
    if not chosen:
        yield weight, scene
        return
    choose, *rest = chosen
    for inner_weight, inner in _bind_all(list(choose.bindings), scene, weight):
        if choose.where is None or holds(choose.where, inner):
            yield from _every_binding(rest, inner, inner_weight)


def _bind_all(bindings: list[s.Binding], scene: Scene, weight: float) -> Iterator[tuple[float, Scene]]:
    if not bindings:
        yield weight, scene
        return
    binding, *rest = bindings
    found = members(binding.range, scene)
    for member in found:
        yield from _bind_all(rest, scene.bind(binding.name, member), weight / len(found))


# --- statements ------------------------------------------------------------------------------------------------


def _run(statements: Sequence[s.Statement], scene: Scene, rng: random.Random) -> _Attempt | None:
    attempt = _Attempt(scene.genotype)
    for statement in statements:
        now = _STATEMENTS[type(statement)](statement, replace(scene, genotype=attempt.genotype), rng)
        if now is None:
            return None
        attempt = _Attempt(now.genotype, attempt.forget or now.forget)
    return attempt


def _assign(statement: s.Assign, scene: Scene, rng: random.Random) -> _Attempt | None:
    value = draw_value(statement, scene, rng)
    if value is None:
        return None
    target = statement.target
    if len(target.names) == 1:
        return _Attempt(_with_gene(scene.genotype, target.names[0], value))
    ref = scene.bound[target.names[0]]
    cell = scene.genotype.cell(ref.cell)
    attribute = target.names[1]
    if isinstance(ref, NodeRef) and attribute == "tail":
        flow = edit.flow_at(cell, ref.node)
        changed = edit.with_flow(cell, ref.node, s.Flow(flow.terms, (_op(value),), position=flow.position))
    elif isinstance(ref, TermRef) and attribute == "op":
        changed = edit.with_term(cell, ref, edit.with_op(edit.term_at(cell, ref), _op(value)))
    elif isinstance(ref, TermRef) and attribute == "input":
        moved = edit.in_order(edit.with_term(cell, ref, edit.with_input(edit.term_at(cell, ref), str(value))))
        if moved is None:
            raise Unfit(f"{value} is computed from the node that would read it")
        changed = moved
    elif isinstance(ref, TermRef):
        edge = edit.term_at(cell, ref)
        if not has_setting(edge, attribute, scene.genotype.space):
            return None
        changed = edit.with_term(cell, ref, with_setting(edge, target.names[1:], value, scene.genotype.space))
    else:
        raise CellError(f"{target} cannot be assigned", target.position)
    return _Attempt(scene.genotype.with_cell(changed))


def _op(value: object) -> s.Op:
    if not isinstance(value, s.Op):
        raise Unfit(f"{value} is no operation")
    return value


def _with_gene(genotype: Genotype, name: str, value: object) -> Genotype:
    if not isinstance(value, int | float):
        raise Unfit(f"gene {name} cannot be {value}")
    if not math.isfinite(value) or abs(value) > 1e15:
        raise Unfit(f"gene {name} would be {value}")
    gene, params = genotype.space.genes[name], genotype.space.params
    if gene.low is not None and gene.high is not None:
        value = min(max(value, number(gene.low, params)), number(gene.high, params))
    return replace(genotype, genes=tuple((key, value if key == name else old) for key, old in genotype.genes))


def _forget(statement: s.Forget, scene: Scene, rng: random.Random) -> _Attempt | None:
    return _Attempt(scene.genotype, forget=True)


def _either(statement: s.Either, scene: Scene, rng: random.Random) -> _Attempt | None:
    """Uniform among the branches that apply."""
    for block in rng.sample(statement.blocks, len(statement.blocks)):
        attempt = _block(block, scene, rng)
        if attempt is not None:
            return attempt
    return None


def _grow(statement: s.Insert | s.Connect | s.Remove, scene: Scene, rng: random.Random) -> _Attempt | None:
    verb = type(statement).__name__.lower()
    raise CellError(f"`{verb}` is checked, but not carried out by this version", statement.position,
                    "rules that assign (`t.op = any(...)`) run")  # fmt: skip


_Run = Callable[..., _Attempt | None]
_STATEMENTS: Mapping[type, _Run] = {
    s.Assign: _assign,
    s.Forget: _forget,
    s.Either: _either,
    s.Insert: _grow,
    s.Connect: _grow,
    s.Remove: _grow,
}


# --- the space as random search sees it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decision:
    """One free choice of a space: the place, and the values among which it is drawn."""

    place: Ref
    attribute: str
    values: tuple[s.Op | str, ...]


def decisions(genotype: Genotype) -> tuple[Decision, ...]:
    """Every choice that the rules of the form `t.x = any(SET)` leave open, in the order cell, node, term, rule."""
    found: dict[tuple[Ref, str], Decision] = {}
    for rule in genotype.space.mutations:
        statements = rule.block.statements
        assigned = [st for st in statements if isinstance(st, s.Assign)]
        chosen = [st for st in statements if isinstance(st, s.Choose) and st.where is None]
        if not assigned or len(assigned) + len(chosen) != len(statements):
            continue
        for _, scene in _every_binding(chosen, Scene(genotype, {}), 1.0):
            for statement in assigned:
                decision = _decision(statement, scene)
                if decision is not None:
                    first = found.setdefault((decision.place, decision.attribute), decision)
                    if first.values != decision.values:
                        raise CellError(f"two rules draw one {decision.attribute} from different sets", rule.position)
    order = {"op": 0, "input": 1, "tail": 2}
    names = genotype.space.cell_names
    return tuple(sorted(found.values(), key=lambda d: (*_position(d.place, names), order[d.attribute])))


def _position(ref: Ref, names: tuple[str, ...]) -> tuple[int, int, tuple[int, ...]]:
    node = ref.node if isinstance(ref, NodeRef | TermRef) else 0
    return names.index(ref.cell), node, ref.place if isinstance(ref, TermRef) else ()


def _decision(statement: s.Assign, scene: Scene) -> Decision | None:
    value, names = statement.value, statement.target.names
    if statement.operator != "=" or not isinstance(value, s.Any) or len(names) != 2:
        return None
    is_static = isinstance(value.range, s.Set) or value.range.names[-1] not in ("acyclic", "inputs")
    if names[1] not in ("op", "input", "tail") or not is_static:
        return None
    values = tuple(m.state if isinstance(m, StateRef) else m for m in members(value.range, scene))
    usable = tuple(v for v in values if isinstance(v, s.Op | str))
    return Decision(scene.bound[names[0]], names[1], usable) if usable else None


def sample(space: Space, rng: random.Random, steps: int = 10) -> Genotype:
    """A random genotype: every decision drawn uniformly from its whole set.

    A space without such decisions is sampled as its seed after `steps` mutations.
    """
    genotype = space.seed
    open_choices = _decisions_of(space)
    for decision in open_choices:
        value = decision.values[int(rng.random() * len(decision.values))]
        if isinstance(value, s.Op):
            value = settled(value, Scene(genotype), rng)
        genotype = _decide(genotype, decision, value)
    if not open_choices:
        for _ in range(steps):
            genotype = mutate(genotype, rng).genotype
    return genotype


@functools.lru_cache(maxsize=8)
def _decisions_of(space: Space) -> tuple[Decision, ...]:
    return decisions(space.seed)


def _decide(genotype: Genotype, decision: Decision, value: s.Op | str) -> Genotype:
    place = decision.place
    cell = genotype.cell(place.cell)
    if isinstance(place, TermRef):
        edge = edit.term_at(cell, place)
        new = edit.with_input(edge, value) if isinstance(value, str) else edit.with_op(edge, value)
        return genotype.with_cell(edit.with_term(cell, place, new))
    assert isinstance(place, NodeRef) and isinstance(value, s.Op)
    flow = edit.flow_at(cell, place.node)
    return genotype.with_cell(edit.with_flow(cell, place.node, s.Flow(flow.terms, (value,), position=flow.position)))
