"""The loop of a search on the toy: it fills the plan, resumes after a kill, and ends when all individuals fail."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import dsl
from compiler import cost
from evolve import (
    Algorithm,
    CellSpace,
    Evaluation,
    Executor,
    Individual,
    Plan,
    Proposal,
    RegularizedEvolution,
    Search,
    SearchError,
    Serial,
    Standing,
    Store,
    Task,
)
from evolve.records import failed
from evolve.search.loop import Observer
from evolve.store.database import FILE
from evolve.store.store import ENDED
from tests.evolve import toy
from tests.evolve.toy import MAKERS, evolution, non_ageing, tournament

ROOT = Path(__file__).parents[2]


@dataclass
class Listener:
    """Records the id, the best id and the population size at each result."""

    seen: list[tuple[int, int | None, int]] = field(default_factory=list)

    def individual(self, individual: Individual, genotype: toy.Genotype, standing: Standing) -> None:
        best = standing.best
        self.seen.append((individual.id, best.id if best else None, len(standing.population)))


def search(
    store: Store,
    individuals: int,
    evaluate: object = toy.evaluate,
    executor: Executor | None = None,
    observers: Sequence[Observer[toy.Genotype]] = (),
    make: Callable[[], Algorithm[toy.Genotype]] = evolution,
    **settings: Any,
) -> str:
    space, algorithm = toy.ToySpace(), make()
    plan = Plan(individuals, 0, store.path.parent / "log", **settings)
    assert callable(evaluate)
    return Search(plan, algorithm, space, store, executor or Serial(), evaluate, observers).run()


def rows(folder: Path) -> list[tuple[Any, ...]]:
    """Returns all rows without their times."""
    reader = sqlite3.connect(folder / FILE)
    return reader.execute(
        "select id, parent, rule, genotype, fingerprint, fitness, params, mult_adds, status, error, rejected, "
        "history, finished, proposed_after, inherited, note, memo, mate, from_mate, noise, scores "
        "from individuals order by id"
    ).fetchall()


def test_a_search_fills_its_plan_and_observers_receive_every_individual(tmp_path: Path) -> None:
    listener = Listener()
    with Store(tmp_path) as store:
        search(store, 30, observers=[listener])
        assert store.counts() == (30, 0, 30)
        assert [id for id, _, _ in listener.seen] == list(range(1, 31))
        assert listener.seen[-1][1] == store.best(1)[0].id
        assert [alive for _, _, alive in listener.seen] == [*range(1, 10), *[10] * 21]


def test_a_search_ends_when_the_simulated_budget_is_spent(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert search(store, 100, budget_simulated=0.145) == "the budget of 0.145 simulated seconds is spent"
        assert store.counts() == (15, 0, 15)
        search(store, 100, budget_simulated=0.145)
        assert store.counts()[0] == 15
        assert search(store, 20, budget_simulated=0.9) == "all 20 individuals are finished"


@pytest.mark.parametrize("make", MAKERS)
def test_a_finished_search_does_nothing_and_a_longer_one_goes_on(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]]
) -> None:
    with Store(tmp_path / "one") as store:
        search(store, 20, toy.suited(make), make=make)
        search(store, 20, toy.suited(make), make=make)
        search(store, 40, toy.suited(make), make=make)
    with Store(tmp_path / "two") as store:
        search(store, 40, toy.suited(make), make=make)
    assert rows(tmp_path / "one") == rows(tmp_path / "two")


def test_the_store_has_the_reason_of_the_end_until_the_search_goes_on(tmp_path: Path) -> None:
    def interrupted(task: Task) -> Evaluation:
        if task.id == 15:
            raise KeyboardInterrupt
        return toy.evaluate(task)

    with Store(tmp_path) as store:
        search(store, 10)
        assert store.noted(ENDED) == "all 10 individuals are finished"
        with pytest.raises(KeyboardInterrupt):
            search(store, 20, interrupted)
        assert store.noted(ENDED) is None and store.counts()[0] == 14
        search(store, 20)
        assert store.noted(ENDED) == "all 20 individuals are finished"


def wait_for(folder: Path, count: int, seconds: float = 240) -> None:
    """Waits until `count` individuals are finished."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (folder / FILE).exists():
            try:
                reader = sqlite3.connect(folder / FILE)
                finished = reader.execute("select count(finished) from individuals").fetchone()[0]
                reader.close()
            except sqlite3.OperationalError:  # the tables do not exist yet
                finished = 0
            if finished >= count:
                return
        time.sleep(0.01)
    raise AssertionError(f"no {count} individuals within {seconds} seconds")


