"""Measures the seed network on the first GPU before a search begins, for the settings that are `'auto'`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.epochs import Pace
from compiler.images import fit
from evolve.executors import ExecutorSettings, Processes, machine
from evolve.executors.together import Meeting, together
from evolve.fitness.sharing import SHARE, Asked, Choice, decided, without_gpu
from evolve.fitness.training import TrainingFitness

SECONDS = 3.0  # in which the steps of each number of workers are measured
LIMIT = 120.0  # seconds of a measurement with the start of its processes, after which it is ended
XLA_LIMIT = 300.0  # the same with XLA, which tries algorithms for every convolution


@dataclass(frozen=True, slots=True)
class Probe:
    """The measurement of the seed of a search on one GPU.

    Attributes:
      fitness: the source of fitness.
      seed: the text of the seed.
      gpu: the name of the GPU for CUDA_VISIBLE_DEVICES.
    """

    fitness: TrainingFitness
    seed: str
    gpu: str

    def measure(self, workers: int, precision: str, jit_compile: bool) -> list[Pace]:
        """Returns the paces of workers that train at the same time.

        Raises:
          MemoryError: the GPU has not enough memory.
          CompileError, WorkerLost: the network cannot be trained, or not within its limit of seconds.
          UsageError: the images cannot be read.
        """
        training = replace(self.fitness.training, precision=precision, jit_compile=jit_compile)
        environments = machine.devices((self.gpu,), 1 / workers, workers)
        with tempfile.TemporaryDirectory() as name:
            meeting = Meeting(Path(name), workers)
            log, limit = self.fitness.folder / "workers.log", XLA_LIMIT if jit_compile else LIMIT
            with closing(Processes(workers, 1, log, environments)) as executor:
                return together(executor, meeting, self.fitness.pace, self.seed, training, SECONDS, limit=limit)


def asked(fitness: TrainingFitness, executor: ExecutorSettings, gpus: tuple[str, ...]) -> Asked:
    """Returns what is to be decided before a search begins."""
    shares = isinstance(executor, machine.WorkerSettings) and executor.finds_share
    training, images = fitness.training, fitness.known.images
    memory = machine.gpu_memory(gpus)
    share = executor.share if isinstance(executor, machine.WorkerSettings) else None
    is_on_device = fit.is_on_device(training, fitness.known.bytes, bool(gpus), memory * min(1.0, share or 1.0))
    is_auto = training.images_on_device == "auto"
    room = min(machine.cores(), max(1, (machine.available_memory() - fitness.known.bytes) // machine.WORKER_BYTES))
    return Asked(
        share=bool(gpus) and shares,
        precision=training.precision,
        jit_compile=training.jit_compile,
        workers=int(max(1, room // max(1, len(gpus)))),
        steps=images // training.batch_size * training.epochs,
        memory=memory,
        places_images=is_auto,
        images_on_device=is_on_device,
        images=_place(fitness.known.bytes, is_on_device) if is_auto and gpus else "",
    )


def _place(bytes: int, is_on_device: bool) -> str:
    """Returns the row of the header about the place of the images."""
    size = f"{bytes / 1e6:,.1f} MB of images"
    if is_on_device:
        return f"{size}, which each worker copies to its GPU"
    in_memory = f"{size} in memory, which are sent to the GPU in batches"
    return in_memory if bytes else "the images are read from their files during training"


def chosen(
    fitness: TrainingFitness,
    executor: ExecutorSettings,
    seed: str,
    noted: Choice | None,
    show: Callable[[str], object],
) -> Choice | None:
    """Returns what `'auto'` decides now; None if there is nothing to decide, or if it was decided before.

    On another kind of GPU, only the number of workers is found anew. It has no effect on results.

    Args:
      fitness: the source of fitness.
      executor: the settings of the executor.
      seed: the text of the seed.
      noted: the choice with which the search began; None for a new search.
      show: shows a line before a measurement, which takes a minute or two.

    Raises:
      UsageError: the GPU has no memory for the seed network.
    """
    gpus = gpus_of(executor)
    wanted = asked(fitness, executor, gpus)
    if not wanted.anything:
        return None
    if noted is None and not gpus:
        return without_gpu(wanted)
    kind = machine.gpu_kind(gpus)
    if noted is not None and (not wanted.share or (noted.gpu == kind and SHARE in noted.found)):
        return None
    if wanted.measures:
        show(f"measuring trainings of the seed network on the GPU ({kind}), for the settings that are 'auto'")
    if noted is not None:
        wanted = replace(
            wanted, precision=noted.precision, jit_compile=noted.jit_compile, places_images=False, images="",
            images_on_device=noted.images_on_device,
        )  # fmt: skip
    training = replace(fitness.training, images_on_device=wanted.images_on_device)
    found = decided(wanted, kind, Probe(replace(fitness, training=training), seed, gpus[0]).measure)
    return found if noted is None else replace(found, found={**noted.found, **found.found})


def gpus_of(executor: ExecutorSettings) -> tuple[str, ...]:
    """Returns the names of the GPUs of this machine that workers use."""
    uses = not isinstance(executor, machine.WorkerSettings) or executor.gpus_per_worker != 0
    return machine.gpus(os.environ) if uses else ()


def moved(executor: ExecutorSettings, noted: Choice | None) -> str:
    """Returns a warning if a search that is resumed has another kind of GPU than before; empty if it has not."""
    kind = machine.gpu_kind(gpus_of(executor))
    if noted is None or noted.gpu == kind:
        return ""
    before, now = (name or "the CPU" for name in (noted.gpu, kind))
    return f"this search trained on {before} before, and trains on {now} now; precision and XLA stay as they were"
