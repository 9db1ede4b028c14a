"""The front of a search for several objectives, in the page of a report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolve import Store
from evolve.objectives import Objectives
from evolve.observers.front import Found
from evolve.search.front import Front
from evolve.tab import report
from tests.evolve.tab.browsing import Tab, opened
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.test_data import changed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TWO, THREE = "accuracy max, mult_adds min", "accuracy max, latency_ms min, params min"


class Search:
    """A made-up search with these objectives, its front, and the address of its report."""

    def __init__(self, folder: Path, objectives: str) -> None:
        MadeUp(individuals=120, population=20, algorithm="nsga2", objectives=objectives).write(folder / "search")
        with Store(folder / "search") as store:
            front = Front(store.scored()).ids
            dominated = [one.id for one in store.scored() if one.id not in front]
        far = "update individuals set fitness = 0.001, scores = json_set(scores, '$[0]', 0.001) where id in (?, ?, ?)"
        changed(folder / "search", far, *dominated[:3])
        report.write(folder / "search", folder / "report.html")
        self.address = (folder / "report.html").as_uri()
        with Store(folder / "search") as store:
            found = Found.of("search", Objectives.read(objectives), store.scored())
        self.front, self.picture = found.front, found.svg()


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


def test_single_far_points_are_at_the_edge_as_in_the_picture(tab: Tab, search: Search) -> None:
    view = tab.frame.locator(".tradeoffs")
    view.get_by_label("log").nth(1).uncheck()
    counted = re.search(r"○ (\d+) points? outside the axes", search.picture)
    assert counted is not None and int(counted[1]) >= 3
    assert tab.text(".tradeoffs .line-keys") == f"○ {counted[1]} outside the axes"
    view.get_by_label("whole range").check()
    assert tab.text(".tradeoffs .line-keys") == ""


RANGE = "([front, others, isLog]) => import('./scales.js').then(({ readable }) => readable(front, others, isLog))"
NEAR = [*range(1, 21)]


@pytest.mark.parametrize(
    ("front", "others", "is_log", "expected"),
    [
        ([5, 8], NEAR, False, None),
        ([5, 8], [*NEAR, 1000], False, [1, 20]),
        ([5, 8], [-1000, *NEAR, 1000], False, [1, 20]),
        ([5, 8, 1000], [*NEAR, 990], False, None),
        ([5, 8], [*range(1, 9), 1000], False, None),
        ([1, 10], [1000, *[3] * 20], True, [1, 10]),
        ([1, 10], [25, *[3] * 20], True, None),
        ([1, 10], [0, *[3] * 20], True, None),
        ([3], [*[3] * 20, 4], False, None),
        ([], [], False, None),
    ],
)
def test_an_axis_has_the_front_and_the_others_without_a_few_far_ones(
    page: Page, front: list[int], others: list[int], is_log: bool, expected: list[int] | None
) -> None:
    assert page.evaluate(RANGE, [front, others, is_log]) == expected


def test_a_click_in_the_list_opens_the_individual(tab: Tab, search: Search) -> None:
    first = int(tab.rows(".front")[0][0])
    tab.frame.locator(".front tbody button").first.click()
    tab.described(first)


def test_the_table_shows_the_front_alone(tab: Tab, search: Search) -> None:
    tab.open("Table")
    tab.frame.get_by_label("Show").select_option("front")
    assert tab.text(".table-view [role=status]") == f"{len(search.front)} of 120 individuals"
