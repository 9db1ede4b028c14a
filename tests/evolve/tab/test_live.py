"""The tab while a search runs, under TensorBoard's own command, and beside what cannot be read."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from evolve.store.database import FILE
from tests.evolve.tab.browsing import opened, serving
from tests.evolve.tab.known import Known
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.test_main import environment
from tests.evolve.test_search import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE = 60.0  # seconds in which a process makes a dozen individuals on a busy machine


@contextmanager
def paused(folder: Path, individuals: int, results: int) -> Iterator[subprocess.Popen[bytes]]:
    """A context with a process that writes a search, and was stopped after some results."""
    command = [
        "tests.evolve.tab.made_up",
        str(folder),
        f"--individuals={individuals}",
        "--population=10",
        "--pace=0.05",
    ]
    process = subprocess.Popen([sys.executable, "-m", *command], env=environment(), cwd=ROOT)
    try:
        until = time.monotonic() + PATIENCE
        while _results(folder) < results:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.wait()


def _results(folder: Path) -> int:
    if not (folder / FILE).exists():
        return 0
    with closing(sqlite3.connect(folder / FILE)) as db:
        try:
            return int(db.execute("select count(finished) from individuals").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are not there yet
            return 0


@contextmanager
def tensorboard(tmp_path: Path, *flags: str) -> Iterator[str]:
    """A context in which the command `tensorboard` serves, with the plugins that this package declares."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = declared["entry-points"]["tensorboard_plugins"]
    info = tmp_path / "site" / f"{declared['name'].replace('-', '_')}-{declared['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {declared['name']}\nVersion: {declared['version']}\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[tensorboard_plugins]", *lines, ""]))
    path = os.pathsep.join([str(tmp_path / "site"), environment()["PYTHONPATH"]])
    with serving("tensorboard.main", "--port=0", *flags, variables={"PYTHONPATH": path}) as address:
        yield address


def test_a_running_search_is_followed_and_what_is_chosen_stays(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "live"
    with paused(folder, individuals=40, results=12) as process, serving(
        "evolve.main", "board", f"--workdir={tmp_path / 'runs'}", "--port=0"
    ) as address, opened(browser, address) as tab:  # fmt: skip
        tab.wait(".status", f"{_results(folder)} of 40 finished")
        assert tab.text(".status").endswith("running")
        tab.wait(".facts", "Workers busy")
        tab.wait(".facts", "Time left")
        tab.choose(3)
        tab.open("Overview")
        tab.frame.evaluate("window.isTheSame = true")
        before = len(tab.rows(".rules"))
        process.send_signal(signal.SIGCONT)
        tab.wait(".status", "40 of 40 finished")
        tab.wait(".status", "ended: all 40 individuals are finished")
        known = Known(folder)
        tab.wait(".facts", f"individual {known.best['id']}")
        assert len(tab.rows(".rules")) >= before
        assert sum(int(row[1]) for row in tab.rows(".rules")) == len(known.where(lambda row: row["parent"]))
        assert tab.frame.evaluate("window.isTheSame") is True
        assert tab.state["id"] == "3"
        tab.described(3)
        tab.open("Table")
        assert tab.text(".table-view [role=status]") == "40 of 40 individuals"


def test_a_search_that_was_killed_is_interrupted(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "killed"
    with paused(folder, individuals=40, results=12) as process, serving(
        "evolve.main", "board", f"--workdir={folder}", "--port=0"
    ) as address, opened(browser, address) as tab:  # fmt: skip
        tab.wait(".status", "running")
        process.kill()
        tab.wait(".status", "interrupted; the same command goes on")


def test_what_cannot_be_read_is_named_beside_the_other_searches(browser: Browser, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("damaged", "good", "later"):
        MadeUp(individuals=12, population=10).write(runs / name)
    (runs / "damaged" / FILE).write_bytes(b"no database" * 1000)
    with closing(sqlite3.connect(runs / "later" / FILE)) as db:
        db.execute("pragma user_version = 999")
    with serving("evolve.main", "board", f"--workdir={runs}", "--port=0") as address, opened(browser, address) as tab:
        tab.wait(".status", "12 of 12 finished")
        assert tab.texts("header select option") == ["good"]
        damaged, later = tab.texts(".message p")
        assert damaged.startswith("damaged: ") and FILE in damaged
        assert later.startswith("later: ") and "version" in later
        tab.open("Table")
        assert len(tab.rows(".table-view")) == 12


def summarize(folder: Path) -> None:
    """Writes a scalar, which TensorBoard shows in a tab of its own."""
    writer = EventFileWriter(str(folder))
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="loss", simple_value=1.0)])
    writer.add_event(event_pb2.Event(step=1, wall_time=1.0, summary=summary))
    writer.close()


def test_tensorboard_shows_the_tab_under_a_path_prefix_and_keeps_its_other_tabs(
    browser: Browser, runs: Path, tmp_path: Path
) -> None:
    summarize(runs / "amoeba" / "tensorboard")
    with tensorboard(tmp_path, f"--logdir={runs}", "--path_prefix=/x") as address:
        assert address.endswith("/x/")
        # TensorBoard asks for its own fonts without the prefix.
        with opened(browser, address, alone=False, at="view=ancestry", expected="/font-roboto/") as tab:
            known = Known(runs / tab.text("header select option:checked"))
            tab.wait(".strip h2", f"Line of the best individual, {known.best['id']}")
            assert tab.frame.locator("ol.line img").first.evaluate("(image) => image.decode().then(() => true)")
            tab.choose(5)
            assert tab.page.url.startswith(f"{address}#amoeba&") and tab.state["id"] == "5"
            tab.dark()
            colour = "getComputedStyle(document.body).backgroundColor"
            assert tab.frame.evaluate(colour) == "rgb(34, 37, 43)"
            tab.page.get_by_role("tab", name="Time series").click()
            tab.page.get_by_text("loss", exact=True).first.wait_for()
            assert "#timeseries" in tab.page.url
            tab.page.get_by_role("tab", name="Evolution").click()
            tab.described(5)


def test_without_a_search_the_tab_says_so_and_tensorboard_is_as_it_was(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with tensorboard(tmp_path, f"--logdir={tmp_path / 'logs'}") as address:
        with opened(browser, address, alone=False) as tab:
            words = tab.wait(".message").inner_text()
            assert "evolve --gin_file=amoeba.gin" in words and "evolve board" in words
        page = browser.new_page()
        page.goto(address)
        page.get_by_text("No dashboards are active").first.wait_for()
        page.close()


@pytest.mark.full
def test_a_search_that_begins_later_appears_by_itself(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with tensorboard(tmp_path, f"--logdir={tmp_path / 'logs'}") as address, opened(browser, address) as tab:
        tab.wait(".message")
        MadeUp(individuals=12, population=10).write(tmp_path / "logs" / "new")
        tab.wait(".status", "12 of 12 finished")
        tab.frame.wait_for_selector(".message", state="hidden")
