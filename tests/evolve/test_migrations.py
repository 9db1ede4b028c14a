"""Stores of earlier versions: the store of every release opens, and stays unchanged until its search is resumed."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import dsl
from dsl import Noise
from evolve import CellSpace, Evaluation, Individual, Proposal, RandomSearch, Store, UsageError, cell, main
from evolve import config as gin
from evolve.algorithms import ALGORITHMS, gin_name
from evolve.observers.board import Board
from evolve.prepared import prepare
from evolve.records import columns
from evolve.store import migrations
from evolve.store.database import FILE, WRITE_AHEAD
from evolve.store.differences import ADDED, differences
from evolve.store.rows import EXPORTED, TABLES
from tests.evolve.test_export import read_only, unprivileged
from tests.evolve.test_main import environment

ROOT = Path(__file__).parents[2]
STORES = {path.stem: path for path in sorted((ROOT / "tests" / "golden" / "stores").glob("*.sql"))}
# The number of finished and of failed individuals, the highest id; the best id; the test of the best.
HELD = {
    "0.3.0": ((4, 0, 4), 4, 0.3194444444444444),
    "0.4.0": ((9, 0, 12), 9, None),
    "0.5.0": ((4, 0, 4), 2, 0.4777777777777778),
    "0.6.0": ((8, 0, 11), 9, None),
    "0.7.0": ((12, 0, 12), 4, None),
    "0.8.0": ((8, 0, 8), 8, 0.8),
}
every_version = pytest.mark.parametrize("version", STORES)


def store_of(version: str, folder: Path) -> Path:
    """Makes a work directory with the store that a version has written."""
    folder.mkdir(exist_ok=True)
    db = sqlite3.connect(folder / FILE)
    db.executescript(STORES[version].read_text(encoding="utf-8"))
    db.close()
    return folder


def schema(folder: Path) -> int:
    return int(sqlite3.connect(folder / FILE).execute("pragma user_version").fetchone()[0])


def dump(folder: Path) -> list[str]:
    return list(sqlite3.connect(folder / FILE).iterdump())


# the newer columns
NEWER: dict[str, object] = {
    "depth": None, "mate": None, "from_mate": "[]", "noise": None, "compared": "[]", "weight_differences": "[]",
    "scores": "[]", "fitness_error": None, "rung": 0, "predicted": None, "data_seconds": 0.0,
}  # fmt: skip


def columns_in(folder: Path) -> list[tuple[object, ...]]:
    db = sqlite3.connect(folder / FILE)
    return [row for table in TABLES for row in db.execute(f"pragma table_info({table})")]


def individuals(folder: Path) -> list[dict[str, object]]:
    """Returns all rows by id, with the columns that are newer. The ids in the earlier column `killed` are the memo."""
    db = sqlite3.connect(folder / FILE)
    db.row_factory = sqlite3.Row
    rows = [{**NEWER, **dict(row)} for row in db.execute("select * from individuals order by id")]
    killed = [str(row.pop("killed", "[]")) for row in rows]
    return [row | {"memo": row["memo"] if ids == "[]" else ids} for row, ids in zip(rows, killed, strict=True)]


def test_the_removed_ids_of_an_earlier_version_become_memos(tmp_path: Path) -> None:
    work = store_of("0.5.0", tmp_path)
    db = sqlite3.connect(work / FILE)
    db.execute("update individuals set killed = '[2, 3]' where id = 4")
    db.commit()
    with Store(work) as store:
        assert [proposal.memo for proposal, _ in store.proposed()] == ["", "", "", "[2, 3]"]
        assert [one.memo for one in store.finished() if one.id == 4] == ["[2, 3]"]


def test_there_is_a_store_of_every_version() -> None:
    assert list(STORES) == list(HELD)
    assert migrations.OLDEST == 3 < migrations.SCHEMA


@every_version
def test_a_store_of_each_version_opens(tmp_path: Path, version: str) -> None:
    work = store_of(version, tmp_path)
    before = individuals(work)
    counts, best, tested = HELD[version]
    with Store(work) as store:
        assert store.counts() == counts and store.best(1)[0].id == best
        noted = store.noted(f"test of {best}")
        assert (None if noted is None else json.loads(noted)["accuracy"]) == tested
        assert len(list(store.finished())) + len(store.unfinished()) == counts[2]
        assert {(one.mate, one.from_mate, one.noise) for one in store.finished()} == {(None, (), None)}
        assert {one.depth is None for one in store.finished()} == {version < "0.7.0"}
        store.sign(store.signed("identity"))
    assert schema(work) == migrations.SCHEMA
    assert sqlite3.connect(work / FILE).execute("pragma journal_mode").fetchone() == ("wal",)
    assert individuals(work) == before
    with Store(work) as store:
        assert store.counts() == counts


@every_version
def test_a_store_is_migrated_to_the_tables_of_a_new_one(tmp_path: Path, version: str) -> None:
    work = store_of(version, tmp_path / "old")
    with Store(work) as store, store.event():
        pass
    Store(tmp_path / "new").close()
    assert columns_in(work) == columns_in(tmp_path / "new")


def test_a_store_without_mates_gets_the_columns_of_mates(tmp_path: Path) -> None:
    child = Proposal(2, "g", 1, "cross", mate=1, from_mate=(("cell", "net", "n1"),), noise=Noise("normal", 0.0, 0.5))
    with Store(tmp_path) as store:
        store.propose(Proposal(1, "g"), "f")
        store.finish(1, Evaluation(0.5))
        store.propose(child, "f")
        assert store.unfinished() == ((child, False),)
    db = sqlite3.connect(tmp_path / FILE)
    for name in ("mate", "from_mate", "noise", "compared", "weight_differences", "scores", "fitness_error", "rung",
                 "predicted", "data_seconds"):  # fmt: skip
        db.execute(f"alter table individuals drop column {name}")
    db.execute("drop table rungs")
    db.execute("pragma user_version=7")
    db.close()
    with Store(tmp_path) as store, store.event():
        assert store.unfinished() == ((replace(child, mate=None, from_mate=(), noise=None), False),)
    assert schema(tmp_path) == migrations.SCHEMA
    Store(tmp_path / "new").close()
    assert columns_in(tmp_path) == columns_in(tmp_path / "new")


@every_version
def test_reading_commands_do_not_change_the_file(
    tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    work = store_of(version, tmp_path / "work")
    before = (work / FILE).read_bytes()
    assert main.run(["export", f"--workdir={work}", "--csv"]) == 0
    exported = capsys.readouterr().out
    counts, best, _ = HELD[version]
    rows = list(csv.DictReader(io.StringIO(exported)))
    assert tuple(rows[0]) == EXPORTED and len(rows) == counts[2]
    found = cell.find(str(work))
    assert found is not None and found.id == best
    assert dsl.loads(found.text).space.mutations and found.fitness == float(rows[best - 1]["fitness"])
    with Store(work) as store, pytest.raises(UsageError, match=r"search\.seed: there 0, now 1"):
        store.compare({**store.signed("identity"), "search.seed": "1"})
    with Store(work) as store:
        store_space = dsl.loads(store.signed("identity")["the space"]).space
        board = Board(tmp_path / "board", store_space, store)
        board.start("", RandomSearch(CellSpace(store_space, (8, 8, 1), 10), 0, window=3))
        board.close()
    assert (work / FILE).read_bytes() == before
    with Store(work) as store:
        store.note("a", "1")
        store.compare(store.signed("identity"), changed=True)
    assert main.run(["export", f"--workdir={work}", "--csv"]) == 0
    assert capsys.readouterr().out == exported


def test_an_old_store_on_a_read_only_disk_is_exported(tmp_path: Path) -> None:
    work = store_of("0.3.0", tmp_path / "work")
    read_only(work)
    found = unprivileged("export", f"--workdir={work}", "--json")
    work.chmod(0o755)
    assert (found.returncode, found.stderr) == (0, "")
    assert [row["id"] for row in json.loads(found.stdout)] == [1, 2, 3, 4]
    assert [path.name for path in work.iterdir()] == [FILE]


def test_an_old_store_is_read_while_its_version_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = store_of("0.4.0", tmp_path)
    writer = sqlite3.connect(work / FILE, isolation_level=None)
    writer.execute(WRITE_AHEAD)
    writer.execute("begin immediate")
    writer.execute("update individuals set note = 'half written'")
    assert main.run(["export", f"--workdir={work}", "--json"]) == 0
    assert {row["note"] for row in json.loads(capsys.readouterr().out)} == {""}
    writer.execute("commit")
    assert main.run(["export", f"--workdir={work}", "--json"]) == 0
    assert {row["note"] for row in json.loads(capsys.readouterr().out)} == {"half written"}


DIES = """
import os, signal, sys
from pathlib import Path
from evolve.store import migrations
from evolve.store.store import Store

