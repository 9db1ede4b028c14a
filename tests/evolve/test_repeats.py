"""Repeats of an evaluation, with random seeds and with folds."""

from __future__ import annotations

import io
import math
import sqlite3
import statistics
import subprocess
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from compiler import DataError
from compiler.images import data
from compiler.images.splits import fold
from compiler.images.streams import Stream
from evolve import Evaluation, Store, Task, UsageError, config
from evolve.fitness.repeats import error_of, mean_of, tasks
from evolve.objectives import Objective, Objectives
from evolve.prepared import prepare
from evolve.store.database import FILE
from evolve.whole import run
from tests.evolve.test_main import environment, evolve, finish
from tests.evolve.test_search import rows, wait_for
from tests.photographs import photographs

ACCURACY = Objectives([Objective("accuracy")])


def test_repeats_have_other_seeds_and_only_the_last_keeps_weights() -> None:
    task = Task(7, "cell", 11, 0.5, keep_above=0.4)
    found = [*tasks(task, 3)]
    assert [number for number, _ in found] == [2, 1, 0] == [own.repeat for _, own in found]
    assert found[-1] == (0, task) == next(tasks(task, 1))
    assert len({own.seed for _, own in found}) == 3
    assert all(own.best == own.keep_above == math.inf for _, own in found[:-1])
    assert [*tasks(task, 4)][-2][1] == found[1][1], "more repeats draw the same seeds first"


def test_the_mean_and_its_standard_error() -> None:
    runs = [
        Evaluation(value, seconds=2, step_seconds=1, data_seconds=0.5, metrics=(("loss", 1 - value), *more))
        for value, more in ((0.9, ()), (0.8, (("auc", 0.5),)), (0.7, ()))
    ]
    found = mean_of(runs)
    assert found.fitness == pytest.approx(0.8) and dict(found.metrics) == pytest.approx({"loss": 0.2, "auc": 0.5})
    assert (found.seconds, found.step_seconds, found.data_seconds) == (6, 3, 1.5)
    assert error_of(runs, ACCURACY, "accuracy") == pytest.approx(statistics.stdev([0.9, 0.8, 0.7]) / math.sqrt(3))
    assert mean_of(runs[:1]) is runs[0] and error_of(runs[:1], ACCURACY, "accuracy") is None
    assert error_of(runs, Objectives([Objective("auc")]), "accuracy") is None, "only one of them has this metric"
    several = Objectives([Objective("loss", "min"), Objective("auc")])
    assert error_of(runs, several, "accuracy") == pytest.approx(0.1 / math.sqrt(3)), "the first objective counts"
    assert error_of(runs, Objectives([Objective("seconds", "min")]), "accuracy") is None, "the seconds are a sum"


def test_a_search_with_repeats_stores_the_mean_and_shows_its_error(small_gin: Path, tmp_path: Path) -> None:
    out = io.StringIO()
    run(config.read([str(small_gin)], ["search.repeats=3"]), tmp_path, Console(file=out, width=120))
    with Store(tmp_path) as store:
        (best,), rows = store.best(1), [*store.finished()]
    assert all(one.fitness_error is not None and 0 < one.fitness_error < 1e-3 for one in rows)
    assert f"{best.fitness:.4f} ± {best.fitness_error:.4f}" in out.getvalue()


def test_a_failure_names_the_repeat(small_gin: Path, tmp_path: Path) -> None:
    bindings = ["search.repeats=3", "search.fitness='tests.evolve.made_up:negative'", "search.seed=1"]
    run(config.read([str(small_gin)], bindings), tmp_path, Console(file=io.StringIO()))
    with Store(tmp_path) as store:
        errors = {one.error for one in store.finished() if one.is_failed}
        assert errors <= {f"repeat {number} of 3: there is no such layer" for number in (1, 2, 3)} and len(errors) > 1


