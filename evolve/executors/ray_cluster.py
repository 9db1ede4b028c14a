"""The executor for a Ray cluster, or for a Ray that is started on this machine. It needs the package `ray`.

A worker is an actor of Ray. A worker runs many tasks, and a lost worker is replaced. A task is sent only to a worker
that has started and is free, so that no task waits for a machine that has not joined the cluster yet.
"""

from __future__ import annotations

import math
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

# This module sets variables that Ray reads at its import, so it is imported before Ray.
from evolve.executors import ray_joining

# isort: split

import ray
from ray import exceptions

from evolve.errors import KEPT, SearchError, TimedOut, UsageError, WorkerLost
from evolve.executors import machine
from evolve.executors.base import STARTS, QueuedTask

R = TypeVar("R")

# The length of the queue of tasks, for each worker. The whole queue has at least one task. With many workers, several
# tasks end while the driver makes one proposal, so the queue must be longer.
AHEAD = 1 / 8
LOOK = 2.0  # seconds between two checks of the machines of the cluster
_ENDED = f"the connection to Ray has ended; {KEPT}"
# The errors that Ray raises if a worker, the machine of a worker, or a result on that machine is lost.
_LOST = (
    exceptions.RayActorError,
    exceptions.WorkerCrashedError,
    exceptions.OutOfMemoryError,
    exceptions.NodeDiedError,
    exceptions.ObjectLostError,
)
_DETAIL = "Worker exit detail:"
_NODE = re.compile(r"\bnode\b.*\b(?:died|dead|removed|terminated)|\b(?:died|dead)\b.*\bnode\b")


@dataclass(frozen=True, slots=True)
class Need:
    """The resources of a machine that one worker needs."""

    cpus: float = 1.0
    gpus: float | None = None  # a whole number or a share; None: one, if the cluster has GPUs
    # further resources by their names in Ray, such as {'TPU': 4}
    custom: Mapping[str, float] = field(default_factory=dict)

    def resources(self, nodes: Iterable[Mapping[str, Any]]) -> dict[str, float]:
        """Returns the needed amounts by the names of Ray's resources; an amount of 0 is left out."""
        found = any(node["Resources"].get("GPU", 0) for node in nodes)
        gpus = float(found) if self.gpus is None else self.gpus
        return {name: amount for name, amount in {"CPU": self.cpus, "GPU": gpus, **self.custom}.items() if amount}

    def environment(self) -> dict[str, str]:
        """Returns environment variables for a worker. Ray itself sets the GPUs that the worker sees."""
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if self.gpus == 0 else {}
        # Without this variable, the TensorFlow of one worker takes the whole memory of a GPU that several workers use.
        grow = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if self.gpus is not None and 0 < self.gpus < 1 else {}
        return {**machine.threads(max(1, int(self.cpus))), **hidden, **grow}


def room(nodes: Iterable[Mapping[str, Any]], need: Mapping[str, float]) -> int:
    """Returns the number of workers for which the machines of a cluster have room if they run nothing else."""
    return sum(min(_times(node["Resources"].get(name, 0), amount) for name, amount in need.items()) for node in nodes)


def _times(has: float, amount: float) -> int:
    # A worker's share of a GPU must be on one GPU: at 0.4 each, two GPUs serve four workers and not five.
    return int(has) * math.floor(1 / amount) if amount < 1 and has == int(has) else math.floor(has / amount)


