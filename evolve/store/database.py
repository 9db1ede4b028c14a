"""The database file of a search: its tables, its lock, and the messages if the file cannot be used."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

from evolve.errors import KEPT, SearchError, UsageError
from evolve.store import FILE as FILE
from evolve.store.migrations import OLDEST, PLACES, SCHEMA, migrate
from evolve.store.rows import TABLES, table

LOCK = ".lock"  # the file in the work directory that a running search locks
PATIENCE, PAUSE = 0.2, 0.02  # the seconds in which the file `LOCK` is tried, and those between two tries
_MADE = ";\n".join(table(name, SCHEMA) for name in TABLES)
_TABLES = f"""
begin immediate;
{_MADE};
create index twins on individuals (fingerprint, genes);
{PLACES};
create table meta (key text primary key, value text not null);
pragma user_version={SCHEMA};
commit;
"""
LARGEST_ID = 2**63 - 1  # the largest whole number that SQLite can take
RANK = "rung desc, fitness desc, params, mult_adds, finished"  # the order of `records.rank`
RANKED = "status = 'done' and finished > 0"  # the condition for an individual to have a place in this order
WRITE_AHEAD = "pragma journal_mode=wal"  # lets other programs read while the search runs
_REMEDIES = (
    ("locked", "another program has locked the file: close that program, and the same command resumes the search"),
    ("full", f"make room on the disk: {KEPT}"),
    ("disk I/O", f"the disk is full, read-only or gone: make it writable; {KEPT}"),
    ("readonly", f"let this user write the file: {KEPT}"),
    ("", "move the work directory away, or choose another one with --workdir"),
)


@contextmanager
def explained_errors(path: Path) -> Iterator[None]:
    """A context that raises SQLite's errors about the file `path` as errors of this package, with a remedy.

    Raises:
      UsageError: the file cannot be used.
      SearchError: a statement violates a constraint of the table.
    """
    try:
        yield
    except sqlite3.ProgrammingError:  # a mistake of this program, and no fault of the file
        raise
    except sqlite3.IntegrityError as error:
        raise SearchError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        remedy = next((text for words, text in _REMEDIES if words in str(error)), _REMEDIES[-1][1])
        raise UsageError(f"{path} cannot be used: {error}; {remedy}") from error


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Makes the tables of a new database, or migrates the tables of an older one.

    The migration is in a transaction that stays open, so that the caller decides whether it is kept.

    Raises:
      UsageError: this version cannot use the file.
    """
    found = _schema(db, path)
    db.execute("pragma synchronous=full")
    if found is not None and found < SCHEMA:
        db.execute("begin immediate")
        migrate(db, found)
        return
    if found is None:
        db.executescript(_TABLES)
    db.execute(WRITE_AHEAD)


def _schema(db: sqlite3.Connection, path: Path) -> int | None:
    """Returns the schema number of a store that this version can use; None if the store has no tables yet.

    Raises:
      UsageError: a later version of this program has written the file, or an earlier version that is too old.
    """
    found = int(db.execute("pragma user_version").fetchone()[0])
    if not db.execute("select 1 from sqlite_master where type = 'table' and name = 'individuals'").fetchone():
        return None
    if OLDEST <= found <= SCHEMA:
        return found
    age = f"a later version of this program (its schema is {found}" if found > SCHEMA else (
        f"an earlier version of this program (its schema is {found or f'below {OLDEST}'}"
    )  # fmt: skip
    raise UsageError(
        f"{path} was written by {age}, this version's is {SCHEMA}); "
        "resume the search with the version that wrote the file, or choose another --workdir"
    )


def hold(folder: Path, patience: float = PATIENCE) -> IO[str]:
    """Locks the work directory for this process, and returns the lock. The end of the process releases the lock.

    A program that shows whether the search runs holds the lock for a moment, so the lock is tried several times.

    Args:
      folder: the work directory.
      patience: seconds to wait for another process that has the lock.

    Raises:
      UsageError: another process has the lock, or the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise UsageError(f"the work directory {folder} cannot be used: {error.strerror}") from None
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= end:
                break
            time.sleep(PAUSE)
    lock.close()
    raise UsageError(f"another search is running in {folder}: wait until it ends, or choose another --workdir")


@contextmanager
def reading(folder: Path, patience: float = 5.0) -> Iterator[sqlite3.Connection]:
    """A context with a connection that reads the database of a work directory.

    A search may write to the database meanwhile. The context does not change the file. If an earlier version has
    written the file, a copy of the file is migrated and read.

    Args:
      folder: the work directory.
      patience: seconds to wait for another program that has locked the database.

    Raises:
      UsageError: there is no database in the folder, or the database cannot be read.
    """
    path = folder / FILE
    try:
        is_there = path.is_file()
    except OSError as error:
        raise UsageError(f"{path} cannot be used: {error.strerror}; let this user read the file") from None
    if not is_there:
        raise UsageError(f"there is no search in {folder}: {path} is missing")
    with explained_errors(path), ExitStack() as stack:
        db = stack.enter_context(closing(_opened(path, stack, patience)))
        found = _schema(db, path)
        if found is None:
            raise UsageError(f"the search in {path} has not begun yet")
        if found == SCHEMA:
            yield db
            return
        with closing(sqlite3.connect(_new_folder(stack) / "migrated", isolation_level=None)) as copy:
            db.backup(copy)
            migrate(copy, found)
            yield copy


def _new_folder(stack: ExitStack) -> Path:
    """Returns a new folder for copies, which is removed when `stack` is closed."""
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


def _opened(path: Path, stack: ExitStack, patience: float) -> sqlite3.Connection:
    """Returns a connection for reading. The folder may be read-only, so that SQLite cannot write its log there."""
    try:
        return _connected(path, "mode=ro", patience)
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if os.access(path.parent, os.W_OK) or not os.access(path, os.R_OK):
            raise
        # The log may have transactions that are not in the database file yet, so that both files are read.
        if not log.is_file() or not log.stat().st_size:
            return _connected(path, "immutable=1", patience)
        copies = _new_folder(stack)
        for file in (path, log):
            shutil.copyfile(file, copies / file.name)
        return _connected(copies / path.name, "mode=rw", patience)


def _connected(path: Path, how: str, patience: float) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=patience)
    try:
        db.execute("select count(*) from sqlite_master")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
