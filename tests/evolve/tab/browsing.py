"""A browser, and TensorBoard with the tab Evolution, for tests.

The browser is the Chromium of the machine. Where there is none, the tests are skipped.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.evolve.test_main import environment, listen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Locator, Page

Size = tuple[int, int]  # width and height in pixels

NARROW: Size = (1200, 800)
WIDE: Size = (1900, 1000)
END = 60.0  # seconds in which TensorBoard ends on a busy machine
PATIENCE = 30_000  # milliseconds in which the page shows what it has read on a busy machine
ENTRY = "data/plugin_entry.html?name=amoeba"  # the page in the frame of the tab
VIEWS = ("Overview", "Trade-offs", "Ancestry", "Table", "Searches")
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 42  # the margins of a chart in pixels
_PIXEL = """([canvas, x, y]) => {
  const ratio = canvas.width / canvas.clientWidth;
  const [red, green, blue] = canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}"""
_COLOUR = """(name) => {
  const node = document.createElement("i");
  node.style.color = `var(${name})`;
  document.body.append(node);
  const found = getComputedStyle(node).color;
  node.remove();
  return found;
}"""
# Waits until two pictures were painted after the last change.
_PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A context with a headless Chromium. The test is skipped if the machine has none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip(f"none of {', '.join(names)} is installed: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(*command: str, cwd: Path | None = None, variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """A context in which a Python module serves TensorBoard; gives the address that it prints, without `#amoeba`."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=cwd, env={**environment(), **(variables or {})}, text=True, preexec_fn=listen,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://[^\s#]+/", line):
                yield found[0]
                break
        else:
            pytest.fail(f"{' '.join(command)} ended: {''.join(said)}")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=END)


def board(folder: Path) -> AbstractContextManager[str]:
    """Returns the context in which `evolve board` serves the searches in a folder."""
    return serving("evolve.main", "board", f"--workdir={folder}", "--port=0")


class Tab:
    """The tab Evolution, alone in a page or in the frame of TensorBoard's page."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self.page = page
        self.frame = frame

    def open(self, view: str) -> None:
        """Opens a view by the name on its button."""
        self.frame.get_by_role("group", name="Views").get_by_role("button", name=view, exact=True).click()
        if view == "Ancestry":
            self.frame.wait_for_selector("ol.line:not(.waiting) > li", state="attached")
        if view == "Searches":
            self.frame.wait_for_selector(".compare tbody tr", state="attached")
        self.paint()

    def paint(self) -> None:
        """Waits until what has changed is painted."""
        self.frame.evaluate(_PAINTED)

    def dark(self) -> None:
        """Changes to the dark theme, as TensorBoard does it."""
        self.page.evaluate("document.body.classList.add('dark-mode')")
        self.frame.wait_for_selector(":root[data-theme=dark]")
        self.paint()

    def text(self, selector: str = "body") -> str:
        """Returns the text that is shown in the first element of a selector."""
        return self.frame.locator(selector).first.inner_text()

    def texts(self, selector: str) -> list[str]:
        """Returns the texts that are shown in the elements of a selector, one line each."""
        return [" ".join(text.split()) for text in self.frame.locator(selector).all_inner_texts()]

    def rows(self, selector: str) -> list[list[str]]:
        """Returns the texts of the cells of a table's body."""
        code = "(body) => [...body.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
        rows: list[list[str]] = self.frame.locator(f"{selector} tbody").first.evaluate(code)
        return rows

    def wait(self, selector: str, text: str | re.Pattern[str] = "") -> Locator:
        """Waits for a visible element that has a text, and returns it."""
        found = self.frame.locator(f"{selector}:visible").filter(has_text=text).first
        found.wait_for()
        return found

    def choose(self, id: int, *, second: bool = False) -> None:
        """Chooses an individual in the table by a click on its row, and waits for its description."""
        self.open("Table")
        self.wait(".table-view tbody tr")  # without rows there is nothing to scroll
        row = self.frame.locator(".table-view tbody tr").filter(has=self.frame.get_by_role("cell", name=str(id)).first)
        scroller = self.frame.locator(".scroller")
        scroller.evaluate("(node, top) => { node.scrollTop = top }", (id - 8) * 27)
        self.paint()
        exact = row.filter(has=self.frame.locator(f"xpath=./td[1][.='{id}']"))
        exact.click(modifiers=["Shift"] if second else [])
        if second:
            self.wait("aside h2", f"Compared with individual {id}")
        else:
            self.described(id)

    def described(self, id: int) -> None:
        """Waits until the panel describes an individual."""
        self.wait("aside h2", re.compile(rf"^Individual {id}$"))
        self.frame.locator("aside .panel-content:not(.waiting) > *").first.wait_for()

    @property
    def state(self) -> dict[str, str]:
        """What the address of the page keeps."""
        parts = (part.partition("=") for part in self.page.url.partition("#")[2].split("&"))
        return {name.removeprefix("p.amoeba."): value for name, _, value in parts if name.startswith("p.amoeba.")}

    def chart(self, selector: str = "main .figure .chart") -> Chart:
        """Returns a chart in the size that it has once the page has its parts, such as the panel of an individual."""
        self.paint()
        return Chart(self, self.frame.locator(selector).first)


