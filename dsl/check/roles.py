"""Says what a name is that stands where it has no meaning: a step's name, a setting of another operation, a gene."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dsl.errors import Problem
from dsl.primitives import PRIMITIVES
from dsl.tree import syntax as s

_COST = "a cost, which only `require` compares"
_COSTS = ("params", "mult_adds", "activations")  # The other costs, `depth` and `nodes`, may be meant as other things.


def explained(problems: Iterable[Problem], items: Iterable[s.Declaration]) -> list[Problem]:
    """Returns the problems, each once. One with an unknown name that is declared elsewhere says what the name is."""
    roles = {name: role for name, role in reversed(list(_roles(items)))}
    return list(dict.fromkeys(_explained(problem, roles.get(problem.unknown)) for problem in problems))


def _explained(problem: Problem, role: str | None) -> Problem:
    if role == _COST:
        hint = f"write require {problem.unknown} <= 1M, outside of the rule"
        return replace(problem, message=f"{problem.unknown!r} is {role}", hint=hint)
    if role is None:
        return problem
    allowed = problem.hint.find("allowed: ")  # Only a misspelt name has a nearest name.
    hint = problem.hint[allowed:] if allowed >= 0 else problem.hint
    return replace(problem, message=f"{problem.unknown!r} is {role}, and cannot stand here", hint=hint)


def _roles(items: Iterable[s.Declaration]) -> Iterator[tuple[str, str]]:
    """Yields names with what they are. The names that a whole file knows come first."""
    items = list(items)
    for item in items:
        match item:
            case s.Param(name):
                yield name, "a param, which is a number"
            case s.Gene(name):
                yield name, "a gene"
            case s.Values(name):
                yield name, "a set"
            case s.OpDef(name):
                yield name, "an operation"
            case s.Cell(name) | s.Like(name):
                yield name, "a cell"
    yield from ((name, "an operation") for name in PRIMITIVES)
    yield from ((step.name, "the name of a step") for item in items if isinstance(item, s.Network)
                for section in item.sections for step in section.steps if step.name is not None)  # fmt: skip
    for item in items:
        match item:
            case s.OpDef(name, formals):
                yield from ((formal.name, f"a setting of op {name}") for formal in formals)
            case s.Cell(name, inputs, nodes):
                yield from ((formal.name, f"a setting of cell {name}") for formal in item.settings or ())
                states = [*[state.name for state in inputs], *[node.name for node in nodes]]
                yield from ((state, f"a state of cell {name}") for state in states)
            case s.Mutation(name):
                bindings = (part for part in s.parts_of(item.block) if isinstance(part, s.Binding))
                yield from ((binding.name, f"a variable of rule {name}") for binding in bindings)
    yield from ((name, _COST) for name in _COSTS)
    yield from ((name, "known only in the settings of operations") for name in ("filters", "stride", "channels"))
