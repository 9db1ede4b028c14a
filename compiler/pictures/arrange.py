"""Arranges a drawing: finds the row and the x coordinate of every part of a graph.

The layout has rows. First, a link that passes rows gets a bend in each of these rows. Then each row is ordered so that
few links cross. At last the parts of each row get x coordinates. A bend keeps a vertical lane through its row free, and
links curve only between rows, so a link never runs through a part. Links that leave one item share their bends.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, pairwise

Link = tuple[int, int]
Rows = list[list[int]]

BETWEEN = 26.0  # the least distance of two boxes
PORT = 20.0  # the distance of two arrows that enter one box
_LANE = 20.0  # the least distance of a bend from other items
_ROW = 720.0  # If the operations in a row would be wider than this, the next node goes a row lower.
_KINK = 9.0  # A link with a smaller horizontal shift is made straight.
_ORDERINGS, _RELAXATIONS, _SWEEPS = 12, 8, 8


class Role(Enum):
    """The role of an item in the layout."""

    SOURCE = "in the first row"
    NODE = "in the highest row that has room"
    MARK = "in the row directly above the item that reads it"
    SINK = "alone in the last row, as wide as the items that it reads"
    BEND = "the point at which a link passes a row"


@dataclass(frozen=True, slots=True)
class Item:
    """A part of the graph, with its width in the drawing."""

    role: Role
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The positions of items and bends, and the links between neighbouring rows. Bends come after the items.

    `rows` and `centres` have a value for each item: its row, and the x coordinate of its centre. `shifts` has for each
    link the distance of its end from the centre of its target.
    """

    items: tuple[Item, ...]
    links: tuple[Link, ...]
    rows: tuple[int, ...]
    centres: tuple[float, ...]
    shifts: tuple[float, ...]


def arrange(items: Sequence[Item], links: Sequence[Link]) -> Arrangement:
    """Lays out a graph. Links lead from earlier to later items. A sink is the last item, and no link leaves it."""
    graph = _with_bends(items, links, _ranks(items, links))
    order = _ordered(graph)
    shifts = _shifts(graph, order)
    centres = _centres(graph, order, shifts)
    return Arrangement(graph.items, graph.links, graph.rows, tuple(centres), tuple(shifts))


@dataclass(frozen=True, slots=True)
class _Graph:
    """A graph of items and bends, in which every link leads to the next row."""

    items: tuple[Item, ...]
    links: tuple[Link, ...]
    rows: tuple[int, ...]
    above: list[list[int]]
    below: list[list[int]]

    def is_bend(self, place: int) -> bool:
        return self.items[place].role is Role.BEND

    def distance(self, left: int, right: int) -> float:
        """Returns the least distance of the centres of two neighbours in a row."""
        space = _LANE if self.is_bend(left) or self.is_bend(right) else BETWEEN
        return (self.items[left].width + self.items[right].width) / 2 + space


# --- rows -------------------------------------------------------------------------------------------------


