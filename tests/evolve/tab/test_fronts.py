"""The front of a search for several objectives, in the page of a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolve import Store
from evolve.objectives import Objectives
from evolve.observers.front import Found
from evolve.tab import report
from tests.evolve.tab.browsing import Tab, opened
from tests.evolve.tab.made_up import MadeUp

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TWO, THREE = "accuracy max, mult_adds min", "accuracy max, latency_ms min, params min"


class Search:
    """A made-up search with these objectives, its front, and the address of its report."""

    def __init__(self, folder: Path, objectives: str) -> None:
        MadeUp(individuals=120, population=20, algorithm="nsga2", objectives=objectives).write(folder / "search")
        report.write(folder / "search", folder / "report.html")
        self.address = (folder / "report.html").as_uri()
        with Store(folder / "search") as store:
            self.front = Found.of("search", Objectives.read(objectives), store.scored()).front


@pytest.fixture(scope="module", params=[TWO, THREE])
def search(browser: Browser, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Search:
    return Search(tmp_path_factory.mktemp("front"), request.param)


@pytest.fixture
def tab(browser: Browser, search: Search) -> Iterator[Tab]:
    with opened(browser, search.address, offline=True) as found:
        found.open("Trade-offs")
        yield found


def test_the_axes_are_the_first_two_objectives_and_the_front_is_listed(tab: Tab, search: Search) -> None:
    assert tab.frame.get_by_label("Up").locator("option:checked").inner_text() == "Fitness"
    across = tab.frame.get_by_label("Across").locator("option:checked").inner_text()
    assert across == {2: "Mult-adds", 3: "latency_ms"}[len(search.front[0].scores)]
    assert tab.text(".front h2") == f"Pareto front: {len(search.front)} individuals"
    assert {int(row[0]) for row in tab.rows(".front")} == {one.id for one in search.front}


def test_a_click_in_the_list_opens_the_individual(tab: Tab, search: Search) -> None:
    first = int(tab.rows(".front")[0][0])
    tab.frame.locator(".front tbody button").first.click()
    tab.described(first)


def test_the_table_shows_the_front_alone(tab: Tab, search: Search) -> None:
    tab.open("Table")
    tab.frame.get_by_label("Show").select_option("front")
    assert tab.text(".table-view [role=status]") == f"{len(search.front)} of 120 individuals"
