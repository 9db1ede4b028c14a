"""Crossovers: children that take parts of a second parent."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsl
from dsl.check.verify import verify_genotype
from dsl.report.explain import explain
from dsl.text.format import fmt
from dsl.tree import syntax as s
from tests.dsl.genotypes import PARENTS, SAMPLED, with_crossovers

SPACE = """
gene rate = 0.25 in 0 .. 1
op conv_bn[kernel, width=1] = conv[kernel] | batch_norm
cell net(x) {{
  a = conv_bn[3x3](x) + skip(x)
  b = relu(a) + conv[1x1](x) | batch_norm
  return b
}}
network {{ stem: conv[3x3, filters=8]  body: net[8]  head: global_avg_pool | dense[classes] }}
mutation op {{ choose t in net.terms  t.op = any({{ relu, skip }}) }}
crossover x {{ {rule} }}
"""
MATE = """
gene rate = 0.75 in 0 .. 1
cell net(x) {
  a = conv_bn[5x5](x) + skip(x)
  n7 = max_pool[3x3](a)
  b = skip(n7) + conv[3x3](n7) | relu
  return b + a
}
"""


def space(rule: str) -> tuple[dsl.Genotype, dsl.Genotype]:
    """Returns the seed of a space with one crossover, and another individual."""
    seed = dsl.loads(SPACE.format(rule=rule))
    return seed, seed.space.genotype(MATE)


def children(rule: str, count: int = 40) -> set[tuple[str, tuple[tuple[str, ...], ...]]]:
    """Returns the bodies of children of one crossover, each with the parts whose weights are the mate's."""
    seed, mate = space(rule)
    before = seed.text(), mate.text()
    only = [one for one in seed.space.mutations if one.crossover]
    made = [dsl.mutate(seed, random.Random(number), only=only, mate=mate) for number in range(count)]
    assert before == (seed.text(), mate.text()), "a parent was changed"
    assert all(child.crossed and child.rule == "x" for child in made)
    assert not any(verify_genotype(child.genotype) for child in made)
    return {(body(child.genotype), child.from_mate) for child in made}


def body(genotype: dsl.Genotype) -> str:
    return "; ".join(line.strip() for line in genotype.text().split("{\n")[1].split("\n}")[0].splitlines())


A, B = "a = conv_bn[3x3](x) + skip(x)", "b = relu(a) + conv[1x1](x) | batch_norm"
RETURN = "return b"


class TestParts:
    def test_a_cell_is_taken_whole(self) -> None:
        _, mate = space("")
        assert children("choose c in cells  c = mate.c") == {(body(mate), (("cell", "net"),))}

    def test_a_node_is_taken_with_its_inputs(self) -> None:
        assert children("choose n in net.nodes where not n.tail is batch_norm  n = mate.n") == {
            (f"a = conv_bn[5x5](x) + skip(x); {B}; {RETURN}", (("cell", "net", "a"),))
        }

    def test_a_node_that_reads_a_state_which_the_child_lacks_is_not_taken(self) -> None:
        found = children("choose n in net.nodes  n = mate.n")
        assert {parts for _, parts in found} == {(("cell", "net", "a"),)}

    def test_the_return_is_taken_as_a_node(self) -> None:
        assert children("choose n in net.output  n = mate.n") == {
            (f"{A}; {B}; return b + a", (("cell", "net", "return"),))
        }

    def test_a_term_takes_operation_and_settings_and_keeps_its_input(self) -> None:
        rule = "choose n in net.nodes, t in n.terms where mate has t and mate.n.tail is relu  t = mate.t"
        assert children(rule) == {
            (f"{A}; b = skip(a) + conv[1x1](x) | batch_norm; {RETURN}", (("cell", "net", "b", "0"),)),
            (f"{A}; b = relu(a) + conv[3x3](x) | batch_norm; {RETURN}", (("cell", "net", "b", "1"),)),
        }

    def test_values_of_the_mate_are_taken_alone(self) -> None:
        assert children("choose t in net.terms where t.op is conv_bn  t.kernel = mate.t.kernel") == {
            (f"a = conv_bn[5x5](x) + skip(x); {B}; {RETURN}", ())
        }
        rule = "choose n in net.nodes where mate.n.tail is relu  n.tail = mate.n.tail"
        assert children(rule) == {(f"{A}; b = relu(a) + conv[1x1](x) | relu; {RETURN}", ())}

    def test_an_input_of_the_mate_is_taken_where_the_child_has_the_state(self) -> None:
        found = children("for t in net.terms { t.input = mate.t.input }")
        assert found == {(f"{A}; {B}; {RETURN}", ())}

    def test_counts_of_the_mate_are_compared(self) -> None:
        rule = "choose c in cells where mate.c.nodes.count > c.nodes.count and mate.net.terms.count == 5  c = mate.c"
        assert len(children(rule)) == 1
        seed, mate = space(rule)
        (only,) = [one for one in seed.space.mutations if one.crossover]
        with pytest.raises(dsl.CellError, match="no mutation rule applies"):
            dsl.mutate(mate, random.Random(0), only=[only], mate=seed)

    @pytest.mark.parametrize(
        ("rule", "value"),
        [
            ("rate = mate.rate", 0.75),
            ("rate = (rate + mate.rate) / 2", 0.5),
            ("for g in genes { g = mate.g }", 0.75),
            ("rate -= mate.rate - 0.6", 0.1),
        ],
    )
    def test_genes_are_taken_and_mixed(self, rule: str, value: float) -> None:
        seed, mate = space(rule)
        (only,) = [one for one in seed.space.mutations if one.crossover]
        child = dsl.mutate(seed, random.Random(0), only=[only], mate=mate)
        assert dict(child.genotype.genes)["rate"] == pytest.approx(value)


