"""Workers on a virtual clock: a search over many workers takes no time, and is the same every time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from evolve import Child, Evaluation, Task
from tests.evolve import toy

R = TypeVar("R")


class Killed(Exception):
    """Stands for a kill of the driver."""


class Virtual:
    """Runs tasks in the order in which they end on a virtual clock.

    Args:
      workers: the number of tasks that run at the same time.
      duration: gives the seconds of a task on the clock.
      results: the number of results after which the driver is killed; None: it is not killed.
    """

    def __init__(self, workers: int, duration: Callable[[Task], float], results: int | None = None) -> None:
        self._workers, self._duration, self._left = workers, duration, results
        self._running: list[tuple[float, int, Future[Any], Callable[..., Any], Task]] = []
        self._count = 0
        self.clock = 0.0
        self.busy: list[int] = []  # the number of running tasks whenever one ended, that one included

    @property
    def capacity(self) -> int:
        """The number of workers: each has one task."""
        return self._workers

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Begins a task at the present time of the clock."""
        (task,) = args
        assert isinstance(task, Task) and len(self._running) < self._workers
        future: Future[R] = Future()
        self._count += 1
        heapq.heappush(self._running, (self.clock + self._duration(task), self._count, future, function, task))
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Moves the clock to the end of the next task and runs it."""
        if self._left == 0:
            raise Killed
        self._left = None if self._left is None else self._left - 1
        self.busy.append(len(self._running))
        self.clock, _, future, function, task = heapq.heappop(self._running)
        future.set_result(function(task))
        return {future}

    def close(self) -> None:
        """Does nothing: tasks run in this process."""


FLIPS = 0.15  # the probability that a child's gene changes, so that the gene stays mixed in the population


class TwoSpeeds(toy.ToySpace):
    """The toy with one more gene at the front. The gene changes the time of a training and nothing else."""

    def sample(self, rng: random.Random, *, born: int | None = None) -> toy.Genotype:
        return (rng.randrange(2), *super().sample(rng))

    def mutate(
        self, genotype: toy.Genotype, rng: random.Random, *, mate: object = None, born: int | None = None
    ) -> Child[toy.Genotype]:
        gene = 1 - genotype[0] if rng.random() < FLIPS else genotype[0]
        child = super().mutate(genotype[1:], rng)
        return Child((gene, *child.genotype), child.rule)


def is_slow(task: Task) -> bool:
    """Returns whether a genotype has the slow gene."""
    return task.genotype.startswith("1")


def three_times_slower(task: Task) -> float:
    """Returns the seconds of a training. The gene triples them, and noise changes them a little."""
    return (3.0 if is_slow(task) else 1.0) * random.Random(task.seed).uniform(0.9, 1.1)


def neutral(task: Task) -> Evaluation:
    """Returns the toy's fitness with noise. The gene does not change it."""
    genotype = toy.ToySpace().read(task.genotype)[1:]
    return Evaluation(toy.matches(genotype, toy.target(0)) + random.Random(task.seed).random())


def any_time(task: Task) -> float:
    """Returns the seconds of a task, which differ between individuals by a factor of up to twenty."""
    return random.Random(task.seed).uniform(1, 20)


def first_is_slow(task: Task) -> float:
    """Returns 40 seconds for individual 1 and one second for the others."""
    return 40.0 if task.id == 1 else 1.0


def evaluate_with_seconds(task: Task) -> Evaluation:
    """Returns the toy's evaluation with the seconds of `any_time`."""
    return replace(toy.evaluate(task), seconds=any_time(task), flops=1.0)
