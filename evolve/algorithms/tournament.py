"""The pairwise tournament: what a worker does in Real et al. 2017, arXiv 1703.01041."""

from __future__ import annotations

import random
from collections.abc import Mapping

from evolve.algorithms.base import Member, SearchSpace, Survivors
from evolve.errors import check_whole
from evolve.search.records import G


class PairwiseTournament(Survivors[G]):
    """Of two of the living the worse dies when there are enough of them; else the better has a child.

    One alone has a child without a contest.
    """

    def __init__(self, space: SearchSpace[G], seed: int, *, population_size: int = 1000) -> None:
        check_whole("pairwise_tournament.population_size", population_size, 2)
        super().__init__(space, seed, population_size)

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by their gin names."""
        return {"pairwise_tournament.population_size": self._population_size}

    def _contests(self, rng: random.Random) -> tuple[Member[G], tuple[int, ...]]:
        """Tournaments until one ends in a child."""
        living = list(self._living.values())
        killed = []
        while len(living) >= self._population_size:
            worse = min(rng.sample(living, 2), key=lambda member: member.fitness)
            living.remove(worse)
            killed.append(worse.id)
        return max(rng.sample(living, min(2, len(living))), key=lambda member: member.fitness), tuple(killed)
