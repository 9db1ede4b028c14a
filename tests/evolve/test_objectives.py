"""The metrics by which individuals are compared, and the settings that choose them."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping

import pytest

from evolve import Evaluation, UsageError
from evolve.objectives import MEASURES, Direction, Objective, Objectives, chosen
from evolve.records import LOWEST, failed

ACCURACY = Objectives([Objective("accuracy")])
LOSS = Objectives([Objective("loss", "min")])
BOTH = Objectives([Objective("accuracy"), Objective("mult_adds", "min"), Objective("loss", "min")])
KNOWN = ("accuracy", "loss", "balanced_accuracy", "recall_", *MEASURES)
MEASURED = Evaluation(0.9, params=7, mult_adds=50, metrics=(("accuracy", 0.9), ("loss", 0.25)))


@pytest.mark.parametrize(
    ("objectives", "fitness", "scores"),
    [
        (ACCURACY, 0.9, (0.9,)),
        (LOSS, -0.25, (-0.25,)),
        (BOTH, 0.9, (0.9, -50, -0.25)),
        (Objectives([Objective("params", "min")]), -7, (-7,)),
    ],
)
def test_the_first_objective_gives_the_fitness_and_more_of_a_score_is_better(
    objectives: Objectives, fitness: float, scores: tuple[float, ...]
) -> None:
    judged = objectives.judged(MEASURED, "accuracy")
    assert judged.fitness == fitness
    assert judged.scores == (scores if len(objectives) > 1 else ())
    assert objectives.scores(judged) == scores
    assert [one.score(score) for one, score in zip(objectives, scores, strict=True)] == [
        {"accuracy": 0.9, "loss": 0.25, "mult_adds": 50, "params": 7}[one.name] for one in objectives
    ]


def test_the_metric_that_the_source_measures_is_kept_where_it_is_not_the_fitness() -> None:
    number = Evaluation(3.5, params=7)
    assert Objectives([Objective("fitness")]).judged(number, "fitness") == number
    judged = Objectives([Objective("params", "min"), Objective("fitness")]).judged(number, "fitness")
    assert (judged.fitness, judged.metrics) == (-7, (("fitness", 3.5),))


def test_a_measure_that_is_the_fitness_has_its_own_column_alone() -> None:
    seconds = Objectives([Objective("seconds", "min")])
    for metrics in ((), (("accuracy", 0.9),)):
        judged = seconds.judged(Evaluation(0.0, seconds=50.0, metrics=metrics), "seconds")
        assert (judged.fitness, judged.metrics) == (-50, metrics)


@pytest.mark.parametrize("objectives", [ACCURACY, LOSS, BOTH, Objectives([Objective("fitness")])])
def test_a_failed_individual_ranks_below_every_other(objectives: Objectives) -> None:
    worst = objectives.judged(failed("no memory"), "accuracy")
    lowest = 0.0 if objectives.first == Objective("accuracy") else -1e299
    assert worst.fitness <= lowest
    assert worst.scores == ()
    assert math.isfinite(worst.fitness)


@pytest.mark.parametrize(
    ("objectives", "reason"),
    [
        (Objectives([Objective("los", "min")]), "no metric 'los', only accuracy, loss; did you mean 'loss'?"),
        (Objectives([Objective("depth", "min")]), "no metric 'depth'"),
        (BOTH, "the loss is nan"),
    ],
)
def test_a_metric_that_is_missing_or_not_finite_fails_the_individual(objectives: Objectives, reason: str) -> None:
    found = Evaluation(0.9, graph="{}", metrics=(("accuracy", 0.9), ("loss", math.nan)))
    judged = objectives.judged(found, "accuracy")
    assert judged.is_failed
    assert reason in judged.error
    assert (judged.fitness, judged.graph) == (objectives.worst, "")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, LOWEST])
def test_a_fitness_must_be_finite_and_above_that_of_failed_individuals(value: float) -> None:
    judged = Objectives([Objective("fitness")]).judged(Evaluation(value), "fitness")
    assert (judged.status, judged.error) == ("failed", f"the fitness is {value}")


@pytest.mark.parametrize(
    ("metric", "value", "advice"),
    [
        (
            "accuracy",
            -0.5,
            "--gin_param=\"search.objectives={'score': 'max'}\"; if less is better: --gin_param=\"search.me",
        ),
        (
            "accuracy",
            93.0,
            "give 0.93 for 93 %, or choose another name, such as --gin_param=\"search.objectives={'score'",
        ),
        ("recall_cat", 300.0, "choose another name, such as"),
    ],
)
def test_a_share_that_is_not_from_0_to_1_fails_the_individual(metric: str, value: float, advice: str) -> None:
    for natural in (metric, "fitness"):
        found = Evaluation(value, metrics=((metric, value),))
        judged = Objectives([Objective(metric)]).judged(found, natural)
        assert (judged.status, judged.fitness) == ("failed", 0.0)
        assert judged.error.startswith(f"{metric} is {value:g}; a metric of this name is from 0 to 1: ")
        assert advice in judged.error
    several = Objectives([Objective(metric), Objective("loss", "min")])
    found = Evaluation(value, metrics=((metric, value), ("loss", -0.5)))
    assert "={'score': 'max', 'loss': 'min'}" in several.judged(found, metric).error


@pytest.mark.parametrize("value", [0.0, 1.0, sum([1 / 49] * 49) + 1e-9])
def test_a_share_may_be_rounded(value: float) -> None:
    assert ACCURACY.judged(Evaluation(value), "accuracy").fitness == value


def test_objectives_can_be_sent_to_workers_and_are_one_text() -> None:
    assert pickle.loads(pickle.dumps(BOTH)) == BOTH
    assert str(BOTH) == "accuracy max, mult_adds min, loss min"


@pytest.mark.parametrize(
    ("metric", "objectives", "expected"),
    [
        (None, {}, "accuracy max"),
        ("loss", {}, "loss min"),
        ("recall_cat", {}, "recall_cat max"),
        (None, {"accuracy": "max", "mult_adds": "min"}, "accuracy max, mult_adds min"),
        (None, {"params": "max"}, "params max"),
    ],
)
def test_settings_choose_objectives(metric: str | None, objectives: Mapping[str, Direction], expected: str) -> None:
    assert str(chosen(metric, objectives, "accuracy", KNOWN)) == expected


@pytest.mark.parametrize(
    ("metric", "objectives", "reason"),
    [
        ("acuracy", {}, "search.metric has 'acuracy'"),
        ("acuracy", {}, "did you mean 'accuracy'?"),
        (None, {"accuracy": "max", "multadds": "min"}, "search.objectives has 'multadds'"),
        (None, {"accuracy": "min"}, "--gin_param=\"search.objectives={'accuracy': 'max'}\""),
        (None, {"params": "min", "loss": "max"}, "--gin_param=\"search.objectives={'params': 'min', 'loss': 'min'}\""),
    ],
)
def test_metrics_that_do_not_exist_or_contradict_are_refused(
    metric: str | None, objectives: Mapping[str, Direction], reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(metric, objectives, "accuracy", KNOWN)
    assert reason in str(caught.value)


def test_the_direction_of_a_metric_of_a_function_must_be_given() -> None:
    with pytest.raises(UsageError, match=r"search.objectives={'watts': 'min'}"):
        chosen("watts", {}, "fitness", None)
    assert str(chosen(None, {"watts": "min"}, "fitness", None)) == "watts min"
