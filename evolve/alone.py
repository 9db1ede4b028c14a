"""Checks that a process runs one search at a time, and that a worker process does not start the search again."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolve.errors import SearchError, UsageError

UNGUARDED = ".unguarded"  # the file that a worker process writes if the user's script has no main guard
_GUARD = """the script that started the search has no main guard, so each worker process runs the whole script; write
  if __name__ == "__main__":
      run(...)
around the call that starts the search, or set search.executor to 'serial'"""
_ONE = threading.RLock()  # held by the thread that runs a search


@contextmanager
def alone() -> Iterator[None]:
    """A context in which no other thread of this process runs a search.

    All threads share the settings in gin and the handlers of signals, so a second search would change those of the
    first.

    Raises:
      UsageError: another thread of this process runs a search.
    """
    if not _ONE.acquire(blocking=False):
        raise UsageError(
            "another thread of this process is searching: start each search in a process of its own, such as "
            "subprocess.Popen(['evolve', '--gin_file=amoeba.gin', '--workdir=runs/other'])"
        )
    try:
        yield
    finally:
        _ONE.release()


@contextmanager
def started_once(folder: Path) -> Iterator[None]:
    """A context in which this process starts workers for the search in the work directory `folder`.

    A worker process imports the script that started the search. If the script has no main guard, the worker enters this
    context too. The worker then writes the file `.unguarded` to the folder and ends. The driver finds the file and
    reports the cause.

    Raises:
      UsageError: the script has no main guard.
    """
    mark = folder / UNGUARDED
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        mark.touch()
        sys.exit(1)
    if mark.exists():
        mark.unlink()  # An earlier run that was ended from outside has left the file.
    try:
        yield
    except SearchError as error:
        if mark.exists():
            mark.unlink()
            raise UsageError(_GUARD) from error
        raise
