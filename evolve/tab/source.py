"""The place from which a search is read: the store in its work directory."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evolve.fitness import running
from evolve.store.database import FILE, LOCK, explained_errors, reading

_LONGEST = 16 * 2**20  # bytes of a value that is read; a search writes far shorter ones
_PATIENCE = 0.5  # seconds to wait for another program that has locked the database; the page asks again by itself
_SETTLED = 1.0  # if two writes of a file are this number of seconds apart, the file's times of change differ


class StoreSource:
    """The store in a work directory. The store is opened for each reading, and never locked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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
        with reading(self.folder, _PATIENCE) as db, explained_errors(self.folder / FILE):
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            yield db

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
