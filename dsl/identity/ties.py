"""A canonical order of the vertices of a graph, some of which look alike.

A vertex gets a color from its label, from what it reads and from its readers, again and again, until no further
vertices get different colors. If vertices still have one color, one of them gets a color of its own, and the colors are
refined once more (McKay & Piperno, Practical graph isomorphism II, 2014). Parts of the graph that are not linked are
ordered by themselves, so that any number of equal branches takes little time.

The order is complete: two graphs that are written out in it are equal only if the graphs are equal. Equal graphs have
one order if vertices that still look alike after each of them in turn had a color of its own can be exchanged. No other
graph is known that a cell could have; it would have to be strongly regular.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dsl.identity.digests import digest

# How many vertices and links are looked at to find out which of several vertices gets a color of its own. In a larger
# part, it is the first one.
_MOST_LINKS = 10_000
_Colors = Mapping[int, str]
# For each vertex the vertices that it reads, each with a mark: reads with different marks are different.
Reads = Sequence[Sequence[tuple[int, int]]]


def ordered(texts: Sequence[str], reads: Reads) -> list[int]:
    """Returns the vertices of a graph in an order that does not depend on their numbers.

    Args:
      texts: for each vertex a text of what it computes, which is equal for vertices that compute the same of the same.
      reads: what each vertex reads. A vertex reads only vertices before it.
    """
    graph = _Graph(reads)
    every = range(len(texts))
    return graph.ordered(every, graph.refined(every, dict(enumerate(texts))))


class _Graph:
    """The links between vertices."""

    def __init__(self, reads: Reads) -> None:
        self.reads = reads
        self.readers: list[list[tuple[int, int]]] = [[] for _ in reads]
        for vertex, read in enumerate(reads):
            for mark, source in read:
                self.readers[source].append((mark, vertex))

    def refined(self, members: Sequence[int], colors: _Colors) -> _Colors:
        """Returns colors of members, which are sorted, that depend on their readers too, and on what these read.

        The given colors depend on what each member reads.
        """
        count = len({*colors.values()})
        while True:
            found: dict[int, str] = {}
            for vertex in reversed(members):
                found[vertex] = _color(colors[vertex], self.readers[vertex], found)
            kinds = len({*found.values()})
            if kinds in (count, len(found)):
                return found
            colors, count = self.below(members, found), kinds

    def below(self, members: Sequence[int], colors: _Colors) -> _Colors:
        """Returns colors of members, which are sorted, that depend on what they read too."""
        found: dict[int, str] = {}
        for vertex in members:
            found[vertex] = _color(colors[vertex], self.reads[vertex], found)
        return found

    def ordered(self, members: Sequence[int], colors: _Colors) -> list[int]:
        """Returns members, which are sorted, in an order that depends only on their refined colors and their links."""
        counts = Counter([colors[vertex] for vertex in members])
        order = sorted([vertex for vertex in members if counts[colors[vertex]] == 1], key=colors.__getitem__)
        if len(order) == len(members):
            return order
        parts = self.parts([vertex for vertex in members if counts[colors[vertex]] > 1], colors)
        if len(parts) == 1 and not order:
            return self.ordered(members, self.told_apart(members, colors))
        orders = [self.ordered(part, colors) for part in parts]
        texts = [self.written(part, colors) for part in orders]
        for index in sorted(range(len(parts)), key=texts.__getitem__):
            order += orders[index]
        return order

    def told_apart(self, members: Sequence[int], colors: _Colors) -> _Colors:
        """Returns refined colors, after one of the members that look alike got a color of its own."""
        alike = _by_color(members, colors)
        _, chosen = min([(len(some), color) for color, some in alike.items() if len(some) > 1])
        size = sum([1 + len(self.reads[vertex]) for vertex in members])
        tried = alike[chosen] if len(alike[chosen]) * size <= _MOST_LINKS else alike[chosen][:1]
        starts = [self.below(members, {**colors, vertex: f"one {chosen}"}) for vertex in tried]
        found = [self.refined(members, start) for start in starts]
        return min(found, key=lambda each: sorted(each.values()))

    def parts(self, members: Sequence[int], colors: _Colors) -> list[list[int]]:
        """Returns the parts of the members between which no link tells vertices of one color apart."""
        part_of = {vertex: [vertex] for vertex in members}
        for one, other in self.telling(members, colors):
            few, many = sorted((part_of[one], part_of[other]), key=len)
            if few is not many:
                many += few
                part_of.update(dict.fromkeys(few, many))
        return [sorted(part) for part in {id(part): part for part in part_of.values()}.values()]

    def telling(self, members: Sequence[int], colors: _Colors) -> Iterator[tuple[int, int]]:
        """Yields the pairs of members that tell vertices of their colors apart.

        If most vertices of a color read most vertices of another color in one way, these are the pairs that do not.
        """
        alike, inside = _by_color(members, colors), {*members}
        marks: dict[tuple[int, int], list[int]] = defaultdict(list)
        for vertex in members:
            for mark, source in self.reads[vertex]:
                if source in inside:
                    marks[vertex, source].append(mark)
        ways = {pair: tuple(sorted(some)) for pair, some in marks.items()}
        counts = Counter([(colors[one], colors[other], way) for (one, other), way in ways.items()])
        usual = {
            (reader, read): way
            for (reader, read, way), count in counts.items()
            if 2 * count > len(alike[reader]) * len(alike[read])
        }
        for reader, read in usual:
            yield from (pair for pair in itertools.product(alike[reader], alike[read]) if pair not in ways)
        for (one, other), way in ways.items():
            if usual.get((colors[one], colors[other])) != way:
                yield one, other

    def written(self, order: Sequence[int], colors: _Colors) -> str:
        """Returns a part as text: the colors of its vertices, which stand in this order, and the links within it."""
        places = {vertex: place for place, vertex in enumerate(order)}
        return ";".join([f"{colors[vertex]}{_links(self.reads[vertex], places)}" for vertex in order])


def _by_color(members: Iterable[int], colors: _Colors) -> dict[str, list[int]]:
    """Returns the members of each color."""
    found: dict[str, list[int]] = defaultdict(list)
    for vertex in members:
        found[colors[vertex]].append(vertex)
    return found


def _color(own: str, links: Iterable[tuple[int, int]], colors: Mapping[int, str]) -> str:
    """Returns the color of a vertex with these links. A link to a vertex without a color is not looked at."""
    return digest(f"{own}<{','.join(sorted([f'{mark} {colors[other]}' for mark, other in links if other in colors]))}")


def _links(links: Iterable[tuple[int, int]], places: Mapping[int, int]) -> list[tuple[int, int]]:
    return sorted([(mark, places[other]) for mark, other in links if other in places])
