"""Rules that change the steps of the network."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsl
from dsl.check.unread import unread
from dsl.report.diff import differences
from dsl.tree import syntax as s

TEXT = """
param F = 8
op conv_bn[k=3x3, stretch=1] = conv[k, stride=stride] | batch_norm | relu
op pool = max_pool[2x2, stride=stride]
values blocks = { conv_bn[5x5], b, pool }
values cells_too = { c[3x3], c[5x5] }
cell b(x) {
  y = conv_bn(x)
  return y
}
cell c[k](x) {
  y = conv_bn[k](x)
  return y
}
cell up(x, before) {
  y = conv_bn(x)
  return concat(y, before)
}
network {
  stem: conv[3x3, filters=F] | batch_norm
  body: BODY
  head: global_avg_pool | dense[classes]
}
mutation rule { RULE }
"""


def seed(body: str, rule: str) -> dsl.Genotype:
    return dsl.loads(TEXT.replace("BODY", body).replace("RULE", rule))


def sections(genotype: dsl.Genotype) -> str:
    """Returns the steps of the body as text."""
    network = dsl.unparse(s.File((genotype.network,)))
    return next(line.strip().removeprefix("body: ") for line in network.splitlines() if "body:" in line)


def children(body: str, rule: str, draws: int = 60, born: int | None = None) -> set[str]:
    parent = seed(body, rule)
    made = [dsl.mutate(parent, random.Random(number), born=born).genotype for number in range(draws)]
    for child in made:
        assert child.space.genotype(child.text()) == child
        assert dsl.loads(child.standalone()).text() == child.text()
    return {sections(child) for child in made}


@pytest.mark.parametrize(
    ("body", "rule", "wanted"),
    [
        ("b[F] * 2", "choose s in steps s.repeat += 1", {"b[F] * 3"}),
        ("b[F], b[F] * 2", "choose s in steps s.repeat -= 1", {"b[F], b[F] * 1"}),
        ("b[2*F]", "choose s in steps s.filters *= 0.78", {"b[12]"}),
        ("conv_bn[3x3, filters=2*F], b", "choose s in steps s.filters = 4", {"conv_bn[3x3, filters=4], b",
                                                                          "conv_bn[3x3, filters=2 * F], b[filters=4]"}),
        ("conv_bn[3x3, filters=8], pool", "choose s in steps s.k = 5x5", {"conv_bn[5x5, filters=8], pool"}),
        ("conv[3x3, filters=8]", "choose s in steps s.kernel.height += 2", {"conv[5x3, filters=8]"}),
        ("b[8] * 2, b", "choose s in steps s.stride = 2", {"b[8] * 2 stride 2, b", "b[8] * 2, b stride 2"}),
        ("b[8, stride=2] * 2", "choose s in steps s.stride = 1", {"b[8, stride=1] * 2"}),
        ("relu | pool, b", "choose s in steps s.stride = 2", {"relu | pool stride 2, b", "relu | pool, b stride 2"}),
        ("b, relu | pool", "choose s in steps s.op = conv_bn", {"conv_bn, relu | pool"}),
        ("conv_bn[3x3, 2, filters=F] * 3 stride 2 as e", "choose s in steps s.op = conv_bn[5x5]",
         {"conv_bn[5x5, 2, filters=F] * 3 stride 2 as e"}),
        ("b[F] stride 2", "choose s in steps s.op = max_pool[2x2, stride=4]", {"max_pool[2x2, stride=4]"}),
        ("b[F], pool", "choose s in steps where s.op is not pool s.op = any(other blocks)",
         {"conv_bn[5x5, filters=F], pool", "pool[filters=F], pool"}),
        ("b[F]", "choose s in steps s.op = any(other { b[F], b[4], b })", {"b[4]"}),
        ("c[3x3], pool", "choose s in steps where s.op is c s.op = any(other cells_too)", {"c[5x5], pool"}),
        ("b", "choose s in steps insert any(cells_too) after s", {"b, c[3x3]", "b, c[5x5]"}),
        ("b[8], b[F]", "choose s in steps where s.filters > 7 and steps.count == 2 remove s", {"b[8]", "1: b[F]"}),
        ("b[8], b[F] as e, up[4](-1, e)", "choose s in steps remove s",
         {"1: b[F] as e, 2: up[4](-1, e)", "b[8], b[F] as e"}),
        ("b[8], b", "choose s in steps insert conv_bn[5x5, filters=2 * s.filters] | relu after s",
         {"b[8], 2: conv_bn[5x5, filters=16] | relu, 1: b"}),
        ("b[8], b", "choose s in steps insert up after s", {"b[8], 2: up, 1: b", "b[8], b, up"}),
        ("b[8], b", "choose s in steps insert any(blocks) after s  insert pool after s",
         {f"b[8], {rest}" for name in ("conv_bn[5x5]", "b", "pool")
          for rest in (f"3: pool, {name}, 1: b", f"b, 3: pool, 2: {name}")}),
        ("b[8], b", "choose s in steps insert pool after s  remove s", {"2: pool, b", "b[8], 2: pool"}),
        ("b[8], b[4]", "choose s in steps, u in steps where s.filters > u.filters s.filters = u.filters",
         {"b[4], b[4]"}),
        ("b[8], b[4]", "for s in steps { s.repeat += 1 }", {"b[8] * 2, b[4] * 2"}),
        ("b[8], b[4]", "for s in steps { insert pool after s }", {"b[8], 2: pool, 1: b[4], pool"}),
    ],
)  # fmt: skip
def test_children(body: str, rule: str, wanted: set[str]) -> None:
    assert children(body, rule) == wanted


def test_a_new_step_has_the_mark_of_its_individual() -> None:
    assert children("b[8], n57: b", "choose s in steps insert pool after s", born=57) == {
        "b[8], n57_2: pool, n57: b", "b[8], n57: b, n57_2: pool"}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "rule", "reason"),
    [
        ("b[8]", "choose s in steps remove s", "no mutation rule applies"),
        ("b[8] as e, up(-1, e)", "choose s in steps where s.op is b remove s", "no mutation rule applies"),
        ("relu | pool", "choose s in steps s.op = conv_bn", "no mutation rule applies"),
        ("b[8]", "choose s in steps s.repeat -= 1", "a step would be repeated 0 times"),
        ("b[8]", "choose s in steps s.repeat *= 1.5", "a step would be repeated 1.5 times"),
        ("b[8]", "choose s in steps s.repeat *= 100000", "a step would be repeated 100000 times"),
        ("b", "choose s in steps s.filters *= 2", "s.filters has no number to change"),
        ("b[8]", "choose s in steps s.filters *= 1e15", "s.filters would be"),
        ("b[8]", "choose s in steps s.filters = 0", "filters is 0; allowed"),
        ("b[8]", "choose s in steps s.stride = 3", "the stride of a step is 3; allowed"),
        ("b as e, up(-1, e)", "choose s in steps where s.op is up s.op = conv_bn", "this step takes none"),
        ("b", "choose s in steps insert conv_bn[3x3, filters=s.filters] after s", "s.filters has no value"),
    ],
)
def test_a_child_that_is_not_possible_is_rejected(body: str, rule: str, reason: str) -> None:
    with pytest.raises(dsl.CellError) as caught:
        dsl.mutate(seed(body, rule), random.Random(0))
    assert reason in str(caught.value)


def test_the_free_choices_are_those_that_a_step_has() -> None:
    text = "choose s in steps s.k = any({ 3x3, 5x5 })"
    found = dsl.decisions(seed("b[8], conv_bn, relu | pool, conv_bn[5x5]", text))
    assert [(decision.place, decision.attribute) for decision in found[-2:]] == [
        (("body", 1), ("k",)), (("body", 3), ("k",))]  # fmt: skip
    assert len(found) == 2
    drawn = {sections(dsl.sample(seed("conv_bn, pool", text).space, random.Random(n))) for n in range(20)}
    assert drawn == {"conv_bn[k=3x3], pool", "conv_bn[k=5x5], pool"}


def test_a_free_operation_suits_the_inputs_of_its_step() -> None:
    space = seed("b as e, up(-1, e), relu | pool", "choose s in steps s.op = any({ b, conv_bn, up })").space
    drawn = {sections(dsl.sample(space, random.Random(n))) for n in range(40)}
    assert drawn == {f"{op} as e, up(-1, e), relu | pool" for op in ("b", "conv_bn", "up")}


def test_a_number_that_no_step_takes_is_no_free_choice() -> None:
    rule = "choose s in steps s.k = any({ 3x3, 1e20 }) } mutation n { choose s in steps s.repeat = any({ 0, 2, 1.5 })"
    assert {decision.values for decision in dsl.decisions(seed("conv_bn", rule))} == {(s.Kernel(3, 3),), (2,)}


def test_a_number_that_no_gene_takes_is_no_free_choice() -> None:
    declared = "x = any({ 1, 1e20 }) } gene x = 1 mutation n { choose s in steps s.repeat += 1"
    assert [decision.values for decision in dsl.decisions(seed("b", declared))] == [(1,)]


def test_choices_are_taken_in_the_order_of_the_steps() -> None:
    space = seed("conv_bn, conv_bn", "choose s in steps s.k = any({ 3x3, 5x5 })").space
    assert sections(dsl.decide(space, [0, 1], random.Random(0))) == "conv_bn[k=3x3], conv_bn[k=5x5]"


def test_a_set_that_is_called_steps_keeps_its_meaning() -> None:
    text = TEXT.replace("BODY", "b").replace("RULE", "choose c in cells, t in c.terms t.op = any(other steps)")
    space = dsl.loads(text + "values steps = { conv_bn, pool }").space
    assert not space.evolves_network
    assert "network" not in dsl.sample(space, random.Random(0)).text()


def test_an_individual_without_its_network_is_refused() -> None:
    genotype = seed("b", "choose s in steps s.repeat += 1")
    with pytest.raises(dsl.CellError, match="the individual has 0 networks, not one"):
        genotype.space.genotype(genotype.text().partition("network")[0])


def test_a_wrong_network_of_an_individual_is_refused() -> None:
    genotype = seed("b", "choose s in steps s.repeat += 1")
    with pytest.raises(dsl.CellError, match="unknown operation 'bb'"):
        genotype.space.genotype(genotype.text().replace("body: b", "body: bb"))


def test_a_step_of_the_mate_comes_with_its_settings_and_keeps_its_inputs() -> None:
    text = TEXT.replace("mutation rule { RULE }", "mutation nothing { } crossover rule { RULE }")
    text = text.replace("RULE", "for s in steps where mate has s { s = mate.s }")
    own = dsl.loads(text.replace("BODY", "b[8] as e, conv_bn, n5: pool, up[4](-1, e), b"))
    mate = own.space.genotype(
        own.text().replace(sections(own), "b as e, b[16] * 2 stride 2, n6: relu, up[2](e, -1), n5: relu")
    )
    made = dsl.mutate(own, random.Random(0), mate=mate, only=[own.space.mutations[1]])
    assert sections(made.genotype) == "b as e, b[16] * 2 stride 2, n5: relu, up[2](-1, e), b"
    assert made.from_mate == (
        ("step", "body", "0"),
        ("step", "body", "1"),
        ("step", "body", "n5"),
        ("step", "body", "3"),
    )


SPACE = seed("b[8]", "choose s in steps s.repeat += 1").space


def prints(*bodies: str, genes: str = "") -> list[str]:
    """Returns the fingerprints of individuals of one space with these steps."""
    text = SPACE.seed.text()
    return [dsl.fingerprint(SPACE.genotype(text.replace("body: b[8]", f"body: {body}"))) for body in bodies]


@pytest.mark.parametrize(
    "bodies",
    [
        ("b[8] * 2", "b[8], b[8]", "5: b[8], n7: b[8]", "b[F], b[8] as e", "b[8] * 2 stride 1", "b[8](-1) * 2"),
        ("b[8] * 3 stride 2", "b[8, stride=2], b[8] * 2"),
        ("b[8] * 2 as e, up(-1, e) * 2", "b[8], b[8], up(-1, -1), up(-1, -2)"),
        ("b[8] as e, b[8], up(e, -1) * 2", "b[8], b[8], up(-2, -1), up(-1, -1)"),
        (
            "conv_bn[3x3, filters=2 * F]",
            "conv_bn[filters=16, k=3x3, stretch=1]",
            "conv[3x3, filters=16] | batch_norm | relu",
        ),
        ("pool stride 2", "max_pool[2x2, stride=2]"),
    ],
)
def test_the_fingerprint_is_that_of_the_repetitions_written_out(bodies: tuple[str, ...]) -> None:
    assert len(set(prints(*bodies))) == 1


def test_other_steps_have_other_fingerprints() -> None:
    bodies = ("b[8]", "b[8] * 2", "b[16]", "b", "b[8] stride 2", "b[8, stride=2] * 2", "b[8] * 2 stride 2", "conv_bn",
              "conv_bn[5x5]", "b[8], relu", "b[8] | relu, pool", "b[8], b[8], up(-1, -2)", "b[8], b[8], up(-2, -1)",
              "relu, b[8]")  # fmt: skip
    found = prints(*bodies)
    assert len(set(found)) == len(found)


def test_a_cell_that_no_step_uses_does_not_count() -> None:
    text = SPACE.seed.text()
    changed = text.replace("concat(y, before)", "concat(before, y)")
    first, second = (SPACE.genotype(t.replace("body: b[8]", "body: relu")) for t in (text, changed))
    assert first != second and dsl.fingerprint(first) == dsl.fingerprint(second)
    first, second = (
        SPACE.genotype(t.replace("body: b[8]", "body: b, up")) for t in (text, changed.replace("(x)", "(before)"))
    )
    assert dsl.fingerprint(first) != dsl.fingerprint(second)


def test_a_cell_within_an_operation_counts() -> None:
    text = TEXT.replace("BODY", "w[filters=8]").replace("RULE", "choose s in steps s.repeat += 1")
    text += "op w = b | relu if channels != filters else b"
    space = dsl.loads(text).space
    first, second = (space.genotype(t) for t in (space.seed.text(), space.seed.text().replace("conv_bn(x)", "pool(x)")))
    assert dsl.fingerprint(first) != dsl.fingerprint(second)


def test_a_gene_counts_where_a_step_reads_it() -> None:
    text = TEXT.replace("BODY", "b[w]").replace("RULE", "choose s in steps s.repeat += 1")
    space = dsl.loads(text + "gene w: int = 8 in 4 .. 64 gene rate = 0.1 in 0.01 .. 1").space
    own = space.seed.text()
    assert dsl.fingerprint(space.genotype(own.replace("int = 8", "int = 16"))) != dsl.fingerprint(space.seed)
    assert dsl.fingerprint(space.genotype(own.replace("0.1 ", "0.2 "))) == dsl.fingerprint(space.seed)
    assert dsl.fingerprint(space.genotype(own.replace("b[w]", "b[8]"))) == dsl.fingerprint(space.seed)


EVERYTHING = Path(__file__).parents[1] / "golden" / "cell" / "steps.cell"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 25), st.booleans())
def test_every_descendant_is_valid_and_equal_to_its_text(number: int, length: int, marked: bool) -> None:
    rng, mate = random.Random(number), dsl.load(EVERYTHING)
    genotype = mate
    for born in range(length):
        child = dsl.mutate(genotype, rng, mate=mate, born=born if marked else None).genotype
        genotype, mate = child, genotype
    assert genotype.space.genotype(genotype.text()) == genotype
    assert dsl.fingerprint(dsl.loads(genotype.standalone())) == dsl.fingerprint(genotype)
    assert dsl.parse(dsl.unparse(dsl.parse(genotype.text()))) == dsl.parse(genotype.text())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_a_change_of_one_step_is_one_difference(number: int) -> None:
    rng, seed = random.Random(number), dsl.load(EVERYTHING)
    for rule in seed.space.mutations:
        if rule.name in ("grow", "shrink", "kernel", "deeper"):
            child = dsl.mutate(seed, rng, only=[rule]).genotype
            assert len(differences(seed, child)) == 1


def test_a_network_has_a_bounded_number_of_steps() -> None:
    steps = ", ".join(["b[8]"] * 998)
    assert len(dsl.decisions(seed(steps.replace("b[8]", "pool"), "choose s in steps s.stride = any({ 1, 2 })"))) == 998
    with pytest.raises(dsl.CellError, match="the network has 1,001 steps; at most 1,000 where rules change steps"):
        seed(steps + ", b[8]", "choose s in steps s.repeat += 1")
    with pytest.raises(dsl.CellError, match="the network would have more than 1,000 steps"):
        dsl.mutate(seed(steps, "choose s in steps insert pool after s"), random.Random(0))
    with pytest.raises(dsl.CellError, match="the network has 2,001 repetitions of steps; at most 2,000"):
        dsl.mutate(
            seed("b[8] * 1999, pool * 1", "choose s in steps where s.op is pool s.repeat += 1"), random.Random(0)
        )


OWN_STRIDE = """
op a[kernel, stride=2] = conv[kernel, stride=stride] | batch_norm
op b[kernel, stride=stride] = conv[kernel, stride=stride] | batch_norm
op c[kernel] = conv[kernel, stride=stride] | batch_norm
network {
  stem: conv[3x3, filters=8]
  body: BODY
  head: global_avg_pool | dense[classes]
}
mutation rule { choose s in steps  RULE }
"""


@pytest.mark.parametrize(
    ("body", "rule", "wanted"),
    [
        ("a[3x3]", "where s.stride == 2  s.stride = 4", {"a[3x3, stride=4]"}),
        ("a[3x3]", "s.stride = any(other { 1, 2 })", {"a[3x3, stride=1]"}),
        ("a[3x3, 4]", "s.stride = any(other { 2, 4 })", {"a[3x3, 2]"}),
        ("a[3x3, stride=4]", "s.stride *= 0.5", {"a[3x3, stride=2]"}),
        ("a[3x3] | relu", "s.stride *= 2", {"a[3x3, stride=4] | relu"}),
        ("a[3x3] stride 4", "s.stride *= 2", {"a[3x3, stride=4]"}),
        ("b[3x3]", "where s.stride == 1  s.stride = 2", {"b[3x3] stride 2"}),
        ("c[3x3] stride 4", "s.op = a[5x5]", {"a[5x5, stride=4]"}),
        ("c[3x3] stride 4", "s.op = a[5x5, 1]", {"a[5x5, 1]"}),
        ("a[3x3, 4]", "s.op = c[5x5]", {"c[5x5, stride=4]"}),
    ],
)
def test_the_stride_of_an_op_with_a_setting_stride_is_this_setting(body: str, rule: str, wanted: set[str]) -> None:
    parent = dsl.loads(OWN_STRIDE.replace("BODY", body).replace("RULE", rule))
    assert {sections(dsl.mutate(parent, random.Random(number)).genotype) for number in range(10)} == wanted


def test_a_stride_after_a_step_that_its_op_does_not_use_is_a_warning() -> None:
    parent = dsl.loads(OWN_STRIDE.replace("BODY", "a[3x3] stride 4").replace("RULE", "s.stride = 1"))
    (found,) = [each for each in unread(parent.space, ()) if "stride" in each.message]
    assert found.message == "op a has a setting 'stride', so it does not use this stride"
