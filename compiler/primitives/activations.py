"""Functions of each value by itself, which keep the shape."""

from __future__ import annotations

from compiler.primitives.base import Record

RECORDS = (Record("relu"),)
