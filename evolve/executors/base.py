"""What the search asks of an executor, and no more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Protocol, TypeVar

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
