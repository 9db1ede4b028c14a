"""A cache of resolved operations and cells, most of which a child shares with its parent."""

from __future__ import annotations

from typing import NamedTuple

from compiler.graph.structure import Step
from compiler.primitives.base import Operation, Shape
from dsl.space.cache import Alike, Cache
from dsl.space.evaluate import Value
from dsl.space.expand import Place
from dsl.tree import syntax as s

MAX_EXPANSIONS = 20_000
MAX_OPERATIONS = 100_000  # the limit of operations in all cached steps together, which take about 40 MB
_RESULTS = 2048  # the number of operations and cells for which steps are kept


class Expansion(NamedTuple):
    """The primitives of one operation at one place. The first `prefix` characters of a key are the key of the place.

    `is_none` says that the operation is `none` at this place.
    """

    prefix: int
    operations: tuple[Operation, ...]
    is_none: bool = False


# The number of classes, and the genes with their values that a part of the genotype reads.
Read = tuple[object, ...]
# The facts of a step besides its operations: the shapes of its inputs, whether each input is the raw stem, the stride.
Use = tuple[tuple[Shape, ...], tuple[bool, ...], int | None]
# The arguments of a cell: the shapes of its inputs, whether each input is the raw stem, the filters, the stride, and
# the values of its settings.
Call = tuple[tuple[Shape, ...], tuple[bool, ...], int | None, int, tuple[tuple[str, Value | None], ...]]


class ResolveCache:
    """Resolved operations, cells and steps of one search space.

    Each result is found by all facts on which it depends. So a child with another value of one gene has the results of
    its parent for everything that does not read this gene. Cells are compared by identity, since a child shares
    unchanged cells with its parent, and operations by value, since many rules draw the same few operations.
    """

    def __init__(self) -> None:
        self.ops: Alike[s.Op] = Alike(_RESULTS)
        self.pipes: Alike[s.Pipe] = Alike(_RESULTS)
        self.cells: Cache[tuple[s.Cell, ...]] = Cache(_RESULTS)  # the cells that operations of the network use
        self.expansions: dict[tuple[s.Op, Place, Shape, Read], Expansion] = {}
        self._operations = 0  # an upper bound of the operations in all steps
        self._steps: Cache[dict[tuple[Use | Call, Read], Step]] = Cache(_RESULTS)

    def limit(self) -> None:
        """Empties the cache if it is too large."""
        if self._operations > MAX_OPERATIONS or len(self.expansions) > MAX_EXPANSIONS:
            self.expansions, self._operations = {}, 0
            self._steps.clear()

    def step(self, facts: tuple[Use | Call, Read], *parts: object) -> Step | None:
        """Returns the step that the same cells, or the same operations of the network, have given with these facts."""
        known = self._steps.get(*parts)
        return None if known is None else known.get(facts)

    def keep(self, step: Step, facts: tuple[Use | Call, Read], *parts: object) -> None:
        """Adds the step of cells, or of operations of the network and the cells within them."""
        self._operations += 1 + len(step.operations)
        known = self._steps.get(*parts)
        if known is None:
            self._steps.put({facts: step}, *parts)
        else:
            known[facts] = step