class TestFor:
    def test_each_part_is_taken_or_not(self) -> None:
        found = children("for n in net.vertices, t in n.terms where mate has t { either { } or { t = mate.t } }", 200)
        taken = {parts for _, parts in found}
        assert len(taken) == 2**5
        assert set().union(*taken) == {("cell", "net", *part) for part in
                                       (("a", "0"), ("a", "1"), ("b", "0"), ("b", "1"), ("return", "0"))}  # fmt: skip

    def test_a_part_that_cannot_be_taken_is_passed_over(self) -> None:
        assert {parts for _, parts in children("for n in net.nodes { n = mate.n }")} == {(("cell", "net", "a"),)}


class TestMutate:
    def test_one_mutation_follows(self) -> None:
        found = children("choose n in net.nodes where not n.tail is batch_norm  n = mate.n  mutate")
        plain = f"a = conv_bn[5x5](x) + skip(x); {B}; {RETURN}"
        assert {parts for _, parts in found} == {(("cell", "net", "a"),)}
        assert len(found) > 4
        assert all(sum(x != y for x, y in zip(text.split(), plain.split(), strict=True)) <= 1 for text, _ in found)

    def test_a_crossover_may_be_a_mutation_only(self) -> None:
        assert len(children("mutate")) > 2


class TestDraws:
    def test_without_a_mate_no_crossover_applies(self) -> None:
        seed, mate = space("choose c in cells  c = mate.c")
        rng = random.Random(0)
        assert {dsl.mutate(seed, rng).rule for _ in range(50)} == {"op"}
        assert {dsl.mutate(seed, rng, mate=mate).rule for _ in range(50)} == {"op", "x"}
        assert not dsl.mutate(seed, rng).crossed

    def test_a_space_knows_whether_it_has_a_crossover(self) -> None:
        assert space("mutate")[0].space.has_crossover
        assert not dsl.load("nasnet.cell").space.has_crossover

    def test_a_crossover_is_no_free_choice(self) -> None:
        assert dsl.decisions(space("choose t in net.terms  t.op = any({ relu, skip, max_pool[3x3] })")[0]) == (
            dsl.decisions(space("mutate")[0])
        )

    def test_crossovers_are_tried_with_a_descendant(self) -> None:
        facts = {fact.name: fact for fact in explain(space("choose n in net.nodes  n = mate.n")[0],
                                                     random.Random(0)).rules}  # fmt: skip
        assert facts["x"].applies
        assert "the other parent is this one after 10 mutations" in facts["x"].note


CELLS = [name for name in SAMPLED if name != "nasnet_13.cell"]


