"""The files of a search: the best individual as text, and weights only while a child can inherit them."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dsl
import evolve
from compiler import DatasetSettings, Training, resolve
from compiler.networks import saved, weights
from evolve import Individual, Standing, UsageError
from evolve.fitness.facts import Facts
from evolve.fitness.kept_weights import weights_file
from evolve.fitness.training import TrainingFitness
from evolve.observers.keep import Keeper
from tests.evolve import made_up

SEED = dsl.load("large_scale.cell")
FACTS = Facts(
    description="made up", input_shape=(8, 8, 1), classes=3, class_names=("a", "b", "c"), mean=(0.5,), std=(2.0,)
)
WEIGHTS = {
    key: np.ones(weight.shape, np.float32)
    for step in resolve(SEED, (8, 8, 1), 3).steps
    for key, weight in step.weights()
}


def source(folder: Path, inherit: bool = False) -> TrainingFitness:
    return TrainingFitness(
        name="training",
        space=SEED.space.text(),
        dataset=DatasetSettings(),
        training=Training(),
        folder=folder,
        weights=folder / "weights",
        inherit=inherit,
        facts=FACTS,
    )


def individual(id: int, fitness: float) -> Individual:
    return Individual(id, SEED.text(), rule="op", fingerprint="f", fitness=fitness, params=1, mult_adds=1, finished=id)


def kept(folder: Path) -> set[int]:
    return {int(path.stem) for path in (folder / "weights").iterdir()}


def finish(keeper: Keeper, folder: Path, id: int, best: Individual | None, inheritable: set[int]) -> None:
    (folder / "weights").mkdir(exist_ok=True)
    weights.save(weights_file(folder / "weights", id), WEIGHTS)
    standing = Standing((), best, frozenset(inheritable))
    keeper.individual(individual(id, 0.5), SEED, standing)


def test_weights_are_kept_while_a_child_may_inherit_them(tmp_path: Path) -> None:
    keeper = Keeper(source(tmp_path, True), SEED.space, None)
    best = individual(1, 0.9)
    finish(keeper, tmp_path, 1, best, {1})
    finish(keeper, tmp_path, 2, best, {1, 2})
    finish(keeper, tmp_path, 3, best, {2, 3})
    assert kept(tmp_path) == {1, 2, 3}  # 1 was removed, and is the best
    finish(keeper, tmp_path, 4, individual(4, 0.95), {3, 4})
    assert kept(tmp_path) == {3, 4}


def test_weights_of_a_result_that_waits_to_be_counted_are_kept_over_a_resume(tmp_path: Path) -> None:
    best = individual(1, 0.9)
    (tmp_path / "weights").mkdir()
    for id in (1, 5, 6):
        weights_file(tmp_path / "weights", id).write_bytes(b"")
    keeper = Keeper(source(tmp_path), SEED.space, None, waiting=frozenset({5}), retried=frozenset({6}))
    assert kept(tmp_path) == {1, 5}, "6 was cut short by the end of the last run, and is trained again"
    # written by its worker, before its result reaches the algorithm
    weights.save(weights_file(tmp_path / "weights", 6), WEIGHTS)
    finish(keeper, tmp_path, 4, best, set())
    assert kept(tmp_path) == {1, 5, 6}
    finish(keeper, tmp_path, 5, best, set())
    finish(keeper, tmp_path, 6, individual(6, 0.99), set())
    assert kept(tmp_path) == {6}


def test_without_inheritance_only_those_of_the_best_are_kept(tmp_path: Path) -> None:
    keeper = Keeper(source(tmp_path), SEED.space, None)
    best = individual(1, 0.9)
    for id in (1, 2, 3):
        finish(keeper, tmp_path, id, best, {1, 2, 3})
        assert kept(tmp_path) == {1}


def test_those_of_the_best_few_are_kept(tmp_path: Path) -> None:
    keeper = Keeper(source(tmp_path), SEED.space, None)
    (tmp_path / "weights").mkdir()
    for id, top in ((1, (1,)), (2, (1, 2)), (3, (3, 1)), (4, (3, 1))):
        weights.save(weights_file(tmp_path / "weights", id), WEIGHTS)
        keeper.individual(individual(id, 0.5), SEED, Standing((), individual(top[0], 0.9), top=top))
        assert kept(tmp_path) == set(top)


def test_weights_of_an_earlier_run_are_removed_when_no_child_can_inherit_them(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    for id in (7, 8, 9):
        weights.save(weights_file(tmp_path / "weights", id), WEIGHTS)
    (tmp_path / "weights" / "6.npz.new").write_bytes(b"")
    best = individual(8, 0.9)
    keeper = Keeper(source(tmp_path, True), SEED.space, best)
    assert kept(tmp_path) == {7, 8, 9}
    finish(keeper, tmp_path, 10, best, {9, 10})
    assert kept(tmp_path) == {8, 9, 10}


@pytest.mark.parametrize("inherit", [True, False])
def test_the_best_is_written_as_a_whole_file(tmp_path: Path, inherit: bool) -> None:
    keeper = Keeper(source(tmp_path, inherit), SEED.space, None)
    finish(keeper, tmp_path, 1, individual(1, 0.9), set())
    assert dsl.load(tmp_path / "best.cell") == SEED


def test_the_best_network_is_there_as_soon_as_there_is_a_best(tmp_path: Path) -> None:
    keeper = Keeper(source(tmp_path), SEED.space, None)
    finish(keeper, tmp_path, 1, individual(1, 0.5), set())
    found = saved.read(tmp_path / "best")
    assert (found.genotype, found.accuracy, found.class_names) == (SEED, 0.5, ("a", "b", "c"))
    (tmp_path / "best" / "network.json").unlink()  # as after a kill between the two writes
    Keeper(source(tmp_path), SEED.space, individual(1, 0.5))
    assert saved.read(tmp_path / "best").accuracy == 0.5


def test_weights_of_the_best_that_are_damaged_are_named(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    weights_file(tmp_path / "weights", 1).write_bytes(b"damaged")
    with pytest.raises(
        UsageError, match=r"1\.npz cannot be used: .*; remove it, and the same command resumes the search"
    ):
        Keeper(source(tmp_path), SEED.space, individual(1, 0.5))


def test_a_resumed_search_that_is_complete_writes_the_files_that_the_last_run_left_out(
    small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, written, results = tmp_path / "work", Keeper.individual, itertools.count()
    settings = ["search.individuals=6", "search.objectives={'fitness': 'max', 'mult_adds': 'min'}"]

    def cut_short(self: Keeper, individual: Individual, *rest: Any) -> None:
        if individual.id == 6:
            raise OSError(errno.ENOSPC, "No space left on device", str(work / "best.cell"))
        written(self, individual, *rest)

    def check_files(study: evolve.Study) -> None:
        assert study.best is not None and (work / "best.cell").read_text() == study.best.text
        assert {path.name for path in (work / "front").iterdir()} == {f"{one.id}.cell" for one in study.front}

    monkeypatch.setattr(made_up, "separables", lambda genotype, seed: next(results) / 100)
    with monkeypatch.context() as changed, pytest.raises(UsageError, match="the same command resumes the search"):
        changed.setattr(Keeper, "individual", cut_short)
        evolve.run(small_gin, settings, work, quiet=True)
    study = evolve.run(small_gin, settings, work, quiet=True)
    assert study.best is not None and study.best.id == 6 and len(study) == 6
    check_files(study)
    again = [*settings, "search.finalists=2", "search.finalist_repeats=1"]
    evolve.run(small_gin, again, work, changed=True, quiet=True)
    chosen = (work / "best.cell").read_text()
    (work / "front" / "6.cell").unlink()
    check_files(evolve.run(small_gin, again, work, quiet=True))
    assert (work / "best.cell").read_text() == chosen
