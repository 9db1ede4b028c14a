"""The rows of the tables of individuals and of rungs. Their columns follow from the fields in `evolve.records`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from evolve.records import PLAIN, Column, Evaluation, Individual, Proposal, RungResult, columns

R = TypeVar("R")

# The first columns in the database and in exports, in order. All other columns come after these.
_FIRST = (
    "id", "parent", "rule", "genotype", "fingerprint", "fitness", "params", "mult_adds", "seconds", "status", "error",
    "rejected", "forget", "history", "finished", "proposed_after", "inherited", "note", "genes", "tries",
    "flops", "step_seconds", "memo", "metrics", "depth", "mate", "from_mate", "noise",
    "compared", "weight_differences", "scores", "fitness_error", "rung",
    "predicted", "data_seconds",
)  # fmt: skip
_FIRST_OF_RUNGS = ("task", "id", "rung", "finished", "after")


def _ordered(record: type, first: Iterable[str]) -> dict[str, Column]:
    """Returns the columns of a record, those named in `first` before all others."""
    declared = columns(record)
    return {name: declared[name] for name in dict.fromkeys((*first, *declared))}


COLUMNS = _ordered(Individual, _FIRST)
TABLES: Mapping[str, Mapping[str, Column]] = {
    "individuals": COLUMNS,
    "rungs": _ordered(RungResult, _FIRST_OF_RUNGS),
}
EXPORTED = tuple(name for name, column in COLUMNS.items() if column.is_exported)


def table(name: str, schema: int) -> str:
    """Returns the SQL statement that makes a table as it was in a schema."""
    listed = (f"{column} {made.sql}" for column, made in TABLES[name].items() if made.since <= schema)
    return f"create table if not exists {name} (\n  " + ",\n  ".join(listed) + "\n)"


def shown(row: Sequence[object]) -> dict[str, object]:
    """Returns a row of the columns `EXPORTED` as a dictionary for the JSON export."""
    return {name: COLUMNS[name].form.show(value) for name, value in zip(EXPORTED, row, strict=True)}


class Part(Generic[R]):
    """The group of columns that store the fields of one kind of record."""

    def __init__(self, names: Iterable[str], make: Callable[..., R]) -> None:
        self.names = tuple(names)
        self._make = make
        self._values = attrgetter(*self.names)
        forms = ((place, COLUMNS[name].form) for place, name in enumerate(self.names))
        self._formed = [(place, form) for place, form in forms if form is not PLAIN]

    def written(self, record: object) -> list[object]:
        """Returns the values of the columns for a record."""
        values = list(self._values(record))
        for place, form in self._formed:
            values[place] = form.write(values[place])
        return values

    def read(self, row: Sequence[object], **more: object) -> R:
        """Returns the record in a row of these columns. `more` has the values of fields that have no column."""
        values = list(row)
        for place, form in self._formed:
            values[place] = form.read(values[place])
        return self._make(**dict(zip(self.names, values, strict=True)), **more)


# The columns of a proposal, the columns of an evaluation, and all columns.
PROPOSAL: Part[Proposal[str]] = Part(columns(Proposal), Proposal)
EVALUATION: Part[Evaluation] = Part(columns(Evaluation), Evaluation)
INDIVIDUAL: Part[Individual] = Part(COLUMNS, Individual)
