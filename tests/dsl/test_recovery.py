"""All syntax errors of a text are reported at once, each once, without errors that follow from others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import dsl
from dsl import shipped_cells
from dsl.text.parse import MAX_CHARACTERS, MAX_PROBLEMS


def places(text: str) -> list[tuple[int, int]]:
    with pytest.raises(dsl.CellError) as caught:
        dsl.parse(text)
    positions = [problem.position for problem in caught.value.problems]
    return [(position.line, position.column) for position in positions if position]


GOOD = "cell good(x) {\n  a = relu(x)\n  return a\n}\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("param A = = 1\nparam B = 2\nparam C = * 3\n", [(1, 11), (3, 11)]),
        ("param A = = 1 param B = 2 param C = * 3", [(1, 11), (1, 37)]),
        (f"cell bad(x) {{\n  a = relu x\n  b = ]\n  return b\n}}\n{GOOD}param C = * 3\n", [(3, 3), (10, 11)]),
        (f"cell unclosed(x) {{\n  a = relu(x)\n{GOOD}param C = * 3\n", [(3, 6), (7, 11)]),
        (f"network {{\n  body: a,\n{GOOD}", [(3, 14)]),
        (f"cell bracket(x {{\n  a = relu(x)\n  return a\n}}\n{GOOD}", [(1, 16)]),
        (f"cell extra(x) {{\n  return x\n}} }}\n{GOOD}op a = |\n", [(3, 3), (8, 8)]),
        ('include "a.cell\nparam A = * 1\n', [(1, 9), (2, 11)]),
        ("mutation m { choose t on x either { } or { ) } }\nmutation n { remove }\n", [(1, 23), (2, 21)]),
        ("# param A = = 1\nstray\nparam A = = 1\n", [(2, 1), (3, 11)]),
        ("op a = relu else\n", [(1, 17)]),
    ],
    ids=[
        "lines", "one_line", "in_a_cell", "unclosed_cell", "unclosed_network", "unclosed_bracket", "closed_twice",
        "string", "rules", "stray_word", "end",
    ],
)  # fmt: skip
def test_each_mistake_is_reported_once_and_in_order(text: str, wanted: list[tuple[int, ...]]) -> None:
    assert places(text) == wanted


def test_names_and_comments_are_not_taken_for_declarations() -> None:
    text = 'cell a(x) {\n  op = relu(x ]\n  cell = relu(op)  # param A = 1\n  return cell\n}\nop "b"\nparam B = * 2'
    assert places(text) == [(2, 15), (7, 11)]


def test_wrong_numbers_and_repeated_settings_are_reported_with_the_syntax_errors() -> None:
    text = "param A = 1e999\ncell a(x) stride 1 stride 2 {\n  return x\n}\nparam B = * 2"
    assert places(text) == [(1, 11), (2, 1), (5, 11)]


def test_mistakes_of_included_files_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "one.cell").write_text("param A = * 1\nparam B = * 2\n")
    (tmp_path / "two.cell").write_text("param C = * 3\n")
    path = tmp_path / "main.cell"
    path.write_text('include "one.cell"\ninclude "nowhere.cell"\ninclude "two.cell"\n')
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(path)
    said = [str(problem).splitlines()[0] for problem in caught.value.problems]
    assert [next(word for word in ("one", "nowhere", "two") if word in line) for line in said] == [
        "one", "one", "nowhere", "two",
    ]  # fmt: skip


def test_the_number_of_reported_mistakes_is_limited() -> None:
    assert len(places("param A = * 1\n" * 1000)) == MAX_PROBLEMS


@pytest.mark.parametrize("path", sorted(shipped_cells().glob("*.cell")), ids=lambda path: path.name)
def test_a_bracket_left_out_is_one_mistake(path: Path) -> None:
    """In a valid file without one closing brace at the beginning of a line, only that is reported."""
    text = path.read_text()
    for index in [i for i in range(1, len(text)) if text[i] == "}" and text[i - 1] == "\n"]:
        assert len(places(text[:index] + text[index + 1 :])) == 1


@pytest.mark.parametrize(
    "part",
    [
        "param A = * 1\n",
        "}",
        '"',
        "cell a(",
        "param\t",
        "\x00",
        "op a = relu |\n",
        "cell a(x) {\n",
        "fixed ",
        "#\n\n{}",
    ],
)
def test_half_a_megabyte_of_garbage_takes_seconds_at_most(part: str) -> None:
    text = part * (MAX_CHARACTERS // len(part))
    began = time.monotonic()
    with pytest.raises(dsl.CellError) as caught:
        dsl.parse(text)
    assert len(str(caught.value)) < 100_000
    assert time.monotonic() - began < 20
