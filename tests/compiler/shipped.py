"""The shipped files as parameters of tests, with images on which each of them can be built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler.networks.applications import applications
from dsl import shipped_cells

FILES: Sequence[Path] = sorted(shipped_cells().glob("*.cell"))
_LARGE = {one.file for one in applications().values()}
# Pixels, below which a window does not fit.
_LEAST = {"inception_v3.cell": 75, "inception_resnet_v2.cell": 75, "convnext_space.cell": 32}
# The files that every test may build. `tests/test_applications.py` builds the smallest network of each other family.
QUICK = [path for path in FILES if path.name not in _LARGE and path.name not in _LEAST]


def side(path: Path, usual: int) -> int:
    """Returns the height and width of images for a file: `usual`, or more if it needs more."""
    return max(usual, _LEAST.get(path.name, 0))
