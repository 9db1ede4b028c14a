"""The interface of executors."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from evolve.errors import WorkerLost

R = TypeVar("R")

STARTS = 3  # the number of failed starts of workers, or of one task, after which an error is raised


class Executor(Protocol):
    """Gives tasks to workers, and returns a future for each."""

    @property
    def capacity(self) -> int:
        """The greatest number of unfinished tasks that the executor should have now.

        This is one task for each worker, and a few tasks that are ready to start. The number is at least one. It
        changes during the search if workers join or leave.
        """

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queues a function for a worker, and returns the future of this task. A lost worker is replaced.

        A worker is also replaced after a result whose attribute `is_retryable` is True. It ran out of memory, and its
        end gives the memory back.

        The function, its arguments and its result must be objects that can be pickled. The future has the result or the
        exception of the function. If there is neither, it has a WorkerLost (the worker was lost), a TimedOut (the task
        took more than `timeout` seconds), or a SearchError (no worker can be started).
        """

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Waits until one of `futures` has ended, or for `seconds`, and returns the futures that have ended."""

    def close(self) -> None:
        """Ends all workers and their tasks."""


@dataclass(slots=True)
class QueuedTask:
    """A task that has not ended, in an executor with several workers."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[object, ...]
    timeout: float | None
    starts: int = 0  # the number of times that a worker received the task


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The facts about a search that an executor needs.

    Attributes:
      folder: the work directory.
      trains: whether tasks are trainings.
      held: bytes that all workers of a machine share, such as images in a file that each of them maps.
      has_one_task: whether there is a single task, which needs no GPU.
      prepare: is called in each new worker before its first task, with objects that can be pickled. Its time is not
        part of a task, so `search.timeout` does not count it.
    """

    folder: Path
    trains: bool = False
    held: int = 0
    has_one_task: bool = False
    prepare: Callable[[], object] | None = None


@runtime_checkable
class ExecutorSettings(Protocol):
    """The settings of an executor: a frozen record that creates the executor.

    A gin file sets the fields of a record by the record's name in `EXECUTORS`. A user may write a record too: a class
    with these methods and properties and the decorator `gin.configurable`, which `search.executor = @my_executor`
    names. The store keeps those fields of the record that declare a setting (`compiler.domains`), and compares them
    when the search is resumed.
    """

    @property
    def ends_tasks(self) -> bool:
        """Whether the executor can end a task. If it cannot, a search with `search.timeout` is refused."""

    def describe(self, held: int = 0) -> str:
        """Returns a description of the workers for the header of a search.

        `held` is the number of bytes that all workers of a machine share.

        Raises:
          UsageError: the machine has no room for the number of workers in the settings.
        """

    def log(self, folder: Path) -> Path:
        """Returns the file or folder to which workers write their output, if `folder` is the work directory."""

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
