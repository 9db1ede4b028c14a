"""The page at two sizes and in two themes, by keyboard alone, and with texts that try to be HTML."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolve.store.database import FILE
from tests.evolve.tab.browsing import NARROW, VIEWS, WIDE, Size, Tab, board, opened
from tests.evolve.tab.known import Known
from tests.evolve.tab.looks import hard_to_read, out_of_reach, too_wide
from tests.evolve.tab.made_up import SCRIPT, MadeUp

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MARKUP = "<img src=x onerror=alert(1)>"


def states(tab: Tab, known: Known) -> Iterator[str]:
    """Brings the page into states that show all of it, and yields their names."""
    for view in VIEWS:
        tab.open(view)
        yield view
    tab.open("Trade-offs")
    tab.frame.get_by_role("button", name="All traits").click()
    tab.paint()
    yield "parallel axes"
    tab.frame.get_by_role("button", name="Two measures").click()
    tab.choose(known.failed[0])
    yield "a failed individual"
    tab.choose(known.best["id"])
    for view in VIEWS:
        tab.open(view)
        yield f"{view} beside the best individual"
    tab.choose(known.failed[0], second=True)
    for view in VIEWS:
        tab.open(view)
        yield f"{view} beside two individuals"
    tab.open("Overview")
    tab.frame.locator(".legend button").first.click()
    yield "a hidden class"


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_every_text_can_be_read_and_nothing_is_cut_off(
    browser: Browser, address: str, known: Known, size: Size, is_dark: bool
) -> None:
    faults: dict[str, str] = {}  # the first state in which each was found
    with opened(browser, address, size) as tab:
        tab.wait(".facts")
        if is_dark:
            tab.dark()
        for state in states(tab, known):
            for fault in (*hard_to_read(tab), *too_wide(tab)):
                faults.setdefault(fault, state)
    assert faults == {}


@pytest.mark.parametrize("view", VIEWS)
def test_the_key_tab_reaches_all_that_can_be_operated(browser: Browser, address: str, known: Known, view: str) -> None:
    with opened(browser, address) as tab:
        tab.choose(known.best["id"])
        tab.open(view)
        tab.frame.locator("header select").focus()
        assert out_of_reach(tab) == []


def test_a_search_is_read_by_keyboard_alone(browser: Browser, address: str, known: Known) -> None:
    order = sorted(known.rows, key=lambda id: int(known.rows[id]["finished"]))
    with opened(browser, address) as tab:
        keys = tab.page.keyboard
        tab.wait(".facts")
        for number, view in enumerate(("overview", "tradeoffs", "ancestry", "table", "compare"), start=1):
            keys.press(str(number))
            tab.frame.wait_for_selector("main > .table-view" if view == "table" else f"main > .{view}")
            assert tab.state["view"] == view
        keys.press("1")
        chart = tab.chart()
        chart.top.focus()
        keys.press("Home")
        keys.press("ArrowRight")
        assert chart.tip.startswith(f"Individual {order[1]}\n")
        keys.press("Enter")
        tab.described(order[1])
        keys.press("ArrowRight")
        keys.press("Shift+Enter")
        tab.wait("aside h2", f"Compared with individual {order[2]}")
        keys.press("3")
        tree = tab.chart()
        tree.top.focus()
        keys.press("End")
        last = int(tree.tip.split()[1])
        keys.press("ArrowUp")
        assert tree.tip.startswith(f"Individual {known.rows[last]['parent']}\n")
        keys.press("4")
        tab.frame.locator(".scroller").focus()
        for key, id in (("Home", 1), ("ArrowDown", 2), ("End", 60)):
            keys.press(key)
            tab.described(id)
            assert tab.state["id"] == str(id)
        keys.press("Escape")
        tab.frame.wait_for_selector("aside", state="hidden")
        assert "id" not in tab.state


@pytest.fixture(scope="module")
def hostile(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a search whose texts are HTML: names of a folder, rules and metrics, notes, errors, a genotype."""
    folder = tmp_path_factory.mktemp("hostile") / "runs"
    MadeUp(individuals=60, population=20, hostile=True).write(folder / MARKUP)
    with closing(sqlite3.connect(folder / MARKUP / FILE)) as db, db:
        db.execute("update individuals set rule = ? where rule = 'op'", (MARKUP,))
        db.execute("update individuals set metrics = replace(metrics, 'latency_ms', ?)", (MARKUP,))
        db.execute("update individuals set genotype = ? where id = 60", (SCRIPT,))
        db.execute("update individuals set note = ? where id = 59", (SCRIPT,))
        db.execute("update meta set value = ? where key = 'note.ended'", (MARKUP,))
    return folder


def test_texts_of_a_store_are_shown_as_text(browser: Browser, hostile: Path) -> None:
    stored = Known(hostile / MARKUP)
    with board(hostile) as address, opened(browser, address, expected="picture?") as tab:
        tab.wait(".facts")
        assert f"ended: {MARKUP}" in tab.text(".status")
        assert MARKUP in [row[0] for row in tab.rows(".rules")]
        for view in VIEWS:
            tab.open(view)
        tab.choose(stored.failed[0])
        assert tab.text("aside .failure") == f"It failed: {SCRIPT}"
        for id in (stored.by_rule(MARKUP)[0], 60):
            tab.choose(id)
            tab.open("Ancestry")
            tab.wait("ol.line > li")
        tab.frame.locator("aside summary", has_text="Text of the genotype").click()
        assert tab.frame.locator("aside pre").inner_text() == SCRIPT
        assert "this version of the program cannot read a genotype" in tab.text("aside .changes")
        tab.choose(59)
        assert tab.text("aside .words") == SCRIPT
        assert tab.frame.locator("aside .numbers dt", has_text=MARKUP).count() == 1
        tab.open("Table")
        assert MARKUP in tab.text(".table-view thead")
        assert tab.frame.locator("#amoeba script, #amoeba img[src=x]").count() == 0
        assert tab.page.title() == "Evolution"
