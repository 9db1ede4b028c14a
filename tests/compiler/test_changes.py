"""Pictures in which the differences from another genotype are marked."""

from __future__ import annotations

import functools
import random
import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dsl
from compiler.pictures import paints
from compiler.pictures.canvas import Drawing
from compiler.pictures.changes import changes
from compiler.pictures.network import NAME, as_cell
from compiler.pictures.parts import Part, Parts, focused, read
from compiler.pictures.picture import marked, picture
from compiler.pictures.shapes import AROUND, Arrow, Box, Mark
from dsl.report.diff import differences
from dsl.tree import syntax as s

GOLDEN = Path(__file__).parent.parent / "golden" / "pictures"
SHIPPED = sorted(path.name for path in dsl.shipped_cells().glob("*.cell"))
SVG = "{http://www.w3.org/2000/svg}"


@functools.cache
def seed(name: str) -> dsl.Genotype:
    return dsl.load(name)


def chain(name: str, random_seed: int, steps: int) -> list[dsl.Genotype]:
    """Returns a seed and its descendants; without rules, all are the seed."""
    found, rng = [seed(name)], random.Random(random_seed)
    if not found[0].space.mutations:
        return found * (steps + 1)
    for _ in range(steps):
        found.append(dsl.mutate(found[-1], rng).genotype)
    return found


def cell(body: str, inputs: str = "x, y", more: str = "") -> dsl.Genotype:
    network = "network { body: conv[1x1], net head: dense[classes] }"
    return dsl.loads(f"op plain = conv[1x1] cell net({inputs}) {more} {{ {body} }} {network}")


def drawn(before: dsl.Genotype, after: dsl.Genotype, title: str = "") -> Drawing:
    return marked(before, after, title)


# --- what is marked is exactly what differs -----------------------------------------------------------------------


def name_of(part: Part, is_before: bool) -> str:
    """Returns the name of a part as it is, or as it was before."""
    name, _, former = part.note.partition(" (was ")
    return former.removesuffix(")") if is_before and former else name


def words(part: Part, is_before: bool) -> str:
    """Returns the words of a part as they are, or as they were before."""
    wanted = name_of(part, is_before)
    if not part.is_state:
        return wanted
    if part.mark is Mark.REMOVED:
        return " ".join([wanted, *(line.text for line in part.lines[1:])])
    lines = [line for line in part.lines[1:] if line.text not in ("+", "concat") and not line.text.startswith("was ")]
    if part.mark is not Mark.NEW:
        lines = [line for line in lines if line.ink != paints.MARKED or line.struck == is_before]
    return " ".join([wanted, *(line.text for line in lines)])


def states(found: Parts, is_before: bool) -> Counter[str]:
    """Returns every state with all that it reads, without the parts that are new, or without those that are removed."""
    hidden = Mark.NEW if is_before else Mark.REMOVED
    texts: list[str] = []
    for place, part in enumerate(found.parts):
        entering = sorted(
            name_of(found.parts[link.source], is_before) if found.parts[link.source].is_state else texts[link.source]
            for link in found.links
            if link.target == place and link.mark is not hidden
        )
        texts.append(f"{words(part, is_before)} <- ({', '.join(entering)})")
    shown = zip(found.parts, texts, strict=True)
    return Counter(text for part, text in shown if part.is_state and part.mark is not hidden)


def noted(found: Parts, text: str) -> bool:
    """Returns whether the notes list the changes of a state, which are therefore not all marked."""
    name = text.split()[0].replace("output", "return")
    return any(re.search(rf": (- )?{name}( =|:)", note) for note in found.notes)


