"""The breeder: no network twice, and children that a model has chosen."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean

import dsl
from evolve import Algorithm, CellSpace, Individual, Nsga2, Proposal, RegularizedEvolution
from evolve.algorithms.breeder import DRAWS, Breeder
from evolve.algorithms.fronts import hypervolume
from tests.evolve.toy import Genotype, ToySpace, candidates, chosen, matches, result, target, unseen

Fitness = Callable[[Genotype], float]


def right(genotype: Genotype) -> float:
    return float(matches(genotype, target(0)))


def found(algorithm: Algorithm[Genotype], count: int, fitness: Fitness = right) -> list[Proposal[Genotype]]:
    """Returns the proposals of a search by one worker."""
    proposals = []
    for id in range(1, count + 1):
        proposals.append(algorithm.ask(id))
        algorithm.tell(result(id, fitness(proposals[-1].genotype)))
    return proposals


def test_no_network_is_proposed_twice() -> None:
    for make in (unseen, candidates):
        proposals = found(make(), 150)
        assert len({proposal.genotype for proposal in proposals}) == len(proposals)


def test_a_proposal_whose_network_is_new_is_that_of_the_algorithm() -> None:
    plain = RegularizedEvolution(ToySpace(), 0, population_size=10, sample_size=3)
    first = found(plain, 40)
    different = [place for place, (a, b) in enumerate(zip(found(unseen(), 40), first, strict=True)) if a != b]
    genotypes = [one.genotype for one in first]
    repeated = next(place for place, one in enumerate(genotypes) if one in genotypes[:place])
    assert different[0] == repeated


class OneNetwork(ToySpace):
    """A space in which all genotypes are one network."""

    drawn = 0

    def network(self, genotype: Genotype) -> tuple[str, str]:
        return "the same", ""

    def sample(self, rng: random.Random, *, born: int | None = None) -> Genotype:
        self.drawn += 1
        return super().sample(rng)


def test_a_network_is_repeated_where_there_is_no_other() -> None:
    space = OneNetwork()
    breeder = Breeder(lambda it: RegularizedEvolution(it, 0, population_size=2, sample_size=1), space, 0)
    breeder.ask(1)
    breeder.ask(2)
    assert space.drawn == 1 + 1 + DRAWS


def test_networks_of_earlier_runs_are_read_from_the_store() -> None:
    whole, known = unseen(), {id: ("a network", str(id)) for id in range(1, 21)}
    proposals = found(whole, 20)
    resumed = Breeder(
        lambda it: RegularizedEvolution(it, 0, population_size=10, sample_size=3), OneNetwork(), 0, networks=known
    )
    for proposal in proposals:
        resumed.adopt(proposal)  # a genotype would be "the same", which then no proposal could be
        resumed.tell(result(proposal.id, right(proposal.genotype)))
    assert resumed.ask(21).genotype not in {one.genotype for one in proposals}


def test_the_model_finds_more_than_evolution_alone() -> None:
    def best(make: Callable[[int], Algorithm[Genotype]]) -> float:
        return fmean(max(right(one.genotype) for one in found(make(seed), 80)) for seed in range(3))

    settings = {"population_size": 20, "sample_size": 5, "initial": 10}
    with_model = best(lambda seed: chosen(ToySpace(), seed, RegularizedEvolution, **settings))
    assert with_model >= 3 + best(lambda seed: RegularizedEvolution(ToySpace(), seed, **settings))


def test_it_tells_which_individuals_a_model_chose() -> None:
    breeder = candidates()
    proposals = found(breeder, 80)
    picked = [one for one in proposals if one.predicted is not None]
    assert len(picked) > 40 and all(one.parent is not None for one in picked)
    assert all(one.predicted is None for one in proposals[:10])
    correlation = breeder.correlation
    assert correlation is not None and correlation > 0.3


def test_the_result_of_a_higher_rung_that_a_duplicate_took_is_not_compared_with_the_first_rung() -> None:
    breeder = candidates()
    found(breeder, 40)
    before, proposal = breeder.correlation, breeder.ask(41)
    assert before is not None and proposal.predicted is not None
    breeder.tell(replace(result(41, 1e6), rung=1))
    assert breeder.correlation == before
    breeder.ask(42)
    breeder.tell(result(42, 1e6))
    assert breeder.correlation != before


def test_proposals_depend_only_on_results_that_are_paid_for() -> None:
    """Whatever the fitness of the other genotypes is, nothing that was proposed before they are evaluated changes."""
    first = found(candidates(), 60)
    paid = {one.genotype for one in first[:40]}
    other = found(candidates(), 60, lambda genotype: right(genotype) if genotype in paid else -right(genotype))
    assert other[:41] == first[:41]
    assert other[41:] != first[41:]


def test_random_labels_give_no_gain() -> None:
    """The best of n labels that nothing predicts is n / (n + 1) in the mean. Only a look at other labels finds more."""
    count, seeds = 40, 30

    def label(genotype: Genotype) -> float:
        return random.Random(str(genotype)).random()

    def make(seed: int) -> Algorithm[Genotype]:
        return chosen(ToySpace(), seed, RegularizedEvolution, population_size=10, sample_size=3)

    best = [max(label(one.genotype) for one in found(make(seed), count, label)) for seed in range(seeds)]
    deviation = (count / (count + 2) / (count + 1) ** 2) ** 0.5
    assert fmean(best) <= count / (count + 1) + 4 * deviation / seeds**0.5


def test_only_children_that_can_be_built_are_proposed() -> None:
    seed = dsl.load("nasbench201.cell")
    limit = 300_000
    space = CellSpace(dsl.loads(seed.space.text() + f"\nrequire params <= {limit}").space, (32, 32, 3), 10)
    breeder = Breeder(
        lambda it: RegularizedEvolution(it, 0, population_size=10, sample_size=3), space, 0, candidates=10
    )
    rejected: Mapping[str, int] = {}
    for id in range(1, 41):
        proposal = breeder.ask(id)
        assert space.unfit(proposal.genotype) is None
        rejected = {**rejected, **dict.fromkeys((reason for _, reason in proposal.rejected), id)}
        breeder.tell(result(id, float(proposal.genotype.text().count("3x3"))))
    assert any("require" in reason for reason in rejected)


def halves(id: int, genotype: Genotype) -> Individual:
    """Returns a result with two scores, the numbers of right choices in each half of the genotype."""
    parts = slice(len(genotype) // 2), slice(len(genotype) // 2, None)
    scores = tuple(float(matches(genotype[part], target(0)[part])) for part in parts)
    return replace(result(id, scores[0]), scores=scores)


def test_with_several_objectives_it_finds_more_of_the_front_than_evolution_alone() -> None:
    def volume(algorithm: Algorithm[Genotype]) -> float:
        points = []
        for id in range(1, 81):
            told = halves(id, algorithm.ask(id).genotype)
            algorithm.tell(told)
            points.append(told.scores)
        return hypervolume(points, (0.0, 0.0))

    settings = {"population_size": 20, "initial": 10}
    alone = fmean(volume(Nsga2(ToySpace(), seed, **settings)) for seed in range(3))
    bred = fmean(volume(chosen(ToySpace(), seed, Nsga2, **settings)) for seed in range(3))
    assert bred >= 1.1 * alone
