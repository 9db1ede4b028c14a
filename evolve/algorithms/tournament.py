"""The pairwise tournament of Real et al. 2017, arXiv 1703.01041."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from compiler.domains import whole
from evolve.algorithms.base import Member, NonAgeing
from evolve.records import G


@dataclass(eq=False, kw_only=True)
class PairwiseTournament(NonAgeing[G]):
    """Pairwise tournaments: the better of two random members becomes a parent, or the worse of them is removed.

    A tournament removes a member if the population has `population_size` or more members.
    If the population has one member, this member becomes the parent.
    """

    population_size: Annotated[int, whole(2), "number of members at which tournaments remove the worse of two"] = 1000

    def _tournaments(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Removes members by tournaments until the population is small enough, and returns the winner of a last one."""
        members = list(self._members.values())
        removed = []
        while len(members) >= self.population_size:
            worse = min(rng.sample(members, 2), key=lambda member: member.fitness)
            members.remove(worse)
            removed.append(worse.id)
        return max(rng.sample(members, min(2, len(members))), key=lambda member: member.fitness), removed
