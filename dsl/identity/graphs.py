"""The graphs of a genotype from which its fingerprint is made, as data: what a model may learn from."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import NamedTuple

from dsl.identity.canonical import Sum, Vertex
from dsl.identity.cell_graph import CellGraph
from dsl.identity.fingerprint import FingerprintCache, built, calls_at
from dsl.identity.frames import frame_of
from dsl.identity.labels import Label, Use
from dsl.identity.stacking import Stacking, stacking_of
from dsl.space.cache import Alike, Cache
from dsl.space.genotype import Genotype, Space
from dsl.tree import syntax as s


class _WholeGraph(CellGraph):
    """A graph whose labels keep their whole texts, so that a reader can take settings from them."""

    __slots__ = ()

    @staticmethod
    def kept(label: Label) -> Label:
        """Returns the label as it is."""
        return label


class OpGraph(NamedTuple):
    """A graph of operations: one cell, or the steps of the network. Its operations stand in an order in which they run.

    Attributes:
      operations: for each operation its primitives with their settings as text, and the places of the operations that
        it reads, once for each time that it reads one.
      output: the places of the operations whose sum is the output.
    """

    operations: tuple[tuple[str, tuple[int, ...]], ...]
    output: tuple[int, ...]


class GraphCache:
    """The caches of one search space for graphs: stackings of networks, cells, and the facts of cells."""

    def __init__(self, space: Space) -> None:
        self.stackings: Cache[Stacking] = Cache(256)
        self.graphs: Cache[tuple[OpGraph, tuple[Use, ...]]] = Cache()
        self.cells: Alike[s.Cell] = Alike()  # many children of one parent have equal cells
        self.frame = functools.lru_cache(maxsize=256)(functools.partial(frame_of, space, False))


def graphs(genotype: Genotype) -> Mapping[str, OpGraph]:
    """Returns the graphs of a genotype without identities and dead operations.

    The graph of the steps has the key `network`. The graph of a cell has the place of its use as key, from 0 on in the
    order of the network. The graph of a cell inside of an operation has the mark of its use as key, without brackets.
    """
    cache, own = genotype.space.once(FingerprintCache), genotype.space.once(GraphCache)
    stacking = own.stackings.get(genotype.network, *genotype.network_read)
    if stacking is None:
        stacking = stacking_of(genotype, cache.lines)
        own.stackings.put(stacking, genotype.network, *genotype.network_read)
    found = {"network": OpGraph(stacking.steps, (len(stacking.steps) - 1,))}
    waiting: list[Use] = []
    for place, use in enumerate(stacking.uses):
        found[str(place)], within = _graph(use, genotype, cache, own)
        waiting += within
    while waiting:
        use = waiting.pop()
        name = use.mark[1:-1]
        if name not in found:
            found[name], within = _graph(use, genotype, cache, own)
            waiting += within
    return found


def _graph(use: Use, genotype: Genotype, cache: FingerprintCache, own: GraphCache) -> tuple[OpGraph, tuple[Use, ...]]:
    """Returns the graph of a cell where it is used, and the uses of cells inside of it."""
    calls, cell = calls_at(use, genotype, cache), own.cells.first(genotype.cell(use.cell))
    known = own.graphs.get(cell, calls, *genotype.read)
    if known is None:
        within: dict[Use, None] = {}

        def named(inner: Use) -> str:
            within[inner] = None
            return inner.mark[1:-1]

        read = genotype.read_by(cell)
        build = _WholeGraph(own.frame(cell.inputs, cell.fit, cell.width, cell.settings, calls, read), named)
        known = (_live(build.vertices, built(build, cell)), tuple(within))
        own.graphs.put(known, cell, calls, *genotype.read)
    return known


def _live(vertices: list[Vertex], output: Sum) -> OpGraph:
    """Returns the operations on which the output depends."""
    reads = [tuple(itertools.chain.from_iterable(groups)) for _, groups, _ in vertices]
    live = {*output}
    for place in reversed(range(len(vertices))):
        if place in live:
            live.update(reads[place])
    if len(live) < len(vertices):
        places = {old: new for new, old in enumerate(sorted(live))}
        vertices, reads = (
            [vertices[old] for old in places],
            [tuple([places[read] for read in reads[old]]) for old in places],
        )
        output = tuple([places[old] for old in output])
    return OpGraph(tuple([(label, read) for (label, _, _), read in zip(vertices, reads, strict=True)]), output)
