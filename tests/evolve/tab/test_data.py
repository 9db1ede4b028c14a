"""The data of the tab: the numbers of the store, who lives, what changed since a request, and odd stores."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evolve import Store, UsageError
from evolve.algorithms.base import Latest, NonAgeing
from evolve.search.front import Front
from evolve.store.database import FILE, LOCK, hold, reading
from evolve.store.history import standings
from evolve.tab.data import Data
from evolve.tab.living import algorithm_of
from evolve.tab.numbers import significant
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.moments import at, merged
from tests.evolve.test_migrations import HELD, STORES, store_of

ALGORITHMS = ("regularized_evolution", "non_ageing_evolution", "pairwise_tournament", "nsga2", "neat", "random_search")
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


@pytest.fixture(scope="module", params=ALGORITHMS)
def search(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(str(request.param))
    objectives = "accuracy max, mult_adds min" if request.param == "nsga2" else ""
    made = MadeUp(150, population=20, algorithm=request.param, inherits=True, crosses=True, objectives=objectives)
    made.write(folder)
    return folder


def changed(folder: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(folder / FILE)
    db.execute(statement, values)
    db.commit()
    db.close()


def column(answer: dict[str, Any], name: str) -> list[Any]:
    found: list[Any] = answer["columns"][name]
    return found


def test_every_individual_has_the_numbers_of_the_store(search: Path) -> None:
    answer: dict[str, Any] = Data(search).overview()
    with Store(search) as store:
        rows = sorted(store.finished(), key=lambda one: one.id)
        expected = {
            "id": [one.id for one in rows],
            "parent": [one.parent or 0 for one in rows],
            "mate": [one.mate or 0 for one in rows],
            "status": [1 + one.is_failed for one in rows],
            "fitness": [None if one.is_failed else one.fitness for one in rows],
            "params": [one.params for one in rows],
            "mult_adds": [one.mult_adds for one in rows],
            "depth": [one.depth for one in rows],
            "seconds": [one.seconds for one in rows],
            "epochs": [len(one.history) for one in rows],
            "flops": [one.flops for one in rows],
            "finished": [one.finished for one in rows],
            "tries": [one.tries for one in rows],
            "inherited": [one.inherited for one in rows],
            "rejected": [len(one.rejected) for one in rows],
            "data_share": [
                float(f"{one.data_seconds / one.step_seconds:.7g}") if one.data_seconds else None for one in rows
            ],
        }
        assert {name: column(answer, name) for name in expected} == expected
        assert [answer["rules"][index] for index in column(answer, "rule")] == [one.rule for one in rows]
        assert answer["metrics"] == {name: [dict(one.metrics).get(name) for one in rows] for name in answer["metrics"]}
        spent = store.spent()
        found = answer["search"]
        assert (found["finished"], found["failed"], found["best"]) == (150, spent.failed, store.best(1)[0].fitness)
        assert (found["flops"], found["step_share"]) == pytest.approx((spent.flops, store.step_share()))
        assert found["data_share"] == pytest.approx(store.data_share()) and 0.01 < found["data_share"] < 0.03
        assert (found["seconds"], found["simulated"]) == pytest.approx((spent.seconds, spent.simulated))
    first = {one.network: one.id for one in reversed(rows)}
    assert column(answer, "original") == [first[one.network] for one in rows]
    assert sum(answer["rejected"].values()) == sum(column(answer, "rejected"))
    assert answer["rules"][0] == "random" and answer["whole"] and found["stamp"] == answer["stamp"]


def test_the_front_is_that_of_the_search(search: Path) -> None:
    answer: dict[str, Any] = Data(search).overview()
    found = answer["search"]
    with Store(search) as store:
        assert found["front"] == list(Front(store.scored()).ids)
    several = [{"name": "accuracy", "direction": "max"}, {"name": "mult_adds", "direction": "min"}]
    assert found["objectives"] == (several if "nsga2" in search.name else [])
    assert (len(found["front"]) > 2) == ("nsga2" in search.name)


def test_the_members_are_those_of_the_algorithm(search: Path) -> None:
    answer: dict[str, Any] = Data(search).overview()
    left = dict(zip(column(answer, "id"), column(answer, "left"), strict=True))
    named = dict(zip(column(answer, "id"), column(answer, "species"), strict=True))
    assert any(named.values()) == ("neat" in search.name)
    with Store(search) as store:
        algorithm = algorithm_of(store.signed("identity"))
        assert algorithm is not None
        done = 0
        for individual, standing in standings(store, algorithm):
            done += 1
            place = {name: values[done - 1] for name, values in answer["population"].items()}
            members = standing.measured
            assert standing.species == len({*algorithm.species.values()})
            assert algorithm.species.items() <= named.items()
            assert place["finished"] == done == individual.finished
            assert place["mean"] == (pytest.approx(sum(members) / len(members)) if members else None)
            ends = [significant(value) for value in (min(members, default=None), max(members, default=None))]
            assert [place["low"], place["high"]] == ends
            if isinstance(algorithm, Latest):
                assert left[individual.id] == -1
                continue
            # A removal by the next proposal happens after this number of results, and is not in this standing yet.
            last = done - isinstance(algorithm, NonAgeing)
            told = [one.id for one in store.finished() if one.finished <= done]
            assert set(algorithm.members) == {id for id in told if left[id] == 0 or left[id] > last}


def test_answers_with_the_changes_alone_add_up_to_the_whole(search: Path, tmp_path: Path) -> None:
    data = Data(tmp_path)
    at(search, tmp_path, 0)
    page: dict[str, Any] = data.overview()
    for results in (1, 2, 9, 10, 30, 31, 80, 149, 150):
        at(search, tmp_path, results)
        answer: dict[str, Any] = data.overview(page["stamp"])
        assert not answer["whole"] and answer["stamp"] != page["stamp"]
        assert len(answer["columns"]["id"]) < 150
        page = merged(page, answer)
    assert page == {**Data(tmp_path).overview()}
    again: dict[str, Any] = data.overview(page["stamp"])
    assert column(again, "id") == again["population"]["mean"] == [] and not again["whole"]
    assert {**Data(search).overview()}["columns"] == page["columns"]


def test_the_test_of_another_individual_is_not_shown_beside_the_best(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    before: dict[str, Any] = Data(tmp_path).overview()
    tested = before["search"]["test"]["id"]
    better = next(
        id
        for id, status in zip(column(before, "id"), column(before, "status"), strict=True)
        if status == 1 and id != tested
    )
    changed(tmp_path, "update individuals set fitness = 0.999 where id = ?", better)
    after: Any = Data(tmp_path).overview()["search"]
    assert after["best"] == 0.999 and after["test"] is None
    changed(tmp_path, "insert into meta values (?, ?)", f"note.test of {better}", json.dumps({"accuracy": 0.75}))
    again: Any = Data(tmp_path).overview()["search"]
    assert again["test"] == {"id": better, "accuracy": 0.75}


def test_an_unknown_stamp_gets_everything(search: Path) -> None:
    data = Data(search)
    assert data.overview("unknown") == data.overview("")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_search_that_was_removed_and_begun_again_is_noticed(tmp_path: Path, seed: int) -> None:
    MadeUp(individuals=60, population=10).write(tmp_path / "work")
    data = Data(tmp_path / "work")
    before = data.overview()
    shutil.rmtree(tmp_path / "work")
    with pytest.raises(UsageError, match="there is no search in"):
        data.overview(str(before["stamp"]))
    MadeUp(individuals=60, population=10, finished=30, seed=seed).write(tmp_path / "work")
    answer: dict[str, Any] = data.overview(str(before["stamp"]))
    assert answer["whole"] and len(column(answer, "id")) == 39
    assert answer == Data(tmp_path / "work").overview()


def test_the_state_says_whether_the_search_runs_and_why_it_ended(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10, finished=20).write(tmp_path)
    data = Data(tmp_path)
    summary = data.summary()
    assert (summary["state"], summary["reason"], summary["individuals"]) == ("interrupted", "", 30)
    with hold(tmp_path):
        running = data.overview(str(summary["stamp"]))
        found: Any = running["search"]
        assert (found["state"], found["workers"], running["whole"]) == ("running", {"busy": 9, "of": None}, False)
    changed(tmp_path, "insert into meta values ('note.ended', 'the target is reached')")
    ended = data.summary()
    assert (ended["state"], ended["reason"]) == ("ended", "the target is reached")
    assert len({summary["stamp"], running["stamp"], ended["stamp"]}) == 3


@pytest.mark.parametrize(
    ("limit", "reason"), [("30", "all 30 individuals are finished"), ("99", "a budget or the target was reached")]
)
def test_a_search_of_an_earlier_version_without_pending_individuals_has_ended(
    tmp_path: Path, limit: str, reason: str
) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    changed(tmp_path, "delete from meta where key = 'note.ended'")
    changed(tmp_path, "update meta set value = ? where key = 'setting.search.individuals'", limit)
    found = Data(tmp_path).summary()
    assert (found["state"], found["reason"]) == ("ended", reason)


def test_what_a_pending_individual_costs_is_unknown(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10, finished=20).write(tmp_path)
    answer: dict[str, Any] = Data(tmp_path).overview()
    pending = [place for place, status in enumerate(column(answer, "status")) if not status]
    for name in ("fitness", "params", "mult_adds", "depth", "seconds", "epochs", "flops", "inherited"):
        assert {column(answer, name)[place] for place in pending} == {None}


def test_a_search_starts_while_another_program_asks_whether_it_runs(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    with (tmp_path / LOCK).open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        timer = threading.Timer(0.05, asking.close)
        timer.start()
        hold(tmp_path).close()
        timer.join()


@pytest.mark.parametrize("version", STORES)
def test_stores_of_earlier_versions_are_read_and_stay_as_they_are(tmp_path: Path, version: str) -> None:
    work = store_of(version, tmp_path)
    before = (work / FILE).read_bytes()
    (finished, failed, count), best, tested = HELD[version]
    answer: dict[str, Any] = Data(work).overview()
    found = answer["search"]
    assert (found["finished"], found["failed"], len(column(answer, "id"))) == (finished, failed, count)
    assert found["best"] == column(answer, "fitness")[best - 1]
    assert found["test"] == (None if tested is None else {"id": best, "accuracy": tested})
    assert found["state"] == ("ended" if finished == count else "interrupted")
    members = column(answer, "left").count(0) - column(answer, "status").count(0)
    # The latest proposal of a tournament has removed a member, and its individual is pending.
    assert found["population"] == members + (found["algorithm"] == "pairwise_tournament")
    assert (set(column(answer, "depth")) == {None}) == (version < "0.7.0") and found["source"].startswith("digits: ")
    assert (work / FILE).read_bytes() == before
    json.dumps(answer, allow_nan=False)


def test_an_older_store_is_migrated_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = store_of("0.4.0", tmp_path)
    os.utime(work / FILE, (1, 1))
    migrations: list[Path] = []

    @contextmanager
    def counted(folder: Path, patience: float) -> Iterator[sqlite3.Connection]:
        migrations.append(folder)
        with reading(folder, patience) as db:
            yield db

    monkeypatch.setattr("evolve.tab.source.reading", counted)
    data = Data(work)
    before: dict[str, Any] = data.overview()
    assert len(data.genotypes("sep_conv")["ids"]) + len(data.traits()["id"]) > 9  # type: ignore[arg-type]
    assert len(migrations) == 1
    pending = column(before, "id")[column(before, "status").index(0)]
    changed(work, "update individuals set status = 'done', fitness = 0.75, finished = 10 where id = ?", pending)
    answer: dict[str, Any] = data.overview(before["stamp"])
    assert (pending, 0.75) in zip(column(answer, "id"), column(answer, "fitness"), strict=True)
    assert len(migrations) == 2


def test_members_of_an_algorithm_of_the_users_own_are_unknown(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    changed(tmp_path, "update meta set value = 'my_own' where key = 'identity.search.algorithm'")
    answer: dict[str, Any] = Data(tmp_path).overview()
    assert set(column(answer, "left")) == {None} and answer["search"]["population"] is None
    assert set(answer["population"]["mean"]) == {None} and len(answer["population"]["mean"]) == 30


def test_rows_that_contradict_the_algorithm_make_the_members_unknown(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    changed(tmp_path, "update individuals set proposed_after = 30 where id = 12")
    answer: dict[str, Any] = Data(tmp_path).overview()
    assert set(column(answer, "left")) == {None} and len(column(answer, "id")) == 30


def test_held_results_are_known_and_have_no_place_yet(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10, finished=20).write(tmp_path)
    data = Data(tmp_path)
    before: dict[str, Any] = data.overview()
    (pending,) = [id for id, status in zip(column(before, "id"), column(before, "status"), strict=True) if not status][
        :1
    ]
    changed(tmp_path, "update individuals set status = 'done', fitness = 0.5, finished = -id where id = ?", pending)
    held: dict[str, Any] = data.overview(before["stamp"])
    assert [column(held, name) for name in ("id", "status", "fitness", "finished", "left")] == [
        [pending],
        [1],
        [0.5],
        [0],
        [0],
    ]
    assert held["search"]["finished"] == 21 and held["population"]["finished"] == []
    changed(tmp_path, "update individuals set finished = 21 where id = ?", pending)
    released: dict[str, Any] = data.overview(held["stamp"])
    assert released["search"]["finished"] == released["population"]["finished"][-1] == 21
    assert merged(merged(before, held), released) == Data(tmp_path).overview()


def test_numbers_that_json_has_not_are_unknown(tmp_path: Path) -> None:
    MadeUp(individuals=20, population=10).write(tmp_path)
    changed(tmp_path, "update individuals set seconds = 9e999, flops = -9e999, params = 'many' where id = 3")
    changed(tmp_path, """update individuals set metrics = '{"a": NaN, "b": Infinity, "c": 1}' where id = 3""")
    answer: dict[str, Any] = Data(tmp_path).overview()
    assert [column(answer, name)[2] for name in ("seconds", "flops", "params")] == [None] * 3
    assert [answer["metrics"][name][2] for name in "abc"] == [None, None, 1]
    json.dumps(answer, allow_nan=False)


def test_threads_see_whole_moments_of_a_growing_search(search: Path, tmp_path: Path) -> None:
    at(search, tmp_path, 0)
    data = Data(tmp_path)

    def ask(seed: int) -> None:
        rng, page = random.Random(seed), merged({}, data.overview())
        for _ in range(25):
            page = merged(page, data.overview(rng.choice(["", page["stamp"]])))
            assert len(column(page, "id")) == len(column(page, "left")) >= len(page["population"]["finished"])
            assert page["population"]["finished"] == [*range(1, max(column(page, "finished"), default=0) + 1)]

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask, seed) for seed in range(4)]
        for results in range(0, 151, 10):
            at(search, tmp_path, results)
        for future in asked:
            future.result()


def test_the_curve_has_its_last_point_and_not_more_than_its_most(search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Data(search)
    every: Any = data.curve()
    monkeypatch.setattr("evolve.tab.overview.MOST", 7)
    few: Any = data.curve()
    assert every["finished"] == [*range(1, 151)] and every["best"] == sorted(every["best"])
    assert len(few["finished"]) == 7 and few["finished"][-1] == 150 and few["best"][-1] == every["best"][-1]
    population: Any = data.overview()["population"]
    assert every["mean"] == population["mean"] and every["best"][-1] > 0


def test_searches_that_differ_in_the_seed_or_the_algorithm_can_be_compared(tmp_path: Path) -> None:
    searches = {
        "one": MadeUp(individuals=20, population=10),
        "seed": MadeUp(individuals=20, population=10, seed=1),
        "random": MadeUp(individuals=20, population=10, algorithm="random_search"),
        "inherits": MadeUp(individuals=20, population=10, inherits=True),
    }
    for name, made in searches.items():
        made.write(tmp_path / name)
    found = {name: Data(tmp_path / name).summary() for name in searches}
    assert found["one"]["group"] == found["seed"]["group"] != found["random"]["group"]
    assert found["one"]["space"] == found["seed"]["space"] == found["random"]["space"] != found["inherits"]["space"]


def test_a_fitness_below_zero_counts_in_the_mean_and_the_range(tmp_path: Path) -> None:
    MadeUp(individuals=40, population=10).write(tmp_path)
    before: dict[str, Any] = dict(Data(tmp_path).overview()["population"])  # type: ignore[call-overload]
    changed(tmp_path, "update individuals set fitness = fitness - 1000 where status = 'done'")
    after: dict[str, Any] = dict(Data(tmp_path).overview()["population"])  # type: ignore[call-overload]
    for name in ("mean", "low", "high"):
        assert after[name] == pytest.approx([value - 1000 for value in before[name]])


def test_the_mean_of_equal_numbers_is_in_their_range(tmp_path: Path) -> None:
    MadeUp(individuals=20, population=10).write(tmp_path)
    changed(tmp_path, "update individuals set fitness = 0.30919220055710306 where status = 'done'")
    population: Any = Data(tmp_path).overview()["population"]
    assert population["low"] == population["mean"] == population["high"]


def test_a_request_needs_no_room_for_copies(search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert Data(search).individual(7)["id"] == 7
