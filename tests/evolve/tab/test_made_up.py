"""The made-up search, on which the tests and measurements of the tab depend."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import dsl
from evolve import cell
from evolve.store.database import FILE
from tests.evolve.tab.made_up import MadeUp


def rows(folder: Path) -> list[tuple[object, ...]]:
    return sqlite3.connect(folder / FILE).execute("select * from individuals order by id").fetchall()


def test_equal_settings_make_equal_searches_and_other_seeds_others(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        MadeUp(individuals=60, seed=seed).write(tmp_path / name)
    assert rows(tmp_path / "one") == rows(tmp_path / "same") != rows(tmp_path / "other")
    assert len(rows(tmp_path / "other")) == 60


@pytest.mark.parametrize("algorithm", ["pairwise_tournament", "non_ageing_evolution", "random_search"])
def test_individuals_of_every_algorithm_are_found_and_checked(tmp_path: Path, algorithm: str) -> None:
    MadeUp(individuals=30, population=10, algorithm=algorithm).write(tmp_path)
    found = cell.find(f"{tmp_path}:30")
    assert found is not None and dsl.fingerprint(dsl.loads(found.text))


def test_a_search_that_was_interrupted_has_pending_individuals(tmp_path: Path) -> None:
    MadeUp(individuals=60, finished=40, inherits=True).write(tmp_path)
    statuses = [status for _, status in sqlite3.connect(tmp_path / FILE).execute("select id, status from individuals")]
    assert (len(statuses), statuses.count("running")) == (49, 9)
