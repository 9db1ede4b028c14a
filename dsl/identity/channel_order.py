"""Whether the order of the channels that a cell returns has an effect on what the network computes.

A cell that returns `concat(a, b)` returns the same channels as with `concat(b, a)`, in another order. The network
computes the same with the order of its weights changed, if each later operation treats all channels alike or mixes
them all, and if no state with these channels is added to a state with channels of another cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dsl.primitives import CONCATENATION, FIT_BY_FIRST, PRIMITIVES
from dsl.space.cache import Cache
from dsl.space.expand import bind
from dsl.space.genotype import Genotype, Space
from dsl.tree import edit
from dsl.tree import syntax as s

_ENDS = ("head", "auxiliary")  # the sections of a network whose last step has an output for each class


class _Facts(NamedTuple):
    """The facts of a cell.

    Attributes:
      returns: whether the cell has no brackets and returns a concatenation, whose order may have no effect.
      decides: whether the cell by itself gives the order of its inputs' channels an effect.
    """

    returns: bool
    decides: bool


class _Network(NamedTuple):
    """The facts of a network.

    Attributes:
      cells: the names of the cells that the network uses, directly or through ops.
      decides: whether an operation of the network, or its output, depends on the order of channels.
    """

    cells: frozenset[str]
    decides: bool


class _Part(NamedTuple):
    """The facts of a part of a cell, such as a node.

    Attributes:
      has_groups: whether an operation within the part may divide channels into groups.
      concatenations: the number of concatenations within the part.
    """

    has_groups: bool
    concatenations: int


class _OrderCache:
    """The caches of one search space: the facts of cells, of their parts, and of networks."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.cells: Cache[_Facts] = Cache()
        self.parts: Cache[_Part] = Cache(4096)
        self.networks: Cache[_Network] = Cache(256)
        self.grouped = _grouped(space)
        self.never = self._never()

    def facts(self, cell: s.Cell) -> _Facts:
        """Returns the facts of a cell."""
        found = self.cells.get(cell)
        if found is None:
            found = self._facts(cell)
            self.cells.put(found, cell)
        return found

    def network(self, network: s.Network) -> _Network:
        """Returns the facts of a network."""
        found = self.networks.get(network)
        if found is None:
            ends = [part for part in network.sections if part.name in _ENDS or part is network.sections[-1]]
            is_mixed = all(any(map(self._mixes, part.steps[-1].pipe)) for part in ends)
            used = self.space.cells_in(op.name for op in _operations(network))
            found = _Network(used, not is_mixed or self._has_groups(network))
            self.networks.put(found, network)
        return found

    def _facts(self, cell: s.Cell) -> _Facts:
        live = edit.live_nodes(cell)
        nodes = [node for node in cell.nodes if node.name in live]
        reads = (term for node in nodes for _, term in s.flow_edges(node.flow) if not edit.is_none(term))
        read = {s.read_state(term) for term in reads}
        returned = _returned(cell.output.terms)
        # A concatenation that only the return reads is a part of the concatenation that is returned.
        joined = [node for node in nodes if returned and node.name not in read and not node.flow.tail]
        inner = sum(self._part(part).concatenations for part in (*nodes, cell.output))
        inner -= returned + sum(_returned(node.flow.terms) for node in joined)
        unmixed = sum(item.kind is None or not self._mixes(item.kind) for item in cell.inputs)
        by_first = cell.fit is not None and cell.fit.name == FIT_BY_FIRST
        # The channels of one input may stand in any order if all states that are added to it get the same order. A
        # concatenation has an order of its own, and so has another input.
        besides = [part for part in (cell.settings, cell.fit) if part is not None]
        has_groups = any(self._part(part).has_groups for part in (*cell.inputs, *besides, *nodes, cell.output))
        decides = by_first or has_groups or unmixed > 1 or (unmixed == 1 and inner > 0)
        return _Facts(cell.settings is None and returned > 0, decides)

    def _part(self, part: s.Syntax | tuple[object, ...]) -> _Part:
        """Returns the facts of a part of a cell, from the cache if a cell before had the same part."""
        found = self.parts.get(part)
        if found is None:
            found = _Part(self._has_groups(part), _concatenations(part))
            self.parts.put(found, part)
        return found

    def _never(self) -> bool:
        """Returns whether the order has no effect in all genotypes of the space, so that none needs to be examined."""
        items, cells = self.space.items, self.space.written.values()
        decides = any(self._facts(cell).decides for cell in cells) or self.network(self.space.network).decides
        inner = _concatenations(items) - sum(_returned(cell.output.terms) for cell in cells)
        is_fixed = not self.space.evolves_network and not self.space.nests and not inner
        return not _concatenations(items) or (is_fixed and not decides and not self._has_groups(items))

    def _has_groups(self, part: object) -> bool:
        """Returns whether an operation within a part of the tree may divide channels into groups."""
        return any(op.name in self.grouped or _divides(op) for op in _operations(part))

    def _mixes(self, op: s.Op | s.Any, own: str = "") -> bool:
        """Returns whether each output channel of an operation is a trained mixture of all its input channels.

        `own` is the name of the op around it, which means a primitive there.
        """
        if not isinstance(op, s.Op):
            return False
        defined = self.space.definitions.ops.get(op.name) if op.name != own else None
        if defined is None:
            return op.name in PRIMITIVES and PRIMITIVES[op.name].mixes_channels
        given = {formal.name for formal in defined.formals}
        return all(
            any(self._mixes(part, op.name) for part in case.pipe if isinstance(part, s.Op) and part.name not in given)
            for case in defined.cases
        )


