"""Workers on a virtual clock: a search over many of them, in no time and the same every time."""

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
    """The driver ends here, whatever it was doing."""


class Virtual:
    """Runs a task when its time has come.

    Args:
      workers: how many at the same time.
      duration: of a task, in seconds of the clock.
      results: after how many the driver is killed; None: it lives.
    """

    def __init__(self, workers: int, duration: Callable[[Task], float], results: int | None = None) -> None:
        self._workers, self._duration, self._left = workers, duration, results
        self._running: list[tuple[float, int, Future[Any], Callable[..., Any], Task]] = []
        self._count = 0
        self.clock = 0.0
        self.busy: list[int] = []  # how many ran whenever one ended, that one included

    @property
    def capacity(self) -> int:
        """One task a worker."""
        return self._workers

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Begin a task now."""
        (task,) = args
        assert isinstance(task, Task) and len(self._running) < self._workers
        future: Future[R] = Future()
        self._count += 1
        heapq.heappush(self._running, (self.clock + self._duration(task), self._count, future, function, task))
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Go on to the end of the next task."""
        if self._left == 0:
            raise Killed
        self._left = None if self._left is None else self._left - 1
        self.busy.append(len(self._running))
        self.clock, _, future, function, task = heapq.heappop(self._running)
        future.set_result(function(task))
        return {future}

    def close(self) -> None:
        """Nothing is left to end."""


FLIPS = 0.15  # of a child's gene, so that no lineage that sweeps the population fixes it


class TwoSpeeds(toy.ToySpace):
    """The toy with one more gene at the front, which says nothing but how long training takes."""

    def sample(self, rng: random.Random) -> toy.Genotype:
        return (rng.randrange(2), *super().sample(rng))

    def mutate(self, genotype: toy.Genotype, rng: random.Random) -> Child[toy.Genotype]:
        gene = 1 - genotype[0] if rng.random() < FLIPS else genotype[0]
        child = super().mutate(genotype[1:], rng)
        return Child((gene, *child.genotype), child.rule)


def is_slow(task: Task) -> bool:
    """Whether it has the slow gene."""
    return task.genotype.startswith("1")


def three_times_slower(task: Task) -> float:
    """Seconds of training: the gene triples them, chance changes them a little."""
    return (3.0 if is_slow(task) else 1.0) * random.Random(task.seed).uniform(0.9, 1.1)


def neutral(task: Task) -> Evaluation:
    """The toy's fitness, for which the gene means nothing, and luck."""
    genotype = toy.ToySpace().read(task.genotype)[1:]
    return Evaluation(toy.matches(genotype, toy.target(0)) + random.Random(task.seed).random())


def any_time(task: Task) -> float:
    """A time of its own for each, up to twenty times another's."""
    return random.Random(task.seed).uniform(1, 20)


def first_is_slow(task: Task) -> float:
    """As long as forty others for the first."""
    return 40.0 if task.id == 1 else 1.0


def evaluate_with_seconds(task: Task) -> Evaluation:
    """The toy's fitness, and what it took."""
    return replace(toy.evaluate(task), seconds=any_time(task), flops=1.0)
