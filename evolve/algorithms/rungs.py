"""The comparison of individuals that were trained to different rungs."""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from collections import deque
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from evolve.algorithms.fronts import Point
from evolve.records import Measured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LATEST = 10_000  # the number of results of a rung with which a result of several objectives is compared


class Dominated:
    """Points, and for each of them the number of others that dominate it.

    A new point is compared with all others in one pass of numpy, and a question about a known point takes no pass.
    Points wait for their pass until the first question, because searches without rungs ask none.

    Args:
      most: the number of latest points that are kept, which bounds the cost of a new point. By default all are kept.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        self._most = most
        self._waiting: deque[Point] = deque(maxlen=most)
        self._passed = 0  # the number of points that have had their pass
        self._places: dict[Point, int] = {}  # the latest place of each point
        self._points: NDArray[np.float64] | None = None  # [scores, places]
        self._counts: NDArray[np.int64] | None = None  # [places]

    def __len__(self) -> int:
        return min(self._most, self._passed + len(self._waiting))

    def add(self, point: Point) -> None:
        """Adds a point, in the place of the oldest one if there are too many."""
        self._waiting.append(point)

    def count(self, point: Point) -> int:
        """Returns the number of points that dominate a point."""
        points, counts = self._known()
        place = self._places.get(point)
        return int(counts[place]) if place is not None else int(_compared(points, point)[0].sum())

    def fewer(self, limit: int) -> list[int]:
        """Returns the places, in the order of adding from 0 on, of the points that fewer than `limit` dominate."""
        _, counts = self._known()
        found: list[int] = (counts < limit).nonzero()[0].tolist()
        return found

    def _known(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Makes the passes of the points that wait. Then returns all points, and the count of each."""
        import numpy as np  # It takes a moment to load.

        if self._points is None or self._counts is None:
            self._points, self._counts = np.empty((0, 0)), np.empty(0, np.int64)
        while self._waiting:
            point = self._waiting.popleft()
            place, room = self._passed % self._most, len(self._counts)
            if self._passed >= self._most:
                self._forget(place, self._points, self._counts)
            elif self._passed == room:
                more = min(self._most, max(64, 2 * room)) - room
                old = self._points.reshape(len(point), room)
                self._points = np.concatenate([old, np.empty((len(point), more))], axis=1)
                self._counts = np.concatenate([self._counts, np.empty(more, np.int64)])
            self._passed += 1
            known = self._points[:, : min(self._passed, self._most)]
            known[:, place], self._places[point] = point, place
            better, worse = _compared(known, point)
            self._counts[: len(worse)] += worse
            self._counts[place] = better.sum()
        used = min(self._passed, self._most)
        return self._points[:, :used], self._counts[:used]

    def _forget(self, place: int, points: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        oldest: Point = tuple(points[:, place].tolist())
        counts -= _compared(points, oldest)[1]
        if self._places[oldest] == place:
            del self._places[oldest]


def _compared(points: NDArray[np.float64], point: Point) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns which points dominate a point, and which points it dominates."""
    above: NDArray[np.bool_] = reduce(and_, [known >= score for known, score in zip(points, point, strict=True)])
    below: NDArray[np.bool_] = reduce(and_, [known <= score for known, score in zip(points, point, strict=True)])
    return above & ~below, below & ~above


class RungResults:
    """The results of each rung. A result is compared with the others of its rung, and not with those of other rungs.

    Fitnesses of different rungs cannot be compared, because a longer training gives a higher one. So the value of a
    result is its place among all results of its rung: the share of them that are better. In a search without rungs, the
    order by this value is the order by fitness.

    With several objectives, the results of a rung are the `LATEST` ones, so that a result of a long search costs no
    more than this number of comparisons.
    """

    def __init__(self) -> None:
        self.highest = 0  # the highest rung with a result
        self._sorted: dict[int, list[float]] = {}
        self._points: dict[int, Dominated] = {}

    def add(self, individual: Measured) -> None:
        """Adds a result. A failed individual has no place among the others."""
        self.highest = max(self.highest, individual.rung)
        if individual.is_failed:
            return
        insort(self._sorted.setdefault(individual.rung, []), -individual.fitness)
        if len(individual.scores) > 1:
            self._points.setdefault(individual.rung, Dominated(LATEST)).add(individual.scores)

    def share(self, rung: int, fitness: float, scores: Point) -> float:
        """Returns the share of the results of a rung that are better. With several scores, better ones dominate."""
        points = self._points.get(rung)
        if points and scores:
            return points.count(scores) / len(points)
        found = self._sorted.get(rung, [])
        return bisect_left(found, -fitness) / max(1, len(found))
