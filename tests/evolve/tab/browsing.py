"""A browser, and TensorBoard with the tab Evolution, for tests.

The browser is the Chromium of the machine. Where there is none, the tests are skipped.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

NARROW, WIDE = (1200, 800), (1900, 1000)  # width and height in pixels
START = 60.0  # seconds in which TensorBoard answers on a busy machine
PATIENCE = 30_000  # milliseconds in which the page shows what it has read


@contextmanager
def chromium() -> Iterator[Browser]:
    """A context with a headless Chromium. The test is skipped if the machine has none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip(f"none of {', '.join(names)} is installed: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def board(folder: Path) -> Iterator[str]:
    """A context in which `evolve board` serves a folder of searches; gives its address without `#amoeba`."""
    command = [sys.executable, "-m", "evolve.main", "board", f"--workdir={folder}", "--port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"http://[^\s#]+", line):
                yield found[0]
                break
        else:
            pytest.fail(f"evolve board ended with {process.wait()}")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=START)


@contextmanager
def page(
    browser: Browser, address: str, size: tuple[int, int] = NARROW, *, hash: str = "", is_dark: bool = False
) -> Iterator[Tab]:
    """A context with a new page that shows the tab; fails if the page has reported an error at its end."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    if is_dark:
        opened.add_init_script("localStorage.setItem('_tb_global_settings', '{\"theme\":\"dark\"}')")
    opened.goto(f"{address}#amoeba{hash}")
    frame = opened.wait_for_selector("iframe[src*='name=amoeba']")
    assert frame is not None
    content = frame.content_frame()
    assert content is not None
    content.wait_for_selector("#amoeba main > *")
    yield Tab(opened, content)
    context.close()
    assert not faults


class Tab:
    """The tab in a page of a browser."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self.page = page
        self.frame = frame

    def open(self, view: str) -> None:
        """Opens a view by the name on its button."""
        self.frame.get_by_role("group", name="Views").get_by_role("button", name=view, exact=True).click()

    @property
    def text(self) -> str:
        """The text that is shown."""
        return self.frame.inner_text("body")
