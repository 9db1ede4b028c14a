"""Random sampling of a search space as a list of free choices, each of which is drawn from its whole set."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from dsl.check.verify import verify_genotype
from dsl.errors import CellError
from dsl.rules.changes import assign, step_value
from dsl.rules.draw import settable, with_values_drawn
from dsl.rules.interpreter import Check, mutate
from dsl.rules.joint import Joint
from dsl.rules.paths import drawable
from dsl.rules.scene import Scene, Unfit
from dsl.space.genotype import Genotype, Space
from dsl.space.slots import Settable, key
from dsl.space.steps import OWN, has, takes_wires
from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.tree.edit import GeneRef, NodeRef, Ref, StepRef, TermRef
from dsl.tree.network import step_at
from dsl.wording import by_kind

MAX_REDRAWS = 1000
NONE_FITS = f"{MAX_REDRAWS:,} random genotypes in a row are not valid or break a requirement"
RELATIVE_STEPS = 10
_VARIABLE = "place"
_STEP_RANKS = {name: rank for rank, name in enumerate(OWN)}


@dataclass(frozen=True, slots=True)
class Decision:
    """One free choice of a search space.

    Attributes:
      place: the part of the seed that the choice changes; None if the choice changes a gene.
      attribute: the names after the part, such as `("op",)`, or the name of the gene.
      values: the values among which the choice is made.
    """

    place: Ref | None
    attribute: tuple[str, ...]
    values: tuple[Settable, ...]


def decisions(genotype: Genotype) -> tuple[Decision, ...]:
    """Returns the free choices of a genotype: one for each attribute to which rules assign `any(SET)` without `where`.

    The values are those of all sets from which rules draw the attribute. The choices are sorted by cell, node, term and
    attribute. A gene whose domain has members is a free choice too, at the end.
    """
    found: dict[tuple[Ref | None, tuple[str, ...]], Decision] = {}
    for rule in genotype.space.mutations:
        chosen, assigned = rule.block.chosen, [st for st in rule.block.rest if isinstance(st, s.Assign)]
        has_where = any(binding.where for choose in chosen for binding in choose.bindings)
        if rule.crossover or not assigned or len(assigned) < len(rule.block.rest) or has_where:
            continue
        for statement in assigned:
            read = [path.names[0] for path in s.parts_of(statement) if isinstance(path, s.Path)]
            # Each rule has the steps of a whole joint draw.
            for scene in Joint(chosen, Scene.of(genotype), read=read).projected():
                decision = _decision(statement, scene)
                if decision is not None:
                    slot = decision.place, decision.attribute
                    found[slot] = _united(found.get(slot, decision), decision, genotype.space)
    names = genotype.space.cell_names
    open_choices = sorted(_possible(found.values(), genotype), key=lambda decision: _order(decision, names))
    return (*open_choices, *_genes(genotype.space))


def _united(first: Decision, second: Decision, space: Space) -> Decision:
    """Returns a choice among the values of two choices of one attribute."""
    if first.values == second.values:
        return first
    known = {key(value, space) for value in first.values}
    return replace(first, values=first.values + tuple(v for v in second.values if key(v, space) not in known))


def _genes(space: Space) -> list[Decision]:
    return [Decision(None, (name,), domain.members) for name, domain in space.domains.items() if domain.members]


def _possible(found: Collection[Decision], genotype: Genotype) -> Iterator[Decision]:
    """Yields the choices without those of attributes that a step does not have, whatever the other choices are."""

    def has_now(place: StepRef, attribute: str) -> bool:
        return has(step_at(genotype.network, place), attribute, genotype.space)

    operations = [decision.place for decision in found if decision.attribute == ("op",)]
    changing = {place for place in operations if isinstance(place, StepRef) and has_now(place, "op")}
    for decision in found:
        place = decision.place
        if not isinstance(place, StepRef) or place in changing or has_now(place, decision.attribute[0]):
            yield decision


def _order(decision: Decision, names: tuple[str, ...]) -> tuple[int, int, tuple[int, ...], int]:
    """Returns the rank of a choice. An operation comes before its settings, and the join of a node after its terms."""
    place, attribute = decision.place, decision.attribute[0]
    if place is None or isinstance(place, GeneRef):
        return len(names) + 1, 0, (), 0
    if isinstance(place, StepRef):
        return len(names), place.step, (), _STEP_RANKS.get(attribute, len(_STEP_RANKS))
    node = place.node if isinstance(place, NodeRef | TermRef) else 0
    edge = place.place if isinstance(place, TermRef) else (10**6,) if attribute == "join" else ()
    rank = {"op": 0, "input": 1, "tail": 2}.get(attribute, 3)
    return names.index(place.cell), node, edge, rank


def _decision(statement: s.Assign, scene: Scene) -> Decision | None:
    value, names = statement.value, statement.target.names
    if statement.operator != "=" or not isinstance(value, s.Any):
        return None
    if isinstance(value.range, s.Path) and value.range.names[-1] in ("acyclic", "inputs"):
        return None
    place = scene.bound.get(names[0])
    attribute = names[1:]
    values = tuple(settable(member, statement.target) for member in drawable(value.range, scene))
    if place is None or isinstance(place, GeneRef):
        place, attribute = None, (names[0] if place is None else place.gene,)
        domain = scene.genotype.space.domains[attribute[0]]
        if domain.members:
            return None  # Its whole domain is a free choice, whatever the rule draws.
        # A gene without members is a number. A variable may stand for it in a rule that draws from another gene's set.
        values = tuple(each for each in values if domain.taken(each, str) is not None)
    if isinstance(place, TermRef) and attribute == ("input",):
        earlier = edit.states(scene.genotype.cell(place.cell), place.node)
        if not set(values) <= set(earlier):
            return None  # Whether a term may read another state depends on what that state reads.
    if isinstance(place, StepRef):
        values = tuple(each for each in values if _is_taken(each, statement.target))
    if isinstance(place, StepRef) and attribute == ("op",):
        step = step_at(scene.genotype.network, place)
        values = tuple(op for op in values if isinstance(op, s.Op) and takes_wires(step, op, scene.genotype))
    return Decision(place, attribute, values) if values else None


def _is_taken(value: Settable, target: s.Path) -> bool:
    """Returns whether some step takes a value as the attribute that a rule assigns."""
    try:
        step_value(target, value)
    except Unfit:
        return False
    return True


def sample(
    space: Space, rng: random.Random, steps: int = 10, check: Check | None = None, *, born: int | None = None
) -> Genotype:
    """Returns a random genotype. Every free choice is drawn uniformly from its whole set.

    In a space without other free choices than genes, the random genotype is the seed with drawn genes, after `steps`
    random mutations. A genotype that is not valid or that `check` rejects is drawn again. `born` is the number of the
    individual, which marks new parts.

    Raises:
      CellError: `MAX_REDRAWS` genotypes in a row were rejected.
    """
    reasons: list[str] = []
    for _ in range(MAX_REDRAWS):
        genotype = _drawn(space, rng, steps, check, born)
        reason = unfit(genotype, check)
        if reason is None:
            return genotype
        reasons.append(reason)
    raise CellError(NONE_FITS, hint="\n".join(by_kind(reasons)))


def relative(genotype: Genotype, rng: random.Random, check: Check | None = None) -> Genotype:
    """Returns a descendant of a genotype by some random mutations, with which crossovers can be tried."""
    try:
        for _ in range(RELATIVE_STEPS):
            genotype = mutate(genotype, rng, check).genotype
    except CellError:  # No rule makes a child of the last individual.
        pass
    return genotype


def unfit(genotype: Genotype, check: Check | None = None) -> str | None:
    """Returns the reason why a genotype is not valid in its space or why `check` rejects it; None without a reason."""
    problems = verify_genotype(genotype)
    if problems:
        return problems[0].message
    return None if check is None else check(genotype)


def _drawn(space: Space, rng: random.Random, steps: int, check: Check | None, born: int | None) -> Genotype:
    genotype = space.seed
    open_choices = space.once(_decisions_of)
    for decision in open_choices:
        genotype = _chosen(genotype, decision, int(rng.random() * len(decision.values)), rng)
    only_genes = len(open_choices) == len(_genes(space)) and (space.mutations or not open_choices)
    if only_genes and (not open_choices or unfit(genotype, check) is None):  # No rule may mend drawn genes.
        for _ in range(steps):
            genotype = mutate(genotype, rng, check, born=born).genotype
    return genotype


def decide(space: Space, choices: Sequence[int], rng: random.Random) -> Genotype:
    """Returns the seed with a value for every free choice: choice k takes the value with the index `choices[k]`.

    The genotype may not be valid; `unfit` returns the reason. The random generator is used only for an `any` in the
    brackets of an operation.

    Raises:
      ValueError: `choices` does not have one index for each free choice, or an index is outside of its set.
    """
    open_choices = space.once(_decisions_of)
    if len(choices) != len(open_choices):
        raise ValueError(f"{len(choices)} choices for {len(open_choices)} decisions")
    genotype = space.seed
    for decision, choice in zip(open_choices, choices, strict=True):
        if not 0 <= choice < len(decision.values):
            raise ValueError(
                f"choice {choice} for {'.'.join(decision.attribute)} is not from 0 to {len(decision.values) - 1}"
            )
        genotype = _chosen(genotype, decision, choice, rng)
    return genotype


def _chosen(genotype: Genotype, decision: Decision, choice: int, rng: random.Random) -> Genotype:
    value = decision.values[choice]
    if isinstance(value, s.Op):
        value = with_values_drawn(value, Scene.of(genotype), rng)
    return decided(genotype, decision, value)


def _decisions_of(space: Space) -> tuple[Decision, ...]:
    return decisions(space.seed)


def decided(genotype: Genotype, decision: Decision, value: Settable) -> Genotype:
    """Returns the genotype with a value for one choice; unchanged if the operation lacks the setting."""
    bound = {} if decision.place is None else {_VARIABLE: decision.place}
    target = s.Path(decision.attribute if decision.place is None else (_VARIABLE, *decision.attribute))
    scene = assign(target, value, Scene.of(genotype, bound=bound))
    return genotype if scene is None else scene.genotype
