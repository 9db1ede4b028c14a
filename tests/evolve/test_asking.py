"""Ask and tell: the loop's proposals, from threads and processes, after kills, and the messages for mistakes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dsl
import evolve
from compiler.domains import REQUIRED, settings_of, values
from evolve import AskStudy, CellSpace, SearchEnded, Store, Trial, UsageError, config
from evolve.algorithms import ALGORITHMS as RECORDS_OF_ALGORITHMS
from evolve.creation import resume
from evolve.prepared import prepare
from evolve.tab.data import Data
from tests.evolve.asking import SPACE, accuracy, begun
from tests.evolve.replay import replay
from tests.evolve.test_search import ROOT

ALGORITHMS: Sequence[Callable[[], Any]] = (
    lambda: evolve.RegularizedEvolution(population_size=6, sample_size=3),
    lambda: evolve.NonAgeingEvolution(population_size=6, sample_size=3),
    lambda: evolve.PairwiseTournament(population_size=6),
    lambda: evolve.Neat(population_size=6, threshold=1.0),
    lambda: evolve.RandomSearch(),
)
TOLD = "select id, parent, rule, genotype, fitness, status, memo, finished, proposed_after from individuals order by id"


def rows(folder: Path) -> list[tuple[Any, ...]]:
    with Store(folder / "work") as store:
        return store._execute(TOLD)


def finish(study: AskStudy, count: int) -> None:
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, accuracy=accuracy(trial), latency_ms=float(trial.id))


def check_replay(folder: Path, algorithm: Any) -> None:
    """Checks that the algorithm makes the proposals of the store from the results before each of them."""
    cells = CellSpace(dsl.loads(SPACE).space, (8, 8, 3), 10)
    with Store(folder / "work") as store:
        replay(store, type(algorithm)(cells, 0, **{n: v for n, v in vars(algorithm).items() if n in SETTINGS}), cells)


SETTINGS = ("population_size", "sample_size", "threshold", "window")


def driver(folder: Path, count: int, pause: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.evolve.asking", str(folder), str(count), str(pause)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, stderr=subprocess.PIPE)


GIN = """
search.seed_file = '{folder}/space.cell'
search.executor = 'serial'
search.individuals = 25
search.fitness = 'tests.evolve.made_up:convolutions'
regularized_evolution.population_size = 6
regularized_evolution.sample_size = 3
"""


def test_the_proposals_are_those_of_the_loop(tmp_path: Path) -> None:
    finish(begun(tmp_path, input_shape=(8, 8, 1)), 25)
    (tmp_path / "small.gin").write_text(GIN.format(folder=tmp_path))
    evolve.run(tmp_path / "small.gin", workdir=tmp_path / "loop" / "work", quiet=True)
    assert rows(tmp_path) == rows(tmp_path / "loop")


@pytest.mark.parametrize("make", ALGORITHMS, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("order", ["finished", "born"])
def test_two_studies_of_one_folder_make_one_search(make: Callable[[], Any], order: str, tmp_path: Path) -> None:
    studies = [begun(tmp_path, algorithm=make(), order=order) for _ in range(2)]
    waiting = [study.ask() for study in studies for _ in range(2)]
    for number in range(30):
        trial = waiting.pop(number % 3)
        studies[number // 3 % 2].tell(trial, accuracy=accuracy(trial))
        waiting.append(studies[number // 2 % 2].ask())
    assert sorted(trial.id for trial in waiting) == studies[0].pending
    check_replay(tmp_path, make())
    assert len(studies[1]) == 34


@pytest.mark.parametrize("settings", [{"candidates": 8}, {"repeat_networks": False}], ids=str)
def test_two_studies_with_candidates_make_the_proposals_of_one(settings: dict[str, Any], tmp_path: Path) -> None:
    finish(begun(tmp_path / "one", **settings), 40)
    studies = [begun(tmp_path / "two", **settings) for _ in range(2)]
    for number in range(40):
        finish(studies[number // 3 % 2], 1)
    assert rows(tmp_path / "two") == rows(tmp_path / "one")


def test_several_objectives(tmp_path: Path) -> None:
    objectives = {"accuracy": "max", "latency_ms": "min"}
    study = begun(tmp_path, algorithm=evolve.Nsga2(population_size=6), objectives=objectives)
    finish(study, 20)
    front = [one.id for one in study.front]
    assert 1 in front and len(front) > 1  # latency is the id, so the first individual has the lowest
    texts = {int(path.stem) for path in (tmp_path / "work" / "front").glob("*.cell")}
    assert texts == {*front}
    again = begun(tmp_path, algorithm=evolve.Nsga2(population_size=6), objectives=objectives)
    finish(again, 1)
    with pytest.raises(UsageError, match=r"the metric 'latency_ms' of this search is missing.*latency_ms=\.\.\."):
        again.tell(again.ask(), accuracy=0.5)


def test_a_metric_that_is_minimized(tmp_path: Path) -> None:
    study = begun(tmp_path, metric="loss", target=0.5)
    study.tell(study.ask(), loss=1.5)
    study.tell(study.ask(), fitness=0.25, accuracy=0.9)
    best = study.best
    assert best is not None and (best.id, best.fitness, best.metrics["loss"]) == (2, -0.25, 0.25)
    assert repr(study).endswith("best 2 with loss 0.2500>")
    with pytest.raises(SearchEnded, match="individual 2 has reached the target"):
        study.ask()


@pytest.mark.parametrize(
    "settings",
    [
        {"algorithm": evolve.Nsga2(population_size=4), "objectives": {"accuracy": "max", "seconds": "min"}},
        {"metric": "seconds"},
    ],
    ids=str,
)
def test_seconds_that_are_an_objective_must_be_told(settings: dict[str, Any], tmp_path: Path) -> None:
    study = begun(tmp_path, **settings)
    for _ in range(2):
        trial = study.ask()
        with pytest.raises(UsageError, match=r"the metric 'seconds' of this search is missing: .*seconds=\.\.\."):
            study.tell(trial, accuracy=0.5)
        study.tell(trial, accuracy=0.5, seconds=10.0 * trial.id)
    study.tell(study.ask(), accuracy=0.5, seconds=float("nan"))
    assert [(one.status, one.row.seconds, one.metrics) for one in study] == [
        ("done", 10.0, {"accuracy": 0.5}),
        ("done", 20.0, {"accuracy": 0.5}),
        ("failed", 0.0, {"accuracy": 0.5}),
    ]
    assert [one.id for one in study.front] == [1]
    again = begun(tmp_path, **settings)  # the sum of all seconds is a number
    assert again.ask().id == 4


def test_a_measure_that_is_the_first_objective_is_no_metric(tmp_path: Path) -> None:
    objectives = {"mult_adds": "min", "accuracy": "max"}
    study = begun(tmp_path, algorithm=evolve.Nsga2(population_size=4), objectives=objectives)
    study.tell(study.ask(), accuracy=0.5)
    one = study[1]
    assert (one.metrics, one.fitness, one.row.scores) == (
        {"accuracy": 0.5}, -one.mult_adds, (-one.mult_adds, 0.5),
    )  # fmt: skip


def test_a_trial(tmp_path: Path) -> None:
    study = begun(tmp_path)
    trial = study.ask()
    assert (trial.id, trial.parent, trial.rule, trial.input_shape, trial.classes) == (1, None, "random", (8, 8, 3), 10)
    assert dsl.loads(trial.text).text() == trial.genotype.text() == study[1].genotype.text()
    assert trial.directory == tmp_path / "work" / "trials" / "1" and trial.directory.is_dir()
    again = study.trial(1)
    assert (again.seed, again.text) == (trial.seed, trial.text)
    study.tell(1, accuracy=0.5)
    assert not trial.directory.exists() and study[1].fitness == 0.5
    kept = study.ask()
    (kept.directory / "log.txt").touch()
    study.tell(kept, accuracy=0.5)
    assert [path.name for path in kept.directory.iterdir()] == ["log.txt"]


def test_the_model_of_a_trial_is_drawn_by_its_seed(tmp_path: Path) -> None:
    trial = begun(tmp_path).ask()
    first, second = trial.model(), trial.model()
    assert first.input_shape == (None, 8, 8, 3) and first.output_shape == (None, 10)
    assert all((a == b).all() for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def test_failures(tmp_path: Path) -> None:
    study = begun(tmp_path)
    study.tell(study.ask(), error="out of memory")
    study.tell(study.ask(), accuracy=float("nan"))
    finish(study, 3)
    assert [one.error for one in study][:2] == ["out of memory", "the fitness is nan"]
    assert study.best is not None and study.best.id > 2
    assert repr(study).startswith(f"<study of {tmp_path / 'work'}: 5 individuals, 2 of them failed, best ")


def test_a_failure_may_be_told_by_its_exception(tmp_path: Path) -> None:
    study = begun(tmp_path)
    try:
        int("many")
    except ValueError as error:
        study.tell(study.ask(), error=error)
    study.tell(study.ask(), error=MemoryError())
    study.tell(study.ask(), error=None, accuracy=0.5)
    first, second, third = (one.error for one in study)
    assert first.endswith("int(\"many\")\nValueError: invalid literal for int() with base 10: 'many'")
    assert (second, third) == ("MemoryError", "")


@pytest.mark.parametrize("wrong", [7, 0.5, 0, ValueError, b"no memory", " "])
def test_a_reason_that_is_no_text_is_refused(wrong: Any, tmp_path: Path) -> None:
    study = begun(tmp_path)
    trial = study.ask()
    with pytest.raises(UsageError, match=r"it must be the reason of a failure, as a text or as the exception: study.t"):
        study.tell(trial, error=wrong)
    assert study.pending == [1]


def test_metrics_with_names_of_parameters(tmp_path: Path) -> None:
    study = begun(tmp_path)
    told: dict[str, Any] = {"accuracy": 0.5, "self": 1, "trial": 2, "metrics": 3}
    study.tell(study.ask(), **told)
    assert study[1].metrics == told


def test_duplicates_take_the_result_of_the_first_one(tmp_path: Path) -> None:
    study = begun(tmp_path, reuse=True)
    finish(study, 60)
    notes = [one.row.note for one in study]
    assert sum(note.startswith("as ") for note in notes) == len(study) - 60 > 0
    assert len({one.row.network for one in study}) == 60


def test_threads(tmp_path: Path) -> None:
    study = begun(tmp_path, individuals=40)
    seen: list[int] = []

    def work() -> None:
        while True:
            try:
                trial = study.ask()
            except SearchEnded:
                return
            seen.append(trial.id)
            study.tell(trial, accuracy=accuracy(trial))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [*range(1, 41)] and study.pending == []
    check_replay(tmp_path, ALGORITHMS[0]())


def test_four_processes(tmp_path: Path) -> None:
    drivers = [driver(tmp_path, 60) for _ in range(4)]
    assert [one.communicate()[1] for one in drivers] == [""] * 4
    assert [one.returncode for one in drivers] == [0] * 4
    study = evolve.open(tmp_path / "work")
    assert [(one.id, one.status) for one in study] == [(id, "done") for id in range(1, 61)]
    check_replay(tmp_path, ALGORITHMS[0]())


def test_after_kills_a_search_is_the_same(tmp_path: Path) -> None:
    """The driver is killed at several moments. At the end, the search equals one that was not killed."""
    finish(begun(tmp_path / "whole"), 25)
    for moment in (0.0, 0.03, 0.015):
        one, before = driver(tmp_path / "killed", 25, 0.02), told(tmp_path / "killed")
        while told(tmp_path / "killed") < min(before + 3, 25) and one.poll() is None:
            time.sleep(0.01)
        time.sleep(moment)
        one.send_signal(signal.SIGKILL)
        one.communicate()
    assert driver(tmp_path / "killed", 25).wait() == 0
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


def told(folder: Path) -> int:
    try:
        return sum(one.status == "done" for one in evolve.open(folder / "work"))
    except UsageError:  # there is no search yet
        return 0


def test_a_trial_belongs_to_a_process_until_it_ends(tmp_path: Path) -> None:
    other = driver(tmp_path, 25, 60.0)
    asked = tmp_path / "work" / "trials" / "1" / "asked"
    while not asked.exists():
        assert other.poll() is None
        time.sleep(0.01)
    study = begun(tmp_path)
    assert study.ask().id == 2  # the other process has the first trial
    other.send_signal(signal.SIGKILL)
    other.communicate()
    again = study.ask()
    assert (again.id, study.ask().id) == (1, 3)
    study.close()
    assert begun(tmp_path).ask().id == 1


def test_a_trial_belongs_to_its_process_when_the_study_is_made_again(tmp_path: Path) -> None:
    """A notebook runs its cell with `create` again, and may keep the trial, its id or nothing of it."""
    first = begun(tmp_path).ask()
    study = begun(tmp_path)
    second = study.ask()
    study = begun(tmp_path)
    assert (first.id, second.id, study.ask().id, study.pending) == (1, 2, 3, [1, 2, 3])
    study.tell(first, accuracy=0.5)
    study.tell(study.trial(2), accuracy=0.5)
    study.tell(3, accuracy=0.5)
    assert not [*(tmp_path / "work" / "trials").iterdir()]


def test_a_study_gives_up_its_own_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = begun(tmp_path), begun(tmp_path)
    assert (one.ask().id, other.ask().id, one.ask().id) == (1, 2, 3)
    one.close()
    monkeypatch.chdir(tmp_path)
    again = evolve.create("space.cell", workdir="work", algorithm=ALGORITHMS[0](), input_shape=(8, 8, 3))
    assert [again.ask().id for _ in range(3)] == [1, 3, 4]
    other.close()
    assert again.ask().id == 2


def test_a_folder_may_have_another_search_later(tmp_path: Path) -> None:
    begun(tmp_path).ask()
    shutil.rmtree(tmp_path / "work")
    study = begun(tmp_path, seed=1)
    assert study.ask().id == 1
    study.close()
    assert [study.ask().id, study.ask().id] == [1, 2]


@pytest.mark.parametrize("seed", [0, 5])
def test_a_trial_of_another_search_is_refused(seed: int, tmp_path: Path) -> None:
    one, other = begun(tmp_path / "one"), begun(tmp_path / "other", seed=seed)
    trial = one.ask()
    other.ask()
    with pytest.raises(UsageError, match=r"individual 1 of another search, with the folder .*one/work/trials/1; tell"):
        other.tell(trial, accuracy=0.99)
    assert other.pending == [1]
    begun(tmp_path / "one").tell(trial, accuracy=0.5)
    assert one[1].fitness == 0.5


def test_a_trial_may_be_told_by_its_id_after_a_restart(tmp_path: Path) -> None:
    first = begun(tmp_path)
    assert first.ask().id == 1
    begun(tmp_path).tell(1, accuracy=0.5)
    assert first.ask().id == 2 and first[1].fitness == 0.5


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, r"the metric 'accuracy' of this search is missing: study.tell\(trial, accuracy=...\)"),
        ({"acuracy": 0.5}, "'accuracy' of this search is missing; did you mean 'acuracy'"),
        ({"accuracy": "high"}, "the metric 'accuracy' is 'high'; it must be a number"),
        ({"accuracy": 0.5, "fitness": 0.5}, "fitness and accuracy are two names of the same metric"),
        ({"accuracy": 0.5, "params": 7}, "params follows from the network"),
        ({"accuracy": 0.5, "latency_ms": float("inf")}, "the metric 'latency_ms' is inf; leave it out"),
        ({"accuracy": 0.5, "seconds": -5}, "seconds is -5; the seconds of an evaluation are 0 or more"),
        ({"accuracy": 10**400}, "the metric 'accuracy' is 1000.*; it must be a number"),
        ({"accuracy": -0.5}, "'accuracy' is -0.5; .* from 0 to 1: .*'score': 'max'.* if less is better: .*'loss'"),
        (
            {"fitness": 93.1},
            "the metric 'accuracy' is 93.1; a metric of this name is from 0 to 1: give 0.931 for 93.1 %",
        ),
    ],
)
def test_mistakes_in_a_result(told: dict[str, Any], message: str, tmp_path: Path) -> None:
    study = begun(tmp_path)
    trial = study.ask()
    with pytest.raises(UsageError, match=message):
        study.tell(trial, **told)
    assert study.pending == [1]
    study.tell(trial, accuracy=0.5)


def test_mistakes_in_an_id(tmp_path: Path) -> None:
    study = begun(tmp_path)
    study.ask()
    study.tell(study.ask(), accuracy=0.5)
    with pytest.raises(UsageError, match=r"individual 2 of .* has a result already; .* have no result: 1$"):
        study.tell(2, accuracy=0.5)
    for id in (9, 2**70):
        with pytest.raises(UsageError, match=rf"individual {id} of .* does not exist; .* have no result: 1$"):
            study.trial(id)


class Whole(int):
    """A whole number that is written in a way of its own, as those of some packages are."""

    def __repr__(self) -> str:
        return f"Whole({int(self)})"

    __str__ = __repr__


class Text(str):
    """A text that is written in a way of its own."""

    def __repr__(self) -> str:
        return f"Text({super().__repr__()})"

    __str__ = __repr__


def odd(value: Any) -> Any:
    """Returns an equal value of another type."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return types.MappingProxyType({odd(name): odd(one) for name, one in value.items()})
    if isinstance(value, tuple):
        return [odd(one) for one in value]
    return {int: Whole, float: np.float64, str: Text}[type(value)](value)


