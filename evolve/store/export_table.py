"""The export of a search as a table. The export reads one row at a time, and the search may be running meanwhile."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from evolve.records import PLAIN
from evolve.store.database import FILE, explained_errors, reading
from evolve.store.json_text import finite, json_text
from evolve.store.retraining import CHOSEN, RETRAINED
from evolve.store.rows import COLUMNS, EXPORTED, shown

_NOT_JSON = ("NaN", "Infinity")  # what the store has in JSON for numbers that JSON does not have
RUNGS = "rungs"  # the last column, which a search without rungs does not have
_RESULT = ("rung", "status", "fitness", "seconds", "flops", "error")  # what the column has of each result
# A retraining that failed has a fitness too, the lowest one, which no network was measured to have.
_NOTED = (
    "(select case when coalesce(json_extract(value, '$.error'), '') = '' then json_extract(value, '$.%s') end "
    f"from meta where key = 'note.{RETRAINED.format('')}' || individuals.id)"
)
# The columns of retrainings, with the SQL of their values. A search without retrainings does not have them.
_COLUMNS = {
    "retrained_fitness": _NOTED % "fitness",
    "retrained_error": _NOTED % "fitness_error",
    "chosen": f"coalesce((select json_extract(value, '$.id') from meta where key = 'note.{CHOSEN}') = id, 0)",
}


def write_csv(folder: Path, out: IO[str]) -> None:
    """Writes all individuals by id as CSV, below the names of the columns. Lists are JSON; unknown values are empty.

    Raises:
      UsageError: there is no search in the folder.
    """
    with reading(folder) as db:
        table = csv.writer(out, lineterminator="\n")
        last = [RUNGS] * _has_rungs(db, folder)
        table.writerow([*names(db, folder), *last])
        for row in rows(db, folder):
            table.writerow([*_cells(row), *(json_text(_results(db, row[0])) for _ in last)])


def write_json(folder: Path, out: IO[str]) -> None:
    """Writes all individuals by id as a JSON list, one object on each line. Unknown values are null.

    Raises:
      UsageError: there is no search in the folder.
    """
    with reading(folder) as db:
        before, has_rungs = "[\n", _has_rungs(db, folder)
        for row in rows(db, folder):
            found = named(row) | ({RUNGS: _results(db, row[0])} if has_rungs else {})
            out.write(before + json_text(found, is_ascii=False))
            before = ",\n"
        out.write("[]\n" if before == "[\n" else "\n]\n")


def names(db: sqlite3.Connection, folder: Path) -> tuple[str, ...]:
    """Returns the names of the columns of `rows`."""
    with explained_errors(folder / FILE):
        found = db.execute("select 1 from meta where key like ? limit 1", (f"note.{RETRAINED.format('%')}",)).fetchone()
    return (*EXPORTED, *(_COLUMNS if found else ()))


def named(row: Sequence[object]) -> dict[str, object]:
    """Returns a row as a dictionary for JSON."""
    return shown(row[: len(EXPORTED)]) | dict(zip(_COLUMNS, row[len(EXPORTED) :], strict=False))


def _cells(row: Sequence[object]) -> Iterator[object]:
    """Yields the values of a row for CSV. Lists and dictionaries have null for numbers that are not finite."""
    for name, value in zip(EXPORTED, row, strict=False):
        form = COLUMNS[name].form
        if isinstance(value, str) and form is not PLAIN and any(word in value for word in _NOT_JSON):
            yield json_text(form.show(value))
        else:
            yield finite(value)
    yield from row[len(EXPORTED) :]


def rows(db: sqlite3.Connection, folder: Path) -> Iterator[tuple[object, ...]]:
    """Yields the columns `names` of all individuals as they are when the export begins, without later changes."""
    retrained = [f", {_COLUMNS[name]}" for name in names(db, folder)[len(EXPORTED) :]]
    with explained_errors(folder / FILE):
        # The column `finished` of a held result is negative. Its place in the order is not known, so it is exported
        # as empty.
        columns = ", ".join(EXPORTED).replace("finished", "nullif(max(finished, 0), 0)")
        yield from db.execute(f"select {columns}{''.join(retrained)} from individuals order by id")


def _has_rungs(db: sqlite3.Connection, folder: Path) -> bool:
    with explained_errors(folder / FILE):
        return db.execute("select 1 from rungs limit 1").fetchone() is not None


def _results(db: sqlite3.Connection, id: object) -> list[dict[str, object]]:
    """Returns the results of an individual on the rungs, in their order."""
    query = f"select {', '.join(_RESULT)} from rungs where id = ? and finished > 0 order by finished"
    return [dict(zip(_RESULT, row, strict=True)) for row in db.execute(query, (id,))]
