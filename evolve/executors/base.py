"""What the search asks of an executor, and no more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from evolve.errors import WorkerDied

R = TypeVar("R")


class Executor(Protocol):
    """Takes tasks, gives futures."""

    @property
    def capacity(self) -> int:
        """How many unfinished tasks it can use now: one a worker, and those it likes to have ready.

        At least one; it may change during the search, as workers come and go.
        """

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queue a function to be run elsewhere; it, its arguments and its result can be pickled.

        The future ends in the result, in what the function raised, in WorkerDied where the worker was lost on the way
        (TimedOut after `timeout` seconds of running), or in SearchError where no worker can be had. A lost worker is
        replaced.
        """

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Until one of its futures has ended, or for so long; those that have ended."""

    def close(self) -> None:
        """End whatever runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What an executor must know of the search whose tasks it runs.

    Attributes:
      folder: the work directory.
      trains: whether tasks are trainings.
      held: bytes that all workers of a machine hold together, once, such as images in a file that each of them maps.
      has_one_task: whether there is one task only, which needs no GPU.
    """

    folder: Path
    trains: bool = False
    held: int = 0
    has_one_task: bool = False


@runtime_checkable
class ExecutorSettings(Protocol):
    """The settings of an executor: a frozen record that makes the executor itself.

    A gin file sets its fields by its name in `EXECUTORS`. A record of one's own, `search.executor = @my_executor`, is
    a class that is `gin.configurable`, and has these members.
    """

    @property
    def ends_tasks(self) -> bool:
        """Whether the executor can end a task, so that `search.timeout` has an effect."""

    def crew(self, held: int = 0) -> str:
        """The workers in words, for the header of a search; `held` are the bytes of `Site.held`.

        Raises:
          UsageError: there cannot be so many.
        """

    def log(self, folder: Path) -> Path:
        """Where workers write what libraries say, by the work directory."""

    def start(self, site: Site) -> Executor:
        """A new executor.

        Raises:
          UsageError: it cannot be had here.
        """


def call(executor: Executor, function: Callable[..., R], *args: object, retries: int = 0) -> R:
    """One task from beginning to end, so many times again as long as it is lost with its worker.

    Raises:
      WorkerDied, SearchError: as `Executor.submit` says.
    """
    while True:
        future = executor.submit(function, *args)
        while not executor.wait([future]):
            pass
        if retries > 0 and isinstance(future.exception(), WorkerDied):
            retries -= 1
        else:
            return future.result()
