"""The model of the fitness: what it predicts, what it takes for chance, and what it knows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from evolve.predictor.features import Features, Named, name
from evolve.predictor.kernel import Array, Overlaps, Table
from evolve.predictor.process import Assumed, Process, likeliest, normal_scores, rank_correlation
from evolve.predictor.results import LEAST, MOST_BEST, MOST_LATEST, Results, weighted
from tests.evolve.toy import SIZES, Genotype, ToySpace, matches, target

ASSUMED = Assumed(1.0, 0.1)
NORMAL = NormalDist()


def drawn(count: int, seed: int = 0) -> list[Genotype]:
    """Returns genotypes of which each has up to all of its choices right."""
    rng = random.Random(seed)
    hidden = target(0)
    shares = [rng.random() for _ in range(count)]
    return [
        tuple(right if rng.random() < share else rng.randrange(size) for right, size in zip(hidden, SIZES, strict=True))
        for share in shares
    ]


def known(genotypes: Sequence[Genotype]) -> list[Features]:
    return ToySpace().features(genotypes)


def fitness(genotypes: Sequence[Genotype]) -> list[float]:
    return [float(matches(one, target(0))) for one in genotypes]


def test_normal_scores_are_those_of_mean_ranks() -> None:
    assert normal_scores([3.0, 1.0, 2.0]) == pytest.approx([0.967, -0.967, 0.0], abs=1e-3)
    assert normal_scores([1.0, 1.0, 5.0]).tolist()[:2] == pytest.approx([-0.431, -0.431], abs=1e-3)


def test_rank_correlation_is_spearmans() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = random.Random(0)
    one, other = ([rng.randrange(10) for _ in range(40)] for _ in range(2))
    assert rank_correlation(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert rank_correlation([1, 2, 3], [5, 5, 5]) is None


def test_what_is_left_out_is_predicted_as_by_the_others() -> None:
    genotypes = drawn(20)
    whole = Process(known(genotypes), fitness(genotypes), ASSUMED)
    covariance = whole._compared.among(ASSUMED.length) + ASSUMED.noise * np.eye(20)
    rest = np.arange(1, 20)
    expected = covariance[0, rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], whole.scores[rest])
    assert whole.left_out[0] == pytest.approx(expected)


def test_it_predicts_and_says_so() -> None:
    genotypes, others = drawn(60), drawn(60, seed=1)
    assumed = likeliest(known(genotypes), fitness(genotypes))
    model = Process(known(genotypes), fitness(genotypes), assumed)
    assert model.is_better_than_chance
    predicted, improvements = model.improvements(known(others), [])
    correlation = rank_correlation(predicted.tolist(), fitness(others))
    assert correlation is not None and correlation > 0.8
    assert fitness(others)[int(improvements.argmax())] >= sorted(fitness(others))[-6]
    assert min(fitness(genotypes)) <= predicted.min() and predicted.max() <= max(fitness(genotypes))


def test_permuted_fitnesses_are_chance() -> None:
    trusted = 0
    for seed in range(40):
        genotypes = drawn(40, seed)
        values = random.Random(seed).sample(fitness(genotypes), 40)
        trusted += Process(known(genotypes), values, likeliest(known(genotypes), values)).is_better_than_chance
    assert trusted <= 5  # 2 are expected


def test_equal_fitnesses_are_chance() -> None:
    genotypes = drawn(20)
    assert not Process(known(genotypes), [0.5] * 20, ASSUMED).is_better_than_chance


def test_a_candidate_is_predicted_whatever_the_others_are() -> None:
    """Numbers are scaled by evaluated individuals only. Scaling by all candidates would be a leak."""
    genotypes, others = drawn(30), known(drawn(20, seed=1))
    model = Process(known(genotypes), fitness(genotypes), ASSUMED)
    together, alone = model.improvements(others, []), model.improvements(others[:1], [])
    for all_, one in zip(together, alone, strict=True):
        assert all_[0] == pytest.approx(one[0])


def test_what_is_pending_counts_as_it_is_expected() -> None:
    genotypes, (candidate, other) = drawn(30), known(drawn(2, seed=1))
    model = Process(known(genotypes), fitness(genotypes), ASSUMED)
    (before, _), (better, other_better) = model.improvements([candidate, other], [])
    (after, _), (worse, other_worse) = model.improvements([candidate, other], [candidate])
    assert after == pytest.approx(before)
    assert worse < 0.7 * better
    assert other_worse > 0.7 * other_better


def test_pending_individuals_explain_as_if_they_were_evaluated() -> None:
    genotypes, others, waiting = drawn(30), known(drawn(5, seed=1)), known(drawn(3, seed=2))
    model = Process(known(genotypes), fitness(genotypes), ASSUMED)
    compared = model._compared
    whole, points = compared.kernel.points([*known(genotypes), *waiting]), compared.kernel.points(others)
    whole = replace(whole, counts=whole.counts.within(np.unique(compared.points.counts.named.names)))
    covariance = compared.between(whole, whole, ASSUMED.length) + ASSUMED.noise * np.eye(33)
    near = compared.between(points, whole, ASSUMED.length)
    deviations = np.sqrt(1 - (near * np.linalg.solve(covariance, near.T).T).sum(axis=1))
    above = (near[:, :30] @ model._weights - model.scores.max()) / deviations
    expected = [
        deviation * (each * NORMAL.cdf(each) + NORMAL.pdf(each))
        for each, deviation in zip(above.tolist(), deviations.tolist(), strict=True)
    ]
    assert model.improvements(others, waiting)[1] == pytest.approx(expected)


def test_overlaps_are_those_of_all_individuals_whatever_was_asked_before() -> None:
    found = known(drawn(12))
    overlaps, ids = Overlaps(found.__getitem__), [9, 3, 11, 4, 0]
    overlaps.among(range(6))
    overlaps.among([1, 3, 5])
    table = Table.of([found[id].neighbourhoods for id in ids])
    assert overlaps.among(ids).tolist() == table.overlaps(table).tolist()
    assert Process(
        known(drawn(12)), fitness(drawn(12)), ASSUMED, overlaps=overlaps.among(range(12))
    ).left_out == pytest.approx(Process(known(drawn(12)), fitness(drawn(12)), ASSUMED).left_out)


def test_a_neighbourhood_that_all_have_does_not_count() -> None:
    genotypes = drawn(12)
    more = [
        Features(one.numbers, Named.joined([one.neighbourhoods, Named.of({name("the same"): 7})]))
        for one in known(genotypes)
    ]
    plain, padded = (Process(each, fitness(genotypes), ASSUMED) for each in (known(genotypes), more))
    assert plain.left_out == pytest.approx(padded.left_out)
    overlaps = Overlaps(more.__getitem__).among(range(12))
    assert Process(more, fitness(genotypes), ASSUMED, overlaps=overlaps).left_out == pytest.approx(plain.left_out)


def features_of(genotypes: Sequence[Genotype]) -> Callable[[int], Features]:
    return ToySpace().features(genotypes).__getitem__


def test_a_model_is_made_of_the_best_and_the_latest() -> None:
    genotypes = drawn(500)
    results = Results(features_of(genotypes))
    for id, value in enumerate(fitness(genotypes)):
        assert (results.model() is None) if id < LEAST else True
        results.tell(id, value, None)
        if id > LEAST:
            break
    for id, value in [*enumerate(fitness(genotypes))][LEAST + 2 :]:
        results.tell(id, value, None)
    needed = {*results.needed}
    early = fitness(genotypes)[: 500 - MOST_LATEST]
    assert {*range(500 - MOST_LATEST, 500)} <= needed and len(needed) == MOST_BEST + MOST_LATEST
    assert min(early[id] for id in needed if id < len(early)) >= sorted(early)[-MOST_BEST]


def test_the_length_is_chosen_anew_when_a_tenth_more_results_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    def counted(evaluated: Sequence[Features], values: Sequence[float], overlaps: Array) -> Assumed:
        counts.append(len(values))
        return ASSUMED

    monkeypatch.setattr("evolve.predictor.results.likeliest", counted)
    genotypes = drawn(90)
    results = Results(features_of(genotypes))
    for id, value in enumerate(fitness(genotypes)):
        results.tell(id, value, None)
        results.model()
    assert counts == [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 66, 72, 79, 86]


def test_the_correlation_is_that_of_what_was_chosen() -> None:
    results = Results(features_of(drawn(9)))
    for id, predicted in enumerate((None, 0.1, 0.2, 0.3)):
        assert results.correlation is None
        results.tell(id, float(id), predicted)
    assert results.correlation == pytest.approx(1.0)


def test_results_of_higher_rungs_order_those_who_have_them() -> None:
    results = Results(features_of(drawn(4)))
    for id, value in enumerate((0.1, 0.2, 0.3, 0.4)):
        results.tell(id, value, None)
    for id, value in ((1, 0.9), (3, 0.6), (2, 0.7)):
        results.promote(id, value, 1)
    assert results.values() == {0: 0.1, 1: 0.4, 2: 0.3, 3: 0.2}


def test_a_weighted_value_prefers_the_objective_of_the_larger_weight() -> None:
    scores = {1: (1.0, 0.0), 2: (0.6, 0.6), 3: (0.0, 1.0), 4: (0.5, 0.5)}
    first = weighted(scores, scores, (0.9, 0.1))
    assert max(range(4), key=first.__getitem__) == 0
    even = weighted(scores, [*scores, 5], (0.5, 0.5))
    assert max(range(4), key=even.__getitem__) == 1 and even[1] > even[3]
    assert even[4] == min(even)  # individual 5 has failed


def test_one_value_of_an_objective_is_no_span() -> None:
    assert weighted({1: (1.0, 2.0), 2: (0.0, 2.0)}, (1, 2), (0.5, 0.5)) == pytest.approx([0.0, -0.525])


def test_with_several_objectives_it_predicts_the_fitness() -> None:
    genotypes, others = drawn(60), drawn(60, seed=1)
    results = Results(features_of(genotypes))
    for id, value in enumerate(fitness(genotypes)):
        results.tell(id, value, None, (value, -value))
    model = results.model((0.5, 0.5))
    model = model or results.model((0.9, 0.1))
    assert model is not None and results.objectives == 2
    predicted, _ = model.improvements(known(others), [])
    correlation = rank_correlation(predicted.tolist(), fitness(others))
    assert correlation is not None and correlation > 0.7
