"""Records of primitives: contradictions are refused on loading."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

import dsl
from dsl.primitives import JOINS, PRIMITIVES
from dsl.primitives.base import Primitive, Role, Setting, by_role, checked, collected

CONV, RELU = PRIMITIVES["conv"], PRIMITIVES["relu"]
NETWORK = "network { body: net, conv[3x3, filters=4]  head: global_avg_pool | dense[classes] }"
CELL = "cell net(x) { a = relu(x) return a }"
KERNEL, STRIDE = CONV.settings[0], PRIMITIVES["zero"].settings[0]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (replace(RELU, settings=(STRIDE, STRIDE)), "two settings have one name"),
        (replace(RELU, channels="filters"), "`channels` names no setting: filters"),
        (replace(RELU, channel_factor="depth"), "`channel_factor` names no setting: depth"),
        (replace(RELU, channel_divisor="of"), "`channel_divisor` names no setting: of"),
        (replace(RELU, meaning="Positive values"), "full stop"),
        (replace(CONV, is_random=True), "cannot be both"),
        (replace(CONV, role=Role.SUM), "must not have weights and must not be random"),
        (replace(RELU, settings=(replace(STRIDE, default=3),)), "default of stride, 3, is not a power of two"),
        (replace(RELU, settings=(Setting("rate", STRIDE.domain),)), "rate needs exactly one of: default, required"),
        (replace(RELU, settings=(replace(KERNEL, otherwise="3x3"),)), "kernel needs exactly one of"),
    ],
)
def test_a_contradictory_record_is_refused(record: Primitive, reason: str) -> None:
    with pytest.raises(ValueError, match=f"primitive {record.name}: ") as caught:
        checked(record)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "param NAME = 3  cell net(x) { a = conv[3x3, filters=NAME](x) return a }",
        "gene NAME = 1 in 0.5 .. 2  cell net(x) { return x }  mutation m { NAME *= 2 }",
        f"{CELL}  values NAME = {{ relu, skip }}  mutation m {{ choose t in net.terms  t.op = any(NAME) }}",
        "op NAME[k=3x3] = conv[k] | relu  cell net(x) { a = NAME[k=1x1](x) return a }",
        "op f[NAME] = conv[3x3, filters=NAME]  cell net(x) { a = f[4](x) return a }",
        "cell NAME(y) { return relu(y) }  cell net(x) { a = NAME(x) return a }",
        "cell net(NAME) { return relu(NAME) }",
        "cell net(x) { NAME = relu(x) return NAME }",
        "cell net(x) { return NAME: relu(x) }",
        f"{CELL}  mutation NAME {{ choose t in net.terms  t.op = any({{ skip, relu }}) }}",
        f"{CELL}  mutation m {{ choose NAME in net.terms  NAME.op = any({{ skip, relu }}) }}",
    ],
)
def test_an_older_text_may_use_the_names_that_were_added_later(text: str) -> None:
    old = dsl.loads(f"{text.replace('NAME', 'old_name')} {NETWORK}")
    for name in (*(name for name, primitive in PRIMITIVES.items() if primitive.added), "yes", "no"):
        if name in JOINS and text.startswith(("op NAME", "cell NAME")):
            continue  # tests/bad has the message
        new = dsl.loads(f"{text.replace('NAME', name)} {NETWORK}")
        assert new.text() == old.text().replace("old_name", name)
        if new.space.mutations:
            child, other = (dsl.mutate(space, random.Random(1)).genotype for space in (new, old))
            assert child.text() == other.text().replace("old_name", name)


@pytest.mark.parametrize(
    "rule",
    [
        "mutation m { choose t in net.terms  t.bias = any(other { yes, no }) }",
        "values two = { no, yes }  mutation m { choose t in net.terms where t.bias == no  t.bias = any(other two) }",
        "mutation m { choose t in net.terms  t.bias = yes }",
    ],
)
def test_words_are_members_of_sets_and_values_of_settings(rule: str) -> None:
    space = dsl.loads(f"cell net(x) {{ a = conv[3x3](x) return a }} {rule} {NETWORK}")
    child = dsl.mutate(space, random.Random(1)).genotype
    assert "conv[3x3, bias=yes](x)" in child.text()
    assert space.space.genotype(child.text()) == child


def test_a_gene_may_be_a_word() -> None:
    space = dsl.loads(
        "gene pad = same in { same, valid }  cell net(x) { a = conv[3x3, padding=pad](x) return a }"
        f"mutation m {{ pad = any(other pad.domain) }} {NETWORK}"
    )
    child = dsl.mutate(space, random.Random(1)).genotype
    assert child.genes == (("pad", "valid"),)
    assert space.space.genotype(child.text()) == child


def test_an_operation_with_the_name_of_a_word_stays_an_operation_in_a_set() -> None:
    space = dsl.loads(
        f"op full = conv[3x3] | relu  {CELL}  mutation m {{ choose t in net.terms  t.op = any({{ full }}) }} {NETWORK}"
    )
    assert "a = full(x)" in dsl.mutate(space, random.Random(1)).genotype.text()


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two primitives are called 'relu'"):
        collected("primitives", (CONV, RELU, RELU))


def test_every_role_has_one_primitive() -> None:
    assert {PRIMITIVES[name].role for name in by_role(PRIMITIVES.values()).values()} == set(Role)
    with pytest.raises(ValueError, match="the sum of a node's terms: one primitive must have this role, found none"):
        by_role(primitive for primitive in PRIMITIVES.values() if primitive.role is not Role.SUM)
    with pytest.raises(ValueError, match="one primitive must have this role, found zero, relu"):
        by_role([*PRIMITIVES.values(), replace(RELU, role=Role.ZERO)])
