"""Measures how well candidate trainings use a GPU: `python -m experiments.bench.gpu`.

Each row trains one network in worker processes, as `evolve` starts them, which share the first GPU. All workers are set
up at once, wait for each other, and are then measured at the same time. A row has the seconds of the set-up, from the
genotype to the end of the first step, and of a later step. Images a second count all workers. Models an hour follow
from set-up and step for the number of steps that a candidate training has in a search. The last column compares the
arithmetic, 3 x mult-adds x 2 for each image, with products of large random matrices of the same type in the same run.
On GPUs with TF32, TensorFlow uses it for float32, in these products and in the trainings.

The rows `stock` train the same network of stock layers of Keras by `compile` and `fit`, in float32. Rows `timm` train
NASNet-A large of the package timm in PyTorch, in float32, and their arithmetic is taken from the `.cell` text of the
same network. A row that takes longer than its limit is ended. Without a GPU the rows run on the CPU.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import compiler
import dsl
from compiler.epochs import Pace
from evolve import Processes, SearchError
from evolve.errors import TimedOut, WorkerLost
from evolve.executors import machine
from evolve.executors.together import Meeting, together
from experiments.bench.setup_and_step import Case, plain
from experiments.compare import from_one

TOTAL = 290.0  # seconds after which no further row begins, unless rows are asked for
LIMIT = 75.0  # seconds of a row, with the start of its processes; the stock model takes nearly as long
XLA_LIMIT = 300.0  # the same for a row with XLA, which tries algorithms for every convolution
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
    def limit(self) -> float:
        """The seconds after which the row is ended, unless another limit is asked for."""
        return XLA_LIMIT if self.xla else LIMIT

    @property
    def name(self) -> str:
        """The first columns of the row."""
        return (
            f"{self.side:<6}{self.candidate:<13}{self.workers:>7}  {self.precision:<9}{'yes' if self.xla else 'no':>4}"
        )


# The rows come in the order of their importance, since the last ones are left out on a slow machine.
PLAIN = (
    Row(),
    *(Row(workers=workers) for workers in (2, 4, 8, 16)),
    Row(xla=True),
    Row(side="stock"),
    Row(precision="bfloat16"),
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
    return pace(candidate.genotype, loaded(images), training, seconds, partial(meeting.wait, number))


def stock(meeting: Meeting, number: int, row: Row, images: Path, seconds: float) -> Pace:
    """Returns the pace of the same network of stock layers under `compile` and `fit`."""
    with explained():
        found = plain(CANDIDATES[row.candidate].case, loaded(images), partial(meeting.wait, number))
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

    try:
        step()
        setup = time.perf_counter() - start
        meeting.wait(number)
        begun, count = time.perf_counter(), 0
        while not count or time.perf_counter() - begun < seconds:
            step()
            count += 1
    except torch.cuda.OutOfMemoryError as error:
        raise MemoryError(str(error).partition("\n")[0]) from None
    return Pace(setup, (time.perf_counter() - begun) / count)


@contextmanager
def explained() -> Iterator[None]:
    """The context of the same name in `compiler.training.pace`, which imports TensorFlow."""
    from compiler.training import pace

    with pace.explained():
        yield


def loaded(images: Path) -> Any:
    """Returns the images. TensorFlow and the device are started here, before the set-up is measured."""
    import tensorflow as tf

    from compiler.images import data

    with explained():
        tf.nn.conv2d(tf.ones((1, 8, 8, 8)), tf.ones((3, 3, 8, 8)), 1, "SAME")  # loads cuDNN, as a worker does once
    return data.load(f"npz:{images}")


def peaks(
    meeting: Meeting, number: int, precisions: Sequence[str], size: int, seconds: float
) -> tuple[Mapping[str, float | str], str]:
    """Returns the FLOPs a second of matrix products in each precision, or the reason of a failure; and the device."""
    from compiler.training.pace import device

    found: dict[str, float | str] = {}
    for precision in precisions:
        try:
            with explained():
                found[precision] = _products_a_second(precision, size, seconds) * 2.0 * size**3
        except (MemoryError, compiler.CompileError) as error:
            found[precision] = str(error)
    return found, device() or "the CPU"


def _products_a_second(precision: str, size: int, seconds: float) -> float:
    """Returns the number of products of two square matrices of `size` rows that the device computes in a second."""
    import tensorflow as tf

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def products(one: Any, other: Any) -> Any:
        for _ in range(10):
            one = tf.linalg.matmul(one, other)
        return tf.reduce_sum(one)

    # Products of zeros would take less power, so a GPU would compute them at a higher clock rate than a training's.
    one = tf.cast(tf.random.stateless_normal((size, size), (0, 1), stddev=size**-0.5), precision)
    float(products(one, one))
    start, count = time.perf_counter(), 0
    while not count or time.perf_counter() - start < seconds:
        float(products(one, one))  # reading the sum waits for the end of the products
        count += 10
    return count / (time.perf_counter() - start)


# What may happen to a row, and costs no other one.
FAULTS = (SearchError, MemoryError, ImportError, compiler.CompileError)
SIDES: dict[str, Callable[..., Pace]] = {"ours": ours, "stock": stock, "timm": timm}


# --- the process that starts the workers and prints the table --------------------------------------------------


def at_once(workers: int, folder: Path, limit: float, function: Callable[..., Any], *args: object) -> list[Any]:
    """Returns the results of a function that runs in new worker processes on the first GPU at the same time."""
    gpus, needed, free = machine.gpus(os.environ)[:1], workers * machine.WORKER_BYTES, machine.available_memory()
    if needed > free and workers > 1:
        raise MemoryError(f"{workers} processes need {needed / 1e9:.1f} GB of RAM, and {free / 1e9:.1f} GB are free")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        environments = machine.devices(gpus, 1 / workers, workers)
        with closing(Processes(workers, 1, folder / "workers.log", environments)) as executor:
            return together(executor, Meeting(Path(name), workers), function, *args, limit=limit)


def table(rows: Sequence[Row], folder: Path, seconds: float, limit: float | None, total: float) -> list[str]:
    """Measures rows and prints each as soon as it is measured. Returns the reasons of rows that were not measured.

    Without a limit, each row has the limit of its kind.
    """
    end, failed = time.monotonic() + total, list[str]()
    found = _peaks(rows, folder, seconds, limit or LIMIT)
    print(HEAD)
    for row in rows:
        left = min(limit or row.limit, end - time.monotonic())
        try:
            if left <= 0:
                raise WorkerLost(f"left out, because {total:g} s are over")
            print(f"{row.name}  {_measured(row, folder, seconds, left, found.get(row.precision))}", flush=True)
        except FAULTS as error:
            failed.append(f"{row.name}  {_reason(error, left)}")
            print(failed[-1], flush=True)
    return failed


def _peaks(rows: Sequence[Row], folder: Path, seconds: float, limit: float) -> Mapping[str, float]:
    """Prints and returns the FLOPs a second of large matrix products, in each precision in which they succeed.

    Raises:
      SystemExit: the machine has a GPU that TensorFlow does not see.
    """
    wanted, size = (
        tuple(dict.fromkeys(row.precision for row in rows)),
        max(CANDIDATES[row.candidate].matrix for row in rows),
    )
    try:
        ((found, name),) = at_once(1, folder, limit, peaks, wanted, size, seconds / 4)
    except FAULTS as error:
        print(f"the products of matrices were not measured: {_reason(error, limit)}")
        return {}
    if name == "the CPU" and machine.gpus(os.environ):
        raise SystemExit("TensorFlow does not see the GPU of this machine: pip install 'tensorflow[and-cuda]'")
    for precision, value in found.items():
        shown = f"not measured: {value}" if isinstance(value, str) else f"{value / 1e12:.3g} TFLOP/s"
        print(f"products of matrices in {precision}, on {name}: {shown}")
    return {precision: value for precision, value in found.items() if not isinstance(value, str)}


def _reason(error: Exception, limit: float) -> str:
    """Returns why something was not measured, on one line."""
    if isinstance(error, TimedOut):
        return f"ended after {limit:.0f} s"
    reason = str(error).partition("\n")[0]
    return f"out of memory: {reason}" if isinstance(error, MemoryError) else reason


def _measured(row: Row, folder: Path, seconds: float, limit: float, peak: float | None) -> str:
    candidate = CANDIDATES[row.candidate]
    case = candidate.case
    images = images_of(folder, case)
    found = at_once(row.workers, folder, limit, SIDES[row.side], row, images, seconds)
    graph = compiler.resolve(candidate.genotype, case.shape, 10)
    rate = sum(case.batch / one.step for one in found)
    models = sum(3600 / one.total(candidate.steps) for one in found)
    share = "" if peak is None else f"{rate * 6 * compiler.graph_cost(graph).mult_adds / peak:.1%}"
    setup, step = (max(getattr(one, name) for one in found) for name in ("setup", "step"))
    return f"{setup:>5.1f} s {1e3 * step:>6.1f} ms {rate:>9,.0f} {models:>9,.1f} {share:>8}"


def images_of(folder: Path, case: Case) -> Path:
    """Returns a file in a folder with random images of the shape of a case, which is written if it is not there."""
    count = max(64, 8 * case.batch)
    path = folder / f"{count}_{'x'.join(map(str, case.shape))}.npz"
    if not path.exists():
        drawn = np.random.default_rng(0).integers(0, 256, (count, *case.shape), np.uint8)
        np.savez(path, images=drawn, labels=np.arange(count) % 10)
    return path


def _rows(options: argparse.Namespace) -> tuple[Row, ...]:
    """Returns the rows that the options ask for.

    Raises:
      SystemExit: a row is asked for that its side cannot train.
    """
    given = (options.workers, options.candidate, options.precision, options.side)
    if options.xla or any(given):
        sizes, sides = options.candidate or ["tiny" if options.tiny else "paper"], options.side or ["ours"]
        chosen = product(sizes, options.workers or [1], options.precision or ["float32"], [options.xla], sides)
        rows = tuple(Row(*one) for one in chosen)
        for row in rows:
            if row.side != "ours" and (row.xla or row.precision != "float32"):
                raise SystemExit(f"--side {row.side} trains in float32 and without XLA only")
            if row.side == "timm" and row.candidate != "nasnet_large":
                raise SystemExit("--side timm trains NASNet-A large only: --side timm --candidate nasnet_large")
        return rows
    if options.tiny:
        return TINY
    has_timm = all(map(importlib.util.find_spec, ("torch", "timm")))
    return PLAIN + tuple(row for row in FULL if options.full and (row.side != "timm" or has_timm))


def main() -> None:
    """Measures the rows that are asked for, and prints their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workers", type=from_one, nargs="+", help="numbers of workers that share the GPU")
    parser.add_argument("--candidate", nargs="+", choices=CANDIDATES, help="the network")
    parser.add_argument("--precision", nargs="+", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--xla", action="store_true", help="with training.jit_compile=True")
    parser.add_argument("--side", nargs="+", choices=SIDES, help="ours, stock layers of Keras, or timm")
    parser.add_argument("--seconds", type=float, help="seconds in which the steps of a row are measured (5)")
    parser.add_argument(
        "--limit", type=float, help=f"seconds after which a row is ended ({LIMIT:g}, with XLA {XLA_LIMIT:g})"
    )
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
