"""Evolution with and without ageing, the pairwise tournament, and random search, with which evolution is compared.

Regularized evolution is algorithm 1 of Real et al. 2019, arXiv 1802.01548. The same paper has evolution without ageing
and random search. The pairwise tournament is that of Real et al. 2017, arXiv 1703.01041.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from compiler.domains import whole
from evolve.algorithms.base import Crowded, Evolution, Latest, Member, NonAgeing, gin_name
from evolve.errors import UsageError
from evolve.records import RANDOM, G, Measured, Proposal

SampleSize = Annotated[int, whole(1), "members of a tournament sample, which is drawn with replacement"]


@dataclass(eq=False, kw_only=True)
class RegularizedEvolution(Crowded[G]):
    """Ageing evolution: the best of a tournament sample becomes a parent, and the oldest member is removed."""

    takes_rungs = True

    sample_size: SampleSize = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sample(self, self.sample_size)
        self._members: deque[Member[G]] = deque(maxlen=self.population_size)

    def _population(self) -> Collection[Member[G]]:
        return self._members

    @property
    def replayed(self) -> int:
        """The number of results that restore the population: its size, because ageing removes earlier individuals."""
        return self.population_size

    def _winner(self, members: Sequence[Member[G]], rng: random.Random) -> Member[G]:
        return max(rng.choices(members, k=self.sample_size), key=self._key)

    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Returns the best of a tournament sample. No member is removed before a result."""
        return self._winner(self._members, rng), []

    def tell(self, individual: Measured) -> None:
        """Adds an individual to the population, and removes the oldest member if the population is too large.

        A member that was promoted is replaced, and keeps its age.
        """
        if member := self._told(individual):
            self._members.append(member)

    def _replace(self, member: Member[G]) -> None:
        place = next(place for place, old in enumerate(self._members) if old.id == member.id)
        self._members[place] = member


@dataclass(eq=False, kw_only=True)
class NonAgeingEvolution(NonAgeing[G]):
    """Evolution without ageing: the best of a tournament sample becomes a parent, and its worst is removed.

    With one worker, each proposal removes one member and makes one child, as in the paper. With many workers, the
    population may be smaller or larger. While it has fewer than `population_size` members, no member is removed. When
    it has more, samples are drawn and lose their worst member until it is small enough. The last sample gives the
    parent. The parent is removed only if it is the only member in its sample.
    """

    sample_size: SampleSize = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sample(self, self.sample_size)

    def _winner(self, members: Sequence[Member[G]], rng: random.Random) -> Member[G]:
        return self._tournament(members, rng)[0]

    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], list[int]]:
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
        """Draws a sample. Returns its best member, and the worst of its other members."""
        drawn = rng.choices(members, k=self.sample_size)
        best = max(drawn, key=self._key)
        others = [member for member in drawn if member is not best]
        return best, min(others, key=self._key, default=best)


@dataclass(eq=False, kw_only=True)
class PairwiseTournament(NonAgeing[G]):
    """Pairwise tournaments: the better of two random members becomes a parent, or the worse of them is removed.

    A tournament removes a member if the population has `population_size` or more members.
    If the population has one member, this member becomes the parent.
    """

    population_size: Annotated[int, whole(2), "number of members at which tournaments remove the worse of two"] = 1000

    def _winner(self, members: Sequence[Member[G]], rng: random.Random) -> Member[G]:
        return max(rng.sample(members, min(2, len(members))), key=self._key)

    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Returns the parent of the next child, and the ids of the members to remove.

        Tournaments remove members until the population has fewer than `population_size`. The winner of one more
        tournament is the parent.
        """
        members = list(self._members.values())
        removed = []
        while len(members) >= self.population_size:
            worse = min(rng.sample(members, 2), key=self._key)
            members.remove(worse)
            removed.append(worse.id)
        return self._winner(members, rng), removed


@dataclass(eq=False, kw_only=True)
class RandomSearch(Latest[G]):
    """Random search: every individual is sampled from the search space."""

    objectives = "any"
    takes_rungs = True

    @property
    def replayed(self) -> int:
        """The number of latest results that the curves show. Proposals depend on no result."""
        return self.window

    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a random genotype."""
        return Proposal(id, self.space.sample(rng, born=id), None, RANDOM)

    def tell(self, individual: Measured) -> None:
        """Adds the fitness of an individual to the curves. The fitness has no effect on later proposals."""
        self._show(individual)
        if not individual.rung or individual.id in self._pending:
            self._finish(individual.id)


def _check_sample(algorithm: Evolution[G], sample_size: int) -> None:
    if sample_size > algorithm.population_size:
        raise UsageError(
            f"{gin_name(type(algorithm))} needs 1 <= sample_size <= population_size; "
            f"sample_size is {sample_size}, population_size is {algorithm.population_size}"
        )
