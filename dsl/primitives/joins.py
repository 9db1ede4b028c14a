"""Primitives that join several states into one."""

from __future__ import annotations

from dsl.primitives.base import Primitive, Role

PRIMITIVES = (
    Primitive(name="add", meaning="The sum of states of one shape; `a + b` is `add(a, b)`.", role=Role.SUM),
    Primitive(name="concat", meaning="The channels of maps of one size, one after the other.", role=Role.CONCATENATION),
)
