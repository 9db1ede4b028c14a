"""The rows of the table of individuals: its columns follow from the fields that `search.records` declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evolve.search.columns import columns
from evolve.search.records import Evaluation, Individual, Proposal

# The order of the columns in the database and in exports. A column that is not named here comes after these.
_FIRST = (
    "id", "parent", "rule", "genotype", "fingerprint", "fitness", "params", "mult_adds", "seconds", "status", "error",
    "rejected", "forget", "history", "finished", "proposed_after", "inherited", "note", "genes", "tries",
    "flops", "step_seconds", "memo", "metrics",
)  # fmt: skip
_declared = columns(Individual)
COLUMNS = {name: _declared[name] for name in dict.fromkeys((*_FIRST, *_declared))}
PROPOSED, EVALUATED = tuple(columns(Proposal)), tuple(columns(Evaluation))  # the columns that each of them fills
EXPORTED = tuple(name for name, column in COLUMNS.items() if column.is_exported)


def written(record: Proposal[str] | Evaluation, names: Iterable[str]) -> tuple[object, ...]:
    """Fields of a record as their columns hold them."""
    return tuple(COLUMNS[name].form.write(getattr(record, name)) for name in names)


def read_proposal(row: Sequence[object]) -> Proposal[str]:
    """The proposal in a row of the columns `PROPOSED`."""
    return Proposal(**_read(PROPOSED, row))


def read_individual(row: Sequence[object], graph: str = "") -> Individual:
    """The individual in a row of all columns."""
    return Individual(**_read(COLUMNS, row), graph=graph)


def shown(row: Sequence[object]) -> dict[str, object]:
    """A row of the columns `EXPORTED` as exported JSON has it."""
    return {name: COLUMNS[name].form.show(value) for name, value in zip(EXPORTED, row, strict=True)}


def _read(names: Iterable[str], row: Sequence[object]) -> dict[str, Any]:
    return {name: COLUMNS[name].form.read(value) for name, value in zip(names, row, strict=True)}
