"""Measures how well candidate trainings use a GPU: `python -m experiments.bench.gpu`.

Each row trains one network in worker processes, as `evolve` starts them, which share the first GPU. All workers are set
up at once, wait for each other, and are then measured at the same time. A row has the seconds of the set-up, from the
genotype to the end of the first step, and of a later step. Images a second count all workers. Models an hour follow
from set-up and step for the number of steps that a candidate training has in a search. The last column compares the
arithmetic, 3 x mult-adds x 2 for each image, with a product of large matrices of the same type in the same run.

The rows `stock` train the same network of stock layers of Keras by `compile` and `fit`. Rows `timm` train NASNet-A of
the package timm in PyTorch. A row that takes longer than its limit is ended. Without a GPU the rows run on the CPU.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import compiler
import dsl
from compiler.epochs import Pace
from evolve import Processes
from evolve.errors import TimedOut, WorkerLost
from evolve.executors import machine
from evolve.executors.together import Meeting, together
from experiments.bench.setup_and_step import Case, plain

TOTAL = 290.0  # seconds after which no further row begins, unless rows are asked for
LIMIT = 60.0  # seconds of a row
HEAD = "      candidate    workers  type      XLA  set-up      step  images/s  models/h  of peak"


@dataclass(frozen=True)
class Candidate:
    """A network, its images, and the steps of its candidate training. `case` has its size and the settings."""

    case: Case
    steps: int
    cells: str = "amoebanet_a.cell"
    overlays: tuple[str, ...] = ()
    matrix: int = 8192  # rows of the matrices with which the peak is measured

    @property
    def genotype(self) -> dsl.Genotype:
        """The genotype of the network."""
        return dsl.load(self.cells, {"N": self.case.n, "F": self.case.f}, self.overlays)


# 25 epochs of 45,000 images are the candidate training of the paper, 12 epochs of 718 images that of `digits.gin`.
_PAPER = Case("ours", n=3, f=24, shape=(32, 32, 3), batch=128, steps=20, optimize_graph=True)
CANDIDATES = {
    "paper": Candidate(_PAPER, 25 * (45_000 // 128)),
    "digits": Candidate(Case("ours", steps=50), 12 * (718 // 64)),
    "large": Candidate(replace(_PAPER, n=6, f=36, steps=10), 25 * (45_000 // 128)),
    "nasnet_large": Candidate(
        replace(_PAPER, n=6, f=168, shape=(331, 331, 3), batch=16, steps=5), 1000, "nasnet_a.cell", ("imagenet.cell",)
    ),
    "tiny": Candidate(Case("ours", n=0, f=2, batch=8, steps=1), 100, matrix=256),
}


@dataclass(frozen=True)
class Row:
    """One row of the table: what trains (`ours`, `stock` or `timm`), and how."""

    candidate: str = "paper"
    workers: int = 1
    precision: str = "float32"
    xla: bool = False
    side: str = "ours"

    @property
    def name(self) -> str:
        """The first columns of the row."""
        return (
            f"{self.side:<6}{self.candidate:<13}{self.workers:>7}  {self.precision:<9}{'yes' if self.xla else 'no':>4}"
        )


PLAIN = (
    *(Row(workers=workers) for workers in (1, 2, 4, 8, 16)),
    Row(precision="bfloat16"),
    Row(xla=True),
    Row(side="stock"),
)
FULL = (
    *(Row(candidate, workers) for candidate in ("digits", "large") for workers in (1, 4, 16)),
    Row("large", precision="bfloat16"),
    Row("nasnet_large"),
    Row("nasnet_large", side="timm"),
)
TINY = (
    *(Row("tiny", workers) for workers in (1, 2)),
    Row("tiny", precision="bfloat16"),
    Row("tiny", xla=True),
    Row("tiny", side="stock"),
)


# --- what a worker does ----------------------------------------------------------------------------------------


def ours(meeting: Meeting, number: int, row: Row, images: Path, seconds: float) -> Pace:
    """Returns the pace of the training of this project."""
    from compiler.training.pace import pace

    candidate = CANDIDATES[row.candidate]
    training = replace(candidate.case.training, precision=row.precision, jit_compile=row.xla)
    return pace(candidate.genotype, _loaded(images), training, seconds, partial(meeting.wait, number))


def stock(meeting: Meeting, number: int, row: Row, images: Path, seconds: float) -> Pace:
    """Returns the pace of the same network of stock layers under `compile` and `fit`."""
    found = plain(CANDIDATES[row.candidate].case, _loaded(images))
    return Pace(found.setup, found.step)


def timm(meeting: Meeting, number: int, row: Row, images: Path, seconds: float) -> Pace:
    """Returns the pace of NASNet-A large of timm."""
    torch, models = importlib.import_module("torch"), importlib.import_module("timm")
    case, start = CANDIDATES[row.candidate].case, time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = models.create_model("nasnetalarge", num_classes=10).to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.024, momentum=0.9, weight_decay=5e-4)
    height, width, channels = case.shape
    batch = torch.rand(case.batch, channels, height, width, device=device)
    labels = torch.arange(case.batch, device=device) % 10

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(batch), labels)
        loss.backward()
        optimizer.step()
        return float(loss)  # reading the loss waits for the end of the step

    step()
    setup, begun, count = time.perf_counter() - start, time.perf_counter(), 0
    while not count or time.perf_counter() - begun < seconds:
        step()
        count += 1
    return Pace(setup, (time.perf_counter() - begun) / count)


def _loaded(images: Path) -> Any:
    """Returns the images. TensorFlow and the device are started here, before the set-up is measured."""
    import tensorflow as tf

    from compiler.images import data

    tf.linalg.matmul(tf.ones((8, 8)), tf.ones((8, 8)))
    return data.load(f"npz:{images}")


def peak(meeting: Meeting, number: int, precision: str, size: int, seconds: float) -> tuple[float, str]:
    """Returns the FLOPs a second of products of two square matrices of `size` rows, and the name of the device."""
    import tensorflow as tf

    from compiler.training.pace import device

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def products(one: Any, other: Any) -> Any:
        for _ in range(10):
            one = tf.linalg.matmul(one, other)
        return tf.reduce_sum(one)

    one = tf.zeros((size, size), precision)
    float(products(one, one))
    start, count = time.perf_counter(), 0
    while not count or time.perf_counter() - start < seconds:
        float(products(one, one))  # reading the sum waits for the end of the products
        count += 10
    return count * 2.0 * size**3 / (time.perf_counter() - start), device() or "the CPU"


SIDES: dict[str, Callable[..., Pace]] = {"ours": ours, "stock": stock, "timm": timm}


# --- the process that starts the workers and prints the table --------------------------------------------------


def at_once(workers: int, folder: Path, limit: float, function: Callable[..., Any], *args: object) -> list[Any]:
    """Returns the results of a function that runs in new worker processes on the first GPU at the same time."""
    gpus = machine.gpus(os.environ)[:1]
    with tempfile.TemporaryDirectory(dir=folder) as name:
        environments = machine.devices(gpus, 1 / workers, workers)
        with closing(Processes(workers, 1, folder / "workers.log", environments)) as executor:
            return together(executor, Meeting(Path(name), workers), function, *args, limit=limit)


def table(rows: Sequence[Row], folder: Path, seconds: float, limit: float, total: float) -> list[str]:
    """Measures rows and prints each as soon as it is measured. Returns the reasons of rows that were not measured."""
    end, peaks, failed = time.monotonic() + total, dict[str, float](), list[str]()
    print(HEAD)
    for row in rows:
        try:
            left = min(limit, end - time.monotonic())
            if left <= 0:
                raise WorkerLost(f"left out, because {total:g} s are over")
            if row.precision not in peaks:
                size = CANDIDATES[row.candidate].matrix
                ((peaks[row.precision], name),) = at_once(1, folder, left, peak, row.precision, size, seconds / 4)
                print(f"a product of matrices in {row.precision}, on {name}: {peaks[row.precision] / 1e12:.3g} TFLOP/s")
            print(f"{row.name}  {_measured(row, folder, seconds, left, peaks[row.precision])}", flush=True)
        except (TimedOut, WorkerLost, MemoryError, ImportError, compiler.CompileError) as error:
            failed.append(f"{row.name}  {f'ended after {left:.0f} s' if isinstance(error, TimedOut) else error}")
            print(failed[-1], flush=True)
    return failed


def _measured(row: Row, folder: Path, seconds: float, limit: float, peak: float) -> str:
    candidate = CANDIDATES[row.candidate]
    case = candidate.case
    images = _images(folder, case)
    found = at_once(row.workers, folder, limit, SIDES[row.side], row, images, seconds)
    graph = compiler.resolve(candidate.genotype, case.shape, 10)
    rate = sum(case.batch / one.step for one in found)
    models = sum(3600 / one.total(candidate.steps) for one in found)
    share = rate * 6 * compiler.graph_cost(graph).mult_adds / peak
    setup, step = (max(getattr(one, name) for one in found) for name in ("setup", "step"))
    return f"{setup:>5.1f} s {1e3 * step:>6.1f} ms {rate:>9,.0f} {models:>9,.1f} {share:>8.1%}"


def _images(folder: Path, case: Case) -> Path:
    path, count = folder / f"{'x'.join(map(str, case.shape))}.npz", max(64, 8 * case.batch)
    if not path.exists():
        drawn = np.random.default_rng(0).integers(0, 256, (count, *case.shape), np.uint8)
        np.savez(path, images=drawn, labels=np.arange(count) % 10)
    return path


def _rows(options: argparse.Namespace) -> tuple[Row, ...]:
    """Returns the rows that the options ask for."""
    given = (options.workers, options.candidate, options.precision, options.side)
    if options.xla or any(given):
        sizes, sides = options.candidate or ["tiny" if options.tiny else "paper"], options.side or ["ours"]
        chosen = product(sizes, options.workers or [1], options.precision or ["float32"], [options.xla], sides)
        return tuple(Row(*one) for one in chosen)
    if options.tiny:
        return TINY
    has_timm = all(map(importlib.util.find_spec, ("torch", "timm")))
    return PLAIN + tuple(row for row in FULL if options.full and (row.side != "timm" or has_timm))


def main() -> None:
    """Measures the rows that are asked for, and prints their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, nargs="+", help="numbers of workers that share the GPU")
    parser.add_argument("--candidate", nargs="+", choices=CANDIDATES, help="the network")
    parser.add_argument("--precision", nargs="+", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--xla", action="store_true", help="with training.jit_compile=True")
    parser.add_argument("--side", nargs="+", choices=SIDES, help="ours, stock layers of Keras, or timm")
    parser.add_argument("--seconds", type=float, help="seconds in which the steps of a row are measured (5)")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"seconds after which a row is ended ({LIMIT:g})")
    parser.add_argument("--full", action="store_true", help="also the networks of digits.gin, N=6 F=36, NASNet-A large")
    parser.add_argument("--tiny", action="store_true", help="a tiny network, which a CPU trains in seconds")
    options = parser.parse_args()
    rows = _rows(options)
    seconds = options.seconds or (0.2 if options.tiny else 5.0)
    with tempfile.TemporaryDirectory() as name:
        failed = table(rows, Path(name), seconds, options.limit, TOTAL if rows == PLAIN else 1e9)
    if len(failed) == len(rows):
        raise SystemExit("no row was measured")


if __name__ == "__main__":
    main()
