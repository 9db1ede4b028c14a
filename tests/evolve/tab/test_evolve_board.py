"""The command `evolve board`, which starts TensorBoard in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evolve.store.database import FILE
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.test_main import environment, finish, listen

PROGRAM = """
import sys
from evolve import main
code = main.run(sys.argv[1:])
print("tensorflow" in sys.modules, code)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a search, and one with a search whose storage is another folder."""
    folder = tmp_path_factory.mktemp("here") / "runs"
    for name in ("one", "two"):
        MadeUp(individuals=12, population=10).write(folder / name)
    with sqlite3.connect(folder / "two" / FILE) as db:
        db.execute("update meta set value = ? where key = 'setting.search.storage'", ("../away",))
        db.execute("update meta set value = ? where key = 'note.kept in'", (str(folder.parent / "away"),))
    return folder


@contextmanager
def board(cwd: Path, *arguments: str) -> Iterator[tuple[str, str]]:
    """A context with what the command says first, and its address. At its end Ctrl-C has ended the command."""
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "board", "--port=0", *arguments],
        cwd=cwd, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=listen,
    )  # fmt: skip
    try:
        assert started.stdout is not None
        first = started.stdout.readline()
        found = re.search(r"(http://\S+/)#amoeba$", first)
        assert found, (first, started.communicate())
        assert started.stdout.readline() == "Ctrl-C ends TensorBoard\n"
        yield first, found[1]
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=30)
        assert (out.splitlines(), err) == (["False 130"], "")
    finally:
        started.kill()


def fetched(address: str) -> Any:
    with urllib.request.urlopen(address) as response:
        return json.loads(response.read())


def test_the_tab_is_the_first_of_tensorboard_and_shows_all_searches(runs: Path) -> None:
    with board(runs.parent) as (words, address):
        assert words.startswith("the tab Evolution of runs: http://localhost:")
        plugins = fetched(f"{address}data/plugins_listing")
        assert next(iter(plugins)) == "amoeba" and plugins["amoeba"]["enabled"]
        assert {"timeseries", "custom_scalars", "images"} <= plugins.keys()
        about = fetched(f"{address}data/environment")
        assert about["data_location"] == "runs"
        with urllib.request.urlopen(f"{address}data/plugin/amoeba/index.js") as response:
            assert response.headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(("name", "summaries"), [("one", "runs/one/tensorboard"), ("two", "{}/away/tensorboard")])
def test_one_search_is_shown_with_its_own_summaries(runs: Path, name: str, summaries: str) -> None:
    with board(runs.parent, f"--workdir=runs/{name}", "--host=127.0.0.1") as (words, address):
        assert words.startswith(f"the tab Evolution of runs/{name}: http://127.0.0.1:")
        assert fetched(f"{address}data/environment")["data_location"] == summaries.format(runs.parent)
        (search,) = fetched(f"{address}data/plugin/amoeba/searches")["searches"]
        assert search["name"] == name


def test_a_port_that_is_taken_is_a_mistake_only_if_the_user_names_it(runs: Path) -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        ended = finish("board", f"--port={port}", cwd=runs.parent)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == (
            f"evolve: port {port} is taken: choose another --port, or leave it out to take a free one\n"
        )


def test_a_host_that_is_not_this_machine_is_a_mistake(runs: Path) -> None:
    for host in ("192.0.2.1", "no such host"):
        ended = finish("board", f"--host={host}", "--port=0", cwd=runs.parent)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert re.match(rf"evolve: .*{host}.*\n$", ended.stderr) and "--host" in ended.stderr


def test_a_folder_without_a_search_is_a_mistake_that_names_the_reason(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / FILE).touch()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "away")
    ended = finish("board", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no search in runs: name a work directory" in ended.stderr
    assert "the symbolic link runs/link leads out of the log directory" in ended.stderr
