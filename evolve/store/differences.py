"""How the settings that a search was begun with differ from those of now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Added(NamedTuple):
    """A setting that is newer than some stored searches."""

    name: str
    version: str  # that brought it
    value: str  # with which a search does what searches did before there was the setting


ADDED = (
    Added("search.storage", "0.5.0", ""),
    Added("search.order", "0.6.0", "finished"),
    Added("dataset.crop", "0.6.0", "1.0"),
    Added("dataset.unreadable", "0.6.0", "error"),
    Added("dataset.channels", "0.6.0", "None"),
    Added("training.rmsprop_start", "0.6.0", "0.0"),
    Added("training.fresh_statistics", "0.6.0", "False"),
    Added("training.validate", "0.6.0", "epochs"),
)


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """A line on each setting that differs; one that was not there yet had the value that meant the same."""
    stored = {one.name: one.value for one in ADDED if one.name in wanted} | dict(found)
    keys = [key for key in {**wanted, **stored} if wanted.get(key, "") != stored.get(key, "")]
    return [_difference(key, stored.get(key, ""), wanted.get(key, "")) for key in keys]


def _difference(key: str, found: str, wanted: str) -> str:
    """One line on a setting that differs; of a long text the first line that does."""
    if "\n" not in found + wanted:
        return f"  {key}: there {found or 'nothing'}, now {wanted or 'nothing'}"
    there, now = found.splitlines(), wanted.splitlines()
    length = max(len(there), len(now))
    pairs = zip(there + [""] * (length - len(there)), now + [""] * (length - len(now)), strict=True)
    line, (old, new) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return f"  {key}, line {line}: there {old.strip() or 'nothing'!r}, now {new.strip() or 'nothing'!r}"
