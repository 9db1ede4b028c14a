"""Records of primitives: contradictions are refused on loading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive, Role, Setting, by_role, checked, collected

CONV, RELU = PRIMITIVES["conv"], PRIMITIVES["relu"]
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


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two primitives are called 'relu'"):
        collected("primitives", (CONV, RELU, RELU))


def test_every_role_has_one_primitive() -> None:
    assert {PRIMITIVES[name].role for name in by_role(PRIMITIVES.values()).values()} == set(Role)
    with pytest.raises(ValueError, match="the sum of a node's terms: one primitive must have this role, found none"):
        by_role(primitive for primitive in PRIMITIVES.values() if primitive.role is not Role.SUM)
    with pytest.raises(ValueError, match="one primitive must have this role, found zero, relu"):
        by_role([*PRIMITIVES.values(), replace(RELU, role=Role.ZERO)])