def assert_marked(before: dsl.Genotype, after: dsl.Genotype) -> None:
    marks, old = changes(before, after), {one.name: one for one in before.cells}
    new_cells, network_has_mark = after.cells, False
    if NAME in marks.cells:  # The steps of a network that rules may change are drawn as a cell.
        new_cells, old[NAME] = (*new_cells, as_cell(after)), as_cell(before)
        network_has_mark = has_mark(read(as_cell(after), marks.cells[NAME]), "")
    for new in new_cells:
        found = read(new, marks.cells.get(new.name))
        assert states(found, is_before=False) == states(read(new), is_before=False)
        if new.name in marks.cells:
            former, wanted = states(found, is_before=True), states(read(old[new.name]), is_before=False)
            wrong = [text for text in (former - wanted) + (wanted - former) if not noted(found, text)]
            assert not wrong, (wrong, found.notes)
            assert_nothing_is_lost(found, focused(found))
        for difference in differences(before, after):
            if difference.where == f"cell {new.name}":
                assert has_mark(found, difference.node) or str(difference) in found.notes
    for difference in differences(before, after):
        if not difference.where.startswith("cell "):
            assert str(difference) in marks.notes or (difference.where.startswith("network ") and network_has_mark)


def assert_nothing_is_lost(found: Parts, small: Parts) -> None:
    """The changed states alone have every mark, and each of them has all that leads to it."""
    for all_marks, marks in ((found.parts, small.parts), (found.links, small.links)):
        assert Counter(one.mark for one in all_marks if one.mark) == Counter(one.mark for one in marks if one.mark)
    whole = states(found, is_before=False)
    drawn = {text: count for text, count in states(small, is_before=False).items() if not text.endswith("<- ()")}
    assert all(whole[text] >= count for text, count in drawn.items())


def has_mark(found: Parts, node: str) -> bool:
    """Returns whether a state, or anything that leads to it, is marked; without a name, whether anything is."""
    wanted = {place for place, part in enumerate(found.parts) if part.is_state and part.note.split()[0] == node}
    if node == "return":
        wanted = {len(found.parts) - 1}
    for link in sorted(found.links, key=lambda link: -link.target):
        if link.target in wanted and not found.parts[link.source].is_state:
            wanted.add(link.source)
    marks = [part.mark for place, part in enumerate(found.parts) if place in wanted or not node]
    marks += [link.mark for link in found.links if link.target in wanted or not node]
    return any(mark is not None for mark in marks)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SHIPPED), st.integers(0, 10**6), st.integers(0, 5), st.integers(0, 12))
@example("mobilenet_v3_space.cell", 0, 0, 1)
def test_every_difference_of_two_relatives_is_marked(name: str, random_seed: int, first: int, last: int) -> None:
    line = chain(name, random_seed, max(first, last))
    assert_marked(line[first], line[last])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SHIPPED), st.integers(0, 10**6))
def test_equal_genotypes_have_no_mark(name: str, random_seed: int) -> None:
    genotype = chain(name, random_seed, 4)[-1]
    found = drawn(genotype, genotype)
    assert found == marked(None, genotype)
    assert {*(box.mark for box in found.boxes), *(arrow.mark for arrow in found.arrows)} <= {None}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return relu(x) + y", "return conv[3x3](x) + y"),
        ("a = relu(x) return a + y", "a = relu(x) b = relu(a) return b + y"),
        ("a = relu(x) b = relu(a) return a + b", "a = relu(x) return a + a"),
        ("a = x + y | relu return a", "a = x + y | relu | batch_norm return a"),
        ("a = x + y return a", "a = concat(x, y) return a"),
        ("a = relu(x) return a + y", "b = relu(x) return b + y"),
        ("a = relu(x) b = relu(a) return b + y", "b = relu(x) a = relu(b) return a + y"),
        ("a = x + y return a", "a = y + x return a"),
        ("a = skip(x) + none(y) return a", "a = skip(x) + skip(y) return a"),
        ("a = skip(x) + none(y) return a", "a = skip(x) + none(x) return a"),
        ("a = relu(x) b = relu(y) return concat(unused)", "a = relu(x) b = relu(a) return concat(unused)"),
        ("a = relu(batch_norm(x)) return a + y", "a = relu(x) return a + y"),
        ("a = relu(concat(x, y)) return a", "a = relu(concat(x, y, x)) return a"),
        ("a = conv[3x3, depth=1.00001](x) return a + y", "a = conv[3x3, depth=1.00002](x) return a + y"),
    ],
)  # fmt: skip
def test_each_kind_of_change_is_marked_both_ways(before: str, after: str) -> None:
    assert_marked(cell(before), cell(after))
    assert_marked(cell(after), cell(before))


