"""The observer that copies a search to a file in its storage, for TensorBoard on machines without the work directory.

Each line of the file is a JSON object. The first one has the names of the columns. Each later one has `rows`, which
replace earlier rows with the same ids, and `meta`, the changed settings and notes of the store. In a search with rungs
it has `rungs` too, the results of the rungs, which replace those with the same number of the task.
"""

from __future__ import annotations

import json
import time
import uuid
from types import TracebackType

import dsl
from compiler.filesystem import Place
from evolve.errors import SearchError
from evolve.observers.events import PacedFile
from evolve.records import Individual, Standing
from evolve.store.location import JOURNAL
from evolve.store.migrations import SCHEMA
from evolve.store.rows import INDIVIDUAL, TABLES
from evolve.store.store import Store

LINE = 100  # individuals of earlier runs in one line


class Journal:
    """Copies the rows of a store to a storage. A resumed search writes the file again from its beginning."""

    def __init__(self, storage: Place, store: Store) -> None:
        self._store = store
        self._last = 0  # the highest id that was copied
        self._last_task = 0  # the highest task of which the result was copied
        self._meta: dict[str, str] = {}
        path = storage / JOURNAL
        path.unlink(missing_ok=True)
        self._file = PacedFile(path)
        # The id tells a reader that the file was begun again.
        self._write(schema=SCHEMA, columns=INDIVIDUAL.names, rung_columns=[*TABLES["rungs"]], id=uuid.uuid4().hex)
        self._copy_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Copies the last notes, and closes the file. A reader then knows that no process writes it."""
        if error is None or isinstance(error, KeyboardInterrupt | SearchError):
            self._copy_all()
            self._write(closed=True)
        self._file.close()

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Copies a finished individual, and the individuals that were proposed since the last copy."""
        self._copy(individual.id)

    def _copy_all(self) -> None:
        while self._copy():
            pass

    def _copy(self, id: int = 0) -> bool:
        """Copies the row `id` and the first new rows. Returns whether there may be further ones."""
        rows = self._store.stored(id, self._last, LINE)
        rungs = self._store.rungs.stored(id, self._last_task, LINE)
        meta = self._store.meta()
        changed = {key: value for key, value in meta.items() if self._meta.get(key) != value}
        gone = dict.fromkeys(key for key in self._meta if key not in meta)
        self._meta = meta
        self._last = max([self._last, *(row[0] for row in rows)])
        self._last_task = max([self._last_task, *(row[0] for row in rungs)])
        if rows or rungs or changed or gone:
            self._write(rows=rows, meta={**changed, **gone}, **({"rungs": rungs} if rungs else {}))
        return bool(rows or rungs)

    def _write(self, **line: object) -> None:
        self._file.write(json.dumps({**line, "time": time.time()}, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
