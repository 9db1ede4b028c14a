"""Garbage collection of a process that has loaded many modules."""

from __future__ import annotations

import gc

ALLOCATED = 50_000  # the number of new objects after which Python collects the young ones; its default is 700


def freeze() -> None:
    """Excludes all objects that exist now from garbage collection. Otherwise each collection would visit them.

    Later collections are rarer. With Python's default they take a fifth of the driver's time, because the trees of
    genotypes and the graphs of networks are many objects and have no reference cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATED)
