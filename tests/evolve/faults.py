"""Ways for a worker to fail, on the toy; each leaves a mark so that it happens as often as it should."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from evolve import Evaluation, Task
from evolve.records import failed
from tests.evolve import toy


def tries(folder: Path, id: int) -> int:
    """How often an individual has been evaluated, this time included."""
    with (folder / f"{id}.tries").open("a") as file:
        file.write("x")
    return (folder / f"{id}.tries").stat().st_size


def loses_its_worker_once(folder: Path, task: Task) -> Evaluation:
    """Every third is killed the first time."""
    if tries(folder, task.id) == 1 and task.id % 3 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return toy.evaluate(task)


def loses_its_worker(folder: Path, task: Task) -> Evaluation:
    """Individual 3 is killed every time."""
    tries(folder, task.id)
    if task.id == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return toy.evaluate_slowly(task)


def hangs(folder: Path, task: Task) -> Evaluation:
    """Individual 2 never ends."""
    tries(folder, task.id)
    if task.id == 2:
        time.sleep(600)
    return toy.evaluate(task)


def has_no_memory(folder: Path, task: Task) -> Evaluation:
    """The first individual needs two tries, the second has none that works."""
    count = tries(folder, task.id)
    if task.id == 2 or (task.id == 1 and count == 1):
        return replace(failed("it ran out of memory"), again=True)
    return toy.evaluate(task)


def cannot_be_built(folder: Path, task: Task) -> Evaluation:
    """Individual 2 is no good."""
    tries(folder, task.id)
    return failed("no such layer") if task.id == 2 else toy.evaluate(task)


def takes_its_time(task: Task) -> Evaluation:
    """Every individual another time, so that they end in another order than they began."""
    time.sleep(task.seed % 20 / 1000)
    return toy.evaluate(task)


def is_slow(folder: Path, task: Task) -> Evaluation:
    """Every individual takes a while, in which its machine may go away."""
    tries(folder, task.id)
    time.sleep(0.5)
    return toy.evaluate(task)


def logged(folder: Path, task: Task) -> Evaluation:
    """Writes who was evaluated."""
    with (folder / "evaluated").open("a") as file:
        file.write(f"{task.id}\n")
    return takes_its_time(task)
