"""Measures what the children of one parent share in a worker: `python -m experiments.bench.children`.

A worker traces each chain of operations once, and later networks call the traced chain. The set-up of children of one
parent is measured in the space of `amoeba.gin`: of each child in a process of its own, and of all children in one
process after their parent. Set-up is the processor time from the genotype to the end of the first training step. The
evaluation is traced by then too. TensorFlow and the images are loaded before.

A core has idle time for a second training only while the first one waits. So the share of a core that a training takes
is measured, and the time of two trainings at once in two threads of one process, compared with one after the other. The
process has one core.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import compiler
import dsl
from evolve import config, loaded
from evolve.config import Config
from evolve.executors import machine
from experiments.bench.pace import pace

DISTANCE = 60  # mutations between the seed of the text and the parent


def family(count: int) -> tuple[Config, list[dsl.Genotype]]:
    """Returns the settings of `amoeba.gin`, and a random network of its space, followed by children of this network."""
    made = config.read(["amoeba.gin"], [])
    rng, parent = random.Random(0), dsl.load(made.seed_file(), made.search.params)
    for _ in range(DISTANCE):
        parent = dsl.mutate(parent, rng).genotype
    return made, [parent, *(dsl.mutate(parent, rng).genotype for _ in range(count))]


def in_one_process(count: int, places: Sequence[int], threads: bool) -> dict[str, Any]:
    """Sets up some members of a family of `count` children, in this process, and returns the seconds of each set-up.

    Args:
      count: the number of children. Member 0 is their parent.
      places: the members to set up, in this order.
      threads: whether the last two of them are then trained, one after the other and in two threads.
    """
    import tensorflow as tf

    from compiler import feed
    from compiler.images import data
    from compiler.training.candidate import prepare, without_collection
    from compiler.training.strategies import make_strategy
    from compiler.training.trainer import Trainer

    made, members = family(count)
    training, shares = made.training, made.dataset
    dataset = data.load(shares.source, validation=shares.validation, test=shares.test)
    tf.linalg.matmul(tf.ones((8, 8)), tf.ones((8, 8)))
    loaded.freeze()  # A worker does this too, once, before its first training.
    seconds, trainers = [], []
    prepare(training, seed=0)
    with without_collection():
        for place in places:
            start = time.process_time()
            graph = compiler.resolve(members[place], dataset.input_shape, dataset.classes)
            trainer = Trainer(graph, feed(dataset), training, make_strategy("default"), seed=0)
            trainer.make_ready()
            trainer.run(1)
            seconds.append(time.process_time() - start)
            trainers.append(trainer)
        return {"seconds": seconds, **(_at_once(trainers[-2:]) if threads else {})}


def _at_once(trainers: Sequence[Any]) -> dict[str, float]:
    """Trains two networks for an epoch each, one after the other and at once; returns what that took."""

    def train(trainer: Any) -> None:
        trainer.run(trainer.steps_per_epoch)

    def timed(call: Callable[[], object]) -> tuple[float, float]:
        wall, processor = time.perf_counter(), time.process_time()
        call()
        return time.perf_counter() - wall, time.process_time() - processor

    def in_turn() -> None:
        for trainer in trainers:
            train(trainer)

    with ThreadPoolExecutor(2) as pool:
        alone, busy = timed(in_turn)
        together, _ = timed(lambda: list(pool.map(train, trainers)))
    return {"alone": alone, "together": together, "busy": busy / alone}


def measured(count: int, places: Sequence[int], threads: bool = False) -> dict[str, Any]:
    """Returns what `in_one_process` returns in a new process, which has one thread and one core."""
    options = json.dumps({"count": count, "places": list(places), "threads": threads})
    ended = subprocess.run(
        [sys.executable, "-m", "experiments.bench.children", "--process", options],
        env={**os.environ, **machine.threads()}, capture_output=True, text=True,
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(f"a process failed:\n{ended.stderr}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def table(count: int, of: Callable[..., dict[str, Any]] = measured) -> list[str]:
    """Returns the lines that are printed for a parent with `count` children."""
    places = range(1, count + 1)
    alone = statistics.median(of(count, [place])["seconds"][0] for place in places)
    found = of(count, range(count + 1), threads=True)
    shared = statistics.median(found["seconds"][1:])
    return [
        f"set-up of a child, median of {count}, each in a process of its own  {alone:6.2f} s",
        f"set-up of a child, median of {count}, in one process after the parent {shared:4.2f} s  {shared / alone:.2f}",
        f"share of a core that a training takes                 {found['busy']:6.2f}",
        f"two trainings at once, over one after the other       {found['together'] / found['alone']:6.2f}",
    ]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--children", type=int, default=6, help="number of children (6)")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process is not None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        print(json.dumps(in_one_process(**json.loads(options.process))))
        return
    print("\n".join(table(options.children)))
    print(pace())


if __name__ == "__main__":
    main()
