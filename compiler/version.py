"""The installed version of the project."""

from __future__ import annotations

import functools
import importlib.metadata

DISTRIBUTION = "amoeba-evolve"  # the name under which pip installs the project


@functools.cache
def version() -> str:
    """Returns the version that is installed on this machine. A search needs the same version on all its machines."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:  # A checkout on the import path is not installed.
        return "of the sources"
