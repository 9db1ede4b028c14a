"""Functions of each value by itself: the shape stays."""

from __future__ import annotations

from compiler.primitives.base import Record

RECORDS = (Record("relu"),)
