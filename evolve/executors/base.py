"""The interface of executors."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from evolve.errors import WorkerLost

R = TypeVar("R")

STARTS = 3  # the number of failed starts of workers, or of workers lost before they begin a task, that is an error


class Executor(Protocol):
    """Gives tasks to workers, and returns a future for each."""

    @property
    def capacity(self) -> int:
        """The number of unfinished tasks that the executor can use now.

        The number is one for each worker, and some that are ready to start. It is at least one. It may change
        during the search, when workers join or leave.
        """

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queues a function for a worker, and returns its future. Function, arguments and result can be pickled.

        The future has the result or the exception of the function; or WorkerLost if the worker was lost, TimedOut if
        the task took more than `timeout` seconds, or SearchError if no worker can be started. A lost worker is
        replaced.
        """

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Waits until one of `futures` has ended, or for `seconds`, and returns those that have ended."""

    def close(self) -> None:
        """Ends all workers and their tasks."""


@dataclass(slots=True)
class QueuedTask:
    """A task that has not ended, in an executor with several workers."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[object, ...]
    timeout: float | None
    starts: int = 0  # the number of times that a worker received it


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The facts about a search that an executor needs.

    Attributes:
      folder: the work directory.
      trains: whether tasks are trainings.
      held: bytes that all workers of a machine share, such as images in a file that each of them maps.
      has_one_task: whether there is a single task, which needs no GPU.
    """

    folder: Path
    trains: bool = False
    held: int = 0
    has_one_task: bool = False


@runtime_checkable
class ExecutorSettings(Protocol):
    """The settings of an executor: a frozen record that creates the executor.

    A gin file sets its fields by its name in `EXECUTORS`. A user's own record is a class with these members that is
    `gin.configurable`; `search.executor = @my_executor` names it. Of its fields, the store keeps those that declare a
    setting (`compiler.domains`), and a resumed search is compared with these.
    """

    @property
    def ends_tasks(self) -> bool:
        """Whether the executor can end a task, so that `search.timeout` has an effect."""

    def describe(self, held: int = 0) -> str:
        """Returns a description of the workers for the header of a search. `held` is that of `Site`.

        Raises:
          UsageError: the machine has no room for the number of workers in the settings.
        """

    def log(self, folder: Path) -> Path:
        """Returns the file or folder in which the output of workers is, for the work directory `folder`."""

    def start(self, site: Site) -> Executor:
        """Returns a new executor.

        Raises:
          UsageError: the executor cannot be used on this machine.
        """


def call(executor: Executor, function: Callable[..., R], *args: object, retries: int = 0) -> R:
    """Runs one task and returns its result. A task whose worker is lost is run again, at most `retries` times.

    Raises:
      WorkerLost: the worker was lost each time.
      SearchError: no worker can be started.
    """
    while True:
        future = executor.submit(function, *args)
        while not executor.wait([future]):
            pass
        if retries > 0 and isinstance(future.exception(), WorkerLost):
            retries -= 1
        else:
            return future.result()
