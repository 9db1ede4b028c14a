"""The report: one HTML file that shows the same as the tab, from a disk and without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolve import SearchError, UsageError
from evolve.tab import report
from evolve.tab.data import Data
from tests.evolve.tab.browsing import VIEWS, Tab, opened
from tests.evolve.tab.known import Known
from tests.evolve.tab.looks import hard_to_read, too_wide
from tests.evolve.tab.made_up import MadeUp
from tests.evolve.tab.test_data import changed

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def page(runs: Path) -> Path:
    """The report of the first search."""
    out = runs.parent / "report.html"
    report.write(runs / "amoeba", out)
    return out


def shown(tab: Tab, id: int) -> dict[str, object]:
    """Returns what the views show, as texts."""
    tab.wait(".facts")
    found: dict[str, object] = {"facts": tab.texts(".facts > div"), "rules": tab.rows(".rules")}
    tab.open("Trade-offs")
    found["front"] = tab.rows(".front")
    tab.open("Ancestry")
    tab.wait("ol.line > li")
    found["line"] = tab.texts("ol.line > li")
    tab.open("Table")
    found["table"] = tab.rows(".table-view")
    tab.choose(id)
    found["panel"] = [text for text in tab.texts("aside section") if not text.startswith("Commands")]
    found["picture"] = tab.frame.locator("aside .picture img").evaluate("(one) => one.decode().then(() => one.width)")
    return found


def test_a_report_shows_the_same_as_the_tab_and_asks_for_nothing(
    browser: Browser, address: str, page: Path, known: Known
) -> None:
    with opened(browser, address) as tab:
        wanted = shown(tab, known.best["id"])
    with opened(browser, page.as_uri(), offline=True) as tab:
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url))
        tab.page.reload()
        tab.frame.wait_for_selector("#amoeba main > *", state="attached")
        assert shown(tab, known.best["id"]) == wanted
        assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [page.as_uri()]


def test_a_report_opens_at_its_address_and_can_be_read(browser: Browser, page: Path, known: Known) -> None:
    with opened(browser, page.as_uri(), at=f"view=ancestry&id={known.best['id']}", offline=True) as tab:
        tab.wait(".strip h2", f"Line of the best individual, {known.best['id']}")
        tab.described(known.best["id"])
        for _ in ("light", "dark"):
            for view in VIEWS:
                tab.open(view)
                assert [*hard_to_read(tab), *too_wide(tab)] == []
            tab.frame.get_by_role("button", name="Light or dark").click()


def test_a_report_of_a_hostile_search_runs_no_script(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    MadeUp(individuals=60, population=20, hostile=True).write(folder)
    failed = Known(folder).failed[0]
    report.write(folder, tmp_path / "report.html")
    with opened(browser, (tmp_path / "report.html").as_uri(), at=f"id={failed}", offline=True) as tab:
        tab.wait("aside .failure", "<script>document.title")
        assert tab.page.title() == f"Evolution: {folder.name}"


def test_a_file_that_is_no_page_or_has_no_folder_is_a_mistake(tmp_path: Path) -> None:
    MadeUp(individuals=12, population=10).write(tmp_path / "amoeba")
    for out, message in (
        ("report.pdf", r"--out=.*report\.html"),
        ("away/report.html", "mkdir -p .*away"),
        ("far away/report.html", "mkdir -p '.*far away'"),
    ):
        with pytest.raises(UsageError, match=message):
            report.write(tmp_path / "amoeba", tmp_path / out)
    for out, advice in ((".", "report.html"), ("/", "/report.html"), ("my report", "'my report.html'")):
        with pytest.raises(UsageError, match=f"it must end in .html: --out={advice}"):
            report.write(tmp_path / "amoeba", Path(out))
    with pytest.raises(UsageError):
        report.write(tmp_path / "away", tmp_path / "report.html")


def test_values_that_no_search_writes_are_named(tmp_path: Path) -> None:
    MadeUp(individuals=12, population=10).write(tmp_path / "amoeba")
    changed(tmp_path / "amoeba", "update individuals set metrics = '[1, 2]' where id = 3")
    with pytest.raises(SearchError, match="amoeba has values that this version cannot read"):
        report.write(tmp_path / "amoeba", tmp_path / "report.html")


def test_individuals_that_cannot_be_drawn_and_lost_parents_leave_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "amoeba"
    MadeUp(individuals=40, population=10).write(folder)
    child = next(id for id, row in Known(folder).rows.items() if row["parent"])
    lost = Known(folder).rows[child]["parent"]
    changed(folder, "delete from individuals where id = ?", lost)
    changed(folder, "update individuals set genotype = 'cell' where id = ?", lost + 1)
    found = report.contents(Data(folder), "amoeba", lambda words: None)
    assert str(child) in found["pictures"] and str(lost + 1) not in found["pictures"]
    assert len(found["individuals"]) == 39
