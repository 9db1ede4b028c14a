"""Primitives: functions of each value by itself."""

from __future__ import annotations

from dsl.primitives.base import Primitive

PRIMITIVES = (Primitive(name="relu", meaning="The greater of each value and 0."),)
