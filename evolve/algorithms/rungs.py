"""The comparison of individuals that were trained to different rungs."""

from __future__ import annotations

from bisect import bisect_left, insort

from evolve.algorithms.fronts import Point, dominates
from evolve.records import Measured, is_lowest


class RungResults:
    """The results of each rung. A result is compared with the others of its rung, and not with those of other rungs.

    Fitnesses of different rungs cannot be compared, because a longer training gives a higher one. So the value of a
    result is its place among all results of its rung: the share of them that are better. In a search without rungs, the
    order by this value is the order by fitness.
    """

    def __init__(self) -> None:
        self.highest = 0  # the highest rung with a result
        self._sorted: dict[int, list[float]] = {}
        self._points: dict[int, list[Point]] = {}

    def add(self, individual: Measured) -> None:
        """Adds a result. A failed individual has no place among the others."""
        self.highest = max(self.highest, individual.rung)
        if is_lowest(individual.fitness):
            return
        insort(self._sorted.setdefault(individual.rung, []), -individual.fitness)
        if len(individual.scores) > 1:
            self._points.setdefault(individual.rung, []).append(individual.scores)

    def share(self, rung: int, fitness: float, scores: Point) -> float:
        """Returns the share of the results of a rung that are better. With several scores, better ones dominate."""
        points = self._points.get(rung)
        if points and scores:
            return sum(dominates(other, scores) for other in points) / len(points)
        found = self._sorted.get(rung, [])
        return bisect_left(found, -fitness) / max(1, len(found))