def test_inputs_and_the_heading_are_marked() -> None:
    body = "return relu(x) + y"
    before, after = cell(body, "x: plain, y"), cell(body, "x, y: plain", "stride 2 fit plain")
    for one, other in ((before, after), (after, before)):
        assert_marked(one, other)
    found = drawn(before, after)
    assert {box.note for box in found.boxes if box.mark is Mark.CHANGED and box.kind == "input"} == {"x", "y"}
    assert [label.line.text for label in found.labels if label.line.ink == paints.MARKED] == ["was without stride"]
    assert "cell net: + fit plain" in texts(found)
    assert "was stride 2" in texts(drawn(after, before))


def test_another_join_and_another_name_are_marked() -> None:
    found = drawn(cell("a = x + y return relu(a)"), cell("b = concat(x, y) return relu(b)"))
    assert by_note(found, "b").mark is Mark.NEW and by_note(found, "a").mark is Mark.REMOVED
    found = drawn(cell("a = x + y return relu(a)"), cell("a = concat(x, y) return relu(a)"))
    assert by_note(found, "a").mark is Mark.CHANGED
    assert [line.text for line in by_note(found, "a").lines] == ["a", "concat", "was +"]
    found = drawn(cell("a = x + y return relu(a)"), cell("b = x + y return relu(b)"))
    assert [line.text for line in by_note(found, "b (was a)").lines] == ["b", "was a", "+"]


# --- how it looks -------------------------------------------------------------------------------------------------


def texts(found: Drawing) -> list[str]:
    lines = [line.text for box in found.boxes for line in box.lines]
    return lines + [label.line.text for label in found.labels]


def by_note(found: Drawing, note: str) -> Box:
    return next(box for box in found.boxes if box.note == note)


def test_a_changed_operation_says_what_it_was() -> None:
    found = drawn(cell("return conv[3x3](x) + y"), cell("return conv[5x5](x) + y"))
    box = by_note(found, "conv 5x5 (was conv 3x3)")
    assert box.mark is Mark.CHANGED and box.lines[-1].text == "was conv 3x3"
    assert [other.mark for other in found.boxes if other.kind == "pill"] == [Mark.CHANGED]


def test_of_changed_settings_only_these_are_named() -> None:
    before, after = (
        cell("return conv[3x3, stride=1, depth=2](x)", "x"),
        cell("return conv[3x3, stride=2, depth=2](x)", "x"),
    )
    assert "was stride 1" in texts(drawn(before, after))


def test_a_removed_node_is_a_ghost_in_its_place() -> None:
    found = drawn(cell("a = relu(x) b = relu(a) return b + y"), cell("a = relu(x) return a + y"))
    ghost = by_note(found, "b")
    assert ghost.mark is Mark.REMOVED and ghost.is_dashed and all(line.struck for line in ghost.lines)
    assert by_note(found, "a").y < ghost.y < by_note(found, "output").y
    assert {arrow.mark for arrow in found.arrows if arrow.head} >= {Mark.NEW, Mark.REMOVED, None}


def test_a_node_with_the_name_of_the_output_is_another_state() -> None:
    found = drawn(cell("a = relu(x) return a + y"), cell("output = relu(x) b = relu(y) return b + output"))
    assert [box.mark for box in found.boxes if box.kind == "output"] == [None]


def test_a_removed_state_whose_name_another_has_is_listed() -> None:
    before, after = cell("a = relu(x) return a + y", "x, y"), cell("y = batch_norm(x) return relu(y)", "x")
    assert {"cell net: - y", "cell net: + y = batch_norm(x)"} & set(texts(drawn(before, after))) == {"cell net: - y"}


