"""Regularized evolution: algorithm 1 of Real et al. 2019, arXiv 1802.01548, and its variant without ageing."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from operator import attrgetter

from evolve.algorithms.base import Evolution, Member, SearchSpace, Survivors
from evolve.errors import UsageError, check_whole
from evolve.search.records import G

_fitness = attrgetter("fitness")


class RegularizedEvolution(Evolution[G]):
    """Ageing evolution: the best of a uniform sample has a child, and the oldest dies."""

    def __init__(self, space: SearchSpace[G], seed: int, *, population_size: int = 100, sample_size: int = 25) -> None:
        _check("regularized_evolution", population_size, sample_size)
        super().__init__(space, seed, population_size)
        self._sample_size = sample_size
        self._living: deque[Member[G]] = deque(maxlen=population_size)

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of everyone alive, the oldest first."""
        return tuple([member.fitness for member in self._living])

    @property
    def living(self) -> tuple[int, ...]:
        """The ids of the population."""
        return tuple([member.id for member in self._living])

    @property
    def memory(self) -> int:
        """The population: all that a queue remembers."""
        return self._population_size

    @property
    def window(self) -> int:
        """The population."""
        return self._population_size

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by their gin names."""
        return {
            "regularized_evolution.population_size": self._population_size,
            "regularized_evolution.sample_size": self._sample_size,
        }

    def _contests(self, rng: random.Random) -> tuple[Member[G], tuple[int, ...]]:
        """The best of S drawn with replacement; nobody dies for a child."""
        return max(rng.choices(self._living, k=self._sample_size), key=_fitness), ()

    def tell(self, id: int, fitness: float) -> None:
        """Append to the right of the queue; being bounded, it drops the oldest on the left."""
        self._living.append(Member(id, self._ledger.leave(id), fitness))


class NonAgeingEvolution(Survivors[G]):
    """The same without ageing: the best of a uniform sample has a child, and the worst of that sample dies.

    As long as no more are open than one, this is the paper's cycle to the letter: a death and a child each. With many
    workers nobody dies while fewer than `population_size` are alive, and when more are, one dies a sample until there
    is room; the last sample gives the parent. The parent dies only where the whole sample is itself.
    """

    def __init__(self, space: SearchSpace[G], seed: int, *, population_size: int = 100, sample_size: int = 25) -> None:
        _check("non_ageing_evolution", population_size, sample_size)
        super().__init__(space, seed, population_size)
        self._sample_size = sample_size

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by their gin names."""
        return {
            "non_ageing_evolution.population_size": self._population_size,
            "non_ageing_evolution.sample_size": self._sample_size,
        }

    def _contests(self, rng: random.Random) -> tuple[Member[G], tuple[int, ...]]:
        """The best of a sample, drawn with replacement, and the worst of it."""
        living = list(self._living.values())
        parent, worst = self._contest(living, rng)
        killed = []
        while len(living) >= self._population_size:
            living.remove(worst)
            killed.append(worst.id)
            if len(living) >= self._population_size:
                parent, worst = self._contest(living, rng)
        return parent, tuple(killed)

    def _contest(self, living: Sequence[Member[G]], rng: random.Random) -> tuple[Member[G], Member[G]]:
        """The best of a sample, and the worst of the others in it."""
        drawn = rng.choices(living, k=self._sample_size)
        best = max(drawn, key=_fitness)
        others = [member for member in drawn if member is not best]
        return best, min(others, key=_fitness, default=best)


def _check(name: str, population_size: int, sample_size: int) -> None:
    for setting, value in (("population_size", population_size), ("sample_size", sample_size)):
        check_whole(f"{name}.{setting}", value, 1)
    if not 1 <= sample_size <= population_size:
        raise UsageError(
            f"{name} needs 1 <= sample_size <= population_size; "
            f"sample_size is {sample_size}, population_size is {population_size}"
        )
