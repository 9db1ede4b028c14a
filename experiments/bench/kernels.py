"""Profiles the steps of a candidate training on a GPU: `python -m experiments.bench.kernels`.

The profile answers what bounds a step: how long the GPU computes in it, how many kernels are launched for it, and which
kernels take most of the time. A GPU that computes for a small share of a step waits for launches. A GPU that computes
all the time is bound by its kernels, and workers that take turns on it gain nothing. The times are those of
TensorFlow's profiler, which makes a step longer, so the step is measured before without it.
"""

from __future__ import annotations

import argparse
import glob
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evolve.executors.together import Meeting
from experiments.bench.gpu import CANDIDATES, FAULTS, XLA_LIMIT, Row, at_once, images_of, loaded

STEPS = 5  # that are profiled
MEASURED = 20  # steps whose time is measured without the profiler
SHOWN = 20  # kernels
WIDTH = 80  # letters of the name of a kernel that are shown


@dataclass(frozen=True)
class Profile:
    """What a GPU did in some steps.

    Attributes:
      steps: the number of steps.
      step: the seconds of a step, measured without the profiler.
      milliseconds: the time of each kernel in all steps, by its name.
      launches: the number of launches of each kernel.
    """

    steps: int
    step: float
    milliseconds: Counter[str]
    launches: Counter[str]

    def lines(self) -> list[str]:
        """Returns the report."""
        if not self.launches:
            return [f"a step takes {1e3 * self.step:.1f} ms; TensorFlow's profiler saw no kernels of a GPU"]
        busy, count = self.milliseconds.total() / self.steps, self.launches.total() / self.steps
        found = [
            f"a step takes {1e3 * self.step:.1f} ms; the GPU computes for {busy:.1f} ms of it, in {count:,.0f} kernels",
            "a step      launches   kernel",
        ]
        for name, time_ in self.milliseconds.most_common(SHOWN):
            found.append(f"{time_ / self.steps:>6.2f} ms {self.launches[name] / self.steps:>8,.0f}   {name[:WIDTH]}")
        return found


def summary(space: Any, steps: int, step: float) -> Profile:
    """Returns the profile in an `XSpace`, the format of TensorFlow's profiler. Copies and fills of memory count too."""
    spent, launches = Counter[str](), Counter[str]()
    for plane in (one for one in space.planes if "GPU" in one.name):
        for event in (event for line in plane.lines if line.name.startswith("Stream") for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            spent[name] += event.duration_ps / 1e9
            launches[name] += 1
    return Profile(steps, step, spent, launches)


def profiled(meeting: Meeting, number: int, row: Row, images: Path) -> Profile:
    """Returns the profile of the training of a row."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from compiler.training.pace import set_up

    candidate = CANDIDATES[row.candidate]
    training = replace(candidate.case.training, precision=row.precision, jit_compile=row.xla)
    with set_up(candidate.genotype, loaded(images), training) as trainer, tempfile.TemporaryDirectory() as folder:
        trainer.run(2)
        start = time.perf_counter()
        trainer.run(MEASURED)
        step = (time.perf_counter() - start) / MEASURED
        tf.profiler.experimental.start(folder)
        trainer.run(STEPS)
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        for file in glob.glob(f"{folder}/**/*.xplane.pb", recursive=True):
            space.MergeFromString(Path(file).read_bytes())
    return summary(space, STEPS, step)


def main() -> None:
    """Profiles the training that is asked for, and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidate", default="paper", choices=CANDIDATES, help="the network (paper)")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--xla", action="store_true", help="with training.jit_compile=True")
    parser.add_argument("--limit", type=float, default=XLA_LIMIT, help=f"seconds until it is ended ({XLA_LIMIT:g})")
    options = parser.parse_args()
    row = Row(options.candidate, precision=options.precision, xla=options.xla)
    with tempfile.TemporaryDirectory() as name:
        images = images_of(Path(name), CANDIDATES[row.candidate].case)
        try:
            (found,) = at_once(1, Path(name), options.limit, profiled, row, images)
        except FAULTS as error:
            raise SystemExit(str(error)) from None
    print("\n".join(found.lines()))


if __name__ == "__main__":
    main()
