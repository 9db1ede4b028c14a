"""Tasks one after another in this process: the same order every time, and open to a debugger."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from compiler.errors import pasted
from compiler.quiet import quiet
from evolve.errors import UsageError
from evolve.executors import machine
from evolve.executors.base import Site

R = TypeVar("R")


@dataclass(frozen=True)
class SerialSettings:
    """Tasks one after another in this process; the gin name is `serial`, which has no settings."""

    ends_tasks = False

    def crew(self, held: int = 0) -> str:
        """One worker."""
        return "1"

    def log(self, folder: Path) -> Path:
        """A file in the work directory."""
        return folder / "workers.log"

    def start(self, site: Site) -> Serial:
        """An executor that writes to the same file as worker processes would."""
        return Serial(self.log(site.folder), site.trains)


class Serial:
    """Runs a task when it is waited for; what the task raises is raised from `wait`.

    TensorFlow gets one thread, as in a worker, so that the same task gives the same numbers to the last bit.

    Args:
      log: the file for what libraries write to the error stream during a task, as in a worker; None: it is shown.
      trains: whether tasks are trainings, which are not run where TensorFlow cannot be kept to one thread any more.

    Raises:
      UsageError: this process has used TensorFlow with more threads, and tasks are trainings.
    """

    def __init__(self, log: Path | None = None, trains: bool = False) -> None:
        self._log = log
        _keep_to_one_thread(trains)
        self._queue: deque[tuple[Future[Any], Callable[..., Any], tuple[object, ...]]] = deque()

    @property
    def capacity(self) -> int:
        """One: nothing is proposed while something runs."""
        return 1

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Keep the function for `wait`.

        Raises:
          UsageError: with a timeout, since nobody is there to keep it.
        """
        if timeout is not None:
            raise UsageError(
                f"search.timeout is {timeout}, which only worker processes keep: {pasted('search.timeout', None)}"
            )
        future: Future[R] = Future()
        self._queue.append((future, function, args))
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Run what was submitted until one of the futures has ended."""
        while True:
            ended = {future for future in futures if future.done()}
            if ended or not self._queue:
                return ended
            future, function, args = self._queue.popleft()
            with _environment(machine.threads()), quiet(self._log) if self._log is not None else nullcontext():
                future.set_result(function(*args))

    def close(self) -> None:
        """Forget what has not been run."""
        self._queue.clear()


def _keep_to_one_thread(trains: bool) -> None:
    """Where TensorFlow is imported already, gives it the settings that it would read from a worker's environment."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return
    threading = tensorflow.config.threading
    try:
        threading.set_intra_op_parallelism_threads(1)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        if trains:
            raise UsageError(
                "search.executor is 'serial', and this process has used TensorFlow with more than one thread, which "
                "cannot be changed any more: fitnesses would not be those of a worker. Start the search in a process "
                "of its own, or set search.executor='processes'"
            ) from None


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, which TensorFlow reads when it is first used, and afterwards sets them back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
