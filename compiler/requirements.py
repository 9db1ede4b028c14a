"""`require`: a check of costs that the rules call on every child before it is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from compiler.cost import Cost, cost
from compiler.errors import CompileError
from dsl import syntax as s
from dsl.draw import Scene, members
from dsl.errors import CellError
from dsl.evaluate import COMPARISONS, evaluate
from dsl.genotype import Genotype, Space
from dsl.unparse import condition as shown


def requirement(space: Space, input_shape: Sequence[int], classes: int) -> Callable[[Genotype], str | None]:
    """A function that gives the reason to reject a genotype, or `None`.

    Where the space requires nothing, nothing is resolved: building finds what cannot be built.
    """
    if not space.requires:
        return lambda genotype: None

    def check(genotype: Genotype) -> str | None:
        try:
            found = cost(genotype, input_shape, classes)
        except CompileError as error:
            return str(error)
        for item in space.requires:
            try:
                holds = _holds(item.condition, genotype, found)
            except CellError as error:
                return str(error)
            if not holds:
                return f"require {shown(item.condition)} (params {found.params:,}, mult_adds {found.mult_adds:,})"
        return None

    return check


def _holds(condition: s.Condition, genotype: Genotype, found: Cost) -> bool:
    match condition:
        case s.And(parts):
            return all(_holds(part, genotype, found) for part in parts)
        case s.Or(parts):
            return any(_holds(part, genotype, found) for part in parts)
        case s.Not(inner):
            return not _holds(inner, genotype, found)
        case s.Compare(symbol, left, right):
            return COMPARISONS[symbol](_value(left, genotype, found), _value(right, genotype, found))
        case _:
            raise CompileError(f"a require compares costs: {shown(condition)}")


def _value(expression: s.Expression, genotype: Genotype, found: Cost) -> float:
    names = {"params": found.params, "mult_adds": found.mult_adds, "depth": found.depth}
    names["nodes"] = sum(len(cell.nodes) for cell in genotype.cells)
    if isinstance(expression, s.Path) and len(expression.names) == 2:
        return len(members(expression, Scene(genotype)))
    value = evaluate(expression, {**genotype.space.params, **names})
    if not isinstance(value, int | float):
        raise CompileError(f"a require compares numbers, found {value}")
    return value
