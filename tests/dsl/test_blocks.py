"""Cells with brackets, operations as settings, and functions of numbers, in the language."""

from __future__ import annotations

import random

import pytest

import dsl
from dsl.check.unread import unread
from dsl.report.diff import differences
from dsl.space.evaluate import Symbol, evaluate
from dsl.text.format import fmt
from dsl.tree import syntax as s

NETWORK = "network { stem: conv[3x3, filters=8]  body: %s  head: global_avg_pool | dense[classes] }\n"


def load(declared: str, body: str = "block") -> dsl.Genotype:
    return dsl.loads(declared + "\n" + NETWORK % body)


@pytest.mark.parametrize(
    "head",
    [
        "cell block[](x) {",
        "cell block[kernel](x) {",
        "fixed cell block[kernel, act=relu, n=2 * 3](x: conv[1x1], before) stride 2 {",
        "cell block[act=conv[1x1, filters=channels // 2]](x) {",
    ],
)
def test_brackets_are_printed_and_laid_out(head: str) -> None:
    text = f"{head}\n  return x\n}}\n"
    file = dsl.parse(text)
    assert dsl.unparse(file) == text
    assert fmt(text) == text
    assert fmt(text.replace("[", " [ ").replace(",", " ,").replace("(", " (")) == text


def test_a_cell_knows_its_settings() -> None:
    empty, none, two = (
        item
        for item in dsl.parse("cell a[](x) { return x } cell b(x) { return x } cell c[k, n=2](x) { return x }").items
    )
    assert isinstance(empty, s.Cell) and isinstance(none, s.Cell) and isinstance(two, s.Cell)
    assert (empty.settings, none.settings) == ((), None)
    assert two.settings == (s.Formal("k"), s.Formal("n", s.Number(2)))


def test_a_copy_of_a_cell_has_its_settings() -> None:
    genotype = load("cell block[k](x) { a = conv[k](x) return a }\ncell other(x) like block", "block[3x3], other[5x5]")
    assert genotype.cell("other").settings == (s.Formal("k"),)


def test_settings_that_nothing_reads_are_warned_of() -> None:
    text = """
    op use[act, other] = conv[3x3] | act
    cell block[kernel, act=relu, share=2](x) { a = conv[kernel](x) | use[relu, 3] | act return a }
    """
    found = [problem.message for problem in unread(load(text, "block[3x3]").space, ())]
    assert found == ["op use does not read its setting 'other'", "cell block does not read its setting 'share'"]


def test_a_rule_changes_settings_of_a_cell_that_is_an_operation() -> None:
    text = """
    cell inner[kernel, act=relu](x) { a = conv[kernel](x) | act return a }
    cell block[](x) { b = inner[3x3](x) return b }
    mutation kernel { choose t in block.terms where t.op is inner and t.kernel == 3x3  t.kernel = any({ 1x1, 5x5 }) }
    mutation act { choose t in block.terms where t.op is inner  t.act = any(other { relu, gelu, conv[1x1] }) }
    """
    genotype = load(text)
    made = {dsl.mutate(genotype, random.Random(seed)).genotype.cell("block") for seed in range(60)}
    terms = {dsl.unparse(s.File((cell,))).splitlines()[1].strip() for cell in made}
    assert terms == {
        "b = inner[1x1](x)", "b = inner[5x5](x)", "b = inner[3x3, act=gelu](x)", "b = inner[3x3, act=conv[1x1]](x)",
    }  # fmt: skip


def test_a_negative_setting_reads_back() -> None:
    text = """
    cell inner[n](x) { a = rescale[n](x)  return a }
    cell block[](x) { b = inner[2](x)  return b }
    mutation m { choose t in block.terms  t.n = any({ -1, -2.5 }) }
    """
    child = dsl.mutate(load(text), random.Random(0)).genotype
    assert child.space.genotype(child.text()) == child


def test_is_compares_the_name_as_it_is_written() -> None:
    text = """
    cell block[act=relu](x) { a = act(x) b = relu(a) return b }
    mutation m { choose t in block.terms where t.op is act  t.op = gelu }
    """
    child = dsl.mutate(load(text), random.Random(0)).genotype
    assert dsl.unparse(s.File((child.cell("block"),))).splitlines()[1:3] == ["  a = gelu(x)", "  b = relu(a)"]


def test_operations_drawn_in_brackets() -> None:
    text = """
    op conv_bn[kernel, act=relu] = conv[kernel] | batch_norm | act
    values ops = { conv_bn[any({ 1x1, 3x3 }), any({ relu, gelu, conv[1x1] })] }
    cell block[](x) { a = skip(x) return a }
    mutation m { choose t in block.terms  t.op = any(ops) }
    """
    genotype = load(text)
    made = {dsl.mutate(genotype, random.Random(seed)).genotype.text() for seed in range(80)}
    assert len(made) == 6
    assert all(genotype.space.genotype(child).text() == child for child in made)


def test_a_setting_that_is_removed_with_its_node_is_another_draw() -> None:
    text = """
    cell block[](x) { a = conv[1x1, filters=6](x)  b = conv[1x1, filters=a.channels](a)  return b }
    mutation m { choose n in block.nodes where n.terms.count == 1  remove n }
    """
    children = [dsl.mutate(load(text), random.Random(seed)) for seed in range(20)]
    assert {len(child.genotype.cell("block").nodes) for child in children} == {1}
    assert any("unknown state 'a'" in reason for child in children for _, reason in child.rejected)


