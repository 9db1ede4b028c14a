"""The plugin in TensorBoard's own application: its answers, and what it refuses."""

from __future__ import annotations

import gzip
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from evolve import Store
from evolve.store import FILE
from evolve.tab import plugin
from evolve.tab.parameters import LONGEST, QUESTIONS
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.served import ADDRESS, Served

STATIC = {file.name: file for file in Path(plugin.__file__).with_name("static").glob("*")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory with two small searches."""
    folder = tmp_path_factory.mktemp("runs")
    MadeUp(individuals=30, population=10).write(folder / "one")
    MadeUp(individuals=12, population=10, seed=1, hostile=True).write(folder / "two")
    return folder


@pytest.fixture(scope="module")
def served(runs: Path) -> Served:
    return Served(logdir=runs)


def test_tensorboard_lists_the_tab(served: Served) -> None:
    tab = served.plugins()["amoeba"]
    assert (tab["enabled"], tab["tab_name"]) == (True, "Evolution")
    assert tab["loading_mechanism"] == {"type": "IFRAME", "module_path": f"{ADDRESS}index.js"}
    assert served.get("/data/plugin_entry.html?name=amoeba").status_code == 200


def test_a_log_directory_without_searches_leaves_tensorboard_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    served = Served(logdir=tmp_path)
    others = {name: plugin["enabled"] for name, plugin in served.plugins().items()}
    assert others.pop("amoeba") is False and {"scalars", "images", "text"} <= others.keys()
    assert served.ask("searches") == {"searches": [], "problems": []}


@pytest.mark.parametrize("name", STATIC)
def test_the_files_of_the_page_are_served_and_not_kept_by_browsers(served: Served, name: str) -> None:
    response = served.get(f"{ADDRESS}{name}", **{"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    assert gzip.decompress(response.data) == STATIC[name].read_bytes()
    assert response.headers["Content-Type"] == f"text/{'css' if name.endswith('css') else 'javascript'}; charset=utf-8"
    assert "no-cache" in response.headers["Cache-Control"] and response.headers["X-Content-Type-Options"] == "nosniff"


def test_only_get_is_answered(served: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
        for path in ("searches", "individual?search=1&id=1", "index.js"):
            response = served.get(f"{ADDRESS}{path}", method)
            assert (response.status_code, response.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js", "loader.py", "../loader.py", "%2e%2e/loader.py", "..%2floader.py", "static/index.js",
        "/etc/passwd", "%2fetc%2fpasswd", "index.js/", "index.js%00", ".", "..", "searches/", "%F0%9F%A7%AC.js",
        "x" * 5000,
    ],
)  # fmt: skip
def test_other_files_are_not_served(served: Served, path: str) -> None:
    status, message = served.refused(path)
    assert status == 404 and message.startswith("the tab has no file '") and len(message) < 200


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("overview", "search is missing; it must be a text"),
        ("overview?search=", "search is ''; it must be a text"),
        ("individual?search=1", "id is missing; it must be the id of an individual, such as id=33"),
        ("individual?search=1&id=x", "id is 'x'; "),
        ("individual?search=1&id=0", "id is '0'; "),
        ("individual?search=1&id=-1", "id is '-1'; "),
        ("individual?search=1&id=%D9%A1", "id is '١'; "),
        ("individual?search=1&id=1.5", "id is '1.5'; "),
        ("individual?search=1&id=99999999999999999999", "id is '99999999999999999999'; "),
        ("individual?search=1&id=1&id=2", "id is given 2 times; give it once"),
        ("individual?search=1&ids=1", "individual has no parameter 'ids'; its parameters are search, id"),
        ("difference?search=1&a=1", "b is missing; "),
        ("picture?search=1&id=1&dark=yes", "dark is 'yes'; it must be 0 or 1"),
        ("picture?search=1&id=1&against=me", "against is 'me'; "),
        ("genotypes?search=1&text=", "text is ''; it must be a text"),
        (f"genotypes?search=1&text={'x' * 2000}", f"text has 2,000 characters; at most {LONGEST:,} are allowed"),
        ("individual?search=1&id=" + "9" * 900, "...'; it must be the id"),
    ],
)
def test_wrong_parameters_are_named(served: Served, path: str, message: str) -> None:
    status, text = served.refused(path)
    assert status == 400 and message in text and len(text) < 200


def test_searches_are_listed_with_their_names(served: Served) -> None:
    answer = served.ask("searches")
    assert [(search["name"], search["individuals"]) for search in answer["searches"]] == [("one", 30), ("two", 12)]
    assert answer["problems"] == []
    one, two = answer["searches"]
    assert one["key"] != two["key"] and one["group"] == two["group"] and one["seed"] != two["seed"]


def test_the_overview_of_a_search_says_which_one_it_is(served: Served, runs: Path) -> None:
    for search in served.ask("searches")["searches"]:
        answer = served.ask(f"overview?search={search['key']}")
        assert answer["search"].items() >= search.items()
        assert answer["search"]["folder"] == str(runs / search["name"])
        later = served.ask(f"overview?search={search['key']}&since={answer['stamp']}")
        assert (answer["whole"], later["whole"], later["columns"]["id"]) == (True, False, [])


def test_answers_are_compressed(served: Served) -> None:
    response = served.get(f"{ADDRESS}searches", **{"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip" and "no-cache" in response.headers["Cache-Control"]
    assert json.loads(gzip.decompress(response.data)) == served.ask("searches")


@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
def test_the_tab_works_under_a_prefix_and_for_named_log_directories(runs: Path, prefix: str) -> None:
    served = Served(logdir_spec=f"first:{runs}/one/tensorboard,all:{runs}", path_prefix=prefix)
    assert served.plugins()["amoeba"]["loading_mechanism"]["module_path"] == f"{prefix}{ADDRESS}index.js"
    searches = served.ask("searches")["searches"]
    assert [search["name"] for search in searches] == ["all/two", "first"]
    assert served.ask(f"overview?search={searches[1]['key']}")["search"]["name"] == "first"
    assert served.get(f"{ADDRESS}index.js").status_code == 200


def test_numbers_that_json_has_not_are_null(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"finished": (1, float("inf"), {"a": float("nan"), "b": None, "c": "nan"})}
    monkeypatch.setattr("evolve.tab.data.Data.curve", lambda self: found)
    key = served.ask("searches")["searches"][0]["key"]
    assert served.ask(f"curve?search={key}") == {"finished": [1, None, {"a": None, "b": None, "c": "nan"}]}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(5, "the disk is gone", "/secret"), "one cannot be read: the disk is gone"),
        (ModuleNotFoundError("No module named 'x'"), "a part of the program is missing: No module named 'x'; "),
        (ValueError("bad number"), "values that this version cannot read (ValueError: bad number)"),
        (sqlite3.OperationalError("no such column: x"), "(OperationalError: no such column: x)"),
        (MemoryError(), "cannot read (MemoryError)"),
    ],
)
def test_what_goes_wrong_in_reading_is_a_message(
    served: Served, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(self: object) -> object:
        raise error

    key = served.ask("searches")["searches"][0]["key"]
    monkeypatch.setattr("evolve.tab.data.Data.curve", fail)
    status, text = served.refused(f"curve?search={key}")
    assert status == 503 and message in text and "/secret" not in text


def test_a_search_is_neither_locked_nor_kept_from_the_disk(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    served = Served(logdir=tmp_path)
    (search,) = served.ask("searches")["searches"]

    def ask(place: int) -> None:
        for path in (f"overview?search={search['key']}", f"individual?search={search['key']}&id={place % 30 + 1}"):
            served.ask(path)

    # A store that waits for no other program, and so fails if the tab locks it.
    with Store(tmp_path, patience=0) as store, ThreadPoolExecutor(4) as pool:
        asked = pool.map(ask, range(60))
        for place in range(60):
            with store.event():
                store.note("place", str(place))
        assert len([*asked]) == 60
        with closing(sqlite3.connect(tmp_path / FILE)) as db:
            # All of SQLite's log could be written back, since no connection of the tab is left.
            assert db.execute("pragma wal_checkpoint(truncate)").fetchone() == (0, 0, 0)
    with Store(tmp_path):  # the work directory is free at once
        assert served.ask(f"overview?search={search['key']}")["search"]["state"] == "ended"


def test_many_requests_at_a_time_get_the_same_answers(served: Served) -> None:
    keys = [search["key"] for search in served.ask("searches")["searches"]] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda key: served.ask(f"overview?search={key}"), keys)]
    assert answers == answers[:2] * 8


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_search_is_found_by_its_key_alone(served: Served, runs: Path, question: str) -> None:
    more = "".join(f"&{name}=1" for name in QUESTIONS[question])
    for key in ("unknown", "one", f"{runs}/one", "../one"):
        status, message = served.refused(f"{question}?search={key}{more}")
        assert status == 404 and "there is no search with the key" in message
