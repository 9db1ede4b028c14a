"""Worker processes on this machine: of one thread each, kept warm, replaced when they die, and gone with the driver."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from compiler.domains import check
from evolve.errors import SearchError, TimedOut, UsageError, WorkerDied
from evolve.executors import machine
from evolve.executors.base import Site

R = TypeVar("R")

STARTS = 3  # How often a task may find no worker that starts before that is given up.


@dataclass(slots=True)
class _Job:
    """A task on its way."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[object, ...]
    timeout: float | None
    starts: int = 0


class _Slot:
    """The place of one worker: a pool of one process, so that nothing its death leaves locked is shared."""

    def __init__(self, tasks: int, log: Path, environment: Mapping[str, str]) -> None:
        self._tasks = tasks
        self._settings = (os.getpid(), str(log), {**machine.threads(), **environment})
        self._pool: ProcessPool | None = None
        self._running: Future[Any] | None = None

    def start(self, job: _Job) -> Future[Any]:
        """Run a job in the warm process, or in a new one."""
        with _interrupts_blocked():
            if self._pool is not None and not self._pool.active:
                self.drop()
            if self._pool is None:
                self._pool = ProcessPool(
                    1, self._tasks, _prepare_process, self._settings, multiprocessing.get_context("spawn")
                )
            self._running = self._pool.schedule(job.function, args=job.args, timeout=job.timeout)
        return self._running

    def drop(self) -> None:
        """Leave a process behind that has died, or is about to; the next job gets another."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            # It ends threads of its own, which may be this one, so that another has to wait for them.
            threading.Thread(target=pool.join, daemon=True).start()

    def end_lost_job(self) -> None:
        """End a job that the pool has lost with its process."""
        lost = self._pool is not None and not self._pool.active
        if lost and self._running is not None and not self._running.done():
            self._running.set_exception(BrokenProcessPool("the worker is gone"))

    def close(self) -> Callable[[], None]:
        """Kill the process, whatever it does; what is returned waits for that."""
        if self._pool is None:
            return lambda: None
        self._pool.stop()
        join: Callable[[], None] = self._pool.join
        return join


@dataclass(frozen=True)
class ProcessesSettings(machine.WorkerSettings):
    """Settings of worker processes on this machine."""

    ends_tasks = True

    def __post_init__(self) -> None:
        check("processes", self, UsageError)

    def crew(self, held: int = 0) -> str:
        """How many workers there are, and the GPUs that they share."""
        gpus = machine.gpus(os.environ)
        workers = machine.count("processes", self, gpus, held)
        return f"{workers}, GPUs {', '.join(gpus)}" if gpus else str(workers)

    def log(self, folder: Path) -> Path:
        """A file in the work directory."""
        return folder / "workers.log"

    def start(self, site: Site) -> Processes:
        """As many processes as were asked for, or as fit; one without a GPU where there is one task only."""
        gpus = machine.gpus(os.environ)
        workers = 1 if site.has_one_task else machine.count("processes", self, gpus, site.held)
        environments = machine.devices(gpus, 0 if site.has_one_task else self.gpus_per_worker, workers)
        return Processes(workers, self.worker_tasks, self.log(site.folder), environments)


class Processes:
    """Worker processes, each with a queue of its own and one task ahead of them all.

    A task that waits goes to the first worker that is free without asking the driver, which may be busy meanwhile.

    Args:
      workers: how many processes.
      tasks: after how many tasks a process is replaced, which bounds its memory.
      log: the file for what libraries in the workers write.
      environments: of each worker, over that of this process; none where there is nothing to say.
      ahead: how many tasks it likes to have waiting.
    """

    def __init__(
        self, workers: int, tasks: int, log: Path, environments: Sequence[Mapping[str, str]] = (), ahead: int = 1
    ) -> None:
        self._capacity = workers + ahead
        self._log = log
        self._slots = [_Slot(tasks, log, given) for given in environments or ({},) * workers]
        self._free = deque(self._slots)
        self._queue: deque[_Job] = deque()
        self._lock = threading.RLock()
        self._closed = False

    @property
    def capacity(self) -> int:
        """One task a worker and what waits."""
        return self._capacity

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queue the function for the next free worker; the time counts from when it starts."""
        future: Future[R] = Future()
        with self._lock:
            self._queue.append(_Job(future, function, args, timeout))
        self._feed()
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Until one of the futures has ended, or for so long."""
        ended = set(wait_for(futures, seconds, FIRST_COMPLETED).done)
        if not ended:
            for slot in self._slots:
                slot.end_lost_job()
        return ended

    def close(self) -> None:
        """Kill the workers, whatever they do."""
        with self._lock:
            self._closed = True
            ends = [slot.close() for slot in self._slots]
        for end in ends:
            end()

    def _feed(self) -> None:
        """Give what waits to those that are free, the worker that has just been busy first."""
        with self._lock:
            while self._queue and self._free:
                slot, job = self._free.pop(), self._queue.popleft()
                slot.start(job).add_done_callback(partial(self._ended, slot, job))

    def _ended(self, slot: _Slot, job: _Job, inner: Future[Any]) -> None:
        """Hear from a worker, in a thread of its pool: first its next task, then word to whoever waits."""
        error = inner.exception()
        lost = isinstance(error, BrokenProcessPool | ProcessExpired)
        with self._lock:
            if self._closed:  # which is what has ended it: nobody waits, and nothing more is to start
                return
            if lost:
                slot.drop()
            if isinstance(error, BrokenProcessPool):
                # It died before it took the task, which is no fault of the task.
                job.starts += 1
                if job.starts < STARTS:
                    self._queue.appendleft(job)
            self._free.append(slot)
        self._feed()
        if error is None:
            job.future.set_result(inner.result())
        elif not isinstance(error, BrokenProcessPool):
            job.future.set_exception(_explained(error, job.timeout))
        elif job.starts >= STARTS:
            message = f"no worker process could be kept alive, see {self._log}"
            job.future.set_exception(SearchError(f"{message}; all finished work is kept, and the same command goes on"))


def _explained(error: BaseException, timeout: float | None) -> BaseException:
    """What became of a task, in the words of this package."""
    if isinstance(error, ProcessExpired):
        # A negative code is the number of the signal that ended the process.
        cause = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit code {error.exitcode}"
        hint = ", perhaps out of memory" if -error.exitcode == signal.SIGKILL else ""
        return WorkerDied(f"its worker process ended with {cause}{hint}")
    if timeout is not None and isinstance(error, TimeoutError) and error.args == ("Task timeout", timeout):
        return TimedOut(f"it was not done after search.timeout, {timeout:g} seconds")
    return error


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes and threads started inside never see Ctrl-C, not even while they start up, and nothing is cut short.

    A pool starts at its first task, and its threads, and the processes that these start, inherit the mask. SIGTERM acts
    like Ctrl-C in this process, so that it waits too: an interrupt between two steps of a pool could leave a lock held.
    A worker takes SIGTERM again when it has started.
    """
    # The tracker unblocks the signal when it is started, so it has to be there before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_process(driver: int, log: str, environment: Mapping[str, str]) -> None:
    """Make a new process a worker: one thread, quiet, and gone when the driver is."""
    os.environ.update(environment)
    # At the default TensorFlow cannot hold up the end of a search.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
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