def order_counts(genotype: Genotype) -> bool:
    """Returns whether the order of a concatenation that a cell returns may have an effect in this network."""
    cache = genotype.space.once(_OrderCache)
    if cache.never:
        return False
    network, nests = cache.network(genotype.network), genotype.space.nests
    facts = [cache.facts(cell) for cell in genotype.cells if nests or cell.name in network.cells]
    return any(one.returns for one in facts) and (nests or network.decides or any(one.decides for one in facts))


def _grouped(space: Space) -> frozenset[str]:
    """Returns the names of the ops and genes that may stand for an operation that divides channels into groups."""
    declared: dict[str, list[s.Op]] = {}
    for name, part in {**space.definitions.ops, **space.genes}.items():
        members = space.values.get(str(part.members)) if isinstance(part, s.Gene) else None
        declared[name] = [*_operations((part, members))]
    found = {name for name, ops in declared.items() if any(_divides(op) for op in ops)}
    while more := {name for name, ops in declared.items() if name not in found and any(op.name in found for op in ops)}:
        found |= more
    return frozenset(found)


def _operations(part: object) -> Iterator[s.Op]:
    """Yields the operations within a part of the tree. In a set, a name alone may be an operation."""
    for one in s.parts_of(part):
        if isinstance(one, s.Op):
            yield one
        elif isinstance(one, s.Path) and len(one.names) == 1:
            yield s.Op(one.names[0])


def _divides(op: s.Op) -> bool:
    """Returns whether an operation, if its name means a primitive, may divide channels into more than one group."""
    primitive = PRIMITIVES.get(op.name)
    if primitive is None or primitive.channel_groups is None:
        return False
    given = bind(op, tuple([setting.name for setting in primitive.settings]), 1).get(primitive.channel_groups)
    # A number of groups that is not written out may be any number.
    return given is not None and not (isinstance(given, s.Number) and given.value == 1)


def _returned(terms: tuple[s.Term, ...]) -> int:
    """Returns the number of concatenations that are the whole return, or an argument of one that is."""
    only = terms[0] if len(terms) == 1 else None
    if not isinstance(only, s.Call) or not isinstance(only.op, s.Op) or only.op.name != CONCATENATION:
        return 0
    return 1 + sum(_returned((argument,)) for argument in only.arguments)


def _concatenations(part: object) -> int:
    """Returns the number of concatenations within a part of the tree."""
    return sum(op.name == CONCATENATION for op in _operations(part))
