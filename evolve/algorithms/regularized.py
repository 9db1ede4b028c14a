"""Regularized evolution: algorithm 1 of Real et al. 2019, arXiv 1802.01548, and its variant without ageing."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated

from compiler.domains import whole
from evolve.algorithms.base import Evolution, Member, Survivors, gin_name
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
        self._living: deque[Member[G]] = deque(maxlen=self.population_size)

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of every individual of the population, the oldest first."""
        return tuple([member.fitness for member in self._living])

    @property
    def living(self) -> tuple[int, ...]:
        """The ids of the population."""
        return tuple([member.id for member in self._living])

    def _is_empty(self) -> bool:
        return not self._living

    @property
    def replayed(self) -> int:
        """As many as the population holds."""
        return self.population_size

    def _contests(self, rng: random.Random) -> tuple[Member[G], str]:
        """The best of S drawn with replacement; no member dies for a child."""
        return max(rng.choices(self._living, k=self.sample_size), key=_fitness), ""

    def tell(self, individual: Individual) -> None:
        """Appends to the right of the queue; being bounded, it drops the oldest on the left."""
        self._living.append(Member(individual.id, self._ledger.leave(individual.id), individual.fitness))


@dataclass(eq=False, kw_only=True)
class NonAgeingEvolution(Survivors[G]):
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

    def _fight(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """The best of a sample, drawn with replacement, and the worst of it."""
        living = list(self._living.values())
        parent, worst = self._contest(living, rng)
        killed = []
        while len(living) >= self.population_size:
            living.remove(worst)
            killed.append(worst.id)
            if len(living) >= self.population_size:
                parent, worst = self._contest(living, rng)
        return parent, killed

    def _contest(self, living: Sequence[Member[G]], rng: random.Random) -> tuple[Member[G], Member[G]]:
        """The best of a sample, and the worst of the others in it."""
        drawn = rng.choices(living, k=self.sample_size)
        best = max(drawn, key=_fitness)
        others = [member for member in drawn if member is not best]
        return best, min(others, key=_fitness, default=best)


def _check_sample(algorithm: Evolution[G], sample_size: int) -> None:
    if sample_size > algorithm.population_size:
        raise UsageError(
            f"{gin_name(type(algorithm))} needs 1 <= sample_size <= population_size; "
            f"sample_size is {sample_size}, population_size is {algorithm.population_size}"
        )
