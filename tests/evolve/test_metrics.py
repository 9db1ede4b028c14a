"""Searches by metrics: what they store and show, from settings to the end table."""

from __future__ import annotations

import io
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import dsl
from compiler import DatasetSettings, Training
from evolve import CellSpace, Individual, Store, Task, UsageError, config
from evolve.config import Config
from evolve.fitness.base import Fitness
from evolve.fitness.facts import Facts
from evolve.fitness.function import FunctionFitness
from evolve.objectives import Objective, Objectives, check_recall
from evolve.prepared import prepare
from evolve.records import LOWEST
from evolve.store import export_table
from evolve.whole import run
from tests.evolve import made_table
from tests.evolve.test_summaries import _points, _read
from tests.evolve.test_tables import spec

ERRORS = "search.fitness='tests.evolve.made_up:errors'"


def settings(gin: Path, *bindings: str) -> Config:
    return config.read([str(gin)], [*bindings, "search.individuals=12"])


def search(gin: Path, folder: Path, *bindings: str) -> tuple[str, list[Individual]]:
    """Runs a search of 12 individuals. Returns its output and its individuals."""
    out = io.StringIO()
    run(settings(gin, *bindings), folder, Console(file=out, width=150))
    with Store(folder) as store:
        return out.getvalue(), [*store.finished()]


def curves(folder: Path) -> dict[str, list[float]]:
    run = _read(folder / "tensorboard" / "search")
    names = ("best", "individual", "metrics", "population")
    tags = [tag for tag in run.Tags()["tensors"] if tag.startswith(names) and not tag.endswith(("cells", "genotype"))]
    return {tag: [value for _, value in _points(run, tag)] for tag in tags}


