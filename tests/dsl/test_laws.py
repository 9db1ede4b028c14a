"""Properties of every genotype: texts read back, children are valid, names and order do not matter."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings

import dsl
from dsl import shipped_cells
from dsl.check.reach import dead_rules
from dsl.check.verify import verify_genotype
from dsl.text.format import fmt
from dsl.tree import edit
from dsl.tree import syntax as s
from tests.dsl.genotypes import genotypes

SPACES = [path.name for path in sorted(shipped_cells().glob("*.cell")) if dsl.load(path).space.mutations]
CHAIN = 250  # mutations from the seed, so that growing networks become large


def chain(name: str, count: int) -> list[dsl.Genotype]:
    """Returns descendants of a space's seed. The chain starts again from the seed after `CHAIN` mutations."""
    seed, rng = dsl.load(name), random.Random(name)
    found: list[dsl.Genotype] = []
    for number in range(count):
        parent = seed if number % CHAIN == 0 else found[-1]
        found.append(dsl.mutate(parent, rng).genotype)
    return found


def check_children(name: str, count: int) -> None:
    seed, rng = dsl.load(name), random.Random(name)
    parent = seed
    for number in range(count):
        if number % CHAIN == 0:
            parent = seed
        before = parent.cells, parent.genes
        child = dsl.mutate(parent, rng).genotype
        assert (parent.cells, parent.genes) == before
        assert not verify_genotype(child)
        parent = child


def check_texts(name: str, count: int) -> None:
    for genotype in chain(name, count):
        text = genotype.text()
        file = dsl.parse(text)
        assert dsl.unparse(file) == text
        assert genotype.space.genotype(text) == genotype
        laid_out = fmt(text)
        assert fmt(laid_out) == laid_out
        assert dsl.parse(laid_out) == file


@pytest.mark.parametrize("name", SPACES)
def test_children_are_valid_and_parents_unchanged(name: str) -> None:
    check_children(name, 300)


@pytest.mark.parametrize("name", SPACES)
def test_texts_read_back(name: str) -> None:
    check_texts(name, 12)


@pytest.mark.full
@pytest.mark.parametrize("name", SPACES)
def test_100_000_children_are_valid(name: str) -> None:
    check_children(name, 100_000 // len(SPACES) + 1)


@pytest.mark.full
@pytest.mark.parametrize("name", SPACES)
def test_10_000_texts_read_back(name: str) -> None:
    check_texts(name, 10_000 // len(SPACES) + 1)


@settings(max_examples=300, deadline=None)
@given(genotypes())
def test_generated_genotypes_are_their_texts(genotype: dsl.Genotype) -> None:
    check_round_trips(genotype)


@pytest.mark.full
@settings(max_examples=10_000, deadline=None)
@given(genotypes())
def test_many_generated_genotypes_are_their_texts(genotype: dsl.Genotype) -> None:
    check_round_trips(genotype)


def check_round_trips(genotype: dsl.Genotype) -> None:
    file = s.File(genotype.cells)
    assert dsl.parse(dsl.unparse(file)) == file
    assert genotype.space.genotype(genotype.text()) == genotype


@pytest.mark.parametrize("name", SPACES)
def test_the_text_of_a_child_loads_alone(name: str) -> None:
    """The text of every individual is a file that loads, also where a rule can change nothing in it."""
    for genotype in (*chain(name, 6), chain(name, CHAIN)[-1]):
        again = dsl.loads(genotype.standalone())
        assert again == genotype
        assert dsl.fingerprint(again) == dsl.fingerprint(genotype)


def test_a_child_loads_alone_though_a_rule_of_its_space_cannot_change_it() -> None:
    rule = "mutation only { choose t in net.terms where t.op is relu_conv  t.op = any({ skip, zero }) }"
    text = dsl.load("nasbench201.cell").standalone()
    genotype, rng = dsl.loads(f"{text[: text.index('mutation')]}\n{rule}"), random.Random(1)
    for _ in range(6):
        genotype = dsl.mutate(genotype, rng).genotype
    again = dsl.loads(genotype.standalone())
    assert [problem.message.split(":")[0] for problem in dead_rules(again.space)] == ["mutation only can never apply"]


def renamed(cell: s.Cell, rng: random.Random) -> s.Cell:
    """Returns the cell with other names and orders of nodes and terms. A node stays below the states it reads."""
    names = {node.name: f"s{number}" for number, node in enumerate(rng.sample(cell.nodes, len(cell.nodes)))}

    def term(item: s.Term) -> s.Term:
        if isinstance(item, s.Wire):
            return replace(item, state=names.get(item.state, item.state))
        return replace(item, arguments=tuple(term(part) for part in item.arguments))

    # With this fit the first term decides the shape.
    by_first = cell.fit is not None and cell.fit.name == "resize_and_pad"

    def flow(item: s.Flow) -> s.Flow:
        kept, moved = item.terms[:by_first], item.terms[by_first:]
        return replace(item, terms=tuple(term(part) for part in (*kept, *rng.sample(moved, len(moved)))))

    nodes = tuple(s.Node(names[node.name], flow(node.flow)) for node in rng.sample(cell.nodes, len(cell.nodes)))
    shuffled = edit.in_order(replace(cell, nodes=nodes, output=flow(cell.output)))
    assert shuffled is not None
    return shuffled


@pytest.mark.parametrize("name", SPACES)
def test_a_fingerprint_does_not_depend_on_names_and_order(name: str) -> None:
    rng = random.Random(1)
    for genotype in chain(name, 15):
        cells = tuple(renamed(cell, rng) for cell in genotype.cells)
        assert dsl.fingerprint(replace(genotype, cells=cells)) == dsl.fingerprint(genotype)
