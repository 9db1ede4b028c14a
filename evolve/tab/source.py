"""The place from which a search is read: the store in its work directory, or its copy in a storage."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from compiler.filesystem import Place
from evolve.errors import UsageError
from evolve.fitness import running
from evolve.store.database import FILE, LOCK, explained_errors, prepare, reading
from evolve.store.location import JOURNAL
from evolve.store.migrations import SCHEMA
from evolve.store.rows import TABLES
from evolve.tab.searches import has_store

_EVERY = 30.0  # seconds between two readings of a file at an address
_LONGEST = 16 * 2**20  # bytes of a value that is read; a search writes far shorter ones
_PATIENCE = 2.0  # seconds to wait for another program that has locked the database; the page asks again by itself
_SETTLED = 1.0  # if two writes of a file are this number of seconds apart, the file's times of change differ
_SILENT = 600.0  # seconds without a new line after which a search that has not closed its copy counts as interrupted


class Source(Protocol):
    """A place that a search is read from."""

    @property
    def folder(self) -> Path | None:
        """The work directory; None if it is not known on this machine."""

    @property
    def state(self) -> object:
        """The state of the files. If it is equal to an earlier one, nothing was written in between."""

    def opened(self) -> AbstractContextManager[sqlite3.Connection]:
        """Returns a context with a connection to a database that has the tables of this version.

        Raises:
          UsageError: there is no search, or it cannot be read.
        """

    @property
    def is_running(self) -> bool:
        """Whether a process runs the search now."""

    @property
    def in_training(self) -> Mapping[int, tuple[int, int]]:
        """The finished and the total epochs, by id, of the individuals in training.

        It is empty for a copy of a search.
        """


def source(folder: Place) -> Source:
    """Returns the store of a work directory, or the copy in a storage if there is no store."""
    if isinstance(folder, Path) and (has_store(folder) or not (folder / JOURNAL).is_file()):
        return StoreSource(folder)
    return CopySource(folder)


class StoreSource:
    """The store in a work directory. The store is opened for each reading, and never locked.

    The migrated copy of an older store is kept until the store changes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # the migrated copy of an older store, after the state of the store when it was copied
        self._copy: tuple[object, sqlite3.Connection] | None = None

    @property
    def state(self) -> object:
        """The sizes and times of the files. If they are equal to earlier ones, nothing was written in between."""
        now = time.time()
        found: list[object] = []
        for name in (FILE, f"{FILE}-wal"):
            try:
                file = (self.folder / name).stat()
            except FileNotFoundError:
                found.append(None)
                continue
            # Two writes within one tick of the clock give a file the same time.
            recent = now if file.st_mtime > now - _SETTLED else None
            found.append((file.st_ino, file.st_size, file.st_mtime_ns, recent))
        return found

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A context with a connection for reading.

        Raises:
          UsageError: the work directory has no store, or the store cannot be read.
        """
        state = self.state
        with explained_errors(self.folder / FILE):
            if self._copy is None or self._copy[0] != state:
                with reading(self.folder, _PATIENCE) as db:
                    path = db.execute("pragma database_list").fetchone()[2]
                    if os.path.samefile(path, self.folder / FILE):
                        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
                        yield db
                        return
                    self._copy = state, _database()
                    db.backup(self._copy[1])
            yield self._copy[1]

    @property
    def is_running(self) -> bool:
        """Whether a process runs the search now."""
        try:
            with (self.folder / LOCK).open() as lock:
                # The lock is released at once. A search that starts at this moment tries to get the lock several times.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def in_training(self) -> Mapping[int, tuple[int, int]]:
        """The number of finished epochs and of all epochs, of every individual in training, by id."""
        return running.read(self.folder / running.FOLDER)


class CopySource:
    """The copy of a search in its storage: a file to which the search appends, which is read into a database."""

    def __init__(self, folder: Place) -> None:
        self.folder = None
        self._path = folder / JOURNAL
        self._begin(b"")

    def _begin(self, first: bytes) -> None:
        self._first, self._size = first, 0
        self._names: Mapping[str, str] = {}  # the columns of each table
        self._time, self._is_closed, self._until = 0.0, False, float("-inf")
        self._db = _database()
        prepare(self._db, Path(str(self._path)))

    @property
    def state(self) -> object:
        """The state of the file. A file at an address counts as changed after `_EVERY` seconds."""
        if not isinstance(self._path, Path):
            return int(time.monotonic() / _EVERY)
        try:
            file = self._path.stat()
        except OSError:
            return None
        return file.st_ino, file.st_size, file.st_mtime_ns

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A context with a connection to the database in memory, which has the new lines too.

        Raises:
          UsageError: the file is missing, or has lines that no search writes.
        """
        try:
            self._read()
            with explained_errors(Path(str(self._path))):
                yield self._db
        except FileNotFoundError:
            raise UsageError(f"there is no search in {self._path.parent}: {self._path} is not there") from None
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read: {error.strerror or error}") from None

    @property
    def is_running(self) -> bool:
        """Whether a process has written the file lately and has not closed it."""
        slowest = self._db.execute("select max(seconds) from individuals").fetchone()[0] or 0.0
        return not self._is_closed and time.time() < self._time + _SILENT + 2 * slowest

    @property
    def in_training(self) -> Mapping[int, tuple[int, int]]:
        """An empty dictionary, because a copy does not have the progress reports of workers."""
        return {}

    def _read(self) -> None:
        """Reads the new lines. A last line without a line break is incomplete, and is read later.

        A file at an address is read as a whole even for one new line, so it is not read again at every request.
        """
        if time.monotonic() < self._until:
            return
        first, new = self._new()
        if first != self._first:
            self._begin(first)
            _, new = self._new()
        whole = new[: new.rfind(b"\n") + 1]
        self._db.execute("begin")
        try:
            for line in whole.splitlines():
                self._take(json.loads(line))
        except (sqlite3.Error, ArithmeticError, LookupError, TypeError, ValueError) as error:
            self._db.execute("rollback")
            raise UsageError(
                f"{self._path} has lines that this version cannot read ({type(error).__name__}: {error}); "
                "resume the search, which writes the file again"
            ) from error
        self._db.execute("commit")
        self._size += len(whole)
        self._until = float("-inf") if isinstance(self._path, Path) else time.monotonic() + _EVERY

    def _new(self) -> tuple[bytes, bytes]:
        """Returns the first line, and the bytes that have not been read."""
        if not isinstance(self._path, Path):
            content = self._path.read_bytes()
            return content.partition(b"\n")[0], content[self._size :]
        with self._path.open("rb") as file:
            first = file.readline().removesuffix(b"\n")
            file.seek(self._size)
            return first, file.read()

    def _take(self, line: Mapping[str, Any]) -> None:
        self._time, self._is_closed = float(line["time"]), "closed" in line
        if "columns" in line:
            self._names = _names(line, self._path)
        for table, rows in (("individuals", line.get("rows", ())), ("rungs", line.get("rungs", ()))):
            for row in rows:
                marks = ", ".join("?" * len(row))
                self._db.execute(f"insert or replace into {table} ({self._names[table]}) values ({marks})", row)
        for key, value in line.get("meta", {}).items():
            if value is None:
                self._db.execute("delete from meta where key = ?", (key,))
            else:
                self._db.execute("insert or replace into meta values (?, ?)", (key, value))


def _database() -> sqlite3.Connection:
    """Returns an empty database that is removed when it is closed.

    Several threads may use it, but not at the same time.
    """
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    return db


def _names(line: Mapping[str, Any], path: Place) -> dict[str, str]:
    """Returns the names of the columns of each table in a file, which may lack those that are newer.

    Raises:
      UsageError: a later version has written the file.
    """
    found = {"individuals": line["columns"], "rungs": line.get("rung_columns", [])}
    if line["schema"] > SCHEMA or not all(set(names) <= TABLES[table].keys() for table, names in found.items()):
        raise UsageError(
            f"{path} was written by a later version of this program (its schema is {line['schema']}, "
            f"this version's is {SCHEMA}); install that version here"
        )
    return {table: ", ".join(names) for table, names in found.items()}
