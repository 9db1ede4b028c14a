"""Genes: their domains, what rules assign them, free choices, and what reads them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsl
from dsl.space.genes import Domain, GeneValue, written
from dsl.text.unparse import expression
from dsl.tree import syntax as s

EVERY_KIND = Path(__file__).parent.parent / "golden" / "cell" / "genes.cell"
NETWORK = "network { stem: conv[3x3, filters=8]  body: net[8]  head: global_avg_pool | dense[classes] }"
BODY = f"cell net(x) {{ a = conv[3x3](x)  return a }}\n{NETWORK}\n"


def space(*lines: str, body: str = BODY) -> dsl.Genotype:
    """Returns the seed of a small network with these declarations."""
    return dsl.loads("\n".join((*lines, body)))


def values(genotype: dsl.Genotype) -> dict[str, str]:
    """Returns the genes of a genotype as texts."""
    return {name: expression(written(value)) for name, value in genotype.genes}


def children(genotype: dsl.Genotype, count: int = 60, rule: str | None = None) -> Iterator[dsl.Mutated]:
    """Yields children of one genotype, by one rule if its name is given."""
    rng = random.Random(1)
    only = [item for item in genotype.space.mutations if item.name == rule] if rule else None
    yield from (dsl.mutate(genotype, rng, None, only) for _ in range(count))


# --- domains ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "value", "taken"),
    [
        (Domain("real", 0, 1), 0.5, 0.5),
        (Domain("real", 0, 1), 3.0, 1),
        (Domain("real", 0, 1), -3.0, 0),
        (Domain("real"), 1e14, 1e14),
        (Domain("real", 0, 1), float("inf"), None),
        (Domain("real", 0, 1), float("nan"), None),
        (Domain("real", 0, 1), s.Kernel(3, 3), None),
        (Domain("int", 1, 4, (1, 2, 3, 4)), 3.5, 4),
        (Domain("int", 1, 4, (1, 2, 3, 4)), 3.49, 3),
        (Domain("int", 1, 4, (1, 2, 3, 4)), 4.5, None),
        (Domain("int", 1, 4, (1, 2, 3, 4)), 0, None),
        (Domain("int"), -7.2, -7),
        (Domain("int", members=(8, 16), is_range=False), 16.0, 16),
        (Domain("int", members=(8, 16), is_range=False), 12, None),
        (Domain("kernel", members=(s.Kernel(3, 3),), is_range=False), s.Kernel(3, 3), s.Kernel(3, 3)),
        (Domain("op", members=(s.Op("relu"),), is_range=False), s.Op("skip"), None),
        (Domain("op", members=(s.Op("relu"),), is_range=False), "relu", None),
    ],
)
def test_only_real_numbers_are_clamped(domain: Domain, value: object, taken: GeneValue | None) -> None:
    assert domain.taken(value, lambda each: each) == taken


def test_a_step_over_the_end_of_a_range_is_another_draw_and_no_equal_child() -> None:
    seed = space("gene d: int = 4 in 1 .. 4", "gene w = 8 in { 8, 16, 64 }",
                 "mutation m { d += any({ -1, 1 }) }", "mutation w { w *= any({ 0.5, 2, 4 }) }")  # fmt: skip
    assert {values(child.genotype)["d"] for child in children(seed, rule="m")} == {"3"}
    found = [*children(seed, rule="w")]
    assert {values(child.genotype)["w"] for child in found} == {"16"}
    assert ("w", "gene w cannot be 32") in {reason for child in found for reason in child.rejected}


@pytest.mark.parametrize("now", [8, 16])
def test_members_of_a_domain_may_differ_in_their_filters(now: int) -> None:
    seed = space("op cb[kernel] = conv[kernel] | batch_norm",
                 f"gene o = cb[3x3, filters={now}] in {{ cb[3x3, filters=8], cb[3x3, filters=16] }}",
                 "mutation m { o = any(o.domain) }", body=BODY.replace("conv[3x3](x)", "o(x)"))  # fmt: skip
    both = {"cb[3x3, filters=8]", "cb[3x3, filters=16]"}
    assert {values(child.genotype)["o"] for child in children(seed)} == both
    assert {values(dsl.sample(seed.space, random.Random(number)))["o"] for number in range(20)} == both


def test_a_rule_that_leaves_the_domain_does_not_apply() -> None:
    seed = space("gene d: int = 4 in 1 .. 4", "mutation up { d += 1 }")
    with pytest.raises(dsl.CellError, match=r"every child .* is rejected") as caught:
        dsl.mutate(seed, random.Random(1))
    assert "up: gene d cannot be 5" in str(caught.value)


def test_a_whole_result_of_arithmetic_is_a_whole_number() -> None:
    body = BODY.replace("net[8]", "net[w]")
    seed = space("gene w = 8 in 4 .. 64", "mutation m { w *= any({ 0.5, 2 }) }", body=body)
    found = [child.genotype for child in children(seed, 20)]
    assert {values(one)["w"] for one in found} == {"4", "16"}
    assert all(dsl.fingerprint(one) == dsl.fingerprint(one.space.genotype(one.text())) for one in found)


def test_a_computed_number_is_rounded_for_a_gene_of_whole_numbers() -> None:
    seed = space("gene w: int = 32 in 4 .. 256", "mutation w { w *= loguniform(0.5, 2) }")
    found = [int(values(child.genotype)["w"]) for child in children(seed)]
    assert 15 < min(found) < 24 and 44 < max(found) < 65


@pytest.mark.parametrize(
    ("gene", "kind"),
    [
        ("3x3 in { 3x3, 5x5 }", "kernel"), ("relu in { relu, conv[1x1] }", "op"), ("2 in { 1, 2 }", "int"),
        ("2 in { 1.5, 2 }", "real"), ("2 in 1 .. 4", "real"), ("F in { F, 2 * F }", "int"), ("relu in acts", "op"),
    ],
)  # fmt: skip
def test_the_kind_of_a_gene_follows_from_its_domain(gene: str, kind: str) -> None:
    known = "param F = 8\nvalues acts = { relu, skip }"
    assert space(known, f"gene g = {gene}").space.domains["g"].kind == kind
    assert space(known, f"gene g: {kind} = {gene}") == space(known, f"gene g = {gene}")


# --- texts -----------------------------------------------------------------------------------------------------


def test_texts_with_genes_of_every_kind_read_back() -> None:
    genotype, rng = dsl.load(EVERY_KIND), random.Random(3)
    found = set[str]()
    for _ in range(160):
        genotype = dsl.mutate(genotype, rng).genotype
        assert genotype.space.genotype(genotype.text()) == genotype
        assert dsl.loads(genotype.standalone()).text() == genotype.text()
        found |= {*values(genotype).values()}
    assert found >= {"3x3", "5x5", "7x7", "relu", "swish", "gelu", "1", "3", "8", "12", "16"}


def test_a_stored_text_with_a_gene_outside_of_its_set_is_refused() -> None:
    seed = space("gene k = 3x3 in { 3x3, 5x5 }")
    with pytest.raises(dsl.CellError, match=r"gene k of the individual is 9x9, .* domain \{ 3x3, 5x5 \} of its space"):
        seed.space.genotype(seed.text().replace("k = 3x3", "k = 9x9"))


# --- rules -----------------------------------------------------------------------------------------------------

KINDS = ("gene k = 3x3 in { 3x3, 5x5 }", "gene act = relu in { relu, skip, conv[1x1] }", "gene d: int = 2 in 1 .. 3",
         "gene rate = 0.1 in 0.01 .. 1")  # fmt: skip


def test_every_gene_with_members_is_drawn_with_equal_probability() -> None:
    seed = space(*KINDS, "mutation m { choose g in genes   g = any(other g.domain) }")
    changed = [{name for name, value in values(child.genotype).items() if value != values(seed)[name]}
               for child in children(seed, 300)]  # fmt: skip
    counts = {name: sum(names == {name} for names in changed) for name in ("k", "act", "d", "rate")}
    assert sum(counts.values()) == 300 and counts["rate"] == 0
    assert all(70 < counts[name] < 130 for name in ("k", "act", "d"))


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ("k == 3x3", True), ("k != 3x3", False), ("act is relu", True), ("act is not relu", False),
        ("d * 2 >= 4 and rate < 0.2", True), ("d.domain.count == 3", True), ("genes.count > 4", False),
        ("rate.domain.count == 0", True),
    ],
)  # fmt: skip
def test_conditions_read_genes(condition: str, applies: bool) -> None:
    seed = space(
        *KINDS, f"mutation m {{ choose n in net.nodes where {condition}   d = 3 }}", "mutation other { d = 1 }"
    )
    found = {values(child.genotype)["d"] for child in children(seed, 30)}
    assert found == ({"1", "3"} if applies else {"1"})


def test_a_condition_on_the_variable_of_a_gene_reads_its_value() -> None:
    seed = space(*KINDS, "mutation m { choose g in genes where g == 3x3   g = any(other g.domain) }",
                 "mutation n { for g in genes where g is relu { g = skip } }")  # fmt: skip
    assert {values(child.genotype)["k"] for child in children(seed, rule="m")} == {"5x5"}
    assert {values(child.genotype)["act"] for child in children(seed, rule="n")} == {"skip"}


def test_a_setting_that_is_a_gene_has_its_value_until_a_rule_assigns_another() -> None:
    body = f"cell net(x) {{ a = conv[k](x) + max_pool[k](x)  return a }}\n{NETWORK}"
    seed = space(KINDS[0], "mutation taller { choose t in net.terms where t.op is conv and t.kernel == 3x3"
                 "   t.kernel.height += 2 }", body=body)  # fmt: skip
    child = next(children(seed)).genotype
    assert "a = conv[5x3](x) + max_pool[k](x)" in child.text()
    assert values(child) == {"k": "3x3"}


def test_an_operation_that_reads_a_gene_is_the_one_with_the_gene_s_value() -> None:
    body = f"cell net(x) {{ a = conv[k](x)  return a }}\n{NETWORK}"
    rule = "mutation m { choose t in net.terms   t.op = any(other { conv[k], conv[3x3] }) }"
    with pytest.raises(dsl.CellError, match="no mutation rule applies"):
        dsl.mutate(space(KINDS[0], rule, body=body), random.Random(0))
    seed = space(KINDS[0].replace("= 3x3", "= 5x5"), rule, body=body)
    assert {child.genotype.text().split("a = ")[1].split("(")[0] for child in children(seed)} == {"conv[3x3]"}


# --- free choices ----------------------------------------------------------------------------------------------


def test_genes_with_members_are_free_choices_whatever_the_rules_draw() -> None:
    seed = space(*KINDS, "mutation m { choose t in net.terms   t.op = any({ conv[3x3], conv[5x5] }) }",
                 "mutation d { d = any({ 1, 3 }) }", "mutation r { rate = any({ 0.1, 0.2 }) }")  # fmt: skip
    found = dsl.decisions(seed)
    assert [(decision.attribute, len(decision.values)) for decision in found] == [
        (("op",), 2), (("rate",), 2), (("k",), 2), (("act",), 3), (("d",), 3),
    ]  # fmt: skip
    decided = dsl.decide(seed.space, (1, 0, 1, 2, 2), random.Random(1))
    assert values(decided) == {"k": "5x5", "act": "conv[1x1]", "d": "3", "rate": "0.1"}
    assert "conv[5x5](x)" in decided.text()
    rng = random.Random(2)
    samples = [dsl.sample(seed.space, rng) for _ in range(60)]
    assert {values(one)["act"] for one in samples} == {"relu", "skip", "conv[1x1]"}
    assert len({one.text() for one in samples}) > 25


def test_a_rule_that_draws_from_the_domain_of_another_gene_gives_a_number_no_operation() -> None:
    seed = space(*KINDS, "mutation m { choose g in genes   g = any(act.domain) }", "mutation n { act = skip }")
    assert [decision.attribute for decision in dsl.decisions(seed)] == [("k",), ("act",), ("d",)]
    assert {values(dsl.sample(seed.space, random.Random(number)))["rate"] for number in range(20)} == {"0.1"}


def test_a_space_that_grows_is_sampled_by_drawn_genes_and_mutations() -> None:
    body = """cell net(x) { return x }
    network { body: net  head: global_avg_pool | dense[classes] }
    mutation grow { choose t in net.edges   insert conv[k] on t }"""
    seed = space(KINDS[0], body=body)
    samples = [dsl.sample(seed.space, random.Random(number), steps=3) for number in range(20)]
    assert {len(one.cell("net").nodes) for one in samples} == {3}
    assert {values(one)["k"] for one in samples} == {"3x3", "5x5"}


def test_drawn_genes_that_break_a_requirement_are_drawn_again() -> None:
    """Every rule may be unable to make a permitted child of an individual that breaks a requirement."""
    body = """cell net(x) { a = conv[k](x) return a }
    network { body: net  head: global_avg_pool | dense[classes] }
    mutation k { k = any(other { 3x3, 5x5 }) }"""
    seed = space(KINDS[0], "gene n: int = 1 in 1 .. 9", body=body)

    def check(genotype: dsl.Genotype) -> str | None:
        return None if values(genotype)["n"] == "1" else "n is above 1"

    samples = [dsl.sample(seed.space, random.Random(number), steps=3, check=check) for number in range(20)]
    assert {values(one)["k"] for one in samples} == {"3x3", "5x5"}


# --- fingerprints ----------------------------------------------------------------------------------------------


def net(node: str, steps: str = "net[8]", **genes: str) -> str:
    """Returns the fingerprint of a network with genes of these values; its space is the same for all values."""
    body = f"""cell net(x) {{ {node} return a }}
    op act_of[f=act] = conv[1x1] | f
    op chosen = conv[k] if d > 2 else relu
    network {{ stem: conv[3x3, filters=8]  body: {steps}  head: global_avg_pool | dense[classes] }}"""
    seed = space(*KINDS, body=body)
    text = "\n".join(f"gene {name} = {genes.get(name, values(seed)[name])}" for name in seed.space.genes)
    cells = dsl.unparse(s.File(seed.cells))
    return dsl.fingerprint(seed.space.genotype(f"{text}\n{cells}"))


@pytest.mark.parametrize(
    ("node", "steps"),
    [
        ("a = conv[k](x)", "net[8]"),
        ("a = conv[3x3](x) | chosen", "net[8]"),
        ("a = conv[3x3](x)", "net[8], conv[k]"),
        ("a = conv[3x3](x) + conv[k](x)", "net[8]"),
    ],
)
def test_a_gene_that_a_live_part_reads_counts(node: str, steps: str) -> None:
    assert net(node, steps, k="3x3", d="3") != net(node, steps, k="5x5", d="3")


@pytest.mark.parametrize(
    ("node", "steps"),
    [
        ("a = conv[3x3](x)", "net[8]"),
        ("dead = conv[k](x)  a = conv[3x3](x)", "net[8]"),
        ("a = conv[3x3](x) | chosen", "net[8]"),  # d is 2, so `chosen` is relu
        ("a = none(x) + conv[3x3](x)", "net[8], conv[k] * (d - 2)"),
    ],
)
def test_a_gene_that_nothing_live_reads_does_not_count(node: str, steps: str) -> None:
    assert net(node, steps, k="3x3", d="2") == net(node, steps, k="5x5", d="2")
    assert net(node, steps, rate="0.5") == net(node, steps, rate="0.1")


def test_repetitions_and_operations_that_are_genes_count() -> None:
    assert net("a = conv[3x3](x)", "net[8] * d", d="2") != net("a = conv[3x3](x)", "net[8] * d", d="3")
    for node in ("a = act_of(x)", "a = act(x)", "a = conv[3x3](x) | act"):
        assert len({net(node, act=act) for act in ("relu", "skip", "conv[1x1]")}) == 3


def test_a_cell_is_the_same_with_a_gene_and_with_its_value() -> None:
    lines = "gene k = 5x5 in { 3x3, 5x5 }", "gene act = relu in { relu, skip }"
    texts = ("a = conv[k](x) | act", "a = conv[5x5](x) | relu", "a = act(x) | conv[k]")
    first, second, third = (
        dsl.fingerprint(space(*lines, body=f"cell net(x) {{ {text} return a }}\n{NETWORK}")) for text in texts
    )
    assert first == second != third


def test_fingerprints_of_children_do_not_depend_on_what_was_computed_before() -> None:
    genotype, rng = dsl.load(EVERY_KIND), random.Random(5)
    for _ in range(40):
        genotype = dsl.mutate(genotype, rng).genotype
        assert dsl.fingerprint(genotype) == dsl.fingerprint(dsl.loads(genotype.standalone()))


# --- names -----------------------------------------------------------------------------------------------------


def test_a_number_does_not_hide_an_operation_of_its_name() -> None:
    text = """
    gene dropout = 0.1 in 0 .. 0.5
    param relu = 3
    op down[conv=3x3] = conv[conv, stride=stride] | relu | batch_norm
    cell net(x) { a = down(x) | dropout[rate=dropout]  return a }
    network { stem: conv[3x3, filters=8]  body: net[8]  head: global_avg_pool | dropout[dropout] | dense[classes] }"""
    assert values(dsl.loads(text)) == {"dropout": "0.1"}


def test_a_set_called_genes_keeps_its_meaning() -> None:
    seed = space("values genes = { conv[5x5], conv[1x1] }", "mutation m { choose t in net.terms   t.op = any(genes) }")
    assert {child.genotype.text().split("a = ")[1].split("(")[0] for child in children(seed)} == {
        "conv[5x5]", "conv[1x1]",
    }  # fmt: skip


def test_the_name_of_a_cost_means_the_cost() -> None:
    gene = "gene depth: int = 2 in 1 .. 4"
    assert space(gene, "require depth > 4 and depth < 60").genes == (("depth", 2),)


@pytest.mark.parametrize(
    ("now", "rule", "wanted"),
    [
        ("conv[k]", "t.op = any(other { conv[3x3], conv[5x5] })", {"conv[5x5]"}),
        ("conv[3x3]", "t.op = any(other { conv[k], conv[5x5] })", {"conv[5x5]"}),
        ("sized", "t.op = any(other { sized[3x3], sized[5x5] })", {"sized[5x5]"}),
        ("h", "t.op = any(other { relu, h, swish })", {"swish"}),
        ("relu", "t.op = any(other { gelu, h })", {"gelu"}),
        ("wide", "t.op = any(other { conv[3x3], wide, gelu })", {"gelu"}),
        ("relu", "t.op = any({ conv[k], conv[5x5] } except { conv[3x3] })", {"conv[5x5]"}),
        ("conv[k]", "k = 5x5  t.op = any(other { conv[3x3], conv[5x5] })", {"conv[3x3]"}),
    ],
)
def test_other_and_except_compare_genes_by_their_values(now: str, rule: str, wanted: set[str]) -> None:
    seed = dsl.loads(f"""
      gene k = 3x3 in {{ 3x3, 5x5 }}
      gene h = relu in {{ relu, gelu }}
      gene wide = conv[k] in {{ conv[k], relu }}
      op sized[kernel=k] = conv[kernel]
      cell c(x) {{ a = {now}(x)  return a }}
      network {{ stem: conv[3x3, filters=8]  body: c  head: global_avg_pool | dense[classes] }}
      mutation m {{ choose t in c.terms  {rule} }}""")
    texts = [dsl.mutate(seed, random.Random(number)).genotype.text() for number in range(30)]
    assert {text.split("a = ")[1].split("(")[0] for text in texts} == wanted
