"""Searches for a front: NSGA-II, and regularized evolution with several objectives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from evolve import Algorithm, Individual, Nsga2, RandomSearch, RegularizedEvolution, Task
from evolve.algorithms.fronts import Point, hypervolume, non_dominated
from tests.evolve.test_algorithms import CountingSpace
from tests.evolve.toy import Genotype, ToySpace, by_halves, evaluate, result

FAILED: Point = ()


def scored(id: int, scores: Point) -> Individual:
    """Returns a finished individual with these scores, or a failed one."""
    return replace(result(id, scores[0] if scores else 0.0), scores=scores, status="done" if scores else "failed")


def filled(algorithm: Algorithm[Any], points: Sequence[Point]) -> Algorithm[Any]:
    """Returns an algorithm that has received individuals with these scores, in the order of their ids from 1 on."""
    for id, scores in enumerate(points, 1):
        algorithm.ask(id)
        algorithm.tell(scored(id, scores))
    return algorithm


def nsga2(size: int, points: Sequence[Point], seed: int = 0) -> Algorithm[Any]:
    return filled(Nsga2(CountingSpace(), seed, population_size=size), points)


class TestNsga2:
    def test_the_member_of_the_last_rank_is_removed(self) -> None:
        assert nsga2(3, [(3.0, 3.0), (1.0, 1.0), (2.0, 2.0), (0.0, 9.0)]).members == (1, 3, 4)

    def test_of_one_rank_the_most_crowded_is_removed(self) -> None:
        assert nsga2(4, [(0.0, 9.0), (9.0, 0.0), (5.0, 5.0), (4.9, 5.1), (2.0, 7.0)]).members == (1, 2, 3, 5)

    def test_a_new_individual_may_be_the_one_that_is_removed(self) -> None:
        assert nsga2(2, [(2.0, 2.0), (3.0, 1.0), (1.0, 1.0)]).members == (1, 2)

    def test_failures_are_removed_first(self) -> None:
        assert nsga2(3, [FAILED, (-5.0, -5.0), FAILED, (-6.0, -6.0), (-7.0, -7.0)]).members == (2, 4, 5)

    def test_a_whole_front_survives_whatever_comes_later(self) -> None:
        front = [(float(n), float(9 - n)) for n in range(10)]
        members = nsga2(10, [*front, *[(n / 9, n / 9) for n in range(30)]]).members
        assert members == tuple(range(1, 11))

    def test_a_parent_is_the_better_of_two_different_members(self) -> None:
        """The r-th worst of P wins with probability 2 (r - 1) / P (P - 1)."""
        size, tournaments = 5, 4000
        algorithm = nsga2(size, [(float(n), float(n)) for n in range(size)])
        won = Counter(algorithm.ask(size + n).parent for n in range(1, tournaments + 1))
        for rank in range(1, size + 1):
            expected = 2 * (rank - 1) / (size * (size - 1))
            assert won[rank] / tournaments == pytest.approx(expected, abs=5 * 0.5 / tournaments**0.5)

    def test_with_one_objective_the_best_survive(self) -> None:
        assert nsga2(3, [(1.0,), (5.0,), (3.0,), (4.0,), (2.0,)]).population == (5.0, 3.0, 4.0)


class TestRegularizedEvolution:
    def test_the_winner_is_of_the_lowest_rank_and_then_the_least_crowded(self) -> None:
        """The ends of the front, 1 and 5, win if one of them is in the sample of five, with probability 1 - (3/5)^5."""
        points = [(0.0, 9.0), (9.0, 0.0), (5.0, 5.0), (4.0, 5.5), (9.5, -9.0)]
        algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=5, sample_size=5)
        filled(algorithm, points)
        won = Counter(algorithm.ask(id).parent for id in range(6, 2006))
        assert (won[1] + won[5]) / 2000 == pytest.approx(1 - (3 / 5) ** 5, abs=5 * 0.5 / 2000**0.5)

    def test_the_rank_is_that_in_the_whole_population(self) -> None:
        """Member 3 dominates nothing of a sample of it and 2, and 1 dominates it: so 2 wins."""
        points = [(5.0, 5.0), (9.0, 0.0), (4.0, 4.0)]
        algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=3, sample_size=2)
        filled(algorithm, points)
        won = Counter(algorithm.ask(id).parent for id in range(4, 904))
        assert won[3] / 900 == pytest.approx(1 / 9, abs=0.06), "3 wins only against itself"

    def test_ageing_removes_the_oldest_of_a_front(self) -> None:
        algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=2, sample_size=2)
        assert filled(algorithm, [(9.0, 9.0), (1.0, 1.0), (2.0, 2.0)]).members == (2, 3)

    @pytest.mark.parametrize("scores", [(), (7.0,)])
    def test_with_one_objective_proposals_are_those_of_the_fitness(self, scores: Point) -> None:
        one, other = (RegularizedEvolution(ToySpace(), 3, population_size=10, sample_size=4) for _ in range(2))
        for id in range(1, 100):
            assert one.ask(id) == other.ask(id)
            fitness = float(id * 7 % 13)
            one.tell(result(id, fitness))
            other.tell(replace(result(id, fitness), scores=scores and (fitness,)))


def volume(make: Callable[[int], Algorithm[Genotype]], seed: int, evaluations: int = 600) -> float:
    """Returns the hypervolume that a search on the toy reaches by its two objectives."""
    algorithm, points = make(seed), []
    for id in range(1, evaluations + 1):
        genotype = algorithm.ask(id).genotype
        found = by_halves(evaluate, Task(id, ToySpace().text(genotype), 0, -math.inf))
        algorithm.tell(scored(id, found.scores))
        points.append(found.scores)
    return hypervolume([points[place] for place in non_dominated(points)], (0.0, 0.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: Nsga2(ToySpace(), seed, population_size=20),
        lambda seed: RegularizedEvolution(ToySpace(), seed, population_size=40, sample_size=10),
    ],
    ids=["nsga2", "regularized_evolution"],
)
def test_a_search_for_a_front_learns(make: Callable[[int], Algorithm[Genotype]]) -> None:
    for seed in range(3):
        assert volume(make, seed) > 1.5 * volume(lambda seed: RandomSearch(ToySpace(), seed), seed)
