"""Retrainings: the best individuals are trained again at the end, and the best is chosen by that alone."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from rich.console import Console

import dsl
import evolve
from compiler.networks import saved, weights
from evolve import Evaluation, Individual, Store, UsageError, config
from evolve.algorithms import generator
from evolve.cell import find
from evolve.prepared import prepare
from evolve.store.export_table import write_csv, write_json
from evolve.store.retraining import Choice, Retrained, choice_in
from evolve.tab.data import Data
from evolve.whole import run
from tests.evolve import made_up
from tests.evolve.conftest import written_gin
from tests.evolve.test_main import finish
from tests.evolve.test_rungs_trained import SEARCH, SPACE

SEED, COUNT = 0, 12
NOISY = [f"search.seed={SEED}", f"search.individuals={COUNT}", "search.fitness='tests.evolve.made_up:noisy'"]
FINALISTS = ["search.finalists=4", "search.finalist_repeats=2"]


def searched(gin: Path, folder: Path, *more: str) -> str:
    """Begins or continues a search, and returns what it prints."""
    out = io.StringIO()
    run(config.read([str(gin)], [*NOISY, *more]), folder, Console(file=out, width=160), changed=True)
    return out.getvalue()


def mean_again(one: Individual, genotype: dsl.Genotype) -> float:
    """Returns the mean fitness of two retrainings, computed here from their random seeds."""
    first = generator(SEED, one.id, "retraining").getrandbits(31)
    seeds = [first, random.Random(f"{first}:1").getrandbits(31)]
    return statistics.fmean(made_up.noisy(genotype, seed) for seed in seeds)


def choice(folder: Path) -> Choice:
    with Store(folder) as store:
        found = choice_in(store.meta())
    assert found is not None
    return found


def everything(folder: Path) -> tuple[object, ...]:
    """Returns what retrainings leave: their notes without the measured seconds, and the text of the best."""
    with Store(folder) as store:
        notes = {key: value for key, value in store.meta().items() if key.startswith("note.retraining")}
    again = {key: replace(Retrained.read(value), seconds=0) for key, value in notes.items()}
    return choice(folder), again, (folder / "best.cell").read_text()


class Found(NamedTuple):
    """A search that were retrained, and the same search before them."""

    gin: Path
    before: Path  # the work directory of the search without retrainings
    folder: Path  # that of the search with them
    printed: str


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A search that were retrained, which no test changes."""
    root = tmp_path_factory.mktemp("finalists")
    gin = written_gin(root)
    searched(gin, root / "before")
    return Found(gin, root / "before", root / "work", searched(gin, root / "work", *FINALISTS))


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_the_best_is_chosen_by_new_trainings_alone(found: Found) -> None:
    folder, printed = found.folder, found.printed
    study = evolve.open(folder)
    with Store(folder) as store:
        finalists = store.best(4)
    means = {one.id: mean_again(one, study[one.id].genotype) for one in finalists}
    order = sorted(means, key=lambda id: -means[id])
    assert choice(folder) == Choice(order[0], tuple(order), 2)
    assert order[0] != finalists[0].id, "the luckiest individual of this search is not the best one"
    best = study.best
    assert best is not None and best.id == order[0]
    assert best.retrained_fitness == pytest.approx(means[best.id]) and best.retrained_fitness != best.fitness
    assert [one.id for one in study if one.retrained_fitness is not None] == sorted(order)
    assert f"retrained_fitness={means[best.id]:.6g}" in repr(best)
    assert f", mean of its retrainings {best.retrained_fitness:.4f}>" in repr(study)
    assert (folder / "best.cell").read_text() == best.text
    one = find(str(folder))
    assert one is not None and one.id == best.id
    assert f"individual {best.id} is the best of 4 finalists by their retrainings" in printed
    assert "retrained accuracy" in printed and f"and {best.fitness:.4f} in the search" in printed
    assert f"{best.retrained_fitness:.4f} ± " in printed
    assert "the best of 4 finalists is chosen by 2 retrainings of each" in printed


def test_the_mean_of_the_search_is_too_high_and_that_of_retrainings_is_not(found: Found) -> None:
    folder = found.folder
    study = evolve.open(folder)
    again = [one.retrained_fitness for one in study if one.retrained_fitness is not None]
    fitnesses = [one.fitness for one in study if one.retrained_fitness is not None and one.fitness is not None]
    assert statistics.fmean(fitnesses) > 0.6 > statistics.fmean(again), "the expected fitness is near 0.5"


