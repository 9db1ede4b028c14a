"""A browser, made-up searches, and the address at which `evolve board` serves them, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.evolve.tab import browsing
from tests.evolve.tab.known import Known
from tests.evolve.tab.made_up import MadeUp

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

MODULES = "http://tab.test/"
SEARCHES = {
    "amoeba": MadeUp(individuals=60, population=20, crosses=True),
    "amoeba-1": MadeUp(individuals=60, population=20, crosses=True, seed=1),
    "random": MadeUp(individuals=60, population=20, crosses=True, algorithm="random_search"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser, or the reason for which the tests of the module are skipped."""
    with browsing.chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page that has the modules of the tab and nothing else."""
    static = resources.files("evolve.tab") / "static"

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(MODULES)
        text = (static / name).read_text(encoding="utf-8") if name else ""
        route.fulfill(body=text, content_type="text/javascript" if name else "text/html")

    opened = browser.new_page()
    opened.route(f"{MODULES}**", answer)
    opened.goto(MODULES)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def runs(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three searches."""
    folder = tmp_path_factory.mktemp("searches") / "runs"
    for name, search in SEARCHES.items():
        search.write(folder / name)
    return folder


@pytest.fixture(scope="module")
def known(runs: Path) -> Known:
    """The search that the tab opens first."""
    return Known(runs / "amoeba")


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    """The address of TensorBoard with the searches."""
    with browsing.board(runs) as found:
        yield found
