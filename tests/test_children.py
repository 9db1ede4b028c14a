"""The measurement of what children of one parent share: the members of a family, and the lines that are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsl.report.diff import differences
from experiments.bench import children


def test_a_family_is_a_parent_with_its_children() -> None:
    made, (parent, *others) = children.family(4)
    assert len(others) == 4 and made.dataset.source == "digits_scattered"
    counts = [len(differences(parent, one)) for one in others]
    assert max(counts) in (1, 2), "one mutation changes one decision"
    assert children.family(4)[1] == [parent, *others], "each process measures the same children"


def test_each_child_alone_is_compared_with_all_in_one_process() -> None:
    asked = []

    def measured(count: int, places: Sequence[int], threads: bool = False) -> dict[str, Any]:
        asked.append((count, list(places), threads))
        seconds = [9.0, 2.0, 1.0, 3.0] if threads else [4.0 + places[0]]
        return {"seconds": seconds, "alone": 10.0, "together": 11.0, "busy": 0.975}

    lines = children.table(3, measured)
    assert asked == [(3, [1], False), (3, [2], False), (3, [3], False), (3, [0, 1, 2, 3], True)]
    assert [line.split()[-2:] for line in lines] == [["6.00", "s"], ["s", "0.33"], ["takes", "0.97"], ["other", "1.10"]]
