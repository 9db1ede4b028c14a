"""Searches whose store cannot be read: the tab says why, and all else works."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from evolve.store.database import FILE
from evolve.store.migrations import OLDEST, SCHEMA
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.served import Served


def changed(statements: str) -> Callable[[Path], None]:
    """Returns a function that changes a store as another program could."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(statements)

    return change


def replaced(content: bytes) -> Callable[[Path], None]:
    """Returns a function that replaces a store by a file."""

    def replace(path: Path) -> None:
        path.unlink()
        path.write_bytes(content)

    return replace


def other_tables(path: Path) -> None:
    path.unlink()
    changed("create table users (name text, password text); insert into users values ('root', 'secret')")(path)


def overwritten(path: Path) -> None:
    """Overwrites the pages after the first."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def unreadable(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    path.chmod(0)


# What happens to a store, and words of the message.
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "an empty file": (replaced(b""), "has not begun yet"),
    "a text": (replaced(b"not a database\n" * 100), "file is not a database; move the work directory away"),
    "other tables": (other_tables, "has not begun yet"),
    "overwritten pages": (overwritten, "malformed"),
    "half of the file": (cut, "malformed"),
    "a later version": (changed("pragma user_version=999"), f"its schema is 999, this version's is {SCHEMA}"),
    "the first version": (changed(f"pragma user_version={OLDEST - 2}"), "was written by an earlier version"),
    "other columns": (
        changed(f"drop table individuals; create table individuals (x); pragma user_version={SCHEMA}"), "no such column"
    ),
    "no permission": (unreadable, "cannot be used: "),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The content of a small store."""
    folder = tmp_path_factory.mktemp("made")
    MadeUp(individuals=30, population=10).write(folder)
    return (folder / FILE).read_bytes()


def served_with(made: bytes, folder: Path, damage: Callable[[Path], None]) -> tuple[Served, str]:
    """Returns TensorBoard for a damaged search beside one in order, and the key of the damaged one."""
    for name in ("bad", "good"):
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / FILE).write_bytes(made)
    served = Served(logdir=folder / "runs" / "bad")
    (search,) = served.ask("searches")["searches"]
    damage(folder / "runs" / "bad" / FILE)
    return Served(logdir=folder / "runs"), search["key"]


@pytest.mark.parametrize("name", FAULTS)
def test_the_tab_says_what_is_wrong_and_shows_the_other_searches(made: bytes, tmp_path: Path, name: str) -> None:
    damage, words = FAULTS[name]
    served, key = served_with(made, tmp_path, damage)
    assert served.plugins()["amoeba"]["enabled"] and served.get("/data/environment").status_code == 200
    answer = served.ask("searches")
    assert [search["name"] for search in answer["searches"]] == ["good"]
    ((problem),) = answer["problems"]
    assert problem["name"] == "bad" and words in problem["message"]
    for question in ("overview", "curve"):
        status, message = served.refused(f"{question}?search={key}")
        assert status == 503 and words in message
    (good,) = (search["key"] for search in answer["searches"])
    assert served.ask(f"overview?search={good}")["columns"]["id"] == [*range(1, 31)]


def test_a_search_that_is_gone_is_not_found(made: bytes, tmp_path: Path) -> None:
    served, key = served_with(made, tmp_path, folder_in_its_place)
    assert [search["name"] for search in served.ask("searches")["searches"]] == ["good"]
    assert served.refused(f"overview?search={key}")[0] == 404


def test_a_search_that_is_removed_while_the_tab_is_open_is_a_message(made: bytes, tmp_path: Path) -> None:
    served, key = served_with(made, tmp_path, lambda path: None)
    assert served.ask(f"overview?search={key}")["columns"]["id"]
    (tmp_path / "runs" / "bad" / FILE).unlink()
    status, message = served.refused(f"overview?search={key}")
    assert status == 503 and "there is no search in" in message
