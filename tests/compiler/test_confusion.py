"""The picture of a confusion matrix is complete and readable for names of every kind."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from compiler.pictures import card, confusion_matrix


def diagonal(classes: int, images: int = 20) -> list[list[int]]:
    counts = [[0] * classes for _ in range(classes)]
    for place in range(classes):
        counts[place][place] = images - 1
        counts[place][(place + 1) % classes] += 1
    return counts


def drawn(
    classes: int, names: list[str] | None = None, title: str = "7: test accuracy 0.9500, by op from 3"
) -> Image.Image:
    png = confusion_matrix.png(diagonal(classes), names or [str(k) for k in range(classes)], title)
    return Image.open(io.BytesIO(png)).convert("RGB")


def ink(picture: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Returns whether a part of the picture has dark pixels."""
    return bool(np.asarray(picture.crop(box).convert("L")).min() < 140)


@pytest.mark.parametrize(("width", "cards"), [(1, 1), (200, 1), (350, 1), (590, 1), (600, 2), (800, 2), (1318, 4)])
def test_on_a_card_it_is_a_whole_number_of_cards_wide(width: int, cards: int) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (width, 2 * width), "white").save(stream, "PNG")
    png, *size = card.fit(stream.getvalue())
    assert Image.open(io.BytesIO(png)).size == tuple(size) == (350 * cards, 700 * cards)


def test_pixels_that_a_card_leaves_out_are_blended_in() -> None:
    """A line of one pixel is not lost where only every second pixel is shown."""
    wide = Image.new("L", (700, 100), 255)
    for x in range(0, 700, 7):
        wide.paste(0, (x, 0, x + 1, 100))
    stream = io.BytesIO()
    wide.save(stream, "PNG")
    png, width, height = card.fit(stream.getvalue())
    shown = Image.open(io.BytesIO(png)).convert("L").resize((width // 2, height // 2), Image.Resampling.NEAREST)
    for x in range(0, 700, 7):
        line = shown.crop((max(0, x // 2 - 1), 20, x // 2 + 2, 21))
        assert np.asarray(line).min() < 230


@pytest.mark.parametrize("classes", [2, 10, 30, 31, 200])
@pytest.mark.parametrize("name", ["k", "a name that is much longer than there is room for in any picture"])
def test_nothing_is_cut_off(classes: int, name: str) -> None:
    """The picture has a white margin on all sides."""
    picture = drawn(classes, [f"{name} {k}" for k in range(classes)]).convert("L")
    width, height = picture.size
    for box in ((0, 0, width, 3), (0, height - 3, width, height), (0, 0, 3, height), (width - 3, 0, width, height)):
        assert picture.crop(box).getextrema()[0] == 255


def test_right_and_wrong_have_their_colours() -> None:
    picture = drawn(10)
    red, _, blue = np.moveaxis(np.asarray(picture, int), -1, 0)
    assert (blue > red + 80).any() and (red > blue + 20).any()


def test_a_long_title_makes_room_for_itself() -> None:
    title = "1234: test accuracy 0.9500, by insert_convolution_between_everything from 1233"
    picture = drawn(3, title=title)
    assert ink(picture, (0, 0, picture.width, 30))
    assert picture.convert("L").crop((picture.width - 3, 0, *picture.size)).getextrema()[0] == 255


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("cat", "cat"),
        ("two words", "two words"),
        ("[red]", "[red]"),
        ("", "5"),
        ("line\nbreak", "5"),
        ("\U000f0000", "5"),  # a character that no font has
        ("שלום", "5"),  # a script that runs from right to left
        ("\u0627\u0644", "5"),
    ],
)
def test_a_name_that_cannot_be_drawn_is_its_number(name: str, label: str) -> None:
    names = [*"abcde", name]
    assert confusion_matrix._labels(names)[5][0] == label


def test_letters_of_other_languages_are_drawn_or_numbered_and_never_empty_boxes() -> None:
    for name in ("größe", "犬", "Ж", "ñandú"):
        ((label, font),) = confusion_matrix._labels([name])
        assert label == "0" or (label == name and confusion_matrix._is_drawn(name, font))


def test_a_long_name_is_cut() -> None:
    ((label, _),) = confusion_matrix._labels(["a name that is much longer than there is room for"])
    assert label.endswith("…") and label.startswith("a name that")


def test_a_class_without_images_is_an_empty_row() -> None:
    assert confusion_matrix.png([[0, 0], [1, 3]], ["a", "b"], "x").startswith(b"\x89PNG")


def test_pillow_is_imported_late() -> None:
    code = "import sys, compiler.pictures.confusion_matrix; assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
