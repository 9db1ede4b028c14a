"""Pictures of cells: their content, a layout without overlaps, and their files."""

from __future__ import annotations

import io
import math
import random
import subprocess
import sys
import time
from itertools import accumulate, combinations, pairwise
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageFont

import dsl
from compiler.pictures.canvas import Drawing
from compiler.pictures.paints import operation_paint
from compiler.pictures.picture import picture
from compiler.pictures.shapes import Arrow, Box, text_width
from dsl import parse
from dsl.tree import syntax as s

AMOEBANET = """
cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](here) + max_pool[3x3](here)
  b = sep_conv[3x3](before) + identity(before)
  c = identity(here) + avg_pool[3x3](before)
  d = sep_conv[3x3](here) + sep_conv[5x5](a)
  e = avg_pool[3x3](d) + sep_conv[3x3](here)
  return concat(before, unused)
}
cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + avg_pool[3x3](here)
  b = max_pool[3x3](here) + sep_conv[7x7](a)
  c = max_pool[3x3](before) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + conv_1x7_7x1(here)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(a, b, c, d, e)
}
"""
GRAPH = """
cell net(x: each conv_bn[1x1]) width split {
  a = skip(x) | conv_bn[3x3]
  b = none(x) + skip(a) | conv_bn[3x3]
  c = none(x) + none(a) + skip(b) | max_pool[3x3]
  d = none(x) + none(a) + none(b) + none(c) | conv_bn[1x1]
  return concat(none(a), none(b), skip(c), none(d)) + skip(x)
}
"""
NESTED = """
cell odd(x, y) {
  a = x + x
  b = concat(identity(x), m1(a)) | mix
  c = sep_conv[3x3](conv[1x1, stride=2, depth=1.234567](b)) + mix(concat(a, dil_conv[3x3](y))) + m2(none(x))
  lost = max_pool[3x3](a) + y
  twice = max_pool[3x3](c) + max_pool[3x3](c)
  return concat(a, skip(c), twice) + any({ conv[3x3], skip })(y) | batch_norm | relu
}
"""
SMALL = "cell one(x) { return x } cell two(x) { a = conv[1x1](x) return concat(x, unused) }"
OPERATIONS = (
    "identity",
    "sep_conv[3x3]",
    "sep_conv[7x7]",
    "avg_pool[3x3]",
    "dil_conv[3x3]",
    "conv[3x3, stride=2]",
)


def cells_of(text: str) -> list[s.Cell]:
    return [item for item in parse(text).items if isinstance(item, s.Cell)]


def grown(nodes: int, seed: int) -> str:
    """Returns a cell whose nodes read random states from all before them."""
    rng, states, lines = random.Random(seed), ["here", "before"], []
    for number in range(nodes):
        terms = [f"{rng.choice(OPERATIONS)}({rng.choice(states)})" for _ in range(rng.choice((1, 2, 2, 3)))]
        lines.append(f"  n{number} = {' + '.join(terms)}{' | bn_relu' if rng.random() < 0.3 else ''}")
        states.append(f"n{number}")
    return "\n".join(["cell net(here: project, before: match) {", *lines, "  return concat(unused)", "}"])


TEXTS = {"amoebanet": AMOEBANET, "graph": GRAPH, "nested": NESTED, "small": SMALL} | {
    f"grown{nodes}": grown(nodes, nodes) for nodes in (1, 5, 15, 30, 40)
}


