"""Callbacks receive a search from its start to its end: one of one's own, MLflow, and Weights & Biases."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import dsl
import evolve
from evolve import Evaluation, Individual, Proposal, Standing, Store, UsageError
from evolve.callbacks import Callback, MLflow, WandB, numbers_of
from evolve.whole import TOLD


class Recorder(Callback):
    """Records every call."""

    def __init__(self, stop_at: int = 0) -> None:
        self.calls: list[Any] = []
        self._stop_at = stop_at

    def begin(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.calls.append((folder, settings["search.algorithm"], settings["search.individuals"]))

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        assert genotype.text() == individual.genotype
        self.calls.append(individual.id)
        if individual.id == self._stop_at:
            raise KeyboardInterrupt

    def end(self, reason: str, best: Individual | None) -> None:
        self.calls.append((reason, best and best.id))


def test_the_calls_of_a_search_that_is_interrupted_and_resumed(small_gin: Path, tmp_path: Path) -> None:
    work, few = tmp_path / "work", ["search.individuals=6"]
    first = Recorder(stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        evolve.run(small_gin, few, work, callbacks=[first], quiet=True)
    begun = (work, "regularized_evolution", "6")
    assert first.calls[:-1] == [begun, 1, 2, 3] and first.calls[-1][0] == "the search was interrupted"
    second = Recorder()
    best = evolve.run(small_gin, few, work, callbacks=[second, Callback()], quiet=True).best
    assert best is not None
    assert second.calls == [begun, 4, 5, 6, ("all 6 individuals are finished", best.id)]
    third = Recorder()
    evolve.run(small_gin, few, work, callbacks=[third], quiet=True)
    assert third.calls == []  # the search was complete
    with Store(work) as store:
        store.forget(TOLD)  # as a run that was killed before its end
    for calls in ([begun, ("all 6 individuals are finished", best.id)], []):
        later = Recorder()
        evolve.run(small_gin, few, work, callbacks=[later], quiet=True)
        assert later.calls == calls


def test_callbacks_hear_of_a_choice_that_is_made_later(small_gin: Path, tmp_path: Path) -> None:
    work, few = tmp_path / "work", ["search.individuals=4"]
    evolve.run(small_gin, few, work, quiet=True)
    recorder = Recorder()
    best = evolve.run(
        small_gin, [*few, "search.finalists=2"], work, changed=True, callbacks=[recorder], quiet=True
    ).best
    assert best is not None
    assert recorder.calls[1:] == [("all 4 individuals are finished", best.id)]


def test_mlflow(small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database needs the large package of MLflow
    work, uri = tmp_path / "work", (tmp_path / "mlruns").as_uri()
    for count in (4, 6):
        study = evolve.run(
            small_gin, [f"search.individuals={count}"], work, changed=True, quiet=True,
            callbacks=[MLflow("digits", tracking_uri=uri)],
        )  # fmt: skip
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("digits")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.data.tags["end"] == "all 6 individuals are finished"
    assert run.data.params["search.algorithm"] == "regularized_evolution"
    curve = client.get_metric_history(run.info.run_id, "fitness")
    assert [(one.step, one.value) for one in curve] == [(one.id, one.fitness) for one in study]
    best = client.get_metric_history(run.info.run_id, "best")
    assert study.best is not None and best[-1].value == study.best.fitness
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"best.cell", "space.cell"}


def test_a_metric_with_the_name_of_another_number_takes_no_place_of_it() -> None:
    metrics = (("accuracy", 0.5), ("id", 0.25), ("best", 0.75))
    one = Individual(7, "", fingerprint="f", fitness=0.5, status="done", metrics=metrics, finished=7)
    numbers = numbers_of(one, Standing((), one))
    assert (numbers["id"], numbers["best"], numbers["accuracy"]) == (7, 0.5, 0.5)
    assert (numbers["metrics.id"], numbers["metrics.best"]) == (0.25, 0.75)


class FakeRun:
    """Records what a run of Weights & Biases receives."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given, self.logged, self.summary, self.is_finished = given, [], {}, False  # type: ignore[var-annotated]

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        self.logged.append((step, numbers))

    def finish(self) -> None:
        self.is_finished = True