def test_a_ghost_that_would_close_a_loop_is_listed() -> None:
    before, after = cell("a = relu(x) b = conv[1x1](a) return b + y"), cell("b = conv[1x1](x) a = relu(b) return a + y")
    assert any(text.startswith("cell net: ") for text in texts(drawn(before, after)))


def test_what_no_cell_shows_is_listed() -> None:
    text = "gene rate = {} in 0..1 param N = {} cell net(x) {{ return conv[1x1](x) }}"
    text += " network {{ body: net * N head: dense[classes] }}"
    before, after = dsl.loads(text.format(0.5, 1)), dsl.loads(text.format(0.25, 2))
    for only_changed in (False, True):
        found = marked(before, after, only_changed=only_changed)
        assert {"rate: 0.5 -> 0.25", "param N: 1 -> 2"} <= set(texts(found))
        assert bool([box for box in found.boxes if box.kind == "output"]) is not only_changed


def test_what_did_not_change_can_be_left_out() -> None:
    genotype = seed("amoebanet_a.cell")
    other = dsl.loads(genotype.standalone().replace("b = sep_conv[3x3](before)", "b = sep_conv[5x5](before)"))
    assert [label.line.text for label in marked(genotype, other, only_changed=True).labels] == ["normal"]
    assert {box.note for box in marked(genotype, other, only_changed=True).boxes} == {
        "before", "b", "sep_conv 5x5 (was sep_conv 3x3)", "identity"
    }  # fmt: skip
    assert len(marked(genotype, other).labels) > 1
    nothing = marked(genotype, genotype, "1", only_changed=True)
    assert texts(nothing) == ["1: no difference"] and nothing.boxes == ()


def test_a_long_list_is_cut_off() -> None:
    found = drawn(seed("large_scale.cell"), seed("nasnet.cell"))
    frame = next(box for box in found.boxes if box.kind == "note")
    assert len(frame.lines) == 13 and "`cell diff` prints" in frame.lines[-1].text
    assert "new" in [label.line.text for label in found.labels]


def test_marks_do_not_depend_on_colour() -> None:
    before, after = cell("a = relu(x) return a + y"), cell("b = conv[1x1](x) return relu(b) + y")
    svg = drawn(before, after).svg()
    assert 'stroke-width="2.5"' in svg and "<circle" in svg and "stroke-dasharray" in svg and "line-through" in svg
    for kind in Mark:
        assert any(box.kind == "legend" and box.mark is kind for box in legend(kind).boxes)


def legend(kind: Mark) -> Drawing:
    bodies = {
        Mark.NEW: ("return relu(x)", "return relu(x) + y"),
        Mark.CHANGED: ("return relu(x)", "return batch_norm(x)"),
        Mark.REMOVED: ("return relu(x) + y", "return relu(x)"),
    }
    before, after = bodies[kind]
    return drawn(cell(before), cell(after))


@functools.cache
def some() -> tuple[Drawing, ...]:
    """Returns pictures of one mutation, and of several."""
    found = []
    for number, name in enumerate(SHIPPED):
        line = chain(name, number, 7)
        found += [drawn(line[first], line[last], "a title") for first, last in ((0, 1), (7, 3))]
        found.append(marked(line[2], line[6], only_changed=True))
    return tuple(found)


def test_nothing_overlaps_a_halo() -> None:
    for found in some():
        for one, other in combinations(found.boxes, 2):
            space = AROUND * (one.has_halo + other.has_halo)
            aside = one.x + one.width + space <= other.x or other.x + other.width + space <= one.x
            assert aside or one.y + one.height + space <= other.y or other.y + other.height + space <= one.y
        for box in found.boxes:
            assert box.x > AROUND and box.x + box.width + AROUND < found.width
            assert box.y > AROUND and box.y + box.height + AROUND < found.height
            assert all(line.width <= box.width - 8 for line in box.lines)
            for arrow in found.arrows:
                assert not runs_through(arrow, box, found), (box.note, found.title)


