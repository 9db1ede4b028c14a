"""The rows of the table of individuals. Its columns follow from the fields of `evolve.records.Individual`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from evolve.records import PLAIN, Evaluation, Individual, Proposal, columns

R = TypeVar("R")

# The first columns in the database and in exports, in order. All other columns come after these.
_FIRST = (
    "id", "parent", "rule", "genotype", "fingerprint", "fitness", "params", "mult_adds", "seconds", "status", "error",
    "rejected", "forget", "history", "finished", "proposed_after", "inherited", "note", "genes", "tries",
    "flops", "step_seconds", "memo", "metrics", "depth", "mate", "from_mate", "noise",
    "compared", "weight_differences",
)  # fmt: skip
_declared = columns(Individual)
COLUMNS = {name: _declared[name] for name in dict.fromkeys((*_FIRST, *_declared))}
EXPORTED = tuple(name for name, column in COLUMNS.items() if column.is_exported)


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
