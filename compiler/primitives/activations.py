"""Activation functions: shapes."""

from __future__ import annotations

from compiler.primitives.base import Record

RECORDS = (Record("relu"),)
