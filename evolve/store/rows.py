"""The rows of the table of individuals: its columns follow from the fields that `search.records` declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from evolve.columns import PLAIN, columns
from evolve.records import Evaluation, Individual, Proposal

R = TypeVar("R")

# The order of the columns in the database and in exports. A column that is not named here comes after these.
_FIRST = (
    "id", "parent", "rule", "genotype", "fingerprint", "fitness", "params", "mult_adds", "seconds", "status", "error",
    "rejected", "forget", "history", "finished", "proposed_after", "inherited", "note", "genes", "tries",
    "flops", "step_seconds", "memo", "metrics",
)  # fmt: skip
_declared = columns(Individual)
COLUMNS = {name: _declared[name] for name in dict.fromkeys((*_FIRST, *_declared))}
EXPORTED = tuple(name for name, column in COLUMNS.items() if column.is_exported)


def shown(row: Sequence[object]) -> dict[str, object]:
    """A row of the columns `EXPORTED` as exported JSON has it."""
    return {name: COLUMNS[name].form.show(value) for name, value in zip(EXPORTED, row, strict=True)}


class Part(Generic[R]):
    """Some of the columns, as fields of a record are written into them and read from them."""

    def __init__(self, names: Iterable[str], make: Callable[..., R]) -> None:
        self.names = tuple(names)
        self._make = make
        self._values = attrgetter(*self.names)
        forms = ((place, COLUMNS[name].form) for place, name in enumerate(self.names))
        self._formed = [(place, form) for place, form in forms if form is not PLAIN]

    def written(self, record: object) -> list[object]:
        """The fields of a record as their columns hold them."""
        values = list(self._values(record))
        for place, form in self._formed:
            values[place] = form.write(values[place])
        return values

    def read(self, row: Sequence[object], **more: object) -> R:
        """The record in a row of these columns, with fields that have none."""
        values = list(row)
        for place, form in self._formed:
            values[place] = form.read(values[place])
        return self._make(**dict(zip(self.names, values, strict=True)), **more)


# The columns that are known of an individual when it is proposed, those that its evaluation brings, and all.
PROPOSAL: Part[Proposal[str]] = Part(columns(Proposal), Proposal)
EVALUATION: Part[Evaluation] = Part(columns(Evaluation), Evaluation)
INDIVIDUAL: Part[Individual] = Part(COLUMNS, Individual)
