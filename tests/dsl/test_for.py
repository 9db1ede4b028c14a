"""`for`: a block that is applied to each member of a set in turn."""

from __future__ import annotations

import random

import pytest

import dsl
from dsl.check.reach import dead_rules
from dsl.report.explain import explain
from dsl.rules.work import TooMuchWork

NETWORK = "network { stem: conv[3x3, filters=8] body: net[8] head: global_avg_pool | dense[classes] }\n"
CELL = "cell net(x) { a = conv[1x1](x) + skip(x)  b = conv[1x1](a) + relu(a)  return b }\n"
NEVER = "no mutation rule applies"


def space(rule: str, cell: str = CELL) -> dsl.Genotype:
    return dsl.loads(f"{cell}{NETWORK}mutation m {{ {rule} }}")


def children(rule: str, cell: str = CELL, count: int = 40) -> set[str]:
    """Returns the texts of the nodes of children."""
    seed = space(rule, cell)
    made = (dsl.mutate(seed, random.Random(number)).genotype for number in range(count))
    return {" ".join(child.text().split()).split("{ ")[1].split(" return")[0] for child in made}


def test_a_block_is_applied_to_each_member() -> None:
    assert children("for t in net.terms where t.op is conv { t.kernel = 3x3 }") == {
        "a = conv[3x3](x) + skip(x) b = conv[3x3](a) + relu(a)"
    }


def test_each_member_is_drawn_for_itself() -> None:
    found = children("for t in net.terms where t.op is conv { t.kernel = any({ 3x3, 5x5 }) }")
    kernels = [(a, b) for a in (3, 5) for b in (3, 5)]
    assert found == {f"a = conv[{a}x{a}](x) + skip(x) b = conv[{b}x{b}](a) + relu(a)" for a, b in kernels}


def test_either_within_a_block_is_drawn_for_each_member() -> None:
    found = children("for n in net.nodes { either { } or { n.tail = relu } }")
    assert len(found) == 4


def test_several_variables_give_all_combinations_in_order() -> None:
    rule = "for n in net.nodes where n.terms.count > 1, t in n.terms where t.op is conv { connect x0 to n by skip }"
    assert children(f"choose x0 in net.inputs  {rule}") == {
        "a = conv[1x1](x) + skip(x) + skip(x) b = conv[1x1](a) + relu(a) + skip(x)"
    }


def test_the_members_are_those_at_the_start() -> None:
    assert children("for t in net.terms where t.op is conv { insert relu on t }") == {
        "n1 = relu(x) a = conv[1x1](n1) + skip(x) n2 = relu(a) b = conv[1x1](n2) + relu(a)"
    }


def test_a_member_that_is_gone_is_passed_over() -> None:
    chain = "cell net(x) { a = relu(x)  b = conv[1x1](a)  c = relu(b)  return c }\n"
    assert children("for n in net.nodes, t in n.terms { remove n  }", chain) == {"return x }"}
    removed = "for n in net.nodes, m in net.nodes where n before m { n.tail = relu  remove m }"
    assert children(removed, chain) == {"a = relu(x) | relu"}


def test_a_member_to_which_the_block_does_not_apply_is_passed_over() -> None:
    assert children("for t in net.terms { t.kernel.height += 2 }") == {
        "a = conv[3x1](x) + skip(x) b = conv[3x1](a) + relu(a)"
    }


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            "for t in net.terms where t.op is relu { t.kernel = 3x3 }",
            "no term that the rule draws has a setting 'kernel'",
        ),
        ("for n in net.nodes where n.terms.count > 2 { n.tail = relu }", "n.terms.count > 2"),
        ("choose n in net.nodes  for t in n.terms where t.op is max_pool { t.op = skip }", "no term has op max_pool"),
    ],
)
def test_a_rule_does_not_apply_where_the_block_applies_to_no_member(rule: str, reason: str) -> None:
    seed = space(rule)
    with pytest.raises(dsl.CellError, match=NEVER):
        dsl.mutate(seed, random.Random(0))
    (fact,) = explain(seed, random.Random(0)).rules
    assert not fact.applies
    assert reason in fact.note


def test_children_of_a_for_are_counted_and_shown() -> None:
    (fact,) = explain(space("for n in net.nodes { n.tail = any({ relu, skip }) }"), random.Random(0)).rules
    assert (fact.places, fact.children) == (1, 8)
    assert len(fact.example) == 2


def test_a_for_is_no_free_choice() -> None:
    assert dsl.decisions(space("for t in net.terms { t.op = any({ relu, skip }) }")) == ()


def test_conditions_and_blocks_of_a_for_are_checked_for_what_can_never_apply() -> None:
    for rule, reason in (
        ("for t in net.terms where t.op is max_pool { t.op = skip }", "is max_pool"),
        ("for t in net.terms { t.rate = 0.5 }", "no operation that the rule can draw has a setting 'rate'"),
    ):
        (fault,) = dead_rules(space(rule).space)
        assert fault.message.startswith("mutation m can never apply")
        assert reason in fault.message


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("for n in net.nodes, m in net.nodes, k in net.nodes { k.tail = relu }", "the joint draw of n, m and k"),
        (
            "for n in net.nodes, m in net.nodes { for t in m.terms { choose k in net.nodes  k.tail = relu } }",
            "`for` over all n and m",
        ),
    ],
)
def test_a_for_that_takes_too_many_steps_is_an_error_at_its_line(rule: str, line: str) -> None:
    nodes = "".join(f"n{i} = conv[1x1]({f'n{i - 1}' if i else 'x'})\n" for i in range(100))
    seed = space(rule, f"cell net(x) {{ {nodes} return n99 }}\n")
    with pytest.raises(TooMuchWork, match=rf":\d+:\d+: {line} takes? more than .*,000 steps"):
        dsl.mutate(seed, random.Random(0))