def test_a_search_with_repeats_that_is_killed_ends_as_an_unbroken_one(small_gin: Path, tmp_path: Path) -> None:
    given = [
        f"--gin_file={small_gin}", "--gin_param=search.repeats=3", "--gin_param=search.executor='serial'",
        "--gin_param=search.individuals=12",
    ]  # fmt: skip
    slow, once, again = "--gin_param=search.fitness='tests.evolve.made_up:slow'", tmp_path / "once", tmp_path / "again"
    run(config.read([str(small_gin)], [one.removeprefix("--gin_param=") for one in (*given[1:], slow)]), once,
        Console(file=io.StringIO()))  # fmt: skip
    driver = subprocess.Popen(evolve(*given, slow, f"--workdir={again}"), env=environment(), stdout=subprocess.DEVNULL)
    wait_for(again, 4, 120)
    driver.kill()
    driver.wait()
    finished = finish(*given, slow, f"--workdir={again}")
    assert finished.returncode == 0, finished.stderr
    errors = [sqlite3.connect(work / FILE).execute("select fitness_error from individuals").fetchall()
              for work in (once, again)]  # fmt: skip
    assert rows(again) == rows(once) and errors[0] == errors[1] and (None,) not in errors[0]


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_divide_the_images_class_by_class(folds: int) -> None:
    whole = data.load("digits", folds=folds)
    everything = sorted(image.tobytes() for image in np.concatenate([whole.train.images, whole.validation.images]))
    parts = [fold(whole, number, folds, 0) for number in range(folds)]
    assert parts[0] is whole
    held_out = sorted(image.tobytes() for part in parts for image in part.validation.images)
    assert held_out == everything, "every image is in one fold"
    sizes = [len(part.validation) for part in parts]
    assert max(sizes) - min(sizes) <= 2
    for part in parts:
        both = np.concatenate([part.train.images, part.validation.images])
        assert sorted(image.tobytes() for image in both) == everything
        counts = np.bincount(part.validation.labels, minlength=10)
        assert counts.min() >= counts.max() - 0.02 * len(part.train) - 2
        assert (part.test, part.mean, part.std) == (whole.test, whole.mean, whole.std)
        again = fold(whole, parts.index(part), folds, 0)
        np.testing.assert_array_equal(again.validation.labels, part.validation.labels)
        np.testing.assert_array_equal(again.train.images, part.train.images)


def test_folds_of_a_stream(tmp_path: Path) -> None:
    photographs(tmp_path, {"circle": 9, "square": 7})
    whole = data.load(f"images:{tmp_path}", stream=True, image_size=(8, 8), folds=3)
    assert isinstance(whole, Stream)
    parts = [fold(whole, number, 3, 0) for number in range(3)]
    everything = sorted([*whole.train.paths, *whole.validation.paths])  # type: ignore[union-attr]
    assert sorted(path for part in parts for path in part.validation.paths) == everything  # type: ignore[union-attr]
    for part in parts:
        files = dict(zip(part.train.paths, part.train.labels, strict=True))  # type: ignore[union-attr]
        assert not {*files} & {*part.validation.paths}  # type: ignore[union-attr]
        assert all(part.class_names[label] in path for path, label in files.items())


def test_folds_of_a_source_with_validation_images_are_refused(tmp_path: Path) -> None:
    labels, images = np.arange(60) % 3, np.zeros((60, 8, 8, 1), np.uint8)
    np.savez(
        tmp_path / "own.npz", x_train=images, y_train=labels, x_val=images, y_val=labels, x_test=images, y_test=labels
    )
    with pytest.raises(DataError, match=r"folds=3: npz:.* has validation images of its own; leave dataset\.folds out"):
        data.load(f"npz:{tmp_path / 'own.npz'}", folds=3)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["dataset.folds=1"], "folds is 1; it must be a whole number from 2"),
        (["dataset.folds=3", "search.repeats=4"], r"each repeat validates on a fold of its own: .*search\.repeats=3"),
        (
            ["dataset.folds=3", "search.inherit_weights=True", "search.fitness='training'"],
            "inherited weights have seen images of other folds",
        ),
        (["search.repeats=0"], "search.repeats is 0"),
        (
            ["search.repeats=2", "search.rungs=(1, 3)", "training.epochs=3", "search.fitness='training'"],
            "search.repeats is 2 and search.rungs is",
        ),
    ],
)
def test_settings_that_do_not_fit(small_gin: Path, tmp_path: Path, bindings: list[str], message: str) -> None:
    with pytest.raises((UsageError, DataError), match=message):
        prepare(config.read([str(small_gin)], bindings), tmp_path)
