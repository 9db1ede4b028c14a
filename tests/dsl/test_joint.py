"""Joint draws: they equal the lists of all combinations, and take few steps where lists would be long."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsl
from dsl.check.sizes import MAX_MEMBERS, MAX_PARTS, MAX_RULES, MAX_VARIABLES
from dsl.report.explain import MAX_PLACES, explain
from dsl.rules.conditions import holds
from dsl.rules.joint import Joint
from dsl.rules.paths import members
from dsl.rules.scene import Scene
from dsl.rules.work import TooMuchWork
from dsl.tree import syntax as s

NETWORK = "network { stem: conv[3x3, filters=8] body: net[8] head: global_avg_pool | dense[classes] }\n"


def chain(nodes: int, rule: str) -> dsl.Genotype:
    """Returns a cell whose nodes read each other in a row, with one rule."""
    lines = "".join(f"n{i} = conv[1x1]({f'n{i - 1}' if i else 'x'})\n" for i in range(nodes))
    return dsl.loads(f"cell net(x) {{ {lines} return n{nodes - 1} }}\n{NETWORK}mutation k {{ {rule} }}")


def joint(genotype: dsl.Genotype) -> Joint:
    return Joint(genotype.space.mutations[0].block.chosen, Scene.of(genotype))


# --- against all combinations ----------------------------------------------------------------------------------


CELL = "cell net(x) { a = conv[1x1](x)  b = relu(a) + skip(x)  c = skip(a) + conv[3x3](b)  return concat(b, c) }\n"
RANGES = ("net.nodes", "net.vertices")
INNER = ("{}.terms", "net.terms", "net.edges")
CONDITIONS = ("{} before {}", "{} reaches {}", "not {} reaches {}", "{} feeds {}")
ALONE = ("{}.terms.count > 1", "{}.terms.count + 1 == 3", "net.nodes.count > 2")


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Returns `choose` of two to four variables, each with a condition or without one."""
    text, names = "", list[str]()
    for _ in range(draw(st.integers(1, 2))):
        bindings = []
        for _ in range(draw(st.integers(1, 2))):
            name = f"v{len(names)}"
            names.append(name)
            conditions = []
            for _ in range(draw(st.integers(0, 3))):
                pair = draw(st.lists(st.sampled_from(names), min_size=2, max_size=2))
                one = draw(st.sampled_from((*CONDITIONS, *ALONE)))
                conditions.append(one.format(*pair))
            joined = draw(st.sampled_from((" and ", " or ", ") or not ("))).join(conditions)
            bindings.append(f"{name} in {draw(st.sampled_from(RANGES))}{f' where ({joined})' if conditions else ''}")
        text += f"choose {', '.join(bindings)} "
    last = draw(st.sampled_from(INNER)).format(names[0])
    return f"{text} choose t in {last}  t.op = any({{ relu, skip }})"


def every(chosen: Sequence[s.Choose], scene: Scene, weight: float = 1.0) -> Iterator[tuple[float, Scene]]:
    """Yields all combinations, one variable after the other, with `where` checked at the end of its `choose`."""
    if not chosen:
        yield weight, scene
        return
    choose, *rest = chosen
    scenes = [(weight, scene)]
    for binding in choose.bindings:
        scenes = [
            (share / len(found), one.bind(binding.name, member))
            for share, one in scenes
            for found in [members(binding.range, one)]
            for member in found
        ]
    conditions = [binding.where for binding in choose.bindings if binding.where is not None]
    for share, one in scenes:
        if all(holds(condition, one) for condition in conditions):
            yield from every(rest, one, share)


class Scripted(random.Random):
    """A random generator that picks given indices, and knows their probability."""

    def __init__(self, script: Sequence[int]) -> None:
        super().__init__(0)
        self.script = [*script]
        self.open: list[int] = []
        self.probability = 1.0

    def choices(self, population: Any, weights: Any = None, *, cum_weights: Any = None, k: int = 1) -> list[Any]:
        index = self.script.pop(0) if self.script else 0
        self.open.append(len(population))
        self.probability *= weights[index] / sum(weights)
        return [population[index]]


