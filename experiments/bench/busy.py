"""Measures and simulates how busy the driver keeps many workers: `python -m experiments.bench.busy [WORKERS]`.

First, the program measures the time of the driver for each individual of the paper's search (N=3, F=24, population 100,
tournament samples of 25). It measures the time from a result to the next task, which includes the proposal, its checks
and the database, and the time after the task, which is spent on TensorBoard.

Then a simulation of discrete events replays these times. In the simulation, workers train for random times, and one
driver serves the workers in turn. One task is ready to start, as in `evolve.executors.Processes`. The simulated driver
writes for TensorBoard after each result. The real driver does so only when no result waits.
"""

from __future__ import annotations

import heapq
import math
import random
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import dsl
from evolve import CellSpace, Plan, Search, Serial, Store
from evolve.observers.board import Board
from experiments.bench.made_up import POPULATION, evaluate, evolution
from experiments.bench.pace import numbers

WORKERS = 450
MEASURED = 300  # the number of measured individuals, after the initial population
AHEAD = 1
PAPER = 7 * 24 * 3600 * 450 / 20_000  # worker seconds of each network, computed from the numbers of the paper
MEANS = (PAPER, 600.0, 60.0, 20.0, 10.0)  # mean seconds of a training, one for each simulation
SPREAD = 0.5  # standard deviation of the logarithm of the time: two thirds are from 0.6 to 1.6 of the median
R = TypeVar("R")
Times = Sequence[tuple[float, float]]


class Timed(Serial):
    """An executor that measures the time of the driver from a result to the next task, and from the task to `wait`."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[tuple[float, float]] = []
        self._came = self._sent = time.perf_counter()

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Notes the time and queues the function."""
        self._sent = time.perf_counter()
        return super().submit(function, *args, timeout=timeout)

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Runs tasks as `Serial.wait` does, and notes the time before and after."""
        self.times.append((self._sent - self._came, time.perf_counter() - self._sent))
        ended = super().wait(futures, seconds)
        self._came = time.perf_counter()
        return ended


def measured() -> Times:
    """Returns, for each individual after the initial population, the seconds before and after the next task."""
    space = dsl.load("nasnet.cell", {"N": 3, "F": 24}).space
    cells, executor = CellSpace(space, (32, 32, 3), 10), Timed()
    with tempfile.TemporaryDirectory() as name, Store(Path(name)) as store:
        algorithm = evolution(cells)
        board = Board(Path(name) / "tensorboard", space, store)
        board.start("", algorithm)
        plan = Plan(POPULATION + MEASURED, 0, Path(name) / "log")
        Search(plan, algorithm, cells, store, executor, evaluate, [board]).run()
        board.close()
    return executor.times[POPULATION + 1 :]


def busy(workers: int, mean: float, times: Times, rng: random.Random, individuals: int = 20_000) -> float:
    """Simulates a search and returns the share of the workers' time in which they train."""
    middle = math.log(mean) - SPREAD**2 / 2  # the logarithm of the median of the times whose mean is `mean`
    # The events are a heap of (time, flag). The flag is True if a training ends, and False if a task is sent.
    ends = [(rng.lognormvariate(middle, SPREAD), True) for _ in range(workers)]
    heapq.heapify(ends)
    idle: deque[float] = deque()  # the time at which each idle worker began to wait
    ready, free, waited, now = AHEAD, 0.0, 0.0, 0.0
    for _ in range(2 * individuals):
        now, is_result = heapq.heappop(ends)
        if is_result:
            to_task, after = rng.choice(times)
            sent = max(now, free) + to_task
            free = sent + after
            heapq.heappush(ends, (sent, False))
            idle.append(now)
        else:
            ready += 1
        if ready and idle:
            ready -= 1
            waited += now - idle.popleft()
            heapq.heappush(ends, (now + rng.lognormvariate(middle, SPREAD), True))
    waited += sum(now - since for since in idle)
    return 1 - waited / (workers * now)


def main(workers: int) -> None:
    """Measures, simulates and prints the table."""
    times = measured()
    for name, seconds in (("to the next task", [a for a, _ in times]), ("after it", [b for _, b in times])):
        middle, mean, most = statistics.median(seconds), statistics.fmean(seconds), max(seconds)
        print(f"driver, {name:<18} median {middle * 1e3:7.2f} ms, mean {mean * 1e3:7.2f} ms, most {most * 1e3:7.2f} ms")
    print(f"{workers} workers, 20,000 individuals")
    for mean in MEANS:
        share = busy(workers, mean, times, random.Random(0))
        print(f"  training {mean:>9,.0f} s each: {share:8.3%} busy")


if __name__ == "__main__":
    main(*numbers(__doc__, workers=WORKERS))
