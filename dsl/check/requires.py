"""Static checks of requirements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dsl.check.paths import PARTS
from dsl.check.uses import check_numbers
from dsl.errors import CellError, Problem, nearest, problems_of
from dsl.space.genotype import STEPS, Space
from dsl.text.unparse import condition as shown
from dsl.tree import syntax as s

COSTS = ("params", "mult_adds", "depth", "activations", "nodes")

_STEPS = (STEPS, "count")


def readable_params(space: Space) -> Mapping[str, int | float]:
    """Returns the params that a requirement reads. A name that a param and a cost have means the cost there."""
    return {name: value for name, value in space.params.items() if name not in COSTS}


def verify_requires(space: Space) -> Iterator[Problem]:
    """Returns the errors of the requirements of a search space."""
    return problems_of(lambda item: _check_require(item.condition, space), space.requires)


def _check_require(condition: s.Condition, space: Space) -> None:
    for part in s.simple(condition):
        if not isinstance(part, s.Compare):
            raise CellError(
                f"`require` compares costs, and `{shown(part)}` does not", part.position, nearest("", COSTS)
            )
        for path in s.paths(part):
            _check_cost(path, space)


def _check_cost(path: s.Path, space: Space) -> None:
    root, *rest = path.names
    if not rest and (root in COSTS or root in space.params):
        return
    if not rest and root in space.genes:
        check_numbers(path, space, "a cost")
        return
    if path.names == _STEPS and STEPS not in space.values:
        return
    if len(rest) == 2 and rest[1] == "count":
        rest = rest[:1]
    if root in space.cell_names and len(rest) == 1 and rest[0] in PARTS["cell"]:
        return
    names = [
        *COSTS,
        ".".join(_STEPS),
        *space.params,
        *space.genes,
        *(f"{cell}.{part}" for cell in space.cell_names for part in PARTS["cell"]),
    ]
    raise CellError(f"unknown cost {str(path)!r}", path.position, nearest(str(path), names))