class Chart:
    """A chart of the tab, whose pixels are those of its page."""

    def __init__(self, tab: Tab, node: Locator) -> None:
        self.tab = tab
        self.node = node
        self.top = node.locator("canvas[tabindex]")
        box = node.bounding_box()
        assert box is not None
        self.x, self.y, self.width, self.height = (int(box[name]) for name in ("x", "y", "width", "height"))

    def pixel(self, across: float, up: float) -> tuple[float, float]:
        """Returns the pixel of a point, given by its shares of the two axes."""
        x = LEFT + across * (self.width - LEFT - RIGHT)
        return x, TOP + (1 - up) * (self.height - TOP - BOTTOM)

    def click(self, x: float, y: float, *, second: bool = False) -> None:
        """Clicks a pixel."""
        self.top.click(position={"x": x, "y": y}, modifiers=["Shift"] if second else [])

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags from a pixel to another one."""
        mouse, box = self.tab.page.mouse, self.top.bounding_box()
        assert box is not None
        mouse.move(box["x"] + start[0], box["y"] + start[1])
        mouse.down()
        mouse.move(box["x"] + end[0], box["y"] + end[1], steps=3)
        mouse.up()
        self.tab.paint()

    def is_ringed(self, x: float, y: float, variable: str = "--chosen") -> bool:
        """Whether there is a ring round a pixel in the colour of a variable of the page."""
        self.tab.paint()
        wanted = self.tab.frame.evaluate(_COLOUR, variable)
        handle = self.top.element_handle()
        found = [self.tab.frame.evaluate(_PIXEL, [handle, x + across, y]) for across in (-8, 8)]
        return wanted in found

    @property
    def tip(self) -> str:
        """The text of the tooltip."""
        return self.node.locator(".tip").inner_text()


@contextmanager
def opened(
    browser: Browser,
    address: str,
    size: Size = NARROW,
    *,
    at: str = "",
    alone: bool = True,
    offline: bool = False,
    expected: str | None = None,
) -> Iterator[Tab]:
    """A context with a new page that shows the tab. At its end the page must not have reported an error.

    Args:
      browser: the browser.
      address: the address of TensorBoard, or of a report.
      size: that of the page.
      at: what the address of the page keeps, such as "view=table&id=3".
      alone: whether the page has the tab alone, which is read in less time than TensorBoard's whole page.
      offline: whether the address is that of a report, for which the browser has no network.
      expected: a text that is in the errors which the page must report.
    """
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=offline)
    context.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # TensorBoard's whole page names its icon
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    faults = _faults(page)
    kept = "".join(f"&p.amoeba.{part}" for part in at.split("&") if part)
    if offline:
        page.goto(f"{address}#{at}")
    else:
        page.goto(f"{address}{ENTRY if alone else ''}#amoeba{kept}")
    frame = page.main_frame
    if not alone:
        handle = page.wait_for_selector("iframe[src*='name=amoeba']")
        content = handle.content_frame() if handle else None
        assert content is not None
        frame = content
    frame.wait_for_selector("#amoeba main > *", state="attached")
    yield Tab(page, frame)
    context.close()
    assert expected is None or any(expected in fault for fault in faults)
    others = [fault for fault in faults if expected is None or expected not in fault]
    assert others == []


def _faults(page: Page) -> list[str]:
    """Returns the list of the errors that a page will report."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(f"{said.text} {said.location}") if said.type == "error" else None)
    page.on("dialog", lambda dialog: faults.append(f"a script has run: {dialog.message}"))
    return faults
