"""The reported changes between two genotypes are complete and readable."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsl
from dsl.report.diff import Difference, differences, same_network
from tests.dsl.genotypes import genotypes

NETWORK = "network { stem: conv[3x3, filters=8] body: net[8] head: global_avg_pool | dense[classes] }"
CELL = "cell net(x) { a = conv[1x1](x) + conv[3x3](x)  b = skip(a)  c = relu(x) + skip(b)  return concat(unused) }"


def said(before: str, after: str, rest: str = NETWORK) -> list[str]:
    return [
        str(difference) for difference in differences(dsl.loads(f"{before}\n{rest}"), dsl.loads(f"{after}\n{rest}"))
    ]


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (("conv[1x1](x)", "conv[5x5](x)"), ["cell net: a: conv[1x1](x) -> conv[5x5](x)"]),
        (("skip(a)", "skip(x)"), ["cell net: b: skip(a) -> skip(x)"]),
        (("relu(x) + ", ""), ["cell net: c: - relu(x)"]),
        (("skip(b)", "skip(b) + x"), ["cell net: c: + x"]),
        (("skip(a)", "skip(a) | relu"), ["cell net: b: + | relu"]),
        (("b = skip(a)", "b = skip(a)  d = relu(b)"), ["cell net: + d = relu(b)"]),
        (("concat(unused)", "c"), ["cell net: return: concat(unused) -> c"]),
        (("skip(a)", "skip(a) + x"), ["cell net: b: + x"]),
        (("conv[1x1](x) + conv[3x3](x)", "conv[3x3](x) + conv[1x1](x)"),
         ["cell net: a: the same terms in another order: conv[3x3](x) + conv[1x1](x)"]),
        (("relu(x) + skip(b)", "relu(x) + 5: skip(b)"),
         ["cell net: c: the terms have other labels, by which weights are inherited"]),
        (("relu(x) + skip(b)", "concat(relu(x), skip(b))"),
         ["cell net: c: relu(x) + skip(b) -> concat(relu(x), skip(b))"]),
        (("cell net(x)", "cell net(x: relu)"), ["cell net: x -> x: relu"]),
        (("(x) {", "(x) stride 2 {"), ["cell net: + stride 2"]),
        (("cell net", "fixed cell net"), ["cell net: is fixed"]),
    ],
)  # fmt: skip
def test_one_change_is_one_sentence(change: tuple[str, str], sentences: list[str]) -> None:
    assert said(CELL, CELL.replace(*change)) == sentences


def test_a_term_is_known_by_its_label_wherever_it_stands() -> None:
    before = "cell net(x) { a = conv[1x1](x) + conv[3x3](x) + conv[5x5](x)  return a }"
    after = "cell net(x) { a = 1: conv[3x3](x) + 2: conv[7x7](x)  return a }"
    assert said(before, after) == ["cell net: a: - conv[1x1](x)", "cell net: a: conv[5x5](x) -> conv[7x7](x)"]


def test_an_edge_in_a_join_is_named_alone() -> None:
    before = "cell net(x) { a = relu(x)  return concat(none(a), conv[1x1](x)) + skip(x) }"
    assert said(before, before.replace("none(a)", "skip(a)")) == ["cell net: return: none(a) -> skip(a)"]


@pytest.mark.parametrize("names", [{"b": "z"}, {"a": "b", "b": "a"}, {"a": "u", "b": "v", "c": "w"}, {"x": "image"}])
def test_a_renamed_node_is_reported_as_renamed(names: dict[str, str]) -> None:
    after = "".join(names.get(word, word) for word in re.split(r"\b", CELL))
    assert said(CELL, after) == [f"cell net: {old} is now called {new}" for old, new in sorted(names.items())]
    assert same_network(dsl.loads(CELL + NETWORK), dsl.loads(after + NETWORK))


def test_another_order_is_reported_as_another_order() -> None:
    before = "cell net(x) { a = relu(x)  b = skip(x)  return a + b }"
    after = "cell net(x) { b = skip(x)  a = relu(x)  return a + b }"
    assert said(before, after) == ["cell net: the nodes stand in another order: b, a"]


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ("gene g = 0.1", "gene g = 0.0731", ["g: 0.1 -> 0.0731"]),
        ("gene g = 0.1", "gene g = 0.07314285714285", ["g: 0.1 -> 0.07314"]),
        ("gene g = 0.12345678", "gene g = 0.12345679", ["g: 0.12345678 -> 0.12345679"]),
        ("gene g = 1", "gene g = 1 in 0 .. 2", ["gene g: + in 0 .. 2"]),
        ("param F = 24", "param F = 36", ["param F: 24 -> 36"]),
        ("op o = relu", "op o = relu | batch_norm", ["op o: relu -> relu | batch_norm"]),
        ("values v = { relu, skip }", "values v = { skip, relu }",
         ["values v: the members stand in another order: skip, relu"]),
        ("values v = { relu }", "values v = { conv[5x5], relu }", ["values v: + conv[5x5]"]),
        ("mutation m { }", "mutation m weight 0.3 { }", ["mutation m: weight 1 -> 0.3"]),
        ("mutation m { }", "mutation k { }", ["mutation m: - { }", "mutation k: + { }"]),
        ("", "require params <= 3M", ["require: + params <= 3000000"]),
    ],
)  # fmt: skip
def test_every_declaration_has_its_sentence(before: str, after: str, sentences: list[str]) -> None:
    assert said(before, after, CELL + NETWORK) == sentences


def test_changed_steps_of_the_network_are_reported() -> None:
    after = NETWORK.replace("net[8] ", "net[8] * 2, relu as last ").replace("conv[3x3", "conv[5x5")
    assert said(NETWORK, after, CELL) == [
        "network stem: conv[3x3, filters=8] -> conv[5x5, filters=8]",
        "network body: - net[8]",
        "network body: at the start: + net[8] * 2",
        "network body: after net[8] * 2: + relu as last",
    ]


def test_a_long_change_is_broken_between_its_old_and_its_new_value() -> None:
    long = " | ".join(["batch_norm"] * 9)
    head, *lines = str(Difference("op o", f"relu | {long}", long)).splitlines()
    assert head == "op o: changed"
    assert [line[:4] for line in lines] == ["  - ", "    ", "  + ", "    "]
    assert max(map(len, lines)) <= 100
    assert " ".join(line[4:].strip() for line in lines) == f"relu | {long} {long}"


def test_where_declarations_stand_does_not_matter() -> None:
    a = dsl.loads(f"param A = 1 param B = 2 op o = relu {CELL} {NETWORK}")
    b = dsl.loads(f"{NETWORK} op o = relu param B = 2 {CELL} param A = 1")
    assert differences(a, b) == ()
    assert same_network(a, b)


def test_another_unused_node_is_the_same_network() -> None:
    a, b = (dsl.loads(f"cell net(x) {{ a = {op}(x) return x }} {NETWORK}") for op in ("relu", "batch_norm"))
    assert len(differences(a, b)) == 1
    assert same_network(a, b)
    assert not same_network(a, dsl.loads(f"cell net(x) {{ a = relu(x) return a }} {NETWORK}"))


@given(genotypes(), st.integers(0, 2**32))
def test_a_child_differs_exactly_if_its_text_does(parent: dsl.Genotype, seed: int) -> None:
    child = dsl.mutate(parent, random.Random(seed)).genotype
    assert differences(parent, parent) == ()
    assert bool(differences(parent, child)) == (parent.text() != child.text())
    assert all(str(difference) for difference in differences(parent, child))


def test_growing_children_read_well() -> None:
    genotype, rng = dsl.load("large_scale.cell"), random.Random(1)
    for _ in range(60):
        child = dsl.mutate(genotype, rng).genotype
        found = differences(genotype, child)
        assert bool(found) == (child.text() != genotype.text())
        assert not any("is now called" in difference.note for difference in found)
        genotype = child