def runs_through(arrow: Arrow, box: Box, found: Drawing) -> bool:
    if any(place is not None and found.boxes[place] is box for place in (arrow.source, arrow.target)):
        return False
    return any(
        min(x0, x1) < box.x + box.width
        and max(x0, x1) > box.x
        and min(y0, y1) < box.y + box.height
        and max(y0, y1) > box.y
        for (x0, y0), (x1, y1) in pairwise(arrow.polyline())
    )


# --- a dark page --------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_texts_are_readable_on_a_dark_page() -> None:
    tone = paints.by_night
    ops = "m1 m2 m3 m4 skip conv[3x3] conv[5x5] conv[7x7] max_pool[3x3] max_pool[5x5] max_pool[7x7] dil_conv[3x3]"
    ops += " dil_conv[5x5] dil_conv[7x7] sep_conv[3x3] sep_conv[5x5] sep_conv[7x7]"
    terms = " + ".join(f"{op}(x)".replace("]", ", stride=2]") for op in ops.split())
    wide = [item for item in dsl.parse(f"cell wide(x) {{ a = {terms} return x }}").items if isinstance(item, s.Cell)]
    for found in (*some(), picture(wide), *(picture(seed(name).cells) for name in SHIPPED)):
        for box in found.boxes:
            for line in box.lines:
                assert contrast(tone(line.ink), tone(box.paint.fill)) >= 4.5, (line, box.paint)
                if line.ink == paints.MARKED:
                    assert contrast(line.ink, box.paint.fill) >= 4.5
            assert contrast(tone(box.edge), tone(paints.WHITE)) >= 4.5
        for label in found.labels:
            assert contrast(tone(label.line.ink), tone(paints.WHITE)) >= 4.5
        for arrow in found.arrows:
            assert contrast(tone(arrow.ink), tone(paints.WHITE)) >= 4.5
    assert luminance(tone(paints.WHITE)) < 0.02


def test_a_dark_picture_has_the_same_shapes() -> None:
    before, after = chain("amoebanet_a.cell", 3, 3)[::3]
    light, dark = (marked(before, after, "a title", dark=dark) for dark in (False, True))
    assert re.sub("#[0-9a-f]{6}", "", light.svg()) == re.sub("#[0-9a-f]{6}", "", dark.svg())
    assert paints.WHITE not in dark.svg()
    assert light.png() != dark.png()


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_is_the_golden_one(path: Path) -> None:
    """A golden picture is NAME.svg, or NAME.dark.svg or NAME.only_changed.svg, of NAME.before.cell and NAME.cell."""
    name, *options = path.stem.split(".")
    before, after = (dsl.load(GOLDEN / f"{name}{end}.cell") for end in (".before", ""))
    found = marked(before, after, name, dark="dark" in options, only_changed="only_changed" in options)
    assert found.svg() == path.read_text(encoding="utf-8")


def test_there_are_golden_pictures() -> None:
    options = {part for path in GOLDEN.glob("*.svg") for part in path.stem.split(".")[1:]}
    assert options == {"dark", "only_changed"}
    assert {path.stem.split(".")[0] for path in GOLDEN.glob("*.cell")} == {
        path.stem.split(".")[0] for path in GOLDEN.glob("*.svg")
    }


def test_every_text_is_escaped_and_nothing_is_loaded() -> None:
    before, after = chain("large_scale.cell", 11, 8)[::8]
    svg = marked(before, after, "<script>alert('&')</script>").svg()
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "title", "rect", "path", "polygon", "g", "text", "circle"}
    assert "<script>" not in svg and "href" not in svg and "url(" not in svg and "@import" not in svg


def test_a_png_shows_the_marks() -> None:
    from io import BytesIO

    from PIL import Image

    found = drawn(cell("a = relu(x) return a + y"), cell("b = conv[1x1](x) return relu(b) + y"))
    colours = Image.open(BytesIO(found.png(2.0))).convert("RGB").getcolors(1 << 24)
    assert colours is not None
    shown = {"#" + "".join(f"{part:02x}" for part in colour) for _, colour in colours if isinstance(colour, tuple)}
    assert {paints.MARK, paints.HALO} <= shown
