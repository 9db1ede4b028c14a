"""The differences between the stored settings of a search and the current ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Added(NamedTuple):
    """A setting that is missing in the stores of earlier versions, because a later version added the setting."""

    name: str
    version: str  # the first version that has the setting
    value: str  # the value with which a search does the same as in versions without the setting


ADDED = (
    Added("search.storage", "0.5.0", ""),
    Added("search.order", "0.6.0", "finished"),
    Added("dataset.crop", "0.6.0", "1.0"),
    Added("dataset.unreadable", "0.6.0", "error"),
    Added("dataset.channels", "0.6.0", "None"),
    Added("training.rmsprop_start", "0.6.0", "0.0"),
    Added("training.fresh_statistics", "0.6.0", "False"),
    Added("training.validate", "0.6.0", "epochs"),
    Added("training.class_weights", "0.9.0", "None"),
    Added("search.measure", "0.9.0", ""),
    Added("search.measure_seconds", "0.9.0", "60.0"),
    Added("search.repeats", "0.9.0", "1"),
    Added("dataset.folds", "0.9.0", "None"),
    Added("search.rungs", "0.9.0", "()"),
    Added("search.reduction", "0.9.0", "3"),
    Added("search.repeat_networks", "0.9.0", "True"),
    Added("search.candidates", "0.9.0", "None"),
    Added("search.warm_start", "0.9.0", ""),
    *(
        Added(f"{algorithm}.{setting}", "0.9.0", value)
        for algorithm in ("regularized_evolution", "non_ageing_evolution", "pairwise_tournament", "neat")
        for setting, value in (("initial", "None"), ("second_mutation", "0.0"))
    ),
    Added("neat.stagnation", "0.9.0", "None"),
    Added("search.stop", "0.9.0", "False"),
    Added("search.finalists", "0.9.0", "None"),
    Added("search.finalist_repeats", "0.9.0", "3"),
    Added("training.jit_compile", "0.10.0", "False"),
    Added("search.initial_weights", "0.10.0", ""),
    # On a CPU, earlier searches did what 'auto' does. On a GPU, the images of a batch are the same up to rounding.
    Added("training.images_on_device", "0.10.0", "auto"),
    Added("table.choices", "0.10.0", "None"),
)
# Settings whose default was None before version 0.10.0, and is 'auto' since. They change no result.
_AUTO = ("processes.gpus_per_worker", "ray.gpus_per_worker")


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Returns a line for each setting that differs. A setting that the store lacks counts with its value in `ADDED`."""
    stored = {one.name: one.value for one in ADDED if one.name in wanted} | dict(found)
    stored |= {name: "auto" for name in _AUTO if (stored.get(name), wanted.get(name)) == ("None", "auto")}
    keys = [key for key in {**wanted, **stored} if wanted.get(key, "") != stored.get(key, "")]
    return [_difference(key, stored.get(key, ""), wanted.get(key, "")) for key in keys]


def _difference(key: str, found: str, wanted: str) -> str:
    """Returns one line about a setting that differs. Of texts with several lines, it shows the first different line."""
    if "\n" not in found + wanted:
        return f"  {key}: there {found or 'nothing'}, now {wanted or 'nothing'}"
    there, now = found.splitlines(), wanted.splitlines()
    length = max(len(there), len(now))
    pairs = zip(there + [""] * (length - len(there)), now + [""] * (length - len(now)), strict=True)
    line, (old, new) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return f"  {key}, line {line}: there {old.strip() or 'nothing'!r}, now {new.strip() or 'nothing'!r}"