def test_a_search_ends_when_the_first_ten_fail(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(SearchError, match=r"all of the first 10 individuals failed:\n  no luck with 10"):
            search(store, 30, toy.evaluate_in_vain)
        assert store.counts() == (10, 10, 10)
        assert str(store.noted(ENDED)).startswith("all of the first 10 individuals failed:")


def test_a_search_of_fewer_than_ten_ends_when_all_fail(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(SearchError, match="all of the first 3 individuals failed"):
        search(store, 3, toy.evaluate_in_vain)


def test_a_search_goes_on_when_one_of_the_first_ten_is_done(tmp_path: Path) -> None:
    def mostly(task: Task) -> Evaluation:
        return toy.evaluate(task) if task.id == 5 else failed("no luck")

    with Store(tmp_path) as store:
        search(store, 30, mostly)
        assert store.counts() == (30, 29, 30)
        assert [row.id for row in store.best(5)] == [5]


@dataclass
class Inheriting:
    """Checks that a task inherits only from an individual that the last result named as inheritable."""

    asked: list[tuple[int, int | None]] = field(default_factory=list)
    inheritable: frozenset[int] = frozenset()

    def individual(self, individual: Individual, genotype: toy.Genotype, standing: Standing) -> None:
        self.inheritable = standing.inheritable

    def evaluate(self, task: Task) -> Evaluation:
        self.asked.append((task.id, task.weights_from))
        # every parent was inheritable when the last one was finished
        assert task.weights_from is None or task.weights_from in self.inheritable
        return toy.evaluate(task)


@pytest.mark.parametrize("make", [evolution, non_ageing, tournament])
def test_children_ask_for_the_weights_of_finished_parents(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]]
) -> None:
    inheriting = Inheriting()
    with Store(tmp_path) as store:
        search(store, 60, inheriting.evaluate, observers=[inheriting], make=make)
        found = [(row.id, row.parent) for row in store.finished()]
    assert inheriting.asked == found
    assert sum(parent is not None for _, parent in found) == 50


class HoldingBack:
    """Runs each task at once, except that of individual 11, which runs after that of individual 30."""

    def __init__(self) -> None:
        self.held: list[tuple[Future[Evaluation], Task]] = []

    @property
    def capacity(self) -> int:
        return 2

    def submit(self, function: Callable[..., Any], *args: object, timeout: float | None = None) -> Future[Any]:
        future: Future[Any] = Future()
        (task,) = args
        assert isinstance(task, Task)
        if task.id == 11:
            self.held.append((future, task))
        else:
            future.set_result(function(task))
        if task.id == 30:
            for other, waiting in self.held:
                other.set_result(function(waiting))
        return future

    def wait(self, futures: Collection[Future[Any]], seconds: float | None = None) -> set[Future[Any]]:
        return {future for future in futures if future.done()}

    def close(self) -> None:
        """Does nothing: tasks run in this process."""


@dataclass
class Listed:
    """Records the individuals whose weights may be inherited, at each result."""

    inheritable: dict[int, frozenset[int]] = field(default_factory=dict)

    def individual(self, individual: Individual, genotype: toy.Genotype, standing: Standing) -> None:
        self.inheritable[individual.id] = standing.inheritable


def test_the_weights_of_a_removed_parent_are_kept_for_a_child_that_runs(tmp_path: Path) -> None:
    listed = Listed()
    with Store(tmp_path) as store:
        search(store, 30, executor=HoldingBack(), observers=[listed])
        (parent,) = (row.parent for row in store.finished() if row.id == 11)
    assert parent is not None and parent <= 10
    assert all(parent in listed.inheritable[id] for id in range(12, 30))
    assert len(listed.inheritable[29]) == 11  # the members, and the parent that was removed long ago
    assert list(listed.inheritable)[-2:] == [11, 30]
    assert parent not in listed.inheritable[11]


def test_the_weights_of_a_removed_parent_are_kept_for_a_child_that_runs_again(tmp_path: Path) -> None:
    genotype = toy.ToySpace().text(toy.target(1))
    listed = Listed()
    with Store(tmp_path) as store:
        for id in (1, 2, 3, 4):
            store.propose(Proposal(id, genotype), "f")
            store.finish(id, Evaluation(0.5))
        store.propose(Proposal(5, genotype, 4, memo="[1, 2, 3]"), "f")
        store.propose(Proposal(6, genotype, 1), "f")
        store.propose(Proposal(7, genotype, 2, forget=True), "f")
        search(store, 7, observers=[listed], make=tournament)
    assert listed.inheritable == {5: {1, 4, 5}, 6: {4, 5, 6}, 7: {4, 5, 6, 7}}


def test_a_task_has_the_cost_that_the_check_of_its_network_has_counted(tmp_path: Path) -> None:
    seed, shape = dsl.load("nasnet.cell", {"N": 1, "F": 8}), (8, 8, 1)
    tasks: list[Task] = []

    def evaluate(task: Task) -> Evaluation:
        tasks.append(task)
        return Evaluation(task.id / 20)

    with Store(tmp_path) as store:
        space = CellSpace(seed.space, shape, 10)
        algorithm = RegularizedEvolution(space, 0, population_size=3, sample_size=2)
        Search(Plan(12, 0, tmp_path / "log"), algorithm, space, store, Serial(), evaluate).run()
    assert [task.cost for task in tasks] == [cost(space.read(task.genotype), shape, 10) for task in tasks]
    assert space.cost(seed) is None, "a genotype that was not checked has no cost, so the worker counts it"
