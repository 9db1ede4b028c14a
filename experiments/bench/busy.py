"""Measures and simulates how busy the driver keeps many workers: `python -m experiments.bench.busy [WORKERS]`.

Measures on this machine what the driver does for each individual of the paper's search (N=3, F=24, population 100,
samples of 25): result and next proposal with their checks, in the database, then TensorBoard. Then replays these times
in a simulation of discrete events, in which workers train for random times and one driver serves them in turn, with one
task ready as `evolve.executors.Processes` has it. TensorBoard, which the driver leaves until no result waits, follows
each result here.
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
MEASURED = 300  # individuals after the first population
AHEAD = 1
PAPER = 7 * 24 * 3600 * 450 / 20_000  # seconds of a worker for each network, by the paper's own numbers
MEANS = (PAPER, 600.0, 60.0, 20.0, 10.0)  # seconds of training
SPREAD = 0.5  # sigma of the logarithm: the middle two thirds are from 0.6 to 1.6 of the median
R = TypeVar("R")
Times = Sequence[tuple[float, float]]


class Timed(Serial):
    """Measures the driver's time from a result to the next task, and from that task until it waits again."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[tuple[float, float]] = []
        self._came = self._sent = time.perf_counter()

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Notes the time and queues the function."""
        self._sent = time.perf_counter()
        return super().submit(function, *args, timeout=timeout)

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Waits, and notes the time before and after."""
        self.times.append((self._sent - self._came, time.perf_counter() - self._sent))
        ended = super().wait(futures, seconds)
        self._came = time.perf_counter()
        return ended


def measured() -> Times:
    """Returns the seconds to the next task and after it, for each individual after the initial population."""
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
    middle = math.log(mean) - SPREAD**2 / 2  # so that the mean is `mean`
    # Events in the order of time: a training ends where True, a task is sent where False.
    ends = [(rng.lognormvariate(middle, SPREAD), True) for _ in range(workers)]
    heapq.heapify(ends)
    idle: deque[float] = deque()  # for each idle worker the time at which it began to wait
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
    main(*numbers(WORKERS))