class Host:
    """A worker, which Ray runs in its own process."""

    def __init__(self, environment: Mapping[str, str], folder: str, prepare: Callable[[], object] | None) -> None:
        os.environ.update(environment)
        # Relative paths refer to the current folder of the driver. On another machine this folder may not exist.
        if os.path.isdir(folder):
            os.chdir(folder)
        if prepare is not None:
            prepare()

    def begin(self) -> None:
        """Does nothing. When this call returns, the worker has started, and a task that was sent after it begins."""

    def run(self, function: Callable[..., R], args: tuple[object, ...]) -> R:
        """Runs a task and returns its result."""
        return function(*args)


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker as the driver sees it. The worker may not have started yet."""

    actor: Any
    is_up: bool = False
    tasks: int = 0
    task: QueuedTask | None = None
    begun: Future[Any] | None = None  # has a result when the task has begun
    deadline: float = math.inf


class RayCluster:
    """Workers on the machines of a Ray cluster.

    Args:
      address: '' starts Ray on this machine, 'auto' joins the cluster of this machine, and 'host:port' another cluster.
      tasks: the number of tasks after which a worker is replaced, which bounds its memory.
      workers: the number of workers; None: the number that the machines have room for. Machines may join and leave.
      need: the resources of each worker.
      prepare: is called in each new worker before its first task.

    Raises:
      UsageError: no cluster answers, or no machine of the cluster has room for a worker.
    """

    def __init__(
        self,
        address: str,
        tasks: int,
        workers: int | None = None,
        need: Need | None = None,
        prepare: Callable[[], object] | None = None,
    ) -> None:
        self._tasks, self._workers = tasks, workers
        need = need or Need()
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            ray_joining.start(address, None if workers is None else math.ceil(workers * need.cpus))
        self._need = need.resources(_nodes())
        self._room = room(_nodes(), self._need)
        if not self._room:
            found = ", ".join(map(_described, _nodes())) or "none"
            self._shut_down()
            raise UsageError(
                f"a worker needs {_resources(self._need)}, and no machine of the Ray cluster has that ({found}): set "
                "ray.worker_cpus, ray.gpus_per_worker or ray.worker_resources to less, or add a machine"
            )
        options: dict[str, Any] = {"num_cpus": need.cpus, "num_gpus": self._need.get("GPU", 0)}
        self._kind = ray.remote(Host).options(**options, resources=dict(need.custom) or None)
        self._made_with = (need.environment(), os.getcwd(), prepare)
        self._actors: list[_Worker] = []
        self._queue: deque[QueuedTask] = deque()
        self._unfinished: set[Future[Any]] = set()
        self._events: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._checked = self._may_start = time.monotonic()
        self._not_started = 0
        self._is_open = True
        # Only this thread starts, uses and ends workers. Other threads send it events.
        self._thread = threading.Thread(target=self._serve, name="ray workers", daemon=True)
        self._thread.start()

    @property
    def capacity(self) -> int:
        """The greatest number of unfinished tasks: one for each worker that has room, and those in the queue."""
        workers = max(1, min(self._wanted(), self._room))
        return workers + max(1, int(AHEAD * workers))

    @property
    def up(self) -> int:
        """The number of workers that have started."""
        return sum(worker.is_up for worker in [*self._actors])

    def submit(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> Future[R]:
        """Queues the function for the next free worker. `timeout` counts from when the task is sent to the worker."""
        future: Future[R] = Future()
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        self._events.put(partial(self._queue.append, QueuedTask(future, function, args, timeout)))
        # The thread may be at its end, and then handles no event. At its end it sets `_is_open` to False before it ends
        # the futures that it finds, so a future that it does not find is refused here.
        if not self._is_open:
            raise SearchError(_ENDED)
        return future

    def wait(self, futures: Collection[Future[R]], seconds: float | None = None) -> set[Future[R]]:
        """Waits until one of `futures` has ended, or for `seconds`, and returns the futures that have ended."""
        return set(wait_for(futures, seconds, FIRST_COMPLETED).done)

    def close(self) -> None:
        """Ends the workers at once, and also ends Ray if this object has started Ray."""
        self._events.put(self._end)
        self._thread.join()
        self._shut_down()

    def _end(self) -> None:
        self._is_open = False

    def _shut_down(self) -> None:
        if self._is_ours:
            ray.shutdown()

    # The methods below are called by the thread that `__init__` starts.

    def _serve(self) -> None:
        try:
            while self._is_open:
                self._adjust_workers()
                self._send_queued()
                try:
                    event = self._events.get(timeout=self._seconds_to_wait())
                except queue.Empty:
                    self._check_machines()
                else:
                    event()
                self._end_late()
        finally:
            # After an error in this thread, all futures must end. Otherwise the driver would wait for ever. They end
            # before the workers, since the end of a worker may raise an error too.
            self._is_open = False
            for future in [*self._unfinished]:
                if not future.done():
                    future.set_exception(SearchError(_ENDED))
            for worker in [*self._actors]:
                with suppress(exceptions.RayError):  # the connection may be lost, and the worker with it
                    self._drop(worker)

    def _seconds_to_wait(self) -> float:
        """Returns the seconds until the next check of the machines or the next timeout of a task."""
        return max(0.0, min(self._checked + LOOK, *(w.deadline for w in self._actors), math.inf) - time.monotonic())

    def _check_machines(self) -> None:
        """Updates the number of workers that the machines have room for. Machines may have joined or left."""
        if time.monotonic() >= self._checked + LOOK:
            self._room = room(_nodes(), self._need)
            self._checked = time.monotonic()

    def _wanted(self) -> int:
        return self._room if self._workers is None else self._workers

    def _adjust_workers(self) -> None:
        """Requests or drops workers until their number is the wanted number. Ray starts a worker when it has room."""
        surplus = len(self._actors) - self._wanted()
        for worker in [worker for worker in self._actors if not worker.is_up][: max(0, surplus)]:
            self._drop(worker)
        if time.monotonic() >= self._may_start:
            for _ in range(-surplus):
                worker = _Worker(self._kind.remote(*self._made_with))
                self._actors.append(worker)
                self._when_ended(worker.actor.begin.remote(), self._started, worker)

    def _when_ended(self, reference: Any, event: Callable[[_Worker, Future[Any]], None], worker: _Worker) -> None:
        reference.future().add_done_callback(lambda ended: self._events.put(partial(event, worker, ended)))

    def _started(self, worker: _Worker, ended: Future[Any]) -> None:
        """Handles the start of a worker, or the failure to start it."""
        error = ended.exception()
        if error is None:
            worker.is_up, self._not_started = True, 0
        elif worker in self._actors:
            self._drop(worker)
            # Further starts may fail too, and starts slow the other workers down, so the next start waits a second.
            self._not_started += 1
            self._may_start = time.monotonic() + 1
            if self._not_started >= STARTS and not any(worker.is_up for worker in self._actors):
                self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        message = f"no worker could be started on the Ray cluster: {_reason(error)}"
        while self._queue:
            task = self._queue.popleft()
            task.future.set_exception(SearchError(f"{message}; {KEPT}"))
        self._not_started = 0

    def _send_queued(self) -> None:
        """Sends queued tasks to free workers."""
        free = (worker for worker in self._actors if worker.is_up and worker.task is None)
        while self._queue and (worker := next(free, None)) is not None:
            self._send(worker, self._queue.popleft())

    def _send(self, worker: _Worker, task: QueuedTask) -> None:
        worker.task = task
        task.starts += 1
        worker.tasks += 1
        worker.deadline = math.inf if task.timeout is None else time.monotonic() + task.timeout
        worker.begun = worker.actor.begin.remote().future()
        self._when_ended(worker.actor.run.remote(task.function, task.args), self._ended, worker)

    def _ended(self, worker: _Worker, ended: Future[Any]) -> None:
        """Handles the end of a task. After it the worker is free, or was lost."""
        task, worker.task, worker.deadline = worker.task, None, math.inf
        if task is None:
            return  # the task took longer than its timeout, and `_end_late` has set the error of its future
        error = ended.exception()
        is_lost = isinstance(error, _LOST)
        is_full = error is None and getattr(ended.result(), "is_retryable", False)
        if is_lost or is_full or worker.tasks >= self._tasks:
            self._drop(worker)
        self._send_queued()  # the worker gets its next task before the future ends
        if error is None:
            task.future.set_result(ended.result())
        elif not is_lost:
            # The message of Ray's own error has the traceback of the worker, so the cause is raised in its place.
            cause = getattr(error, "cause", None)
            task.future.set_exception(cause if isinstance(cause, BaseException) else error)
        elif task.starts >= STARTS or (worker.begun and worker.begun.done() and worker.begun.exception() is None):
            task.future.set_exception(WorkerLost(f"the worker was lost: {_reason(error)}"))
        else:
            # The worker was lost before it took the task, so the task is not at fault.
            self._queue.appendleft(task)

    def _end_late(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker in self._actors if worker.deadline <= now]:
            task, worker.task, worker.deadline = worker.task, None, math.inf
            self._drop(worker)
            if task is not None:
                task.future.set_exception(
                    TimedOut(f"the evaluation took longer than search.timeout, {task.timeout:g} seconds")
                )

    def _drop(self, worker: _Worker) -> None:
        self._actors.remove(worker)
        ray.kill(worker.actor)


def _nodes() -> list[Mapping[str, Any]]:
    """Returns the machines that are in the cluster now."""
    return [node for node in ray.nodes() if node["Alive"]]


def _resources(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {amount:g}" for name, amount in amounts.items())


def _described(node: Mapping[str, Any]) -> str:
    kinds = {name: amount for name, amount in node["Resources"].items() if ":" not in name and "memory" not in name}
    return f"{node['NodeManagerHostname']} has {_resources(kinds) or 'nothing'}"


def _reason(error: BaseException | None) -> str:
    """Returns why a worker has ended, which is a part of the message of Ray's error."""
    if isinstance(error, exceptions.ActorUnavailableError):
        return "the machine of the worker does not answer"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if _DETAIL in line or _NODE.search(line) or re.match(r"\w+Error:", line)]
    line = (telling or lines or ["it is gone"])[0].rpartition(_DETAIL)[2].strip()
    line = re.split(r" (?:Some common|There are some)", line)[0].strip()
    return f"{line} (perhaps out of memory)" if "connection error" in line else line.rstrip(".")
