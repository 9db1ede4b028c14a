"""The interpreter of mutation rules, which applies a `mutation` to a genotype.

`choose` draws one variable after the other, each uniformly from its set. If the drawn members fail `where`, or an `any`
of the rule then has an empty set, all variables are drawn again. This is the same as renormalising the probabilities of
the combinations that remain. If a rule cannot apply, the weights of the other rules are renormalised.

A rule cannot apply if no draw makes all of its statements apply. If a statement does not apply after the value that an
earlier one has drawn, another value may suit it. The draw is then rejected (`Missed`), and the rule keeps its weight.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property, partial
from typing import NamedTuple

from dsl.check.verify import verify_change, verify_network_change
from dsl.errors import CellError
from dsl.rules.changes import CHANGES, followed
from dsl.rules.conditions import holds
from dsl.rules.joint import Joint, Needed, steps_a_look, variables
from dsl.rules.paths import members
from dsl.rules.scene import Attempt, Missed, Noise, Part, Scene, Unfit, referred
from dsl.rules.work import MAX_STEPS, TooMuchWork, Work
from dsl.space.evaluate import DISTRIBUTIONS
from dsl.space.genotype import Genotype, Space
from dsl.text.unparse import statement as written
from dsl.tree import syntax as s
from dsl.wording import by_kind, listed

MAX_REDRAWS = 100
NO_RULES = "the space has no mutation rule"
NONE_APPLIES = "no mutation rule applies to this genotype"
ALL_REJECTED = "every child that a mutation rule makes of this genotype is rejected"
MAX_LISTED = 4000
_QUICK_DRAWS = 16
_STEPS_A_CHILD = 20  # the number of steps for which a rejected child counts
_STEPS_A_TURN = 2  # the number of steps for which the block of a `for` counts, each time that it is applied
_STEPS_A_DRAW = 8  # how many times more steps count for each variable that such a block draws
Check = Callable[[Genotype], str | None]


class Mutated(NamedTuple):
    """A child that a mutation rule has made.

    Attributes:
      genotype: the genotype of the child.
      rule: the name of the rule.
      rejected: the rule, and the reason of its rejection, for each child that was drawn before and rejected.
      forget: whether the child starts from fresh weights.
      crossed: whether a crossover has made the child, so that it has two parents.
      from_mate: the parts whose weights come from the mate: `("cell", CELL, NODE)` for a node, with the label of a term
        for a term, and `("step", SECTION, LABEL)` for a step of the network. The other weights are those of the parent.
      noise: the noise that is added to the weights with which the child starts; None without noise.
    """

    genotype: Genotype
    rule: str
    rejected: tuple[tuple[str, str], ...] = ()
    forget: bool = False
    crossed: bool = False
    from_mate: tuple[Part, ...] = ()
    noise: Noise | None = None


def mutate(
    genotype: Genotype,
    rng: random.Random,
    check: Check | None = None,
    only: Sequence[s.Mutation] | None = None,
    *,
    mate: Genotype | None = None,
    born: int | None = None,
) -> Mutated:
    """Returns a child of a genotype by one mutation rule, which is drawn by weight. The parents are not changed.

    `check` returns a reason to reject a child, such as a requirement that the child breaks, or None. The same rule is
    then drawn again, and after `MAX_REDRAWS` draws another rule. With `only`, no other rules are drawn than these.

    `mate` is the second parent, of which a crossover takes parts; without a mate no crossover applies. `born` is the
    number of the child, which marks the nodes and terms that are made for it (`grow.mark`).

    Raises:
      CellError: the space has no rule, or no rule makes a valid child.
    """
    space = genotype.space
    if only is None:
        rules, weights = space.once(_of_one_parent) if mate is None else (space.mutations, space.weights)
    else:
        known = space.once(_weights)
        rules = tuple(rule for rule in only if mate is not None or not rule.crossover)
        weights = tuple(known[rule.name] for rule in rules)
    rejected: list[tuple[str, str]] = []
    steps, error = MAX_STEPS, None
    while rules:
        index = _drawn(weights, rng)
        work = Work(steps // 2)  # The other half is for rules that are drawn afterwards.
        scene = Scene.of(genotype, Attempt(work, mate, born))
        try:
            after = _child(rules[index], scene, rng, check, rejected)
        except TooMuchWork as found:
            after, error = None, error or found
            rejected.append((rules[index].name, found.problems[0].message))
        if after is not None:
            effects, rule = after.effects, rules[index]
            return Mutated(after.genotype, rule.name, tuple(rejected), effects.forget, rule.crossover,
                           effects.from_mate, effects.noise)  # fmt: skip
        steps -= min(work.taken, work.allowed)
        rules = (*rules[:index], *rules[index + 1 :])
        weights = (*weights[:index], *weights[index + 1 :])
    if error is not None:
        raise error
    reasons = "\n".join(by_kind(f"{name}: {reason}" for name, reason in rejected))
    raise CellError(ALL_REJECTED if rejected else NONE_APPLIES if space.mutations else NO_RULES, hint=reasons)


def _of_one_parent(space: Space) -> tuple[tuple[s.Mutation, ...], tuple[float, ...]]:
    """Returns the rules that need no mate, and their weights."""
    pairs = [pair for pair in zip(space.mutations, space.weights, strict=True) if not pair[0].crossover]
    return tuple(rule for rule, _ in pairs), tuple(weight for _, weight in pairs)


def _weights(space: Space) -> Mapping[str, float]:
    return {rule.name: weight for rule, weight in zip(space.mutations, space.weights, strict=True)}


def _drawn(weights: Iterable[float], rng: random.Random) -> int:
    """Returns an index that is drawn by weight. The draws are those of `rng.choices`, which takes longer."""
    sums = list(itertools.accumulate(weights))
    return bisect.bisect(sums, rng.random() * sums[-1], 0, len(sums) - 1)


def _child(
    rule: s.Mutation, scene: Scene, rng: random.Random, check: Check | None, rejected: list[tuple[str, str]]
) -> Scene | None:
    """Returns the scene of a valid child of one rule, and appends the reasons of rejected ones; None if none was made.

    Raises:
      TooMuchWork: the rule has too many joint draws.
    """
    draws, work = _Draws(rule.block, scene), scene.attempt.work
    for count in range(MAX_REDRAWS):
        if count * _STEPS_A_CHILD > work.allowed:
            break
        try:
            after = _block(rule.block, scene, rng, draws)
        except Unfit as error:
            rejected.append((rule.name, str(error)))
            continue
        if after is None:
            break
        reason = _fault(scene.genotype, after.genotype)
        if reason is None and check is not None:
            reason = check(after.genotype)
        if reason is None:
            return after
        rejected.append((rule.name, reason))
    work.taken += count * _STEPS_A_CHILD
    return None


def _fault(parent: Genotype, child: Genotype) -> str | None:
    """Returns the error of a cell that a rule has changed, or None."""
    for before, after in zip(parent.cells, child.cells, strict=True):
        if after is not before:
            problems = verify_change(before, after, child)
            if problems:
                return problems[0].message
    if child.network is not parent.network:
        problems = verify_network_change(parent.network, child)
        if problems:
            return problems[0].message
    return None


# --- blocks ----------------------------------------------------------------------------------------------------


class _Draws:
    """The joint draws of a block in one scene, which are computed only if independent draws did not succeed."""

    def __init__(self, block: s.Block, scene: Scene) -> None:
        self._block = block
        self._scene = scene

    @cached_property
    def listed(self) -> tuple[tuple[float, Scene], ...] | None:
        """All combinations that `where` allows, with their probabilities; None if they are more than `MAX_LISTED`."""
        joint = Joint(self._block.chosen, self._scene)
        return tuple(joint.combinations()) if joint.count <= MAX_LISTED else None

    @cached_property
    def joint(self) -> Joint:
        """The joint draw of those combinations for which the first statement of the block applies."""
        return Joint(self._block.chosen, self._scene, applying(self._block))


def applying(block: s.Block) -> Needed | None:
    """Returns a test whether the first statement of a block applies; None if that depends on more than the draw."""
    first = block.rest[0] if block.rest else None
    if first is None or isinstance(first, s.Either | s.For | s.Mutate):
        return None
    names = variables(part for part in s.parts_of(first) if isinstance(part, s.Path))
    names |= {value for each in fields(first) if isinstance(value := getattr(first, each.name), str)}
    rng = random.Random(0)

    def applies(scene: Scene) -> bool:
        try:
            return _STATEMENTS[type(first)](first, scene, rng) is not None
        except Unfit:
            return True

    return Needed(names, applies)


def _block(block: s.Block, scene: Scene, rng: random.Random, draws: _Draws | None = None) -> Scene | None:
    """Returns the scene after the statements of a block were applied once; None if the block does not apply.

    Raises:
      Unfit: a part cannot take a drawn value.
      Missed: a statement does not apply after the values that earlier statements have drawn.
    """
    if not block.chosen:
        return _run(block.rest, scene, rng)
    for _ in range(_QUICK_DRAWS):
        bound = _draw_bindings(block.chosen, scene, rng)
        if bound is not None:
            try:
                after = _run(block.rest, bound, rng)
            except Missed:
                continue
            if after is not None:
                return after
    draws = draws or _Draws(block, scene)
    return _joint(block, draws.joint, rng) if draws.listed is None else _listed(block, draws.listed, rng)


def _listed(block: s.Block, listed: Sequence[tuple[float, Scene]], rng: random.Random) -> Scene | None:
    """Applies a block to combinations of a list until it applies to one. One to which it cannot apply is left out."""
    weighted = [*listed]
    while weighted:
        index = _drawn([weight for weight, _ in weighted], rng)
        after = _run(block.rest, weighted.pop(index)[1], rng)
        if after is not None:
            return after
    return None


def _joint(block: s.Block, joint: Joint, rng: random.Random) -> Scene | None:
    """Applies a block to joint draws until it applies to one. `scene.work` bounds their number."""
    while joint.count:
        after = _run(block.rest, joint.draw(rng), rng)
        if after is not None:
            return after
    return None


def _draw_bindings(chosen: Sequence[s.Choose], scene: Scene, rng: random.Random) -> Scene | None:
    bound = dict(scene.bound)
    scene = scene.having(scene.genotype, bound)
    for choose in chosen:
        for binding in choose.bindings:
            found = members(binding.range, scene)
            if not found:
                return None
            bound[binding.name] = referred(binding.name, found[int(rng.random() * len(found))])
            if binding.where is not None and not holds(binding.where, scene):
                return None
    return scene


# --- statements ------------------------------------------------------------------------------------------------


def _run(statements: Sequence[s.Statement], scene: Scene, rng: random.Random) -> Scene | None:
    """Returns the scene after statements were applied in turn; None if one of them does not apply.

    Raises:
      Missed: a statement does not apply, and earlier ones have drawn values, of which others may suit it.
    """
    after = scene
    for index, statement in enumerate(statements):
        if after is not scene:
            scene = followed(scene, after)
        changed = _STATEMENTS[type(statement)](statement, scene, rng)
        if changed is None:
            if _may_suit(statement, statements[:index], scene):
                raise Missed(f"`{written(statement)}` does not apply after the values that the rule drew before it")
            return None
        after = changed
    return after


def _may_suit(statement: s.Statement, earlier: Sequence[s.Statement], scene: Scene) -> bool:
    """Returns whether a statement that does not apply may apply after other draws of earlier statements."""
    changing = [each for each in earlier if not _is_aside(each, scene.genotype.space)]
    drawn = [*itertools.dropwhile(lambda each: not _draws(each), changing)]
    if not drawn or not all(map(partial(_sets_one_part, scene=scene), (statement, *drawn))):
        return bool(drawn)
    read = {scene.bound.get(path.names[0]) for path in s.parts_of(statement) if isinstance(path, s.Path)}
    return any(scene.bound[each.target.names[0]] in read for each in drawn if isinstance(each, s.Assign))


def _is_aside(statement: s.Statement, space: Space) -> bool:
    """Returns whether a statement changes only weights, or a gene that neither cells nor the network read."""
    if isinstance(statement, s.Assign) and len(statement.target.names) == 1:
        return statement.target.names[0] in space.genes.keys() - space.network_genes
    return isinstance(statement, s.Forget | s.Perturb)


def _sets_one_part(statement: s.Statement, scene: Scene) -> bool:
    """Returns whether a statement assigns a value that other variables do not read, if they stand for other parts."""
    if not isinstance(statement, s.Assign) or statement.target.names[1:] in ((), ("input",), ("join",)):
        return False
    return statement.target.names[0] in scene.bound


def _draws(statement: s.Statement) -> bool:
    """Returns whether the change that a statement makes is drawn."""
    return not isinstance(statement, s.Perturb) and any(
        isinstance(part, s.Any | s.Choose | s.Either | s.Mutate)
        or (isinstance(part, s.Function) and part.name in DISTRIBUTIONS)
        for part in s.parts_of(statement)
    )


def _mutate(statement: s.Mutate, scene: Scene, rng: random.Random) -> Scene | None:
    """Returns the scene after one mutation rule, drawn by weight from those that apply; None if none applies."""
    space = scene.genotype.space
    weighted = [pair for pair in zip(space.mutations, space.weights, strict=True) if not pair[0].crossover]
    while weighted:
        index = _drawn([weight for _, weight in weighted], rng)
        after = _drawn_again(weighted.pop(index)[0].block, scene.having(scene.genotype, {}), rng)
        if after is not None:
            return after
    return None


def _drawn_again(block: s.Block, scene: Scene, rng: random.Random) -> Scene | None:
    """Returns the scene after a block was applied, which is drawn again while statements miss; None after many misses.

    The rule of the block keeps its share in this way, as if it were drawn by itself.
    """
    for _ in range(MAX_REDRAWS):
        try:
            return _block(block, scene, rng)
        except Missed:
            continue
    return None


def _for(statement: s.For, scene: Scene, rng: random.Random) -> Scene | None:
    """Returns the scene after a block was applied to each member in turn; None if it applies to none of them.

    The members are those at the start. A member that was removed meanwhile, or to which the block does not apply, is
    passed over.

    Raises:
      Missed: no member takes the values that were drawn for it.
    """
    after, unfit = None, None
    cost = _STEPS_A_TURN * steps_a_look(scene.genotype) * (1 + _STEPS_A_DRAW * statement.block.drawn)
    for _, member in Joint((statement,), scene).combinations():
        turn = member if after is None else followed(member, after)
        if all(binding.name in turn.bound for binding in statement.bindings):
            scene.work.spend(cost, partial(_too_many_turns, statement))
            try:
                after = _block(statement.block, turn, rng) or after
            except Unfit as error:
                unfit = error
    if after is None and unfit is not None and _draws(statement):
        raise Missed(str(unfit))
    return after


def _too_many_turns(statement: s.For, allowed: int) -> TooMuchWork:
    names = listed([binding.name for binding in statement.bindings])
    return TooMuchWork(f"`for` over all {names} takes more than {allowed:,} steps", statement.position,
                       "choose the members with `where`, or change one of them with `choose`")  # fmt: skip


def _either(statement: s.Either, scene: Scene, rng: random.Random) -> Scene | None:
    """Returns the scene after one branch of an `either`, drawn uniformly from the branches that apply."""
    for block in rng.sample(statement.blocks, len(statement.blocks)):
        after = _block(block, scene, rng)
        if after is not None:
            return after
    return None


_STATEMENTS: Mapping[type, Callable[..., Scene | None]] = {
    **CHANGES,
    s.Mutate: _mutate,
    s.For: _for,
    s.Either: _either,
}
