"""The colours of points: the chooser of what they mean, and the legend."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Shows individuals of these species in the legend of the page, which is made at first.
SHOW = """async (species) => {
  const [{ Legend }, { SearchData }] = await Promise.all([import("./legend.js"), import("./data.js")]);
  const of = (value) => species.map(() => value);
  const columns = { id: [...species.keys()], rule: of(0), status: of(1), fitness: of(0.5), rung: of(0), species };
  columns.seconds = of(1);
  for (const name of ["finished", "left", "parent", "params", "mult_adds"]) columns[name] = of(1);
  window.data = new SearchData({ search: { chosen: null, key: window.key }, columns, rules: ["random"], metrics: {} });
  if (!window.legend) {
    window.legend = new Legend("rule", () => window.legend.show(window.data));
    document.body.replaceChildren(window.legend.chooser, window.legend.node);
  }
  window.legend.show(window.data);
}"""
MOST = 12  # species with a colour of their own
COLOURS = "(all) => all.map((one) => one.style.background)"


def legend(page: Page) -> list[str]:
    return page.locator(".legend button").all_inner_texts()


@pytest.mark.parametrize("count", [1, MOST, MOST + 3])
def test_the_largest_species_have_colours_of_their_own(page: Page, count: int) -> None:
    species = [None, None, *(7 * number for number in range(1, count + 1) for _ in range(1 + number % 5))]
    page.evaluate(SHOW, species)
    page.locator("select").select_option("species")
    sizes = Counter(species)
    largest = sorted({*sizes} - {None}, key=lambda one: (-sizes[one], one or 0))[:MOST]
    others = sum(sizes[one] for one in {*sizes} - {None, *largest})
    assert legend(page) == [
        "no species2",
        *(f"species {one}{sizes[one]}" for one in sorted(one for one in largest if one)),
        *([f"other species{others}"] if count > MOST else []),
    ]
    colours = page.locator(".legend i").evaluate_all(COLOURS)
    assert len({*colours}) == len(colours) == min(count, MOST) + 1 + (count > MOST)


def test_only_a_search_with_species_is_coloured_by_them(page: Page) -> None:
    page.evaluate(SHOW, [3, 3, None])
    assert page.locator("option").all_inner_texts() == ["rule", "state", "age", "species"]
    page.locator("select").select_option("species")
    page.evaluate(SHOW, [None, None])
    assert page.locator("option").all_inner_texts() == ["rule", "state", "age"]
    assert (page.locator("select").input_value(), legend(page)) == ("rule", ["random2"])


def test_a_click_hides_a_species(page: Page) -> None:
    page.evaluate(SHOW, [3, 3, 4, None])
    page.locator("select").select_option("species")
    button = page.locator(".legend button").filter(has_text="species 3")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert page.evaluate("[...window.legend.hidden]") == ["species 3"]


def test_another_search_hides_no_class(page: Page) -> None:
    page.evaluate("window.key = 'first'")
    page.evaluate(SHOW, [3, 3, 4])
    page.locator("select").select_option("species")
    page.locator(".legend button").filter(has_text="species 3").click()
    page.evaluate(SHOW, [3, 3, 4, 4])  # the same search later
    assert page.evaluate("[...window.legend.hidden]") == ["species 3"]
    page.evaluate("window.key = 'second'")
    page.evaluate(SHOW, [3, 3, 4, 4])
    assert page.evaluate("[...window.legend.hidden]") == []
    page.locator(".legend button").filter(has_text="species 3").click()
    page.evaluate(SHOW, [3, 3])  # another search in the same folder
    assert page.evaluate("[...window.legend.hidden]") == []
