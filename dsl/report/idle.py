"""Finds mutation rules that make no new individual, by trying them on the seed and on random descendants."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dsl.check.reach import dead_parts
from dsl.errors import CellError, Problem
from dsl.report.explain import obstacle
from dsl.rules.interpreter import ALL_REJECTED, Check, mutate
from dsl.rules.sample import relative
from dsl.rules.scene import Attempt, Scene
from dsl.rules.work import TooMuchWork, Work
from dsl.space.genotype import Genotype
from dsl.tree import syntax as s

DESCENDANTS = 60
_TRIES = 10  # the greatest number of children of one parent that a rule makes
_EVERY = 3  # A rule is tried on one of this number of descendants.
_MAX_REJECTING = 5  # A rule is tried on at most this number of individuals with which all its children are rejected.


@dataclass(frozen=True, slots=True)
class _Reason:
    """The reason why a rule makes no new child. Of several individuals, the reason with the highest rank is reported.

    `rejecting` is the number of individuals with which all children of the rule are rejected.
    """

    rank: int
    text: str
    rejecting: int = 0

    def __str__(self) -> str:
        return self.text

    def with_another(self, other: _Reason) -> _Reason:
        """Returns the reason of one more individual and of those before."""
        first = self if self.rank >= other.rank else other
        return replace(first, rejecting=self.rejecting + other.rejecting)


def descendants(seed: Genotype, rng: random.Random, check: Check | None) -> Sequence[Genotype]:
    """Returns a line of at most `DESCENDANTS` individuals: a child of the seed, a child of this child, and so on."""
    found = [seed]
    try:
        while len(found) <= DESCENDANTS:
            found.append(mutate(found[-1], rng, check).genotype)
    except CellError:  # No rule makes a child of the last individual.
        pass
    return found[1:]


def idle_rules(seed: Genotype, rng: random.Random, check: Check | None = None) -> Iterator[Problem]:
    """Yields a problem for each rule that can never apply, or whose children are all rejected or equal to the parent.

    A rule that makes no new child of the seed is tried on descendants of the seed too. A rule without statements other
    than `forget weights` and `perturb weights` leaves the text as it is, and is no problem.

    Args:
      seed: the seed of the space.
      rng: the source of randomness.
      check: returns the reason why a child is rejected, or None.
    """
    dead = dead_parts(seed.space)
    idle = _idle_rules(seed, frozenset(name for name, faults in dead.items() if faults), rng, check)
    for rule in seed.space.mutations:
        yield from dead.get(rule.name, ())
        if rule.name in idle:
            yield Problem(f"{rule.title}: {idle[rule.name]}", rule.position)


def _idle_rules(seed: Genotype, dead: frozenset[str], rng: random.Random, check: Check | None) -> Mapping[str, _Reason]:
    """Returns the reasons why rules make no new individual, by their names; rules in `dead` are not tried."""
    space = seed.space
    rules = [
        rule
        for rule in space.mutations
        if not _is_mark(rule.block) and (space.mutable_cells or not _is_included(rule, space.network))
    ]
    idle = {rule.name: reason for rule in rules if rule.name not in dead and (reason := _idle(rule, seed, rng, check))}
    parent = seed
    for number in range(DESCENDANTS):
        active = tuple(rule for rule in rules if rule.name not in idle)
        if not idle or not active:
            break
        try:
            parent = mutate(parent, rng, check, active).genotype
        except CellError:
            if parent is seed:
                break
            parent = seed  # None of these rules makes a child of this individual. Another line begins at the seed.
        for rule in rules if number % _EVERY == 0 else ():
            reason = idle.get(rule.name)
            if reason is None or reason.rejecting == _MAX_REJECTING:
                continue
            found = _idle(rule, parent, rng, check)
            if found is None:
                del idle[rule.name]
            else:
                idle[rule.name] = reason.with_another(found)
    return idle


def _is_mark(block: s.Block) -> bool:
    return all(
        isinstance(statement, s.Forget | s.Perturb) or any(_is_mark(inner) for inner in s.blocks(statement))
        for statement in block.rest
    )


def _is_included(rule: s.Mutation, network: s.Network) -> bool:
    """Returns whether a rule is from another file than the network, which may have fixed cells only."""
    return rule.position is not None and network.position is not None and (
        rule.position.source.name != network.position.source.name
    )  # fmt: skip


def _idle(rule: s.Mutation, parent: Genotype, rng: random.Random, check: Check | None) -> _Reason | None:
    """Returns the reason why a rule makes no new child of an individual; None if it makes one."""
    mate = relative(parent, rng, check) if rule.crossover else None
    try:
        for _ in range(_TRIES):
            child = mutate(parent, rng, check, (rule,), mate=mate)
            if child.genotype != parent or child.forget or child.noise:
                return None
    except TooMuchWork:
        raise
    except CellError as error:
        problem = error.problems[0]
        if problem.message == ALL_REJECTED:
            reason = problem.hint.splitlines()[0].removeprefix(f"{rule.name}: ")
            return _Reason(2, f"every child is rejected: {reason}", rejecting=1)
        return _Reason(0, f"the rule does not apply: {obstacle(rule.block, Scene.of(parent, Attempt(Work(), mate)))}")
    return _Reason(1, "every child equals its parent")
