"""The folders of the `.cell` and gin files that are shipped with the project and found by their bare names.

This is the only module of `dsl` and `compiler` that names the package with these files. Code that looks for a file
receives a function that returns the folder, such as `shipped_cells`. The name of the package is written here. It is not
an entry point of the installed distribution, since a checkout on the import path and a Bazel target have no entry
points.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from pathlib import Path

Shipped = Callable[[], Path]


def shipped_settings() -> Path:
    """Returns the folder of the shipped gin files."""
    return Path(str(importlib.resources.files("experiments")))


def shipped_cells() -> Path:
    """Returns the folder of the shipped `.cell` files."""
    return shipped_settings() / "cells"
