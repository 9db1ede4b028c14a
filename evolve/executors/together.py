"""Runs a function in several workers at the same time, to measure how workers share a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from evolve.executors.base import Executor

R = TypeVar("R")
LOOK = 0.02  # seconds between two looks at the folder of a meeting


@dataclass(frozen=True, slots=True)
class Meeting:
    """A place at which workers wait for each other: a folder that all of them can reach.

    Attributes:
      folder: an empty folder.
      count: the number of workers that meet.
    """

    folder: Path
    count: int

    def wait(self, number: int) -> None:
        """Returns when all workers wait. If one is lost, the others wait until their executor ends them."""
        (self.folder / str(number)).touch()
        while sum(1 for _ in self.folder.iterdir()) < self.count:
            time.sleep(LOOK)


def together(
    executor: Executor, meeting: Meeting, function: Callable[..., R], *args: object, limit: float | None = None
) -> list[R]:
    """Calls `function(meeting, number, *args)` in each of `meeting.count` workers, and returns the results.

    After a failure the other calls are still running, and the caller ends them with the executor.

    Args:
      executor: has at least `meeting.count` workers, which run nothing else.
      meeting: where the function waits for the other workers.
      function: the function, which can be pickled.
      args: further arguments of the function.
      limit: seconds after which the calls are ended.

    Raises:
      Exception: the first exception of a call, a WorkerLost or a TimedOut.
    """
    futures = [executor.submit(function, meeting, number, *args, timeout=limit) for number in range(meeting.count)]
    waiting: set[Future[R]] = set(futures)
    while waiting:
        ended = executor.wait(waiting)
        waiting -= ended
        for future in ended:
            future.result()
    return [future.result() for future in futures]
