"""The views in a browser: each shows the individuals of a known store, and an individual is chosen in all of them."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.evolve.tab.browsing import Tab, opened
from tests.evolve.tab.known import Known

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOM = 0.03  # the share of an axis that is free on each side of the points


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Tab]:
    with opened(browser, address) as found:
        found.wait(".facts")
        yield found


def signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def share(value: float, low: float, high: float) -> float:
    """Where a value lies on its axis, from 0 to 1."""
    room = ROOM * (high - low)
    return (value - low + room) / (high - low + 2 * room)


def overview_places(tab: Tab, known: Known) -> dict[int, tuple[float, float]]:
    """The pixels at which the finished individuals must be in the overview."""
    chart = tab.chart()
    x = [row["finished"] for row in known.rows.values()]
    y = [row["fitness"] for row in known.done]
    return {
        row["id"]: chart.pixel(share(row["finished"], min(x), max(x)), share(row["fitness"], min(y), max(y)))
        for row in known.done
    }


def alone(places: dict[int, tuple[float, float]]) -> list[int]:
    """The ids by how far their points are from all others, the farthest first."""

    def distance(id: int) -> float:
        return min(math.dist(places[id], place) for other, place in places.items() if other != id)

    return sorted(places, key=distance, reverse=True)


def test_the_overview_counts_the_individuals_of_the_store(tab: Tab, known: Known) -> None:
    best = known.best
    words = f"60 of 60 finished, {len(known.failed)} failed, best {best['fitness']:.4f} · ended: all 60 individuals"
    assert words in tab.text(".status")
    facts = tab.texts(".facts > div")
    assert facts[0].startswith(f"Best {best['fitness']:.4f} individual {best['id']}, test ")
    assert facts[1] == "Finished 60 of 60 by regularized evolution"
    assert facts[2] == f"Failed {len(known.failed)} listed in the table"
    flops = sum(row["flops"] for row in known.rows.values())
    assert f"Training FLOPs {float(f'{flops / 1e12:.3g}'):g}T of all individuals together" in facts
    waited = [(row["data_seconds"], row["step_seconds"]) for row in known.done if row["data_seconds"]]
    share = sum(data for data, _ in waited) / sum(steps for _, steps in waited)
    assert f"Waited for images {100 * share:.1f} % of the time of training and validation" in facts


def test_the_overview_has_what_each_rule_has_gained(tab: Tab, known: Known) -> None:
    shown = tab.rows(".rules")
    assert {row[0] for row in shown} == {row["rule"] for row in known.rows.values() if row["parent"]}
    for rule, tried, improved, rejected, gain in shown:
        own = known.by_rule(rule)
        gains = [value for id in own if (value := known.gain(id)) is not None]
        better = sum(value > 0 for value in gains)
        assert (tried, rejected) == (str(len(own)), str(known.rejected(rule)))
        assert improved == f"{better} ({100 * better / len(own):.0f} %)"
        error = f" ± {statistics.stdev(gains) / len(gains) ** 0.5:.4f}" if len(gains) > 1 else ""
        assert gain == f"{signed(statistics.fmean(gains))}{error}"


def test_the_legend_counts_the_individuals_of_each_rule_and_hides_them(tab: Tab, known: Known) -> None:
    rules = [row["rule"] for row in known.rows.values()]
    assert {*tab.texts(".overview .legend button")} == {f"{rule}{rules.count(rule)}" for rule in rules}
    places = overview_places(tab, known)
    id = alone(places)[0]
    button = tab.frame.locator(".overview .legend button").filter(has_text=known.rows[id]["rule"]).first
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    tab.paint()
    tab.chart().click(*places[id])
    assert "id" not in tab.state


def test_a_click_on_a_point_chooses_the_individual_everywhere(tab: Tab, known: Known) -> None:
    tab.wait(".line-keys", "best of random (random search)")
    places = overview_places(tab, known)
    first, second = alone(places)[:2]
    tab.chart().click(*places[first])
    tab.described(first)
    assert tab.state["id"] == str(first)
    places = overview_places(tab, known)  # the panel has made the chart narrower
    chart = tab.chart()
    assert chart.is_ringed(*places[first])
    chart.click(*places[second], second=True)
    tab.wait("aside h2", f"Compared with individual {second}")
    assert tab.state["with"] == str(second)
    assert tab.texts(".pair figcaption b") == [f"Individual {first}", f"Individual {second}"]
    places = overview_places(tab, known)
    assert tab.chart().is_ringed(*places[first]) and tab.chart().is_ringed(*places[second], "--second")
    tab.open("Table")
    chosen = tab.frame.locator(".table-view tr[aria-selected=true] td").first
    assert chosen.inner_text() == str(first)


def test_the_trade_offs_list_the_pareto_front(tab: Tab, known: Known) -> None:
    tab.open("Trade-offs")
    front = known.front_of("params")
    assert tab.text(".front h2") == f"Pareto front: {len(front)} individuals"
    shown = tab.rows(".front")
    assert [int(row[0]) for row in shown] == front
    assert [row[2:] for row in shown] == [[f"{known.rows[id]['fitness']:.4f}", known.rows[id]["rule"]] for id in front]
    tab.frame.get_by_label("Across").select_option("Depth")
    shallow = known.front_of("depth")
    assert [int(row[0]) for row in tab.rows(".front")] == shallow
    tab.frame.locator(".front tbody button").last.click()
    tab.described(shallow[-1])


def test_a_rectangle_in_the_trade_offs_selects_in_the_table(tab: Tab, known: Known) -> None:
    tab.open("Trade-offs")
    params = [math.log(row["params"]) for row in known.rows.values() if row["params"]]
    fitness = [row["fitness"] for row in known.done]
    middle = statistics.median(fitness)
    chart = tab.chart()
    upper = share(middle, min(fitness), max(fitness))
    chart.drag(chart.pixel(0, upper), chart.pixel(share(statistics.median(params), min(params), max(params)), 1))
    inside = known.where(
        lambda row: (
            row["status"] == "done"
            and row["fitness"] >= middle
            and math.log(row["params"]) <= statistics.median(params)
        )
    )
    words = tab.text(".tradeoffs .controls .hint")
    found = int(words.split()[0])
    assert "individuals are selected." in words
    assert inside and abs(found - len(inside)) <= 2  # a point at the edge is in or out by a part of a pixel
    tab.open("Table")
    tab.frame.get_by_label("Show").select_option("brushed")
    assert tab.text(".table-view [role=status]") == f"{found} of 60 individuals"
    tab.open("Trade-offs")
    tab.frame.get_by_role("button", name="End the selection").click()
    tab.wait(".tradeoffs .hint", "Drag a rectangle")


def test_parallel_axes_show_genes_and_operations_and_select_a_range(tab: Tab, known: Known) -> None:
    tab.open("Trade-offs")
    tab.frame.get_by_role("button", name="All traits").click()
    tab.wait(".parallel .hint", "Each line is an individual")
    tab.frame.get_by_text("Choose axes").click()
    names = tab.texts(".trait-picker label")
    assert "learning_rate" in names and any(name.startswith("sep_conv[3x3] (") for name in names)
    tab.frame.get_by_text("Choose axes").click()
    box = tab.frame.locator(".parallel .chart").bounding_box()
    assert box is not None
    mouse = tab.page.mouse
    mouse.move(box["x"] + 70, box["y"] + 40)  # the axis of the fitness; its upper half
    mouse.down()
    mouse.move(box["x"] + 70, box["y"] + 54 + (box["height"] - 54 - 34) / 2, steps=3)
    mouse.up()
    fitness = [row["fitness"] for row in known.done]
    middle = (min(fitness) + max(fitness)) / 2
    upper = sum(value >= middle for value in fitness)
    tab.wait(".tradeoffs .hint", "individuals are selected.")
    assert abs(int(tab.text(".tradeoffs > .controls > .hint").split()[0]) - upper) <= 1


def test_the_strip_of_ancestors_is_the_line_of_the_store(tab: Tab, known: Known) -> None:
    tab.open("Ancestry")
    best = known.best["id"]
    cards = tab.frame.locator("ol.line > li")
    tab.wait(".strip h2", f"Line of the best individual, {best}")
    line = known.line(best)
    assert [int(card.get_attribute("data-id") or 0) for card in cards.all()] == line
    for before, id, card in zip([0, *line], line, cards.all(), strict=False):
        row, gain = known.rows[id], known.gain(id)
        words = " ".join(card.inner_text().split())
        assert words.startswith(f"{id} {row['fitness']:.4f} " + ("" if gain is None else signed(gain)))
        if before:
            assert row["rule"] in words
            assert all(change in words for change in known.changes(id)[:2])
        else:
            assert "first ancestor" in words
    cards.first.locator("button.card").click()
    tab.described(line[0])
    assert [int(card.get_attribute("data-id") or 0) for card in cards.all()] == line  # the line stays
    assert tab.state["id"] == str(line[0])


def test_a_subtree_is_folded_and_unfolded(tab: Tab, known: Known) -> None:
    id = known.line(known.best["id"])[0]
    below = known.descendants(id)
    tab.choose(id)
    tab.open("Ancestry")
    tab.frame.get_by_role("button", name=f"Fold its {len(below)} descendants", exact=True).click()
    tab.wait(".folding button", f"Unfold its {len(below)} descendants")
    tab.wait(".tree-keys", "folded")
    tab.open("Table")
    tab.choose(max(below))
    tab.open("Ancestry")  # what hides the chosen individual is unfolded
    assert tab.frame.get_by_role("button", name="Unfold all").count() == 0


def test_the_panel_describes_the_individual(tab: Tab, known: Known) -> None:
    line = known.line(known.best["id"])[::-1]
    id = next(id for id in line if known.rows[id]["parent"] and not known.rows[id]["mate"])
    row = known.rows[id]
    tab.choose(id)
    text = tab.text("aside")
    assert f"{row['fitness']:.4f}" in text and signed(known.gain(id) or 0) in text
    assert tab.texts("aside .changes li") == known.changes(id)
    assert f"Children ({len(known.children(id))})" in text or not known.children(id)
    for command in ("cell draw", "cell train"):
        assert re.search(rf"{command} \S+/amoeba:{id}", text)
    duplicates = known.where(lambda one: all(one[name] == row[name] for name in ("fingerprint", "genes")))
    assert [int(one) for one in tab.texts("aside p[title^=Individuals] button")] == [
        one for one in duplicates if one != id
    ]
    tab.frame.locator("aside summary", has_text="Text of the genotype").click()
    assert tab.frame.locator("aside pre").inner_text() == row["genotype"]
    picture = tab.frame.locator("aside .picture img")
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    assert f"against={row['parent']}" in (picture.get_attribute("src") or "")
    for name, value in json.loads(row["metrics"]).items():
        assert f"{name} {float(f'{value:.4g}'):g}" in tab.texts("aside .numbers div")


def test_the_panel_has_the_share_in_which_steps_waited_for_images(tab: Tab, known: Known) -> None:
    title = "Waited for images"
    waited, unknown = (next(row for row in known.done if bool(row["data_seconds"]) == is_known) for is_known in (1, 0))
    tab.choose(waited["id"])
    assert f"{title} {100 * waited['data_seconds'] / waited['step_seconds']:.1f} %" in tab.texts("aside .numbers div")
    tab.choose(unknown["id"])
    assert title not in tab.text("aside .numbers")


def test_the_panel_names_both_parents(tab: Tab, known: Known) -> None:
    id = next(id for id in known.rows if known.rows[id]["mate"] and known.changes(id) and known.changes(id, "mate"))
    parent, mate = known.rows[id]["parent"], known.rows[id]["mate"]
    tab.choose(id)
    assert tab.text("aside .origin") == f"terms from {parent} and its mate {mate}"
    assert tab.texts("aside .changes li") == known.changes(id) + known.changes(id, "mate")
    picture = tab.frame.locator("aside .picture img")
    for chosen, against in (("mate", mate), ("parent", parent)):
        tab.frame.get_by_label("mark what changed against").select_option(chosen)
        assert f"against={against}" in (picture.get_attribute("src") or "")
    tab.open("Ancestry")
    assert "from the mate, the second parent" in tab.text(".tree-keys")
    tab.frame.locator("aside .origin button").last.click()
    tab.described(mate)
    mated = known.where(lambda row: row["mate"] == mate)
    assert f"Children as the mate ({len(mated)}): {' '.join(map(str, mated))}" in tab.text("aside")


def test_a_failed_individual_has_its_reason(tab: Tab, known: Known) -> None:
    id = known.failed[0]
    tab.open("Table")
    tab.frame.get_by_label("Show").select_option("failed")
    assert [int(row[0]) for row in tab.rows(".table-view")] == known.failed
    tab.frame.locator(".table-view tbody tr").first.click()
    tab.described(id)
    assert tab.text("aside .failure") == f"It failed: {known.rows[id]['error']}"


def test_the_table_is_sorted_filtered_searched_and_saved(tab: Tab, known: Known) -> None:
    def ids() -> list[int]:
        return [int(row[0]) for row in tab.rows(".table-view")]

    def count() -> str:
        return tab.text(".table-view [role=status]")

    tab.open("Table")
    assert count() == "60 of 60 individuals" and ids()[:10] == [*range(1, 11)]
    tab.frame.get_by_role("button", name="Fitness", exact=True).click()
    assert ids()[0] == known.best["id"]
    for option, wanted in {
        "done": [row["id"] for row in known.done],
        "pending": [],
        "front": known.front_of("params"),
        "best": known.bests,
    }.items():
        tab.frame.get_by_label("Show").select_option(option)
        assert count() == f"{len(wanted)} of 60 individuals"
        if len(wanted) < 20:
            assert sorted(ids()) == sorted(wanted)
    tab.frame.get_by_label("Show").select_option("all")
    rule = known.best["rule"]
    tab.frame.get_by_label("Rule").select_option(rule)
    own = known.where(lambda row: row["rule"] == rule)
    assert count() == f"{len(own)} of 60 individuals"
    with tab.page.expect_download() as saved:
        tab.frame.get_by_role("button", name="Save as CSV").click()
    assert saved.value.suggested_filename == "amoeba.csv"
    with open(saved.value.path(), newline="") as file:
        table = list(csv.DictReader(file))
    assert sorted(int(row["Id"]) for row in table) == own
    assert all(float(row["Parameters"]) == known.rows[int(row["Id"])]["params"] for row in table)
    assert table[0]["Id"] == str(max(own, key=lambda id: known.rows[id]["fitness"] or 0))
    tab.frame.get_by_label("Rule").select_option("all")
    tab.frame.get_by_label("Search the texts").fill("SEP_CONV[7x7]")
    has = known.where(lambda row: "sep_conv[7x7]" in row["genotype"])
    tab.wait(".table-view [role=status]", f"{len(has)} of 60 individuals")


def test_searches_of_one_space_are_compared(tab: Tab, runs: Path) -> None:
    tab.open("Searches")
    tab.wait(".compare .hint", "The 3 searches that have the space, the data and the training of the open one.")
    assert tab.texts(".compare .line-key") == ["regularized evolution (2 random seeds)", "random search"]
    for row in tab.rows(".search-list"):
        store = Known(runs / row[0])
        assert row[4:] == ["60 of 60", str(len(store.failed)), f"{store.best['fitness']:.4f}"]
        assert row[3] == "ended: all 60 individuals are finished"
    tab.frame.get_by_role("button", name="random", exact=True).click()
    tab.wait(".facts", "by random search")
    tab.wait(".rules", "No rule has made a child yet.")


def test_the_address_keeps_what_is_chosen(browser: Browser, address: str, tab: Tab, known: Known) -> None:
    key = tab.state["search"]
    first, second = known.front_of("params")[0], known.best["id"]
    with opened(browser, address, at=f"view=tradeoffs&search={key}&id={first}&with={second}") as other:
        other.wait("aside h2", f"Compared with individual {second}")
        other.wait(".front h2")
        assert other.frame.locator(".front tr[aria-selected=true] td").first.inner_text() == str(first)
        other.frame.get_by_role("button", name="End the comparison").click()
        other.described(first)
        assert other.state == {"view": "tradeoffs", "search": key, "id": str(first)}
