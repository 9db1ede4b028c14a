"""Where tasks run: here and now, or in worker processes that end when the driver does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Protocol, TypeVar

from pebble import ProcessExpired, ProcessPool

from evolve.errors import SearchError, UsageError, WorkerDied

R = TypeVar("R")

WORKER_BYTES = 1_200_000_000  # What TensorFlow, the data and a small model take in one worker.
# Several single-threaded workers use the cores better than one with many threads. TensorFlow reads these when
# it is first imported, which in a worker is after `_settle`.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class Executor(Protocol):
    """Takes tasks, gives futures."""

    def submit(self, function: Callable[..., R], *args: object) -> Future[R]:
        """Run a function elsewhere; it, its arguments and its result can be pickled."""

    def close(self) -> None:
        """End whatever runs."""


class Serial:
    """Runs each task at once, in this process; what a task raises is raised from `submit`."""

    def submit(self, function: Callable[..., R], *args: object) -> Future[R]:
        """Run the function now."""
        future: Future[R] = Future()
        future.set_result(function(*args))
        return future

    def close(self) -> None:
        """There is nothing to end."""


class Processes:
    """Worker processes of one thread each, replaced after some tasks or when they die."""

    def __init__(self, workers: int, tasks: int, log: Path) -> None:
        self._log = log
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=tasks,
            initializer=_settle,
            initargs=(os.getpid(), str(log)),
            context=multiprocessing.get_context("spawn"),
        )

    def submit(self, function: Callable[..., R], *args: object) -> Future[R]:
        """Queue the function for the next free worker."""
        with _interrupts_blocked():
            future: Future[R] = self._pool.schedule(function, args=args)
        return future

    def close(self) -> None:
        """Kill the workers, whatever they do."""
        self._pool.stop()
        self._pool.join()


def outcome(future: Future[R], log: Path) -> R:
    """The result of a task that has ended.

    Raises:
      WorkerDied: its worker was killed; another has taken its place.
      SearchError: no worker can be had.
    """
    try:
        return future.result()
    except ProcessExpired as error:
        # A negative code is the number of the signal that ended the process.
        cause = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit code {error.exitcode}"
        hint = ", perhaps out of memory" if -error.exitcode == signal.SIGKILL else ""
        raise WorkerDied(f"its worker process ended with {cause}{hint}") from error
    except BrokenProcessPool as error:
        raise SearchError(
            f"no worker process could be kept alive, see {log}; all finished work is kept, and the same command goes on"
        ) from error


def count(wanted: int | None) -> int:
    """How many workers there are to be: as asked, or one a core as far as memory goes.

    Raises:
      UsageError: more were asked for than fit into memory.
    """
    free = available_memory()
    fit = free // WORKER_BYTES
    if wanted is None:
        return int(max(1, min(len(os.sched_getaffinity(0)), fit)))
    if wanted > max(1, fit):
        raise UsageError(
            f"search.workers is {wanted}; at {WORKER_BYTES / 1e9:.1f} GB each they need "
            f"{wanted * WORKER_BYTES / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: "
            f"set search.workers to {max(1, fit)} or fewer"
        )
    return wanted


def available_memory() -> int:
    """Bytes that new processes may take, the limit of a container included."""
    found = [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    # What sysconf calls free leaves out the caches that the kernel gives back on demand.
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in fields:
            found = [int(fields["MemAvailable"].split()[0]) * 1024]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        found.append(int(limit.read_text()) - int(used.read_text()))
    return max(0, min(found))


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes and threads started inside never see Ctrl-C, not even while they start up.

    The pool starts at its first task, and its threads, and the processes that these start, inherit the mask.
    """
    # The tracker unblocks the signal when it is started, so it has to be there before.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _settle(driver: int, log: str) -> None:
    """Make a new process a worker: one thread, quiet, and gone when the driver is."""
    os.environ.update(_ENVIRONMENT)
    # At the default TensorFlow cannot hold up the end of a search.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    threading.Thread(target=_follow, args=(driver,), daemon=True).start()


def _follow(driver: int) -> None:
    """End this process soon after the driver; an orphan's parent is another process."""
    while os.getppid() == driver:
        time.sleep(0.5)
    os._exit(1)
