"""Regularized evolution: algorithm 1 of Real et al. 2019, arXiv 1802.01548, and its variant without ageing."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated

from compiler.domains import whole
from evolve.algorithms.base import Evolution, Member, NonAgeing, gin_name
from evolve.errors import UsageError
from evolve.records import G, Individual

_fitness = attrgetter("fitness")
SampleSize = Annotated[int, whole(1), "members of a tournament sample, which is drawn with replacement"]


@dataclass(eq=False, kw_only=True)
class RegularizedEvolution(Evolution[G]):
    """Ageing evolution: the best of a tournament sample becomes a parent, and the oldest member is removed."""

    sample_size: SampleSize = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sample(self, self.sample_size)
        self._members: deque[Member[G]] = deque(maxlen=self.population_size)

    def _population(self) -> Collection[Member[G]]:
        return self._members

    @property
    def replayed(self) -> int:
        """The size of the population. Earlier individuals have been removed from it."""
        return self.population_size

    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], str]:
        """Returns the best of a tournament sample, and an empty memo."""
        return max(rng.choices(self._members, k=self.sample_size), key=_fitness), ""

    def tell(self, individual: Individual) -> None:
        """Adds an individual to the population, and removes the oldest member if there are too many."""
        self._members.append(Member(individual.id, self._finish(individual.id), individual.fitness))


@dataclass(eq=False, kw_only=True)
class NonAgeingEvolution(NonAgeing[G]):
    """Evolution without ageing: the best of a tournament sample becomes a parent, and the worst of it is removed.

    With one worker this is the cycle of the paper: each step removes one member and proposes one child. With many
    workers, no member is removed while the population has fewer than `population_size` members. When it has more, one
    member of each sample is removed until there is room, and the last sample gives the parent. The parent is removed
    only if it is the whole sample.
    """

    sample_size: SampleSize = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sample(self, self.sample_size)

    def _tournaments(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Returns the best of the last sample, and the ids of the worst of each sample that removes a member."""
        members = list(self._members.values())
        parent, worst = self._tournament(members, rng)
        removed = []
        while len(members) >= self.population_size:
            members.remove(worst)
            removed.append(worst.id)
            if len(members) >= self.population_size:
                parent, worst = self._tournament(members, rng)
        return parent, removed

    def _tournament(self, members: Sequence[Member[G]], rng: random.Random) -> tuple[Member[G], Member[G]]:
        """Returns the best of a sample and the worst of the other members in it."""
        drawn = rng.choices(members, k=self.sample_size)
        best = max(drawn, key=_fitness)
        others = [member for member in drawn if member is not best]
        return best, min(others, key=_fitness, default=best)


def _check_sample(algorithm: Evolution[G], sample_size: int) -> None:
    if sample_size > algorithm.population_size:
        raise UsageError(
            f"{gin_name(type(algorithm))} needs 1 <= sample_size <= population_size; "
            f"sample_size is {sample_size}, population_size is {algorithm.population_size}"
        )
