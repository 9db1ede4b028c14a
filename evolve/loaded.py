"""What a process has loaded for good."""

from __future__ import annotations

import gc


def settle() -> None:
    """Keep all that is loaded out of garbage collections, which would look through it again and again."""
    gc.collect()
    gc.freeze()
