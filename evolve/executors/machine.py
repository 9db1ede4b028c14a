"""The cores, memory and GPUs of this machine, and the number of workers that it has room for. No TensorFlow is used."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from compiler import tensorflow_import
from compiler.domains import Domain, is_number, optional, whole
from compiler.errors import pasted
from evolve.errors import UsageError

WORKER_BYTES = 1_200_000_000  # the memory that a worker needs for TensorFlow, the images and a small network


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and is_number(value) and (0 <= value <= 1 or (value > 1 and value % 1 == 0))


AUTO = "auto"
_SHARE = Domain(
    "'auto', None, a whole number, or a share such as 0.5",
    lambda value: value in (None, AUTO) or _is_share(value),
    verb="it may be",
    example=0.5,
)


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """The common settings of executors with worker processes."""

    workers: Annotated[
        int | None,
        optional(whole(1)),
        "number of workers; None starts one for each core, or fewer if memory or GPUs are short",
    ] = None
    worker_tasks: Annotated[
        int, whole(1), "individuals after which a worker process is replaced, which bounds its memory"
    ] = 200
    gpus_per_worker: Annotated[
        float | str | None,
        _SHARE,
        "number of GPUs of each worker, or its share of one GPU; None gives one GPU to each worker, 0 gives none; "
        "'auto' measures how many workers share a GPU best, where a GPU is found and the number of workers is None",
    ] = AUTO

    @property
    def share(self) -> float | None:
        """The number of GPUs of each worker, or its share of one; None gives one GPU to each worker."""
        return None if isinstance(self.gpus_per_worker, str) else self.gpus_per_worker

    @property
    def finds_share(self) -> bool:
        """Whether the number of workers that share a GPU is to be measured."""
        return self.gpus_per_worker == AUTO and self.workers is None


def threads(count: int = 1) -> dict[str, str]:
    """Returns environment variables that give TensorFlow `count` threads, turn its log off and choose tf-keras.

    TensorFlow reads the variables when it is first imported. By default a worker has one thread, because several
    workers with one thread each use the cores better than one worker with many threads.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {**dict.fromkeys(names, str(count)), **tensorflow_import.VARIABLES}


def count(scope: str, settings: WorkerSettings, gpus: Sequence[str] = (), held: int = 0) -> int:
    """Returns the number of workers that the settings ask for. None means one for each core, if the machine has room.

    Args:
      scope: the gin name of the executor, for messages.
      settings: the settings of the user.
      gpus: the names of the GPUs of this machine.
      held: bytes that all workers share, such as images in a file that each of them maps.

    Raises:
      UsageError: the settings ask for more workers than memory or GPUs allow.
    """
    wanted, share = settings.workers, settings.share
    free = max(0, available_memory() - held)
    fit = int(max(1, free // WORKER_BYTES))
    served = _served(scope, gpus, share)
    if wanted is None:
        each_has_one = len(gpus) if gpus and share is None else fit
        return min(cores(), fit, each_has_one, fit if served is None else served)
    if wanted > fit:
        raise UsageError(
            f"{scope}.workers is {wanted}; at {WORKER_BYTES / 1e9:.1f} GB each, the workers need "
            f"{wanted * WORKER_BYTES / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: "
            f"ask for {fit} or fewer: {pasted(f'{scope}.workers', fit)}"
        )
    if served is not None and wanted > served:
        raise UsageError(
            f"{scope}.workers is {wanted}; at {scope}.gpus_per_worker={share} the {len(gpus)} GPUs serve {served}: "
            f"ask for {served} or fewer, or give each a smaller share: {pasted(f'{scope}.workers', served)}"
        )
    return wanted


def _served(scope: str, gpus: Sequence[str], share: float | None) -> int | None:
    """Returns the number of workers for which the GPUs are enough, at `share` GPUs each; None if no GPU is needed."""
    if not share:
        return None
    if share > len(gpus):
        raise UsageError(
            f"{scope}.gpus_per_worker is {share}; {len(gpus)} GPUs were found "
            f"(CUDA_VISIBLE_DEVICES lists them, or else nvidia-smi): {pasted(f'{scope}.gpus_per_worker', None)}"
        )
    return math.floor(1 / share) * len(gpus) if share < 1 else len(gpus) // int(share)


def cores() -> int:
    """Returns the number of cores that this process may use. On macOS it is the number of cores of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int:
    """Returns the bytes of memory that new processes may use. The limit of a container counts."""
    # On macOS, the available memory is unknown, so the whole memory of the machine is taken.
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    found = [os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")]
    # sysconf does not count caches as free, although the kernel releases them on demand.
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in fields:
            found = [int(fields["MemAvailable"].split()[0]) * 1024]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        found.append(int(limit.read_text()) - int(used.read_text()) + _reclaimable())
    return max(0, min(found))


def _reclaimable() -> int:
    """Returns the bytes of a container's file cache, which the kernel releases on demand."""
    statistics = Path("/sys/fs/cgroup/memory.stat")
    if not statistics.exists():
        return 0
    fields = dict(line.split() for line in statistics.read_text().splitlines())
    return int(fields.get("inactive_file", 0))


def gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the names of the GPUs that may be used: the GPUs in CUDA_VISIBLE_DEVICES, or all if it is not set."""
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        names = [name.strip() for name in listed.split(",")]
        # CUDA ignores the first name that is empty or -1, and all names after it.
        end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
        return tuple(names[:end])
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if tool is None:
        return ()
    try:
        listed_gpus = subprocess.run(
            [tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()  # nvidia-smi fails if the driver of the GPUs does not answer, and then no GPU can be used
    return tuple(listed_gpus.stdout.split())


def gpu_kind(gpus: Sequence[str]) -> str:
    """Returns the name of the kind of the first GPU; empty without a GPU."""
    return (_asked(gpus[0], "name") or "a GPU of unknown kind") if gpus else ""


def gpu_memory(gpus: Sequence[str]) -> int:
    """Returns the bytes of memory of the first GPU; 0 if the number is not known."""
    mebibytes = _asked(gpus[0], "memory.total") if gpus else ""
    return int(mebibytes) * 2**20 if mebibytes.isdigit() else 0


def _asked(gpu: str, field: str) -> str:
    """Returns what nvidia-smi answers about a GPU; empty if it does not answer."""
    command = ["nvidia-smi", f"--id={gpu}", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def devices(gpus: Sequence[str], share: float | None, workers: int) -> tuple[Mapping[str, str], ...]:
    """Returns, for each worker, the environment variables that assign GPUs to the worker.

    With a share of 0, workers see no GPUs. With None, each worker sees one GPU, and several workers may see the same
    GPU. If the machine has no GPUs, no variables are set.
    """
    if not gpus:
        return ({},) * workers
    if share == 0:
        return ({"CUDA_VISIBLE_DEVICES": "-1"},) * workers
    if share is None or share < 1:
        several = workers > len(gpus) if share is None else True
        # Without this variable, the TensorFlow of one worker takes the whole memory of a GPU that several workers use.
        grow = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if several else {}
        return tuple({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)], **grow} for slot in range(workers))
    each = int(share)
    return tuple({"CUDA_VISIBLE_DEVICES": ",".join(gpus[slot * each : (slot + 1) * each])} for slot in range(workers))