step = migrations.STEPS[4]

def dies(db):
    step(db)
    os.kill(os.getpid(), signal.SIGKILL)

migrations.STEPS = {4: dies}
Store(Path(sys.argv[1]))
"""


def test_a_killed_migration_leaves_the_old_store(tmp_path: Path) -> None:
    work = store_of("0.3.0", tmp_path)
    before = dump(work)
    killed = subprocess.run([sys.executable, "-c", DIES, str(work)], env=environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert dump(work) == before and schema(work) == 3
    with Store(work) as store, store.event():
        assert store.counts() == HELD["0.3.0"][0]
    assert schema(work) == migrations.SCHEMA


@every_version
def test_a_step_that_was_done_does_nothing_again(tmp_path: Path, version: str) -> None:
    work = store_of(version, tmp_path)
    db = sqlite3.connect(work / FILE, isolation_level=None)
    migrations.migrate(db, migrations.OLDEST)
    once = list(db.iterdump())
    migrations.migrate(db, migrations.OLDEST)
    assert list(db.iterdump()) == once


def settings_of_now(work: Path) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Returns the identity and the changeable settings of a search as this version records them."""
    config = gin.read(["digits.gin"], [])
    prepared = prepare(config, work)
    algorithm = config.algorithm(CellSpace(prepared.seed.space, (8, 8, 1), 10))
    return prepared.identity(algorithm), prepared.settings()