def drawn(found: Joint) -> Iterator[tuple[float, Scene]]:
    """Yields every scene that `draw` can return, with the probability of its random choices."""
    scripts = [list[int]()]
    while scripts:
        script = scripts.pop()
        rng = Scripted(script)
        scene = found.draw(rng)
        yield rng.probability, scene
        padded = [*script, *[0] * (len(rng.open) - len(script))]
        for place in range(len(script), len(rng.open)):
            scripts += [[*padded[:place], index] for index in range(1, rng.open[place])]


@settings(max_examples=60, deadline=None)
@given(rules())
def test_joint_draws_are_all_combinations_with_their_probabilities(rule: str) -> None:
    genotype = dsl.loads(f"{CELL}{NETWORK}mutation k {{ {rule} }}")
    wanted = list(every(genotype.space.mutations[0].block.chosen, Scene.of(genotype)))
    found = joint(genotype)
    listed = [(weight, scene.bound) for weight, scene in found.combinations()]
    # The order counts too: it decides what a seed draws.
    assert listed == [(weight, scene.bound) for weight, scene in wanted]
    assert found.count == len(wanted)
    if not wanted:
        return
    total = math.fsum(weight for weight, _ in wanted)
    shares = {tuple(scene.bound.items()): weight / total for weight, scene in wanted}
    likely = {tuple(scene.bound.items()): probability for probability, scene in drawn(found)}
    assert likely.keys() == shares.keys()
    assert all(math.isclose(likely[key], share) for key, share in shares.items())


def test_variables_that_nothing_reads_are_not_combined() -> None:
    rule = "choose a in net.nodes, b in net.nodes, t in a.terms, u in net.terms  t.op = any({ relu, skip })"
    genotype = chain(30, rule)
    found = Joint(genotype.space.mutations[0].block.chosen, Scene.of(genotype), read=("t",))
    assert found.count == 30**3
    assert len({scene.bound["t"] for scene in found.projected()}) == len(list(found.projected())) == 30
    assert len(dsl.decisions(genotype)) == 30


# --- large draws, by counted steps -----------------------------------------------------------------------------


def ordered(variables: int) -> str:
    names = [f"t{i}" for i in range(variables)]
    chosen = ", ".join(f"{name} in net.terms" for name in names)
    where = " and ".join(f"{a} before {b}" for a, b in itertools.pairwise(names))
    return f"choose {chosen} where {where}  {names[-1]}.op = any({{ relu, skip }})"


NEVER = {
    "triple": (20, "choose a in net.nodes, b in net.nodes, d in net.nodes where a reaches b and b reaches d and "
               "d reaches a  connect a to d by skip"),
    "quad": (30, "choose t in net.terms, u in net.terms, v in net.terms, w in net.terms where t before u and "
             "u before v and v before w and t.op is not conv  t.op = any({ relu })"),
    "eight": (60, f"choose {', '.join(f't{i} in net.terms' for i in range(8))} where t0 before t1 and t1 before t0 "
              "t0.op = any({ relu })"),
}  # fmt: skip


@pytest.mark.parametrize(("nodes", "rule"), NEVER.values(), ids=NEVER)
def test_a_joint_draw_that_never_succeeds_ends(nodes: int, rule: str) -> None:
    genotype = chain(nodes, rule)
    scene = Scene.of(genotype)
    assert Joint(genotype.space.mutations[0].block.chosen, scene).count <= nodes
    assert scene.work.taken < 20_000
    with pytest.raises(dsl.CellError, match=r"no mutation rule applies|every child that a mutation rule makes"):
        dsl.mutate(genotype, random.Random(0))


@pytest.mark.parametrize("variables", [5, 12, 20])
def test_a_long_chain_of_variables_is_drawn_without_a_list(variables: int) -> None:
    genotype = chain(30, ordered(variables))
    scene = Scene.of(genotype)
    found = Joint(genotype.space.mutations[0].block.chosen, scene)
    assert found.count == math.comb(30, variables)
    assert scene.work.taken < 50_000
    rng = random.Random(variables)
    for _ in range(20):
        child = dsl.mutate(genotype, rng).genotype.cells[0]
        changed = [i for i, node in enumerate(child.nodes) if node != genotype.cells[0].nodes[i]]
        assert changed == [] or min(changed) >= variables - 1


