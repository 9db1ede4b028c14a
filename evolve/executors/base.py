"""What the search asks of an executor, and no more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Protocol, TypeVar

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


def call(executor: Executor, function: Callable[..., R], *args: object) -> R:
    """One task from beginning to end.

    Raises:
      WorkerDied, SearchError: as `Executor.submit` says.
    """
    future = executor.submit(function, *args)
    while not executor.wait([future]):
        pass
    return future.result()