def test_a_default_that_changes_no_result_is_no_difference() -> None:
    name = "processes.gpus_per_worker"
    assert differences({name: "None"}, {name: "auto"}) == []
    assert differences({name: "0.5"}, {name: "auto"}) == [f"  {name}: there 0.5, now auto"]
    assert differences({name: "auto"}, {name: "None"}) == [f"  {name}: there auto, now None"]


def numbers(version: str) -> tuple[int, ...]:
    """Returns the numbers of a version, which are compared in place of its text: 0.10.0 is later than 0.9.0."""
    return tuple(map(int, version.split(".")))


@every_version
def test_a_setting_that_a_search_lacks_has_the_value_that_meant_the_same(tmp_path: Path, version: str) -> None:
    """A store lacks the settings that later versions have added. They do not count as differences."""
    with Store(store_of(version, tmp_path)) as store:
        identity, settings = settings_of_now(tmp_path)
        stored = {*store.signed("identity"), *store.signed("setting")}
        lacking = {*identity, *settings} - stored
        later = {one.name for one in ADDED if numbers(one.version) > numbers(version)}
        # The search has the settings of one algorithm only, and none of a table.
        others = (*(f"{gin_name(made)}." for made in ALGORITHMS), "table.")
        both = [{name for name in names if not name.startswith(others)} for names in (lacking, later)]
        assert both[0] == both[1]
        added = {one.name: one.value for one in ADDED if one.name in lacking & set(identity)}
        store.compare({**store.signed("identity"), **added}, changed=True)
        if "search.order" in lacking:
            with pytest.raises(UsageError, match=r"search\.order: there finished, now born"):
                store.compare({**store.signed("identity"), **added, "search.order": "born"}, changed=True)


LATENCY = '    latency: Annotated[float, Column("real not null default 7", since={since})] = 0.0\n'
MEASURED = """
import sys
from collections.abc import Mapping
from pathlib import Path
from evolve import main
from evolve.records import Evaluation, Proposal
from evolve.store.store import Store

old, new = map(Path, sys.argv[1:])
with Store(old) as store, store.event():
    assert {one.latency for one in store.finished()} == {7.0}
with Store(new) as store:
    store.propose(Proposal(1, "g"), "f")
    assert store.finish(1, Evaluation(0.5, latency=1.5)).latency == 1.5
    assert next(store.finished()).latency == 1.5
assert main.run(["export", f"--workdir={new}", "--csv"]) == 0
assert main.run(["export", f"--workdir={old}", "--json"]) == 0
"""


def test_a_new_field_of_an_individual_takes_one_line(tmp_path: Path) -> None:
    """With one more line the package stores, reads and exports the field, and adds it to older stores."""
    shutil.copytree(ROOT / "evolve", tmp_path / "evolve")
    records = tmp_path / "evolve" / "records.py"
    text, before = records.read_text(encoding="utf-8"), "    is_retryable: bool"
    assert text.count(before) == 1
    records.write_text(text.replace(before, LATENCY.format(since=migrations.SCHEMA + 1) + before), encoding="utf-8")
    old = store_of("0.4.0", tmp_path / "old")
    variables = {**environment(), "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(old), str(tmp_path / "new")],
        env=variables, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    table, _, objects = ran.stdout.partition("[\n")
    assert table.splitlines()[0].endswith(
        ",weight_differences,scores,fitness_error,rung,predicted,data_seconds,latency"
    )
    assert table.splitlines()[1].endswith(",[],[],[],,0,,0.0,1.5")
    assert {row["latency"] for row in json.loads("[" + objects)} == {7.0}
    assert schema(old) == migrations.SCHEMA + 1


def test_every_column_that_is_newer_than_the_table_has_a_default() -> None:
    for name, column in columns(Individual).items():
        assert migrations.OLDEST <= column.since <= migrations.SCHEMA
        assert column.since == migrations.OLDEST or "default" in column.sql or "not null" not in column.sql, name


OLD = {"search.workers": "2", "search.worker_tasks": "200", "search.gpus_per_worker": "None", "search.address": "",
       "search.worker_cpus": "1", "search.worker_resources": "{}", "search.timeout": "None"}  # fmt: skip


@pytest.mark.parametrize(
    ("executor", "names"),
    [
        ("processes", ("workers", "worker_tasks", "gpus_per_worker")),
        ("serial", ()),
        ("ray", ("workers", "worker_tasks", "gpus_per_worker", "address", "worker_cpus", "worker_resources")),
    ],
)
def test_the_settings_of_the_executor_have_its_name(executor: str, names: tuple[str, ...]) -> None:
    stored = OLD | {"search.executor": executor}
    now = migrations.executor_settings(stored)
    kept = {f"{executor}.{name}": OLD[f"search.{name}"] for name in names}
    assert now == kept | {"search.timeout": "None", "search.executor": executor}
    assert migrations.executor_settings(now) == now
