"""Texts are parsed to trees, and trees are printed as texts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings

import dsl
from dsl.tree import syntax as s
from tests.dsl.genotypes import genotypes


@settings(max_examples=60, deadline=None)
@given(genotypes())
def test_generated_genotypes_print_back(genotype: dsl.Genotype) -> None:
    assert genotype.space.genotype(genotype.text()) == genotype


@pytest.mark.full
@settings(max_examples=10_000, deadline=None)
@given(genotypes())
def test_many_generated_genotypes_print_back(genotype: dsl.Genotype) -> None:
    assert genotype.space.genotype(genotype.text()) == genotype


def test_individuals_share_the_cells_that_their_texts_share() -> None:
    seed = dsl.load("nasnet.cell", {"N": 3, "F": 24})
    child = dsl.mutate(seed, random.Random(0)).genotype
    texts = seed.text(), child.text()
    first, second = map(seed.space.genotype, texts)
    assert (first, second) == (seed, child) and first != second
    assert sum(one is other for one, other in zip(first.cells, second.cells, strict=True)) == 1
    nodes = [[node for cell in one.cells for node in cell.nodes] for one in (first, second)]
    assert sum(one is not other for one, other in zip(*nodes, strict=True)) == 1
    for text, read in zip(texts, (first, second), strict=True):
        lines = {
            item.name: item.position.line
            for item in dsl.parse(text).items
            if isinstance(item, s.Cell) and item.position
        }
        assert {cell.name: cell.position and cell.position.line for cell in read.cells} == lines


@pytest.mark.parametrize(
    "between", ["\n", "  ", "\n  # a remark\n", "\n\n", "\n    + x\n", "  # a remark\n", " | relu\n"]
)
def test_individuals_are_read_whatever_their_lines_are(between: str) -> None:
    network = "network { body: net[8]  head: global_avg_pool | dense[classes] }"
    seed = dsl.loads(f"cell net(x) {{ a = relu(x)  b = relu(a)  return a + b }}\n{network}")
    for op, gap in (("relu", "\n"), ("relu", between), ("sigmoid", between), ("sigmoid", "\n"), ("relu", between)):
        text = f"cell net(x) {{\n  a = relu(x){gap}  b = {op}(a)\n  return a + b\n}}\n"
        assert seed.space.genotype(text) == dsl.loads(text + network)


def test_all_mistakes_of_an_individual_are_named_with_their_lines() -> None:
    seed = dsl.load("nasnet.cell", {"N": 3, "F": 24})
    wrong = seed.text().replace("return", "retrun")
    with pytest.raises(dsl.CellError) as whole:
        dsl.parse(wrong, "<genotype>")
    with pytest.raises(dsl.CellError) as read:
        seed.space.genotype(wrong)
    assert str(read.value) == str(whole.value) and str(read.value).count("retrun") > 1


@pytest.mark.parametrize(
    "text",
    [
        "param A = (1 + 2) * 3 - 4 // (5 - 6)",
        "param A = 1 - (2 - 3)",
        "param A = -(1 + 2)",
        "param A = 1e-06",
        "param A = 20K",
        "param A = 2.5M",
        "gene g = 0.1 in 1e-6 .. 10",
        "require params <= 3M and not depth > 2",
        "mutation m weight 0.5 { choose c in cells, t in c.terms where t.op is not conv or t.input == c either { "
        "t.kernel.width += any({ -2, 2 }) } or { remove t } }",
    ],
)
def test_declarations_print_back(text: str) -> None:
    file = dsl.parse(text)
    assert dsl.parse(dsl.unparse(file)) == file


def test_whole_numbers_are_whole_whatever_their_spelling() -> None:
    items = dsl.parse("param A = 3.0 param B = 3e0 param C = 3").items
    values = [item.value for item in items if isinstance(item, s.Param)]
    assert values == [s.Number(3)] * 3
    assert all(isinstance(value, s.Number) and isinstance(value.value, int) for value in values)


def test_positions_are_kept_but_not_compared() -> None:
    first, second = dsl.parse("param A = 1"), dsl.parse("\n\n   param A = 1")
    assert first == second
    position = second.items[0].position
    assert position and (position.line, position.column) == (3, 4)


def test_a_label_is_printed_only_where_it_is_not_the_place() -> None:
    text = "cell net(x) {\n  a = 0: skip(x) + 3: skip(x)\n  return a\n}\n"
    cell = dsl.parse(text).items[0]
    assert isinstance(cell, s.Cell)
    assert [term.label for term in cell.nodes[0].flow.terms] == [None, "3"]
    assert "a = skip(x) + 3: skip(x)" in dsl.unparse(dsl.parse(text))


def test_include_stays_a_declaration() -> None:
    assert dsl.parse('include "nowhere.cell"').items == (s.Include("nowhere.cell"),)


def test_too_much_text_is_an_error() -> None:
    with pytest.raises(dsl.CellError, match="at most"):
        dsl.parse("#" * (1 << 21))


@pytest.mark.parametrize(
    "text",
    [
        "param A = " + "(" * 5000 + "1",
        "param A = " + "1+" * 60_000 + "1",
        "param A = " + "-" * 50_000 + "1",
        "require " + "not " * 50_000 + "a < 1",
    ],
    ids=["brackets", "sums", "signs", "nots"],
)
def test_deep_nesting_is_an_error_and_not_a_crash(text: str) -> None:
    with pytest.raises(dsl.CellError, match="nest deeper"):
        dsl.parse(text)