def test_large_draws_keep_to_places_where_the_rule_applies() -> None:
    """Only one term has the setting, so that the rule applies to a thirtieth of the 13,050 combinations."""
    text = chain(30, "choose t in net.terms, u in net.terms, v in net.terms where t before u "
                 "v.kernel.height += 2").standalone()  # fmt: skip
    genotype = dsl.loads(text.replace("conv[1x1](", "relu(").replace("n7 = relu(", "n7 = conv[1x1]("))
    for seed in range(5):
        child = dsl.mutate(genotype, random.Random(seed)).genotype
        assert "n7 = conv[3x1](n6)" in child.text()


SUM = "choose a in net.nodes, b in net.nodes, c in net.nodes, d in net.nodes where a.terms.count + b.terms.count + " \
      "c.terms.count == d.terms.count  d.tail = any({ relu })"  # fmt: skip


def test_a_joint_draw_that_takes_too_many_steps_is_an_error_at_its_line() -> None:
    genotype = chain(60, SUM)
    for fails in (lambda: dsl.mutate(genotype, random.Random(0)), lambda: explain(genotype, random.Random(0))):
        with pytest.raises(
            TooMuchWork, match=r":\d+:14: the joint draw of a, b, c and d takes more than .*0,000 steps"
        ):
            fails()


def test_another_rule_is_drawn_if_one_takes_too_many_steps() -> None:
    text = chain(60, SUM).standalone() + "mutation simple weight 1e-9 { choose t in net.terms  t.op = relu }"
    child = dsl.mutate(dsl.loads(text), random.Random(0))
    assert child.rule == "simple"
    assert [name for name, _ in child.rejected] == ["k"]


def test_draws_within_a_branch_are_counted_too() -> None:
    branch = "{ choose c in net.nodes, d in net.nodes where c before d and d before a and a before c  c.tail = relu }"
    with pytest.raises(TooMuchWork, match="the joint draw of c and d"):
        dsl.mutate(chain(60, f"choose a in net.nodes, b in net.nodes either {branch} or {branch}"), random.Random(0))


def test_many_rules_that_never_succeed_are_given_up_sooner() -> None:
    many = "".join(f"mutation m{i} {{ choose t in net.terms  t.op = relu }}\n" for i in range(300))
    genotype = dsl.loads(chain(2, "").standalone() + many)
    calls: list[dsl.Genotype] = []

    def reject(child: dsl.Genotype) -> str:
        calls.append(child)
        return "no"

    with pytest.raises(dsl.CellError, match=r"no mutation rule applies|every child that a mutation rule makes"):
        dsl.mutate(genotype, random.Random(0), reject)
    assert len(calls) < 6_000


def test_more_places_than_are_counted_are_reported_as_such() -> None:
    (fact,) = explain(chain(30, ordered(5)), random.Random(0)).rules
    assert (fact.places, fact.children) == (MAX_PLACES + 1, None)


# --- sizes -----------------------------------------------------------------------------------------------------


def test_rules_and_sets_have_limits() -> None:
    variables = ", ".join(f"t{i} in net.terms" for i in range(MAX_VARIABLES + 1))
    statements = "t.op = any({ relu, skip }) " * MAX_PARTS
    items = ", ".join(f"conv[3x3, filters={i + 1}]" for i in range(MAX_MEMBERS + 1))
    for rule, message in (
        (f"choose {variables}  t0.op = relu", r"mutation k chooses 33 variables; at most 32"),
        (
            f"choose t in net.terms {statements}",
            r"mutation k has 129 variables, conditions and statements; at most 128",
        ),
        (
            "".join(f"}} mutation k{i} {{ " for i in range(MAX_RULES)),
            r":\d+:\d+: there are 2,001 mutation rules; at most 2,000",
        ),
        (f"choose t in net.terms  t.op = any({{ {items} }})", r"this set has 2,001 members; at most 2,000"),
    ):
        with pytest.raises(dsl.CellError, match=message):
            chain(2, rule)


def test_the_largest_set_is_compared_by_few_steps() -> None:
    items = ", ".join(f"conv[1x1, filters={i + 1}]" for i in range(MAX_MEMBERS))
    rule = f"choose t in net.terms  t.op = any(other ops except {{ conv[1x1, filters=1] }}) }} values ops = {{ {items} "
    genotype = chain(2, rule)
    (fact,) = explain(genotype, random.Random(0)).rules
    assert fact.children == 2 * (MAX_MEMBERS - 1)
