"""The explanation of rules: the number of children is that of the drawn ones, and reasons are given."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

import dsl
from dsl import shipped_cells
from dsl.report.explain import Explanation, as_text, explain

NETWORK = "network { stem: conv[3x3, filters=8] body: net[8] head: global_avg_pool | dense[classes] }"
CELL = "cell net(x) { a = conv[3x3](x)  b = relu(x) + skip(a)  c = relu(b)  return concat(unused) }"


def explained(rules: str, cell: str = CELL) -> Explanation:
    return explain(dsl.loads(cell + NETWORK + rules), random.Random(0))


@pytest.mark.parametrize(
    "rule",
    [
        "mutation m { choose n in net.nodes, t in n.terms   t.op = any(other { relu, skip, conv[1x1] }) }",
        "mutation m { choose n in net.nodes, t in n.terms   t.op = any({ relu, conv[any({ 1x1, 5x5 })] }) }",
        "mutation m { choose n in net.nodes, t in n.terms   t.input = any(other n.earlier) }",
        "mutation m { choose t in net.terms where t.op is conv   t.kernel.height += any({ -2, 2 }) }",
        "mutation m { choose t in net.terms where t.op is conv "
        "either { t.kernel.height += any({ -2, 2 }) } or { t.kernel.width += any({ -2, 2 }) } }",
        "mutation m { choose t in net.terms   insert conv[any({ 1x1, 3x3 })] | any({ relu, skip }) on t }",
        "mutation m { choose a in net.states, b in net.nodes where not b reaches a and not a feeds b "
        "connect a to b by skip }",
        "mutation m { choose n in net.nodes, t in n.terms where n.terms.count > 1   remove t }",
        "mutation m { }",
    ],
)
def test_the_counted_children_are_those_that_can_be_drawn(rule: str) -> None:
    seed = dsl.loads(CELL + NETWORK + rule)
    (fact,) = explain(seed, random.Random(0)).rules
    rng = random.Random(1)
    drawn = {dsl.mutate(seed, rng).genotype for _ in range(400)} - {seed}
    assert fact.applies
    assert fact.children == len(drawn)
    assert bool(fact.example) == bool(drawn)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("choose t in net.terms where t.op is dense   t.units += 1", "no term has op dense"),
        ("choose t in net.terms where t.op is not relu and t.op is dense   t.units += 1", "no term has op dense"),
        ("choose n in net.nodes, t in n.terms where t.op is conv and n.terms.count == 2   remove t",
         "no choice satisfies all of `t.op is conv and n.terms.count == 2`"),
        ("choose n in net.nodes, t in n.terms where n.terms.count > 2   remove t",
         "no choice satisfies `n.terms.count > 2`"),
    ],
)  # fmt: skip
def test_a_rule_without_a_place_is_reported_with_the_reason(rule: str, reason: str) -> None:
    (fact,) = explained(f"mutation m {{ {rule} }}").rules
    assert (fact.places, fact.children, fact.example, fact.note) == (0, 0, (), reason)


def test_a_cell_without_nodes_has_nothing_to_choose() -> None:
    (fact,) = explained("mutation m { choose n in net.nodes, t in n.terms  t.op = any({ relu }) }",
                        "cell net(x) { return x }").rules  # fmt: skip
    assert fact.note == "net.nodes has no members"


def test_a_rule_whose_children_are_all_rejected_is_reported_with_the_reason() -> None:
    seed = dsl.loads(CELL + NETWORK + "mutation m { choose t in net.terms   t.op = any({ relu }) }")
    (fact,) = explain(seed, random.Random(0), lambda genotype: "too large").rules
    assert fact.note == "every child is rejected: m: too large"


def chain(nodes: int, rules: str) -> dsl.Genotype:
    """Returns the seed of a space with a chain of nodes."""
    lines = "".join(f"  a{place} = relu({f'a{place - 1}' if place else 'x'})\n" for place in range(nodes))
    return dsl.loads(f"cell net(x) {{\n{lines}  return a{nodes - 1}\n}}\n{NETWORK}\n{rules}")


def test_a_rule_that_takes_a_value_of_the_mate_has_many_places() -> None:
    seed = chain(110, "mutation m { choose t in net.terms  t.op = any({ relu, skip }) }\n"
                 "crossover x { choose t in net.terms, u in net.terms  t.op = mate.u.op }")  # fmt: skip
    fact = explain(seed, random.Random(0)).rules[1]
    assert fact.applies and fact.children is None


def test_every_rule_has_its_own_count_of_steps() -> None:
    rules = "".join(
        f"mutation m{number} {{ choose t in net.terms, u in net.terms where t before u  t.op = gelu  u.op = gelu }}\n"
        for number in range(8)
    )
    assert [fact.places for fact in explain(chain(90, rules), random.Random(0)).rules] == [90 * 89 / 2] * 8


def test_every_condition_of_a_rule_that_does_not_apply_has_its_own_count_of_steps() -> None:
    rule = "choose t in net.terms, u in net.terms where t before u and u before t and not u.op is skip and u feeds t"
    (fact,) = explain(chain(90, f"mutation m {{ {rule}  t.op = gelu }}"), random.Random(0)).rules
    assert fact.note.startswith("no choice satisfies all of `t before u and u before t")


def test_the_reason_names_a_step_of_the_mate() -> None:
    rules = "mutation m { choose n in net.nodes  n.tail = gelu }\n"
    rules += "crossover x { choose d in steps where mate.d.op is dense  d = mate.d }"
    found = explained(rules).rules
    assert [fact.note for fact in found if not fact.applies] == ["no step has op dense"]


def test_rules_have_their_shares_and_notes() -> None:
    found = explained("mutation a weight 3 { } mutation b { forget weights } "
                      "mutation c { rate *= uniform(1, 2) } gene rate = 1 in 0 .. 9")  # fmt: skip
    assert [rule.share for rule in found.rules] == [0.6, 0.2, 0.2]
    assert [rule.children for rule in found.rules] == [0, 0, None]
    notes = ["the child equals its parent", "the child starts from fresh weights", ""]
    assert [rule.note for rule in found.rules] == notes
    assert found.genes == ("rate = 1 in 0 .. 9",)


def test_the_size_is_the_product_of_the_free_choices() -> None:
    found = explain(dsl.load("nasnet.cell"), random.Random(0))
    assert found.size == 8**20 * math.prod(math.prod([states] * 2) for states in range(2, 7)) ** 2
    assert "40 free choices, 3.1e29 texts" in as_text(found)


def test_an_any_in_a_member_counts_every_value() -> None:
    rule = "mutation m { choose t in net.terms   t.op = any({ relu, conv[any({ 1x1, 3x3, 5x5 })] }) }"
    assert explained(rule).size == 4**4


@pytest.mark.parametrize("path", sorted(shipped_cells().glob("*.cell")), ids=lambda path: path.name)
def test_every_shipped_file_is_explained_in_a_hundred_columns(path: Path) -> None:
    seed = dsl.load(path)
    text = as_text(explain(seed, random.Random(1)))
    assert max(map(len, text.splitlines())) <= 100
    assert all(f"  {rule.name} " in text for rule in seed.space.mutations)
    assert text == as_text(explain(seed, random.Random(1)))


@pytest.mark.parametrize(
    "rule",
    [
        "choose t in net.terms  insert relu on t  for u in net.terms { u.op = any({ swish, gelu, elu }) }",
        "choose t in net.terms  t.op = any({ relu, relu6, conv[3x3] })  t.kernel = any({ 1x1, 5x5 })",
        "choose t in net.terms  t.op = any({ relu, conv[any({ 1x1, 3x3 })] })  t.kernel.width += any({ 0, 2 })",
        "choose t in net.terms  insert conv[any({ 1x1, 3x3 })] | any({ relu, skip }) on t  "
        "for u in net.terms where u.op is conv { u.kernel = any({ 5x5, 7x7 }) }",
        "choose t in net.terms  t.op = any({ relu, gelu })  t.op = any(other { relu, gelu, elu })",
        "choose t in net.terms, u in net.terms  t.op = any({ relu, gelu })  u.op = any(other { relu, gelu, elu })",
        "choose a in net.inputs, b in net.nodes  connect a to b by any({ skip, relu })  "
        "for t in b.terms { t.op = any({ swish, elu }) }",
    ],
)
def test_the_number_of_children_is_an_upper_bound_if_statements_depend_on_each_other(rule: str) -> None:
    seed = dsl.loads(f"cell net(x) {{ a = relu(x)  return a }} {NETWORK} mutation m {{ {rule} }}")
    (fact,) = explain(seed, random.Random(0)).rules
    rng = random.Random(1)
    drawn = {dsl.mutate(seed, rng).genotype for _ in range(200)} - {seed}
    assert fact.applies and fact.children is not None
    assert len(drawn) <= fact.children <= 5 * len(drawn)


@pytest.mark.parametrize(
    "rule",
    [
        "for n in net.nodes { choose t in net.terms  insert relu on t }",
        "choose t in net.terms  either { insert relu on t } or { }  for u in net.terms { u.op = any({ swish, gelu }) }",
        "choose t in net.terms  t.op = any({ conv[1x1], conv[3x3] })  t.kernel.width += uniform(1, 9)",
    ],
)
def test_without_an_upper_bound_no_number_of_children_is_given(rule: str) -> None:
    (fact,) = explained(f"mutation m {{ {rule} }}").rules
    assert fact.applies and fact.children is None
