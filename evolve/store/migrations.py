"""The migration of the store of an earlier version to this version.

A new field of an individual needs no function here, because its column names the schema that introduced the field and
is added automatically. Every other change in the meaning of stored values has a function in `STEPS`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping

from evolve.store.rows import TABLES, table

PLACES = "create unique index if not exists places on rungs (id, rung)"
OLDEST = 3  # the schema of versions 0.3.0 to 0.6.0
# The settings that belonged to the search until 0.6.0, each with the executors to which the setting belongs now.
MOVED = {
    **dict.fromkeys(("workers", "worker_tasks", "gpus_per_worker"), ("processes", "ray")),
    **dict.fromkeys(("address", "worker_cpus", "worker_resources"), ("ray",)),
}


def migrate(db: sqlite3.Connection, found: int) -> None:
    """Migrates a store from the schema `found` to `SCHEMA`. The caller begins and ends the transaction."""
    for schema in range(found + 1, SCHEMA + 1):
        _add_columns(db, schema)
        if schema in STEPS:
            STEPS[schema](db)
    db.execute(f"pragma user_version={SCHEMA}")


def _add_columns(db: sqlite3.Connection, schema: int) -> None:
    """Adds the columns that a schema introduced. Existing rows get the defaults of the columns."""
    for table_name, columns in TABLES.items():
        there = {name for _, name, *_ in db.execute(f"pragma table_info({table_name})")}
        for name, column in columns.items():
            if there and column.since == schema and name not in there:
                db.execute(f"alter table {table_name} add column {name} {column.sql}")


def _keep_tests_alike(db: sqlite3.Connection) -> None:
    """Converts stored test results to the present form. Until version 0.5.0, a test result was only an accuracy."""
    before, now = "note.test accuracy of ", "note.test of "
    for key, accuracy in db.execute("select key, value from meta where key like ?", (f"{before}%",)).fetchall():
        tested = json.dumps({"accuracy": float(accuracy), "confusion": [], "class_names": []})
        db.execute("insert or replace into meta values (?, ?)", (key.replace(before, now), tested))
        db.execute("delete from meta where key = ?", (key,))


def _move_removed_into_memos(db: sqlite3.Connection) -> None:
    """Moves the ids of removed individuals from the column `killed`, which existed until 0.6.0, to the memos."""
    if any(name == "killed" for _, name, *_ in db.execute("pragma table_info(individuals)")):
        db.execute("update individuals set memo = killed where killed <> '[]'")
        db.execute("alter table individuals drop column killed")


def executor_settings(stored: Mapping[str, str]) -> dict[str, str]:
    """Returns the changeable settings of a search with present names.

    Until 0.6.0, settings of executors belonged to the search. Now their names begin with the name of the executor.
    """
    executor = stored.get("search.executor", "processes")
    named = {f"search.{name}": f"{executor}.{name}" for name, executors in MOVED.items() if executor in executors}
    left_out = {f"search.{name}" for name in MOVED} - named.keys()
    return {named.get(name, name): value for name, value in stored.items() if name not in left_out}


def _name_settings_by_executor(db: sqlite3.Connection) -> None:
    """Renames the stored settings of the executor to their present names."""
    rows = db.execute("select key, value from meta where key like 'setting.%'").fetchall()
    now = executor_settings({key.removeprefix("setting."): value for key, value in rows})
    db.execute("delete from meta where key like 'setting.%'")
    db.executemany("insert into meta values (?, ?)", [(f"setting.{name}", value) for name, value in now.items()])


def _make_rungs(db: sqlite3.Connection) -> None:
    """Makes the table of rungs, which has no rows in a search without rungs."""
    db.execute(table("rungs", 10))
    db.execute(PLACES)


# The functions that migrate a store, by the schema to which each leads. To call one twice does no harm.
STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    4: _keep_tests_alike,
    5: _move_removed_into_memos,
    6: _name_settings_by_executor,
    10: _make_rungs,
}
SCHEMA = max(*STEPS, *(column.since for columns in TABLES.values() for column in columns.values()))
