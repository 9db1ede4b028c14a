"""A cache of resolved operations and cells, most of which a child shares with its parent."""

from __future__ import annotations

from typing import NamedTuple

from compiler.graph.structure import Step
from compiler.primitives.base import Operation, Shape
from dsl.space.cache import Cache
from dsl.space.evaluate import Value
from dsl.space.expand import Place
from dsl.space.genotype import Genotype
from dsl.tree import syntax as s

MAX_EXPANSIONS = 20_000
MAX_OPERATIONS = 100_000  # the limit of operations in all cached steps together, which take about 40 MB
_CELLS, _USES = 128, 512
_VALUES = 64  # the greatest number of combinations of gene values for which results are kept


class Expansion(NamedTuple):
    """The primitives of one operation at one place. The first `prefix` characters of a key are the key of the place.

    `is_none` says that the operation is `none` at this place.
    """

    prefix: int
    operations: tuple[Operation, ...]
    is_none: bool = False


Expansions = dict[tuple[s.Op, Place, Shape], Expansion]
# The facts of a step besides its operations: the shapes of its inputs, whether each input is the raw stem, the stride.
Use = tuple[tuple[Shape, ...], tuple[bool, ...], int | None]
# The arguments of a cell: the shapes of its inputs, whether each input is the raw stem, the filters, the stride, and
# the values of its settings.
Call = tuple[tuple[Shape, ...], tuple[bool, ...], int | None, int, tuple[tuple[str, Value | None], ...]]


class Resolved:
    """Resolved operations and cells of one search space, for one set of gene values and one number of classes.

    Cells are looked up by object and not by value, since a child shares unchanged objects with its parent.
    """

    def __init__(self) -> None:
        self.expansions: Expansions = {}
        self.operations = 0  # an upper bound of the operations in all cached steps
        self._steps: Cache[dict[Call, Step]] = Cache(_CELLS)
        self._uses: Cache[dict[Use, Step]] = Cache(_USES)

    def step(self, call: Call, cell: s.Cell, *within: s.Cell) -> Step | None:
        """Returns the step that an earlier use of a cell, with the same arguments and cells within it, has given."""
        known = self._steps.get(cell, *within)
        return None if known is None else known.get(call)

    def keep(self, step: Step, call: Call, cell: s.Cell, *within: s.Cell) -> None:
        """Adds the step of one use of a cell to the cache; `within` are the cells within the cell."""
        self.operations += len(step.operations)
        known = self._steps.get(cell, *within)
        if known is None:
            self._steps.put({call: step}, cell, *within)
        else:
            known[call] = step

    def use(self, use: Use, pipe: s.Pipe, cells: tuple[s.Cell, ...]) -> Step | None:
        """Returns the step that the same operations of a network with the same cells have given, or None."""
        known = self._uses.get(pipe, cells)
        return None if known is None else known.get(use)

    def keep_use(self, step: Step, use: Use, pipe: s.Pipe, cells: tuple[s.Cell, ...]) -> None:
        """Adds the step of operations of a network with these cells to the cache."""
        self.operations += len(step.operations)
        known = self._uses.get(pipe, cells)
        if known is None:
            self._uses.put({use: step}, pipe, cells)
        else:
            known[use] = step


class ResolveCache:
    """Resolved operations and cells of one search space, for the latest values of its genes."""

    def __init__(self) -> None:
        self._resolved: dict[tuple[object, ...], Resolved] = {}

    def of(self, genotype: Genotype, classes: int) -> Resolved:
        """Returns what is known for genotypes with the same values of those genes that operations may read."""
        if sum(one.operations for one in self._resolved.values()) > MAX_OPERATIONS or (
            sum(len(one.expansions) for one in self._resolved.values()) > MAX_EXPANSIONS
        ):
            self._resolved.clear()
        values = (classes, *genotype.read)
        found = self._resolved.pop(values, None) or Resolved()
        self._resolved[values] = found  # at the end, since the first ones are removed first
        if len(self._resolved) > _VALUES:
            del self._resolved[next(iter(self._resolved))]
        return found
