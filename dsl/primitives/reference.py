"""Makes the table of primitives for `dsl/README.md` from their records: `python -m dsl.primitives.reference`."""

from __future__ import annotations

from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive, Setting

_HEAD = ("primitive", "reads", "weights", "returns", "settings")


def table() -> str:
    """Returns the table as Markdown, with a row for each primitive."""
    rows = [_HEAD, tuple("---" for _ in _HEAD), *map(_row, PRIMITIVES.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(primitive: Primitive) -> tuple[str, ...]:
    return (
        f"`{primitive.name}`",
        "several states" if primitive.joins else "one state",
        "yes" if primitive.has_weights else "no; random in training" if primitive.is_random else "no",
        primitive.meaning,
        "<br>".join(map(described, primitive.settings)),
    )


def described(setting: Setting) -> str:
    """Returns a setting with the values that it takes, and what a missing value stands for."""
    return f"`{setting.name}`: {setting.domain.allowed}; {_absent(setting)}"


def _absent(setting: Setting) -> str:
    """Returns the text for a setting that a `.cell` text does not give: its default, or another description."""
    if setting.required:
        return "must be given"
    if setting.ambient:
        return "default: the filters of its place"
    if setting.follows:
        return f"default: as `{setting.follows}`"
    return f"default: {setting.otherwise or setting.default}"


if __name__ == "__main__":
    print(table(), end="")