def test_weights_and_biases(small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[FakeRun] = []
    fake = ModuleType("wandb")

    def init(**given: Any) -> FakeRun:
        runs.append(FakeRun(given))
        return runs[-1]

    fake.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for count in (4, 6):
        study = evolve.run(
            small_gin, [f"search.individuals={count}"], tmp_path / "work", changed=True, quiet=True,
            callbacks=[WandB("digits", mode="offline")],
        )  # fmt: skip
    first, second = runs
    assert first.given["id"] == second.given["id"] and first.given["mode"] == "offline"
    assert first.given["project"] == "digits" and first.given["config"]["search.individuals"] == "4"
    assert [step for step, _ in first.logged + second.logged] == [1, 2, 3, 4, 5, 6]
    assert [numbers["fitness"] for _, numbers in first.logged + second.logged] == [one.fitness for one in study]
    assert second.is_finished and study.best is not None and second.summary["best id"] == study.best.id


class FakeClient:
    """Records the steps that a client of MLflow receives."""

    def __init__(self, uri: str | None) -> None:
        self.steps: list[int] = []

    def update_run(self, run: str, state: str) -> None:
        """Continues a run."""

    def log_batch(self, run: str, metrics: list[tuple[str, float, int, int]]) -> None:
        self.steps.append({step for *_, step in metrics}.pop())


@pytest.mark.parametrize("make", [WandB, MLflow])
def test_each_result_of_a_promotion_has_a_step_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    wandb: Any = SimpleNamespace(init=lambda **given: FakeRun(given))
    mlflow: Any = SimpleNamespace(
        MlflowClient=FakeClient, entities=SimpleNamespace(Metric=lambda *values: values),
        exceptions=SimpleNamespace(MlflowException=OSError),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    (tmp_path / "mlflow.run").write_text("run")
    (genotype, standing), steps = (dsl.load("large_scale.cell").space.seed, Standing((), None)), []
    with Store(tmp_path) as store:
        # The search is interrupted after each two results.
        for results in ([(1, 0), (2, 0)], [(3, 0), (1, 1)], [(2, 1), (4, 0)]):
            callback = make()
            callback.begin(tmp_path, {})
            for id, rung in results:
                if not rung:
                    store.propose(Proposal(id, f"g{id}"), f"f{id}")
                    store.finish(id, Evaluation(0.5))
                store.rungs.finish(store.rungs.start(id, rung), Evaluation(0.5), rung)
                callback.individual(store.individual(id), genotype, standing)
            logged = callback._client.steps if make is MLflow else [step for step, _ in callback._run.logged]
            steps.append(logged)
    assert steps == [[1, 2], [3, 4], [5, 6]]


def test_a_package_that_is_missing(small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, callback in (("mlflow", MLflow()), ("wandb", WandB())):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(UsageError, match=rf"pip install 'amoeba-evolve\[{name}\]'"):
            evolve.run(small_gin, workdir=tmp_path / name, callbacks=[callback], quiet=True)


def test_an_address_that_mlflow_refuses(small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    callback = MLflow(tracking_uri="nowhere://host")
    with pytest.raises(UsageError, match="MLflow cannot be used"):
        evolve.run(small_gin, workdir=tmp_path / "work", callbacks=[callback], quiet=True)


@pytest.mark.parametrize("wrong", ["mlflow", MLflow])
def test_what_is_not_a_callback_is_refused(small_gin: Path, tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"callbacks has .*[lL]flow.*such as evolve\.callbacks\.MLflow\(\)"):
        evolve.run(small_gin, workdir=tmp_path / "work", callbacks=[wrong], quiet=True)
    assert not (tmp_path / "work").exists()


class Named(Callback):
    """Notes the end of a search in a file."""

    def begin(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder

    def end(self, reason: str, best: Individual | None) -> None:
        (self._folder / "named.txt").write_text(reason)


def test_a_setting_names_callbacks(small_gin: Path, tmp_path: Path) -> None:
    bindings = ["search.individuals=1", "search.callbacks=['tests.evolve.test_callbacks:Named']"]
    study = evolve.run(small_gin, bindings, tmp_path / "work", quiet=True)
    assert (tmp_path / "work" / "named.txt").read_text() == "the individual is finished"
    assert repr(study).startswith(f"<study of {tmp_path / 'work'}: 1 individual, best 1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mlfow", r"'mlfow'; it may have 'mlflow' or 'wandb', .*did you mean 'mlflow'"),
        ("no.such:thing", r"'no\.such:thing', which cannot be imported: No module named 'no'"),
        ("tests.evolve.made_up:nothing", r"which cannot be imported: module .* has no attribute 'nothing'"),
        ("builtins:dict", r"which gives \{\}, not an evolve\.callbacks\.Callback"),
    ],
)
def test_callbacks_that_do_not_exist(small_gin: Path, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evolve.run(small_gin, [f"search.callbacks=[{name!r}]"], tmp_path / "work", quiet=True)
    assert not (tmp_path / "work").exists()
