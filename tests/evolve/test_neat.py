"""NEAT: the distance of the paper, species, shared fitness, champions, and parents of one species."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from evolve import Child, Individual, Neat, Proposal, UsageError
from evolve.algorithms import settings
from tests.evolve.toy import CrossingSpace, Genotype, result

Parts = Mapping[str, int]


class PartsSpace:
    """Genotypes are their own parts. Sampled genotypes come from a list; a child is a copy of its parent."""

    has_crossover = True

    def __init__(self, *sampled: Parts) -> None:
        self._sampled = iter(sampled)

    def sample(self, rng: random.Random, *, born: int | None = None) -> Parts:
        return next(self._sampled)

    def mutate(
        self, genotype: Parts, rng: random.Random, *, mate: Parts | None = None, born: int | None = None
    ) -> Child[Parts]:
        return Child(genotype, "cross" if mate is not None else "copy", crossed=mate is not None)

    def parts(self, genotype: Parts) -> Parts:
        return genotype


def told(
    algorithm: Neat[Any], id: int, fitness: float = 1.0, apart: tuple[tuple[int, float], ...] = ()
) -> Proposal[Any]:
    """Asks for an individual and returns its result at once."""
    proposal = algorithm.ask(id)
    algorithm.tell(Individual(id, "", fitness=fitness, fingerprint="", finished=0, weight_differences=apart))
    return proposal


def made(*sampled: Parts, **changes: Any) -> Neat[Parts]:
    """Returns the algorithm with a population of these genotypes."""
    return Neat(PartsSpace(*sampled), 0, **{"population_size": len(sampled)} | changes)


def parts(*born: int) -> Parts:
    """Returns parts with the individuals of their birth, by which they are named."""
    return {f"p{number}": number for number in born}


def test_the_defaults_are_the_papers() -> None:
    assert settings(Neat(CrossingSpace(), 0)) == {
        "neat.population_size": 150,
        "neat.excess": 1.0,
        "neat.disjoint": 1.0,
        "neat.weight_difference": 0.4,
        "neat.threshold": 3.0,
        "neat.interspecies": 0.001,
        "neat.survivors": 0.2,
        "neat.large_species": 5,
        "neat.stagnation": 15,
        "neat.initial": None,
        "neat.second_mutation": 0.0,
    }


def grouped(algorithm: Neat[Any], id: int) -> Mapping[int, int]:
    """Asks for individual `id`, and returns the species that members have got by this proposal."""
    return algorithm.assigned(algorithm.ask(id).memo)


@pytest.mark.parametrize(
    ("one", "other", "disjoint", "excess"),
    [
        (parts(0, 1, 2), parts(0, 1, 2), 0, 0),
        (parts(0, 1, 2, 5), parts(0, 1, 2), 0, 1),
        (parts(0, 1, 3), parts(0, 2, 4, 5), 3, 2),
        ({}, {"a": 0, "b": 4}, 1, 1),
    ],
)
def test_parts_that_are_younger_than_all_of_the_other_are_excess(
    one: Parts, other: Parts, disjoint: int, excess: int
) -> None:
    for first, second in ((one, other), (other, one)):
        # With these factors the distance is 2 x excess + disjoint / 2 + 0.4 x 5.
        distance = 2 * excess + disjoint / 2 + 2.0
        for threshold, own in ((distance + 0.01, 1), (distance - 0.01, 2)):
            algorithm = made(first, second, excess=2.0, disjoint=0.5, threshold=threshold)
            told(algorithm, 1)
            told(algorithm, 2, apart=((1, 5.0),))
            assert grouped(algorithm, 3) == {1: 1, 2: own}


@pytest.mark.parametrize(("count", "own"), [(19, 2), (20, 1)])
def test_the_parts_that_differ_are_a_share_of_large_genotypes(count: int, own: int) -> None:
    algorithm = made(parts(*range(count)), parts(*range(count - 4)))
    told(algorithm, 1)
    told(algorithm, 2)
    assert grouped(algorithm, 3) == {1: 1, 2: own}


def test_an_individual_joins_the_first_species_whose_oldest_member_is_near() -> None:
    sampled = (parts(0, 1), parts(0, 2, 3, 4, 5), parts(0, 1, 2), parts(0, 1, 2, 3), parts(6, 7, 8, 9, 10))
    algorithm = made(*sampled)
    for id in range(1, 6):
        told(algorithm, id, float(id))
    assert grouped(algorithm, 6) == {1: 1, 2: 2, 3: 1, 4: 1, 5: 5}
    assert algorithm.species == {2: 2, 3: 1, 4: 1, 5: 5}  # the first one had the lowest shared fitness
    algorithm.tell(result(6, 3.0))
    proposal = algorithm.ask(7)
    # Individual 3 is removed, so that 4 is the oldest of species 1.
    assert (json.loads(proposal.memo)["removed"], proposal.compared) == ([3], (4, 2, 5))


def test_the_member_of_lowest_shared_fitness_is_removed() -> None:
    algorithm = made(*[parts(0)] * 6, parts(*range(10)))
    for id, fitness in enumerate((0.9, 0.8, 0.7, 0.6, 0.5, 0.9, 0.13), 1):
        told(algorithm, id, fitness)
    # 0.5 / 6 is less than 0.13 / 1, though individual 7 is the least fit.
    assert json.loads(algorithm.ask(8).memo) == {
        "removed": [5],
        "species": {**{str(id): 1 for id in range(1, 7)}, "7": 7},
    }


@pytest.mark.parametrize(("large", "removed"), [(3, 2), (4, 1)])
def test_the_champion_of_a_large_species_stays(large: int, removed: int) -> None:
    algorithm = made(*[parts(0)] * 4, parts(*range(10)), large_species=large)
    for id, fitness in enumerate((0.3, 0.3, 0.3, 0.3, 0.2), 1):
        told(algorithm, id, fitness)
    assert json.loads(algorithm.ask(6).memo)["removed"] == [removed]  # of equals the oldest is the champion


@pytest.mark.parametrize(("interspecies", "is_own"), [(0.0, True), (1.0, False)])
def test_the_mate_is_of_the_species_of_the_parent(interspecies: float, is_own: bool) -> None:
    alike, apart = [parts(0)] * 10, [parts(*range(10))] * 10
    algorithm = made(*alike, *apart, interspecies=interspecies)
    for id in range(1, 21):
        told(algorithm, id, float(id))
    algorithm.population_size = 1000  # no further member is removed
    pairs = []
    for id in range(1001, 1200):
        proposal = algorithm.ask(id)
        pairs.append((algorithm.species[proposal.parent or 0], algorithm.species[proposal.mate or 0]))
        assert (proposal.parent or 0) > (proposal.mate or 0)  # the fitter of the two
    assert {own == other for own, other in pairs} == {is_own}


def test_species_have_children_by_their_mean_fitness_and_parents_are_their_best_members() -> None:
    algorithm = made(*[parts(0)] * 10, *[parts(*range(10))] * 10, interspecies=0.0)
    for id in range(1, 21):
        told(algorithm, id, 1.0 + id / 100 if id <= 10 else 3.0 + id / 100)
    algorithm.population_size = 1000
    draws = 3000
    parents = Counter(algorithm.ask(1000 + draw).parent or 0 for draw in range(1, draws + 1))
    assert {*parents} <= {8, 9, 10, 18, 19, 20}  # the best fifth, and one more
    share = sum(count for id, count in parents.items() if id > 10) / draws
    assert share == pytest.approx(3.155 / (1.055 + 3.155), abs=5 * 0.5 / draws**0.5)


def test_weights_are_compared_with_those_of_the_representatives_unless_they_do_not_count() -> None:
    for factor, compared in ((0.4, (1, 3)), (0.0, ())):
        algorithm = made(parts(0), parts(0), parts(*range(10)), weight_difference=factor)
        for id in range(1, 4):
            assert told(algorithm, id, 4.0 - id).compared == ()  # no individual has a species yet
        # Individual 2 is removed. The oldest of species 1 is individual 1.
        assert algorithm.ask(4).compared == compared


NEAR, FAR = parts(0), parts(*range(10))


def two_species(fitness: float, stagnation: int | None = 1) -> Neat[Parts]:
    """Returns the species 1 and 4 after a generation in which neither got a better member; 14 is the next id.

    The best of species 1 has the fitness 1.0, and that of species 4 has 0.8. Only the last result, a member of species
    4, has the fitness that is given.
    """
    algorithm = made(*[NEAR] * 3, *[FAR] * 3, interspecies=0.0, stagnation=stagnation)
    for id, first in enumerate((1.0, 0.9, 0.9, 0.8, 0.7, 0.7), 1):
        told(algorithm, id, first)
    genotypes = {id: algorithm.ask(id).genotype for id in range(7, 14)}
    late = next(id for id, genotype in genotypes.items() if genotype == FAR)
    for id in genotypes.keys() - {late}:
        algorithm.tell(result(id, 0.6))
    algorithm.tell(result(late, fitness))
    return algorithm


def test_a_species_that_does_not_improve_for_some_generations_is_removed() -> None:
    algorithm = two_species(0.8)
    proposal = algorithm.ask(14)
    assert {4, 6} <= {*json.loads(proposal.memo)["removed"]}
    assert {*algorithm.species.values()} == {1} and proposal.genotype == NEAR


@pytest.mark.parametrize(
    ("fitness", "stagnation", "kept"),
    [(0.8, 1, {1}), (0.8, 2, {1, 4}), (0.8, None, {1, 4}), (0.9, 1, {1, 4}), (1.0, 1, {1, 4}), (1.1, 1, {4})],
)
def test_a_species_stays_that_has_improved_or_has_the_best_member(
    fitness: float, stagnation: int | None, kept: set[int]
) -> None:
    algorithm = two_species(fitness, stagnation)
    algorithm.ask(14)
    assert {*algorithm.species.values()} == kept


def test_a_search_in_which_species_stagnate_is_resumed_exactly() -> None:
    def neat() -> Neat[Genotype]:
        return Neat(CrossingSpace(), 0, population_size=10, threshold=1.5, stagnation=1)

    whole, record = neat(), list[Proposal[Genotype]]()
    for id in range(1, 61):
        record.append(whole.ask(id))
        whole.tell(result(id, float(id % 7)))
    sizes = [len(json.loads(proposal.memo)["removed"]) for proposal in record if proposal.memo]
    assert [size for size in sizes if size > 1]  # one species at once
    for end in range(10, 60, 5):
        resumed = neat()
        for proposal in record[:end]:
            resumed.adopt(proposal)
            resumed.tell(result(proposal.id, float(proposal.id % 7)))
        assert resumed.ask(end + 1) == record[end]


def test_a_restored_population_has_the_same_species_without_genotypes() -> None:
    algorithm, shown = (Neat(CrossingSpace(), 0, population_size=20, threshold=1.5) for _ in range(2))
    for id in range(1, 120):
        proposal = algorithm.ask(id)
        shown.adopt(Proposal(id, (), memo=proposal.memo))
        assert shown.species == algorithm.species
        for one in (algorithm, shown):
            one.tell(result(id, float(id % 7)))
    assert 1 < len({*algorithm.species.values()}) < 20


def test_wrong_settings_are_refused() -> None:
    for changes, message in (
        ({"population_size": 1}, "neat.population_size is 1; it must be a whole number from 2"),
        ({"threshold": 0}, "neat.threshold is 0; it must be a number above 0"),
        ({"interspecies": 1.5}, "neat.interspecies is 1.5; it must be a number from 0 to 1"),
        ({"stagnation": 0}, "neat.stagnation is 0; it must be a whole number from 1"),
        ({"excess": -1.0}, "neat.excess is -1.0; it must be a number of 0 or more"),
    ):
        with pytest.raises(UsageError) as raised:
            Neat(CrossingSpace(), 0, **changes)
        assert message in str(raised.value)
