"""The files that follow the search: the best as text, and nobody's weights longer than they are needed."""

from __future__ import annotations

from pathlib import Path

import pytest

import dsl
from evolve.evaluate import weights_file
from evolve.keep import Keeper
from evolve.records import Individual, Standing

SEED = dsl.load("large_scale.cell")


def individual(id: int, fitness: float) -> Individual:
    return Individual(id, None, "op", SEED.text(), "f", fitness, 1, 1, 1.0, "done", "", (), False, (), id)


def kept(folder: Path) -> set[int]:
    return {int(path.stem) for path in (folder / "weights").iterdir()}


def finish(keeper: Keeper, folder: Path, id: int, best: Individual | None, heritable: set[int]) -> None:
    (folder / "weights").mkdir(exist_ok=True)
    weights_file(folder / "weights", id).write_bytes(b"")
    standing = Standing((), best, frozenset(heritable))
    keeper.individual(individual(id, 0.5), SEED, standing)


def test_weights_are_kept_while_somebody_may_start_from_them(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, tmp_path / "weights", True, SEED.space, None)
    best = individual(1, 0.9)
    finish(keeper, tmp_path, 1, best, {1})
    finish(keeper, tmp_path, 2, best, {1, 2})
    finish(keeper, tmp_path, 3, best, {2, 3})
    assert kept(tmp_path) == {1, 2, 3}  # 1 is dead, and the best
    finish(keeper, tmp_path, 4, individual(4, 0.95), {3, 4})
    assert kept(tmp_path) == {3, 4}


def test_without_inheritance_only_those_of_the_best_are_kept(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, tmp_path / "weights", False, SEED.space, None)
    best = individual(1, 0.9)
    for id in (1, 2, 3):
        finish(keeper, tmp_path, id, best, {1, 2, 3})
        assert kept(tmp_path) == {1}


def test_those_of_the_best_few_are_kept(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, tmp_path / "weights", False, SEED.space, None)
    (tmp_path / "weights").mkdir()
    for id, top in ((1, (1,)), (2, (1, 2)), (3, (3, 1)), (4, (3, 1))):
        weights_file(tmp_path / "weights", id).write_bytes(b"")
        keeper.individual(individual(id, 0.5), SEED, Standing((), individual(top[0], 0.9), top=top))
        assert kept(tmp_path) == set(top)


def test_what_an_earlier_run_left_goes_when_nobody_needs_it(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    for id in (7, 8, 9):
        weights_file(tmp_path / "weights", id).write_bytes(b"")
    (tmp_path / "weights" / "6.npz.new").write_bytes(b"")
    best = individual(8, 0.9)
    keeper = Keeper(tmp_path, tmp_path / "weights", True, SEED.space, best)
    assert kept(tmp_path) == {7, 8, 9}
    finish(keeper, tmp_path, 10, best, {9, 10})
    assert kept(tmp_path) == {8, 9, 10}


@pytest.mark.parametrize("inherit", [True, False])
def test_the_best_is_written_as_a_whole_file(tmp_path: Path, inherit: bool) -> None:
    keeper = Keeper(tmp_path, tmp_path / "weights", inherit, SEED.space, None)
    finish(keeper, tmp_path, 1, individual(1, 0.9), set())
    assert dsl.load(tmp_path / "best.cell") == SEED
