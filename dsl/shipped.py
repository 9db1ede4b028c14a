"""The files that come with the project, which are found by their bare names.

This is the only module of `dsl` and `compiler` that names the package which holds them. Whatever looks for a file is
handed one of these functions, or another one. The package is named here rather than looked up as an entry point of
the installed distribution, since a checkout on the import path and a Bazel target have no such entry points.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from pathlib import Path

Shipped = Callable[[], Path]


def shipped_settings() -> Path:
    """The folder of the gin files."""
    return Path(str(importlib.resources.files("experiments")))


def shipped_cells() -> Path:
    """The folder of the `.cell` files."""
    return shipped_settings() / "cells"
