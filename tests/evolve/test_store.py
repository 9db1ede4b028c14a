"""The store: written rows are kept, also after a kill of the writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler import Epoch
from evolve import Evaluation, Proposal, SearchError, Store, UsageError
from evolve.records import WORST, failed, ranked
from evolve.store.database import FILE
from evolve.store.migrations import SCHEMA
from evolve.store.store import Syncing

IDENTITY = {"search.seed": "0", "the space": "cell a\ncell b"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def proposal(id: int, parent: int | None = None) -> Proposal[str]:
    return Proposal(id, f"genotype {id}", parent, "op", (("rewire", "too large"),), True, "a memo")


def test_a_finished_individual_comes_back_whole(store: Store) -> None:
    store.propose(proposal(2, 1), "f2")
    epochs = (Epoch(1, 0.5, 0.8, 0.6, 0.7), Epoch(2, 0.4, 0.9, 0.5, 0.8))
    row = store.finish(
        2,
        Evaluation(
            0.8,
            params=10,
            mult_adds=20,
            seconds=1.5,
            history=epochs,
            inherited=0.5,
            note="n",
            metrics=(("test", 0.7), ("other test", 10 / 3)),
        ),
    )
    assert list(store.finished()) == [row]
    assert (row.id, row.parent, row.rule, row.genotype, row.fingerprint) == (2, 1, "op", "genotype 2", "f2")
    assert (row.fitness, row.params, row.mult_adds, row.seconds) == (0.8, 10, 20, 1.5)
    assert (row.status, row.error, row.history, row.finished) == ("done", "", epochs, 1)
    assert (row.rejected, row.forget) == ((("rewire", "too large"),), True)
    assert (row.inherited, row.note, row.memo) == (0.5, "n", "a memo")
    assert row.metrics == (("test", 0.7), ("other test", 10 / 3))
    assert store.spent().simulated == 1.5


def test_a_number_that_was_not_measured_is_stored_as_unknown(store: Store) -> None:
    store.propose(proposal(1), "f")
    epochs = (Epoch(1, 0.5, 0.8), Epoch(2, 0.4, 0.9, 0.5, 0.8))
    store.finish(1, Evaluation(0.8, history=epochs))
    assert next(store.finished()).history == epochs
    assert epochs[0].validation_loss is None and epochs[0].validation_accuracy is None


def test_finished_in_the_order_of_finishing(store: Store) -> None:
    for id in (1, 2, 3):
        store.propose(proposal(id), "f")
    for id in (3, 1):
        store.finish(id, Evaluation(0.1 * id))
    assert [row.id for row in store.finished()] == [3, 1]
    assert [row.id for row in store.finished(1)] == [1]
    assert store.unfinished() == ((proposal(2), False),)
    assert store.counts() == (2, 0, 3)


def test_the_share_of_steps_counts_only_trained_individuals(store: Store) -> None:
    assert store.step_share() is store.data_share() is None
    for id, seconds, steps, data in ((1, 4.0, 3.0, 0.25), (2, 6.0, 4.5, 0.5), (3, 90.0, 0.0, 0.0)):
        store.propose(proposal(id), "f")
        store.finish(id, Evaluation(0.5, seconds=seconds, step_seconds=steps, data_seconds=data))
    assert (store.step_share(), store.data_share()) == (0.75, 0.1)


def test_a_directory_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / FILE)
    old.execute("create table meta (key text primary key, value text not null)")
    old.execute("insert into meta values ('identity.schema', '1')")
    old.execute("create table individuals (id integer primary key, finished integer)")
    old.commit()
    old.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(UsageError, match=rf"by an earlier version of this program .* this version's is {SCHEMA}"):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_directory_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    later = sqlite3.connect(tmp_path / FILE)
    later.execute("pragma user_version=99")
    later.close()
    with pytest.raises(UsageError, match=r"by a later version of this program .its schema is 99"):
        Store(tmp_path)


def test_the_best_of_equals_is_the_first_and_never_a_failed_individual(store: Store) -> None:
    for id, evaluation in enumerate((failed("x"), Evaluation(0.0), Evaluation(0.5), Evaluation(0.5)), 1):
        store.propose(proposal(id), f"f{id}")
        store.finish(id, evaluation)
    assert [row.id for row in store.best(5)] == [3, 4, 2]


SIZED = [  # fitness, params, mult-adds, network, genes
    (0.98, 73_610, 500, "a", ""),
    (0.98, 53_746, 900, "b", ""),
    (0.98, 53_746, 800, "c", ""),
    (0.98, 53_746, 800, "d", ""),  # the size of c, and later than c
    (0.99, 90_000, 900, "e", "l2 = 0.1"),
    (0.99, 90_000, 900, "e", "l2 = 0.1"),  # the same network again
    (0.97, 90_000, 900, "e", "l2 = 0.2"),  # the same network with other genes
    (0.985, 73_610, 500, "a", ""),  # the first network again, with a higher fitness
]


def test_the_best_are_distinct_and_of_equals_the_smaller_comes_first(store: Store) -> None:
    for id, (fitness, params, mult_adds, network, genes) in enumerate(SIZED, 1):
        store.propose(proposal(id), network, genes)
        store.finish(id, Evaluation(fitness, params=params, mult_adds=mult_adds))
    assert [row.id for row in store.best(99)] == [5, 8, 3, 4, 2, 7]
    assert [row.id for row in store.best(2)] == [5, 8]
    everyone = list(store.finished())
    for count in range(1, 9):
        assert list(store.best(count)) == ranked(everyone, count) == ranked(reversed(everyone), count)


def test_a_failed_individual_has_the_worst_fitness_and_its_reason(store: Store) -> None:
    store.propose(proposal(1), "f")
    store.finish(1, failed("it diverged"))
    rows = sqlite3.connect(store.path).execute("select fitness, status, error from individuals").fetchall()
    assert rows == [(WORST, "failed", "it diverged")]
    assert store.reasons(3) == ("it diverged",)


def test_calls_in_the_wrong_order_are_errors(store: Store) -> None:
    with pytest.raises(SearchError, match="or was not proposed"):
        store.finish(1, Evaluation(0.1))
    store.propose(proposal(1), "f")
    with pytest.raises(SearchError, match="UNIQUE"):
        store.propose(proposal(1), "f")


def test_a_directory_of_another_search_is_refused_by_name(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.compare(IDENTITY)
        store.sign(IDENTITY)
        store.compare(IDENTITY, {"search.storage": ""})  # a setting that is newer than the search and is not used by it
    with Store(tmp_path) as store:
        store.compare(IDENTITY)
        with pytest.raises(UsageError, match=r"search\.seed: there 0, now 1"):
            store.compare({**IDENTITY, "search.seed": "1"})
        with pytest.raises(UsageError, match="the space, line 2: there 'cell b', now 'cell c'"):
            store.compare({**IDENTITY, "the space": "cell a\ncell c"})


def test_a_second_search_in_the_same_work_directory_is_refused(tmp_path: Path, store: Store) -> None:
    with pytest.raises(UsageError, match="another search is running"):
        Store(tmp_path)


def test_other_processes_may_read_the_store_during_a_search(store: Store) -> None:
    store.propose(proposal(1), "f")
    reader = sqlite3.connect(f"file:{store.path}?mode=ro", uri=True)
    assert reader.execute("select status from individuals").fetchall() == [("running",)]


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is not a database, and long enough to be taken for one" * 20)
    with pytest.raises(UsageError, match="cannot be used: file is not a database"):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"this is not")


def test_only_individuals_and_rungs_have_a_fitness(store: Store) -> None:
    reader = sqlite3.connect(store.path)
    for (table,) in reader.execute("select name from sqlite_master where type = 'table'").fetchall():
        columns = [row[1] for row in reader.execute(f"pragma table_info({table})")]
        assert ("fitness" in columns) == (table in ("individuals", "rungs"))


def test_a_note_is_read_back(store: Store) -> None:
    assert store.noted("a") is None
    store.note("a", "1")
    store.note("a", "2")
    assert store.noted("a") == "2"


def test_slow_searches_wait_for_the_disk_at_every_event_and_fast_ones_do_not(tmp_path: Path) -> None:
    seconds = [0.0]
    syncing = Syncing(lambda: seconds[0])

    def waits() -> bool:
        with opened.event():
            return bool(opened._execute("pragma synchronous") == [(2,)])

    with Store(tmp_path, syncing=syncing) as opened:
        assert waits()
        with syncing.counted():
            seconds[0] += 2.0  # it waits a second longer than the time that was saved
        assert not waits()
        seconds[0] += 15.0  # a twentieth of this time is saved for later waits
        assert not waits()
        seconds[0] += 10.0
        assert waits()


def test_fingerprints_of_another_version_are_computed_anew(tmp_path: Path) -> None:
    def keys(text: str) -> tuple[str, str]:
        return f"print of {text}", f"genes of {text}"

    def stored() -> list[tuple[object, ...]]:
        return sqlite3.connect(tmp_path / FILE).execute("select fingerprint, genes from individuals").fetchall()

    with Store(tmp_path) as store:
        with store.event():
            store.propose(Proposal(1, "a"), "old", "old")
            store.propose(Proposal(2, "b"), "old", "old")
        store.renew("2", keys)
        assert stored() == [("print of a", "genes of a"), ("print of b", "genes of b")]
        store.renew("2", lambda text: ("other", "other"))
        assert stored()[0] == ("print of a", "genes of a")
        store.renew("3", lambda text: ("new", "new"))
        assert stored() == [("new", "new")] * 2
