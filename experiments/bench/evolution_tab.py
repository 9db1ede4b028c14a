"""Measures the tab Evolution in a headless Chromium: `python -m experiments.bench.evolution_tab [ROUNDS]`.

Makes up searches of 200 and of 20,000 individuals, and serves each by `evolve board`. A picture counts as painted in
the frame after the one in which its pixels are on the canvas. Choosing takes the time from the release of the button to
the frame in which the headline of the panel names the individual and the canvas has its ring. Every number is the
median of rounds. At the end the command `tensorboard` is started by turns with and without the plugin.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from evolve.store import FILE
from experiments.bench.pace import numbers, pace

ROUNDS = 5
STARTS = 3  # pairs of starts in a round
ROOT = Path(__file__).parents[2]
SIZE = (1600, 900)
PAUSE = 700  # milliseconds between two choices, in which the details of the individual come
ENTRY = "data/plugin_entry.html?name=amoeba"  # the page in the frame of the tab
POINT = "[tensorboard_plugins]\namoeba = evolve.tab.loader:AmoebaLoader\n"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FIRST = {200: 1000, 20_000: 3000}  # milliseconds to the first picture, by the number of individuals
CHOICE = 100  # milliseconds
ANSWER = 5000  # kB
STARTED = 50  # milliseconds by which the plugin may delay the start of TensorBoard
LATER = 20  # individuals of which the results come while the page is open
PLACES = 200  # places at which a point is looked for
CHOICES = 6  # choices in one page
UNKNOWN = "status = 'running', fitness = null, finished = null, history = '[]', metrics = '{}'"
VIEWS = {"Overview": "overview", "Trade-offs": "tradeoffs", "Ancestry": "ancestry"}

# The command `tensorboard` in an environment without TensorFlow, whose import would hide the rest.
_PLAIN = """
import sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
from tensorboard import main
main.run_main()
"""

# Notes when the points of the overview are painted: coloured pixels, as axes and words are nearly grey.
_WATCH = """
(function look() {
  const canvas = document.querySelector(".overview .chart canvas");
  if (canvas && canvas.width > 300) {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
      found += Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
    }
    if (found > 200) {
      requestAnimationFrame(() => (window.painted = performance.now()));
      return;
    }
  }
  requestAnimationFrame(look);
})();
"""

# Returns whether there is no point under the pointer, or that of the chosen individual.
_IS_OLD = """() => {
  const tip = document.querySelector("main .figure .chart .tip");
  const chosen = document.querySelector("aside:not([hidden]) h2")?.textContent;
  return tip.hidden || tip.firstChild.textContent === chosen;
}"""

# Returns the milliseconds from the next release of the button to the frame in which a choice is painted.
_CHOICE = """() => {
  const before = document.querySelector("aside h2")?.textContent ?? "";
  const canvas = document.querySelector("main .figure .chart canvas[tabindex]");
  const variable = getComputedStyle(document.documentElement).getPropertyValue("--chosen").trim();
  const chosen = [1, 3, 5].map((at) => parseInt(variable.slice(at, at + 2), 16));
  const ring = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] > 200 && chosen.every((value, part) => Math.abs(value - data[at + part]) < 30)) sum += at;
    }
    return sum;
  };
  const old = ring();
  window.choice = new Promise((done, fail) => {
    setTimeout(() => fail(new Error("the choice was not painted")), 20000);
    addEventListener("pointerup", (event) => {
      (function look() {
        const now = document.querySelector("aside:not([hidden]) h2")?.textContent ?? before;
        const painted = now !== before && ![0, old].includes(ring());
        requestAnimationFrame(painted ? () => done(performance.now() - event.timeStamp) : look);
      })();
    }, { once: true, capture: true });
  });
}"""


@dataclass(frozen=True)
class Result:
    """A measured number with its limit, both in the unit; None: a number without a limit."""

    name: str
    value: float
    limit: float | None
    unit: str


@dataclass(frozen=True)
class Reply:
    """An answer of the server, its compressed size in bytes, and the seconds until it was there."""

    answer: Any
    size: int
    seconds: float


def main() -> None:
    """Measures and prints the table."""
    (rounds,) = numbers(__doc__, rounds=ROUNDS)
    path = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if path is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    print(f"{'medians':<52} {'measured':>12} {'limit':>10}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for individuals, limit in FIRST.items():
            print(f"{individuals:,} individuals")
            for result in _search(Path(folder) / str(individuals), individuals, limit, browser, rounds):
                _print(result)
        browser.close()
        print("processor time of the start of TensorBoard")
        for result in _starts(Path(folder), STARTS * rounds):
            _print(result)
    print(pace())


def _print(result: Result) -> None:
    limit = "" if result.limit is None else f"{result.limit:,.0f} {result.unit}"
    mark = "  MISSED" if result.limit is not None and result.value > result.limit else ""
    print(f"{result.name:<52} {result.value:>9,.1f} {result.unit:<2} {limit:>10}{mark}", flush=True)


def _search(folder: Path, individuals: int, limit: float, browser: Browser, rounds: int) -> Iterator[Result]:
    """Yields the results for a search."""
    made = [sys.executable, "-m", "tests.evolve.tab.made_up", str(folder), f"--individuals={individuals}"]
    subprocess.run(made, cwd=ROOT, check=True)
    results = _postponed(folder)
    command = [sys.executable, "-m", "evolve.main", "board", f"--workdir={folder}", "--port=0"]
    with _serving(command, {**os.environ, "PYTHONPATH": str(ROOT)}) as address:
        first = [_first(browser, f"{address}{ENTRY}") for _ in range(rounds)]
        yield Result("first picture, when the store is not read yet", first[0], limit, "ms")
        yield Result("first picture", median(first), limit, "ms")
        whole = [_first(browser, f"{address}#amoeba") for _ in range(rounds)]
        yield Result("first picture inside TensorBoard's page", median(whole), limit, "ms")
        for view in VIEWS:
            choices = [_choices(browser, address, view) for _ in range(rounds)]
            opening, later = [one[0] for one in choices], [time for one in choices for time in one[1:]]
            yield Result(f"choosing in {view}, which opens the panel", median(opening), CHOICE, "ms")
            yield Result(f"choosing in {view}", median(later), CHOICE, "ms")
        data = f"{address}data/plugin/amoeba/"
        key = _asked(f"{data}searches").answer["searches"][0]["key"]
        replies = [_asked(f"{data}overview?search={key}") for _ in range(rounds)]
        yield Result("the overview as one compressed answer", replies[0].size / 1e3, ANSWER, "kB")
        yield Result("time of that answer", 1e3 * median(reply.seconds for reply in replies), None, "ms")
        polls = [_asked(f"{data}searches").seconds for _ in range(rounds)]
        yield Result("time of a question whether something changed", 1e3 * median(polls), None, "ms")
        since = list(_since(folder, f"{data}overview?search={key}", results[:rounds]))
        yield Result("time of the changes after one result", 1e3 * median(since), None, "ms")


@contextmanager
def _serving(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[str]:
    """A context in which a command serves TensorBoard; gives the address that it prints."""
    process = subprocess.Popen(
        command, env=dict(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"http://[^\s#]+/", line):
                yield found[0]
                break
        else:
            sys.exit("TensorBoard has ended before it has served")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def _postponed(folder: Path) -> Sequence[dict[str, Any]]:
    """Takes the last results out of a store, and returns them."""
    with closing(sqlite3.connect(folder / FILE)) as db, db:
        db.row_factory = sqlite3.Row
        last = db.execute("select * from individuals order by finished desc limit ?", (LATER,)).fetchall()
        db.executemany(f"update individuals set {UNKNOWN} where id = ?", [(row["id"],) for row in last])
    return [dict(row) for row in reversed(last)]


def _since(folder: Path, address: str, results: Sequence[dict[str, Any]]) -> Iterator[float]:
    """Yields the times of the answers that have only what changed, each after one more result."""
    for row in results:
        stamp = _asked(address).answer["stamp"]
        with closing(sqlite3.connect(folder / FILE)) as db, db:
            names = ", ".join(f"{name} = :{name}" for name in row if name != "id")
            db.execute(f"update individuals set {names} where id = :id", row)
        reply = _asked(f"{address}&since={stamp}")
        assert not reply.answer["whole"] and 0 < len(reply.answer["columns"]["id"]) < LATER
        yield reply.seconds


def _asked(address: str) -> Reply:
    request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    begun = time.perf_counter()
    with urllib.request.urlopen(request) as response:
        content = response.read()
        is_packed = response.headers["Content-Encoding"] == "gzip"
    seconds = time.perf_counter() - begun
    return Reply(json.loads(gzip.decompress(content) if is_packed else content), len(content), seconds)


@contextmanager
def _opened(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def _first(browser: Browser, address: str) -> float:
    """Returns the milliseconds from the navigation of the frame with the tab to its first picture."""
    with _opened(browser, address) as page:
        frame = page.main_frame
        if not address.endswith(ENTRY):
            handle = page.wait_for_selector("iframe[src*='name=amoeba']")
            frame = (handle and handle.content_frame()) or frame
        frame.wait_for_function("window.painted")
        return float(frame.evaluate("window.painted"))


def _choices(browser: Browser, address: str, view: str) -> list[float]:
    """Returns the milliseconds of choices in a view. The first one opens the panel, which makes the chart narrower."""
    found: list[float] = []
    with _opened(browser, f"{address}{ENTRY}#amoeba&p.amoeba.view={VIEWS[view]}") as page:
        page.wait_for_selector(".facts > div" if view == "Overview" else f".{VIEWS[view]} .chart")
        page.wait_for_timeout(PAUSE)
        rng = random.Random(0)
        for _ in range(PLACES):
            box = page.locator("main .figure .chart canvas[tabindex]").first.bounding_box()
            assert box is not None
            across, down = rng.uniform(0.15, 0.95), rng.uniform(0.1, 0.8)
            page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
            if len(found) == CHOICES:
                break
            if page.evaluate(_IS_OLD):
                continue
            page.evaluate(_CHOICE)
            page.mouse.down()
            page.mouse.up()
            found.append(float(page.evaluate("window.choice")))
            page.wait_for_timeout(PAUSE)
    return found


def _starts(folder: Path, rounds: int) -> Iterator[Result]:
    """Yields how long TensorBoard's command works until it serves, with the plugin and without."""
    (folder / "logs").mkdir()
    sites = [str(_site(folder / name, points)) for name, points in (("without", ""), ("with", POINT))]
    pairs = [tuple(_start(folder / "logs", site) for site in sites) for _ in range(rounds)]
    without, own = zip(*pairs, strict=True)
    yield Result("without the plugin", 1e3 * median(without), None, "ms")
    yield Result("with the plugin", 1e3 * median(own), None, "ms")
    yield Result("the difference, in pairs", 1e3 * median(b - a for a, b in pairs), STARTED, "ms")
    yield Result("the ratio, in pairs", 100 * median(b / a for a, b in pairs), None, "%")


def _site(folder: Path, points: str) -> Path:
    """Returns a folder for `PYTHONPATH` in which this package has these plugins of TensorBoard, installed or not."""
    info = folder / "amoeba_evolve-0.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: amoeba-evolve\nVersion: 0.0.0\n")
    (info / "entry_points.txt").write_text(points)
    return folder


def _start(logs: Path, site: str) -> float:
    """Returns the processor seconds of the command `tensorboard` until it serves, in a process without TensorFlow."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([site, str(ROOT)])}
    before = _used()
    with _serving([sys.executable, "-c", _PLAIN, f"--logdir={logs}", "--port=0"], variables):
        pass
    return _used() - before


def _used() -> float:
    """Returns the processor seconds of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
