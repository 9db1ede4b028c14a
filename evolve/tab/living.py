"""The members of the population after each result, found by a replay of the algorithm without genotypes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from compiler.domains import settings_of
from evolve.algorithms import ALGORITHMS, Algorithm, Neat, gin_name
from evolve.algorithms.base import Latest, NonAgeing
from evolve.algorithms.fronts import Point
from evolve.errors import SearchError

_NAMED = {gin_name(made): made for made in ALGORITHMS}


@dataclass(frozen=True, slots=True)
class _Proposed:
    """A proposal that a replay passes to an algorithm. It has no genotype, because a replay needs none."""

    id: int
    memo: str
    genotype: None = None
    predicted: None = None


class _Result(NamedTuple):
    """A result that a replay passes to an algorithm."""

    id: int
    fitness: float
    weight_differences: tuple[tuple[int, float], ...] = ()
    scores: tuple[float, ...] = ()
    rung: int = 0
    is_failed: bool = False


class _Space:
    """A search space for an algorithm that makes no proposals."""

    def sizes(self) -> tuple[int, ...]:
        """Returns an empty tuple, because a replay draws no choices."""
        return ()


def is_of_algorithm(setting: str) -> bool:
    """Returns whether a setting belongs to an algorithm, as `regularized_evolution.sample_size` does."""
    return setting.partition(".")[0] in _NAMED


def algorithm_of(identity: Mapping[str, str]) -> Algorithm[Any] | None:
    """Returns a new algorithm with the settings of a search; None if this version does not know the algorithm."""
    name = identity.get("search.algorithm", "")
    made = _NAMED.get(name)
    if made is None:
        return None
    names = [one.name for one in settings_of(made) if f"{name}.{one.name}" in identity]
    try:
        found: Algorithm[Any] = made(_Space(), 0, **{key: value_of(identity[f"{name}.{key}"]) for key in names})
    except SearchError:
        return None
    return found


def value_of(text: str) -> object:
    """Returns the value of a stored setting: a number, None, or a text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None if text == "None" else text


class Band(NamedTuple):
    """The mean, the lowest and the highest fitness of the members that did not fail."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None


class Living:
    """The members of a population, and the mean and the range of their fitnesses.

    Proposals and results must be passed on in the order of the search. If an algorithm has no population, as random
    search, the latest individuals replace the members.
    """

    def __init__(self, algorithm: Algorithm[Any]) -> None:
        self._algorithm = algorithm
        self.has_members = not isinstance(algorithm, Latest)
        self._is_kept = isinstance(algorithm, NonAgeing)  # whether only proposals remove members
        self._members: dict[int, float | None] = {}  # the fitness of each member; None if the member failed
        self._latest: dict[int, float | None] = {}  # the latest individuals in the place of members
        self._ordered: list[float] = []
        self._total = 0.0

    @property
    def band(self) -> Band:
        """The mean, the lowest and the highest fitness of the current members."""
        if not self._ordered:
            return Band()
        return Band(self._total / len(self._ordered), self._ordered[0], self._ordered[-1])

    def adopt(self, id: int, memo: str) -> Collection[int]:
        """Passes a proposal to the algorithm. Returns the ids of the members that the proposal removes."""
        self._algorithm.adopt(_Proposed(id, memo))
        return self._left() if memo and self._members else ()  # A proposal without a memo removes no member.

    def species(self, memo: str) -> Mapping[int, int]:
        """Returns the species of the members that have got one by the proposal with this memo."""
        return self._algorithm.assigned(memo) if isinstance(self._algorithm, Neat) else {}

    def tell(
        self, id: int, fitness: float, scores: Point = (), rung: int = 0, is_failed: bool = False
    ) -> Collection[int]:
        """Passes the first result of an individual to the algorithm. Returns the ids of the members that it removes."""
        self._algorithm.tell(_Result(id, fitness, scores=scores, rung=rung, is_failed=is_failed))
        shown = None if is_failed else fitness
        self._add(shown)
        if self.has_members:
            self._members[id] = shown
            return () if self._is_kept else self._left()
        self._latest[id] = shown
        while len(self._latest) > len(self._algorithm.population):
            self._remove(self._latest.pop(next(iter(self._latest))))
        return ()

    def promote(self, id: int, fitness: float, scores: Point, rung: int) -> None:
        """Passes the result of a promotion to the algorithm. A member has this fitness from now on."""
        self._algorithm.tell(_Result(id, fitness, scores=scores, rung=rung))
        shown = self._members if self.has_members else self._latest
        if id in shown:
            self._remove(shown[id])
            self._add(fitness)
            shown[id] = fitness

    def _left(self) -> Collection[int]:
        members = self._algorithm.members
        if len(members) == len(self._members):
            return ()
        left = self._members.keys() - members
        for id in left:
            self._remove(self._members.pop(id))
        return left

    def _add(self, fitness: float | None) -> None:
        if fitness is not None:
            insort(self._ordered, fitness)
            self._total += fitness

    def _remove(self, fitness: float | None) -> None:
        if fitness is not None:
            del self._ordered[bisect_left(self._ordered, fitness)]
            self._total -= fitness
