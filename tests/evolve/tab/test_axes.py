"""The axes of charts: the words of their ticks, their ranges, and which points a chart finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

TICKS = """([low, high, count, isLog, kind]) => import("./format.js").then(({ ticks }) =>
  ticks(low, high, count, isLog, kind).map(({ label }) => label))"""


@pytest.mark.parametrize(
    ("low", "high", "count", "is_log", "kind", "labels"),
    [
        (12_340, 12_360, 4, False, "id", "12340, 12345, 12350, 12355, 12360"),
        (12_340, 12_360, 4, False, "count", "12.34k, 12.345k, 12.35k, 12.355k, 12.36k"),
        (900_000, 1_100_000, 4, False, "count", "900k, 950k, 1M, 1.05M, 1.1M"),
        (10, 11, 3, False, "seconds", "10 s, 10.5 s, 11 s"),
        (3600, 3700, 4, False, "seconds", "1:00:00, 1:00:30, 1:01:00, 1:01:30"),
        (3600, 7200, 4, False, "seconds", "1 h, 1 h 15 min, 1 h 30 min, 1 h 45 min, 2 h"),
        (0, 20, 4, False, "seconds", "0 s, 5 s, 10 s, 15 s, 20 s"),
        (0, 259_200, 6, False, "seconds", "0 s, 12 h, 24 h, 36 h, 2 d, 2 d 12 h, 3 d"),
        (5, 5000, 8, True, "seconds", "5 s, 10 s, 20 s, 1 min, 2 min, 5 min, 10 min, 30 min, 1 h"),
        (0.9801, 0.9899, 2.5, False, "fitness", "0.985"),
        (0.9801, 0.9899, 2.5, False, "fine share", "98.5 %"),
        (0, 1e-6, 6, False, "fitness", "0, 2e-7, 4e-7, 6e-7, 8e-7, 0.000001"),
        (0.001, 10, 4, True, "fitness", "0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10"),
        (1e12, 2e12, 4, False, "fitness", "1T, 1.5T, 2T"),
    ],
)
def test_the_words_of_ticks_have_the_digits_in_which_they_differ(
    page: Page, low: float, high: float, count: float, is_log: bool, kind: str, labels: str
) -> None:
    assert page.evaluate(TICKS, [low, high, count, is_log, kind]) == labels.split(", ")


PLOT = """([x, y, isLog, rangeX, code]) => import("./plot.js").then(({ Plot }) => {
  const axis = { title: "", kind: "fitness" };
  const points = { x: Float64Array.from(x), y: Float64Array.from(y), classes: new Uint8Array(x.length), colours: [""] };
  const plot = new Plot({ x: { ...axis, isLog }, y: axis, points }, 800, 500, { x: rangeX, y: null });
  return new Function("plot", `return ${code}`)(plot);
})"""


def plot(page: Page, code: str, x: list[float], y: list[float], *, log: bool = False, zoom: Any = None) -> Any:
    """Returns the value of an expression about the plot of points, whose axis across may be zoomed."""
    return page.evaluate(PLOT, [x, y, log, zoom, code])


@pytest.mark.parametrize("value", [0.3091922, 0.0, -1e6, 1e-9])
def test_values_that_differ_by_rounding_errors_are_one_value(page: Page, value: float) -> None:
    low, high = plot(page, "plot.rangeY", [1, 2], [value, value + 3e-8 * abs(value)])
    assert low < value < high and high - low == pytest.approx(0.1 * (abs(value) or 1), rel=1e-3)


def test_values_that_differ_by_more_have_an_axis_of_their_own(page: Page) -> None:
    low, high = plot(page, "plot.rangeY", [1, 2], [0.98, 0.9801])
    assert high - low == pytest.approx(0.000106)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("plot.nearest(785, plot.toY(1))", -1),  # the point at 787 is outside
        ("plot.nearest(plot.toX(2), plot.toY(1) + 3)", 1),
        ("plot.inside({ x0: 0, y0: 0, x1: 5000, y1: 5000 })", [1]),
        ("plot.byX()", [1]),
        ("plot.clamped(5000, -3)", [786, 12]),
        ("plot.clamped(100, 100)", [100, 100]),
    ],
)
def test_only_points_in_the_shown_range_are_found(page: Page, code: str, expected: Any) -> None:
    assert plot(page, code, [1, 2, 3], [1, 1, 1], zoom=[1.9, 2.998]) == expected


def test_a_point_without_a_place_on_a_logarithmic_axis_is_not_found(page: Page) -> None:
    assert plot(page, "plot.byX()", [0, -2, 0.5], [1, 2, 3], log=True) == [2]


CONTENT = """(bands) => import("./compare.js").then(({ contentOf }) => {
  const { y, points } = contentOf("Best so far", bands);
  return [y.range ?? null, [...points.x], [...points.y], [...points.classes].map((one) => points.colours[one])];
})"""


def band(mean: list[float], *each: list[float]) -> dict[str, Any]:
    x = [*range(1, len(mean) + 1)]
    lines = [{"x": [*range(1, len(one) + 1)], "y": one} for one in each]
    return {"x": x, "mean": mean, "low": mean, "high": mean, "colour": "#ff0000", "each": lines}


def test_the_range_of_searches_has_what_the_longer_ones_reach_later(page: Page) -> None:
    short, long = [0.1, *[0.5] * 9], [0.1, 0.1, *[0.6] * 17, 0.9]
    (low, high), *dots = page.evaluate(CONTENT, [band(short, short, long)])
    assert (low, high) == (pytest.approx(0.48), pytest.approx(0.92))
    assert dots == [[], [], []]


def test_a_line_of_one_result_is_a_dot(page: Page) -> None:
    found = page.evaluate(CONTENT, [band([0.5], [0.25], [0.75, 0.75]), band([0.5])])
    assert found[1:] == [[1, 1, 1], [0.25, 0.5, 0.5], ["#ff000080", "#ff0000", "#ff0000"]]
    assert page.evaluate(CONTENT, [band([0.5])])[0] is None
