"""Prints the reference of settings from their records: `python -m experiments.reference > docs/settings.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

from compiler.domains import REQUIRED, Setting, settings_of
from compiler.settings import GENES
from compiler.training import gin_files
from evolve import config

HEAD = """# Settings

The settings that a gin file or `--gin_param` may bind. `evolve` reads all of them but those of `network`. `cell train`
reads `network`, `dataset` and `training`. The records in the code declare each setting, and
`python -m experiments.reference` prints this page.

A setting is bound by its full name, as in `--gin_param="search.individuals=200"`. A value is written as in Python, and
text stands in quotes. A name that nothing reads, or a value that is not allowed, is refused before a training begins.
"""
GENES_NOTE = """
A gene of the `.cell` file replaces the setting of the same name for each individual. These settings can be replaced:
{genes}.
"""


def records() -> Mapping[str, type]:
    """Returns every record of settings, by the first part of the settings' names, such as `search`."""
    return {**config.RECORDS, **gin_files.RECORDS}


def names() -> tuple[str, ...]:
    """Returns the full names of all settings, such as `search.seed`."""
    return tuple(f"{scope}.{setting.name}" for scope, record in records().items() for setting in settings_of(record))


def page() -> str:
    """Returns the reference as a page of Markdown."""
    return HEAD + "".join(_section(scope, record) for scope, record in records().items() if settings_of(record))


def _section(scope: str, record: type) -> str:
    """Returns the description and the table of one record."""
    summary = inspect.getdoc(record)
    note = GENES_NOTE.format(genes=", ".join(f"`{gene}`" for gene in GENES)) if scope == "training" else ""
    return f"\n## {scope}\n\n{summary}\n{note}\n" + "\n".join(_table(scope, settings_of(record))) + "\n"


def _table(scope: str, settings: tuple[Setting, ...]) -> Iterator[str]:
    """Returns the lines of a table with a row for each setting."""
    yield "| setting | type | allowed | default | meaning |"
    yield "|---|---|---|---|---|"
    for setting in settings:
        default = "none: it must be bound" if setting.default is REQUIRED else f"`{setting.default!r}`"
        allowed = "such as " * (setting.domain.verb == "write it as") + setting.domain.words
        cells = (f"`{scope}.{setting.name}`", f"`{setting.type}`", allowed, default, setting.meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    print(page(), end="")
