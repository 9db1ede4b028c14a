"""The ends of a search, the reuse of evaluations, and the individuals whose weights are kept."""

from __future__ import annotations

import math
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evolve import Child, Evaluation, Individual, Plan, RegularizedEvolution, Search, Serial, Standing, Store, Task
from evolve.records import failed, ranked
from evolve.store.history import standings
from tests.evolve import toy
from tests.evolve.test_search import rows, search


def test_a_search_ends_with_its_number_of_individuals(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert search(store, 12) == search(store, 12) == "all 12 individuals are finished"


def test_a_search_ends_when_the_target_is_reached(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        reason = search(store, 400, target=14.0)
        finished, _, last = store.counts()
        (best,) = store.best(1)
        assert reason == search(store, 400, target=14.0) == f"individual {best.id} has reached the target, 14"
        assert best.fitness >= 14 and finished == last == best.finished < 400
        search(store, 400)
    with Store(tmp_path / "whole") as store:
        search(store, 400)
    assert rows(tmp_path) == rows(tmp_path / "whole")


def test_a_budget_of_time_counts_all_runs(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert search(store, 2000, toy.evaluate_slowly, budget=0.5) == "the budget of 0.000139 hours is spent"
        finished = store.counts()[0]
        assert 0 < finished < 100
        search(store, 2000, toy.evaluate_slowly, budget=0.5)
        assert store.counts()[0] == finished
        search(store, 2000, toy.evaluate_slowly, budget=1.0)
        assert finished < store.counts()[0] < 200


def test_the_time_of_an_interrupted_evaluation_is_spent(tmp_path: Path) -> None:
    def interrupted(task: Task) -> Evaluation:
        time.sleep(0.2)
        raise KeyboardInterrupt

    for runs in (1, 2):
        with Store(tmp_path) as store, pytest.raises(KeyboardInterrupt):
            search(store, 10, interrupted, budget=0.4)
        with Store(tmp_path) as store:
            assert store.spent().seconds >= 0.2 * runs
    with Store(tmp_path) as store:
        assert search(store, 10, interrupted, budget=0.4) == "the budget of 0.000111 hours is spent"


class Held:
    """An executor of three tasks that ends the latest one first."""

    def __init__(self) -> None:
        self.tasks: list[tuple[Future[Any], Callable[..., Any], tuple[object, ...]]] = []

    @property
    def capacity(self) -> int:
        return 3

    def submit(self, function: Callable[..., Any], *args: object, timeout: float | None = None) -> Future[Any]:
        self.tasks.append((Future(), function, args))
        return self.tasks[-1][0]

    def wait(self, futures: Collection[Future[Any]], seconds: float | None = None) -> set[Future[Any]]:
        future, function, args = self.tasks.pop()
        future.set_result(function(*args))
        return {future}

    def close(self) -> None:
        """Does nothing: tasks run in this process."""


class Slow(Held):
    """An executor whose first task takes 100 seconds. The driver wakes every 5 seconds meanwhile.

    Args:
      waited: is called after every 5 seconds.
    """

    def __init__(self, waited: Callable[[], object]) -> None:
        super().__init__()
        self.clock, self._waited = 0.0, waited

    def wait(self, futures: Collection[Future[Any]], seconds: float | None = None) -> set[Future[Any]]:
        self._waited()
        self.clock += seconds or 0.0
        return super().wait(futures) if self.clock > 100 else set()


def test_the_time_of_a_long_evaluation_is_stored_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    with Store(tmp_path) as store:
        slow = Slow(lambda: found.append(store.spent().seconds))
        monkeypatch.setattr("evolve.search.plan.time", SimpleNamespace(monotonic=lambda: slow.clock))
        search(store, 3, executor=slow)
    assert found[:21] == [5.0 * place for place in range(21)]


def test_a_store_that_is_locked_while_the_search_waits_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path, patience=0.01) as store, closing(sqlite3.connect(store.path, isolation_level=None)) as other:

        def lock_at_first() -> None:
            if slow.clock == 10:
                other.execute("begin immediate")
            if slow.clock == 30:
                assert store.spent().seconds == 10
                other.execute("rollback")

        slow = Slow(lock_at_first)
        monkeypatch.setattr("evolve.search.plan.time", SimpleNamespace(monotonic=lambda: slow.clock))
        assert search(store, 3, executor=slow) == "all 3 individuals are finished"
        assert store.spent().seconds > 100


def costly(task: Task) -> Evaluation:
    return replace(toy.evaluate(task), flops=1e9)


def test_a_search_ends_when_the_budget_of_training_is_spent(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert search(store, 100, costly, budget_flops=2.5e9) == "the budget of 2.5e+09 FLOPs of training is spent"
        assert store.counts() == (3, 0, 3)
        search(store, 100, costly, budget_flops=2.5e9)
        assert store.counts() == (3, 0, 3)
        search(store, 100, costly, budget_flops=4e9)
        assert (store.counts(), store.spent().flops) == ((4, 0, 4), 4e9)


class Narrow(toy.ToySpace):
    """A space of five networks. The last one has a gene with two values."""

    def sample(self, rng: Any, **_: object) -> toy.Genotype:
        return (rng.randrange(6), *toy.target(0)[1:])

    def mutate(self, genotype: toy.Genotype, rng: Any, **_: object) -> Child[toy.Genotype]:
        return Child(self.sample(rng), "any")

    def fingerprint(self, genotype: toy.Genotype) -> str:
        return str(min(genotype[0], 4))

    def genes(self, genotype: toy.Genotype) -> str:
        return "a = 1" if genotype[0] == 5 else "a = 0"


def narrow(store: Store, evaluate: Callable[[Task], Evaluation], executor: Any = None, individuals: int = 40) -> None:
    plan = Plan(individuals, 0, store.path.parent / "log", reuse=True)
    algorithm = RegularizedEvolution(Narrow(), 0, population_size=10, sample_size=3)
    Search(plan, algorithm, Narrow(), store, executor or Serial(), evaluate).run()


def test_duplicates_are_not_trained(tmp_path: Path) -> None:
    trained: list[int] = []

    def evaluate(task: Task) -> Evaluation:
        trained.append(task.id)
        return Evaluation(task.id / 100, params=task.id, seconds=1.0, flops=1.0)

    with Store(tmp_path) as store:
        narrow(store, evaluate)
        found = {row.id: row for row in store.finished()}
    assert len(found) == 40 and len(trained) == 6
    kinds = {(row.fingerprint, row.genes): id for id, row in reversed(found.items())}
    assert sorted(kinds.values()) == trained
    for id, row in found.items():
        first = kinds[row.fingerprint, row.genes]
        assert (row.fitness, row.params, row.status) == (first / 100, first, "done")
        is_duplicate = id != first
        assert (row.seconds, row.flops, row.note) == ((0.0, 0.0, f"as {first}") if is_duplicate else (1.0, 1.0, ""))


def test_a_failure_is_not_taken_over(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    def evaluate(task: Task) -> Evaluation:
        seen[task.genotype] += 1
        return failed("no luck") if seen[task.genotype] == 1 else Evaluation(0.5)

    with Store(tmp_path) as store:
        narrow(store, evaluate)
    assert set(seen.values()) == {2}


@pytest.mark.parametrize("luck", [True, False])
def test_a_duplicate_of_a_running_individual_waits_for_it(tmp_path: Path, luck: bool) -> None:
    running: Counter[str] = Counter()

    def evaluate(task: Task) -> Evaluation:
        kind = Narrow().fingerprint(Narrow().read(task.genotype)) + Narrow().genes(Narrow().read(task.genotype))
        running[kind] += 1
        return Evaluation(0.5) if luck or running[kind] > 1 else failed("no luck")

    with Store(tmp_path) as store:
        narrow(store, evaluate, Held())
        found = sorted(store.finished(), key=lambda row: row.id)
    assert [row.id for row in found] == list(range(1, 41))
    assert set(running.values()) == {1 if luck else 2}
    assert sum(row.note != "" for row in found) == 40 - running.total()


@dataclass
class Top:
    """Records the best few individuals at each result, and the limits that each task got for its weights."""

    top: list[tuple[int, ...]] = field(default_factory=list)
    limits: list[tuple[float | None, float]] = field(default_factory=list)

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        self.top.append(standing.top)

    def evaluate(self, task: Task) -> Evaluation:
        self.limits.append((task.keep_above, task.best))
        return Evaluation((0.3, 0.5, 0.4, 0.5, 0.6)[task.id - 1])


def test_tasks_have_the_limits_of_the_best_few(tmp_path: Path) -> None:
    seen, never = Top(), float("-inf")
    with Store(tmp_path) as store:
        search(store, 5, seen.evaluate, observers=[seen], keep_best=2)
    assert seen.top == [(1,), (2, 1), (2, 3), (2, 4), (5, 2)]
    assert seen.limits == [(never, never), (never, 0.3), (0.3, 0.5), (0.4, 0.5), (0.5, 0.5)]


def test_the_clock_of_a_search_stands_still_between_runs(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        search(store, 5)
        before = float(store.noted("seconds") or 0)
    time.sleep(1)
    with Store(tmp_path) as store:
        search(store, 6)
        assert 0 < float(store.noted("seconds") or 0) - before < 1


def equal(task: Task) -> Evaluation:
    """Returns the same fitness for all. Individuals 3 and 5 are the smallest, of equal size."""
    sizes = {1: (50, 1), 2: (40, 2), 3: (30, 3), 4: (30, 4), 5: (30, 3)}
    params, mult_adds = sizes.get(task.id, (60, 1))
    return Evaluation(0.5, params=params, mult_adds=mult_adds)


class Bests:
    """Records the best individual and the best few at each result."""

    def __init__(self) -> None:
        self.best: list[int] = []
        self.top: list[tuple[int, ...]] = []

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        assert standing.best is not None
        self.best.append(standing.best.id)
        self.top.append(standing.top)


def test_of_equals_the_smaller_is_the_best_in_store_and_observers(tmp_path: Path) -> None:
    seen, tasks = Bests(), []

    def evaluate(task: Task) -> Evaluation:
        tasks.append(task)
        return equal(task)

    plan = Plan(8, 0, tmp_path / "log", keep_best=2)
    with Store(tmp_path) as store:
        Search(plan, toy.evolution(), toy.ToySpace(), store, Serial(), evaluate, [seen]).run()
        assert seen.best == [1, 2, 3, 3, 3, 3, 3, 3]
        assert seen.top == [(1,), (2, 1), (3, 2), (3, 4), (3, 5), (3, 5), (3, 5), (3, 5)]
        assert [standing.best.id for _, standing in standings(store, toy.evolution()) if standing.best] == seen.best
        assert [one.id for one in store.best(2)] == [3, 5]
    # A task has the limits to beat, so that a worker keeps weights only of individuals above them.
    limits = [(task.best_size, task.keep_above, task.keep_above_size) for task in tasks]
    assert limits[0] == ((0, 0), -math.inf, (0, 0))
    assert limits[3] == ((30, 3), 0.5, (40, 2)) and limits[7] == ((30, 3), 0.5, (30, 3))


def test_the_best_few_with_weights_are_different_networks(tmp_path: Path) -> None:
    """A duplicate that takes an earlier evaluation has no weights, so it is not one of the best few."""
    seen = Bests()
    algorithm = RegularizedEvolution(Narrow(), 0, population_size=10, sample_size=3)
    with Store(tmp_path) as store:
        plan = Plan(40, 0, tmp_path / "log", keep_best=3, reuse=True)
        Search(plan, algorithm, Narrow(), store, Serial(), lambda task: Evaluation(0.5), [seen]).run()
        found = [store.individual(id) for id in seen.top[-1]]
        assert [one.id for one in store.best(3)] == [one.id for one in found]
    assert len({one.network for one in found}) == 3
    assert not any(one.note for one in found)  # each of them was trained


def test_a_network_that_is_trained_again_has_the_weights_of_its_best_training(tmp_path: Path) -> None:
    seen = Bests()
    algorithm = RegularizedEvolution(Narrow(), 0, population_size=10, sample_size=3)
    with Store(tmp_path) as store:
        plan = Plan(30, 0, tmp_path / "log", keep_best=2)
        Search(plan, algorithm, Narrow(), store, Serial(), lambda task: Evaluation(task.seed % 100 / 100), [seen]).run()
        assert list(seen.top[-1]) == [one.id for one in store.best(2)]
        assert seen.top[-1] == tuple(one.id for one in ranked(store.finished(), 2))
