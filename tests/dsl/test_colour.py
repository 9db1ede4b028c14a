"""Colours are compared with the grammar: both highlighters take the same words for keywords as the parser."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import lark
import pytest
from pygments.token import Comment, Error, Keyword, Number, String

from dsl import shipped_cells
from dsl.text import words
from dsl.text.colour import CellLexer
from dsl.text.parse import grammar

FILES = sorted(shipped_cells().glob("*.cell"))
PARSER = lark.Lark(grammar(), parser="lalr", keep_all_tokens=True, maybe_placeholders=False)
TEXTMATE = json.loads(files("dsl").joinpath("editors/cell.tmLanguage.json").read_text(encoding="utf-8"))

# every keyword of the grammar as a keyword, and where it is allowed as a name
EVERYTHING = """
include "nasnet.cell"
param op = 1
gene rate = 0.1 in 1e-6 .. 10
values set = { a, conv[any({ 3x3 } except { 5x5 })], }
op sep[kernel, stride=2] = relu if stride > 1 and channels != filters or stride == 2 else any(set) if kernel is a
  else fit
cell net(here: each project, before: match, cell) stride 2 fit match width split {
  stride = before
  fit = any(other set)(cell)
  network = 3: skip(stride)
  weight = relu(before) + before | before
  return concat(before, fit, unused) + op
}
fixed cell copy(x) like net
cell each_(x) width each {
  return x
}
network {
  stem: net[F, stride=stride]
  body: net(-1, -2) * (N - 1) as middle, stride * 2, 7: after * 2 stride 2 as after
}
require net.nodes.count <= 9 and not params > 3M
mutation op weight 0.5 {
  choose c in cells, t in c.terms where t.op is not conv and a before b or c reaches t and b feeds c
  t.op = any(other n.earlier except n.inputs)
  t.stride *= uniform(0.5, 2)
  for t in c.terms where (t.op is conv or t.op is for), for in c.nodes { rate -= 1 }
  either { insert skip | conv[3x3] on t } or { connect a to b by skip }
  insert net[3x3] after a
  remove t
  forget weights
}
mutation weight { weight += 1 }
crossover rate weight 2 { choose c in cells, t in c.terms where mate has t and has.count < 2  t = mate.t
  perturb weights by normal(0, 0.02)
  mutate }
"""
TEXTS = [pytest.param(path.read_text(), id=path.name) for path in FILES] + [pytest.param(EVERYTHING, id="everything")]
CLASSES = {"STRING": "string", "KERNEL": "kernel", "NUMBER": "number"}


def is_word(token: lark.Token) -> bool:
    return token.type != "NAME" and token.isalpha()


def grammars_words() -> set[str]:
    patterns = [terminal.pattern.value for terminal in PARSER.terminals]
    return {w for p in patterns for w in re.split(r"[|()?:]", p.replace(r"\b", "")) if w.isalpha()}


def by_lark(text: str) -> list[tuple[int, str, str]]:
    """Returns the comments, strings, numbers, kernels and words of a text by the parser, with their places."""
    leaves: list[Any] = list(PARSER.parse(text).scan_values(lambda t: isinstance(t, lark.Token)))
    tokens = sorted(leaves, key=lambda t: t.start_pos)
    found = [(t.start_pos, "word" if is_word(t) else CLASSES.get(t.type, ""), str(t)) for t in tokens]
    ends = [0, *(t.end_pos for t in tokens)]
    starts = [*(t.start_pos for t in tokens), len(text)]
    comments = [
        (match.start(), "comment", match[0])
        for end, start in zip(ends, starts, strict=True)
        for match in re.compile(r"#[^\n]*").finditer(text, end, start)
    ]
    return sorted(item for item in found + comments if item[1])


def by_pygments(text: str) -> list[tuple[int, str, str]]:
    kinds = ((Comment, "comment"), (String, "string"), (Number.Kernel, "kernel"), (Number, "number"), (Keyword, "word"))
    tokens = CellLexer().get_tokens_unprocessed(text)
    named = ((at, next((n for k, n in kinds if token in k), ""), value) for at, token, value in tokens)
    return [item for item in named if item[1]]


def textmate_tokens(text: str) -> Iterator[tuple[int, str, str]]:
    """Returns the tokens of an editor's grammar: in each line the leftmost match of the first rule that matches."""
    rules = [(re.compile(rule["match"]), rule["name"]) for rule in TEXTMATE["patterns"]]
    offset = 0
    for line in text.splitlines(keepends=True):
        at = 0
        while matches := [(m.start(), i, m) for i, (r, _) in enumerate(rules) if (m := r.search(line, at))]:
            start, index, match = min(matches, key=lambda found: found[:2])
            yield offset + start, rules[index][1], match[0]
            at = match.end()
        offset += len(line)


def by_textmate(text: str) -> list[tuple[int, str, str]]:
    kinds = (
        ("comment", "comment"), ("string", "string"), ("constant.numeric.kernel", "kernel"),
        ("constant.numeric", "number"), ("keyword.declaration", "word"), ("keyword.control", "word"),
    )  # fmt: skip
    named = (
        (at, next((n for scope, n in kinds if found.startswith(scope)), ""), v)
        for at, found, v in textmate_tokens(text)
    )
    return [item for item in named if item[1]]


def test_the_example_has_every_word_of_the_grammar() -> None:
    assert {value for _, kind, value in by_lark(EVERYTHING) if kind == "word"} == grammars_words()
    assert len(grammars_words()) > 35


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("highlighter", [by_pygments, by_textmate])
def test_tokens_are_those_of_the_parser(highlighter: Callable[..., Any], text: str) -> None:
    assert highlighter(text) == by_lark(text)


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_is_an_error(text: str) -> None:
    assert not [value for _, token, value in CellLexer().get_tokens_unprocessed(text) if token in Error]


def test_text_outside_of_the_language_is_marked_as_an_error() -> None:
    assert [value for _, token, value in CellLexer().get_tokens_unprocessed("a = $") if token in Error] == ["$"]


def test_the_editors_file_has_the_expressions_of_the_module() -> None:
    matches = [rule["match"] for rule in TEXTMATE["patterns"]]
    assert matches == [
        words.COMMENT, words.STRING, *words.DECLARATIONS, *words.WORDS, words.KERNEL, words.NUMBER, words.NAME,
        words.OPERATOR, words.PUNCTUATION,
    ]  # fmt: skip


def test_pygments_finds_the_lexer() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["pygments.lexers"]["cell"].partition(":")
    assert (module, name) == (CellLexer.__module__, CellLexer.__name__)
    assert not [requirement for requirement in project["dependencies"] if "pygments" in requirement.lower()]
