"""Finds mutation rules that make no new individual, by trying them on the seed and on random descendants."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from dsl.check.reach import dead_parts
from dsl.errors import CellError, Problem
from dsl.report.explain import obstacle
from dsl.rules.draw import Scene
from dsl.rules.interpreter import ALL_REJECTED, Check, mutate
from dsl.space.genotype import Genotype
from dsl.tree import syntax as s

DESCENDANTS = 60
Line = Callable[[], Sequence[Genotype]]
_TRIES = 10  # the greatest number of children of one parent that a rule makes
_MAX_REJECTING = 5  # A rule is tried on at most this number of individuals with which all its children are rejected.


def descendants(seed: Genotype, rng: random.Random, check: Check | None) -> Sequence[Genotype]:
    """Returns a line of at most `DESCENDANTS` individuals: a child of the seed, a child of this child, and so on."""
    found = [seed]
    try:
        while len(found) <= DESCENDANTS:
            found.append(mutate(found[-1], rng, check).genotype)
    except CellError:  # No rule makes a child of the last individual.
        pass
    return found[1:]


def idle_rules(seed: Genotype, line: Line, rng: random.Random, check: Check | None = None) -> Iterator[Problem]:
    """Yields a problem for each rule that can never apply, or whose children are all rejected or equal to the parent.

    A rule without statements other than `forget weights` is a mark on the child, and is no problem.

    Args:
      seed: the seed of the space.
      line: returns individuals on which a rule is tried that makes no new child of the seed.
      rng: the source of randomness.
      check: returns the reason why a child is rejected, or None.
    """
    space = seed.space
    dead = dead_parts(space)
    for rule in space.mutations:
        faults = dead.get(rule.name, ())
        yield from faults
        if faults or _is_mark(rule.block) or (not space.mutable_cells and _is_included(rule, space.network)):
            continue
        reason = _idle(rule, [seed], rng, check) and _idle(rule, [seed, *line()], rng, check)
        if reason:
            yield Problem(f"mutation {rule.name}: {reason}", rule.position)


def _is_mark(block: s.Block) -> bool:
    return all(
        isinstance(statement, s.Forget)
        or (isinstance(statement, s.Either) and any(_is_mark(inner) for inner in statement.blocks))
        for statement in block.rest
    )


def _is_included(rule: s.Mutation, network: s.Network) -> bool:
    """Returns whether a rule is from another file than the network, which may have fixed cells only."""
    return rule.position is not None and network.position is not None and (
        rule.position.source.name != network.position.source.name
    )  # fmt: skip


def _idle(rule: s.Mutation, line: Sequence[Genotype], rng: random.Random, check: Check | None) -> str | None:
    """Returns the reason why a rule makes no new child of any individual of a line; None if it makes one."""
    alone = replace(line[0].space, mutations=(rule,))
    equal, rejecting, rejected = False, 0, ""
    for parent in line:
        own = replace(parent, space=alone)
        try:
            for _ in range(_TRIES):
                child = mutate(own, rng, check)
                if child.genotype != own or child.forget:
                    return None
            equal = True
        except CellError as error:
            problem = error.problems[0]
            if problem.message == ALL_REJECTED:
                rejecting, rejected = rejecting + 1, rejected or _first(problem.hint, rule.name)
        if rejecting == _MAX_REJECTING:
            break
    if rejected:
        return f"every child is rejected: {rejected}"
    if equal:
        return "every child equals its parent"
    tried = "applies neither to the seed nor to any descendant that was tried"
    return (
        f"the rule {tried if len(line) > 1 else 'does not apply to the seed'}: {obstacle(rule.block, Scene(line[0]))}"
    )


def _first(reasons: str, rule: str) -> str:
    """Returns the first of the reasons with which `mutate` reports rejected children of one rule."""
    return reasons.removeprefix(f"{rule}: ").split(f"; {rule}: ")[0].splitlines()[0]
