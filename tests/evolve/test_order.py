"""The order in which results reach the algorithm: as they are finished, or by id."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from evolve import (
    Algorithm,
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
    UsageError,
)
from evolve.records import Spent, failed
from evolve.search.plan import Tally
from evolve.settings import SearchSettings
from evolve.store.database import FILE
from evolve.store.history import standings
from tests.evolve import toy, virtual
from tests.evolve.replay import replay
from tests.evolve.test_search import rows
from tests.evolve.virtual import Killed, TwoSpeeds, Virtual

Order = Literal["finished", "born"]


@dataclass
class Listener:
    """Records the id, the population and the best individual at each result."""

    ids: list[int] = field(default_factory=list)
    populations: list[tuple[float | None, ...]] = field(default_factory=list)
    bests: list[int | None] = field(default_factory=list)

    def individual(self, individual: Individual, genotype: toy.Genotype, standing: Standing) -> None:
        self.ids.append(individual.id)
        self.populations.append(standing.population)
        self.bests.append(standing.best.id if standing.best else None)


def run(
    folder: Path,
    executor: Executor,
    individuals: int = 60,
    order: Order = "born",
    evaluate: Callable[[Task], Evaluation] = virtual.evaluate_with_seconds,
    make: Callable[[], Algorithm[toy.Genotype]] = toy.evolution,
    listener: Listener | None = None,
    tally: Tally | None = None,
    **settings: object,
) -> str:
    """Runs or resumes a search on the toy, and returns the reason of its end."""
    with Store(folder) as store:
        plan = Plan(individuals, 0, folder / "log", order=order, **settings)  # type: ignore[arg-type]
        observers = () if listener is None else (listener,)
        suited = toy.suited(make, evaluate)
        return Search(plan, make(), toy.ToySpace(), store, executor, suited, observers, tally).run()


def finished(folder: Path) -> list[int]:
    with Store(folder) as store:
        return [individual.id for individual in store.finished()]


# --- the effect of the order on a search ---


def share_of_the_slow(folder: Path, order: Order, seed: int) -> float:
    """Returns the share of the slow gene among the results in the middle of a search on 50 workers."""
    individuals, space = 800, TwoSpeeds()
    algorithm = RegularizedEvolution(space, seed, population_size=100, sample_size=10)
    with Store(folder) as store:
        plan = Plan(individuals, seed, folder / "log", order=order)
        executor = Virtual(50, virtual.three_times_slower)
        Search(plan, algorithm, space, store, executor, virtual.neutral).run()
        handled = [individual.genotype.startswith("1") for individual in store.finished()]
    middle = handled[300:650]
    return sum(middle) / len(middle)


def test_a_fast_training_brings_more_children_unless_results_are_handled_in_the_order_of_birth(tmp_path: Path) -> None:
    """A gene has no effect but that a training takes three times as long.

    With 'born', the mean share over 600 seeds is 0.475; that of one seed has a standard deviation of 0.15.
    """
    shares = {order: [share_of_the_slow(tmp_path / f"{order}{seed}", order, seed) for seed in range(4)]
              for order in ("finished", "born")}  # fmt: skip
    assert max(shares["finished"]) < 0.25
    assert min(shares["born"]) > max(shares["finished"])
    assert 0.38 < sum(shares["born"]) / 4 < 0.62


# --- the order of results ---


@pytest.mark.parametrize("make", toy.MAKERS)
def test_results_reach_the_algorithm_by_id_and_workers_never_wait(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]]
) -> None:
    executor, listener = Virtual(8, virtual.any_time), Listener()
    run(tmp_path, executor, listener=listener, make=make)
    assert listener.ids == finished(tmp_path) == list(range(1, 61))
    assert executor.busy[: 60 - 8] == [8] * 52
    apart = Virtual(8, virtual.any_time)
    run(tmp_path / "other", apart, order="finished", make=make)
    assert finished(tmp_path / "other") != list(range(1, 61))
    assert apart.busy == executor.busy


def test_a_slow_individual_holds_back_results_but_no_task(tmp_path: Path) -> None:
    executor, listener = Virtual(4, virtual.first_is_slow), Listener()
    run(tmp_path, executor, listener=listener)
    assert listener.ids == list(range(1, 61))
    with Store(tmp_path) as store:
        after = {proposal.id: count for proposal, count in store.proposed()}
        parents = [proposal.parent for proposal, _ in store.proposed()]
    assert all(after[id] == 0 for id in range(1, 60)), "all that was proposed while the first ran"
    assert executor.clock == pytest.approx(40.0)
    assert parents[:59] == [None] * 59


def test_a_result_is_counted_when_it_is_stored(tmp_path: Path) -> None:
    """Individual 1 still runs, so no result has reached the algorithm. The others are counted, also after a kill."""
    listener, tally = Listener(), Tally(Spent(), None)
    counts: list[tuple[int, int]] = []  # results in the store and with the algorithm

    def counting(task: Task) -> Evaluation:
        counts.append((tally.finished, len(listener.ids)))
        return toy.evaluate(task)

    with pytest.raises(Killed):
        run(tmp_path, Virtual(4, virtual.first_is_slow, 5), evaluate=counting, listener=listener, tally=tally)
    assert counts == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)] and tally.finished == 5
    with Store(tmp_path) as store:
        assert (store.spent().finished, store.spent().simulated) == (5, 0.0)


def test_with_one_worker_both_orders_are_the_same_search(tmp_path: Path) -> None:
    for order in ("finished", "born"):
        run(tmp_path / order, Serial(), order=order)
    assert rows(tmp_path / "born") == rows(tmp_path / "finished")


def test_a_failed_individual_has_its_place_in_the_order(tmp_path: Path) -> None:
    def fails(task: Task) -> Evaluation:
        return failed("no luck") if task.id % 4 == 1 else toy.evaluate(task)

    listener = Listener()
    run(tmp_path, Virtual(5, virtual.any_time), evaluate=fails, listener=listener)
    assert listener.ids == list(range(1, 61))
    with Store(tmp_path) as store:
        assert store.counts() == (60, 15, 60)


def test_the_target_is_reached_when_the_result_is_there(tmp_path: Path) -> None:
    """Individual 3 reaches the target while individual 1 runs. No more tasks begin, and individual 1 is waited for."""

    def third_is_good(task: Task) -> Evaluation:
        return Evaluation(1.0 if task.id == 3 else 0.5)

    executor, listener = Virtual(3, virtual.first_is_slow), Listener()
    reason = run(tmp_path, executor, evaluate=third_is_good, listener=listener, target=0.9)
    assert reason == "individual 3 has reached the target, 0.9"
    assert listener.ids == [1, 2, 3, 4]
    assert listener.bests == [1, 1, 3, 3]


def test_a_search_that_only_fails_is_given_up_while_the_first_runs(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="all of the first"):
        run(tmp_path, Virtual(3, lambda task: 1000.0 if task.id == 1 else 1.0), 500, evaluate=toy.evaluate_in_vain)
    with Store(tmp_path) as store:
        assert store.counts()[2] < 20


def test_a_budget_counts_what_has_been_spent(tmp_path: Path) -> None:
    run(tmp_path, Virtual(3, virtual.first_is_slow), budget_flops=10.0)
    with Store(tmp_path) as store:
        assert store.counts()[0] == 12, "ten, and the two that still ran"
        assert store.spent().flops == 12.0


@pytest.mark.parametrize("workers", [1, 4])
def test_reuse_keeps_the_order_too(tmp_path: Path, workers: int) -> None:
    """Some children are duplicates. A duplicate of a running individual waits for it and keeps its place."""
    evaluated: list[int] = []

    def counted(task: Task) -> Evaluation:
        evaluated.append(task.id)
        return toy.evaluate(task)

    run(tmp_path, Virtual(workers, virtual.any_time), 200, evaluate=counted, reuse=True)
    assert finished(tmp_path) == list(range(1, 201))
    with Store(tmp_path) as store:
        notes = {individual.id: individual.note for individual in store.finished()}
    assert len(evaluated) == len(set(evaluated)) < 200
    assert {id for id, note in notes.items() if note} == {*range(1, 201)} - {*evaluated}


# --- held results after a kill ---


def run_with_kills(folder: Path, executors: list[Virtual], make: Callable[[], Algorithm[toy.Genotype]]) -> Counter[int]:
    """Runs a search, kills its driver with every executor but the last, and counts the evaluations by id."""
    evaluated: Counter[int] = Counter()

    def counted(task: Task) -> Evaluation:
        evaluated[task.id] += 1
        return virtual.evaluate_with_seconds(task)

    for executor in executors[:-1]:
        with pytest.raises(Killed):
            run(folder, executor, make=make, evaluate=counted)
    run(folder, executors[-1], make=make, evaluate=counted)
    return evaluated


@pytest.mark.parametrize("make", toy.MAKERS)
@pytest.mark.parametrize("results", [(1,), (7, 1, 12), (25, 3)])
def test_held_results_are_still_held_after_a_kill(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]], results: tuple[int, ...]
) -> None:
    executors = [Virtual(6, virtual.any_time, count) for count in results]
    evaluated = run_with_kills(tmp_path, [*executors, Virtual(6, virtual.any_time)], make)
    assert evaluated == Counter(range(1, 61)), "what has a result is not trained again"
    assert finished(tmp_path) == list(range(1, 61))
    with Store(tmp_path) as store:
        again = make()
        replay(store, again, toy.ToySpace())  # checks that seed and order of results give every proposal again
        *_, (_, standing) = standings(store, make())
        assert standing.population == again.population
        assert store.unfinished() == ()
        assert store.spent().simulated == pytest.approx(sum(individual.seconds for individual in store.finished()))


def test_curves_from_the_store_are_those_that_observers_saw(tmp_path: Path) -> None:
    listener = Listener()
    run(tmp_path, Virtual(6, virtual.any_time), listener=listener)
    with Store(tmp_path) as store:
        assert [standing.population for _, standing in standings(store, toy.evolution())] == listener.populations


def test_a_result_is_in_the_store_before_the_algorithm_receives_it(tmp_path: Path) -> None:
    """Individual 1 still runs when the driver is killed. The others are in the store as held results."""
    with pytest.raises(Killed):
        run(tmp_path, Virtual(4, virtual.first_is_slow, 5))
    reader = sqlite3.connect(tmp_path / FILE)
    found = reader.execute("select id, status, finished from individuals order by id").fetchall()
    assert [(id, status) for id, status, _ in found[:5]] == [(1, "running"), *((id, "done") for id in range(2, 6))]
    with Store(tmp_path) as store:
        assert store.counts()[0] == 5
        assert store.best(3) == () and list(store.finished()) == []
        waiting = [proposal.id for proposal, waits in store.unfinished() if waits]
        assert waiting == [2, 3, 4, 5, 6]
        assert store.individual(3).fitness == toy.evaluate(Task(3, store.individual(3).genotype, 0, 0.0)).fitness


def test_a_held_result_is_released_once(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for id in (1, 2):
            store.propose(Proposal(id, f"genotype {id}"), "f")
        store.finish(2, Evaluation(0.5), waits=True)
        assert store.release(2, "graph").finished == 1
        with pytest.raises(SearchError, match="individual 2 was released twice"):
            store.release(2)
        with pytest.raises(SearchError, match="individual 1 was released twice, or its result was not held"):
            store.release(1)
        assert store.finish(1, Evaluation(0.5)).finished == 2


def test_a_lost_individual_is_waited_for_beyond_the_end(tmp_path: Path) -> None:
    """A held result reaches the target. It waits for an individual whose try was lost, which is tried again."""
    tries: list[int] = []

    def first_is_lost(task: Task) -> Evaluation:
        tries.append(task.id)
        if task.id == 1 and tries.count(1) == 1:
            return Evaluation(0.0, "failed", "the evaluation ran out of memory", is_retryable=True)
        return Evaluation(1.0 if task.id == 2 else 0.5)

    executor = Virtual(2, lambda task: 5.0 if task.id == 1 else 1.0)
    run(tmp_path, executor, evaluate=first_is_lost, target=0.9, retries=1)
    assert finished(tmp_path) == [1, 2]
    assert tries == [2, 1, 1]


@pytest.mark.parametrize("order", ["birth", "", None, True])
def test_an_unknown_order_is_refused(order: object) -> None:
    with pytest.raises(UsageError, match=r"search\.order is .*; it may be 'finished' .* or 'born'"):
        SearchSettings(seed_file="nasnet.cell", order=order)  # type: ignore[arg-type]