@pytest.mark.parametrize("made", RECORDS_OF_ALGORITHMS, ids=lambda made: made.__name__)
def test_settings_of_any_types_are_read_back_from_the_work_directory(made: Any, tmp_path: Path) -> None:
    """The file `config.gin` has the values of all settings, so that the commands can read them."""
    own = {one.name: one.default for one in settings_of(made) if one.default is not REQUIRED}
    given: dict[str, Any] = {
        "individuals": 9, "seed": 3, "order": "born", "target": 0.5, "reuse": True, "sample_mutations": 3,
        "objectives": {"accuracy": "max", "it's": "min"} if made.objectives == "several" else {"it's": "max"},
        "repeat_networks": False, "params": {"F": 4},
    }  # fmt: skip
    given |= {"candidates": 5} if made.breeds else {}
    odds = {name: odd(value) for name, value in own.items()}
    study = begun(tmp_path, algorithm=made(**odds), **{name: odd(value) for name, value in given.items()})
    study.ask()
    read = config.read([str(tmp_path / "work" / "config.gin")], [], is_stored=True)
    assert {name: values(read.search)[name] for name in given} == {**given, "params": {}}
    cells = CellSpace(dsl.loads(SPACE).space, (8, 8, 3), 10)
    assert values(read.algorithm(cells)) == values(made(**own))
    resume(tmp_path / "work").tell_named(1, {"accuracy": 0.5, "it's": 0.5})
    assert study[1].status == "done"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": evolve.RandomSearch}, "give an algorithm with its settings, such as evolve.RandomSearch()"),
        ({"objectivs": {}}, "'objectivs' is not an argument of evolve.create; did you mean 'objectives'"),
        ({"input_shape": (8, 8)}, "ask.input_shape"),
        ({"inherit_weights": True}, "search.inherit_weights"),
        (
            {"budget": "1h"},
            "search.budget is '1h', which is for individuals that the search itself evaluates",
        ),
        ({"repeats": 3}, "search.repeats is 3, which is for individuals that the search itself evaluates"),
        ({"finalists": 3}, "search.finalists is 3, which is for individuals that the search itself evaluates"),
        (
            {"callbacks": ("mlflow",)},
            "search.callbacks is .*, which is for individuals that the search itself",
        ),
        (
            {"timeout": 5},
            r"nothing reads search\.timeout: search\.fitness is 'ask', which has no workers .*leave timeout out",
        ),
        *(({name: 4}, rf"nothing reads search\.{name}: ") for name in ("retries", "keep_best", "reduction")),
        *(({name: 4}, rf"nothing reads search\.{name}: ") for name in ("finalist_repeats", "measure_seconds")),
        ({"stop": True}, r"nothing reads search\.stop: "),
        ({"params": {"G": 1}}, "G"),
        ({"objectives": {"error": "min"}}, "search.objectives has 'error'; error cannot be the name .* error_rate"),
        ({"metric": "accuracy_2"}, "search.metric is 'accuracy_2'"),
    ],
)
def test_mistakes_in_the_settings(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        begun(tmp_path, **given)
    assert not (tmp_path / "work").exists()


def test_the_tab_shows_an_asked_search(tmp_path: Path) -> None:
    study = begun(tmp_path, individuals=3)
    for _ in range(2):
        trial = study.ask()
        study.tell(trial, accuracy=accuracy(trial))
    study.ask()
    found: Any = Data(tmp_path / "work").overview()
    best = study.best
    assert best is not None and (found["search"]["finished"], found["search"]["best"]) == (2, best.fitness)
    assert found["columns"]["id"] == [1, 2, 3] and found["population"]["finished"] == [1, 2]


def test_folds_are_refused(small_gin: Path, tmp_path: Path) -> None:
    bindings = ["search.fitness='ask'", "dataset.folds=3"]
    with pytest.raises(UsageError, match=r"dataset\.folds is 3 and search\.fitness is 'ask', with which your own"):
        prepare(config.read([str(small_gin)], bindings), tmp_path / "work")


def test_another_search_is_refused(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(UsageError, match=r"holds another search:\n  search.seed: there 0, now 1"):
        begun(tmp_path, seed=1)
    with pytest.raises(UsageError, match="sample_size: there 3, now 2"):
        begun(tmp_path, algorithm=evolve.RegularizedEvolution(population_size=6, sample_size=2))


def test_an_interrupt_leaves_no_trial_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = begun(tmp_path)

    def interrupted(*_: object) -> Trial:
        raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(AskStudy, "_trial", interrupted)
        with pytest.raises(KeyboardInterrupt):
            study.ask()
    assert [study.ask().id, study.ask().id] == [1, 2]
