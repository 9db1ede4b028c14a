"""Evaluations on the toy that fail in several ways. A file counts the tries of each individual."""

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
    """Counts this evaluation of an individual and returns their number."""
    with (folder / f"{id}.tries").open("a") as file:
        file.write("x")
    return (folder / f"{id}.tries").stat().st_size


def loses_its_worker_once(folder: Path, task: Task) -> Evaluation:
    """Ends its own process at the first try of every third individual."""
    if tries(folder, task.id) == 1 and task.id % 3 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return toy.evaluate(task)


def loses_its_worker(folder: Path, task: Task) -> Evaluation:
    """Ends its own process at every try of individual 3."""
    tries(folder, task.id)
    if task.id == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return toy.evaluate_slowly(task)


def hangs(folder: Path, task: Task) -> Evaluation:
    """Does not return for individual 2."""
    tries(folder, task.id)
    if task.id == 2:
        time.sleep(600)
    return toy.evaluate(task)


def has_no_memory(folder: Path, task: Task) -> Evaluation:
    """Runs out of memory at the first try of individual 1, and at every try of individual 2."""
    count = tries(folder, task.id)
    if task.id == 2 or (task.id == 1 and count == 1):
        return replace(failed("the evaluation ran out of memory"), is_retryable=True)
    return toy.evaluate(task)


def cannot_be_built(folder: Path, task: Task) -> Evaluation:
    """Returns a failure for individual 2, which is not worth a retry."""
    tries(folder, task.id)
    return failed("no such layer") if task.id == 2 else toy.evaluate(task)


def takes_its_time(task: Task) -> Evaluation:
    """Takes a time that differs between individuals, so that they end in another order than they begin."""
    time.sleep(task.seed % 20 / 1000)
    return toy.evaluate(task)


def is_slow(folder: Path, task: Task) -> Evaluation:
    """Takes half a second, so that a test can end the machine of the worker meanwhile."""
    tries(folder, task.id)
    time.sleep(0.5)
    return toy.evaluate(task)


def logged(folder: Path, task: Task) -> Evaluation:
    """Appends the id of the individual to a file, and evaluates it."""
    with (folder / "evaluated").open("a") as file:
        file.write(f"{task.id}\n")
    return takes_its_time(task)
