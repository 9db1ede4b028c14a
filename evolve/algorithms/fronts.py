"""Non-dominated sorting, crowding distance and hypervolume, with which searches for several objectives compare points.

A point is a tuple with one score for each objective, and of every score larger is better. A point dominates another if
none of its scores is smaller and one is larger. A front is a set of points of which none dominates another. Points that
no point dominates have rank 0, and points that only points of lower ranks dominate have the next rank (Deb et al. 2002,
"A fast and elitist multiobjective genetic algorithm: NSGA-II", section III).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import ge, gt
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Point = tuple[float, ...]


def dominates(one: Point, other: Point) -> bool:
    """Whether the point `one` dominates the point `other`."""
    return one != other and all(map(ge, one, other))


class Rated(NamedTuple):
    """The values of an individual that decide whether it is in the front of a search."""

    rung: int
    scores: Point
    order: tuple[float, ...]  # of equally good individuals, the one with the least order is in the front

    def excludes(self, other: Rated) -> bool:
        """Whether an individual with the values `other` is not in a front that has this one.

        Scores of different rungs cannot be compared, so only individuals of the highest rung are in a front.
        """
        if self.rung != other.rung:
            return self.rung > other.rung
        return dominates(self.scores, other.scores) or (self.scores == other.scores and self.order <= other.order)


def joined(front: tuple[T, ...], one: T, rated: Callable[[T], Rated]) -> tuple[T, ...]:
    """Returns the front of the members of a front and one more individual, in their `Rated.order`."""
    new, known = rated(one), [(rated(member), member) for member in front]
    if any(old.excludes(new) for old, _ in known):
        return front
    kept = [(old, member) for old, member in known if not new.excludes(old)]
    return tuple([member for _, member in sorted([*kept, (new, one)], key=lambda pair: pair[0].order)])


def non_dominated(points: Sequence[Point]) -> list[int]:
    """Returns the places of the points that no other point dominates, in rising order. Equal points all stay."""
    return [place for place, rank in enumerate(ranks(points)) if rank == 0]


def ranks(points: Sequence[Point]) -> list[int]:
    """Returns the rank of each point.

    This is the efficient non-dominated sort of Zhang et al. 2015. The points are placed in falling order, so no point
    dominates one that was placed before. A point that is below one rank is below all lower ranks too, so its own rank
    is found by bisection.
    """
    placed: dict[Point, int] = {}
    layers: list[list[Point]] = []  # the different points of each rank
    for point in sorted(set(points), reverse=True):
        low, high = 0, len(layers)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if _is_below(point, layers[middle]) else (low, middle)
        if low == len(layers):
            layers.append([])
        layers[low].append(point)
        placed[point] = low
    return [placed[point] for point in points]


def _is_below(point: Point, layer: Sequence[Point]) -> bool:
    """Whether a point of a layer dominates `point`, which is the smallest of them all."""
    if len(point) == 2:  # the second scores of a layer rise
        return layer[-1][1] >= point[1]
    return any(all(map(ge, other, point)) for other in reversed(layer))


def crowding(points: Sequence[Point]) -> list[float]:
    """Returns the crowding distance of each point of a front, which is infinite at the ends of each objective.

    Of equal points, only the first is counted, and the others have the distance 0, so that they are the first to go.
    """
    different = list(dict.fromkeys(points))
    distance = dict.fromkeys(different, 0.0)
    for scores in zip(*different, strict=True):
        order = sorted(range(len(scores)), key=scores.__getitem__)
        low, high = scores[order[0]], scores[order[-1]]
        distance[different[order[0]]] = distance[different[order[-1]]] = math.inf
        for before, place, after in zip(order, order[1:], order[2:], strict=False):
            if high > low:
                distance[different[place]] += (scores[after] - scores[before]) / (high - low)
    return [distance.pop(point, 0.0) for point in points]


def crowded(points: Sequence[Point]) -> list[tuple[int, float]]:
    """Returns a key for each point, of which the larger is better: the negative rank, then the crowding distance.

    This is the crowded comparison of NSGA-II.
    """
    found = [(0, 0.0)] * len(points)
    places: dict[int, list[int]] = {}
    for place, rank in enumerate(ranks(points)):
        places.setdefault(rank, []).append(place)
    for rank, members in places.items():
        for place, distance in zip(members, crowding([points[place] for place in members]), strict=True):
            found[place] = (-rank, distance)
    return found


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Returns the volume that the points dominate and that dominates the point `reference`.

    The volume is exact. With two objectives the points are swept once; with more, the volume that a point adds to that
    of the points after it is found by a recursion (While et al. 2012, WFG).
    """
    inside = sorted({point for point in points if all(map(gt, point, reference))}, reverse=True)
    front = [inside[place] for place in non_dominated(inside)]
    if len(reference) == 2:
        heights = [reference[1], *(second for _, second in front)]
        return sum((first - reference[0]) * (y - low) for (first, y), low in zip(front, heights, strict=False))
    return sum(
        math.prod(score - least for score, least in zip(point, reference, strict=True))
        - hypervolume([tuple(map(min, point, other)) for other in front[place + 1 :]], reference)
        for place, point in enumerate(front)
    )
