"""Asynchronous successive halving (Li et al. 2020, arXiv 1810.05934): who is trained on to the next rung."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, NamedTuple

from compiler.epochs import Epoch
from evolve.algorithms.fronts import Point, crowding, dominates
from evolve.algorithms.rungs import Dominated
from evolve.records import G, Individual, Proposal, rank

ENOUGH = 10  # the promotions from a rung after which trainings are stopped by their curves


class Job(NamedTuple, Generic[G]):
    """A training for a worker: that of a new individual, or of a promoted one to its next rung."""

    proposal: Proposal[G]
    place: int  # the place in the order in which jobs were made, which is the id in a search without rungs
    rung: int = 0


# Sorts results: fitness and size, then the place in the order of results, and then the id.
Key = tuple[tuple[float, int, int], int, int]


class _Ranks:
    """The results of a rung with several objectives by their rank and crowding distance, as `fronts.crowded` has them.

    A new result changes only the ranks of results that it dominates, so the others are not sorted again. The results of
    a rank are ordered when they are asked for.
    """

    def __init__(self) -> None:
        self._scores: list[Point] = []  # in the order of results, as all lists by place
        self._keys: list[Key] = []
        self._ranks: list[list[int]] = []  # the places of the results of each rank
        self._orders: list[list[int]] = []  # the ids of the results of each rank, the best first; empty if not known

    def add(self, scores: Point, key: Key) -> None:
        """Adds a result. Of equal results, the one with the least key is better."""
        moving = [len(self._scores)]
        self._scores.append(scores)
        self._keys.append(key)
        number = bisect_left(self._ranks, True, key=lambda places: not self._is_below(scores, places))
        while moving:
            # Results that come to a rank move those down that they dominate, by one rank. If they move all of a rank,
            # all lower ranks move down too, because each of their results is dominated by one of the rank above.
            places = self._ranks[number] if number < len(self._ranks) else []
            below = [place for place in places if self._is_below(self._scores[place], moving)]
            if len(below) == len(places):
                self._ranks.insert(number, moving)
                self._orders.insert(number, [])
                return
            gone = {*below}
            self._ranks[number] = [*(place for place in places if place not in gone), *moving]
            self._orders[number] = []
            moving, number = below, number + 1

    def __iter__(self) -> Iterator[int]:
        """Yields the ids, the best first."""
        for number, places in enumerate(self._ranks):
            if not self._orders[number]:
                places.sort()  # of equal points the crowding distance counts the first
                distances = crowding([self._scores[place] for place in places])
                keys = zip(distances, [self._keys[place] for place in places], strict=True)
                self._orders[number] = [id for _, (_, _, id) in sorted((-distance, key) for distance, key in keys)]
            yield from self._orders[number]

    def _is_below(self, scores: Point, places: Iterable[int]) -> bool:
        return any(dominates(self._scores[place], scores) for place in places)


class _Rung:
    """The results of one rung, the best first, and the individuals that were promoted from it."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.promoted: set[int] = set()
        self.stopped: set[int] = set()
        self._curves: dict[int, tuple[Epoch, ...]] = {}
        self._least: dict[int, float] = {}
        self._sorted: list[Key] = []
        self._several: list[int] = []  # the ids of the results with several scores
        self._ranks, self._dominated = _Ranks(), Dominated()

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, individual: Individual) -> None:
        """Adds a result. Of equal results the smaller network is better, and then the earlier one."""
        self._curves[individual.id] = individual.history
        if individual.history and len(individual.history) < self.epochs:
            self.stopped.add(individual.id)
        key = (rank(individual.fitness, individual.size), len(self._sorted), individual.id)
        insort(self._sorted, key)
        if len(individual.scores) > 1:
            self._several.append(individual.id)
            self._ranks.add(individual.scores, key)
            self._dominated.add(individual.scores)

    def promote(self, id: int) -> None:
        """Notes that an individual is trained on."""
        self.promoted.add(id)
        for epoch in self._curves.get(id, ()):
            self._least[epoch.epoch] = min(epoch.accuracy, self._least.get(epoch.epoch, epoch.accuracy))

    def least(self) -> tuple[tuple[int, float], ...]:
        """Returns the lowest training accuracy of those that were promoted by epoch; none before there are enough."""
        return tuple(self._least.items()) if len(self.promoted) >= ENOUGH else ()

    def may_rise(self, id: int) -> bool:
        """Whether an individual has neither been promoted nor stopped."""
        return id not in self.promoted and id not in self.stopped

    def best(self, count: int) -> Iterator[int]:
        """Yields the ids of the best `count` results."""
        return islice(self._ranks if self._several else (id for _, _, id in self._sorted), count)

    def possible(self, limit: int) -> list[int]:
        """Returns the ids that may be among the best `limit` results, whatever the next results are."""
        if not self._several:
            return [*self.best(limit)]
        # A later result may move others down to the rank of this one, and change the crowding distances there. Only
        # those that dominate a result are before it for ever.
        return [self._several[place] for place in self._dominated.fewer(limit)]


class Ladder:
    """The results of each rung, from which the next promotion follows.

    The state depends only on the results, in their order, and on the promotions so far, so a resumed search has the
    same state. A failed individual and a duplicate that took the result of another have no place on a rung.

    Args:
      rungs: the epochs of each rung.
      reduction: one of this number of results is promoted.
      individuals: the greatest number of individuals.
      reuse: whether duplicates take the result of the individual with the same network.
    """

    def __init__(self, rungs: Sequence[int], reduction: int, individuals: int, reuse: bool = False) -> None:
        self._rungs = [_Rung(epochs) for epochs in rungs]
        self._reduction, self._reuse = reduction, reuse
        self._places = individuals  # the greatest number of results of the first rung
        self._networks: dict[tuple[str, str], int] = {}

    def add(self, individual: Individual) -> None:
        """Adds the result of a training."""
        is_unranked = individual.is_failed
        if self._reuse and not is_unranked:
            is_unranked = self._networks.setdefault(individual.network, individual.id) != individual.id
        if is_unranked:
            self._places -= 1
        else:
            self._rungs[individual.rung].add(individual)

    def promote(self, id: int, rung: int) -> None:
        """Notes that an individual is trained on to `rung`."""
        self._rungs[rung - 1].promote(id)

    def next(self) -> tuple[int, int] | None:
        """Returns the id of the individual to promote and its next rung, the highest one; None if there is none."""
        for number in range(len(self._rungs) - 1, 0, -1):
            below = self._rungs[number - 1]
            for id in below.best(len(below) // self._reduction):
                if below.may_rise(id):
                    return id, number
        return None

    def least(self, rung: int) -> tuple[tuple[int, float], ...]:
        """Returns training accuracies by epoch: those of a training that is promoted from a rung have never been lower.

        The last rung has none, because its trainings are not promoted.
        """
        return self._rungs[rung].least()

    def possible(self) -> frozenset[tuple[int, int]]:
        """Returns the ids that may still be promoted, each with the rung of its result."""
        found, places = set[tuple[int, int]](), self._places
        for number, rung in enumerate(self._rungs[:-1]):
            places = max(places, len(rung))  # a resumed search may have been given fewer individuals
            possible = [id for id in rung.possible(places // self._reduction) if rung.may_rise(id)]
            found.update((id, number) for id in possible)
            # The greatest number of results of the next rung. Each further result of this rung may be promoted too: an
            # individual is promoted before the better ones come that push it out of the best.
            places = len(rung.promoted) + len(possible) + places - len(rung)
        return frozenset(found)