def test_a_metric_that_is_minimized_is_shown_with_its_own_sign(small_gin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    printed, rows = search(small_gin, folder, ERRORS, "search.objectives={'errors': 'min'}")
    best = min(rows, key=lambda one: (dict(one.metrics)["errors"], one.size))
    least = dict(best.metrics)["errors"]
    assert [one.fitness for one in rows] == [-dict(one.metrics)["errors"] for one in rows]
    assert f"best errors {least:.4f} (" in printed
    table = [line.split() for line in printed[printed.index("The best") :].splitlines()]
    assert "errors" in table[2] and "accuracy" not in table[2]
    assert f"{least:.4f}" in next(line for line in table if str(best.id) in line)
    assert f"watts of {best.id}: {dict(best.metrics)['watts']:.6g}" in printed
    assert f"errors of {best.id}" not in printed, "the table has it"
    shown = curves(folder)
    assert shown["best/errors"][-1] == pytest.approx(least)
    assert shown["individual/errors"] == pytest.approx([dict(one.metrics)["errors"] for one in rows])
    assert shown["metrics/watts"] == pytest.approx([dict(one.metrics)["watts"] for one in rows])
    assert shown["population/min"][-1] >= shown["population/mean"][-1] >= shown["population/max"][-1] > 0
    assert not [tag for tag in shown if "accuracy" in tag]
    exported = io.StringIO()
    export_table.write_json(folder, exported)
    assert [row["metrics"] for row in json.loads(exported.getvalue())] == [dict(one.metrics) for one in rows]


def test_the_target_is_in_the_units_of_the_metric(small_gin: Path, tmp_path: Path) -> None:
    objectives = "search.objectives={'errors': 'min', 'mult_adds': 'min'}"
    printed, rows = search(small_gin, tmp_path / "work", ERRORS, objectives, "search.target=47")
    assert "has reached the target, 47" in printed and len(rows) < 12
    assert dict(rows[-1].metrics)["errors"] <= 47
    assert all(dict(one.metrics)["errors"] > 47 for one in rows[:-1])
    assert [one.scores for one in rows] == [(one.fitness, -one.mult_adds) for one in rows]


def test_a_failed_individual_ranks_below_negative_fitnesses(small_gin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    printed, rows = search(small_gin, folder, "search.fitness='tests.evolve.made_up:negative'", "search.seed=1")
    failed = [one for one in rows if one.is_failed]
    assert failed and all(
        one.fitness == LOWEST < other.fitness < 0 for one in failed for other in rows if other not in failed
    )
    assert "inf" not in printed and "e+300" not in printed
    shown = [value for values in curves(folder).values() for value in values]
    assert min(shown) > -101 and max(shown) < 1e12
    with sqlite3.connect(folder / "search.sqlite") as db:
        (lowest,) = db.execute("select status from individuals order by fitness limit 1").fetchone()
    assert lowest == "failed"


def test_a_search_without_these_settings_is_the_search_of_an_earlier_version(small_gin: Path, tmp_path: Path) -> None:
    """Its settings are those of earlier versions, so that it can be resumed."""
    made = prepare(settings(small_gin), tmp_path / "work")
    assert "search.objectives" not in made.identity(made.config.algorithm(_space(made.seed)))
    chosen = prepare(settings(small_gin, "search.objectives={'params': 'min'}"), tmp_path / "work")
    assert chosen.identity(made.config.algorithm(_space(made.seed)))["search.objectives"] == "params min"


def _space(seed: dsl.Genotype) -> CellSpace:
    return CellSpace(seed.space, (8, 8, 1), 3)


class TestMistakes:
    """Mistakes that are found before the first individual."""

    @pytest.mark.parametrize(
        ("bindings", "message"),
        [
            (["search.metric='acuracy'"], "search.metric has 'acuracy', .*did you mean 'accuracy'"),
            (["search.objectives={'accuracy': 'max', 'flops': 'min'}"], "search.objectives has 'flops'"),
            (["search.objectives={'accuracy': 'up'}"], r"write it as \{'accuracy': 'max', 'mult_adds': 'min'\}"),
            (
                ["search.metric='loss'", "search.objectives={'accuracy': 'max', 'loss': 'min'}"],
                "search.metric is 'loss', and the first of search.objectives, .* is 'accuracy': 'max'",
            ),
            (["search.metric='measured'"], "search.measure has no command: --gin_param="),
            (["search.measure='time'"], r"it must be a command with \{model\}"),
            (["latency.threads=2"], "nothing reads latency.threads: neither search.metric nor search.objectives has"),
            (["latency.runs=0", "search.metric='latency_ms'"], "latency.runs is 0; it must be a whole number from 1"),
            (["search.target=1.5", "search.metric='auc'"], "search.target is 1.5"),
            ([ERRORS, "search.measure='wc {model}'"], "which trains no network that could be exported"),
            ([ERRORS, "search.metric='errors'"], r"whether more or less of it is better is not known"),
        ],
    )
    def test_a_wrong_setting(self, small_gin: Path, tmp_path: Path, bindings: list[str], message: str) -> None:
        fitness = () if ERRORS in bindings else ("search.fitness='training'",)
        with pytest.raises(UsageError, match=message):
            prepare(settings(small_gin, *fitness, *bindings), tmp_path)

    @pytest.mark.parametrize(
        ("metric", "message"),
        [
            ("recall_7", "'recall_7' is the recall of no class; there are recall_0, recall_1, recall_2"),
            ("recal_1", "did you mean"),
        ],
    )
    def test_a_class_that_does_not_exist(self, small_gin: Path, tmp_path: Path, metric: str, message: str) -> None:
        bindings = ("search.fitness='training'", f"search.metric='{metric}'", "training.batch_size=8")
        with pytest.raises(UsageError, match=message):
            prepare(settings(small_gin, *bindings), tmp_path).fitness.find_facts()


def test_the_target_of_a_loss_may_be_any_number(small_gin: Path, tmp_path: Path) -> None:
    bindings = ("search.fitness='training'", "search.metric='loss'", "search.target=1.5")
    assert prepare(settings(small_gin, *bindings), tmp_path).plan.target == 1.5


def test_a_class_whose_name_is_not_one_alone_or_has_no_images() -> None:
    with pytest.raises(UsageError, match="may be the recall of 'a b' or 'a-b': rename"):
        check_recall("recall_a_b", ("a b", "a-b"), (5, 5))
    with pytest.raises(UsageError, match="class 'b' has no validation images"):
        check_recall("recall_b", ("a", "b"), (5, 0))
    check_recall("recall_b", ("a", "b"), ())


def function(monkeypatch: pytest.MonkeyPatch, returned: object) -> Fitness:
    monkeypatch.setattr("evolve.fitness.function.fitness_function", lambda name: lambda genotype, seed: returned)
    facts = Facts(description="", input_shape=(8, 8, 3), classes=3)
    text = dsl.load("nasnet.cell").space.text()
    return FunctionFitness(
        name="a:b", space=text, dataset=DatasetSettings(), training=Training(), folder=Path(), weights=Path(),
        facts=facts,
    )  # fmt: skip


def task() -> Task:
    return Task(1, dsl.load("nasnet.cell").text(), 3, 0.0)


def test_a_function_returns_a_number_or_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    assert function(monkeypatch, -3.5).evaluate(task()).fitness == -3.5
    found = function(monkeypatch, {"fitness": 2, "watts": 7.5}).evaluate(task())
    assert (found.fitness, found.metrics) == (2.0, (("fitness", 2.0), ("watts", 7.5)))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("good", "it must return a number, or a mapping from names of metrics to numbers"),
        ({"watts": "few"}, "it must return a number, or a mapping"),
        ({"watts": 3}, r"has no 'fitness': choose the metric .*search\.objectives={'watts': 'max'}"),
        ({"fitness": 1, "params": 3}, "every individual has a metric 'params' of its own"),
    ],
)
def test_a_function_that_returns_something_else_ends_the_search(
    returned: object, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=message):
        function(monkeypatch, returned).evaluate(task())


