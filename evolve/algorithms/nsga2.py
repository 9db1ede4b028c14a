"""NSGA-II (Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II"), without generations."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evolve.algorithms.base import Crowded, Member
from evolve.records import G, Measured


@dataclass(eq=False, kw_only=True)
class Nsga2(Crowded[G]):
    """NSGA-II, which searches for the best trade-offs between several objectives.

    A parent is the better of two random members by the crowded comparison. In the paper, `population_size` children are
    made at a time, and the better half of parents and children is kept. Here each result joins the population at once,
    and the worst member by the crowded comparison is removed if there are more than `population_size`. So no worker
    waits for the end of a generation. This is the steady-state NSGA-II of Nebro and Durillo 2009.
    """

    objectives = "several"
    takes_rungs = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._members: dict[int, Member[G]] = {}

    def _replace(self, member: Member[G]) -> None:
        self._members[member.id] = member

    def _population(self) -> Collection[Member[G]]:
        return self._members.values()

    @property
    def replayed(self) -> None:
        """None, because the population depends on all results and on their order."""
        return None

    def _winner(self, members: Sequence[Member[G]], rng: random.Random) -> Member[G]:
        return max(rng.sample(members, min(2, len(members))), key=self._key)

    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Returns the better of two random members. No member is removed before a result."""
        return self._winner([*self._members.values()], rng), []

    def tell(self, individual: Measured) -> None:
        """Adds an individual to the population, and removes the worst member if the population is too large.

        Of several members that are the worst, the oldest is removed.
        """
        if member := self._told(individual):
            self._members[member.id] = member
        if len(self._members) > self.population_size:
            worst = min(self._members.values(), key=self._key)
            del self._members[worst.id]
            self._crowd = {}
