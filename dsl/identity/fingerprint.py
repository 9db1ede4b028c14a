"""The fingerprint of a genotype, which is equal for genotypes that are the same network up to names and order.

A cell is converted to a graph whose vertices are operations: each use of an operation has weights of its own, and is a
vertex of its own. Sums are multisets of vertices, and identity operations are left out. The fingerprint is the digest
of the canonical form of the graph.
"""

from __future__ import annotations

import functools

from dsl.identity.canonical import canonical, digest
from dsl.identity.cell_graph import CellGraph
from dsl.identity.frames import FILTERS, FREE, Calls, Frame, calls_of, frame_of
from dsl.identity.labels import Label
from dsl.identity.stacking import Lines, Stacking, Use, stacking_of
from dsl.space.cache import Cache
from dsl.space.genotype import Genotype, Space
from dsl.tree import edit
from dsl.tree import syntax as s

VERSION = 2  # changes when equal genotypes have other fingerprints than before; version 0.7.0 has version 1


class FingerprintCache:
    """The caches of one search space for fingerprints: cells, labels of operations, and how networks are stacked.

    Cells and operations are looked up by object, since a child shares these objects with its parent. Comparing
    operations by value would take longer than the rest of a fingerprint.
    """

    def __init__(self, space: Space) -> None:
        self.cells: Cache[str] = Cache()
        self.labels: Cache[Label] = Cache(2048)
        self.lines = Lines()
        self.stackings: Cache[Stacking] = Cache(256)
        self.uses = functools.lru_cache(maxsize=256)(functools.partial(calls_of, space))
        self.frame = functools.lru_cache(maxsize=256)(functools.partial(frame_of, space))
        self._same: dict[Calls, Calls] = {}

    def same(self, calls: Calls) -> Calls:
        """Returns equal uses of a cell as one object, as keys of a cache are compared."""
        return self._same.setdefault(calls, calls)


def fingerprint(genotype: Genotype) -> str:
    """Returns the fingerprint, which is equal for genotypes that are the same network, also those of other spaces.

    Names and order do not count, and neither do dead nodes, or genes that no live part of the network reads.
    """
    cache = genotype.space.once(FingerprintCache)
    stacking = _stacking(genotype, cache)
    cells = [_fingerprint_of(use, genotype, cache) for use in stacking.uses]
    return digest("\n".join([stacking.text, *cells]))


def _stacking(genotype: Genotype, cache: FingerprintCache) -> Stacking:
    """Returns how the network is stacked, from the cache if no gene that the network reads has another value."""
    known = cache.stackings.get(genotype.network, *genotype.network_read)
    if known is None:
        known = stacking_of(genotype, cache.lines)
        cache.stackings.put(known, genotype.network, *genotype.network_read)
    return known


def cell_fingerprint(cell: s.Cell, genotype: Genotype) -> str:
    """Returns the fingerprint of one cell, which does not depend on its name."""
    cache = genotype.space.once(FingerprintCache)
    return _at(cache.uses(cell.name, genotype.read), cell, genotype, cache)


def _fingerprint_of(use: Use, genotype: Genotype, cache: FingerprintCache) -> str:
    """Returns the fingerprint of a cell at the place where a step uses it."""
    cell = genotype.cell(use.cell)
    if not genotype.space.evolves_network:
        return cell_fingerprint(cell, genotype)
    if use.stride is None or cell.settings is not None:
        return _at(FREE, cell, genotype, cache)
    return _at(cache.same((FILTERS if use.has_filters else None, use.stride)), cell, genotype, cache)


def _at(calls: Calls, cell: s.Cell, genotype: Genotype, cache: FingerprintCache) -> str:
    known = cache.cells.get(cell, calls, *genotype.read)
    if known is not None:
        return known
    found, by_itself = _cell_digest(cell, genotype, calls, cache)
    if by_itself:
        cache.cells.put(found, cell, calls, *genotype.read)
    return found


def _cell_digest(cell: s.Cell, genotype: Genotype, calls: Calls, cache: FingerprintCache) -> tuple[str, bool]:
    """Returns the fingerprint of a cell, and whether the fingerprint is independent of the cells inside this cell."""
    frame = cache.frame(cell.inputs, cell.fit, cell.width, cell.settings, calls, genotype.read)
    build = CellGraph(genotype, frame, cache.labels, lambda name: cell_fingerprint(genotype.cell(name), genotype))
    for index, item in enumerate(cell.inputs):
        build.values[item.name] = build.add(f"input{index}", ())
        build.channels[item.name] = frame.channels[index]
    for node in cell.nodes:
        build.node(node)
    output = build.output(_returned(cell, frame), cell.output.tail)
    head = build.filled(frame.head, frame.cells)
    return digest(head + canonical(build.vertices, output or ())), build.by_itself


def _returned(cell: s.Cell, frame: Frame) -> tuple[s.Term, ...]:
    """Returns the terms of the cell's return. The word `unused` is replaced by the states that it stands for."""
    names = edit.unused(cell)
    terms = frame.returns.get(cell.output, *names)
    if terms is None:
        terms = edit.with_states(cell.output.terms, names)
        frame.returns.put(terms, cell.output, *names)
    return terms
