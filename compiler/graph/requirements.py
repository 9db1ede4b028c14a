"""The check of requirements (`require`), which the mutation rules call on every child before it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from compiler.errors import CompileError
from compiler.graph.cache import ResolveCache
from compiler.graph.cost import Cost, cost
from dsl.errors import CellError
from dsl.rules.paths import members
from dsl.rules.scene import Scene
from dsl.space.cache import Cache
from dsl.space.evaluate import COMPARISONS, Value, number
from dsl.space.genotype import Genotype, Space
from dsl.space.stack import names
from dsl.text.unparse import condition as shown
from dsl.tree import syntax as s


def requirement(
    space: Space, input_shape: Sequence[int], classes: int, costs: Cache[Cost] | None = None
) -> Callable[[Genotype], str | None]:
    """Returns a function that returns why a genotype cannot be built or breaks a requirement, or None.

    The function keeps resolved cells and operations in a cache, since a child shares most of them with its parent.

    Args:
      space: the search space.
      input_shape: `[height, width, channels]` of the images.
      classes: the number of classes.
      costs: receives the cost of each genotype that can be built.
    """
    cache = ResolveCache()

    def check(genotype: Genotype) -> str | None:
        try:
            found = cost(genotype, input_shape, classes, cache)
        except CompileError as error:
            return error.reason
        if costs is not None:
            costs.put(found, genotype)
        return broken(genotype, found)

    return check


def broken(genotype: Genotype, found: Cost) -> str | None:
    """Returns the text of the first requirement that a genotype of this cost breaks, with its costs, or None."""
    known = _known(genotype, found)
    for item in genotype.space.requires:
        try:
            if not _holds(item.condition, genotype, known):
                return f"require {shown(item.condition)} ({_values(item, genotype, known)})"
        except CellError as error:
            return str(error)
    return None


def holds(item: s.Require, genotype: Genotype, found: Cost) -> bool:
    """Returns whether a genotype of this cost satisfies a requirement."""
    return _holds(item.condition, genotype, _known(genotype, found))


def values(item: s.Require, genotype: Genotype, found: Cost) -> str:
    """Returns the costs and counts of a genotype that a requirement compares, such as `params 1,200, nodes 3`."""
    return _values(item, genotype, _known(genotype, found))


def _values(item: s.Require, genotype: Genotype, known: Mapping[str, Value]) -> str:
    read = dict.fromkeys(path for part in s.simple(item.condition) for path in s.paths(part))
    return ", ".join(f"{path} {_value(path, genotype, known):,}" for path in read)


def _known(genotype: Genotype, found: Cost) -> dict[str, Value]:
    nodes = sum(len(cell.nodes) for cell in genotype.cells)
    return {**names(genotype), **asdict(found), "nodes": nodes}


def _holds(condition: s.Condition, genotype: Genotype, known: Mapping[str, Value]) -> bool:
    match condition:
        case s.And(parts):
            return all(_holds(part, genotype, known) for part in parts)
        case s.Or(parts):
            return any(_holds(part, genotype, known) for part in parts)
        case s.Not(inner):
            return not _holds(inner, genotype, known)
        case s.Compare(symbol, left, right):
            return COMPARISONS[symbol](_value(left, genotype, known), _value(right, genotype, known))
        case _:
            raise CellError(f"`require` compares costs, and `{shown(condition)}` does not", condition.position)


def _value(expression: s.Expression, genotype: Genotype, known: Mapping[str, Value]) -> int | float:
    """Returns the value of an expression of costs and counts."""
    scope = dict(known)
    for path in s.paths(expression):
        if len(path.names) > 1:
            collection = s.Path(path.names[:-1]) if path.names[-1] == "count" else path
            scope[str(path)] = len(members(collection, Scene.of(genotype)))
    return number(expression, scope)
