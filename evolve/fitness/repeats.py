"""Repeats: the trainings of one individual with several random seeds or folds, of which the means count."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from evolve.objectives import Objectives
from evolve.records import Evaluation, Task


def tasks(task: Task, repeats: int) -> Iterator[tuple[int, Task]]:
    """Yields the number of each repeat and its task. The last one, number 0, has the random seed of the task.

    Only that one keeps weights and returns the graph. Its worker then knows the results of all others.
    """
    for number in reversed(range(1, repeats)):
        seed = random.Random(f"{task.seed}:{number}").getrandbits(31)
        yield number, replace(task, seed=seed, repeat=number, best=math.inf, keep_above=math.inf)
    yield 0, task


def mean_of(runs: Sequence[Evaluation]) -> Evaluation:
    """Returns the evaluation with the mean fitness and the mean metrics of several, and the sums of their seconds.

    All other values are those of the last one. A metric that only some of them have is the mean of those.
    """
    if len(runs) == 1:
        return runs[0]
    means = {
        name: statistics.fmean(dict(run.metrics)[name] for run in runs if name in dict(run.metrics))
        for name in dict.fromkeys(name for run in reversed(runs) for name, _ in run.metrics)
    }
    return replace(
        runs[-1],
        fitness=statistics.fmean(run.fitness for run in runs),
        metrics=tuple(means.items()),
        seconds=math.fsum(run.seconds for run in runs),
        step_seconds=math.fsum(run.step_seconds for run in runs),
        data_seconds=math.fsum(run.data_seconds for run in runs),
    )


def error_of(runs: Sequence[Evaluation], objectives: Objectives, natural: str) -> float | None:
    """Returns the standard error of the mean fitness; None if fewer than two evaluations have the metric.

    It is also None if the fitness is the seconds, which are a sum and no mean.
    """
    if objectives.first.name == "seconds":
        return None
    judged = [Objectives([objectives.first]).judged(run, natural) for run in runs]
    values = [one.fitness for one in judged if not one.is_failed]
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
