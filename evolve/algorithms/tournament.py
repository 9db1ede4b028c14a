"""The pairwise tournament: what a worker does in Real et al. 2017, arXiv 1703.01041."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from compiler.domains import whole
from evolve.algorithms.base import Member, Survivors
from evolve.records import G


@dataclass(eq=False, kw_only=True)
class PairwiseTournament(Survivors[G]):
    """Of two random members the worse is removed while the population is large; of two others the better has a child.

    If the population has one member, this member becomes the parent.
    """

    population_size: Annotated[int, whole(2), "number of members from which on the worse of two is removed"] = 1000

    def _fight(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Tournaments until one ends in a child."""
        living = list(self._living.values())
        killed = []
        while len(living) >= self.population_size:
            worse = min(rng.sample(living, 2), key=lambda member: member.fitness)
            living.remove(worse)
            killed.append(worse.id)
        return max(rng.sample(living, min(2, len(living))), key=lambda member: member.fitness), killed
