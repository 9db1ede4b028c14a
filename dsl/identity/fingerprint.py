"""The fingerprint of a genotype, which is equal for genotypes that are the same network up to names and order.

A cell is converted to a graph whose vertices are operations: each use of an operation has weights of its own, and is a
vertex of its own. Sums are multisets of vertices, and identity operations are left out. The fingerprint is the digest
of the canonical form of the graph.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, TypeVar

from dsl.identity.canonical import Sum, canonical
from dsl.identity.cell_graph import CellGraph
from dsl.identity.channel_order import order_counts
from dsl.identity.digests import Hash, digest, hashed
from dsl.identity.frames import FILTERS, FREE, WITHOUT_FILTERS, Calls, Frame, calls_of, frame_of
from dsl.identity.labels import Use
from dsl.identity.stacking import Lines, stacking_of
from dsl.space.cache import Cache
from dsl.space.evaluate import number
from dsl.space.genotype import Genes, Genotype, Space
from dsl.tree import edit
from dsl.tree import syntax as s

VERSION = 4  # changes when equal genotypes have other fingerprints than before; version 0.9.0 has version 2
_MOST_SAME = 4096
T = TypeVar("T")


class _Stacked(NamedTuple):
    """How a network is stacked: the hash of its text, and the uses of cells, each with what is known of the call."""

    start: Hash
    calls: tuple[tuple[Use, Calls], ...]


class FingerprintCache:
    """The caches of one search space for fingerprints: cells, facts of cells, and how networks are stacked.

    Cells are looked up by object, since a child shares these objects with its parent. Comparing cells by value would
    take longer than the rest of a fingerprint.
    """

    order_counts = False  # whether the order of the channels that cells return has an effect

    def __init__(self, space: Space) -> None:
        self.cells: Cache[str] = Cache()
        self.lines = Lines()
        self.networks: Cache[_Stacked] = Cache(256)
        self.reads = space.nests or bool(space.read)  # whether a cell may contain another cell, or read a gene
        self.uses = functools.lru_cache(maxsize=256)(functools.partial(calls_of, space))
        self.frames: Cache[tuple[tuple[object, ...], Frame]] = Cache(256)
        self.frame = functools.lru_cache(maxsize=256)(functools.partial(frame_of, space, self.order_counts))
        self._same: dict[object, Any] = {}

    def same(self, value: T) -> T:
        """Returns equal calls of a cell, or equal genes, as one object, since the keys of a cache are objects."""
        if len(self._same) > _MOST_SAME:
            self._same.clear()
        found: T = self._same.setdefault(value, value)
        return found


class _OrderedCache(FingerprintCache):
    """The caches for genotypes in which the order of the channels that cells return has an effect."""

    order_counts = True


def fingerprint(genotype: Genotype) -> str:
    """Returns the fingerprint, which is equal for genotypes that are the same network, also those of other spaces.

    Names and order do not count, and neither do dead nodes, or genes that no live part of the network reads.
    """
    cache = _cache(genotype)
    network = _stacked(genotype, cache)
    cells = ["\n" + _used(use, calls, genotype, cache) for use, calls in network.calls]
    whole = network.start.copy()
    whole.update("".join(cells).encode())
    return whole.hexdigest()


def _cache(genotype: Genotype) -> FingerprintCache:
    return genotype.space.once(_OrderedCache if order_counts(genotype) else FingerprintCache)


def _stacked(genotype: Genotype, cache: FingerprintCache) -> _Stacked:
    """Returns how the network is stacked, from the cache if no gene that the network reads has another value."""
    read = genotype.network_read
    known = cache.networks.get(genotype.network, *read)
    if known is None:
        stacking = stacking_of(genotype, cache.lines)
        calls = tuple([(use, calls_at(use, genotype, cache)) for use in stacking.uses])
        known = _Stacked(hashed(stacking.text), calls)
        cache.networks.put(known, genotype.network, *read)
    return known


def cell_fingerprint(cell: s.Cell, genotype: Genotype) -> str:
    """Returns the fingerprint of one cell, which does not depend on its name."""
    cache, steps = _cache(genotype), [step for part in genotype.network.sections for step in part.steps]
    calls = [part for step in steps for part in step.pipe if isinstance(part, s.Op) and part.name == cell.name]
    has_filters = not calls or any(call.arguments for call in calls)
    return _at(cache.uses(cell.name, has_filters, genotype.read), cell, genotype, cache)


def calls_at(use: Use, genotype: Genotype, cache: FingerprintCache) -> Calls:
    """Returns the filters and the stride of a cell where it is used."""
    if genotype.space.written[use.cell].settings is not None:
        return FREE
    if use.stride is None:
        return FREE if use.has_filters else WITHOUT_FILTERS
    if not genotype.space.evolves_network:
        return cache.uses(use.cell, use.has_filters, genotype.read)
    return cache.same((FILTERS if use.has_filters else None, use.stride))


def _used(use: Use, calls: Calls, genotype: Genotype, cache: FingerprintCache) -> str:
    """Returns the fingerprint of a cell that is used and called in this way.

    A part of an operation that asks for no stride has the stride that the cell declares. A step names the stride.
    """
    cell = genotype.cell(use.cell)
    own = cell.stride if use.stride is None else None
    declared = "" if own is None else f"{number(own, genotype.definitions.scope)}"
    return declared + _at(calls, cell, genotype, cache)


def _at(calls: Calls, cell: s.Cell, genotype: Genotype, cache: FingerprintCache) -> str:
    """Returns the fingerprint of a cell that is called in this way."""
    facts = _read_besides(cell, genotype, cache) if cache.reads else ()
    known = cache.cells.get(cell, calls, *facts)
    if known is None:
        known = _cell_digest(cell, genotype, calls, cache)
        cache.cells.put(known, cell, calls, *facts)
    return known


def _read_besides(cell: s.Cell, genotype: Genotype, cache: FingerprintCache) -> tuple[object, ...]:
    """Returns what the fingerprint of a cell depends on besides the cell: cells within it, and genes."""
    within = genotype.cells_within(cell)
    read = genotype.read_by(cell, *within)
    return (cache.same(read), *within) if read else within


def _cell_digest(cell: s.Cell, genotype: Genotype, calls: Calls, cache: FingerprintCache) -> str:
    frame = _frame(cell, calls, genotype.read_by(cell), cache)
    build = CellGraph(frame, lambda use: _used(use, calls_at(use, genotype, cache), genotype, cache))
    output = built(build, cell)
    head = build.filled(frame.head, frame.uses) if frame.uses else frame.head
    return digest(head + canonical(build.vertices, output))


def built(build: CellGraph, cell: s.Cell) -> Sum:
    """Adds all vertices of a cell to its graph, and returns the value of the cell's output; empty if it is dead."""
    for node in cell.nodes:
        build.node(node)
    return build.output(_returned(cell, build.frame), cell.output.tail) or ()


def _frame(cell: s.Cell, calls: Calls, read: Genes, cache: FingerprintCache) -> Frame:
    """Returns the facts of a cell, which all cells with equal inputs, settings, calls and genes share."""
    parts = (cell.fit, cell.width, cell.settings, calls, read)
    known = cache.frames.get(cell.inputs, calls)
    if known is None or known[0] != parts:
        known = parts, cache.frame(cell.inputs, *parts)
        cache.frames.put(known, cell.inputs, calls)
    return known[1]


def _returned(cell: s.Cell, frame: Frame) -> tuple[s.Term, ...]:
    """Returns the terms of the cell's return. The word `unused` is replaced by the states that it stands for."""
    if "unused" not in cell.output.reads:
        return cell.output.terms
    names = edit.unused(cell)
    terms = frame.returns.get(cell.output, *names)
    if terms is None:
        terms = edit.with_states(cell.output.terms, names)
        frame.returns.put(terms, cell.output, *names)
    return terms
