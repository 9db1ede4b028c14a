"""The shipped files as parameters of tests, with images on which each of them can be built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dsl import shipped_cells
from experiments.bench.families import APPLICATIONS

# These networks are large. `tests/test_applications.py` builds the smallest of each family.
LARGE = frozenset(one.file for one in APPLICATIONS.values())
FILES: Sequence[Path] = sorted(shipped_cells().glob("*.cell"))
LEAST = {"inception_v3.cell": 75, "inception_resnet_v2.cell": 75}  # pixels, below which a window does not fit


def to_build() -> list[Any]:
    """Returns all files as parameters of a test that builds them; large ones are run with tests of large counts."""
    return [pytest.param(path, id=path.name, marks=[pytest.mark.full] if path.name in LARGE else []) for path in FILES]


def side(path: Path, usual: int) -> int:
    """Returns the height and width of images for a file: `usual`, or more if it needs more."""
    return max(usual, LEAST.get(path.name, 0))
