"""Tasks one after another in this process: the same order every time, and open to a debugger."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, TypeVar

from compiler.errors import pasted
from evolve.errors import UsageError

R = TypeVar("R")


class Serial:
    """Runs a task when it is waited for; what the task raises is raised from `wait`."""

    def __init__(self) -> None:
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
            future.set_result(function(*args))

    def close(self) -> None:
        """Forget what has not been run."""
        self._queue.clear()
