"""Searches whose store cannot be read: the tab says why, and all else works."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evolve.store.database import FILE
from evolve.store.migrations import OLDEST, SCHEMA
from evolve.tab.parameters import QUESTIONS
from tests.evolve.permissions import obeyed
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.served import ADDRESS, Served


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


@pytest.fixture(autouse=True)
def permissions() -> Iterator[None]:
    """The root user obeys the permissions of files."""
    with obeyed():
        yield


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
    for question, parameters in QUESTIONS.items():
        status, message = served.refused(f"{question}?search={key}" + "".join(f"&{each}=1" for each in parameters))
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


# Columns of the store, and values that no search writes into them.
WRONG = {
    "fitness": ["'high'", "x'00'"], "parent": ["'me'", "1e300", "-1", "7"], "rule": ["1", "x'ff'"], "status": ["7"],
    "genotype": ["''", "'cell'", "x'ff'", "zeroblob(3000000)"], "metrics": ["'{'", "'[1]'", "'{\"a\": []}'"],
    "history": ["'x'", "'[[1]]'"], "rejected": ["'x'", "'[1]'"], "seconds": ["'long'", "9e999"], "params": ["'few'"],
    "finished": ["'first'", "9223372036854775807"], "genes": ["'x'", "'a=b'"], "error": ["x'fe'"], "note": ["1"],
    "memo": ["'x'", "'[99]'"], "tries": ["''"], "inherited": ["'half'"], "fingerprint": ["x'00'"],
}  # fmt: skip


@pytest.mark.parametrize("column", WRONG)
def test_wrong_values_are_shown_or_are_a_message(made: bytes, tmp_path: Path, column: str) -> None:
    for place, value in enumerate(WRONG[column]):
        text = f"pragma ignore_check_constraints=on; update individuals set {column} = {value} where id = 7"
        served, key = served_with(made, tmp_path / str(place), changed(text))
        first, second = served.ask("searches"), served.ask("searches")
        assert len(first["searches"]) + len(first["problems"]) == 2 and second == first
        for question, parameters in QUESTIONS.items():
            asked = f"{ADDRESS}{question}?search={key}" + "".join(
                f"&{each}=7" for each in parameters if each not in ("dark", "only_changed")
            )
            response = served.get(asked)
            assert response.status_code in (200, 404, 503) and "Traceback" not in response.text
            assert response.mimetype == "application/json" or question == "picture"


@pytest.mark.parametrize("column", ["genotype", "note", "error", "rule", "history", "genes"])
def test_huge_values_are_not_read(made: bytes, tmp_path: Path, column: str) -> None:
    huge = f"update individuals set {column} = hex(zeroblob(10000000)) where id = 7"
    served, key = served_with(made, tmp_path, changed(huge))
    assert served.ask("searches")
    for question, parameters in QUESTIONS.items():
        response = served.get(f"{ADDRESS}{question}?search={key}" + "".join(f"&{each}=7" for each in parameters))
        assert len(response.data) < 100_000
    status, message = served.refused(f"individual?search={key}&id=7")
    assert status == 503 and "string or blob too big" in message


def test_a_locked_search_is_read_when_it_is_free_again(
    made: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolve.tab.source._PATIENCE", 0.1)
    served, key = served_with(made, tmp_path, changed("pragma journal_mode=delete"))
    with closing(sqlite3.connect(tmp_path / "runs" / "bad" / FILE, isolation_level=None)) as other:
        other.execute("begin exclusive")
        answer = served.ask("searches")
        assert [search["name"] for search in answer["searches"]] == ["good"]
        assert "database is locked; another program has locked the file" in answer["problems"][0]["message"]
        assert served.refused(f"overview?search={key}")[0] == 503
    assert served.ask(f"overview?search={key}")["columns"]["id"] == [*range(1, 31)]
    assert served.ask("searches")["problems"] == []
