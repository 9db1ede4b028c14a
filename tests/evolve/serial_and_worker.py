"""Evaluates two individuals in a worker and then in this process, and prints both: `serial_and_worker.py FOLDER WHEN`.

WHEN is what this process does with TensorFlow before: `never`, `imported` or `used`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import dsl
from compiler import DatasetSettings, Training
from evolve import Evaluation, Executor, Processes, Serial, Task, UsageError
from evolve.executors import call
from evolve.fitness.base import Fitness
from evolve.fitness.training import TrainingFitness

TEXT = """
param F = 32
cell net(image) {
  a = conv[5x5, filters=F](image) | batch_norm | relu
  b = conv[3x3, filters=F](a) + a
  return b | batch_norm | relu
}
network { body: net   head: global_avg_pool | dense[classes] }
"""


def evaluated(executor: Executor, fitness: Fitness) -> list[Evaluation]:
    """Evaluates two individuals, one after the other."""
    space = dsl.loads(TEXT)
    return [call(executor, fitness.evaluate, Task(id, space.text(), id, best=2.0)) for id in (1, 2)]


def shown(evaluations: list[Evaluation]) -> list[str]:
    """Returns all values of a result that do not depend on time, to the last bit."""
    return [repr(replace(one, seconds=0.0, step_seconds=0.0, data_seconds=0.0)) for one in evaluations]


def main(folder: Path, when: str) -> None:
    """Prints the two as JSON, or the message with which this process refuses."""
    training = Training(epochs=2, batch_size=64, learning_rate=0.1, augment=(), drop_path_keep=1.0)
    fitness = TrainingFitness(
        name="training",
        space=dsl.loads(TEXT).space.text(),
        dataset=DatasetSettings(),
        training=training,
        folder=folder,
        weights=folder / "weights",
    )
    fitness = replace(fitness, facts=fitness.find_facts())
    workers = Processes(1, 9, folder / "worker.log")
    by_worker = [] if when == "used" else shown(evaluated(workers, fitness))
    workers.close()
    if when != "never":
        import tensorflow as tf

        if when == "used":
            tf.config.threading.set_intra_op_parallelism_threads(2)
            tf.constant(1.0)
    try:
        here = shown(evaluated(Serial(folder / "serial.log", trains=True), fitness))
    except UsageError as error:
        print(json.dumps({"refused": str(error)}))
    else:
        print(json.dumps({"worker": by_worker, "serial": here}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
