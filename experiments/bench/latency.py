"""Measures how well the metric `latency_ms` repeats: `python -m experiments.bench.latency [RUNS]`.

AmoebaNet-A is exported to TensorFlow Lite with random weights. Each run measures the file as a search does, with the
default settings of `latency`. The target is that the largest and the smallest of ten runs on an idle core differ by at
most 10 % of their median.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import dsl
from compiler import lower, resolve
from compiler.layers.model import step_layers
from compiler.networks import weights
from compiler.networks.formats import export
from compiler.networks.latency import milliseconds
from compiler.networks.saved import Saved
from evolve.settings import LatencySettings
from experiments.bench.pace import numbers, pace

RUNS = 10
TARGET = 0.1  # of the median
SHAPE, CLASSES = (32, 32, 3), 10


def network() -> Saved:
    """Returns AmoebaNet-A (N=1, F=24) with random weights."""
    genotype = dsl.load("amoebanet_a.cell", {"N": 1, "F": 24})
    values = weights.weights_of(step_layers(lower(resolve(genotype, SHAPE, CLASSES))))
    return Saved(genotype, values, SHAPE, tuple(map(str, range(CLASSES))), (127.0,) * 3, (64.0,) * 3)


def measured(runs: int, settings: LatencySettings) -> list[float]:
    """Returns the latency that each of several runs measures, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        export(network(), path)
        return [milliseconds(path, settings.threads, settings.warm_up, settings.runs) for _ in range(runs)]


def table(found: Sequence[float]) -> str:
    """Returns the latencies, and their range in percent of their median."""
    middle = statistics.median(found)
    share = (max(found) - min(found)) / middle
    return (
        f"latency_ms of {len(found)} runs: {' '.join(f'{one:.3f}' for one in found)}\n"
        f"median {middle:.3f} ms, range {share:.1%} of it (target {TARGET:.0%})"
    )


def main(runs: int) -> None:
    """Measures and prints the table."""
    print(table(measured(runs, LatencySettings())))
    print(pace())


if __name__ == "__main__":
    main(*numbers(__doc__, runs=RUNS))