def _neighbours(count: int, links: Iterable[Link]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for source, target in links:
        above[target].append(source)
        below[source].append(target)
    return above, below


def _ranks(items: Sequence[Item], links: Sequence[Link]) -> list[int]:
    """Returns the row of every item. Nodes are in even rows, and operations in odd rows."""
    above, below = _neighbours(len(items), links)
    ranks, filled = [0] * len(items), defaultdict[int, float](float)
    for place, item in enumerate(items):
        rank = max((ranks[source] + 1 for source in above[place]), default=0)
        if item.role is Role.NODE:
            marks = [items[source] for source in above[place] if items[source].role is Role.MARK]
            needed = max(item.width, sum(mark.width + BETWEEN for mark in marks))
            rank = max(2, rank + rank % 2)
            while filled[rank] and filled[rank] + needed > _ROW:
                rank += 2
            filled[rank] += needed
        ranks[place] = rank
    if items[-1].role is Role.SINK:
        ranks[-1] = max(ranks) + 1
    for place in reversed(range(len(items))):
        if items[place].role is Role.MARK:
            ranks[place] = min(ranks[target] for target in below[place]) - 1
    used = {rank: row for row, rank in enumerate(sorted(set(ranks)))}
    return [used[rank] for rank in ranks]


def _with_bends(items: Sequence[Item], links: Sequence[Link], ranks: Sequence[int]) -> _Graph:
    """Returns the graph with a bend in every row that a link passes. Links from one item share their bends."""
    rows, short = list(ranks), []
    bends: dict[tuple[int, int], int] = {}
    for source, target in links:
        here = source
        for row in range(ranks[source] + 1, ranks[target]):
            if (source, row) not in bends:
                bends[source, row] = len(rows)
                short.append((here, len(rows)))
                rows.append(row)
            here = bends[source, row]
        short.append((here, target))
    return _Graph(
        (*items, *(Item(Role.BEND) for _ in bends)), tuple(short), tuple(rows), *_neighbours(len(rows), short)
    )


# --- order in the rows ------------------------------------------------------------------------------------


def _ordered(graph: _Graph) -> Rows:
    """Returns the rows, each sorted so that few links cross, by repeated sorting from above and from below."""
    order: Rows = [[] for _ in range(max(graph.rows) + 1)]
    for place, row in enumerate(graph.rows):
        order[row].append(place)
    best, fewest = order, _crossings(graph, order)
    for beginning in (order, [row[::-1] for row in order]):
        tried = [list(row) for row in beginning]
        for sweep in range(_ORDERINGS):
            _sort(tried if sweep % 2 == 0 else tried[::-1], graph.above if sweep % 2 == 0 else graph.below)
            _swap(graph, tried)
            crossings = _crossings(graph, tried)
            if crossings < fewest:
                best, fewest = [list(row) for row in tried], crossings
    return best


def _indices(order: Rows) -> dict[int, int]:
    return {place: index for row in order for index, place in enumerate(row)}


def _sort(order: Rows, near: list[list[int]]) -> None:
    """Sorts one row after the other. An item's place is the mean of the indices of the items that it is linked to."""
    index = _indices(order)
    for row in order:
        mean = {v: sum(index[u] for u in near[v]) / len(near[v]) if near[v] else index[v] for v in row}
        row.sort(key=mean.__getitem__)
        index.update((v, i) for i, v in enumerate(row))


def _swap(graph: _Graph, order: Rows) -> None:
    """Exchanges neighbours where fewer links cross afterwards."""
    index = _indices(order)
    for row in order:
        for i in range(len(row) - 1):
            left, right = row[i], row[i + 1]
            gain = 0
            for near in (graph.above, graph.below):
                rights = [index[u] for u in near[right]]
                gain += sum((index[u] > other) - (index[u] < other) for u in near[left] for other in rights)
            if gain > 0:
                row[i], row[i + 1] = right, left
                index[left], index[right] = i + 1, i


def _crossings(graph: _Graph, order: Rows) -> int:
    index = _indices(order)
    count = 0
    for row in order:
        seen: list[int] = []
        for v in row:
            ends = [index[target] for target in graph.below[v]]
            count += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
            for end in ends:
                bisect.insort(seen, end)
    return count


# --- places in the rows -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pull:
    """One end of a link as a pull on the x coordinate of an item: it should be `shift` right of the item `other`.

    `only` is True if neither item has a second link on this side.
    """

    other: int
    shift: float
    weight: float
    only: bool


def _shifts(graph: _Graph, order: Rows) -> list[float]:
    index = _indices(order)
    entering: dict[int, list[int]] = defaultdict(list)
    for link, (_, target) in enumerate(graph.links):
        entering[target].append(link)
    shifts = [0.0] * len(graph.links)
    for arriving in entering.values():
        arriving.sort(key=lambda link: index[graph.links[link][0]])
        for i, link in enumerate(arriving):
            shifts[link] = (i - (len(arriving) - 1) / 2) * PORT
    return shifts


def _pulls(graph: _Graph, shifts: Sequence[float]) -> list[list[_Pull]]:
    pulls: list[list[_Pull]] = [[] for _ in graph.items]
    for (source, target), shift in zip(graph.links, shifts, strict=True):
        only = len(graph.below[source]) == len(graph.above[target]) == 1
        if graph.items[target].role is Role.SINK:
            weight = 1e-4  # The output is as wide as the parts that lead to it, so links to the output are straight.
        elif graph.items[source].role is Role.MARK or only:
            weight = 6.0 if only else 3.0
        else:
            weight = (1.0, 2.0, 8.0)[graph.is_bend(source) + graph.is_bend(target)]
        pulls[source].append(_Pull(target, shift, weight, only))
        pulls[target].append(_Pull(source, -shift, weight, only))
    return pulls


def _centres(graph: _Graph, order: Rows, shifts: Sequence[float]) -> list[float]:
    """Returns the x coordinate of every item. Linked items are near each other, and long links are straight."""
    xs = [0.0] * len(graph.items)
    pulls = _pulls(graph, shifts)
    _relax(graph, order, pulls, xs, kept=False)
    for _ in range(_RELAXATIONS):
        _straighten(graph, order, pulls, xs)
        _relax(graph, order, pulls, xs, kept=True)
    _snap(graph, order, pulls, xs)
    _straighten(graph, order, pulls, xs)
    _snap(graph, order, pulls, xs)
    return xs


def _relax(graph: _Graph, order: Rows, pulls: list[list[_Pull]], xs: list[float], kept: bool) -> None:
    """Moves the items of every row to where their pulls are in balance, several times. With `kept`, bends stay."""
    still = [kept and graph.is_bend(v) for v in range(len(xs))]
    totals = [0.0 if still[v] else sum(pull.weight for pull in pulls[v]) for v in range(len(xs))]
    weights = [[1e6 if still[v] else totals[v] or 0.01 for v in row] for row in order]
    offsets = [
        [*accumulate((graph.distance(left, right) for left, right in pairwise(row)), initial=0.0)] for row in order
    ]
    rows = [*zip(order, offsets, weights, strict=True)]
    for sweep in range(_SWEEPS):
        for row, places, weight in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [
                sum([(xs[p.other] + p.shift) * p.weight for p in pulls[v]]) / totals[v] if totals[v] else xs[v]
                for v in row
            ]
            for v, x in zip(row, _spread(places, wanted, weight), strict=True):
                xs[v] = x


def _spread(offsets: list[float], wanted: list[float], weights: list[float]) -> list[float]:
    """Returns the x coordinates nearest to the wanted ones, by least squares, with the row's order and distances."""
    pools: list[tuple[float, float, int]] = []
    for x, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, count = x - offset, 1
        # Neighbours that would be too near become one pool at their common mean.
        while pools and pools[-1][0] > mean:
            other, others, members = pools.pop()
            mean = (mean * weight + other * others) / (weight + others)
            weight, count = weight + others, count + members
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _room(graph: _Graph, order: Rows, xs: list[float]) -> Callable[[int], tuple[float, float]]:
    """Returns a function that gives the least and the greatest x coordinate to which an item may move.

    Between these two, the item is not too near to its left and its right neighbour in the row.
    """
    beside: dict[int, tuple[int | None, int | None]] = {}
    for row in order:
        beside.update(zip(row, zip([None, *row], [*row[1:], None], strict=False), strict=True))

    def room(v: int) -> tuple[float, float]:
        left, right = beside[v]
        least = -math.inf if left is None else xs[left] + graph.distance(left, v)
        return least, math.inf if right is None else xs[right] - graph.distance(v, right)

    return room


def _straighten(graph: _Graph, order: Rows, pulls: list[list[_Pull]], xs: list[float]) -> None:
    """Moves the bends of each link to one x coordinate, or to a few if their neighbours leave no common room."""
    room = _room(graph, order, xs)
    for trunk in _trunks(graph):
        run: list[int] = []
        low, high = -math.inf, math.inf
        for v in trunk:
            least, most = room(v)
            if run and max(low, least) > min(high, most):
                _align(run, low, high, pulls, xs)
                run, low, high = [], -math.inf, math.inf
            run, low, high = [*run, v], max(low, least), min(high, most)
        _align(run, low, high, pulls, xs)


def _align(run: list[int], low: float, high: float, pulls: list[list[_Pull]], xs: list[float]) -> None:
    wanted = sorted((xs[p.other] + p.shift, p.weight) for v in run for p in pulls[v] if p.other not in run)
    # The weighted median is in line with one of the parts. A mean would be in line with none of them.
    weights = list(accumulate(weight for _, weight in wanted))
    x, _ = wanted[bisect.bisect_left(weights, weights[-1] / 2)]
    for v in run:
        xs[v] = min(max(x, low), high)


def _snap(graph: _Graph, order: Rows, pulls: list[list[_Pull]], xs: list[float]) -> None:
    """Removes kinks: aligns an item with its only neighbour above, or with a neighbour that is nearly in line."""
    room = _room(graph, order, xs)
    for v in (v for row in order for v in row if not graph.is_bend(v)):
        low, high = room(v)
        aside = {pull: xs[pull.other] + pull.shift for pull in pulls[v]}
        only = [x for pull, x in aside.items() if pull.only and graph.rows[pull.other] < graph.rows[v]]
        for x in only or sorted(aside.values(), key=lambda x: abs(x - xs[v]))[:1]:
            if low <= x <= high and (only or abs(x - xs[v]) < _KINK):
                xs[v] = x


def _trunks(graph: _Graph) -> list[list[int]]:
    """Returns, for every link with bends, its bends from above."""
    after = {u: v for u, v in graph.links if graph.is_bend(u) and graph.is_bend(v)}
    trunks = []
    for first in (v for u, v in graph.links if graph.is_bend(v) and not graph.is_bend(u)):
        trunks.append([first])
        while trunks[-1][-1] in after:
            trunks[-1].append(after[trunks[-1][-1]])
    return trunks
