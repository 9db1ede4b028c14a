"""The limits that conditions set on numbers, and the search for limits that no number satisfies together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dsl.check.requires import COSTS, readable_params
from dsl.errors import CellError, Problem
from dsl.space.evaluate import COMPARISONS, evaluate
from dsl.space.genotype import Space
from dsl.text.unparse import condition as shown
from dsl.text.unparse import expression
from dsl.tree import syntax as s

Params = Mapping[str, int | float]  # the params that a condition reads, with their values
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Limit:
    """A comparison of a name with a number. `at` is the comparison in the text from which it follows."""

    name: str
    symbol: str
    value: float
    at: s.Compare

    def __str__(self) -> str:
        return f"{self.name} {self.symbol} {self.value:,}"


def verify_limits(space: Space) -> Iterator[Problem]:
    """Yields the errors of requirements that no network satisfies, alone or together with an earlier requirement."""
    found: list[Limit] = []
    params = readable_params(space)
    for item in space.requires:
        odd = _require_fault(item.condition, params)
        if odd is not None:
            yield odd
            continue
        wrong = _constant_fault(item.condition, params)
        if wrong is not None:
            yield Problem(
                f"no network satisfies {shown(wrong)}", wrong.position, "`require` compares costs, such as params < 1M"
            )
        found.extend(limits(item.condition, params, frozenset()))
    both = clash(found, domains(found, space))
    if both is None:
        return
    one, other = both
    if other is None:
        least, most = domains([one], space)[one.name]
        allowed = "a cost is at least 0" if most == math.inf else f"gene {one.name} is from {least} to {most}"
        yield Problem(f"no network has {one}", one.at.position, allowed)
    else:
        yield Problem(f"no network has {one} and {other}", other.at.position,
                      f"{one} is required at {one.at.position}")  # fmt: skip


def domains(limits: Iterable[Limit], space: Space) -> Mapping[str, tuple[float, float]]:
    """Returns the least and the greatest value of each name that limits compare: of a gene, or of a cost."""
    return {
        limit.name: (0.0, math.inf)
        if limit.name in COSTS or limit.name not in space.domains
        else space.domains[limit.name].bounds
        for limit in limits
    }


def _require_fault(condition: s.Condition, params: Params) -> Problem | None:
    """Returns the error of a requirement that compares something other than numbers, or None."""
    compared = [part for part in s.simple(condition) if isinstance(part, s.Compare)]
    for part in compared:
        for side in (part.left, part.right):
            if isinstance(side, s.Kernel):
                return Problem(f"a cost is a number, and {side} is a kernel", side.position)
        fault = operand_fault(part.left, params) or operand_fault(part.right, params)
        if fault is not None:
            return fault
    return None


def _constant_fault(condition: s.Condition, params: Params) -> s.Compare | None:
    """Returns a comparison of two known numbers that must hold and is false; None if there is none."""
    if isinstance(condition, s.And):
        return next((wrong for part in condition.conditions if (wrong := _constant_fault(part, params))), None)
    is_false = isinstance(condition, s.Compare) and decided(condition, params) is False
    return condition if is_false and isinstance(condition, s.Compare) else None


def decided(compare: s.Compare, params: Params) -> bool | None:
    """Returns whether a comparison of two known numbers holds; None for any other comparison."""
    left, right = constant(compare.left, params), constant(compare.right, params)
    return None if left is None or right is None else COMPARISONS[compare.operator](left, right)


def constant(value: s.Expression, params: Params) -> float | None:
    """Returns the value of an expression of numbers and params; None for any other expression."""
    try:
        found = evaluate(value, params)
    except CellError:
        return None
    return found if isinstance(found, int | float) else None


def limits(condition: s.Condition, params: Params, bound: frozenset[str], wanted: bool = True) -> Iterator[Limit]:
    """Yields the limits on single names that follow from a condition if the condition has the wanted value.

    `bound` has the variables of the rule. `params` are those of the space, or of a requirement (`readable_params`).
    """
    match condition:
        case s.Not(inner):
            yield from limits(inner, params, bound, not wanted)
        case s.And(parts) if wanted:
            yield from (limit for part in parts for limit in limits(part, params, bound))
        case s.Or(parts) if not wanted:
            yield from (limit for part in parts for limit in limits(part, params, bound, False))
        case s.Compare(symbol, left, right):
            if isinstance(right, s.Path) and not isinstance(left, s.Path):
                symbol, left, right = _MIRRORED[symbol], right, left
            value = constant(right, params)
            if not isinstance(left, s.Path) or value is None or left.names[0] in params:
                return
            # A comparison with a setting is false if the operation lacks the setting, and the opposite comparison is
            # false too. So the opposite limit does not follow for settings, and not for a part that the mate may lack.
            is_number = left.names[0] not in bound or (left.names[-1] == "count" and left.names[0] != s.MATE)
            if wanted or is_number:
                yield Limit(str(left), symbol if wanted else _NEGATED[symbol], value, condition)


def clash(limits: Iterable[Limit], domains: Mapping[str, tuple[float, float]]) -> tuple[Limit, Limit | None] | None:
    """Returns the first limit, or pair of limits, that no number in the domain of its name satisfies; or None."""
    tightest: dict[tuple[str, int], Limit] = {}  # the tightest limits, by name and direction
    for limit in limits:
        least, most = domains.get(limit.name, (-math.inf, math.inf))
        strict = limit.symbol in ("<", ">")
        # With both sides negated, a limit from below is a limit from above.
        for sign, symbols, bound in ((1, ("<", "<=", "=="), least), (-1, (">", ">=", "=="), most)):
            if limit.symbol not in symbols:
                continue
            value, opposite = sign * limit.value, tightest.get((limit.name, -sign))
            if value < sign * bound or (strict and limit.value == bound):
                return limit, None
            if opposite is not None:
                excludes_equal = strict or opposite.symbol in ("<", ">")
                if sign * opposite.value > value or (excludes_equal and opposite.value == limit.value):
                    return opposite, limit
            same = tightest.setdefault((limit.name, sign), limit)
            if (value, not strict) < (sign * same.value, same.symbol not in ("<", ">")):
                tightest[limit.name, sign] = limit
    return None


def operand_fault(value: s.Expression, params: Params) -> Problem | None:
    """Returns the error of an expression that a condition cannot compare with another, or None."""
    match value:
        case s.Number() | s.Kernel() | s.Path():
            return None
        case s.Negative(inner):
            return operand_fault(inner, params)
        case s.Binary(symbol, left, right):
            if symbol in ("/", "//") and constant(right, params) == 0:
                return Problem(f"{expression(value)} divides by zero", value.position)
            if constant(left, params) is not None and constant(right, params) is not None:
                return None if constant(value, params) is not None else Problem("too large a number", value.position)
            return operand_fault(left, params) or operand_fault(right, params)
        case _:
            return Problem(f"{expression(value)} cannot be compared", value.position,
                           "compare numbers, kernels or paths; `t.op is conv` compares an operation")  # fmt: skip
