"""Worker processes on this machine, of one thread each. A worker runs many tasks, and ends when the driver ends."""

from __future__ import annotations

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
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from compiler.domains import check
from evolve.errors import KEPT, SearchError, TimedOut, UsageError, WorkerLost
from evolve.executors import machine
from evolve.executors.base import STARTS, QueuedTask, Site

R = TypeVar("R")


class _WorkerProcess(SpawnProcess):
    """A process that ends at once, also while it starts.

    A process that starts has SIGTERM blocked. With SIGTERM alone it would go on until it misses the locks of its pool,
    which are gone, and would print a traceback. A worker has nothing to save.
    """

    def terminate(self) -> None:
        """Ends the process by SIGKILL."""
        self.kill()


class _WorkerContext(SpawnContext):
    """Starts the processes of pools."""

    Process = _WorkerProcess


class _Slot:
    """One worker: a pool of one process. Workers share no locks, because a lost worker might leave a lock locked."""

    def __init__(
        self, tasks: int, log: Path, environment: Mapping[str, str], prepare: Callable[[], object] | None
    ) -> None:
        self._tasks = tasks
        self._settings = (os.getpid(), str(log), {**machine.threads(), **environment}, prepare)
        self._pool: ProcessPool | None = None
        self._running: Future[Any] | None = None
        self._ends: list[threading.Thread] = []  # each waits for the end of a process that was dropped

    def start(self, task: QueuedTask) -> Future[Any]:
        """Runs a task in the process and returns the future of the pool. A missing process is started first."""
        with _interrupts_blocked():
            if self._pool is not None and not self._pool.active:
                self.drop()
            if self._pool is None:
                self._pool = ProcessPool(1, self._tasks, _prepare_process, self._settings, _WorkerContext())
            self._running = self._pool.schedule(task.function, args=task.args, timeout=task.timeout)
        return self._running

    def drop(self) -> None:
        """Ends the process. The next task starts another process."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            # This code may run in a thread of the pool, which cannot wait for itself, so a new thread waits.
            end = threading.Thread(target=pool.join, daemon=True)
            end.start()
            self._ends = [*(other for other in self._ends if other.is_alive()), end]

    def end_lost_task(self) -> None:
        """Ends the running task with an error if the process was lost and the pool has not noticed the task."""
        lost = self._pool is not None and not self._pool.active
        if lost and self._running is not None and not self._running.done():
            self._running.set_exception(BrokenProcessPool("the worker is gone"))

    def close(self) -> Callable[[], None]:
        """Ends the process at once, and returns a function that waits for its end and the ends of dropped processes."""
        waits: list[Callable[[], None]] = [end.join for end in self._ends]
        if self._pool is not None:
            self._pool.stop()
            waits.append(self._pool.join)

        def wait_for_all() -> None:
            for wait in waits:
                wait()

        return wait_for_all


@dataclass(frozen=True)
class ProcessesSettings(machine.WorkerSettings):
    """Settings of worker processes on this machine."""

    ends_tasks = True

    def __post_init__(self) -> None:
        check("processes", self, UsageError)

    def describe(self, held: int = 0) -> str:
        """Returns the number of workers, and the GPUs that they share."""
        gpus = machine.gpus(os.environ)
        workers = machine.count("processes", self, gpus, held)
        return f"{workers}, GPUs {', '.join(gpus)}" if gpus else str(workers)

    def log(self, folder: Path) -> Path:
        """Returns the file for the output of workers in the work directory."""
        return folder / "workers.log"

    def start(self, site: Site) -> Processes:
        """Returns an executor with the workers of the settings. For a single task it has one worker, without a GPU."""
        gpus = machine.gpus(os.environ)
        workers = 1 if site.has_one_task else machine.count("processes", self, gpus, site.held)
        environments = machine.devices(gpus, 0 if site.has_one_task else self.share, workers)
        return Processes(workers, self.worker_tasks, self.log(site.folder), environments, site.prepare)


class Processes:
    """Worker processes with a common queue of tasks.

    A task in the queue is sent as soon as a worker is free, even while the driver is busy.

    Args:
      workers: the number of processes.
      tasks: the number of tasks after which a process is replaced, which bounds its memory.
      log: the file for the output of workers.
      environments: environment variables of each worker, besides those of this process; empty for none.
      prepare: is called in each new process before its first task.
    """

    def __init__(
        self,
        workers: int,
        tasks: int,
        log: Path,
        environments: Sequence[Mapping[str, str]] = (),
        prepare: Callable[[], object] | None = None,
    ) -> None:
        self._log = log
        self._slots = [_Slot(tasks, log, given, prepare) for given in environments or ({},) * workers]
        self._free = deque(self._slots)
        self._queue: deque[QueuedTask] = deque()
        self._lock = threading.RLock()
        self._closed = False

    @property
    def capacity(self) -> int:
        """One task for each worker, and one that is ready to start."""
        return len(self._slots) + 1

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queues the function for the next free worker. `timeout` counts from the start of the task in the worker."""
        future: Future[R] = Future()
        with self._lock:
            self._queue.append(QueuedTask(future, function, args, timeout))
        self._send_queued()
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Waits until one of `futures` has ended, or for `seconds`, and returns the futures that have ended."""
        ended = set(wait_for(futures, seconds, FIRST_COMPLETED).done)
        if not ended:
            for slot in self._slots:
                slot.end_lost_task()
        return ended

    def close(self) -> None:
        """Ends the workers at once."""
        with self._lock:
            self._closed = True
            ends = [slot.close() for slot in self._slots]
        for end in ends:
            end()

    def _send_queued(self) -> None:
        """Sends queued tasks to free workers, first to the worker that became free last."""
        with self._lock:
            while self._queue and self._free:
                slot, task = self._free.pop(), self._queue.popleft()
                task.starts += 1
                slot.start(task).add_done_callback(partial(self._ended, slot, task))

    def _ended(self, slot: _Slot, task: QueuedTask, inner: Future[Any]) -> None:
        """Handles the end of a task, in a thread of the pool. The worker gets its next task before the future ends."""
        error = inner.exception()
        lost = isinstance(error, BrokenProcessPool | ProcessExpired)
        with self._lock:
            if self._closed:  # `close` has ended the task, so the worker gets no further task
                return
            if lost or (error is None and getattr(inner.result(), "is_retryable", False)):
                slot.drop()  # a worker that ran out of memory gives its memory back by its end
            if isinstance(error, BrokenProcessPool) and task.starts < STARTS:
                # The process was lost before it took the task, so the task is not at fault.
                self._queue.appendleft(task)
            self._free.append(slot)
        self._send_queued()
        if error is None:
            task.future.set_result(inner.result())
        elif not isinstance(error, BrokenProcessPool):
            task.future.set_exception(_explained(error, task.timeout))
        elif task.starts >= STARTS:
            task.future.set_exception(SearchError(f"no worker process could be started, see {self._log}; {KEPT}"))


def _explained(error: BaseException, timeout: float | None) -> BaseException:
    """Returns a WorkerLost if the worker has ended, a TimedOut if the task took too long, and otherwise `error`."""
    if isinstance(error, ProcessExpired):
        # A negative code is the number of the signal that ended the process.
        cause = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit code {error.exitcode}"
        hint = ", perhaps out of memory" if -error.exitcode == signal.SIGKILL else ""
        return WorkerLost(f"the worker process ended with {cause}{hint}")
    if timeout is not None and isinstance(error, TimeoutError) and error.args == ("Task timeout", timeout):
        return TimedOut(f"the evaluation took longer than search.timeout, {timeout:g} seconds")
    return error


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A context in which the signals SIGINT (Ctrl-C) and SIGTERM are blocked.

    A pool starts its threads and its process at its first task. Threads and processes that are started in this context
    inherit the block, so they never receive Ctrl-C. `_prepare_process` unblocks SIGTERM in a worker. In this process,
    the signals wait until the context ends, because an interrupt inside the pool could leave a lock held.
    """
    # The tracker unblocks the signals when it is started, so it is started before the signals are blocked.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_process(
    driver: int, log: str, environment: Mapping[str, str], prepare: Callable[[], object] | None
) -> None:
    """Prepares a new process as a worker, which has one thread, writes to the log, and ends when the driver ends."""
    os.environ.update(environment)
    # The default action ends the worker at once. A handler would wait for TensorFlow, and delay the end of a search.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    threading.Thread(target=_follow, args=(driver,), daemon=True).start()
    if prepare is not None:
        prepare()


def _follow(driver: int) -> None:
    """Ends this process soon after the driver has ended. The end of the driver changes the id of the parent process."""
    while os.getppid() == driver:
        time.sleep(0.5)
    os._exit(1)
