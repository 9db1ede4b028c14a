"""Conditions of rules that no network satisfies, or that every network satisfies."""

from __future__ import annotations

import math

from dsl.check.limits import clash, decided, limits, operand_fault
from dsl.check.live import Scope, listed
from dsl.errors import Problem
from dsl.space.genotype import Space
from dsl.text.unparse import condition as shown
from dsl.tree import syntax as s

_KINDS = {"nodes": "node", "vertices": "node", "output": "node", "terms": "term", "edges": "term", "states": "state",
          "inputs": "state", "earlier": "state", "acyclic": "state"}  # fmt: skip


def never(condition: s.Condition, scope: Scope, wanted: bool = True) -> Problem | None:
    """Returns the reason why a condition can never be true, or, if `wanted` is False, never be false; or None."""
    match condition:
        case s.Not(inner):
            return never(inner, scope, not wanted)
        case s.And(parts) | s.Or(parts):
            faults = [never(part, scope, wanted) for part in parts]
            if isinstance(condition, s.Or) == wanted:
                return faults[0] if all(faults) else None
            first = next((fault for fault in faults if fault is not None), None)
            return first or _contradiction(condition, scope, wanted) or (_two_ops(parts) if wanted else None)
        case s.Is():
            return _is_fault(condition, scope, wanted)
        case s.Relation():
            return None
        case s.Compare():
            return _compare_fault(condition, scope, wanted)


def kind_of(path: s.Path, scope: Scope) -> str:
    """Returns the kind of a path's value in a rule: cell, node, term, state, op, or number."""
    root, *rest = scope.own(path).names
    if rest:
        return {"op": "op", "tail": "op", "join": "op", "input": "state"}.get(rest[-1], "number")
    values = scope.bound.get(root)
    if root in scope.steps:
        return "step"
    if values is None:
        domain = scope.space.domains.get(root)
        kind = "number" if domain is None or domain.is_numeric else domain.kind
        return "cell" if root in scope.space.cell_names else kind
    if values == s.Path(("genes",)) and "genes" not in scope.space.values:
        return "gene"
    return _KINDS.get(values.names[-1], "cell") if isinstance(values, s.Path) and len(values.names) > 1 else "cell"


def _two_ops(parts: tuple[s.Condition, ...]) -> Problem | None:
    """Returns the reason why no operation satisfies all conditions of an `and`, or None."""
    seen: dict[s.Path, s.Is] = {}
    for part in parts:
        if isinstance(part, s.Is) and not part.negated:
            first = seen.setdefault(part.path, part)
            if first.op.name != part.op.name:
                return Problem(f"{shown(part)} contradicts {shown(first)}", part.position)
    return None


def _is_fault(condition: s.Is, scope: Scope, wanted: bool) -> Problem | None:
    if kind_of(condition.path, scope) not in ("op", "gene"):
        return Problem(f"`is` compares an operation, and {condition.path} is not an operation", condition.position,
                       "write t.op of a term, n.tail of a node")  # fmt: skip
    path = scope.own(condition.path)
    if path.names[-1] != "op" or scope.live is None:
        return None
    name, names = condition.op.name, {op.name for op in scope.ops_at(condition.path, scope.live)}
    part = "step" if path.names[0] in scope.steps else "edge"
    if wanted != condition.negated and name not in names:
        message = f"no {part} that the rule can draw is {name}, and no rule assigns this operation"
        return Problem(message, condition.position, listed(names))
    # A part that the mate lacks, and a step of several operations, have no operation, and are not this one.
    may_lack = path != condition.path or (part == "step" and scope.live.pipes)
    if wanted == condition.negated and names == {name} and not condition.op.arguments and not may_lack:
        return Problem(f"every {part} that the rule can draw is {name}", condition.position)
    return None


def _compare_fault(condition: s.Compare, scope: Scope, wanted: bool) -> Problem | None:
    params = scope.space.params
    wrong = operand_fault(condition.left, params) or operand_fault(condition.right, params)
    if wrong is not None:
        return wrong
    for side in (condition.left, condition.right):
        if condition.operator not in ("==", "!=") and isinstance(side, s.Path) and (
            kind_of(side, scope) not in ("number", "gene")
        ):  # fmt: skip
            return Problem(f"{shown(condition)} compares numbers, and {side} is not a number", side.position)
    holds = decided(condition, params)
    if holds is not None and holds != wanted:
        return Problem(f"{shown(condition)} is always {'true' if holds else 'false'}", condition.position)
    return _contradiction(condition, scope, wanted)


def _contradiction(condition: s.Condition, scope: Scope, wanted: bool) -> Problem | None:
    found = list(limits(condition, scope.space.params, frozenset(scope.bound), wanted))
    both = clash(found, {limit.name: _domain(limit.name, scope.space) for limit in found})
    if both is None:
        return None
    one, other = both
    if other is None:
        least, most = _domain(one.name, scope.space)
        allowed = f"from {least:g}" + ("" if most == math.inf else f" to {most:g}")
        return Problem(f"{shown(one.at)} is always {'false' if wanted else 'true'}", one.at.position,
                       f"{one.name} is {allowed}")  # fmt: skip
    return Problem(f"{shown(one.at)} contradicts {shown(other.at)}", other.at.position)


def _domain(name: str, space: Space) -> tuple[float, float]:
    if name.endswith(".count"):
        return 0, math.inf
    return space.domains[name].bounds if name in space.domains else (-math.inf, math.inf)