@pytest.fixture(params=TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


def draw(text: str, title: str = "") -> Drawing:
    return picture(cells_of(text), title)


def svg_words(drawing: Drawing) -> set[str]:
    """Returns every text in the SVG, and every word of it."""
    elements = ElementTree.fromstring(drawing.svg()).iter()
    texts = {element.text for element in elements if element.text}
    return texts | {word for text in texts for word in text.split()}


def by_note(drawing: Drawing, note: str) -> Box:
    return next(box for box in drawing.boxes if box.note == note)


def ends(drawing: Drawing, kind: str, note: str) -> list[Arrow]:
    """Returns the arrows that end at a box."""
    return [
        arrow
        for arrow in drawing.arrows
        if arrow.target is not None
        and (drawing.boxes[arrow.target].kind, drawing.boxes[arrow.target].note) == (kind, note)
    ]


def test_no_two_boxes_overlap(text: str) -> None:
    for one, other in combinations(draw(text).boxes, 2):
        aside = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert aside or one.y + one.height <= other.y or other.y + other.height <= one.y, (
            one.note,
            other.note,
        )


def test_everything_is_on_the_sheet(text: str) -> None:
    drawing = draw(text, "a title")
    for box in drawing.boxes:
        assert box.x >= 0 and box.x + box.width <= drawing.width
        assert box.y >= 0 and box.y + box.height <= drawing.height
        assert all(line.width <= box.width - 8 for line in box.lines), box.note
    for label in drawing.labels:
        assert label.line.width / 2 <= label.x <= drawing.width - label.line.width / 2
        assert all(label.y + label.line.height / 2 <= box.y for box in drawing.boxes)


def test_arrows_run_through_no_foreign_box(text: str) -> None:
    drawing = draw(text)
    for arrow in drawing.arrows:
        points = arrow.polyline()
        own = (arrow.source, arrow.target)
        foreign = [box for place, box in enumerate(drawing.boxes) if place not in own]
        for (x0, y0), (x1, y1) in pairwise(points):
            for box in foreign:
                beside = max(x0, x1) <= box.x or min(x0, x1) >= box.x + box.width
                assert beside or max(y0, y1) <= box.y or min(y0, y1) >= box.y + box.height, box.note


def test_arrows_touch_the_boxes_they_belong_to(text: str) -> None:
    drawing = draw(text)
    for arrow in drawing.arrows:
        if arrow.source is not None:
            box = drawing.boxes[arrow.source]
            assert box.x < arrow.start[0] < box.x + box.width
            assert arrow.start[1] == pytest.approx(box.y + box.height)
        if arrow.target is not None:
            box = drawing.boxes[arrow.target]
            assert box.x < arrow.end[0] < box.x + box.width
            assert arrow.end[1] == pytest.approx(box.y)


def test_arrowheads_stand_apart(text: str) -> None:
    tips = sorted(arrow.end for arrow in draw(text).arrows if arrow.head)
    assert all(y0 != y1 or x1 - x0 > 8 for (x0, y0), (x1, y1) in combinations(tips, 2))


def test_names_and_operations_are_readable(text: str) -> None:
    cells = cells_of(text)
    words = svg_words(picture(cells))
    for cell in cells:
        assert {cell.name, *(item.name for item in cell.inputs), *(node.name for node in cell.nodes)} <= words
        for flow in (*(node.flow for node in cell.nodes), cell.output):
            assert {op.name for op in flow.tail if isinstance(op, s.Op)} <= words


def test_a_sum_within_a_join_has_the_sign_of_a_sum() -> None:
    drawing = draw("cell net(x) { a = relu(x) return concat(a, add(skip(a), x)) }")
    assert [line.text for box in drawing.boxes if box.kind == "join" for line in box.lines] == ["+"]
    assert by_note(drawing, "output").lines[-1].text == "concat"


def test_operations_are_written_without_brackets() -> None:
    words = svg_words(draw(AMOEBANET + NESTED))
    assert {"sep_conv 3x3", "sep_conv 5x5", "avg_pool 3x3", "conv_1x7_7x1", "identity"} <= words
    assert {"conv 1x1", "stride 2, depth 1.235"} <= words


def test_headings_name_the_cells_and_the_stride() -> None:
    drawing = draw(AMOEBANET, "amoebanet")
    assert [label.line.text for label in drawing.labels] == ["normal", "reduction", "stride 2", "amoebanet"]


def test_headings_name_the_settings_of_a_cell() -> None:
    text = "cell block[kernel, act=relu](x) { a = conv[kernel, stride=stride, filters=8](x) return a }"
    drawing = draw(text)
    assert [label.line.text for label in drawing.labels] == ["block", "kernel, act=relu"]
    assert {"conv kernel", "stride, filters 8"} <= svg_words(drawing)


def test_each_term_is_an_operation_on_its_own_arrow() -> None:
    drawing = draw(NESTED)
    arrows = ends(drawing, "node", "twice")
    pills = [drawing.boxes[arrow.source] for arrow in arrows if arrow.source is not None]
    assert [pill.note for pill in pills] == ["max_pool 3x3"] * 2 and pills[0] != pills[1]
    assert len({arrow.end for arrow in arrows}) == 2


def test_an_edge_without_operations_is_an_arrow_without_a_box() -> None:
    drawing = draw(NESTED)
    place = drawing.boxes.index(by_note(drawing, "x"))
    assert [arrow.source for arrow in ends(drawing, "node", "a")] == [place, place]


def test_unused_joins_the_nodes_that_are_not_read() -> None:
    drawing = draw("cell c(x) { a = conv[1x1](x) b = conv[3x3](a) c = conv[5x5](x) return concat(unused) }")
    arrows = ends(drawing, "output", "output")
    joined = [drawing.boxes[arrow.source].note for arrow in arrows if arrow.source is not None]
    assert "b" in joined and "a" not in joined and len(arrows) == 2
    assert [line.text for line in by_note(drawing, "output").lines] == ["output", "concat"]


def test_none_is_not_drawn_and_unused_nodes_are_pale() -> None:
    graph = draw(GRAPH)
    assert "none" not in svg_words(graph)
    assert [box.note for box in graph.boxes if box.dead] == ["d"]
    nested = draw(NESTED)
    assert [box.note for box in nested.boxes if box.dead] == ["max_pool 3x3", "lost"]
    assert all(arrow.dead for arrow in ends(nested, "node", "lost"))
    assert "stroke-dasharray" in nested.svg() and "stroke-dasharray" not in draw(AMOEBANET).svg()


def test_nested_calls_are_a_row_of_operations() -> None:
    drawing = draw(NESTED)
    inner = by_note(drawing, "conv 1x1 stride 2, depth 1.235")
    outer = drawing.boxes.index(by_note(drawing, "sep_conv 3x3"))
    assert any(a.target == outer and a.source == drawing.boxes.index(inner) for a in drawing.arrows)
    assert any(box.kind == "join" for box in drawing.boxes)


def test_a_family_keeps_its_colour() -> None:
    names = "sep_conv", "conv", "avg_pool", "dil_conv", "skip", "m1"
    paints = {name: operation_paint(name) for name in names}
    assert len(set(paints.values())) == len(paints)
    assert operation_paint("max_pool") == paints["avg_pool"]
    assert operation_paint("sep_conv", 7) != paints["sep_conv"]
    assert operation_paint("identity") == paints["skip"]


def test_the_same_cells_give_the_same_picture(text: str) -> None:
    assert draw(text).svg() == draw(text).svg()
    assert draw(text) == draw(text)


def test_titles_are_escaped() -> None:
    drawing = draw(SMALL, 'a <b> & "c"\n\x00')
    assert 'a <b> & "c"  ' in svg_words(drawing)
    assert drawing.png()


def test_the_sign_of_every_join_is_in_the_font_of_a_png() -> None:
    drawing = draw("cell net(x) { a = relu(x) * tanh(x) b = a + x return concat(a, b) }")
    signs = {line.text for box in drawing.boxes for line in box.lines} - {"a", "b", "output", "x"}
    font = ImageFont.load_default(20)
    for sign in signs:
        assert bytes(font.getmask(sign)) != bytes(font.getmask("\ue000")), f"{sign} would be an empty box"
    assert {"+", "*", "concat"} <= signs


def test_long_names_are_shortened_and_kept_as_a_note() -> None:
    name = "n" * 80
    drawing = draw(f"cell c(x) {{ {name} = conv[1x1](x) return {name} }}")
    assert drawing.width < 600
    assert name in svg_words(drawing)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_png_has_the_size_of_the_drawing(scale: float) -> None:
    drawing = draw(NESTED, "nested")
    image = Image.open(io.BytesIO(drawing.png(scale)))
    image.load()
    assert image.format == "PNG"
    assert image.size == (round(drawing.width * scale), round(drawing.height * scale))
    assert image.getpixel((0, 0)) == (255, 255, 255)
    colours = image.convert("RGB").getcolors(1 << 24)
    assert colours is not None and len(colours) > 20


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_is_above_zero(scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        draw(SMALL).png(scale)


def test_no_cells_are_an_empty_sheet() -> None:
    drawing = picture([], "nothing")
    assert drawing.boxes == () and drawing.width > 0 and drawing.height > 0
    assert picture([]).png()


def test_large_cells_take_little_time() -> None:
    cells = cells_of(grown(30, 7))
    start = time.process_time()
    picture(cells)
    assert time.process_time() - start < 3.0


def test_pillow_is_not_imported_before_a_png_is_wanted() -> None:
    program = "import sys, compiler.pictures.picture; sys.exit(not {'PIL', 'tensorflow'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("file", ["nasnet_a.cell", "large_scale.cell"])
@pytest.mark.parametrize("title", ["", "7: accuracy 0.9822, by op from 3", "a very long title " * 9])
def test_stacked_cells_stand_one_below_the_other(file: str, title: str) -> None:
    cells = dsl.load(file).cells
    stacked, aside = picture(cells, title, stacked=True), picture(cells, title)
    alone = [picture([cell]) for cell in cells]
    assert stacked.width == max(max(one.width for one in alone), math.ceil(text_width(title, 22)) + 56)
    if len(cells) > 1:
        assert stacked.width < aside.width and stacked.height > aside.height
    tops = [min(box.y for box in stacked.boxes[start:end]) for start, end in parts(alone)]
    bottoms = [max(box.y + box.height for box in stacked.boxes[start:end]) for start, end in parts(alone)]
    assert all(bottom < top for bottom, top in zip(bottoms, tops[1:], strict=False))
    assert tops[0] > 0 and bottoms[-1] < stacked.height
    for box in stacked.boxes:
        assert box.x > 0 and box.x + box.width < stacked.width
    for label in stacked.labels:
        assert label.x - label.line.width / 2 > 0 and label.x + label.line.width / 2 < stacked.width
        assert label.y - label.line.size / 2 > 0
    if title:
        heading = stacked.labels[-1].line
        assert heading.text == title and 22 <= heading.size <= 40


def parts(alone: list[Drawing]) -> list[tuple[int, int]]:
    """Returns the range of each cell among all boxes."""
    ends = list(accumulate(len(one.boxes) for one in alone))
    return list(zip([0, *ends], ends, strict=False))
