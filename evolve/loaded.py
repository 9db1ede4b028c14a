"""The exclusion of loaded modules from garbage collection."""

from __future__ import annotations

import gc


def freeze() -> None:
    """Excludes all objects that exist now from garbage collection. Otherwise each collection would visit them."""
    gc.collect()
    gc.freeze()
