"""The executor that runs tasks one after another in this process, in a fixed order, so that a debugger can be used."""

from __future__ import annotations

import importlib
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
from compiler.outlet import quiet
from evolve.errors import UsageError
from evolve.executors import machine
from evolve.executors.base import Site

R = TypeVar("R")


@dataclass(frozen=True)
class SerialSettings:
    """The settings of the executor `serial`, which has no fields to set."""

    ends_tasks = False

    def describe(self, held: int = 0) -> str:
        """Returns "1", the number of workers."""
        return "1"

    def log(self, folder: Path) -> Path:
        """Returns the file for the output of tasks in the work directory."""
        return folder / "workers.log"

    def start(self, site: Site) -> Serial:
        """Returns an executor. The output of its tasks is written to the file that the method `log` returns."""
        return Serial(self.log(site.folder), site.trains)


class Serial:
    """Runs tasks in this process. A task runs while `wait` is called, and its exceptions are raised by `wait`.

    TensorFlow gets one thread, as in a worker process, so that the same task gives the same numbers to the last bit.

    Args:
      log: the file to which the error stream is written during a task; None: the error stream is shown.
      trains: whether tasks are trainings. Trainings are refused if TensorFlow has more than one thread already.

    Raises:
      UsageError: this process has used TensorFlow with more threads, and tasks are trainings.
    """

    def __init__(self, log: Path | None = None, trains: bool = False) -> None:
        self._log, self._trains = log, trains
        _keep_to_one_thread(trains)
        self._queue: deque[tuple[Future[Any], Callable[..., Any], tuple[object, ...]]] = deque()

    @property
    def capacity(self) -> int:
        """The greatest number of unfinished tasks: 1, because a second task could begin only after the first one."""
        return 1

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queues the function, which runs when `wait` is called.

        Raises:
          UsageError: `timeout` is not None. This executor cannot end a task.
        """
        if timeout is not None:
            raise UsageError(
                f"search.timeout is {timeout}; a timeout needs worker processes, which can be ended: "
                f"{pasted('search.timeout', None)}"
            )
        future: Future[R] = Future()
        self._queue.append((future, function, args))
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Runs tasks until one of the futures has ended, and returns those that have ended."""
        while True:
            ended = {future for future in futures if future.done()}
            if ended or not self._queue:
                return ended
            future, function, args = self._queue.popleft()
            with _environment(machine.threads()), quiet(self._log) if self._log is not None else nullcontext():
                if self._trains and "tensorflow" not in sys.modules:
                    # The environment alone would limit this executor, but TensorFlow would not know the limit, so that
                    # a second executor of this process could not set it.
                    importlib.import_module("tensorflow")
                    _keep_to_one_thread(self._trains)
                future.set_result(function(*args))

    def close(self) -> None:
        """Drops the tasks that have not run."""
        self._queue.clear()


def _keep_to_one_thread(trains: bool) -> None:
    """Limits TensorFlow to one thread if it is imported already. Otherwise the environment variables limit it later.

    Raises:
      UsageError: TensorFlow has been used with more threads, and tasks are trainings.
    """
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
                "search.executor is 'serial', and this process has used TensorFlow with more than one thread. The "
                "number of threads cannot be changed any more, so fitnesses would differ from those of a worker. Start "
                "the search in a process of its own, or set search.executor='processes'"
            ) from None


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """A context in which environment variables have other values. TensorFlow reads them when it is first imported."""
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
