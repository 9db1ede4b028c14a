"""The curves of a resumed search are those of an uninterrupted one, whoever died and of what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import dsl
from evolve.algorithms import Algorithm, NonAgeingEvolution, PairwiseTournament, RandomSearch, RegularizedEvolution
from evolve.board import Board
from evolve.executors import Serial
from evolve.records import Evaluation, Task
from evolve.search import Plan, Search
from evolve.space import CellSpace
from evolve.store import Store
from tests.evolve.test_summaries import _contents, _points, _read, _texts

SPACE = dsl.load("large_scale.cell").space


def evolution() -> Algorithm[dsl.Genotype]:
    return RegularizedEvolution(CellSpace(SPACE, (8, 8, 1), 10), 0, 4, 2)


def tournament() -> Algorithm[dsl.Genotype]:
    return PairwiseTournament(CellSpace(SPACE, (8, 8, 1), 10), 0, 4)


def non_ageing() -> Algorithm[dsl.Genotype]:
    return NonAgeingEvolution(CellSpace(SPACE, (8, 8, 1), 10), 0, 4, 2)


def random_search() -> Algorithm[dsl.Genotype]:
    return RandomSearch(CellSpace(SPACE, (8, 8, 1), 10), 0, 4)


def measure(task: Task) -> Evaluation:
    inherited = None if task.heir_of is None else 0.5
    return Evaluation((7 * task.id % 20) / 20, inherited=inherited, note="a note" if task.id == 17 else "")


def search(folder: Path, make: Callable[[], Algorithm[dsl.Genotype]], individuals: int) -> None:
    algorithm = make()
    with Store(folder) as store:
        board = Board(folder / "tensorboard", SPACE, store)
        board.start("", algorithm.window)
        plan = Plan(individuals, 0, folder / "log")
        Search(plan, algorithm, CellSpace(SPACE, (8, 8, 1), 10), store, Serial(), measure, [board]).run()
        board.close()


@pytest.mark.parametrize("make", [evolution, non_ageing, tournament, random_search])
def test_a_resumed_search_reads_as_an_uninterrupted_one(
    tmp_path: Path, make: Callable[[], Algorithm[dsl.Genotype]]
) -> None:
    search(tmp_path / "resumed", make, 13)
    search(tmp_path / "resumed", make, 25)
    search(tmp_path / "whole", make, 25)
    resumed, whole = (tmp_path / name / "tensorboard" for name in ("resumed", "whole"))
    assert _contents(resumed) == _contents(whole)
    run = _read(whole / "search")
    assert len(_points(run, "population/mean")) == 25


def test_the_best_says_where_it_comes_from(tmp_path: Path) -> None:
    search(tmp_path, tournament, 20)
    texts = dict(_texts(_read(tmp_path / "tensorboard" / "search"), "best/genotype"))
    assert "# individual 1\n# by random\n" in texts[1]
    lines = texts[17].splitlines()
    assert lines[1] == "# individual 17"
    assert lines[2].startswith("# by ") and lines[2].endswith(", 50% of its weights inherited")
    assert lines[3] == "# a note"
