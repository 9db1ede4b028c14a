"""Asynchronous successive halving (Li et al. 2020, arXiv 1810.05934): who is trained on to the next rung."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Generic, NamedTuple

from compiler.epochs import Epoch
from evolve.algorithms.fronts import crowded
from evolve.records import G, Individual, Proposal, rank

ENOUGH = 10  # the promotions from a rung after which trainings are stopped by their curves


class Job(NamedTuple, Generic[G]):
    """A training for a worker: that of a new individual, or of a promoted one to its next rung."""

    proposal: Proposal[G]
    place: int  # the place in the order in which jobs were made, which is the id in a search without rungs
    rung: int = 0


class _Rung:
    """The results of one rung, the best first, and the individuals that were promoted from it."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.promoted: set[int] = set()
        self.stopped: set[int] = set()
        self._curves: dict[int, tuple[Epoch, ...]] = {}
        self._least: dict[int, float] = {}
        self._sorted: list[tuple[tuple[float, int, int], int, int]] = []
        self._scores: dict[int, tuple[float, ...]] = {}
        self._keys: dict[int, tuple[int, float]] = {}  # the rank and crowding of each id, if there are several scores

    def add(self, individual: Individual) -> None:
        """Adds a result. Of equal results the smaller network is better, and then the earlier one."""
        self._curves[individual.id] = individual.history
        if individual.history and len(individual.history) < self.epochs:
            self.stopped.add(individual.id)
        insort(self._sorted, (rank(individual.fitness, individual.size), len(self._sorted), individual.id))
        if len(individual.scores) > 1:
            self._scores[individual.id] = individual.scores
            self._keys.clear()

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
            for id in below.best(self._reduction):
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
            possible = [id for id in rung.possible(places // self._reduction) if rung.may_rise(id)]
            found.update((id, number) for id in possible)
            places = len(rung.promoted) + len(possible)  # the greatest number of results of the next rung
        return frozenset(found)
