"""What was resolved before, so that a search does not resolve it again for every child."""

from __future__ import annotations

from typing import NamedTuple

from compiler.graph.structure import Step
from compiler.primitives.base import Operation, Shape
from dsl.space.cache import Cache
from dsl.space.expand import Place
from dsl.tree import syntax as s

MAX_EXPANSIONS = 20_000
MAX_OPERATIONS = 100_000  # in the steps that are remembered; 40 MB
_CELLS = 128


class Expansion(NamedTuple):
    """The primitives of one operation at one place; their keys begin with `prefix` characters that say where."""

    prefix: int
    operations: tuple[Operation, ...]


Expansions = dict[tuple[s.Op, Place, Shape], Expansion]
# How a cell is called: shapes of its inputs, which of them are the raw stem, filters and stride.
Call = tuple[tuple[Shape, ...], tuple[bool, ...], int | None, int]


class ResolveCache:
    """What operations and cells were resolved to, in one space, with the same genes and classes.

    Cells are known by the very objects, which children share with their parents.
    """

    def __init__(self) -> None:
        self.expansions: Expansions = {}
        self._steps: Cache[dict[Call, Step]] = Cache(_CELLS)
        self._operations = 0  # in all these steps, at most

    def step(self, cell: s.Cell, call: Call) -> Step | None:
        """What a cell was when it was called like this before."""
        known = self._steps.get(cell)
        return None if known is None else known.get(call)

    def keep(self, cell: s.Cell, call: Call, step: Step) -> None:
        """Remember what a cell is when it is called like this."""
        self._operations += len(step.operations)
        known = self._steps.get(cell)
        if known is None:
            self._steps.put({call: step}, cell)
        else:
            known[call] = step

    def tidy(self) -> None:
        """Forget everything once it is too much."""
        if len(self.expansions) > MAX_EXPANSIONS or self._operations > MAX_OPERATIONS:
            self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.expansions.clear()
        self._steps.clear()
        self._operations = 0
