"""AmoebaNet's mutations are drawn as in Real et al. 2019: each choice on its own, by chi-square.

Two mutations and the identity with their weights; a uniform cell, a uniform one of its five pairwise combinations, a
uniform one of its two elements; then a new operation, uniform over all eight (the old one among them), or a new input,
uniform over the earlier states other than the one it had.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

import pytest
from scipy.stats import chi2

import dsl
from dsl.text.unparse import op as printed
from dsl.tree import edit
from dsl.tree import syntax as s

LEAST = 1e-4  # the least p-value that is accepted; random seeds are fixed, so the result is always the same
OPS = (
    "identity", "sep_conv[3x3]", "sep_conv[5x5]", "sep_conv[7x7]", "avg_pool[3x3]", "max_pool[3x3]", "dil_conv[3x3]",
    "conv_1x7_7x1",
)  # fmt: skip
WEIGHTS = {"op": 0.475, "rewire": 0.475, "nothing": 0.05}


@dataclass
class Choice:
    """One choice of the rules: the count of each outcome, and its probability."""

    likely: dict[Hashable, float]
    drawn: Counter[Hashable] = field(default_factory=Counter)

    def p_value(self) -> float:
        """Returns the probability of counts that are at least as uneven, under the right probabilities."""
        assert set(self.drawn) <= set(self.likely), f"unexpected: {set(self.drawn) - set(self.likely)}"
        total = sum(self.drawn.values())
        expected = {outcome: total * share for outcome, share in self.likely.items()}
        assert min(expected.values()) >= 5, "too few draws for a chi-square"
        statistic = sum((self.drawn[outcome] - mean) ** 2 / mean for outcome, mean in expected.items())
        return float(chi2.sf(statistic, len(expected) - 1))


def uniform(outcomes: range | tuple[Hashable, ...]) -> Choice:
    return Choice({outcome: 1 / len(outcomes) for outcome in outcomes})


@dataclass(frozen=True)
class Change:
    """The one edge in which a child differs from its parent."""

    cell: str
    node: int
    element: int
    old: s.Term
    new: s.Term


def distinct_parent() -> dsl.Genotype:
    """Returns a genotype whose operations the rules never draw, so that every draw changes it."""
    text = dsl.load("nasnet.cell").standalone().replace("identity(", "unlike(").replace("op identity", "op unlike")
    return dsl.loads(text.replace("values ops = { identity", "op identity = unlike\n\nvalues ops = { identity"))


def changes(parent: dsl.Genotype, child: dsl.Genotype) -> Iterator[Change]:
    for before, after in zip(parent.cells, child.cells, strict=True):
        for node in range(len(before.nodes)):
            pairs = zip(edit.flow_at(before, node).terms, edit.flow_at(after, node).terms, strict=True)
            for element, (old, new) in enumerate(pairs):
                if old != new:
                    yield Change(before.name, node, element, old, new)


def mutations(draws: int) -> dict[str, Choice]:
    """Counts every choice of AmoebaNet's rules over a number of children of one parent."""
    parent, rng = distinct_parent(), random.Random(2019)
    cells, combinations, elements = ("normal", "reduction"), range(5), range(2)
    found = {"rule": Choice({rule: weight for rule, weight in WEIGHTS.items()})}
    for rule in ("op", "rewire"):
        found[f"{rule}: cell"] = uniform(cells)
        found[f"{rule}: combination"] = uniform(combinations)
        found[f"{rule}: element"] = uniform(elements)
        found[f"{rule}: place"] = uniform(tuple((c, n, e) for c in cells for n in combinations for e in elements))
    found["op: operation"] = uniform(OPS)
    for node in combinations:
        for element, now in enumerate(("here", "before")):
            states = tuple(name for name in ("here", "before", *"abcd"[:node]) if name != now)
            if len(states) > 1:
                found[f"rewire: input of combination {node}, element {element}"] = uniform(states)
    for _ in range(draws):
        child = dsl.mutate(parent, rng)
        found["rule"].drawn[child.rule] += 1
        if child.rule == "nothing":
            assert child.genotype == parent
            continue
        (change,) = changes(parent, child.genotype)
        found[f"{child.rule}: cell"].drawn[change.cell] += 1
        found[f"{child.rule}: combination"].drawn[change.node] += 1
        found[f"{child.rule}: element"].drawn[change.element] += 1
        found[f"{child.rule}: place"].drawn[change.cell, change.node, change.element] += 1
        count(found, child.rule, change)
    return found


def count(found: dict[str, Choice], rule: str, change: Change) -> None:
    """Counts the outcome that was drawn for an edge, and checks that the rest of it is unchanged."""
    assert isinstance(change.new, s.Call) and isinstance(change.old, s.Call)
    if rule == "op":
        assert s.read_state(change.new) == s.read_state(change.old)
        found["op: operation"].drawn[printed(change.new.op)] += 1
        return
    assert change.new.op == change.old.op
    assert s.read_state(change.new) != s.read_state(change.old)
    name = f"rewire: input of combination {change.node}, element {change.element}"
    if name in found:
        found[name].drawn[s.read_state(change.new)] += 1


def check(draws: int) -> None:
    p_values = {name: choice.p_value() for name, choice in mutations(draws).items()}
    print("\n".join(f"{p:.4f}  {name}" for name, p in p_values.items()))
    assert len(p_values) == 18
    assert min(p_values.values()) > LEAST, p_values


def test_mutations_are_drawn_as_in_the_paper() -> None:
    check(10_000)


@pytest.mark.full
def test_many_mutations_are_drawn_as_in_the_paper() -> None:
    check(100_000)


def test_the_same_operation_may_be_drawn() -> None:
    """`any(ops)` draws from all eight, as the paper's code does: an eighth of these children are their parent."""
    parent, rng = dsl.load("nasnet.cell"), random.Random(4)
    children = [dsl.mutate(parent, rng) for _ in range(4000)]
    same = Counter(child.genotype == parent for child in children if child.rule == "op")
    choice = Choice({True: 1 / 8, False: 7 / 8}, Counter({is_same: count for is_same, count in same.items()}))
    assert choice.p_value() > LEAST


def test_an_uneven_choice_is_seen() -> None:
    """The bound is effective: a draw that is off by a tenth fails it."""
    choice = Choice({"a": 0.5, "b": 0.5}, Counter({"a": 5500, "b": 4500}))
    assert choice.p_value() < LEAST
    with pytest.raises(AssertionError, match="unexpected"):
        Choice({"a": 1.0}, Counter({"b": 10})).p_value()
