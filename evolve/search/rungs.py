"""Asynchronous successive halving (Li et al. 2020, arXiv 1810.05934): who is trained on to the next rung."""

from __future__ import annotations

from bisect import insort
from typing import Generic, NamedTuple

from evolve.algorithms.fronts import crowded
from evolve.records import G, Individual, Proposal, rank


class Job(NamedTuple, Generic[G]):
    """A training for a worker: that of a new individual, or of a promoted one to its next rung."""

    proposal: Proposal[G]
    place: int  # the place in the order in which jobs were made, which is the id in a search without rungs
    rung: int = 0


class _Rung:
    """The results of one rung, the best first, and the individuals that were promoted from it."""

    def __init__(self) -> None:
        self.promoted: set[int] = set()
        self._sorted: list[tuple[tuple[float, int, int], int, int]] = []
        self._scores: dict[int, tuple[float, ...]] = {}
        self._keys: dict[int, tuple[int, float]] = {}  # the rank and crowding of each id, if there are several scores

    def add(self, individual: Individual) -> None:
        """Adds a result. Of equal results the smaller network is better, and then the earlier one."""
        insort(self._sorted, (rank(individual.fitness, individual.size), len(self._sorted), individual.id))
        if len(individual.scores) > 1:
            self._scores[individual.id] = individual.scores
            self._keys.clear()

    def best(self, share: int) -> list[int]:
        """Returns the ids of the best, one of `share` results."""
        return self._order()[: len(self._sorted) // share]

    def possible(self, limit: int) -> list[int]:
        """Returns the ids that may be among the best `limit` results, whatever the next results are."""
        order = self._order()
        if not self._scores or limit >= len(order):
            return order[:limit]
        # A later result changes the crowding of others, so that the order within one rank may change.
        worst = self._keys[order[limit - 1]][0] if limit else 1
        return [id for id in order if self._keys[id][0] >= worst]

    def _order(self) -> list[int]:
        ids = [id for _, _, id in self._sorted]
        if not self._scores:
            return ids
        if not self._keys:
            self._keys = dict(zip(self._scores, crowded([*self._scores.values()]), strict=True))
        return sorted(ids, key=self._keys.__getitem__, reverse=True)


class Ladder:
    """The results of each rung, from which the next promotion follows.

    The state depends only on the results, in their order, and on the promotions so far, so a resumed search has the
    same state. A failed individual and a duplicate that took the result of another have no place on a rung.

    Args:
      rungs: the number of rungs.
      reduction: one of this number of results is promoted.
      individuals: the greatest number of individuals.
      reuse: whether duplicates take the result of the individual with the same network.
    """

    def __init__(self, rungs: int, reduction: int, individuals: int, reuse: bool = False) -> None:
        self._rungs = [_Rung() for _ in range(rungs)]
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
        self._rungs[rung - 1].promoted.add(id)

    def next(self) -> tuple[int, int] | None:
        """Returns the id of the individual to promote and its next rung, the highest one; None if there is none."""
        for number in range(len(self._rungs) - 1, 0, -1):
            below = self._rungs[number - 1]
            for id in below.best(self._reduction):
                if id not in below.promoted:
                    return id, number
        return None

    def possible(self) -> frozenset[tuple[int, int]]:
        """Returns the ids that may still be promoted, each with the rung of its result."""
        found, places = set[tuple[int, int]](), self._places
        for number, rung in enumerate(self._rungs[:-1]):
            possible = [id for id in rung.possible(places // self._reduction) if id not in rung.promoted]
            found.update((id, number) for id in possible)
            places = len(rung.promoted) + len(possible)  # the greatest number of results of the next rung
        return frozenset(found)
