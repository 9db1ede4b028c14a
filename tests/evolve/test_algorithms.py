"""The algorithms beside the paper: they learn, they age, their tournaments are as large as they say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from statistics import mean

import pytest

from evolve.algorithms import Algorithm, Child, RandomSearch, RegularizedEvolution
from evolve.errors import SearchError, UsageError
from evolve.records import RANDOM, Proposal
from tests.evolve.toy import SIZES, Genotype, ToySpace, matches, target

Make = Callable[[int], Algorithm[Genotype]]
EVALUATIONS = 1000


def evolution(seed: int) -> Algorithm[Genotype]:
    return RegularizedEvolution(ToySpace(), seed)


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


def test_evolution_learns() -> None:
    best = [max(fitness for _, fitness in history(evolution, seed)) for seed in range(5)]
    assert mean(best) >= 34


def test_random_search_does_not() -> None:
    best = [max(fitness for _, fitness in history(random_search, seed)) for seed in range(5)]
    assert 15 <= mean(best) <= 21


def test_children_are_one_mutation_from_their_parents() -> None:
    told = {proposal.id: proposal for proposal, _ in history(evolution, 0)}
    children = [proposal for proposal in told.values() if proposal.parent is not None]
    assert len(children) == EVALUATIONS - 100
    for child in children:
        parent = told[child.parent or 0]
        different = sum(a != b for a, b in zip(child.genotype, parent.genotype, strict=True))
        assert different <= 1
        assert different == 1 or child.rule in ("nothing", "op")


def test_the_first_population_is_random() -> None:
    first = [proposal for proposal, _ in history(evolution, 0, 101)]
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


@pytest.mark.parametrize("make", [evolution, random_search])
class TestContract:
    """What holds for every algorithm."""

    def test_same_seed_same_search(self, make: Make) -> None:
        assert history(make, 3, 200) == history(make, 3, 200)
        assert history(make, 3, 200) != history(make, 4, 200)

    def test_adopting_and_telling_goes_on_as_if_never_stopped(self, make: Make) -> None:
        whole = history(make, 0, 300)
        resumed = make(0)
        for proposal, fitness in whole[250 - resumed.memory : 250]:
            resumed.adopt(proposal)
            resumed.tell(proposal.id, fitness)
        assert resumed.ask(251) == whole[250][0]

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
        assert len(algorithm.population) == algorithm.memory == 100


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
