"""The database file itself: its tables, its lock, who may open it, and what it says when it cannot be used."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from evolve.errors import SearchError, UsageError
from evolve.store.migrations import OLDEST, SCHEMA, migrate
from evolve.store.rows import COLUMNS

FILE = "search.sqlite"
_COLUMNS = ",\n  ".join(f"{name} {column.sql}" for name, column in COLUMNS.items())
_TABLES = f"""
begin immediate;
create table individuals (
  {_COLUMNS}
);
create index twins on individuals (fingerprint, genes);
create table meta (key text primary key, value text not null);
pragma user_version={SCHEMA};
commit;
"""
RANK = "fitness desc, params, mult_adds, finished"  # as `records.rank` has it
RANKED = "status = 'done' and finished > 0"  # which individuals have a place in that order
WRITE_AHEAD = "pragma journal_mode=wal"  # lets others read while the search runs
_GOES_ON = "all finished work is kept, and the same command goes on"
_REMEDIES = (
    ("locked", "another program holds it: close that program, and the same command goes on"),
    ("full", f"make room on the disk: {_GOES_ON}"),
    ("disk I/O", f"the disk is full, read-only or gone: put that right; {_GOES_ON}"),
    ("readonly", f"let this user write it: {_GOES_ON}"),
    ("", "move the work directory away, or choose another one with --workdir"),
)


@contextmanager
def explained_errors(path: Path) -> Iterator[None]:
    """What SQLite says of a file, with the remedy.

    Raises:
      UsageError: the user can put it right.
      SearchError: rows that contradict each other.
    """
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise SearchError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        remedy = next((text for words, text in _REMEDIES if words in str(error)), _REMEDIES[-1][1])
        raise UsageError(f"{path} cannot be used: {error}; {remedy}") from error


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Makes the tables where they are not there yet, all or none; else migrates them, in a transaction that stays open.

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
    """The schema of a store that this version can use; None where there are no tables yet.

    Raises:
      UsageError: a later version of this program has written the file, or one that is too old.
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
        "go on with that version, or choose another --workdir"
    )


def hold(folder: Path) -> IO[str]:
    """Take the work directory for this process; the lock goes when the process does, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise UsageError(f"the work directory {folder} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UsageError(f"another search is running in {folder}: wait for it, or choose another --workdir") from None
    return lock


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database of a work directory for reading, while a search may be writing it.

    The file is not changed: of a store of an earlier version, a copy is migrated and read.

    Raises:
      UsageError: there is none, or it cannot be read.
    """
    path = folder / FILE
    try:
        is_there = path.is_file()
    except OSError as error:
        raise UsageError(f"{path} cannot be used: {error.strerror}; let this user read it") from None
    if not is_there:
        raise UsageError(f"there is no search in {folder}: {path} is not there")
    with explained_errors(path), tempfile.TemporaryDirectory() as copies, closing(_opened(path, Path(copies))) as db:
        found = _schema(db, path)
        if found is None:
            raise UsageError(f"there is no search in {path}, or none that has begun")
        if found == SCHEMA:
            yield db
            return
        with closing(sqlite3.connect(Path(copies) / "migrated", isolation_level=None)) as copy:
            db.backup(copy)
            migrate(copy, found)
            yield copy


def _opened(path: Path, copies: Path) -> sqlite3.Connection:
    """Opens a connection for reading, also in a read-only folder, in which SQLite itself cannot write its log."""
    try:
        return _connected(path, "mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if os.access(path.parent, os.W_OK) or not os.access(path, os.R_OK):
            raise
        # What the last writer has left in its log is part of the search.
        if not log.is_file() or not log.stat().st_size:
            return _connected(path, "immutable=1")
        for file in (path, log):
            shutil.copyfile(file, copies / file.name)
        return _connected(copies / path.name, "mode=rw")


def _connected(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
    try:
        db.execute("select count(*) from sqlite_master")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
