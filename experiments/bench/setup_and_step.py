"""Measures the time of a candidate training beside its arithmetic: `python -m experiments.bench.setup_and_step`.

The program compares the training of this project with the training of a plain functional tf_keras model of the same
network by `compile` and `fit`, as the documentation of tf_keras teaches. Both use the same batches, momentum, cosine
schedule and L2. Each measurement runs in a process of its own. The two trainings alternate, and the medians over the
repetitions are compared. In tables, `ours` is the training of this project, and `plain` the other one.

Set-up is the time from the `.cell` text to the end of the first training step. For the plain model, it begins with the
graph. The import of TensorFlow, the start of its runtime and the reading of the images are not measured, because a
worker does them once. The time of a step is the mean over an epoch, and of three epochs the median. Times are wall
times. On a shared machine, the CPU times of `--cpu` vary less, but do not show the gain of several threads.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import compiler
import dsl
from compiler import Training, tensorflow_import
from evolve import loaded
from evolve.executors import machine

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
EPOCHS = 3
IMAGES = 2000


@dataclass(frozen=True)
class Case:
    """One measurement: the training (`ours` or `plain`), its settings, and the size of the AmoebaNet-A."""

    side: str
    threads: int | None = 1  # the number of threads; None leaves it to TensorFlow
    n: int = 1
    f: int = 8
    shape: tuple[int, int, int] = (8, 8, 1)
    batch: int = 64
    steps: int = 30
    optimize_graph: bool = False  # `training.optimize_graph`: False in amoeba.gin, True in long trainings
    clock: str = "wall"

    def now(self) -> float:
        """Returns the seconds of the clock `clock`."""
        return CLOCKS[self.clock]()

    @property
    def genotype(self) -> dsl.Genotype:
        """The genotype of the network."""
        return dsl.load("amoebanet_a.cell", {"N": self.n, "F": self.f})

    @property
    def training(self) -> Training:
        """The settings of the training, which are the same for `ours` and `plain`."""
        return Training(
            epochs=10, batch_size=self.batch, augment=(), drop_path_keep=1.0, optimize_graph=self.optimize_graph
        )


@dataclass(frozen=True)
class Measured:
    """Seconds to the end of the first step, and seconds of each later step."""

    setup: float
    step: float


LARGE = Case("ours", n=2, f=24, shape=(32, 32, 3), batch=32, steps=5, optimize_graph=True)


# --- the two trainings that are compared -----------------------------------------------------------------------


def ours(case: Case, dataset: Any) -> Measured:
    """Trains as `compiler.training.candidate.train` does, and measures set-up and steps."""
    from compiler import feed
    from compiler.training.candidate import prepare
    from compiler.training.strategies import make_strategy
    from compiler.training.trainer import Trainer

    images, training = feed(dataset), case.training
    start = case.now()
    graph = compiler.resolve(case.genotype, dataset.input_shape, dataset.classes)
    prepare(training, seed=0)
    gc.disable()  # `candidate.train` does this too
    trainer = Trainer(graph, images, training, make_strategy(training.strategy), seed=0)
    trainer.run(1)
    setup = case.now() - start
    ends: list[float] = []
    for _ in range(EPOCHS + 1):
        trainer.run(case.steps)
        ends.append(case.now())
    return Measured(setup, _median_step(ends, case.steps))


def plain(case: Case, dataset: Any, begin: Callable[[], object] = lambda: None) -> Measured:
    """Trains a model of tf_keras's own layers with `compile` and `fit`, and measures set-up and steps.

    `begin` is called after the set-up. It may wait until other processes have been set up too.
    """
    import tf_keras

    from compiler import feed
    from compiler.networks.plain import plain_model

    training = case.training
    batches = feed(dataset).training(training, case.batch, seed=0)
    graph = compiler.resolve(case.genotype, dataset.input_shape, dataset.classes)
    start = case.now()
    model = plain_model(graph, l2=training.l2)
    steps = training.epochs * (len(dataset.train) // case.batch)
    model.compile(
        optimizer=tf_keras.optimizers.SGD(
            tf_keras.optimizers.schedules.CosineDecay(training.learning_rate, steps), momentum=training.momentum
        ),
        loss=tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(batches, epochs=1, steps_per_epoch=1, verbose=0)
    setup = case.now() - start
    begin()
    ends: list[float] = []
    clock = tf_keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(case.now()))
    model.fit(batches, epochs=EPOCHS + 1, steps_per_epoch=case.steps, verbose=0, callbacks=[clock])
    return Measured(setup, _median_step(ends, case.steps))


def _median_step(ends: Sequence[float], steps: int) -> float:
    """Returns the median seconds of a step, from the times at which epochs ended. The first epoch is not counted."""
    return float(statistics.median(np.diff(ends))) / steps


def _child(case: Case, images: str) -> None:
    """Measures one case in this process and prints the result. TensorFlow and the images are loaded before."""
    import tensorflow as tf

    from compiler.images import data

    for module in ("compiler.networks.plain", "compiler.training.candidate"):
        importlib.import_module(module)
    dataset = data.load(f"npz:{images}")
    tf.linalg.matmul(tf.ones((8, 8)), tf.ones((8, 8)))
    loaded.freeze()  # A worker does this too, once, before its first training.
    print(json.dumps(asdict({"ours": ours, "plain": plain}[case.side](case, dataset))))


# --- the process that starts the measurements and prints their tables ---------------------------------------------


def measure(cases: Sequence[Case], repetitions: int) -> list[Measured]:
    """Returns the medians of each case. The cases take turns, so that other programs slow all cases down alike."""
    found: list[list[Measured]] = [[] for _ in cases]
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(repetitions):
            for case, measured in zip(cases, found, strict=True):
                _progress(f"{turn + 1}/{repetitions} {case.side} N={case.n} F={case.f}")
                measured.append(_in_a_process(case, _images(Path(folder), case.shape)))
    _progress("")
    middle = statistics.median
    return [Measured(middle(m.setup for m in all_), middle(m.step for m in all_)) for all_ in found]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<40}\r", end="", file=sys.stderr, flush=True)


def _images(folder: Path, shape: tuple[int, int, int]) -> Path:
    path = folder / f"{'x'.join(map(str, shape))}.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (IMAGES, *shape), np.uint8)
        np.savez(path, images=images, labels=np.arange(IMAGES) % 10)
    return path


def _in_a_process(case: Case, images: Path) -> Measured:
    one_thread = machine.threads()
    kept = {name: value for name, value in os.environ.items() if name not in one_thread}
    threads = one_thread if case.threads == 1 else tensorflow_import.VARIABLES
    command = [sys.executable, "-m", "experiments.bench.setup_and_step", "--child", json.dumps(asdict(case))]
    child = subprocess.run(
        [*command, "--images", str(images)], env={**kept, **threads}, capture_output=True, text=True,
    )  # fmt: skip
    if child.returncode:
        raise SystemExit(f"{case} failed:\n{child.stderr}")
    return Measured(**json.loads(child.stdout.splitlines()[-1]))


def _head() -> None:
    print(f"{'AmoebaNet-A, medians':<66} {'ours':>12} {'plain':>12} {'ratio':>6} {'at most':>7}")


def _row(name: str, ours: float, plain: float, target: float) -> None:
    print(f"{name:<66} {ours * 1e3:>9.1f} ms {plain * 1e3:>9.1f} ms {ours / plain:>6.2f} {target:>7.1f}")


def small_network(repetitions: int, clock: str) -> None:
    """Prints the times of set-up and step for a small network, as in a search."""
    cases = [Case("ours"), Case("plain"), Case("plain", threads=None)]
    one, fit, default = measure([replace(case, clock=clock) for case in cases], repetitions)
    where = "N=1 F=8, 8x8x1, batch 64"
    _head()
    _row(f"set-up, {where}, 1 thread", one.setup, fit.setup, 0.2)
    _row(f"step, {where}, 1 thread", one.step, fit.step, 0.9)
    _row(f"step, {where}, 1 thread over fit's default threads", one.step, default.step, 0.4)


def large_network(repetitions: int, clock: str) -> None:
    """Prints the time of a step for a large network, in which arithmetic takes most of the time."""
    here, fit = measure([replace(LARGE, side=side, clock=clock) for side in ("ours", "plain")], repetitions)
    _head()
    _row("step, N=2 F=24, 32x32x3, batch 32, 1 thread", here.step, fit.step, 1.0)


def growth(repetitions: int, clock: str) -> None:
    """Prints how the times of set-up and step, and the arithmetic, grow with the number of cells."""
    cases = [Case("ours", n=n, steps=20, clock=clock) for n in (1, 2, 4, 6)]
    graphs = [compiler.resolve(case.genotype, case.shape, 10) for case in cases]
    mult_adds = [compiler.graph_cost(graph).mult_adds for graph in graphs]
    found = measure(cases, repetitions)
    print(f"\n{'ours, F=8, 8x8x1, batch 64, 1 thread':<40} {'N=1':>8} {'N=2':>8} {'N=4':>8} {'N=6':>8}")
    for name, values in (
        ("cells", [graph.cells for graph in graphs]), ("mult-adds", mult_adds),
        ("step", [m.step for m in found]), ("set-up", [m.setup for m in found]),
    ):  # fmt: skip
        print(f"{name + ', over those of N=1':<40} " + " ".join(f"{value / values[0]:>8.2f}" for value in values))


PARTS: dict[str, Callable[[int, str], None]] = {"small": small_network, "large": large_network, "growth": growth}


def main() -> None:
    """Measures the parts that are asked for and prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", action="append", choices=PARTS, help="one part (repeatable); all without")
    parser.add_argument("--repetitions", type=int, default=5, help="processes for each number (5)")
    parser.add_argument("--cpu", action="store_true", help="CPU time of all threads, for a machine that is shared")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--images", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        given = json.loads(options.child)
        _child(Case(**{**given, "shape": tuple(given["shape"])}), options.images)
        return
    for part in options.only or PARTS:
        PARTS[part](options.repetitions, "cpu" if options.cpu else "wall")


if __name__ == "__main__":
    main()
