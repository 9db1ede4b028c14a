"""The page under answers that come late or never, rounding errors, searches that vanish, and the keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evolve.tab import report
from evolve.tab.data import Data
from tests.evolve.tab.browsing import opened
from tests.evolve.tab.known import Known
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.moments import at
from tests.evolve.tab.test_browser import overview_places

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ADDRESS = "http://tab.test/"
LIMIT = 20_000  # milliseconds in which the page must answer
# The tab with a source whose answers a test sets, and which is asked only when the test wants it.
START = """async (answers) => {
  const { start } = await import("./app.js");
  window.answers = answers;
  window.asked = [];
  const answer = (name) => (...rest) => {
    window.asked.push([name, ...rest]);
    const found = window.answers[name];
    return found === undefined ? Promise.reject(new Error(`no ${name}`)) : Promise.resolve(structuredClone(found));
  };
  const names = ["searches", "overview", "traits", "individual", "ancestors", "difference", "genotypes", "curve"];
  const source = { isLive: false, picture: () => "", ...Object.fromEntries(names.map((name) => [name, answer(name)])) };
  document.body.replaceChildren(document.createElement("div"));
  window.state = start(document.body.firstChild, source, { read: () => ({}), write: () => {} });
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that has the modules of the tab and nothing else."""
    static = resources.files("evolve.tab") / "static"

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        text = (static / name).read_text(encoding="utf-8") if name else ""
        route.fulfill(body=text, content_type="text/javascript" if name else "text/html")

    page = browser.new_page()
    page.set_default_timeout(LIMIT)
    page.route(f"{ADDRESS}**", answer)
    page.goto(ADDRESS)
    yield page
    page.close()


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The overview of a search after 30 results, the changes after 10 more, and the overview after these."""
    folder = tmp_path_factory.mktemp("moments")
    MadeUp(individuals=60, population=20).write(folder / "whole")
    at(folder / "whole", folder / "now", 30)
    data = Data(folder / "now")
    first = data.overview()
    at(folder / "whole", folder / "now", 40)
    return first, data.overview(str(first["stamp"])), data.overview()


def named(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "search": {**answer["search"], "key": "k", "name": "amoeba"}}


def started(page: Page, overview: dict[str, Any], **answers: Any) -> None:
    """Shows the tab with the answers of a source."""
    search = named(overview)["search"]
    found = {"searches": {"searches": [search], "problems": []}, "overview": named(overview), **answers}
    page.evaluate(START, found)
    page.wait_for_function("window.state.data !== null")


def test_late_answers_about_changes_are_left_out(page: Page, moments: tuple[dict[str, Any], ...]) -> None:
    first, change, whole = map(named, moments)
    code = """async ([first, change, whole]) => {
      const { State } = await import("./state.js");
      const waiting = [];
      const search = { ...first.search };
      const state = new State({
        searches: async () => ({ searches: [{ ...search }], problems: [] }),
        overview: () => new Promise((answer) => waiting.push(answer)),
      });
      const settled = () => new Promise((next) => setTimeout(next));
      const shown = () => [state.data.count, state.data.answer.population.finished.length];
      const found = [];
      void state.openSearch("k");
      await settled();
      waiting.pop()(first);
      await settled();
      search.stamp = whole.stamp;
      void state.refresh();
      void state.refresh();
      await settled();
      waiting.splice(0).forEach((answer) => answer(structuredClone(change)));  // both ask since the same moment
      await settled();
      found.push(shown());
      search.stamp = "later";
      void state.refresh();
      await settled();
      void state.openSearch("k");
      await settled();
      const [late, other] = waiting;
      late(structuredClone(change));
      await settled();
      found.push(state.data && shown());
      other(structuredClone(whole));
      await settled();
      return [...found, shown()];
    }"""
    expected = [len(whole["columns"]["id"]), 40]
    assert page.evaluate(code, [first, change, whole]) == [expected, None, expected]


def test_traits_that_were_not_answered_are_asked_for_again(page: Page, moments: tuple[dict[str, Any], ...]) -> None:
    started(page, moments[0])
    again = "window.state.traits().then(({ id }) => id, (error) => error.message)"
    assert page.evaluate(again) == "no traits"
    page.evaluate("window.answers.traits = { id: [1], genes: {}, operations: {} }")
    assert page.evaluate(again) == [1]


def test_another_search_in_the_same_folder_takes_nothing_over(
    page: Page, moments: tuple[dict[str, Any], ...], tmp_path: Path
) -> None:
    MadeUp(individuals=40, population=20, seed=5).write(tmp_path)
    other = named(dict(Data(tmp_path).overview()))
    started(page, moments[0])
    page.evaluate("window.state.choose(3); window.state.brush(new Set([1, 2]))")
    refresh = """async (overview) => {
      window.answers.overview = overview;
      window.answers.searches.searches = [overview.search];
      await window.state.refresh();
      return [window.state.selected, window.state.brushed && [...window.state.brushed], window.state.data.count];
    }"""
    later = named(moments[2])
    assert page.evaluate(refresh, later) == [3, [1, 2], len(later["columns"]["id"])]
    assert page.evaluate(refresh, other) == [None, None, 40]


def test_a_search_that_cannot_be_read_any_more_is_not_taken_for_another_one(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    started(page, moments[0])
    code = """async () => {
      const other = { ...window.answers.searches.searches[0], key: "other", name: "another" };
      window.answers.searches = { searches: [other], problems: [{ name: "amoeba", message: "it is damaged" }] };
      await window.state.refresh();
    }"""
    page.evaluate(code)
    assert page.locator("header select option:checked").inner_text() == "amoeba (cannot be read now)"
    assert "What was read before is shown" in page.locator(".status").inner_text()
    assert page.locator(".message").inner_text() == "amoeba: it is damaged"


def test_a_chart_does_not_grow_with_its_canvas(page: Page, moments: tuple[dict[str, Any], ...]) -> None:
    started(page, moments[0])
    code = """async () => {
      const heights = () => [...document.querySelectorAll(".chart")].map(({ clientHeight }) => clientHeight);
      const before = heights();
      for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
      return [before, heights()];
    }"""
    before, after = page.evaluate(code)
    assert before and before == after


def test_a_pending_individual_is_asked_for_again_while_its_row_stays(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    columns = moments[0]["columns"]
    pending = columns["id"][columns["status"].index(0)]
    started(page, moments[0])
    page.evaluate("(id) => window.state.choose(id)", pending)
    count = "window.asked.filter(([name]) => name === 'individual').length"
    assert page.evaluate(count) == 1
    page.evaluate("new Promise((next) => setTimeout(next)).then(() => window.state.refresh())")
    assert page.evaluate(count) == 2


def of_rungs(overview: dict[str, Any], state: str = "running") -> tuple[dict[str, Any], int, int]:
    """Returns an overview of a search with rungs, and the places of a child and of its parent, which are both done."""
    found: dict[str, Any] = json.loads(json.dumps(named(overview)))
    found["search"] |= {"rungs": [3, 9], "state": state}
    columns = found["columns"]
    place = {id: number for number, id in enumerate(columns["id"])}
    child, parent = next(
        (number, place[parent])
        for number, parent in enumerate(columns["parent"])
        if parent in place and columns["status"][number] == columns["status"][place[parent]] == 1
    )
    return found, child, parent


# Shows a later overview, as a page does when the stamp of the search has changed.
LATER = """async (overview) => {
  overview.search.stamp = overview.stamp = "later";
  window.answers.overview = overview;
  window.answers.searches.searches = [overview.search];
  await new Promise((next) => setTimeout(next));
  await window.state.refresh();
  await new Promise((next) => setTimeout(next));
}"""
COUNT = "(name) => window.asked.filter(([asked]) => asked === name).length"


def test_a_promotion_of_the_parent_changes_the_strip_and_the_gain(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    overview, child, parent = of_rungs(moments[2], "ended")
    started(page, overview, ancestors={"line": []})
    id = overview["columns"]["id"][child]
    page.evaluate("(id) => { window.state.open('ancestry'); window.state.choose(id); }", id)
    assert page.locator("aside [title='against its parent']").count() == 1
    asked = [page.evaluate(COUNT, name) for name in ("ancestors", "individual")]
    overview["columns"]["rung"][parent], overview["columns"]["fitness"][parent] = 1, 0.97
    page.evaluate(LATER, overview)
    assert [page.evaluate(COUNT, name) for name in ("ancestors", "individual")] == [count + 1 for count in asked]
    assert page.locator("aside [title='against its parent']").count() == 0
    page.evaluate("window.state.data.answer.stamp = 'before'")
    page.evaluate(LATER, overview)
    assert page.evaluate(COUNT, "ancestors") == asked[0] + 1, "nothing of the line has changed"


def test_the_chip_of_the_best_goes_to_the_next_best(page: Page, moments: tuple[dict[str, Any], ...]) -> None:
    overview, child, parent = of_rungs(moments[2], "ended")
    overview["columns"]["rung"][child] = 1
    started(page, overview)
    page.evaluate("(id) => window.state.choose(id)", overview["columns"]["id"][child])
    assert page.locator("aside .chip.best").count() == 1
    overview["columns"]["rung"][parent], overview["columns"]["fitness"][parent] = 1, 0.999
    page.evaluate(LATER, overview)
    assert page.locator("aside .chip.best").count() == 0


@pytest.mark.parametrize(("state", "rung", "more"), [("running", 0, 1), ("running", 1, 0), ("ended", 0, 0)])
def test_an_individual_that_may_be_promoted_is_asked_for_again_while_its_row_stays(
    page: Page, moments: tuple[dict[str, Any], ...], state: str, rung: int, more: int
) -> None:
    overview, child, _ = of_rungs(moments[2], state)
    overview["columns"]["rung"][child] = rung
    started(page, overview)
    page.evaluate("(id) => window.state.choose(id)", overview["columns"]["id"][child])
    assert page.evaluate(COUNT, "individual") == 1
    page.evaluate("new Promise((next) => setTimeout(next)).then(() => window.state.refresh())")
    assert page.evaluate(COUNT, "individual") == 1 + more


def test_the_test_of_another_individual_is_not_named_as_that_of_the_best(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    overview = named(moments[2])
    best = page.evaluate(
        "(one) => import('./data.js').then(({ SearchData }) => { const data = new SearchData(one); "
        "return data.columns.id[data.best]; })",
        overview,
    )
    for id, words in ((best, f"individual {best}, test 0.9100"), (best - 1, f"individual {best}")):
        search = overview["search"] | {"test": {"id": id, "accuracy": 0.91}}
        started(page, {**overview, "search": search})
        assert page.locator(".facts .hint").first.inner_text() == words


CONDITION = """async ([overview, place]) => {
  const { SearchData } = await import("./data.js");
  const { condition } = await import("./headline.js");
  return condition(new SearchData(overview), place)[0];
}"""


@pytest.mark.parametrize(
    ("finished", "left", "words"),
    [
        (5, 0, "in the population"),
        (5, 9, "removed after result 9"),
        (5, -1, "finished"),
        (5, None, "finished"),
        (0, 0, "finished, waits for earlier results"),
    ],
)
def test_only_a_former_member_was_removed(
    page: Page, moments: tuple[dict[str, Any], ...], finished: int, left: int | None, words: str
) -> None:
    overview = json.loads(json.dumps(named(moments[0])))
    columns = overview["columns"]
    place = columns["status"].index(1)
    columns["finished"][place], columns["left"][place] = finished, left
    assert page.evaluate(CONDITION, [overview, place]) == words


@pytest.mark.parametrize(
    ("low", "high", "is_log"),
    [(0.7, 0.7000000000000001, False), (100, 100 + 3e-14, False), (0, 5e-324, False), (1e-12, 1e18, True)],
)
def test_an_axis_of_any_range_has_few_numbers(page: Page, low: float, high: float, is_log: bool) -> None:
    code = """([low, high, isLog]) => import("./format.js").then(({ ticks }) => {
      window.found = ticks(low, high, 8, isLog, "fitness").length;
    })"""
    page.evaluate(f"(range) => {{ void ({code})(range); }}", [low, high, is_log])  # a loop without end stops the page
    page.wait_for_function("window.found !== undefined")
    assert 1 <= page.evaluate("window.found") <= 40


def test_days_have_less_than_24_hours(page: Page) -> None:
    code = "(seconds) => import('./format.js').then(({ duration }) => duration(seconds))"
    assert page.evaluate(code, 2 * 86_400 + 1_420 * 60) == "3 d"
    assert page.evaluate(code, 2 * 86_400 + 3_600) == "2 d 1 h"


def several(overview: dict[str, Any], key: str, **search: Any) -> dict[str, Any]:
    """Returns an overview as that of a search with a key of its own."""
    found: dict[str, Any] = json.loads(json.dumps(named(overview)))
    found["search"] |= {"key": key, "name": key, **search}
    return found


# Opens a search whose overview is given.
OPEN = """async ([overview, traits]) => {
  window.answers.overview = overview;
  window.answers.traits = traits;
  window.answers.searches.searches = [overview.search];
  await window.state.openSearch(overview.search.key);
  await new Promise((next) => setTimeout(next));
}"""
NO_TRAITS: dict[str, Any] = {"id": [], "genes": {}, "operations": {}}


def axes(page: Page) -> list[tuple[str, bool]]:
    """Returns the measures upwards and across, and whether their axes are logarithmic."""
    logs = page.locator(".tradeoffs").get_by_label("log", exact=True)
    return [
        (page.get_by_label(name).locator("option:checked").inner_text(), logs.nth(place).is_checked())
        for place, name in enumerate(("Up", "Across"))
    ]


def test_the_axes_are_those_of_the_search_from_its_start_to_the_next_search(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    objectives = [{"name": "accuracy", "direction": "max"}, {"name": "latency_ms", "direction": "min"}]
    later = several(moments[2], "k", objectives=objectives)
    begun = several(moments[0], "k", objectives=objectives)
    begun["columns"]["status"] = [0 for _ in begun["columns"]["status"]]
    begun["metrics"] = {}
    started(page, begun)
    page.evaluate("window.state.open('tradeoffs')")
    assert axes(page) == [("Fitness", False), ("latency_ms", False)]
    later["metrics"]["latency_ms"][later["columns"]["status"].index(1)] = 0
    page.evaluate(LATER, later)
    assert axes(page) == [("Fitness", False), ("latency_ms", False)]
    page.locator(".tradeoffs").get_by_label("log", exact=True).nth(1).check()
    assert "1 without a place on a logarithmic axis" in page.locator(".tradeoffs .line-keys").inner_text()
    other = several(moments[2], "other")
    other["metrics"] = {}
    page.evaluate(OPEN, [other, NO_TRAITS])
    assert axes(page) == [("Fitness", False), ("Parameters", True)]


def parallel(page: Page) -> None:
    """Opens the chart of all traits, which gets a height."""
    page.add_style_tag(content=".chart { position: relative; height: 300px } [hidden] { display: none }")
    page.evaluate("window.state.open('tradeoffs')")
    page.get_by_role("button", name="All traits").click()
    page.wait_for_selector(".choices input", state="attached")


def test_the_list_of_axes_that_is_open_is_that_of_the_next_search(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    ids = moments[2]["columns"]["id"]
    old, new = ({"id": ids, "genes": {name: [*range(len(ids))]}, "operations": {}} for name in ("old", "new"))
    started(page, moments[2], traits=old)
    parallel(page)
    page.locator(".trait-picker summary").click()
    assert "old" in page.locator(".choices label").all_inner_texts()
    page.evaluate(OPEN, [several(moments[2], "other"), new])
    names = page.locator(".choices label").all_inner_texts()
    assert "new" in names and "old" not in names
    assert page.locator(".trait-picker[open] .choices input:checked").count() == 9


def test_individuals_without_a_line_are_not_found_by_it(page: Page, moments: tuple[dict[str, Any], ...]) -> None:
    overview = several(moments[2], "k")
    overview["columns"]["status"] = [2 for _ in overview["columns"]["status"]]
    started(page, overview, traits=NO_TRAITS)
    parallel(page)
    box = page.locator(".parallel .chart").bounding_box()
    assert box is not None
    gap = (box["width"] - 140) / (page.locator(".choices input:checked").count() - 1)
    for y in range(60, 260, 10):
        page.mouse.click(box["x"] + 70 + gap / 2, box["y"] + y)
    assert page.evaluate("window.state.selected") is None
    page.mouse.move(box["x"] + 70, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 70, box["y"] + 290)
    page.mouse.up()
    assert page.evaluate("window.state.brushed.size") == 0


def test_charts_are_as_sharp_as_the_screen_to_which_the_page_moves(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    started(page, moments[2], traits=NO_TRAITS)
    parallel(page)
    session = page.context.new_cdp_session(page)
    sharp = """([name, ratio]) => [...document.querySelectorAll(`${name} canvas`)].every((one) =>
      one.clientWidth > 0 && Math.abs(one.width - ratio * one.clientWidth) <= 1 &&
      Math.abs(one.getContext("2d").getTransform().a - ratio) < 0.01)"""
    for view, name in (("tradeoffs", ".parallel"), ("overview", ".overview .figure")):
        page.evaluate("(view) => window.state.open(view)", view)
        for height, ratio in ((700, 1.5), (710, 2)):  # Chromium tells of another ratio only beside another size
            size = {"width": 1000, "height": height, "deviceScaleFactor": ratio, "mobile": False}
            session.send("Emulation.setDeviceMetricsOverride", size)
            page.wait_for_function(sharp, arg=[name, ratio], timeout=LIMIT)


def test_searches_of_one_random_seed_are_not_counted_as_several(
    page: Page, moments: tuple[dict[str, Any], ...]
) -> None:
    own = named(moments[2])["search"]
    seeds = (0, 0, 1)
    searches = [own, *({**own, "key": f"k{place}", "seed": seed} for place, seed in enumerate(seeds))]
    started(page, moments[2], searches={"searches": searches, "problems": []})
    page.evaluate("window.state.open('compare')")
    page.wait_for_selector(".compare .line-key", state="attached")
    assert page.locator(".compare .line-key").inner_text().endswith(" (4 searches, 2 random seeds)")


@pytest.mark.parametrize("turn", [-100, 100])
@pytest.mark.parametrize("view", ["tradeoffs", "ancestry"])
def test_a_wheel_that_is_turned_on_and_on_does_not_stop_the_page(
    browser: Browser, address: str, view: str, turn: int
) -> None:
    with opened(browser, address, at=f"view={view}") as tab:
        chart = tab.chart()
        turning = """async (canvas, turn) => {
          const event = { deltaY: turn, ctrlKey: true, cancelable: true, clientX: 300, clientY: 300 };
          for (let time = 0; time < 150; time += 1) {
            canvas.dispatchEvent(new WheelEvent("wheel", event));
            if (time % 5 === 0) await new Promise(requestAnimationFrame);
          }
          window.isDone = true;
        }"""
        chart.top.evaluate(f"(canvas, turn) => {{ void ({turning})(canvas, turn); }}", turn)
        tab.frame.wait_for_function("window.isDone", timeout=LIMIT)


def test_a_zoom_ends_with_its_search(browser: Browser, address: str, runs: Path) -> None:
    known = Known(runs / "amoeba-1")
    with opened(browser, address) as tab:
        tab.wait(".facts")
        chart = tab.chart()
        chart.drag(chart.pixel(0.9, 0.9), chart.pixel(0.99, 0.99))
        tab.frame.locator("header select").select_option("amoeba-1")
        tab.wait(".facts", f"individual {known.best['id']}")
        tab.frame.get_by_role("button", name=f"{known.best['fitness']:.4f}").click()
        tab.described(known.best["id"])
        tab.frame.locator("aside").get_by_role("button", name="Close").click()
        x, y = overview_places(tab, known)[known.best["id"]]
        tab.chart().click(x, y)
        tab.described(known.best["id"])


def test_what_a_view_shows_stays_while_another_view_is_open(browser: Browser, address: str) -> None:
    with opened(browser, address, at="view=table") as tab:
        tab.wait(".table-view tbody tr")
        tab.frame.get_by_label("Search the texts of the individuals").fill("no genotype has this")
        # "60 of 60 individuals", which stands there before, ends with the same words.
        tab.wait(".table-view [role=status]", re.compile("^0 of 60 individuals"))
        tab.open("Overview")
        tab.open("Table")
        assert tab.text(".table-view [role=status]") == "0 of 60 individuals"
        tab.frame.locator("header select").select_option("random")
        tab.wait(".table-view [role=status]", "60 of 60 individuals")


def test_the_focus_stays_where_the_keyboard_has_put_it(browser: Browser, address: str) -> None:
    focused = "document.activeElement.closest('label')?.innerText ?? document.activeElement.innerText"
    with opened(browser, address) as tab:
        tab.wait(".facts")
        tab.frame.get_by_role("button", name="Trade-offs").focus()
        tab.page.keyboard.press("Enter")
        assert tab.frame.evaluate(focused) == "Trade-offs"
        tab.frame.get_by_label("Across").focus()
        tab.page.keyboard.press("ArrowDown")
        tab.paint()
        assert tab.frame.evaluate(focused).startswith("Across")
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Space")
        tab.paint()
        assert tab.frame.evaluate(focused) == "log"
        tab.open("Table")
        tab.frame.get_by_role("button", name="Gain").focus()
        tab.page.keyboard.press("Enter")
        tab.paint()
        assert tab.frame.evaluate(focused).startswith("Gain")


def test_escape_ends_the_zoom_and_then_the_choice(browser: Browser, address: str) -> None:
    with opened(browser, address, at="id=3") as tab:
        tab.described(3)
        chart = tab.chart()
        chart.drag(chart.pixel(0.2, 0.2), chart.pixel(0.9, 0.9))
        tab.page.mouse.move(5, 5)
        for is_hidden in (False, True):
            chart.top.press("Escape")
            assert tab.frame.locator("aside").is_hidden() == is_hidden


def test_a_choice_of_axes_keeps_what_is_selected(browser: Browser, address: str) -> None:
    with opened(browser, address, at="view=tradeoffs") as tab:
        tab.wait(".front tbody tr")
        chart = tab.chart()
        chart.drag(chart.pixel(0, 1), chart.pixel(1, 0.5))
        words = tab.wait(".tradeoffs .controls .hint[role=status]", "individuals are selected").inner_text().split()[0]
        tab.frame.get_by_role("button", name="All traits").click()
        tab.wait(".parallel .trait-picker summary").click()
        tab.frame.locator(".choices input").first.click()
        assert tab.text(".tradeoffs .controls .hint[role=status]").split()[0] == words


def test_the_front_says_which_values_are_better(browser: Browser, address: str) -> None:
    with opened(browser, address, at="view=tradeoffs") as tab:
        hint = tab.wait(".front .hint")
        assert "Better are low values of “Parameters” and high values of “Fitness”." in hint.inner_text()
        tab.frame.get_by_label("Across").select_option("latency_ms")
        tab.wait(".front .hint", "Better are low values of “latency_ms” and high values of “Fitness”.")


def test_a_report_says_that_it_lacks_texts(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MadeUp(individuals=40, population=20).write(tmp_path / "amoeba")
    monkeypatch.setattr(report, "DETAILED", 10)
    monkeypatch.setattr(report, "DRAWN", 2)
    report.write(tmp_path / "amoeba", tmp_path / "report.html")
    with opened(browser, (tmp_path / "report.html").as_uri(), at="view=table", offline=True) as tab:
        tab.wait(".table-view tbody tr")
        tab.frame.get_by_label("Search the texts of the individuals").fill("conv")
        tab.wait(".table-view [role=status]", "10 of 40 individuals; the report lacks the texts of 30")