def test_a_metric_of_a_function_that_is_not_finite_fails_the_individual(monkeypatch: pytest.MonkeyPatch) -> None:
    found = function(monkeypatch, {"fitness": 1, "watts": float("inf")}).evaluate(task())
    assert (found.status, found.error) == ("failed", "the metric watts is inf")


def test_a_function_that_fails_is_below_every_negative_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share below 0 would be below the fitness 0 of a failed individual."""
    shares = replace(function(monkeypatch, {"accuracy": -0.5}), objectives=Objectives([Objective("accuracy")]))
    found = shares.evaluate(task())
    assert (found.status, found.fitness) == ("failed", 0.0) and "accuracy is -0.5; a metric of this name" in found.error
    other = replace(function(monkeypatch, {"score": -0.5}), objectives=Objectives([Objective("score")]))
    assert (other.evaluate(task()).fitness, other.objectives.worst) == (-0.5, LOWEST)


def test_a_column_of_a_table_in_percent_is_no_share(tmp_path: Path) -> None:
    columns = made_table.columns()
    path = made_table.write(tmp_path / "percent.npz", **{**columns, "accuracy": columns["c10_test_acc_200"]})
    made = spec(path)
    objectives = Objectives([Objective("accuracy"), Objective("mult_adds", "min")])
    asked = replace(made, own=replace(made.own, metrics=("accuracy",)), objectives=objectives)
    with pytest.raises(UsageError, match=r"accuracy is .* in a row of .*; a metric of this name .*rename the column"):
        asked.checked(dsl.load("nasbench201.cell"), str)
    replace(asked, objectives=Objectives([Objective("fitness")])).checked(dsl.load("nasbench201.cell"), str)


def test_a_column_of_a_table_that_is_constant_is_no_objective(tmp_path: Path) -> None:
    columns = made_table.columns()
    path = made_table.write(tmp_path / "same.npz", **{**columns, "c10_test_acc_200": columns["c10_test_acc_200"] * 0})
    made = spec(path)
    asked = replace(made, objectives=Objectives([Objective("fitness"), Objective("c10_test_acc_200")]))
    with pytest.raises(UsageError, match=r"which is 0 in every row of .*: an objective must differ"):
        asked.checked(dsl.load("nasbench201.cell"), str)
