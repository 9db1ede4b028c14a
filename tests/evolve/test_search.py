"""The loop on the toy: it fills the plan, survives a kill, and knows when to give up."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evolve.algorithms import RegularizedEvolution
from evolve.errors import SearchError
from evolve.records import Evaluation, Individual, Task, failed
from evolve.search import Observer, Plan, Search
from evolve.store import FILE, Store
from evolve.workers import Executor, Processes, Serial
from tests.evolve import toy

ROOT = Path(__file__).parents[2]


@dataclass
class Listener:
    """Remembers what an observer is told."""

    heard: list[tuple[int, int | None, int]] = field(default_factory=list)

    def individual(
        self,
        individual: Individual,
        genotype: toy.Genotype,
        population_fitnesses: Sequence[float],
        best: Individual | None,
    ) -> None:
        self.heard.append((individual.id, best.id if best else None, len(population_fitnesses)))


def search(
    store: Store,
    individuals: int,
    evaluate: object = toy.evaluate,
    executor: Executor | None = None,
    workers: int = 1,
    observers: Sequence[Observer[toy.Genotype]] = (),
) -> None:
    space = toy.ToySpace()
    algorithm = RegularizedEvolution(space, 0, 10, 3)
    plan = Plan(individuals, workers, 0, store.path.parent / "log")
    assert callable(evaluate)
    Search(plan, algorithm, space, store, executor or Serial(), evaluate, observers).run()


def rows(folder: Path) -> list[tuple[object, ...]]:
    """Everything but the times."""
    reader = sqlite3.connect(folder / FILE)
    return reader.execute(
        "select id, parent, rule, genotype, fingerprint, fitness, params, mult_adds, status, error, rejected, "
        "history, finished from individuals order by id"
    ).fetchall()


def test_fills_the_plan_and_tells_observers(tmp_path: Path) -> None:
    listener = Listener()
    with Store(tmp_path) as store:
        search(store, 30, observers=[listener])
        assert store.counts() == (30, 0, 30)
        assert [id for id, _, _ in listener.heard] == list(range(1, 31))
        assert listener.heard[-1][1] == store.best(1)[0].id
        assert [alive for _, _, alive in listener.heard] == [*range(1, 10), *[10] * 21]


def test_a_finished_search_does_nothing_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    with Store(tmp_path / "one") as store:
        search(store, 20)
        search(store, 20)
        search(store, 40)
    with Store(tmp_path / "two") as store:
        search(store, 40)
    assert rows(tmp_path / "one") == rows(tmp_path / "two")


@pytest.mark.parametrize("kills", [1, 3])
def test_after_kill_9_the_rows_are_those_of_an_uninterrupted_run(tmp_path: Path, kills: int) -> None:
    with Store(tmp_path / "whole") as store:
        search(store, 60)
    command = [sys.executable, "-m", "tests.evolve.toy_driver", str(tmp_path / "killed"), "60"]
    for kill in range(kills):
        driver = subprocess.Popen(command, cwd=ROOT)
        wait_for(tmp_path / "killed", 10 * (kill + 1))
        driver.kill()
        assert driver.wait() == -signal.SIGKILL
    assert 0 < len(rows(tmp_path / "killed")) < 60
    subprocess.run(command, cwd=ROOT, check=True)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


def wait_for(folder: Path, count: int) -> None:
    """Until so many are finished."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / FILE).exists():
            try:
                reader = sqlite3.connect(folder / FILE)
                finished = reader.execute("select count(finished) from individuals").fetchone()[0]
                reader.close()
            except sqlite3.OperationalError:  # the tables are not there yet
                finished = 0
            if finished >= count:
                return
        time.sleep(0.01)
    raise AssertionError(f"no {count} individuals within a minute")


def test_gives_up_when_the_first_ten_fail(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(SearchError, match=r"all of the first 10 individuals failed:\n  no luck with 10"):
            search(store, 30, toy.evaluate_in_vain)
        assert store.counts() == (10, 10, 10)


def test_gives_up_on_a_short_plan_too(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(SearchError, match="all of the first 3 individuals failed"):
        search(store, 3, toy.evaluate_in_vain)


def test_goes_on_when_one_of_ten_is_done(tmp_path: Path) -> None:
    def mostly(task: Task) -> Evaluation:
        return toy.evaluate(task) if task.id == 5 else failed("no luck")

    with Store(tmp_path) as store:
        search(store, 30, mostly)
        assert store.counts() == (30, 29, 30)
        assert [row.id for row in store.best(5)] == [5]


def die_once(task: Task) -> Evaluation:
    """A worker that is killed with individual 3."""
    if task.id == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return toy.evaluate_slowly(task)


def test_a_killed_worker_fails_its_individual_alone(tmp_path: Path) -> None:
    executor = Processes(2, 50, tmp_path / "log")
    try:
        with Store(tmp_path) as store:
            search(store, 12, die_once, executor, workers=2)
            found = {row.id: row for row in store.finished()}
    finally:
        executor.close()
    assert [id for id, row in found.items() if row.status == "failed"] == [3]
    assert "signal 9, perhaps out of memory" in found[3].error
    assert found[3].fitness == 0.0