def test_differences_name_the_settings() -> None:
    one, other = load("cell block[k=3x3](x) { a = conv[k](x) return a }"), load("cell block(x) { return x }")
    assert any(str(found) == "cell block: - settings [k=3x3]" for found in differences(one, other))


# --- fingerprints ----------------------------------------------------------------------------------------------

CONV = "op conv_bn[kernel, act=relu] = conv[kernel, stride=stride] | batch_norm | act\n"


def cell(body: str, settings: str = "") -> str:
    return dsl.fingerprint(load(f"{CONV}cell block[{settings}](x) {{ {body} }}"))


def test_names_of_nodes_do_not_count_where_their_channels_are_read() -> None:
    first = cell("a = conv[1x1, filters=4](x)  b = dense[a.channels](a)  return b")
    assert first == cell("c = conv[1x1, filters=4](x)  b = dense[c.channels](c)  return b")
    assert first != cell("a = conv[1x1, filters=4](x)  b = dense[x.channels](a)  return b")


def test_channels_of_a_node_count_by_what_the_node_computes() -> None:
    bodies = [f"a = conv[1x1, filters={n}](x)  b = dense[a.channels](x)  return b" for n in (4, 8)]
    assert cell(bodies[0]) != cell(bodies[1])


def test_the_stride_counts_only_where_it_is_written() -> None:
    assert cell("a = conv[1x1](x)  return a") != cell("a = conv[1x1, stride=stride](x)  return a")
    assert cell("a = conv[1x1](x)  return a") == cell("a = conv[1x1, stride=1](x)  return a")


def test_a_handed_operation_is_the_operation() -> None:
    assert cell("a = conv_bn[3x3](x)  return a") == cell("a = conv_bn[3x3, relu](x)  return a")
    assert cell("a = conv_bn[3x3](x)  return a") != cell("a = conv_bn[3x3, gelu](x)  return a")


def test_a_setting_with_the_name_of_an_op_is_not_the_op() -> None:
    text = """
    op act[n] = inner[n]
    cell inner[n, act=relu](x) { a = dense[n](x) | act  return a }
    """
    other = text.replace("act=relu", "f=relu").replace("| act", "| f")
    assert dsl.fingerprint(load(text, "act[8]")) == dsl.fingerprint(load(other, "act[8]"))


def test_an_edge_that_is_surely_none_is_left_out() -> None:
    text = "op out[n] = skip if n > 1 else none\n%scell block[](x) { a = conv[1x1](x) return a%s }"
    assert len({dsl.fingerprint(load(text % ("", "")))}) == 1
    with_none, with_skip = (dsl.fingerprint(load(text % ("", f" + out[{n}](x)"))) for n in (1, 2))
    assert with_none == dsl.fingerprint(load(text % ("", ""))) != with_skip


# --- functions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("min(3, 2.5, 4)", 2.5), ("max(3, 2.5)", 3), ("floor(2.9)", 2), ("floor(-2.1)", -3), ("ceil(2.1)", 3),
        ("round(2.5)", 3), ("round(2.4)", 2), ("round(-2.5)", -2), ("round_to(35, 8)", 32), ("round_to(36, 8)", 40),
        ("round_to(1, 8)", 8), ("round_to(32 * 1.1, 8)", 32), ("divisible(35, 8)", 32), ("divisible(11, 8)", 16),
        ("divisible(70, 8)", 72), ("divisible(1, 8)", 8), ("max(1, floor(F / 3)) * 2", 4), ("ceil(3 * 1.1)", 4),
    ],
)  # fmt: skip
def test_functions(text: str, value: float) -> None:
    (param,) = (item for item in dsl.parse(f"param A = {text}").items if isinstance(item, s.Param))
    found = evaluate(param.value, {"F": 8})
    assert found == value and type(found) is type(value)
    assert dsl.parse(dsl.unparse(dsl.parse(f"param A = {text}"))).items == (param,)


def test_a_function_of_a_symbol_is_a_symbol() -> None:
    (param,) = (item for item in dsl.parse("param A = max(8, filters)").items if isinstance(item, s.Param))
    assert evaluate(param.value, {"filters": Symbol("filters")}) == Symbol("max(8, filters)")


def test_functions_in_rules() -> None:
    text = """
    cell block[](x) { a = conv[3x3, filters=20](x) return a }
    mutation m { choose t in block.terms  t.filters = round_to(t.filters * 1.25, 8) }
    """
    child = dsl.mutate(load(text), random.Random(0)).genotype
    assert "filters=24" in child.text()


def test_functions_nest_to_a_depth() -> None:
    with pytest.raises(dsl.CellError, match="nest deeper than 64"):
        dsl.parse("param A = " + "floor(" * 70 + "1" + ")" * 70)
    with pytest.raises(dsl.CellError, match="expressions nest deeper than 64"):
        dsl.parse("param A = " + "-" * 40 + "floor(" * 40 + "1" + ")" * 40)
