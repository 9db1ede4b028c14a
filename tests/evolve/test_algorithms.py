"""The algorithms as the papers describe them: learning, ageing, and the probabilities of tournaments."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from statistics import mean
from typing import Any

import pytest

from evolve import (
    Algorithm,
    Child,
    Individual,
    LocalSearch,
    Neat,
    NonAgeingEvolution,
    Nsga2,
    PairwiseTournament,
    Proposal,
    RandomSearch,
    RegularizedEvolution,
    Reinforcement,
    SearchError,
    UsageError,
)
from evolve.algorithms import ALGORITHMS, gin_name, settings
from evolve.algorithms.breeder import Breeder
from evolve.records import LOWEST, RANDOM
from tests.evolve.toy import MAKERS, SIZES, CrossingSpace, Genotype, ToySpace, chosen, matches, result, target

Make = Callable[[int], Algorithm[Genotype]]
EVALUATIONS = 1000


def evolution(seed: int, population_size: int = 100, sample_size: int = 25) -> Algorithm[Genotype]:
    return RegularizedEvolution(ToySpace(), seed, population_size=population_size, sample_size=sample_size)


def non_ageing(seed: int, population_size: int = 100, sample_size: int = 25) -> Algorithm[Genotype]:
    return NonAgeingEvolution(ToySpace(), seed, population_size=population_size, sample_size=sample_size)


def tournament(seed: int, population_size: int = 100) -> Algorithm[Genotype]:
    return PairwiseTournament(ToySpace(), seed, population_size=population_size)


def random_search(seed: int) -> Algorithm[Genotype]:
    return RandomSearch(ToySpace(), seed)


def reinforcement(seed: int) -> Algorithm[Genotype]:
    return Reinforcement(ToySpace(), seed, batch_size=10, learning_rate=0.001, epochs=3)


def history(make: Make, seed: int, evaluations: int = EVALUATIONS) -> list[tuple[Proposal[Genotype], int]]:
    algorithm = make(seed)
    results = []
    for id in range(1, evaluations + 1):
        proposal = algorithm.ask(id)
        fitness = matches(proposal.genotype, target(seed))
        algorithm.tell(result(id, fitness))
        results.append((proposal, fitness))
    return results


def test_the_toy_has_forty_choices() -> None:
    assert len(SIZES) == 40


def removed_by(proposal: Proposal[Any]) -> list[int]:
    """Returns the ids of the individuals that a proposal removes from a population without ageing."""
    ids: list[int] = json.loads(proposal.memo or "[]")
    return ids


def small_tournament(seed: int) -> Algorithm[Genotype]:
    """Returns pairwise tournaments with a small population, since a large one learns slowly."""
    return tournament(seed, population_size=20)


def local_search(seed: int) -> Algorithm[Genotype]:
    return LocalSearch(ToySpace(), seed)


def best(make: Make, seeds: int, evaluations: int = EVALUATIONS) -> float:
    """Returns the best fitness of a search: the mean over random seeds."""
    return mean(max(fitness for _, fitness in history(make, seed, evaluations)) for seed in range(seeds))


@pytest.mark.parametrize(
    ("make", "least"), [(evolution, 34), (non_ageing, 32), (small_tournament, 30), (local_search, 34)]
)
def test_evolution_learns(make: Make, least: int) -> None:
    assert best(make, 5) >= least


def test_reinforcement_learns() -> None:
    """It learns slowly at first, and ends far above random search."""
    fitness = [fitness for _, fitness in history(reinforcement, 0, 400)]
    assert mean(fitness[:100]) == pytest.approx(sum(1 / size for size in SIZES), abs=1)
    assert mean(fitness[-100:]) > 25
    assert max(fitness) >= 30


def test_neat_learns_from_a_negative_fitness_and_no_child_has_a_failed_parent() -> None:
    algorithm = Neat(CrossingSpace(), 0, population_size=30, threshold=1.5, large_species=5)
    found, parents, failed = list[int](), set[int | None](), set[int]()
    for id in range(1, 301):
        proposal = algorithm.ask(id)
        parents |= {proposal.parent, proposal.mate}
        found.append(matches(proposal.genotype, target(0)))
        one = result(id, found[-1] - 100.0)
        if id % 7 == 0:
            failed.add(id)
            one = replace(one, fitness=LOWEST, status="failed")
        algorithm.tell(one)
    assert mean(found[:100]) < 15 and mean(found[-100:]) > 20
    assert not failed & parents


def test_reinforcement_learns_the_same_from_a_negative_fitness() -> None:
    def proposed(less: float) -> list[Genotype]:
        algorithm, found = Reinforcement(ToySpace(), 0, batch_size=8, units=16), list[Genotype]()
        for id in range(1, 41):
            found.append(algorithm.ask(id).genotype)
            algorithm.tell(result(id, matches(found[-1], target(0)) / 64 - less))
        return found

    assert proposed(0.0) == proposed(1.0)


def test_random_search_does_not() -> None:
    assert 15 <= best(random_search, 5) <= 21


@pytest.mark.parametrize("make", [evolution, non_ageing, tournament])
def test_children_are_one_mutation_from_their_parents(make: Make) -> None:
    proposals = {proposal.id: proposal for proposal, _ in history(make, 0)}
    children = [proposal for proposal in proposals.values() if proposal.parent is not None]
    assert len(children) == EVALUATIONS - 100
    for child in children:
        parent = proposals[child.parent or 0]
        different = sum(a != b for a, b in zip(child.genotype, parent.genotype, strict=True))
        assert different <= 1
        assert different == 1 or child.rule in ("nothing", "op")


@pytest.mark.parametrize("make", [evolution, non_ageing, tournament])
def test_the_first_population_is_random(make: Make) -> None:
    first = [proposal for proposal, _ in history(make, 0, 101)]
    assert all(p.rule == RANDOM and p.parent is None for p in first[:100])
    assert first[100].rule != RANDOM


class CountingSpace:
    """Genotypes are ids in the order of asking, so that a child shows its parent."""

    has_crossover = False

    def __init__(self) -> None:
        self.made = 0

    def sample(self, rng: random.Random, *, born: int | None = None) -> int:
        self.made += 1
        return self.made

    def mutate(self, genotype: int, rng: random.Random, *, mate: object = None, born: int | None = None) -> Child[int]:
        return Child(genotype, "copy")

    def parts(self, genotype: int) -> Mapping[str, int]:
        return {}


def test_the_oldest_member_is_removed_whatever_its_fitness() -> None:
    algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=3, sample_size=3)
    for id, fitness in enumerate((9.0, 1.0, 2.0), 1):
        algorithm.ask(id)
        algorithm.tell(result(id, fitness))
    assert algorithm.population == (9.0, 1.0, 2.0)
    algorithm.ask(4)
    algorithm.tell(result(4, 3.0))
    assert algorithm.population == (1.0, 2.0, 3.0)


def test_age_counts_from_the_result() -> None:
    algorithm = RegularizedEvolution(CountingSpace(), 0, population_size=2, sample_size=1)
    for id in (1, 2, 3):
        algorithm.ask(id)
    for id in (3, 1, 2):
        algorithm.tell(result(id, float(id)))
    assert algorithm.population == (1.0, 2.0)


@pytest.mark.parametrize("sample_size", [1, 2, 5])
def test_tournaments_draw_with_replacement(sample_size: int) -> None:
    """The r-th worst of P wins a tournament of S with probability (r/P)^S - ((r-1)/P)^S."""
    size, tournaments = 5, 20_000
    algorithm = RegularizedEvolution(CountingSpace(), 1, population_size=size, sample_size=sample_size)
    for id in range(1, size + 1):
        algorithm.ask(id)
    for id in range(1, size + 1):
        algorithm.tell(result(id, float(id)))
    won = Counter(algorithm.ask(size + n).parent for n in range(1, tournaments + 1))
    for rank in range(1, size + 1):
        expected = (rank / size) ** sample_size - ((rank - 1) / size) ** sample_size
        # Five standard deviations of a share of 20,000.
        assert won[rank] / tournaments == pytest.approx(expected, abs=5 * 0.5 / tournaments**0.5)


def ranked(population_size: int, sample_size: int, seed: int = 0) -> NonAgeingEvolution[int]:
    """A full population. The fitness of each member is its id."""
    algorithm = NonAgeingEvolution(CountingSpace(), seed, population_size=population_size, sample_size=sample_size)
    for id in range(1, population_size + 1):
        algorithm.ask(id)
    for id in range(1, population_size + 1):
        algorithm.tell(result(id, float(id)))
    return algorithm


def test_without_ageing_the_worst_of_the_tournament_sample_is_removed() -> None:
    """The r-th worst of P is the worst of S drawn with replacement with ((P-r+1)^S - (P-r)^S) / P^S."""
    size, sample_size, steps = 5, 3, 4000
    removed, parents = Counter[int](), Counter[int]()
    for seed in range(steps):
        proposal = ranked(size, sample_size, seed).ask(size + 1)
        (id,) = removed_by(proposal)
        removed[id] += 1
        parents[proposal.parent or 0] += 1
        assert proposal.parent is not None and proposal.parent >= id
    tolerance = 5 * 0.5 / steps**0.5
    for rank in range(1, size + 1):
        worst = ((size - rank + 1) ** sample_size - (size - rank) ** sample_size) / size**sample_size
        best = (rank**sample_size - (rank - 1) ** sample_size) / size**sample_size
        assert removed[rank] / steps == pytest.approx(worst, abs=tolerance)
        assert parents[rank] / steps == pytest.approx(best, abs=tolerance)


def test_without_ageing_the_best_is_never_removed() -> None:
    algorithm = ranked(5, 5)
    for id in range(6, 60):
        algorithm.ask(id)
        algorithm.tell(result(id, 0.0))
        assert 5.0 in algorithm.population
        assert len(algorithm.population) == 5


def test_without_ageing_a_proposal_removes_the_members_above_the_population_size() -> None:
    algorithm = ranked(5, 3)
    assert [len(removed_by(algorithm.ask(id))) for id in (6, 7, 8)] == [1, 0, 0]
    for id in (6, 7, 8):
        algorithm.tell(result(id, float(id)))
    assert len(algorithm.members) == 7
    assert len(removed_by(algorithm.ask(9))) == 3
    assert len(algorithm.members) == 4


def test_without_ageing_a_single_member_is_removed_for_its_child() -> None:
    algorithm = ranked(1, 1)
    proposal = algorithm.ask(2)
    assert (proposal.parent, removed_by(proposal), algorithm.members) == (1, [1], ())


def filled(population_size: int, seed: int = 0) -> PairwiseTournament[int]:
    """A full population. The fitness of each member is its id."""
    algorithm = PairwiseTournament(CountingSpace(), seed, population_size=population_size)
    for id in range(1, population_size + 1):
        algorithm.ask(id)
    for id in range(1, population_size + 1):
        algorithm.tell(result(id, float(id)))
    return algorithm


def test_at_the_set_point_the_worse_of_two_is_removed_and_the_better_has_a_child() -> None:
    """The r-th worst of P is the worse of two with probability 2 (P - r) / P (P - 1)."""
    size, steps = 5, 4000
    removed, parents = Counter[int](), Counter[int]()
    for seed in range(steps):
        proposal = filled(size, seed).ask(size + 1)
        (id,) = removed_by(proposal)
        assert proposal.parent != id
        removed[id] += 1
        parents[proposal.parent or 0] += 1
    tolerance = 5 * 0.5 / steps**0.5
    for rank in range(1, size + 1):
        assert removed[rank] / steps == pytest.approx(2 * (size - rank) / (size * (size - 1)), abs=tolerance)
    assert parents[size] / steps == pytest.approx(2 / (size - 1), abs=tolerance)
    assert not parents[1]


def test_below_the_set_point_no_member_is_removed() -> None:
    algorithm = filled(5)
    first, second = algorithm.ask(6), algorithm.ask(7)
    assert (len(removed_by(first)), second.memo) == (1, "")
    assert len(algorithm.members) == len(algorithm.population) == 4


def test_members_above_the_set_point_are_removed_before_the_next_child() -> None:
    algorithm = filled(5)
    for id in (6, 7, 8):
        algorithm.ask(id)
    for id in (6, 7, 8):
        algorithm.tell(result(id, float(id)))
    assert len(algorithm.members) == 7
    assert len(removed_by(algorithm.ask(9))) == 3
    assert len(algorithm.members) == 4


def test_a_single_member_is_a_parent_and_an_empty_population_samples() -> None:
    algorithm = PairwiseTournament(CountingSpace(), 0, population_size=2)
    assert [algorithm.ask(id).parent for id in (1, 2, 3)] == [None, None, None]
    algorithm.tell(result(2, 0.5))
    assert algorithm.ask(4).parent == 2
    algorithm.tell(result(1, 0.7))
    assert (removed_by(algorithm.ask(5)), algorithm.members) == ([2], (1,))


def test_the_tournament_needs_two() -> None:
    with pytest.raises(UsageError, match="population_size is 1; it must be a whole number from 2"):
        PairwiseTournament(ToySpace(), 0, population_size=1)


MEMBERS = 20
PENDING = 8


def contract(make: Callable[..., Algorithm[Genotype]], space: ToySpace, **settings: float) -> Make:
    """Returns a maker of the algorithm with these settings, on the toy."""
    return lambda seed: make(space, seed, **settings)


def in_disorder(
    algorithm: Algorithm[Genotype], ids: range, pending: dict[int, Proposal[Genotype]]
) -> list[tuple[Proposal[Genotype], int]]:
    """Keeps eight proposals pending, and finishes them in an order that follows from the ids alone."""
    handled = []
    for id in ids:
        if len(pending) == PENDING:
            proposal = pending.pop(random.Random(id).choice(sorted(pending)))
            fitness = matches(proposal.genotype, target(0))
            algorithm.tell(result(proposal.id, fitness))
            handled.append((proposal, fitness))
        pending[id] = algorithm.ask(id)
    return handled


CONTRACT: dict[type[Any], dict[str, Any]] = {
    RegularizedEvolution: {"population_size": MEMBERS, "sample_size": 5},
    NonAgeingEvolution: {"population_size": MEMBERS, "sample_size": 5},
    PairwiseTournament: {"population_size": MEMBERS},
    Nsga2: {"population_size": MEMBERS},
    Neat: {"population_size": MEMBERS, "threshold": 1.5, "large_species": 3, "stagnation": 2},
    LocalSearch: {"window": MEMBERS, "initial": 5, "patience": 8},
    RandomSearch: {"window": MEMBERS},
    Reinforcement: {"window": MEMBERS, "batch_size": 8, "epochs": 2, "units": 16},
}


WITH_MATES = (RegularizedEvolution, NonAgeingEvolution, PairwiseTournament, Nsga2, Neat)
FOR_FRONTS = (RegularizedEvolution, Nsga2)


def by_two(made: type[Any]) -> type[Any]:
    """Returns an algorithm whose results have a second score, which follows from the id."""

    def tell(self: Any, individual: Individual) -> None:
        made.tell(self, replace(individual, scores=(individual.fitness, float(7 * individual.id % 11))))

    return type(made.__name__, (made,), {"tell": tell})


def test_every_algorithm_meets_the_contract() -> None:
    assert set(CONTRACT) == {type(make()) for make in MAKERS} - {Breeder} == set(ALGORITHMS)


CONTRACTS = {
    **{gin_name(made): contract(made, ToySpace(), **given) for made, given in CONTRACT.items()},
    **{f"{gin_name(made)} with a mate": contract(made, CrossingSpace(), **CONTRACT[made]) for made in WITH_MATES},
    **{
        f"{gin_name(made)} with two objectives": contract(by_two(made), CrossingSpace(), **CONTRACT[made])
        for made in FOR_FRONTS
    },
    **{
        f"{gin_name(made)} with candidates": partial(chosen, CrossingSpace(), make=made, **CONTRACT[made])
        for made in ALGORITHMS
        if made.breeds
    },
}


@pytest.mark.parametrize("make", CONTRACTS.values(), ids=CONTRACTS)
class TestContract:
    """Properties of every algorithm."""

    def test_the_same_seed_gives_the_same_search(self, make: Make) -> None:
        assert history(make, 3, 60) == history(make, 3, 60)
        assert history(make, 3, 60) != history(make, 4, 60)

    def test_the_same_order_of_results_gives_the_same_search(self, make: Make) -> None:
        assert in_disorder(make(0), range(1, 80), {}) == in_disorder(make(0), range(1, 80), {})

    def test_a_restored_search_goes_on_like_an_uninterrupted_one(self, make: Make) -> None:
        whole, resumed = make(0), make(0)
        pending: dict[int, Proposal[Genotype]] = {}
        handled = in_disorder(whole, range(1, 70), pending)
        for proposal, fitness in handled[-(resumed.replayed or len(handled)) :]:
            resumed.adopt(proposal)
            resumed.tell(result(proposal.id, fitness))
        for proposal in pending.values():
            resumed.adopt(proposal)
        pending_too = dict(pending)
        assert in_disorder(resumed, range(70, 110), pending_too) == in_disorder(whole, range(70, 110), pending)
        assert resumed.population == whole.population
        assert pending_too == pending

    def test_a_restored_record_gives_the_same_next_proposal(self, make: Make) -> None:
        whole = history(make, 0, 75)
        resumed = make(0)
        for proposal, fitness in whole[:74]:
            resumed.adopt(proposal)
            resumed.tell(result(proposal.id, fitness))
        assert resumed.ask(75) == whole[74][0]

    def test_a_fitness_of_zero_is_in_the_population_and_that_of_a_failed_member_is_not(self, make: Make) -> None:
        algorithm, resumed = make(0), make(0)
        for id in range(1, 13):
            resumed.adopt(algorithm.ask(id))
            for one in (algorithm, resumed):
                one.tell(replace(result(id, 0.0), status="done" if id % 3 else "failed"))
        assert {*algorithm.population} == {0.0, None}
        assert resumed.population == algorithm.population

    def test_parents_are_members(self, make: Make) -> None:
        algorithm = make(0)
        for id in range(1, 80):
            before = algorithm.members
            proposal = algorithm.ask(id)
            assert proposal.parent is None or proposal.parent in algorithm.members
            assert set(algorithm.members) <= set(before)
            algorithm.tell(result(id, float(id % 7)))

    def test_a_result_without_a_proposal_is_an_error(self, make: Make) -> None:
        with pytest.raises(SearchError, match="individual 1 is not pending"):
            make(0).tell(result(1, 0.5))

    def test_a_second_result_is_an_error(self, make: Make) -> None:
        algorithm = make(0)
        algorithm.ask(1)
        algorithm.tell(result(1, 0.5))
        with pytest.raises(SearchError, match="is not pending"):
            algorithm.tell(result(1, 0.5))

    def test_a_second_proposal_of_one_id_is_an_error(self, make: Make) -> None:
        algorithm = make(0)
        algorithm.ask(1)
        with pytest.raises(SearchError, match="must rise"):
            algorithm.ask(1)

    def test_a_proposal_that_is_pending_cannot_be_adopted(self, make: Make) -> None:
        algorithm = make(0)
        proposal = algorithm.ask(1)
        with pytest.raises(SearchError, match="already pending"):
            algorithm.adopt(proposal)

    def test_more_proposals_may_be_pending_than_the_population_has_members(self, make: Make) -> None:
        algorithm = make(0)
        proposals = [algorithm.ask(id) for id in range(1, 31)]
        assert all(proposal.parent is None for proposal in proposals)

    def test_memory_is_bounded(self, make: Make) -> None:
        algorithm = make(0)
        for id in range(1, 100):
            algorithm.ask(id)
            algorithm.tell(result(id, 0.0))
        assert len(algorithm.population) == MEMBERS

    def test_a_replay_of_the_record_shows_every_population(self, make: Make) -> None:
        """Curves need only proposals and results in their order; the genotypes may be anything."""
        algorithm, shown = make(0), make(0)
        for id in range(1, 80):
            shown.adopt(Proposal(id, (), memo=algorithm.ask(id).memo))
            for one in (algorithm, shown):
                one.tell(result(id, float(id % 7)))
            assert shown.population == algorithm.population
            assert shown.members == algorithm.members


@pytest.mark.parametrize("made", CONTRACT, ids=gin_name)
def test_every_setting_is_an_attribute_and_bears_its_name(made: type[Any]) -> None:
    algorithm = contract(made, ToySpace(), **CONTRACT[made])(0)
    found = settings(algorithm)
    assert found or made is RandomSearch  # Its only setting changes the curves, and not the search.
    for name, value in found.items():
        scope, _, attribute = name.partition(".")
        assert (scope, getattr(algorithm, attribute)) == (gin_name(made), value)


def test_a_tournament_larger_than_the_population_is_refused() -> None:
    with pytest.raises(UsageError, match="sample_size is 30, population_size is 20"):
        RegularizedEvolution(ToySpace(), 0, population_size=20, sample_size=30)
    with pytest.raises(UsageError, match="sample_size is 0"):
        RegularizedEvolution(ToySpace(), 0, population_size=20, sample_size=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "reinforcement.batch_size is 0; it must be a whole number from 1"),
        ({"units": 2.5}, "reinforcement.units is 2.5"),
        ({"clip": 1.0}, "reinforcement.clip is 1.0; it must be a number between 0 and 1"),
        ({"learning_rate": 0}, "reinforcement.learning_rate is 0; it must be a number above 0"),
        ({"entropy": -1e-5}, "reinforcement.entropy is -1e-05; it must be a number of 0 or more"),
        ({"baseline_decay": 1.0}, "reinforcement.baseline_decay is 1.0"),
    ],
)
def test_wrong_settings_of_reinforcement_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        Reinforcement(ToySpace(), 0, **settings)
    assert message in str(raised.value)


def test_the_defaults_are_the_papers() -> None:
    shared = {"initial": None, "second_mutation": 0.0}
    assert settings(NonAgeingEvolution(ToySpace(), 0)) == {
        **{f"non_ageing_evolution.{name}": value for name, value in shared.items()},
        "non_ageing_evolution.population_size": 100,
        "non_ageing_evolution.sample_size": 25,
    }
    assert settings(RegularizedEvolution(ToySpace(), 0)) == {
        **{f"regularized_evolution.{name}": value for name, value in shared.items()},
        "regularized_evolution.population_size": 100,
        "regularized_evolution.sample_size": 25,
    }
    assert settings(PairwiseTournament(ToySpace(), 0)) == {
        **{f"pairwise_tournament.{name}": value for name, value in shared.items()},
        "pairwise_tournament.population_size": 1000,
    }


def test_the_window_of_the_curves_makes_no_other_search() -> None:
    assert settings(RandomSearch(ToySpace(), 0, window=7)) == {}


@pytest.mark.parametrize("algorithm", WITH_MATES, ids=gin_name)
class TestMates:
    """Properties of every algorithm that draws a mate where the space has a crossover."""

    def test_a_crossed_child_has_two_members_as_parents_and_the_fitter_comes_first(self, algorithm: type[Any]) -> None:
        made = algorithm(CrossingSpace(), 0, **CONTRACT[algorithm])
        fitness: dict[int, int] = {}
        mates = 0
        for id in range(1, 200):
            proposal = made.ask(id)
            if proposal.mate is not None:
                mates += 1
                assert proposal.rule == "cross" and proposal.mate != proposal.parent
                assert {proposal.mate, proposal.parent} <= {*made.members}
                assert fitness[proposal.parent] >= fitness[proposal.mate]
            assert (proposal.rule == "cross") == (proposal.mate is not None) == (proposal.noise is not None)
            fitness[id] = matches(proposal.genotype, target(0))
            made.tell(result(id, fitness[id]))
        assert 50 < mates < 150

    def test_a_crossed_child_is_made_of_both_parents(self, algorithm: type[Any]) -> None:
        found = {one.id: one for one, _ in history(contract(algorithm, CrossingSpace(), **CONTRACT[algorithm]), 1, 100)}
        for child in found.values():
            if child.mate is not None:
                parent, mate = found[child.parent or 0].genotype, found[child.mate].genotype
                places = {int(place) for _, _, place in child.from_mate}
                both = zip(parent, mate, strict=True)
                assert child.genotype == tuple(m if place in places else p for place, (p, m) in enumerate(both))

    def test_a_single_member_has_no_mate(self, algorithm: type[Any]) -> None:
        made = algorithm(CrossingSpace(), 0, **CONTRACT[algorithm] | {"population_size": 5})
        for id in range(1, 6):
            made.ask(id)
        made.tell(result(1, 0.5))
        child = made.ask(6)
        assert (child.parent, child.mate) == (1, None)


class Crossing(CountingSpace):
    """A space in which every child has two parents, if there is a mate."""

    has_crossover = True

    def mutate(self, genotype: int, rng: random.Random, *, mate: object = None, born: int | None = None) -> Child[int]:
        return Child(genotype, "cross", crossed=mate is not None)


def test_the_mate_is_the_best_of_a_second_sample_of_the_other_members() -> None:
    size, sample_size, draws = 4, 2, 10_000
    algorithm = RegularizedEvolution(Crossing(), 0, population_size=size, sample_size=sample_size)
    for id in range(1, size + 1):
        algorithm.ask(id)
    for id in range(1, size + 1):
        algorithm.tell(result(id, float(id)))
    asked = [algorithm.ask(size + draw) for draw in range(1, draws + 1)]
    pairs = Counter((one.parent or 0, one.mate or 0) for one in asked)

    def wins(rank: int, count: int) -> float:
        """Returns the probability that the rank-th worst of `count` members is the best of a sample."""
        return (rank / count) ** sample_size - ((rank - 1) / count) ** sample_size

    for low in range(1, size + 1):
        for high in range(low + 1, size + 1):
            # without the fitter one, the worse one keeps its rank; without the worse one, the fitter one moves up
            expected = wins(high, size) * wins(low, size - 1) + wins(low, size) * wins(high - 1, size - 1)
            assert pairs[high, low] / draws == pytest.approx(expected, abs=5 * 0.5 / draws**0.5)
    assert sum(pairs.values()) == draws and all(parent > mate for parent, mate in pairs)


def test_local_search_climbs_from_the_best_of_its_random_individuals() -> None:
    algorithm = LocalSearch(CountingSpace(), 0, initial=3, patience=2)
    for fitness in (2.0, 5.0, 1.0):
        proposal = algorithm.ask(algorithm._last + 1)
        assert proposal.parent is None
        algorithm.tell(result(proposal.id, fitness))
    assert [*algorithm.members] == [2]
    for id, fitness, parent in ((4, 4.0, 2), (5, 6.0, 2), (6, 1.0, 5), (7, 6.0, 5)):
        assert algorithm.ask(id).parent == parent
        algorithm.tell(result(id, fitness))
    assert [*algorithm.members] == []  # two children of individual 5 were not better
    assert algorithm.ask(8).parent is None


def test_local_search_ignores_late_results_of_earlier_starts() -> None:
    algorithm = LocalSearch(CountingSpace(), 0, initial=1, patience=1)
    algorithm.ask(1)
    algorithm.tell(result(1, 1.0))
    for id in (2, 3):
        assert algorithm.ask(id).parent == 1
    algorithm.tell(result(2, 0.5))
    assert algorithm.ask(4).parent is None
    algorithm.tell(result(3, 9.0))
    assert [*algorithm.members] == []
    algorithm.tell(result(4, 0.1))
    assert [*algorithm.members] == [4]
