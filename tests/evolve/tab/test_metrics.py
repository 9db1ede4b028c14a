"""A search for a metric of which less is better, with rungs and a model of the fitness, in the page of a report."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evolve import Individual, Store
from evolve.predictor.results import correlation
from evolve.store.database import FILE
from evolve.store.rungs import continued, promoted
from evolve.tab import report
from evolve.tab.data import Data
from tests.evolve.tab.browsing import Tab, opened
from tests.evolve.tab.made_up import MadeUp

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUNGS = "(2, 6)"


def promote(store: Store, ids: list[int]) -> None:
    """Adds the results of the first rung, and promotes individuals to the second one, in which they become slower."""
    for one in store.finished():
        store.rungs.finish(store.rungs.start(one.id, 0), one, 0)
    for id in ids:
        before = store.individual(id)
        result = continued(before, replace(before, fitness=before.fitness - 0.25, note=""), "it failed")
        store.rungs.finish(store.rungs.start(id, 1), result, 1)
        store.promote(promoted(before, result, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work directory of the search, of which two individuals are on the second rung."""
    folder = tmp_path_factory.mktemp("metrics") / "search"
    MadeUp(individuals=60, population=20, objectives="latency_ms min").write(folder)
    with Store(folder) as store:
        ranked = sorted((one for one in store.finished() if not one.is_failed), key=lambda one: one.fitness)
        promote(store, [ranked[-1].id, ranked[-3].id])
    with sqlite3.connect(folder / FILE) as db:
        db.execute("insert or replace into meta values ('identity.search.rungs', ?)", (RUNGS,))
        db.execute("update individuals set predicted = fitness - id % 5 where id > 40 and status = 'done'")
    return folder


@pytest.fixture(scope="module")
def best(folder: Path) -> Individual:
    with Store(folder) as store:
        return store.best(1)[0]


@pytest.fixture
def tab(browser: Browser, folder: Path) -> Iterator[Tab]:
    page = folder / "report.html"
    if not page.exists():
        report.write(folder, page)
    with opened(browser, page.as_uri(), offline=True) as found:
        yield found


def test_the_answers_have_the_metric_the_rungs_and_the_predictions(folder: Path, best: Individual) -> None:
    data = Data(folder)
    answer: dict[str, Any] = data.overview()
    search, columns = answer["search"], answer["columns"]
    assert (search["metric"], search["direction"], search["rungs"]) == ("latency_ms", "min", (2, 6))
    assert best.rung == 1 and search["best"] == best.fitness < 0
    assert max(columns["fitness"], key=lambda value: -99 if value is None else value) > best.fitness
    with Store(folder) as store:
        assert search["model"] == {"chosen": len(store.predicted()), "correlation": correlation(store.predicted())}
    found: Any = data.individual(best.id)["rungs"]
    assert [(one["rung"], one["epochs"]) for one in found] == [(0, 6), (1, 6)]
    assert found[1]["fitness"] == best.fitness == pytest.approx(found[0]["fitness"] - 0.25)
    assert found[1]["seconds"] == best.seconds == pytest.approx(2 * found[0]["seconds"])


def test_the_gain_of_a_child_on_another_rung_is_not_known(folder: Path) -> None:
    data = Data(folder)
    columns: Any = data.overview()["columns"]
    rungs = dict(zip(columns["id"], columns["rung"], strict=True))
    other = next(
        id for id, parent, status in zip(columns["id"], columns["parent"], columns["status"], strict=True)
        if parent and status == 1 and rungs[id] != rungs[parent]
    )  # fmt: skip
    assert data.individual(other)["gain"] is None


def test_the_metric_has_its_name_and_its_own_sign(tab: Tab, best: Individual) -> None:
    shown = f"{-best.fitness:.4f}"
    assert tab.wait(".facts dd").inner_text() == shown
    assert f"best {shown}" in tab.text("header .status")
    assert tab.text(".figure h2") == "latency_ms of every individual"
    tab.frame.get_by_role("button", name=shown).click()
    tab.described(best.id)
    tab.wait("aside .details h3", "Rungs")
    assert tab.text("aside .headline .fitness") == shown
    assert tab.rows("aside .details")[-1] == ["2", "6", shown, f"{best.seconds:.0f} s"]


def test_the_table_has_the_rung_and_the_prediction(tab: Tab, best: Individual) -> None:
    tab.open("Table")
    tab.wait(".table-view tbody tr")
    tab.frame.get_by_label("Show").select_option("front")
    names = tab.frame.locator(".table-view th").all_inner_texts()
    assert "Fitness" not in names and names.count("latency_ms") == 1 and "Predicted" in names
    rows = [dict(zip(names, row, strict=True)) for row in tab.rows(".table-view")]
    one = next(row for row in rows if row["Id ▲"] == str(best.id))
    assert (one["latency_ms"], one["Rung"]) == (f"{-best.fitness:.4f}", "2")


def test_the_front_has_individuals_of_the_highest_rung(tab: Tab, best: Individual) -> None:
    tab.open("Trade-offs")
    assert tab.frame.get_by_label("Up").locator("option:checked").inner_text() == "latency_ms"
    hint = tab.text(".front .hint")
    assert "of the highest rung" in hint and "low values of “latency_ms”" in hint
    ids = {int(row[0]) for row in tab.rows(".front")}
    assert best.id in ids and len(ids) <= 2
