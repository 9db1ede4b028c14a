"""A search as a table for other programs: read while it runs, without its lock, and one row at a time."""

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
    """All individuals by id, the names of the columns first; lists are JSON, and what is not known yet is empty.

    Raises:
      UsageError: there is no search in the folder.
    """
    with reading(folder) as db:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(EXPORTED)
        table.writerows(_rows(db, folder))


def write_json(folder: Path, out: IO[str]) -> None:
    """All individuals by id, as one list of objects, an object a line; what is not known yet is null.

    Raises:
      UsageError: there is no search in the folder.
    """
    with reading(folder) as db:
        before = "[\n"
        for row in _rows(db, folder):
            out.write(before + json.dumps(shown(row), ensure_ascii=False))
            before = ",\n"
        out.write("[]\n" if before == "[\n" else "\n]\n")


def _rows(db: sqlite3.Connection, folder: Path) -> Iterator[tuple[object, ...]]:
    """One moment of the search, however long it takes to write it out."""
    with explained_errors(folder / FILE):
        # The result of an individual that waits for older ones is known, its place among the results is not.
        columns = ", ".join(EXPORTED).replace("finished", "nullif(max(finished, 0), 0)")
        yield from db.execute(f"select {columns} from individuals order by id")
