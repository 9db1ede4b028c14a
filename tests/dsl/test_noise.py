"""Noise on weights, and draws from distributions and functions in rules."""

from __future__ import annotations

import math
import random
import statistics

import pytest

import dsl
from dsl import Noise
from dsl.report.explain import explain
from dsl.report.idle import idle_rules

SPACE = """
param S = 0.02
gene rate = 0.5 in -100 .. 100
cell net(x) {{ a = conv[3x3, depth=2](x) + skip(x)  return a }}
network {{ body: net  head: global_avg_pool | dense[classes] }}
{rules}
"""


def child(rules: str, seed: int = 0) -> dsl.Mutated:
    return dsl.mutate(dsl.loads(SPACE.format(rules=rules)), random.Random(seed))


class TestPerturb:
    @pytest.mark.parametrize(
        ("noise", "wanted"),
        [
            ("normal(0, 0.5)", Noise("normal", 0, 0.5)),
            ("normal(-1, 2 * S)", Noise("normal", -1, 0.04)),
            ("uniform(-S, S)", Noise("uniform", -0.02, 0.02)),
        ],
    )
    def test_the_child_carries_the_noise_and_its_text_is_that_of_the_parent(self, noise: str, wanted: Noise) -> None:
        parent = dsl.loads(SPACE.format(rules=f"mutation m {{ perturb weights by {noise} }}"))
        made = dsl.mutate(parent, random.Random(0))
        assert (made.noise, made.forget, made.genotype) == (wanted, False, parent)

    def test_a_rule_may_change_the_text_too(self) -> None:
        made = child("mutation m { choose t in net.terms  t.op = relu  perturb weights by normal(0, 1) }")
        assert made.noise == Noise("normal", 0, 1)
        assert "relu" in made.genotype.text()

    def test_other_rules_carry_no_noise(self) -> None:
        assert child("mutation m { rate = 1 }").noise is None

    def test_noise_that_is_added_twice_is_the_sum(self) -> None:
        made = child("mutation m { perturb weights by normal(1, 3)  perturb weights by normal(2, 4) }")
        assert made.noise == Noise("normal", 3, 5)

    def test_a_sum_that_has_no_name_is_no_child(self) -> None:
        with pytest.raises(dsl.CellError, match="every child that a mutation rule makes"):
            child("mutation m { perturb weights by normal(0, 1)  perturb weights by uniform(0, 1) }")

    def test_a_branch_may_perturb(self) -> None:
        rules = "mutation m { either { perturb weights by normal(0, 1) } or { rate = 1 } }"
        assert {child(rules, seed).noise is None for seed in range(20)} == {True, False}

    def test_the_mutation_of_a_crossover_may_perturb(self) -> None:
        crossover = "crossover x { choose n in net.nodes  n = mate.n  mutate }"
        seed = dsl.loads(SPACE.format(rules=f"mutation m {{ perturb weights by normal(0, 1) }}\n{crossover}"))
        only = [rule for rule in seed.space.mutations if rule.crossover]
        made = dsl.mutate(seed, random.Random(0), only=only, mate=seed)
        assert (made.crossed, made.noise) == (True, Noise("normal", 0, 1))

    def test_reports_know_that_the_weights_change(self) -> None:
        seed = dsl.loads(SPACE.format(rules="mutation m { perturb weights by normal(0, 0.25) }"))
        (fact,) = explain(seed, random.Random(0)).rules
        assert (fact.applies, fact.note) == (True, "the weights get the noise normal(0, 0.25)")
        assert not list(idle_rules(seed, random.Random(0)))


class TestDraws:
    def test_normal_draws_are_normal(self) -> None:
        seed, rng = dsl.loads(SPACE.format(rules="mutation m { rate = normal(3, 2) }")), random.Random(1)
        drawn = [dict(dsl.mutate(seed, rng).genotype.genes)["rate"] for _ in range(2000)]
        numbers = [value for value in drawn if isinstance(value, int | float)]
        assert statistics.fmean(numbers) == pytest.approx(3, abs=0.2)
        assert statistics.stdev(numbers) == pytest.approx(2, abs=0.2)
        assert sum(abs(value - 3) < 2 for value in numbers) / 2000 == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.04)

    @pytest.mark.parametrize(
        ("rule", "value"),
        [
            ("rate = max(rate, 2, S)", 2),
            ("rate = round_to(rate * 100, 8)", 48),
            ("rate += min(net.nodes.count, 5) - 3", -1.5),
            ("rate = -floor(rate + 1.2)", -1),
        ],
    )
    def test_functions_of_numbers_compute_values(self, rule: str, value: float) -> None:
        assert dict(child(f"mutation m {{ {rule} }}").genotype.genes)["rate"] == value

    def test_settings_are_computed_too(self) -> None:
        made = child("mutation m { choose t in net.terms where t.op is conv  t.depth = min(t.depth * 4, 6) }")
        assert "depth=6" in made.genotype.text()