def check_crossovers(name: str, count: int) -> None:
    """Checks children of two lineages: they are valid, their texts read back, and equal parents give the parent."""
    seed, rng = with_crossovers(name, mutates=False), random.Random(name)
    only = [rule for rule in seed.space.mutations if rule.crossover]
    mutations = [rule for rule in seed.space.mutations if not rule.crossover]
    pair = [seed, seed]
    for number in range(count):
        pair = [dsl.mutate(one, rng, only=mutations, born=2 * number + side).genotype for side, one in enumerate(pair)]
        child = dsl.mutate(pair[0], rng, only=only, mate=pair[1], born=-number)
        assert not verify_genotype(child.genotype)
        assert child.genotype.space.genotype(child.genotype.text()) == child.genotype
        assert dsl.mutate(pair[0], rng, only=only, mate=pair[0]).genotype == pair[0]
        if number % 60 == 59:
            pair = [seed, seed]


@pytest.mark.parametrize("name", CELLS)
def test_crossovers_of_every_space(name: str) -> None:
    check_crossovers(name, 120)


@pytest.mark.full
@pytest.mark.parametrize("name", CELLS)
def test_100_000_crossovers_of_every_space(name: str) -> None:
    check_crossovers(name, 100_000 // (3 * len(CELLS)))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CELLS), st.integers(0, 2**32), st.integers(0, 12))
def test_children_of_a_crossover_have_parts_of_their_parents_only(name: str, seed: int, steps: int) -> None:
    genotype, rng = with_crossovers(name, mutates=False), random.Random(seed)
    pair = [genotype, genotype]
    for number in range(steps):
        pair = [dsl.mutate(one, rng, born=2 * number + side).genotype for side, one in enumerate(pair)]
    only = [rule for rule in genotype.space.mutations if rule.crossover]
    child = dsl.mutate(pair[0], rng, only=only, mate=pair[1])
    ours, theirs = ({(c.name, n.name) for c in one.cells for n in c.nodes} for one in pair)
    for cell in child.genotype.cells:
        taken = ("cell", cell.name) in child.from_mate
        assert {(cell.name, node.name) for node in cell.nodes} <= (theirs if taken else ours)
        for node in cell.nodes:
            parents = [one for side in pair for c in side.cells if c.name == cell.name for one in c.nodes]
            flows = [one.flow for one in parents if one.name == node.name]
            assert node.flow in flows or child.rule == "terms"


def test_a_value_of_the_mates_part_may_be_drawn_among_many_combinations() -> None:
    """The draw is a joint one if no quick draw meets the one term that `where` allows."""
    nodes = "".join(f"  a{place} = relu({f'a{place - 1}' if place else 'x'})\n" for place in range(70))
    rule = "choose t in net.terms where t.op is swish, u in net.terms, v in net.terms  t.op = mate.u.op"
    seed = dsl.loads(
        f"cell net(x) {{\n{nodes}  b = swish(a69)\n  return b\n}}\n"
        "network { stem: conv[3x3, filters=8]  body: net  head: global_avg_pool | dense[classes] }\n"
        f"mutation op {{ choose t in net.terms  t.op = any({{ relu, skip }}) }}\ncrossover x {{ {rule} }}"
    )
    only = [one for one in seed.space.mutations if one.crossover]
    made = [dsl.mutate(seed, random.Random(number), only=only, mate=seed).genotype for number in range(3)]
    assert any("b = relu(a69)" in child.text() for child in made)


def test_a_rule_may_be_called_mate_and_so_may_a_variable_of_a_mutation() -> None:
    text = SPACE.format(rule="mutate") + "mutation mate { choose mate in net.nodes, t in mate.terms  t.op = skip }"
    seed = dsl.loads(text)
    only = [rule for rule in seed.space.mutations if rule.name == "mate"]
    assert isinstance(only[0], s.Mutation)
    assert dsl.mutate(seed, random.Random(0), only=only).rule == "mate"


def test_rules_of_two_parents_read_back() -> None:
    file = dsl.parse(PARENTS)
    assert dsl.parse(dsl.unparse(file)) == file
    assert dsl.unparse(dsl.parse(dsl.unparse(file))) == dsl.unparse(file)
    assert dsl.parse(fmt(PARENTS)) == file
    assert fmt(fmt(PARENTS)) == fmt(PARENTS)
