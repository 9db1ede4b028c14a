"""The rows of family trees: no two subtrees overlap, and every family has rows of its own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS = """([parents, born, shown]) => import("./tree.js").then(({ rows }) => {
  const { of, bands, height } = rows(Int32Array.from(parents), Float64Array.from(born), Uint8Array.from(shown));
  return { of: [...of], bands, height };
})"""


def made_up(seed: int) -> list[int]:
    """Returns the place of each individual's parent; -1 for a first ancestor."""
    rng = random.Random(seed)
    first, count = rng.randint(1, 20), rng.randint(2, 200)
    return [
        -1 if place < first or rng.random() < 0.02 else rng.randint(max(0, place - 30), place - 1)
        for place in range(count)
    ]


def laid_out(page: Page, parents: list[int], shown: list[int] | None = None) -> dict[str, Any]:
    found = page.evaluate(ROWS, [parents, list(range(1, len(parents) + 1)), shown or [1] * len(parents)])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_lines_to_children_neither_overlap_nor_cross(page: Page, seed: int) -> None:
    parents = made_up(seed)
    of = laid_out(page, parents)["of"]
    # The line to a child goes from its parent upwards or downwards, and then across to the child.
    across = [(of[place], place if parent < 0 else parent, place) for place, parent in enumerate(parents)]
    for row, start, end in across:
        same = [other for other in across if other[0] == row and other[2] != end]
        assert not any(start < other_end and other_start < end for _, other_start, other_end in same)
    for place, parent in enumerate(parents):
        if parent >= 0:
            low, high = sorted((of[parent], of[place]))
            between = [(start, end) for row, start, end in across if low < row < high]
            assert not any(start < parent <= end for start, end in between)


@pytest.mark.parametrize("seed", range(12))
def test_every_family_has_a_band_of_rows(page: Page, seed: int) -> None:
    parents = made_up(seed)
    found = laid_out(page, parents)
    family = list(range(len(parents)))
    for place, parent in enumerate(parents):
        family[place] = place if parent < 0 else family[parent]
    bands = found["bands"]
    assert [band["place"] for band in bands] == [place for place, parent in enumerate(parents) if parent < 0]
    assert [band["top"] for band in bands] == [0, *(band["bottom"] + 1 for band in bands[:-1])]
    assert found["height"] == bands[-1]["bottom"] + 1
    for band in bands:
        own = [found["of"][place] for place in range(len(parents)) if family[place] == band["place"]]
        assert (min(own), max(own), len(own)) == (band["top"], band["bottom"], band["count"])


def test_what_is_folded_takes_no_rows(page: Page) -> None:
    parents = [-1, 0, 0, 1, 1, 3]
    assert laid_out(page, parents)["height"] == 3
    found = laid_out(page, parents, [1, 1, 1, 0, 0, 0])
    assert (found["height"], found["of"][:3]) == (2, [0, 1, 0])
