"""The algorithms beside the paper: they learn, they age, their tournaments are as large as they say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

import pytest

from evolve.algorithms import Algorithm, Child, PairwiseTournament, RandomSearch, RegularizedEvolution
from evolve.errors import SearchError, UsageError
from evolve.records import RANDOM, Proposal
from tests.evolve.toy import SIZES, Genotype, ToySpace, matches, target

Make = Callable[[int], Algorithm[Genotype]]
EVALUATIONS = 1000


def evolution(seed: int) -> Algorithm[Genotype]:
    return RegularizedEvolution(ToySpace(), seed)


def tournament(seed: int) -> Algorithm[Genotype]:
    return PairwiseTournament(ToySpace(), seed, population_size=100)


def random_search(seed: int) -> Algorithm[Genotype]:
    return RandomSearch(ToySpace(), seed)


def history(make: Make, seed: int, evaluations: int = EVALUATIONS) -> list[tuple[Proposal[Genotype], int]]:
    algorithm = make(seed)
    told = []
    for id in range(1, evaluations + 1):
        proposal = algorithm.ask(id)
        fitness = matches(proposal.genotype, target(seed))
        algorithm.tell(id, fitness)
        told.append((proposal, fitness))
    return told


def test_the_toy_has_forty_choices() -> None:
    assert len(SIZES) == 40


def small_tournament(seed: int) -> Algorithm[Genotype]:
    """Two at a time press little: for as many evaluations the population is smaller."""
    return PairwiseTournament(ToySpace(), seed, population_size=20)


@pytest.mark.parametrize(("make", "least"), [(evolution, 34), (small_tournament, 30)])
def test_evolution_learns(make: Make, least: int) -> None:
    best = [max(fitness for _, fitness in history(make, seed)) for seed in range(5)]
    assert mean(best) >= least


def test_random_search_does_not() -> None:
    best = [max(fitness for _, fitness in history(random_search, seed)) for seed in range(5)]
    assert 15 <= mean(best) <= 21


@pytest.mark.parametrize("make", [evolution, tournament])
def test_children_are_one_mutation_from_their_parents(make: Make) -> None:
    told = {proposal.id: proposal for proposal, _ in history(make, 0)}
    children = [proposal for proposal in told.values() if proposal.parent is not None]
    assert len(children) == EVALUATIONS - 100
    for child in children:
        parent = told[child.parent or 0]
        different = sum(a != b for a, b in zip(child.genotype, parent.genotype, strict=True))
        assert different <= 1
        assert different == 1 or child.rule in ("nothing", "op")


@pytest.mark.parametrize("make", [evolution, tournament])
def test_the_first_population_is_random(make: Make) -> None:
    first = [proposal for proposal, _ in history(make, 0, 101)]
    assert all(p.rule == RANDOM and p.parent is None for p in first[:100])
    assert first[100].rule != RANDOM


class CountingSpace:
    """Genotypes are ids in the order of asking, so that one can see whose child a child is."""

    def __init__(self) -> None:
        self.made = 0

    def sample(self, rng: random.Random) -> int:
        self.made += 1
        return self.made

    def mutate(self, genotype: int, rng: random.Random) -> Child[int]:
        return Child(genotype, "copy")


def test_the_oldest_dies_however_good() -> None:
    algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=3, sample_size=3)
    for id, fitness in enumerate((9.0, 1.0, 2.0), 1):
        algorithm.ask(id)
        algorithm.tell(id, fitness)
    assert algorithm.population == (9.0, 1.0, 2.0)
    algorithm.ask(4)
    algorithm.tell(4, 3.0)
    assert algorithm.population == (1.0, 2.0, 3.0)


def test_age_counts_from_the_telling() -> None:
    algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=2, sample_size=1)
    for id in (1, 2, 3):
        algorithm.ask(id)
    for id in (3, 1, 2):
        algorithm.tell(id, float(id))
    assert algorithm.population == (1.0, 2.0)


@pytest.mark.parametrize("sample_size", [1, 2, 5])
def test_tournaments_draw_with_replacement(sample_size: int) -> None:
    """The r-th worst of P wins a tournament of S with probability (r/P)^S - ((r-1)/P)^S."""
    size, tournaments = 5, 20_000
    algorithm = RegularizedEvolution(CountingSpace(), 1, size, sample_size)
    for id in range(1, size + 1):
        algorithm.ask(id)
    for id in range(1, size + 1):
        algorithm.tell(id, float(id))
    won = Counter(algorithm.ask(size + n).parent for n in range(1, tournaments + 1))
    for rank in range(1, size + 1):
        expected = (rank / size) ** sample_size - ((rank - 1) / size) ** sample_size
        # Five standard deviations of a share of 20,000.
        assert won[rank] / tournaments == pytest.approx(expected, abs=5 * 0.5 / tournaments**0.5)


def filled(population_size: int, seed: int = 0) -> PairwiseTournament[int]:
    """A population whose fitness is their id."""
    algorithm = PairwiseTournament(CountingSpace(), seed, population_size)
    for id in range(1, population_size + 1):
        algorithm.ask(id)
    for id in range(1, population_size + 1):
        algorithm.tell(id, float(id))
    return algorithm


def test_at_the_set_point_the_worse_of_two_dies_and_the_better_of_two_has_a_child() -> None:
    """The r-th worst of P is the worse of two with probability 2 (P - r) / P (P - 1)."""
    size, steps = 5, 4000
    killed, parents = Counter[int](), Counter[int]()
    for seed in range(steps):
        proposal = filled(size, seed).ask(size + 1)
        assert len(proposal.killed) == 1 and proposal.parent not in proposal.killed
        killed[proposal.killed[0]] += 1
        parents[proposal.parent or 0] += 1
    tolerance = 5 * 0.5 / steps**0.5
    for rank in range(1, size + 1):
        assert killed[rank] / steps == pytest.approx(2 * (size - rank) / (size * (size - 1)), abs=tolerance)
    assert parents[size] / steps == pytest.approx(2 / (size - 1), abs=tolerance)
    assert not parents[1]


def test_below_the_set_point_nobody_dies() -> None:
    algorithm = filled(5)
    first, second = algorithm.ask(6), algorithm.ask(7)
    assert (len(first.killed), second.killed) == (1, ())
    assert len(algorithm.living) == len(algorithm.population) == 4


def test_what_is_above_the_set_point_dies_before_the_next_child() -> None:
    algorithm = filled(5)
    for id in (6, 7, 8):
        algorithm.ask(id)
    for id in (6, 7, 8):
        algorithm.tell(id, float(id))
    assert len(algorithm.living) == 7
    assert len(algorithm.ask(9).killed) == 3
    assert len(algorithm.living) == 4


def test_one_alone_has_a_child_and_nobody_has_none() -> None:
    algorithm = PairwiseTournament(CountingSpace(), 0, 2)
    assert [algorithm.ask(id).parent for id in (1, 2, 3)] == [None, None, None]
    algorithm.tell(2, 0.5)
    assert algorithm.ask(4).parent == 2
    algorithm.tell(1, 0.7)
    assert (algorithm.ask(5).killed, algorithm.living) == ((2,), (1,))


def test_the_tournament_needs_two() -> None:
    with pytest.raises(UsageError, match="population_size >= 2, which is 1"):
        PairwiseTournament(ToySpace(), 0, population_size=1)


@pytest.mark.parametrize("make", [evolution, tournament, random_search])
class TestContract:
    """What holds for every algorithm."""

    def test_same_seed_same_search(self, make: Make) -> None:
        assert history(make, 3, 200) == history(make, 3, 200)
        assert history(make, 3, 200) != history(make, 4, 200)

    def test_adopting_and_telling_goes_on_as_if_never_stopped(self, make: Make) -> None:
        whole = history(make, 0, 300)
        dead = {id for proposal, _ in whole[:250] for id in proposal.killed}
        living = [(proposal, fitness) for proposal, fitness in whole[:250] if proposal.id not in dead]
        resumed = make(0)
        for proposal, fitness in living[-(resumed.memory or len(living)) :]:
            resumed.adopt(replace(proposal, killed=()))
            resumed.tell(proposal.id, fitness)
        assert resumed.ask(251) == whole[250][0]

    def test_adopting_everyone_kills_the_killed(self, make: Make) -> None:
        whole = history(make, 0, 300)
        resumed = make(0)
        for proposal, fitness in whole[:250]:
            resumed.adopt(proposal)
            resumed.tell(proposal.id, fitness)
        assert resumed.ask(251) == whole[250][0]

    def test_parents_are_of_the_living(self, make: Make) -> None:
        algorithm = make(0)
        for id in range(1, 400):
            alive = algorithm.living
            proposal = algorithm.ask(id)
            assert proposal.parent is None or proposal.parent in set(alive) - set(proposal.killed)
            assert set(algorithm.living) == set(alive) - set(proposal.killed)
            algorithm.tell(id, float(id % 7))

    def test_tell_before_ask(self, make: Make) -> None:
        with pytest.raises(SearchError, match="individual 1 was told"):
            make(0).tell(1, 0.5)

    def test_tell_twice(self, make: Make) -> None:
        algorithm = make(0)
        algorithm.ask(1)
        algorithm.tell(1, 0.5)
        with pytest.raises(SearchError, match="twice"):
            algorithm.tell(1, 0.5)

    def test_ask_twice(self, make: Make) -> None:
        algorithm = make(0)
        algorithm.ask(1)
        with pytest.raises(SearchError, match="must rise"):
            algorithm.ask(1)

    def test_adopt_twice(self, make: Make) -> None:
        algorithm = make(0)
        proposal = algorithm.ask(1)
        with pytest.raises(SearchError, match="open already"):
            algorithm.adopt(proposal)

    def test_more_may_be_open_than_a_population(self, make: Make) -> None:
        algorithm = make(0)
        proposals = [algorithm.ask(id) for id in range(1, 151)]
        assert all(proposal.parent is None for proposal in proposals)

    def test_memory_is_bounded(self, make: Make) -> None:
        algorithm = make(0)
        for id in range(1, 500):
            algorithm.ask(id)
            algorithm.tell(id, 0.0)
        assert len(algorithm.population) == 100


def test_settings_that_belong_together() -> None:
    with pytest.raises(UsageError, match="sample_size is 30, population_size is 20"):
        RegularizedEvolution(ToySpace(), 0, population_size=20, sample_size=30)
    with pytest.raises(UsageError, match="sample_size is 0"):
        RegularizedEvolution(ToySpace(), 0, population_size=20, sample_size=0)


def test_the_defaults_are_the_papers() -> None:
    assert RegularizedEvolution(ToySpace(), 0).settings == {
        "regularized_evolution.population_size": 100,
        "regularized_evolution.sample_size": 25,
    }
    assert PairwiseTournament(ToySpace(), 0).settings == {"pairwise_tournament.population_size": 1000}