def test_the_same_command_shows_the_same_table_and_evaluates_nothing(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_up, "noisy", made_up.bug)
    again = searched(found.gin, copied(found.folder, tmp_path / "b"), *FINALISTS)
    shown = [printed[printed.index("The best") : printed.index("written to")] for printed in (again, found.printed)]
    assert shown[0] == shown[1]


def test_worker_processes_choose_the_same(found: Found, tmp_path: Path) -> None:
    again = copied(found.before, tmp_path / "b")
    searched(found.gin, again, *FINALISTS, "search.executor='processes'", "processes.workers=2")
    assert everything(again) == everything(found.folder)


@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_an_interrupted_search_makes_only_what_is_missing(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    calls = list[int]()
    original = made_up.noisy

    def interrupting(genotype: dsl.Genotype, seed: int) -> float:
        calls.append(seed)
        if len(calls) == at:
            raise KeyboardInterrupt
        return original(genotype, seed)

    monkeypatch.setattr(made_up, "noisy", interrupting)
    again = copied(found.before, tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        searched(found.gin, again, *FINALISTS)
    assert (again / "best.cell").read_text() == (found.before / "best.cell").read_text()
    searched(found.gin, again, *FINALISTS)
    assert everything(again) == everything(found.folder)
    assert len(calls) == 4 * 2 + (2 if at % 2 == 0 else 1), "only the trainings of one finalist are made again"


def test_a_longer_search_chooses_again(found: Found, tmp_path: Path) -> None:
    again, longer = copied(found.folder, tmp_path / "b"), "search.individuals=24"
    searched(found.gin, again, *FINALISTS, longer)
    searched(found.gin, tmp_path / "whole", *FINALISTS, longer)
    assert choice(again) == choice(tmp_path / "whole")
    assert (again / "best.cell").read_text() == (tmp_path / "whole" / "best.cell").read_text()


def test_without_finalists_the_fittest_is_the_best_again(found: Found, tmp_path: Path) -> None:
    again = copied(found.folder, tmp_path / "b")
    printed = searched(found.gin, again)
    assert (again / "best.cell").read_text() == (found.before / "best.cell").read_text()
    best, before = evolve.open(again).best, evolve.open(found.before).best
    assert best is not None and before is not None and best.id == before.id and "by their retrainings" not in printed


@pytest.mark.parametrize("share", [1, 2])
def test_failed_retrainings(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    ids = range(share, COUNT + 1, share)
    failing = frozenset(generator(SEED, id, "retraining").getrandbits(31) for id in ids)
    monkeypatch.setattr(made_up, "FAILING", failing)
    printed = searched(found.gin, tmp_path, *FINALISTS, "search.fitness='tests.evolve.made_up:unlucky'")
    made, best = choice(tmp_path), evolve.open(tmp_path).best
    failed = [id for id in made.finalists if id % share == 0]
    assert failed and list(made.finalists[-len(failed) :]) == failed
    for id in failed:
        assert f"the retrainings of {id} failed: repeat 1 of 2: there is no such layer\n" in printed
    assert made.id == (None if share == 1 else made.finalists[0])
    assert best is not None and best.id == made.finalists[0]
    assert (tmp_path / "best.cell").read_text() == best.text
    out = io.StringIO()
    write_json(tmp_path, out)
    listed = {row["id"]: row for row in json.loads(out.getvalue())}
    assert {id for id in made.finalists if listed[id]["retrained_fitness"] is None} == {*failed}
    assert all(listed[id]["status"] == "done" and listed[id]["fitness"] > 0 for id in failed)


def individual(id: int, params: int) -> Individual:
    return Individual(id=id, genotype="", fitness=0.9, fingerprint=str(id), finished=id, params=params)


def test_of_equal_results_the_smaller_is_chosen_and_then_the_earlier() -> None:
    finalists = [individual(1, 9), individual(2, 5), individual(3, 5)]
    equal = {one.id: Retrained.of(3, Evaluation(0.8)) for one in finalists}
    assert Choice.of(finalists, equal, 3).finalists == (2, 3, 1)
    better = {**equal, 1: Retrained.of(3, Evaluation(0.81, metrics=(("loss", 0.5),)))}
    assert Choice.of(finalists, better, 3) == Choice(1, (1, 2, 3), 3)
    assert Retrained.read(better[1].text()) == better[1]


def test_the_export_has_columns_of_retrainings(found: Found) -> None:
    folder, out = found.folder, io.StringIO()
    write_csv(folder, out)
    rows = [*csv.DictReader(io.StringIO(out.getvalue()))]
    made, study = choice(folder), evolve.open(folder)
    assert [int(row["id"]) for row in rows if row["chosen"] == "1"] == [made.id]
    assert {int(row["id"]) for row in rows if row["retrained_fitness"]} == {*made.finalists}
    out = io.StringIO()
    write_json(folder, out)
    listed = {row["id"]: row for row in json.loads(out.getvalue())}
    for one in study:
        assert listed[one.id]["retrained_fitness"] == one.retrained_fitness
    assert listed[made.id]["retrained_error"] > 0
    out = io.StringIO()
    write_csv(found.before, out)
    assert "retrained" not in out.getvalue().partition("\n")[0]


def test_the_tab_shows_the_choice(found: Found) -> None:
    folder = found.folder
    made, data = choice(folder), Data(folder)
    seen: Any = data.overview()["search"]
    again = evolve.open(folder)[made.finalists[0]].retrained_fitness
    assert (seen["chosen"], seen["retrained"]) == (made.id, again)
    assert data.individual(made.finalists[0])["retrained"] == again
    other = next(id for id in range(1, COUNT + 1) if id not in made.finalists)
    assert data.individual(other)["retrained"] is None


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["search.inherit_weights=True", "search.fitness='training'"], "search.finalists is 4 and search.inher"),
        (
            ["dataset.folds=2", "search.finalist_repeats=3"],
            r"validates on a fold of its own: .*search\.finalist_repeats=2",
        ),
        (["search.finalists=0"], "search.finalists is 0; it must be a whole number from 1"),
        (["search.finalist_repeats=0"], "search.finalist_repeats is 0"),
        (["search.finalists=None"], r"nothing reads search\.finalist_repeats: .*search\.finalists=5"),
        (["search.fitness='ask'"], "search.finalists is 4, which is for individuals that the search itself"),
    ],
)
def test_settings_that_do_not_fit(small_gin: Path, tmp_path: Path, bindings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(config.read([str(small_gin)], [*NOISY, *FINALISTS, *bindings]), tmp_path)


def test_a_table_has_one_result_for_each_network(tmp_path: Path) -> None:
    bindings = ["search.finalists=4", "table.path='t.npz'"]
    with pytest.raises(UsageError, match=r"finalists is 4 and search\.fitness is 'table', which has one"):
        prepare(config.read(["nasbench201.gin"], bindings), tmp_path)


def test_the_best_network_has_the_weights_of_its_retraining(tmp_path: Path) -> None:
    """The individual stays on its first rung of one epoch. Its retraining is a whole training of three epochs."""
    (tmp_path / "small.cell").write_text(SPACE)
    (tmp_path / "small.gin").write_text(SEARCH.format(inherit=False))
    words = ["search.individuals=1", "search.finalists=1", "search.finalist_repeats=1", "dataset.validation=0.8"]
    ended = finish("--gin_file=small.gin", "--workdir=work", *(f"--gin_param={word}" for word in words), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    work = tmp_path / "work"
    one, found, chosen = evolve.open(work)[1], find(f"{work}:1"), saved.read(work / "best")
    assert choice(work) == Choice(1, (1,), 1) and one.retrained_fitness != one.fitness
    assert found is not None and chosen.accuracy == found.trained().accuracy == one.retrained_fitness
    again, before = weights.read(work / "finalists" / "1.npz"), weights.read(work / "weights" / "1.npz")
    assert_equal(chosen.weights, again)
    assert_equal(found.trained().weights, again)
    assert any(not np.array_equal(values, before[key]) for key, values in again.items())
    assert "test accuracy of 1" in ended.stdout and not [*(work / "images").iterdir()], "the search is complete"


def assert_equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Checks that weights are equal to the last bit."""
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(values, other[key])
