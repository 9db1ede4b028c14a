"""Measures how busy workers on Ray are: `python -m experiments.bench.ray_busy [WORKERS [INDIVIDUALS [SECONDS]]]`.

The program runs the search loop with its database, in the search space of `digits.gin` with the paper's population. Ray
is started on this machine, with one core for each worker. Workers sleep for a second instead of training, so that the
machine may have fewer cores. All workers are started first. The printed share is the time that workers slept, divided
by their time from the beginning of the first task to the end of the last task.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import dsl
from evolve import CellSpace, Evaluation, Plan, Search, Store, Task
from evolve.executors.ray_cluster import Need, RayCluster
from experiments.bench.made_up import evaluate, evolution
from experiments.bench.pace import numbers

WORKERS, INDIVIDUALS, SECONDS = 64, 64 * 30, 1.0
TARGET = 0.95


def sleep(seconds: float, task: Task) -> Evaluation:
    """Sleeps in the place of a training. The metrics of the evaluation are the times of its beginning and end."""
    began = time.time()
    time.sleep(seconds)
    return replace(evaluate(task), metrics=(("began", began), ("ended", time.time())))


def started(executor: RayCluster, workers: int) -> float:
    """Waits until all workers are ready, and returns the seconds."""
    begin = time.perf_counter()
    waiting = {executor.submit(time.sleep, 1.0) for _ in range(workers)}
    while executor.up < workers or waiting:
        waiting -= executor.wait(waiting, 0.1) if waiting else set()
    return time.perf_counter() - begin


def main(workers: int, individuals: int, seconds: float) -> None:
    """Measures and prints."""
    space = dsl.load("nasnet.cell", {"N": 1, "F": 8}).space
    cells = CellSpace(space, (8, 8, 1), 10)
    executor = RayCluster("", individuals, workers, Need(gpus=0))
    try:
        print(f"{workers} workers were there after {started(executor, workers):.0f} s", flush=True)
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
            algorithm = evolution(cells)
            plan = Plan(individuals, 0, Path(folder) / "log")
            used = time.process_time()
            Search(plan, algorithm, cells, store, executor, partial(sleep, seconds)).run()
            used = time.process_time() - used
            times = [dict(row.metrics) for row in store.finished()]
    finally:
        executor.close()
    slept = sum(time["ended"] - time["began"] for time in times)
    wall = max(time["ended"] for time in times) - min(time["began"] for time in times)
    print(f"{individuals} individuals of {seconds:g} s each on {workers} workers in {wall:.1f} s")
    print(f"the driver used {used / individuals * 1e3:.1f} ms of a core for each, Ray's threads included")
    print(f"busy {slept / (workers * wall):.1%} (target {TARGET:.0%})")


if __name__ == "__main__":
    main(*numbers(__doc__, workers=WORKERS, individuals=INDIVIDUALS, seconds=SECONDS))
