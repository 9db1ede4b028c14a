"""The limits on the sizes of sets and rules. They keep each draw of a rule fast."""

from __future__ import annotations

from collections.abc import Iterator

from dsl.errors import Problem
from dsl.space.genes import MAX_MEMBERS as MAX_MEMBERS
from dsl.space.genotype import Space
from dsl.tree import syntax as s

MAX_VARIABLES = 32
MAX_PARTS = 128
MAX_RULES = 2_000
_COUNTED = (s.Binding, s.Is, s.Compare, s.Relation, s.Assign, s.Insert, s.Connect, s.Remove, s.Forget, s.Perturb,
            s.Mutate, s.For, s.Either)  # fmt: skip


def verify_sizes(space: Space) -> Iterator[Problem]:
    """Yields the errors of sets and rules that are too large."""
    if len(space.mutations) > MAX_RULES:
        yield Problem(f"there are {len(space.mutations):,} mutation rules; at most {MAX_RULES:,}",
                      space.mutations[MAX_RULES].position, "let one rule draw with `any` or `either`")  # fmt: skip
        return
    for item in space.items:
        if not isinstance(item, s.Values | s.Gene | s.Mutation):
            continue
        parts = list(s.parts_of(item))
        for part in parts:
            if isinstance(part, s.Set) and len(part.items) > MAX_MEMBERS:
                yield Problem(f"this set has {len(part.items):,} members; at most {MAX_MEMBERS:,}", part.position)
        if isinstance(item, s.Mutation):
            yield from _large_rule(item, parts)


def _large_rule(rule: s.Mutation, parts: list[s.Syntax]) -> Iterator[Problem]:
    variables = sum(isinstance(part, s.Binding) for part in parts)
    if variables > MAX_VARIABLES:
        yield Problem(f"{rule.title} chooses {variables:,} variables; at most {MAX_VARIABLES}", rule.position,
                      "write several rules")  # fmt: skip
        return
    size = sum(isinstance(part, _COUNTED) for part in parts)
    if size > MAX_PARTS:
        message = f"{rule.title} has {size:,} variables, conditions and statements; at most {MAX_PARTS}"
        yield Problem(message, rule.position, "write several rules")
