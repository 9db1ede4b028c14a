"""Rungs on the toy: who is promoted, what the store keeps, and that a killed search ends as an unbroken one."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from compiler import Epoch
from compiler.domains import values
from evolve import (
    Algorithm,
    Child,
    Evaluation,
    Executor,
    Individual,
    Plan,
    Proposal,
    RegularizedEvolution,
    Search,
    Serial,
    Standing,
    Store,
    Task,
)
from evolve.algorithms import gin_name
from evolve.algorithms import rungs as compared
from evolve.algorithms.base import NonAgeing
from evolve.algorithms.fronts import Point, crowded, crowding, dominates
from evolve.algorithms.rungs import Dominated, RungResults
from evolve.found import _FITTEST
from evolve.observers.journal import Journal
from evolve.records import LOWEST, WORST, failed, rank
from evolve.search import rungs as ladders
from evolve.search.front import Front
from evolve.search.plan import Top
from evolve.search.rungs import Ladder
from evolve.search.state import State, ladder_of
from evolve.store.database import FILE, reading
from evolve.store.history import latest_correlation, standings
from evolve.store.rungs import continued, promoted
from evolve.tab.about import About
from evolve.tab.individuals import Individuals
from evolve.tab.source import source
from tests.evolve import toy, virtual
from tests.evolve.test_search import rows
from tests.evolve.virtual import Killed, Virtual

EPOCHS = (3, 9, 27)


MAKERS = tuple(make for make in toy.MAKERS if make().takes_rungs)
every_algorithm = pytest.mark.parametrize("make", MAKERS)


def evaluate(task: Task) -> Evaluation:
    """Returns the toy's scores, which a longer training raises, and the costs of the task's rung."""
    found = toy.evaluate(task)
    fitness = found.fitness + 10 * task.rung
    epochs = EPOCHS[task.rung] - (EPOCHS[task.rung - 1] if task.rung else 0)
    scores = (fitness, float(sum(toy.ToySpace().read(task.genotype))))
    return replace(found, fitness=fitness, seconds=epochs / 10, flops=100.0 * epochs, scores=scores)


def fails_at_times(task: Task) -> Evaluation:
    """Fails a quarter of the new individuals and of the promotions."""
    return failed(f"no luck on rung {task.rung}") if (task.id + task.rung) % 4 == 0 else evaluate(task)


def run(
    folder: Path,
    executor: Executor | None = None,
    evaluated: Callable[[Task], Evaluation] = evaluate,
    make: Callable[[], Algorithm[toy.Genotype]] = toy.evolution,
    individuals: int = 60,
    observers: Any = (),
    **settings: Any,
) -> str:
    with Store(folder) as store:
        plan = Plan(individuals, 0, folder / "log", rungs=EPOCHS, reduction=3, **settings)
        return Search(plan, make(), toy.ToySpace(), store, executor or Serial(), evaluated, observers).run()


def rungs(folder: Path) -> list[tuple[Any, ...]]:
    """Returns the rows of the table of rungs."""
    query = (
        "select task, id, rung, status, fitness, seconds, flops, finished, after, note, error from rungs order by task"
    )
    return sqlite3.connect(folder / FILE).execute(query).fetchall()


def of_rung(folder: Path, rung: int) -> set[int]:
    return {id for _, id, number, status, *_ in rungs(folder) if number == rung and status == "done"}


def individual(id: int, fitness: float, rung: int = 0, **more: Any) -> Individual:
    return Individual(id, f"g{id}", fitness=fitness, fingerprint=f"f{id}", finished=id, rung=rung, **more)


# --- who is promoted ---


def test_the_best_of_the_highest_rung_is_promoted_first() -> None:
    ladder = Ladder(EPOCHS, 3, 100)
    for id in range(1, 10):
        ladder.add(individual(id, float(id)))
    promotions = []
    for _ in range(3):
        found = ladder.next()
        assert found is not None
        promotions.append(found)
        ladder.promote(*found)
    assert promotions == [(9, 1), (8, 1), (7, 1)] and ladder.next() is None
    for id in (7, 8, 9):
        ladder.add(individual(id, 10.0 + id, 1))
    assert ladder.next() == (9, 2)
    ladder.promote(9, 2)
    assert ladder.next() is None
    for id in (10, 11, 12):
        ladder.add(individual(id, 0.5))
    assert ladder.next() == (6, 1), "a better place is free since there are more results"


def test_of_equal_results_the_smaller_network_is_promoted() -> None:
    ladder = Ladder((3, 9), 3, 9)
    for id, params in ((1, 30), (2, 10), (3, 20)):
        ladder.add(individual(id, 0.5, params=params))
    assert ladder.next() == (2, 1)


def test_of_equal_individuals_the_search_keeps_the_one_that_a_resumed_search_finds(tmp_path: Path) -> None:
    """Individual 2 reaches the highest rung first, with the result that individual 1 has there later."""
    result, top = Evaluation(0.5, params=10, mult_adds=20), Top((), 1)
    with Store(tmp_path) as store:
        for id in (1, 2):
            store.propose(Proposal(id, "g"), str(id))
            top.add(store.finish(id, replace(result, fitness=0.4)))
        for id in (2, 1):
            task = top.task(Proposal(id, "g"), 0, rung=1)
            assert rank(0.5, (10, 20)) < rank(task.best, task.best_size), "the worker keeps its weights and graph"
            assert rank(0.5, (10, 20)) < rank(task.keep_above or 0, task.keep_above_size)
            now = promoted(store.individual(id), result, 1)
            store.promote(now)
            top.add(now)
        assert top.ids == tuple(one.id for one in store.best(1)) == (1,)
    limits = top.task(Proposal(3, "g"), 0, rung=0), top.task(Proposal(3, "g"), 0, rung=2)
    assert [one.best for one in limits] == [float("inf"), -float("inf")]


def test_with_several_objectives_the_lowest_rank_is_promoted() -> None:
    ladder = Ladder((3, 9), 3, 9)
    for id, scores in ((1, (0.9, 0.1)), (2, (0.8, 0.05)), (3, (0.1, 0.9)), (4, (0.7, 0.05)), (5, (0.5, 0.5)),
                       (6, (0.05, 0.05))):  # fmt: skip
        ladder.add(individual(id, scores[0], scores=scores))
    first = ladder.next()
    assert first is not None and first[0] in {1, 3}, "the ends of the front are the least crowded"
    ladder.promote(*first)
    second = ladder.next()
    assert second is not None and {first[0], second[0]} == {1, 3}


def test_a_failed_individual_takes_no_place() -> None:
    ladder = Ladder((3, 9), 2, 10)
    ladder.add(replace(individual(1, 0.0), status="failed"))
    ladder.add(individual(2, 0.5))
    assert ladder.next() is None
    ladder.add(individual(3, 0.4))
    assert ladder.next() == (2, 1)


def test_a_duplicate_is_not_promoted() -> None:
    ladder = Ladder((3, 9), 2, 10, reuse=True)
    for id in (1, 2, 3, 4):
        ladder.add(replace(individual(id, 0.5), fingerprint="same" if id < 4 else "other"))
    assert ladder.next() == (1, 1)
    ladder.promote(1, 1)
    assert ladder.next() is None


def test_who_may_still_be_promoted() -> None:
    ladder = Ladder(EPOCHS, 3, 12)
    for id in range(1, 10):
        ladder.add(individual(id, float(id)))
    # of 12 individuals at most 4 are promoted, and of these at most 1
    assert ladder.possible() == {(9, 0), (8, 0), (7, 0), (6, 0)}
    ladder.promote(9, 1)
    ladder.add(individual(9, 20.0, 1))
    assert ladder.possible() == {(8, 0), (7, 0), (6, 0), (9, 1)}


def test_who_may_still_be_promoted_where_a_search_has_more_results_than_it_is_to_have() -> None:
    ladder = Ladder(EPOCHS, 3, 2)
    for id in range(1, 10):
        ladder.add(replace(individual(id, float(id)), status="failed" if id < 4 else "done"))
    assert ladder.possible() == {(9, 0), (8, 0)}


def curve(accuracy: float, epochs: int = 3) -> tuple[Epoch, ...]:
    return tuple(Epoch(epoch, 1.0, accuracy * epoch / epochs) for epoch in range(1, epochs + 1))


def test_a_training_is_compared_with_all_that_were_promoted() -> None:
    ladder = Ladder((3, 9), 2, 100)
    for id in range(1, 21):
        ladder.add(individual(id, float(id), history=curve(id / 20)))
    for id in range(20, 11, -1):
        ladder.promote(id, 1)
    assert ladder.least(0) == (), "nine are too few"
    ladder.promote(11, 1)
    assert dict(ladder.least(0)) == pytest.approx({1: 11 / 60, 2: 22 / 60, 3: 11 / 20})
    assert ladder.least(1) == ()


def test_a_stopped_training_has_a_place_and_is_not_promoted() -> None:
    ladder = Ladder((3, 9), 2, 10)
    ladder.add(individual(1, 0.9, history=curve(0.5, 2)))
    ladder.add(individual(2, 0.8, history=curve(0.5)))
    assert ladder.next() is None and ladder.possible() == {(2, 0)}
    for id in (3, 4):
        ladder.add(individual(id, 0.1, history=curve(0.1)))
    assert ladder.next() == (2, 1)


@pytest.mark.parametrize("objectives", [1, 2])
@pytest.mark.parametrize("workers", [1, 4])
def test_no_individual_is_promoted_after_its_checkpoint_was_removed(objectives: int, workers: int) -> None:
    promotions = 0
    for seed in range(30):
        rng, ladder, started = random.Random(seed), Ladder(EPOCHS, 3, 60), 0
        running: list[tuple[int, int]] = []
        checkpoints: set[tuple[int, int]] = set()
        while True:
            while len(running) < workers and (ladder.next() or started < 60):
                id, rung = ladder.next() or (started + 1, 0)
                if rung:
                    assert (id, rung - 1) in checkpoints
                    ladder.promote(id, rung)
                promotions += rung > 0
                started = max(started, id)
                running.append((id, rung))
            if not running:
                break
            id, rung = running.pop(rng.randrange(len(running)))
            first = rng.random()
            scores = (first + id * rng.random() / 60, id * rng.random() / 3 - 100 * first * first)
            found = individual(id, scores[0], rung, scores=scores if objectives == 2 else ())
            if rung == 0 and rng.random() < 0.1:
                ladder.add(replace(found, status="failed"))
            else:
                ladder.add(found)
                checkpoints.add((id, rung))
            checkpoints &= ladder.possible() | {(id, below) for id, rung in running for below in (rung - 1, rung)}
    assert promotions > 500


def points(seed: int, count: int, scores: int, steps: int) -> list[tuple[float, ...]]:
    """Returns points, of which many are equal if a score has few steps."""
    rng = random.Random(seed)
    return [tuple(rng.randrange(steps) / steps for _ in range(scores)) for _ in range(count)]


@pytest.mark.parametrize(("scores", "steps"), [(2, 5), (2, 1000), (3, 5), (3, 1000)])
def test_the_order_of_a_rung_is_that_of_a_whole_sort(scores: int, steps: int) -> None:
    found, rung = points(scores, 80, scores, steps), ladders._Rung(3)
    for id, point in enumerate(found, 1):
        rung.add(individual(id, point[0], scores=point, params=id % 3))
        keys = dict(enumerate(crowded(found[:id]), 1))
        ids = sorted(keys, key=lambda id: (-found[id - 1][0], id % 3, id))
        assert [*rung.best(id)] == sorted(ids, key=keys.__getitem__, reverse=True)


def test_a_result_orders_again_only_the_ranks_that_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(found: Sequence[Point]) -> list[float]:
        sizes.append(len(found))
        return crowding(found)

    monkeypatch.setattr(ladders, "crowding", noted)
    rung = ladders._Rung(3)
    for id, point in enumerate(points(0, 200, 2, 1000), 1):
        rung.add(individual(id, point[0], scores=point))
    assert len([*rung.best(200)]) == sum(sizes) == 200
    sizes.clear()
    rung.add(individual(201, -1.0, scores=(-1.0, -1.0)))
    assert [*rung.best(201)][-1] == 201 and sizes == [1]


@pytest.mark.parametrize("scores", [2, 3])
def test_the_results_that_dominate_are_counted_among_the_latest(scores: int) -> None:
    found, latest, every = points(scores, 200, scores, 6), Dominated(70), Dominated()
    for count, point in enumerate(found, 1):
        latest.add(point)
        every.add(point)
        if count % 9 == 0:
            asked = found[count // 2]
            assert len(latest) == min(count, 70) and len(every) == count
            assert latest.count(asked) == sum(dominates(one, asked) for one in found[max(0, count - 70) : count])
            assert every.count(asked) == sum(dominates(one, asked) for one in found[:count])
    few = [place for place, one in enumerate(found) if sum(dominates(other, one) for other in found) < 20]
    assert every.fewer(20) == few


def test_a_comparison_with_the_results_of_a_rung_is_made_once_for_each_result(monkeypatch: pytest.MonkeyPatch) -> None:
    passes, results, found = 0, RungResults(), points(0, 50, 2, 1000)
    compare = compared._compared

    def counted(*args: Any) -> Any:
        nonlocal passes
        passes += 1
        return compare(*args)

    monkeypatch.setattr(compared, "_compared", counted)
    for id, point in enumerate(found, 1):
        results.add(individual(id, point[0], scores=point))
    for _ in range(20):
        shares = [results.share(0, point[0], point) for point in found]
    assert shares == [sum(dominates(one, point) for one in found) / 50 for point in found] and passes == 50


def test_a_fitness_of_zero_has_a_place_on_its_rung() -> None:
    results = RungResults()
    for id, fitness in ((1, 0.0), (2, -1.0), (3, -2.0)):
        results.add(individual(id, fitness))
    results.add(replace(individual(4, LOWEST), status="failed"))
    results.add(replace(individual(5, WORST), status="failed"))
    assert [results.share(0, fitness, ()) for fitness in (0.0, -1.0, -2.0)] == [0.0, 1 / 3, 2 / 3]


# --- the search ---


@every_algorithm
def test_at_least_a_third_of_each_rung_is_promoted(tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]]) -> None:
    run(tmp_path, make=make)
    found = sqlite3.connect(tmp_path / FILE).execute(_FITTEST).fetchall()
    whole, third, ninth = [of_rung(tmp_path, rung) for rung in range(3)]
    # at least a third, since an individual that is promoted early may be worse than later ones
    assert len(whole) == 60 and 20 <= len(third) < 60 and len(third) // 3 <= len(ninth) < len(third)
    assert ninth < third
    with Store(tmp_path) as store:
        assert store.counts() == (60, 0, 60), "a promotion is not a new individual"
        assert {one.id: one.rung for one in store.finished() if one.rung == 2}.keys() == of_rung(tmp_path, 2)
        (best,) = store.best(1)
        assert found[0][0] == best.id, "the commands take the same individual"
        assert best.rung == 2 and best.fitness == max(one.fitness for one in store.finished() if one.rung == 2)
        assert best.seconds == pytest.approx(2.7) and best.flops == 2700.0
        epochs = 3 * 60 + 6 * len(third) + 18 * len(ninth)
        assert store.spent().flops == 100.0 * epochs
        assert store.spent().simulated == pytest.approx(epochs / 10)


@every_algorithm
@pytest.mark.parametrize("order", ["finished", "born"])
@pytest.mark.parametrize("function", [evaluate, fails_at_times])
def test_a_killed_search_ends_as_an_unbroken_one(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]], order: str, function: Callable[[Task], Evaluation]
) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    run(once, Virtual(1, virtual.any_time), function, make, individuals=40, order=order)
    for results in (1, 7, 2, 11, 5):
        with pytest.raises(Killed):
            run(again, Virtual(1, virtual.any_time, results), function, make, individuals=40, order=order)
    run(again, Virtual(1, virtual.any_time), function, make, individuals=40, order=order)
    assert (rows(again), rungs(again)) == (rows(once), rungs(once))


@pytest.mark.parametrize("order", ["finished", "born"])
def test_many_workers_finish_every_promotion(tmp_path: Path, order: str) -> None:
    executor = Virtual(8, virtual.any_time)
    run(tmp_path, executor, order=order)
    assert len(of_rung(tmp_path, 0)) == 60 and len(of_rung(tmp_path, 1)) >= 20
    assert executor.busy[:50] == [8] * 50, "no worker waits"
    with Store(tmp_path) as store:
        assert store.unfinished() == () and store.rungs.unfinished() == ()
        told = [one.finished for one in store.finished()]
        assert told == [*range(1, 61)]
    places = [(task, finished) for task, *_, finished, _, _, _ in rungs(tmp_path)]
    assert sorted(place for _, place in places) == [*range(1, len(places) + 1)]
    if order == "born":
        assert all(task == place for task, place in places)


def test_results_are_held_over_kills_with_many_workers(tmp_path: Path) -> None:
    for results in (9, 3, 20):
        with pytest.raises(Killed):
            run(tmp_path, Virtual(6, virtual.any_time, results), order="born")
    run(tmp_path, Virtual(6, virtual.any_time), order="born")
    assert [task for task, *_ in rungs(tmp_path)] == [finished for *_, finished, _, _, _ in rungs(tmp_path)]
    with Store(tmp_path) as store:
        assert store.counts() == (60, 0, 60) and store.spent().flops == sum(one.flops for one in store.finished())


def test_a_failed_promotion_leaves_the_result_of_the_lower_rung(tmp_path: Path) -> None:
    def fails_above(task: Task) -> Evaluation:
        return failed("the loss is nan in epoch 5") if task.rung else evaluate(task)

    run(tmp_path, evaluated=fails_above, individuals=9)
    with Store(tmp_path) as store:
        found = [one for one in store.finished() if one.note]
        assert store.counts() == (9, 0, 9) and len(found) >= 3
        assert {(one.rung, one.status, one.note) for one in found} == {
            (0, "done", "the promotion to 9 epochs failed: the loss is nan in epoch 5")
        }
    assert [error for *_, error in rungs(tmp_path) if error] == ["the loss is nan in epoch 5"] * len(found)


def test_the_target_is_a_fitness_of_the_last_rung(tmp_path: Path) -> None:
    reason = run(tmp_path, target=1.0, individuals=100)
    with Store(tmp_path) as store:
        (best,) = store.best(1)
        assert best.rung == 2 and reason == f"individual {best.id} has reached the target, 1"
        assert store.counts()[0] < 20


def test_budgets_count_promotions(tmp_path: Path) -> None:
    assert run(tmp_path, budget_flops=3000.0) == "the budget of 3e+03 FLOPs of training is spent"
    epochs = sum(EPOCHS[rung] - (EPOCHS[rung - 1] if rung else 0) for _, _, rung, *_ in rungs(tmp_path))
    assert 30 <= epochs < 30 + 18
    other = tmp_path / "other"
    assert run(other, budget_simulated=2.95) == "the budget of 2.95 simulated seconds is spent"
    assert rungs(other) == rungs(tmp_path)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_duplicate_takes_the_result_of_the_highest_rung(tmp_path: Path, workers: int) -> None:
    run(tmp_path, Virtual(workers, virtual.any_time), individuals=150, reuse=True)
    with Store(tmp_path) as store:
        found = {one.id: one for one in store.finished()}
    copies = [one for one in found.values() if one.note.startswith("as ")]
    assert copies and all(one.flops == 0 for one in copies)
    for copy in copies:
        assert copy.rung <= found[int(copy.note.removeprefix("as "))].rung
    tasks = [id for _, id, *_ in rungs(tmp_path)]
    assert all(tasks.count(copy.id) == 1 for copy in copies), "a duplicate is not promoted"


class FewNetworks(toy.ToySpace):
    """The toy with twelve networks, so that most individuals are duplicates."""

    def sample(self, rng: random.Random, *, born: int | None = None) -> toy.Genotype:
        return (*[0] * (len(toy.SIZES) - 2), rng.randrange(3), rng.randrange(4))

    def mutate(
        self, genotype: toy.Genotype, rng: random.Random, *, mate: object = None, born: int | None = None
    ) -> Child[toy.Genotype]:
        return Child(self.sample(rng), "op")


@pytest.mark.parametrize("order", ["finished", "born"])
def test_with_duplicates_the_state_in_the_store_is_that_of_the_search(tmp_path: Path, order: Any) -> None:
    def with_curve(task: Task) -> Evaluation:
        found = fails_at_times(task)
        return replace(found, history=curve(found.fitness / 50, EPOCHS[task.rung]))

    plan = Plan(90, 0, tmp_path / "log", rungs=EPOCHS, reduction=2, reuse=True, stop=True, order=order)
    stops: list[bool] = []

    def known(ladder: Ladder) -> tuple[Any, ...]:
        return [dict(ladder.least(rung)) for rung in range(3)], ladder.next(), ladder.possible()

    class Compares:
        def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
            live = search._state.ladder
            assert live is not None and known(live) == known(ladder_of(plan, store))
            stops.append(bool(live.least(0)))

    space, observers = FewNetworks(), [Compares()]
    few = partial(RegularizedEvolution, space, 0, population_size=10, sample_size=3)
    with Store(tmp_path) as store:
        search = Search(plan, few(), space, store, Virtual(3, virtual.any_time), with_curve, observers)
        search.run()
        live, again = search._state, State(plan, few(), space, store)
        again.restore()
        assert (again.last, again.algorithm.members) == (live.last, live.algorithm.members)
        assert again.algorithm.population == live.algorithm.population
        assert replace(again.tally.spent, seconds=0.0) == replace(live.tally.spent, seconds=0.0)
        promoted_ids = {id for id, _ in store.rungs.promotions()}
        copies = {one.id for one in store.finished() if one.note.startswith("as ") and one.rung}
    assert stops.count(False) > 20 and len(copies) > 10 and promoted_ids and not copies & promoted_ids


def test_a_parent_is_compared_by_its_result_on_the_rung_of_its_child(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for id in (1, 2, 3, 4, 5):
            store.propose(Proposal(id, f"g{id}", None if id < 3 else 1), f"f{id}")

        def finish(id: int, fitness: float, rung: int, status: Any = "done") -> None:
            found = Evaluation(fitness, status)
            if not rung or id == 5:
                store.finish(id, found, rung=rung)
            store.rungs.finish(store.rungs.start(id, rung), found, rung)

        finish(1, 0.5, 0)
        finish(2, 0.0, 0, "failed")
        finish(3, 0.6, 0)
        finish(5, 0.8, 1)  # a duplicate, which has the result of a higher rung
        finish(1, 0.9, 1)
        finish(4, 0.7, 0)
        finish(3, 0.0, 1, "failed")
        results = {(one.id, one.rung): one for one in store.rungs.results()}
        assert store.rungs.known(None, results[3, 0]) is None
        assert store.rungs.known(1, results[3, 0]) == store.rungs.known(1, results[4, 0]) == 0.5
        assert store.rungs.known(2, results[3, 0]) == 0.0, "a parent that failed has the lowest fitness"
        assert store.rungs.known(1, results[5, 1]) is None, "the parent came to this rung later"
        assert store.rungs.known(5, results[1, 1]) == 0.8
        finish(2, 0.95, 1)
        last = {(one.id, one.rung): one for one in store.rungs.results()}[2, 1]
        assert store.rungs.known(3, last) is None, "the promotion of the parent failed"


def test_an_individual_is_retried_on_each_rung(tmp_path: Path) -> None:
    tried: list[tuple[int, int]] = []

    def loses(task: Task) -> Evaluation:
        tried.append((task.id, task.rung))
        if task.rung == 1 and tried.count((task.id, 1)) == 1:
            return replace(failed("the evaluation ran out of memory"), is_retryable=True)
        return evaluate(task)

    run(tmp_path, evaluated=loses, individuals=9, retries=1)
    promoted_ids = of_rung(tmp_path, 1)
    assert len(promoted_ids) >= 3 and all(tried.count((id, 1)) == 2 for id in promoted_ids)


def test_populations_from_the_store_are_those_that_observers_saw(tmp_path: Path) -> None:
    seen: list[tuple[int, tuple[float, ...], int | None]] = []

    class Listener:
        def individual(self, individual: Individual, genotype: object, standing: Any) -> None:
            seen.append((individual.id, standing.population, standing.best and standing.best.id))

    run(tmp_path, Virtual(5, virtual.any_time), observers=[Listener()])
    with Store(tmp_path) as store:
        found = [(one.id, now.population, now.best and now.best.id) for one, now in standings(store, toy.evolution())]
    assert found == seen and len(seen) > 80


def test_predictions_are_compared_with_the_first_rung_everywhere(tmp_path: Path) -> None:
    seen: list[float | None] = []

    class Listener:
        def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
            seen.append(standing.correlation)

    run(tmp_path, Virtual(5, virtual.any_time), make=toy.candidates, observers=[Listener()])
    with Store(tmp_path) as store:
        first = {one.id: one.fitness for one in reversed([*store.rungs.results()])}
        chosen = [one for one in store.finished() if one.predicted is not None]
        pairs = [(one.predicted or 0.0, first[one.id]) for one in chosen]
        last = [(one.predicted or 0.0, one.fitness) for one in chosen]
        assert store.predicted() == pairs and sum(one.rung > 0 for one in chosen) > 10
        assert latest_correlation(pairs) != latest_correlation(last), "the highest rung would give another number"
        assert [now.correlation for _, now in standings(store, toy.candidates())] == seen
    assert seen[-1] == pytest.approx(latest_correlation(pairs))
    shown = Individuals(about_search_by(toy.non_ageing()))
    with reading(tmp_path) as db:
        shown.read(db)
    assert shown.model() == {"chosen": len(pairs), "correlation": pytest.approx(seen[-1])}


# --- one promotion ---


def test_a_promotion_adds_costs_and_replaces_results() -> None:
    before = replace(individual(1, 0.5), seconds=2.0, flops=10.0, note="a", inherited=0.5)
    after = promoted(before, continued(before, Evaluation(0.7, seconds=1.0, flops=20.0, note="b"), "failed"), 1)
    assert (after.fitness, after.rung, after.seconds, after.flops) == (0.7, 1, 3.0, 30.0)
    assert (after.note, after.inherited) == ("a; b", 0.5)
    unchanged = promoted(before, continued(before, replace(failed("nan"), seconds=1.0), "it failed"), 1)
    assert (unchanged.fitness, unchanged.rung, unchanged.seconds, unchanged.note) == (0.5, 0, 3.0, "a; it failed: nan")
    assert unchanged.status == "done"


def test_the_tab_shows_a_promotion_while_the_search_runs(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.sign({"search.algorithm": "random_search"})
        about = About(store.meta())
        for id, fitness in ((1, 0.5), (2, 0.9)):
            store.propose(Proposal(id, f"g{id}"), f"f{id}")
            store.finish(id, Evaluation(fitness))
            store.rungs.finish(store.rungs.start(id, 0), Evaluation(fitness), 0)
        shown = Individuals(about)
        with reading(tmp_path) as db:
            shown.read(db)
            assert shown.continues(about, db) and shown.best is not None and shown.best.id == 2
        task, result = store.rungs.start(1, 1), Evaluation(0.7)
        store.rungs.finish(task, result, 1)
        store.promote(promoted(store.individual(1), result, 1))
        with reading(tmp_path) as db:
            assert not shown.continues(about, db)
            again = Individuals(about)
            again.read(db)
            assert again.best is not None and (again.best.id, again.best.rung, again.best.fitness) == (1, 1, 0.7)


def about_search_by(algorithm: Algorithm[toy.Genotype]) -> About:
    """Returns what the tab reads about a search by this algorithm."""
    name = gin_name(type(algorithm))
    found = {f"identity.{name}.{key}": str(value) for key, value in values(algorithm).items()}
    return About({"identity.search.algorithm": name, **found})


@pytest.mark.parametrize("evaluated", [evaluate, fails_at_times])
@pytest.mark.parametrize("make", [toy.evolution, toy.nsga2, toy.tournament, toy.non_ageing, toy.random_search])
def test_the_tab_replays_what_the_search_knew(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]], evaluated: Callable[[Task], Evaluation]
) -> None:
    run(tmp_path, Virtual(5, virtual.any_time), evaluated, make)
    algorithm, promotions = make(), 0
    shown = Individuals(about_search_by(algorithm))
    with reading(tmp_path) as db:
        shown.read(db)
    places = [row.finished for row in shown.rows]
    with Store(tmp_path) as store:
        told: set[int] = set()
        known: dict[int, tuple[Standing, tuple[int, ...]]] = {}  # by the number of individuals with a result
        new_bests: dict[int, None] = {}
        before: Individual | None = None
        for one, standing in standings(store, algorithm):
            promotions += one.id in told
            told.add(one.id)
            known[len(told)] = standing, algorithm.members
            best = standing.best
            if best and (before is None or (best.rung, best.fitness) > (before.rung, before.fitness)):
                new_bests.pop(best.id, None)
                new_bests[best.id] = None
            before = best
    assert promotions > 15 and shown.results == len(known) == 60
    for count, (standing, members) in known.items():
        fitnesses = standing.measured
        mean = pytest.approx(sum(fitnesses) / len(fitnesses), rel=1e-6) if fitnesses else None
        lowest, highest = min(fitnesses, default=None), max(fitnesses, default=None)
        assert shown.bands[count - 1] == (mean, lowest, highest)
        assert shown.bests[count - 1] == (standing.best and standing.best.fitness)
        if members and not isinstance(algorithm, NonAgeing):  # there a proposal removes members, before its result
            left = [
                (row.id, gone)
                for row, place, gone in zip(shown.rows, places, shown.left, strict=True)
                if place <= count
            ]
            assert {*members} == {id for id, gone in left if gone == 0 or (gone or 0) > count}
    assert [*shown.new_bests] == [*new_bests]


@pytest.mark.parametrize("lowest", [LOWEST, WORST])
def test_the_populations_of_the_tab_and_of_the_curves_have_a_member_with_the_fitness_zero(
    tmp_path: Path, lowest: float
) -> None:
    with Store(tmp_path) as store:
        for id, found in ((1, Evaluation(0.0)), (2, replace(failed("no luck"), fitness=lowest)), (3, Evaluation(-3.0))):
            store.propose(Proposal(id, f"g{id}"), f"f{id}")
            store.finish(id, found)
        for make in (toy.evolution, toy.random_search):
            *_, (_, last) = standings(store, make())
            assert (last.population, last.measured) == ((0.0, None, -3.0), (0.0, -3.0))
    shown = Individuals(about_search_by(toy.evolution()))
    with reading(tmp_path) as db:
        shown.read(db)
    assert shown.bands == [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-1.5, -3.0, 0.0)]


def test_a_tab_that_follows_the_search_shows_the_same(tmp_path: Path) -> None:
    about = about_search_by(toy.nsga2())
    shown, begun = Individuals(about), 0

    class Following:
        def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
            nonlocal shown, begun
            with reading(tmp_path) as db:
                if not shown.continues(about, db):
                    shown, begun = Individuals(about), begun + 1
                shown.read(db)
            assert shown.best is not None and standing.best is not None
            assert (shown.best.id, shown.best.fitness) == (standing.best.id, standing.best.fitness)
            assert shown.bands[-1].high == max(standing.measured)

    run(tmp_path, Virtual(5, virtual.any_time), make=toy.nsga2, observers=[Following()])
    whole = Individuals(about)
    with reading(tmp_path) as db:
        whole.read(db)
    with Store(tmp_path) as store:
        assert begun == len(store.rungs.promotions()) > 15, "only a promotion changes rows that were read"
    assert (shown.bands, shown.bests, shown.left, shown.front) == (whole.bands, whole.bests, whole.left, whole.front)


def test_a_copy_of_the_search_has_the_results_of_all_rungs(tmp_path: Path) -> None:
    def read(folder: Path) -> tuple[list[Any], ...]:
        with source(folder).opened() as db:
            return tuple(db.execute(f"select * from {name} order by 1").fetchall() for name in ("rungs", "individuals"))

    away = tmp_path / "away"
    away.mkdir()
    with Store(tmp_path / "work") as store, Journal(away, store) as journal:
        plan = Plan(40, 0, tmp_path / "log", rungs=EPOCHS, reduction=3)
        observers: Any = [journal]
        Search(plan, toy.evolution(), toy.ToySpace(), store, Serial(), evaluate, observers).run()
    expected = read(tmp_path / "work")
    assert len(expected[0]) > 40 and read(away) == expected
    with Store(tmp_path / "work") as store, Journal(away, store):
        pass
    assert read(away) == expected, "a resumed search writes the copy again"


def test_a_search_with_stopped_trainings_resumes_exactly_and_promotes_none_of_them(tmp_path: Path) -> None:
    def stops(task: Task) -> Evaluation:
        """Returns the toy's fitness with a training curve, which ends at the first epoch below the least accuracy."""
        found, epochs = evaluate(task), []
        for epoch in range(1, EPOCHS[task.rung] + 1):
            epochs.append(Epoch(epoch, 1.0, found.fitness % 10 / 10 * epoch / EPOCHS[task.rung]))
            if epochs[-1].accuracy < dict(task.least).get(epoch, 0.0):
                break
        return replace(found, history=tuple(epochs))

    settings: Any = {"evaluated": stops, "individuals": 80, "stop": True}
    run(tmp_path / "once", Virtual(1, virtual.any_time), **settings)
    for results in (30, 25, 14):
        with pytest.raises(Killed):
            run(tmp_path / "again", Virtual(1, virtual.any_time, results), **settings)
    run(tmp_path / "again", Virtual(1, virtual.any_time), **settings)
    with Store(tmp_path / "once") as store:
        stopped = {one.id for one in store.rungs.results() if len(one.history) < EPOCHS[one.rung]}
        promoted_ids = {id for id, _ in store.rungs.promotions()}
        assert len(stopped) >= 5 and not stopped & promoted_ids
        assert store.best(1)[0].rung == 2
    assert (rows(tmp_path / "again"), rungs(tmp_path / "again")) == (rows(tmp_path / "once"), rungs(tmp_path / "once"))


def test_the_front_of_the_tab_is_that_of_the_search(tmp_path: Path) -> None:
    run(tmp_path, make=toy.nsga2)
    shown = Individuals(About({}))
    with reading(tmp_path) as db, Store(tmp_path) as store:
        shown.read(db)
        front = [*Front(store.scored())]
    assert [row.id for row in shown.front] == [one.id for one in front]
    assert front and {row.rung for row in shown.front} == {2}
