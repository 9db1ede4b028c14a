"""The export of a search as a table. The export reads one row at a time, and the search may be running meanwhile."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from evolve.store.database import FILE, explained_errors, reading
from evolve.store.rows import EXPORTED, shown


def write_csv(folder: Path, out: IO[str]) -> None:
    """Writes all individuals by id as CSV, below the names of the columns. Lists are JSON; unknown values are empty.

    Raises:
      UsageError: there is no search in the folder.
    """
    with reading(folder) as db:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(EXPORTED)
        table.writerows(rows(db, folder))


def write_json(folder: Path, out: IO[str]) -> None:
    """Writes all individuals by id as a JSON list, one object on each line. Unknown values are null.

    Raises:
      UsageError: there is no search in the folder.
    """
    with reading(folder) as db:
        before = "[\n"
        for row in rows(db, folder):
            out.write(before + json.dumps(shown(row), ensure_ascii=False))
            before = ",\n"
        out.write("[]\n" if before == "[\n" else "\n]\n")


def rows(db: sqlite3.Connection, folder: Path) -> Iterator[tuple[object, ...]]:
    """Yields the columns `EXPORTED` of all individuals as they are when the export begins, without later changes."""
    with explained_errors(folder / FILE):
        # The column `finished` of a held result is negative. Its place in the order is not known, so it is exported
        # as empty.
        columns = ", ".join(EXPORTED).replace("finished", "nullif(max(finished, 0), 0)")
        yield from db.execute(f"select {columns} from individuals order by id")
