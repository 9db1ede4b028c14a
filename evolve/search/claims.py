"""The claims of processes on trials: each trial in the hands of a process has a file that this process locks.

The end of a process releases its locks, also if the process is killed. So another process can find the trials that were
asked for and will not be told any more. A lock lasts longer than the study that took it: a notebook may make the study
again while the trial is being evaluated.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
from pathlib import Path
from typing import IO

TRIALS = "trials"  # the folder in the work directory with a folder for each trial
# The file that a process locks, and the file that marks a trial of a program that is not a process of Python.
_CLAIM, _GIVEN = ".asked", ".given"


@functools.cache
def _held(folder: Path) -> dict[int, IO[str]]:
    """Returns the files that this process has locked in a folder of trials, by the ids of the trials."""
    return {}


class Claims:
    """The claims of one study. The caller holds the lock of the work directory.

    Args:
      folder: the work directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / TRIALS
        self._held = _held(self._folder.resolve())
        self._own: set[int] = set()  # the ids of the trials that this study has claimed

    def directory(self, id: int) -> Path:
        """Returns the folder for the files of a trial, which is made if it is missing."""
        path = self._folder / str(id)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def is_free(self, id: int) -> bool:
        """Whether no program has the trial, since its process has ended. The trial is then claimed.

        A trial that `evolve ask` has given to a program is not free, because the end of that program is not seen.
        """
        return not (self._folder / str(id) / _GIVEN).exists() and self.take(id)

    def take(self, id: int) -> bool:
        """Claims a trial. Returns False if a process has it, this one included."""
        claim = (self.directory(id) / _CLAIM).open("a")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            return False
        self.release(id)  # this process may have a trial of a search that was in this folder before
        self._held[id] = claim
        self._own.add(id)
        return True

    def give(self, id: int) -> None:
        """Marks a trial that belongs to a program outside of Python, so that it is not offered again."""
        (self.directory(id) / _GIVEN).touch()
        self.release(id)

    def release(self, id: int) -> None:
        """Gives up the claim on a trial, so that the trial is offered again."""
        self._own.discard(id)
        claim = self._held.pop(id, None)
        if claim is not None:
            claim.close()

    def end(self, id: int) -> None:
        """Removes the claim on a trial that has a result, and the folder of the trial if the folder is empty."""
        self.release(id)
        path = self._folder / str(id)
        for mark in (_CLAIM, _GIVEN):
            (path / mark).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the folder has files of the user, or is missing
            path.rmdir()

    def close(self) -> None:
        """Gives up all claims of the study."""
        for id in [*self._own]:
            self.release(id)
