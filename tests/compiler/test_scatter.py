"""The diagram of points over two axes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from compiler.pictures.scatter import Axis, Dot, Panel, number, svg
from compiler.pictures.shapes import text_width

SVG = "{http://www.w3.org/2000/svg}"
LESS, MORE = Axis("mult-adds", False), Axis("accuracy", True)
POINTS = ((1000.0, 0.5), (20_000.0, 0.9), (400.0, 0.2), (15_000.0, 0.3))


def panel(points: tuple[tuple[float, float], ...] = POINTS, across: Axis = LESS, up: Axis = MORE) -> Panel:
    """Returns a diagram in which all points but the last are marked."""
    last = len(points) - 1
    return Panel(across, up, tuple(Dot(x, y, str(n), f"<{n}>", n < last) for n, (x, y) in enumerate(points)))


def read(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(svg(panels, "A <front>", "of two & more"))


def circles(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    """Returns the centre of each point by its name."""
    return {
        str(one.findtext(f"{SVG}title")).strip("<>"): (float(one.attrib["cx"]), float(one.attrib["cy"]))
        for one in root.iter(f"{SVG}circle")
    }


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_every_point_is_drawn_with_its_note_and_the_axes_are_named() -> None:
    root = read(panel())
    assert circles(root).keys() == {"0", "1", "2", "3"}
    assert "mult-adds (less is better), logarithmic scale" in texts(root)
    assert "accuracy (more is better)" in texts(root)
    assert root.findtext(f"{SVG}title") == "A <front>" and "of two & more" in texts(root)
    assert {"0", "1", "2"} <= {*texts(root)} and "3" not in texts(root), "marked points have their names"


def test_larger_values_are_further_right_and_higher() -> None:
    found = circles(read(panel()))
    assert [name for name, _ in sorted(found.items(), key=lambda one: one[1][0])] == ["2", "0", "3", "1"]
    assert [name for name, _ in sorted(found.items(), key=lambda one: -one[1][1])] == ["2", "3", "0", "1"]


@pytest.mark.parametrize(
    ("across", "up", "points"),
    [
        (LESS, MORE, ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (3.0, 1.0))),
        (MORE, MORE, ((1.0, 3.0), (2.0, 2.0), (3.0, 1.0), (1.0, 1.0))),
        (LESS, LESS, ((1.0, 3.0), (2.0, 2.0), (3.0, 1.0), (3.0, 3.0))),
        (MORE, LESS, ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (1.0, 3.0))),
    ],
)
def test_the_corners_of_the_steps_are_dominated_by_both_neighbours(
    across: Axis, up: Axis, points: tuple[tuple[float, float], ...]
) -> None:
    root = read(panel(points, across, up))
    line = max(root.iter(f"{SVG}polyline"), key=lambda one: len(one.attrib["points"]))
    corners = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    where = circles(root)
    for corner, one, other in ((corners[1], "0", "1"), (corners[3], "1", "2")):
        for name in (one, other):
            assert corner[0] <= where[name][0] if across.more_is_better else corner[0] >= where[name][0]
            assert corner[1] >= where[name][1] if up.more_is_better else corner[1] <= where[name][1]


def test_all_is_within_the_picture_and_panels_are_side_by_side() -> None:
    root = read(panel(), panel())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for one in root.iter(f"{SVG}circle"):
        assert 0 < float(one.attrib["cx"]) < width and 0 < float(one.attrib["cy"]) < height
    assert len(list(root.iter(f"{SVG}circle"))) == 8


@pytest.mark.parametrize("points", [((5.0, 0.5), (5.0, 0.5)), ((0.0, 0.0), (0.0, 0.0)), ((-3.0, 1e-9), (4e12, 2e9))])
def test_equal_negative_and_huge_values_are_drawn(points: tuple[tuple[float, float], ...]) -> None:
    assert not re.search("nan|inf", svg([panel(points)], "t"))


FRONT = ((900.0, 0.8), (1000.0, 0.9), (1200.0, 0.95))
NEAR = tuple((1000.0 + 10 * n, 0.7 + n / 200) for n in range(24))
FAR = ((1_000_000.0, 0.75), (1100.0, 0.01))


def crowd(*others: tuple[float, float], front: tuple[tuple[float, float], ...] = FRONT) -> ElementTree.Element:
    """Returns a diagram of a front, whose points are named by numbers, and of others, whose names are letters."""
    marked = [Dot(x, y, str(n), f"<{n}>", True) for n, (x, y) in enumerate(front)]
    return read(
        Panel(LESS, MORE, (*marked, *(Dot(x, y, "", f"<{chr(97 + n)}>", False) for n, (x, y) in enumerate(others))))
    )


def rings(root: ElementTree.Element) -> set[str]:
    """Returns the names of the points that are drawn as rings."""
    return {str(one.findtext(f"{SVG}title")).strip("<>") for one in root.iter(f"{SVG}circle") if "stroke" in one.attrib}


def test_a_front_is_not_squeezed_by_single_far_points() -> None:
    plain, found = crowd(*NEAR), crowd(*FAR, *NEAR)
    assert not rings(plain) and not any("outside" in text for text in texts(plain))
    assert rings(found) == {"a", "b"} and "○ 2 points outside the axes" in texts(found)
    where = circles(found)
    assert where["2"][0] - where["0"][0] > 0.8 * (520 - 74 - 24), "the front takes most of the axis across"
    assert where["0"][1] - where["2"][1] > 0.4 * (400 - 64 - 58)
    assert where["a"][0] == 520 - 24 and where["b"][1] == 400 - 58, "what is outside is drawn at the edge"
    assert {*where} == {*"012", *(chr(97 + n) for n in range(26))}


def test_names_overlap_neither_each_other_nor_a_point() -> None:
    near = tuple((1000.0 + 40 * n, 0.9 + n / 500) for n in range(12))
    names = ["a long name", "b", "another long name", *map(str, range(9))]
    dots = tuple(Dot(x, y, name, name, True) for (x, y), name in zip(near, names, strict=True))
    root = read(Panel(LESS, MORE, (*dots, Dot(900.0, 0.5, "", "", False), Dot(9000.0, 0.1, "", "", False))))
    found = [one for one in root.iter(f"{SVG}text") if one.text in names]
    assert {"a long name", "8"} <= {one.text for one in found}
    boxes = [
        (x, x + text_width(str(one.text), 11), y - 8, y)
        for one in found
        for x, y in [(float(one.attrib["x"]), float(one.attrib["y"]))]
    ]
    points = [(x - 4.5, x + 4.5, y - 4.5, y + 4.5) for name, (x, y) in circles(root).items() if name in names]
    for place, (left, right, top, bottom) in enumerate(boxes):
        for other in [*boxes[:place], *points]:
            assert right < other[0] or other[1] < left or bottom < other[2] or other[3] < top


def test_a_far_point_of_the_front_is_within_the_axes() -> None:
    found = crowd(*NEAR, front=(*FRONT, (1e6, 0.99)))
    assert not rings(found)
    assert "mult-adds (less is better), logarithmic scale" in texts(found)


def test_among_ten_others_none_is_left_out_of_the_axes() -> None:
    assert not rings(crowd(*FAR, *NEAR[:8]))
    assert rings(crowd(*FAR, *NEAR[:9])) == {"a", "b"}


def test_a_value_without_a_logarithm_is_at_the_edge() -> None:
    found = crowd((0.0, 0.75), *((10.0**n, 0.7) for n in range(12)), front=((1.0, 0.8), (1e12, 0.9)))
    assert rings(found) == {"a"} and circles(found)["a"][0] == 74


def test_where_most_values_are_equal_all_are_within_the_axes() -> None:
    assert not rings(crowd(*((1000.0, 0.7) for _ in range(30)), (2000.0, 0.1), front=((1000.0, 0.7),)))


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0.97512, 842, 31_200, 3_220_000, -1500, 0)] == [
        "0.9751", "842", "31.2k", "3.22M", "-1.5k", "0",
    ]  # fmt: skip
