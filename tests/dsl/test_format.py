"""The canonical layout keeps the meaning and the comments, and formatting twice is formatting once."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import lark
import pytest
from hypothesis import given, settings

import dsl
from dsl import shipped_cells
from dsl.text.format import WIDTH, fmt
from dsl.text.parse import grammar
from tests.dsl.genotypes import genotypes

SHIPPED = sorted(shipped_cells().glob("*.cell"))
BAD = sorted((Path(__file__).parent.parent / "bad").rglob("*.cell"))
PARSER = lark.Lark(grammar(), parser="lalr", keep_all_tokens=True, maybe_placeholders=False)
GAPS = (
    " ",
    "\n",
    "\n\n",
    "\n\n\n  ",
    "\t",
    "\r\n",
    "# why\n",
    "  # why not\n",
    "\n# above\n",
    "\n\n  # two\n\n\n# lines\n",
)


def tokens(text: str) -> list[Any]:
    found: list[Any] = list(PARSER.parse(text).scan_values(lambda item: isinstance(item, lark.Token)))
    return sorted(found, key=lambda token: token.start_pos)


def comments(text: str) -> list[tuple[str, int, bool]]:
    """Returns for each comment its text, the number of tokens before it, and whether it is alone in its line."""
    ends = [0, *(token.end_pos for token in tokens(text))]
    starts = [*(token.start_pos for token in tokens(text)), len(text)]
    return [
        (match[0].rstrip(), count, not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip())
        for count, (end, start) in enumerate(zip(ends, starts, strict=True))
        for match in re.compile(r"#[^\n]*").finditer(text, end, start)
    ]


def shaken(text: str, rng: random.Random, how_often: float) -> str:
    """Puts blanks, line breaks and comments at random places between the tokens of a text."""
    parts = [token + (rng.choice(GAPS) if rng.random() < how_often else " ") for token in tokens(text)]
    return rng.choice(GAPS) + "".join(parts)


def check(text: str) -> str:
    """Checks that formatting keeps the meaning and the comments of a text, and is stable."""
    after = fmt(text)
    assert dsl.parse(after) == dsl.parse(text)
    assert [str(token) for token in tokens(after)] == [str(token) for token in tokens(text)]
    assert comments(after) == comments(text)
    assert fmt(after) == after
    assert not re.search(r"[ \t]\n|\n\n\n|\A\n|\{\n\n|\n\n *\}|\n\n\Z|[^\n]\Z", after)
    return after


def parses(path: Path) -> bool:
    try:
        dsl.parse(path.read_text())
    except (dsl.CellError, UnicodeDecodeError):
        return False
    return True


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
class TestShippedFile:
    def test_a_shipped_file_is_formatted(self, path: Path) -> None:
        assert check(path.read_text()) == path.read_text()

    def test_comes_back_however_it_is_shaken(self, path: Path) -> None:
        rng = random.Random(path.name)
        for how_often in (0.0, 0.05, 0.5, 1.0):
            check(shaken(path.read_text(), rng, how_often))

    def test_a_printed_text_keeps_its_meaning(self, path: Path) -> None:
        check(dsl.unparse(dsl.parse(path.read_text())))


def test_wrong_files_that_can_be_read_are_formatted() -> None:
    readable = [path for path in BAD if parses(path)]
    assert len(readable) > 30
    for path in readable:
        check(path.read_text())


@settings(max_examples=40, deadline=None)
@given(genotypes(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.1, 1.0]))
def test_random_genotypes_with_random_blanks_and_comments(
    genotype: dsl.Genotype, rng: random.Random, how_often: float
) -> None:
    check(shaken(genotype.text(), rng, how_often))


@settings(max_examples=40, deadline=None)
@given(genotypes())
def test_no_line_is_too_long(genotype: dsl.Genotype) -> None:
    assert max(map(len, fmt(genotype.standalone()).splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("\n\n# alone\n\n\n# two", "# alone\n\n# two\n"),
        ("param A=1+2*-( B-3 )param C = 3#  c", "param A = 1 + 2 * -(B - 3)\nparam C = 3  #  c\n"),
        ("param LONG = 1 # a\nparam B = 2    # b\n\nparam C = 1 # c",
         "param LONG = 1  # a\nparam B = 2     # b\n\nparam C = 1  # c\n"),
        ("gene g=1 in 0..2", "gene g = 1 in 0 .. 2\n"),
        ("values v={a,b[any({1,2})],}", "values v = { a, b[any({ 1, 2 })], }\n"),
        ("values v = {\na, # first\n\n b}", "values v = {\n  a,  # first\n  b\n}\n"),
        ("op a [ k,p = same ]=relu|conv[k , stride=stride] if k is x else b",
         "op a[k, p=same] = relu | conv[k, stride=stride] if k is x else b\n"),
        ("op a = b | c\n|d if x>1\nelse e", "op a = b | c\n     | d if x > 1\n  else e\n"),
        ("fixed cell a(x:each b,y)stride 2 fit c width split{\n\nq=0:b(x)+y|c\n\n\n# end\nreturn q\n\n}cell b(x)like a",
         "fixed cell a(x: each b, y) stride 2 fit c width split {\n  q = 0: b(x) + y | c\n\n  # end\n  return q\n}\n"
         "cell b(x) like a\n"),
        ("network{stem:a[F]|b,\nc(-1,-2)*(N-1)as m auxiliary(m):d}",
         "network {\n  stem: a[F] | b,\n        c(-1, -2) * (N - 1) as m\n  auxiliary(m): d\n}\n"),
        ("mutation a{}mutation b{forget weights}mutation c{remove n t.k+=1}",
         "mutation a { }\nmutation b { forget weights }\nmutation c {\n  remove n\n  t.k += 1\n}\n"),
        ("mutation a { # why\n}", "mutation a {  # why\n}\n"),
        ("mutation a{choose n in c.nodes where not n.terms.count==1 either{remove n}or{}}",
         "mutation a {\n  choose n in c.nodes where not n.terms.count == 1\n  either { remove n }\n  or { }\n}\n"),
        ("require params<=3M or a before b", "require params <= 3M or a before b\n"),
        ("\ufeffparam A = 1\r\nparam B = 2 # b\r\n", "param A = 1\nparam B = 2  # b\n"),
    ],
)  # fmt: skip
def test_a_text_is_formatted_to_the_layout(text: str, wanted: str) -> None:
    assert fmt(text) == wanted
    assert fmt(wanted) == wanted


def test_long_lines_are_broken_and_aligned() -> None:
    names = [f"operation_{i}" for i in range(9)]
    assert fmt(f"values ops = {{ {', '.join(names)} }}\nop x = {' | '.join(names)}\n") == (
        "values ops = { operation_0, operation_1, operation_2, operation_3, operation_4, operation_5,\n"
        "               operation_6, operation_7, operation_8 }\n"
        "op x = operation_0 | operation_1 | operation_2 | operation_3 | operation_4 | operation_5\n"
        "     | operation_6 | operation_7 | operation_8\n"
    )


def test_the_authors_rows_of_a_set_stand_unless_one_is_too_long() -> None:
    kept = "values v = { a, b,\n             c }\n"
    assert fmt(kept) == kept
    row = ", ".join("abcdefgh" for _ in range(9))
    refilled = fmt(f"values v = {{ {row}, {row},\n c }}")
    assert refilled.splitlines()[-1].strip() != "c }"
    assert max(map(len, refilled.splitlines())) <= WIDTH


def test_rows_that_are_filled_anew_stay_broken_after_a_comment() -> None:
    names = ", ".join("abcdefgh" for _ in range(12))
    check(f"values v = {{ a\n# above\n, b, {names},\n c }}")


@pytest.mark.parametrize(
    "text",
    [
        "mutation grow {{ choose c in cells, target in c.terms where target.op is not skip and target.kernel != {k}, "
        "node in c.nodes where node before target  target.op = any(ops) }}\n",
        "op x[kernel] = blk[{k}, first=any({{ {k}, bbbbbbbbbbbbbbbbbbbb, ccccccccccccccccccccccc, dddddddddddddddddd, "
        "ffffffffffffffffffff }}), last]\n",
    ],
    ids=["where", "set"],
)
def test_a_part_that_no_line_holds_stays_where_it_was_laid_out(text: str) -> None:
    for length in range(1, 60):
        once = fmt(text.format(k="k" * length))
        assert fmt(once) == once


def test_a_long_line_does_not_move_the_comments_of_its_neighbours() -> None:
    name = "a" * 120
    text = f"param B = 1   # b\nparam {name} = 2    # long\nparam CC = 3 # c\n"
    assert fmt(text) == f"param B = 1   # b\nparam {name} = 2  # long\nparam CC = 3  # c\n"
    assert fmt(f"param {name} = 2 # alone\n") == f"param {name} = 2  # alone\n"


def test_an_error_is_the_parsers() -> None:
    with pytest.raises(dsl.CellError, match=r"odd\.cell:1:11: syntax error"):
        fmt("param A = = 1", "odd.cell")


@pytest.mark.parametrize(
    ("start", "part", "end", "count"),
    [("values v = { ", "a, ", "}", 2_500), ("", "param A = 1 # b\n", "", 600), ("", "#\n", "", 10_000)],
)
def test_the_time_grows_with_the_size_of_the_file(start: str, part: str, end: str, count: int) -> None:
    """Four times the text takes about four times as long. If the time grew with the square, it would be 16 times."""
    small, large = (
        min(seconds_of(partial(fmt, start + size * part + end)) for _ in range(3)) for size in (count, 4 * count)
    )
    assert large < 9 * small


def seconds_of(call: Callable[[], object]) -> float:
    """Returns the processor time of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began
