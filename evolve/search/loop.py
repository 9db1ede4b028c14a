"""The loop of a search, which passes proposals to workers, and results to the store, the algorithm and observers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from evolve.algorithms import Algorithm
from evolve.errors import SearchError, WorkerLost
from evolve.executors import Executor
from evolve.records import Evaluation, G, Individual, Standing, Task, failed
from evolve.search.plan import Plan, Tally
from evolve.search.rungs import Job
from evolve.search.state import Finished, State, Texts
from evolve.search.waiting import Duplicates, HeldResults, Result
from evolve.store.store import ENDED, Store

G_contra = TypeVar("G_contra", contravariant=True)

WAKE = 5.0  # seconds after which a waiting driver checks for further workers and for the end of the budget
NOTE = 1.0  # seconds after which the time of the search is stored again, because every write costs time


class Observer(Protocol[G_contra]):
    """Receives every finished individual, after the store and the algorithm have received it."""

    def individual(self, individual: Individual, genotype: G_contra, standing: Standing) -> None:
        """Receives a finished individual, its genotype, and the state of the search after this individual."""


class Search(Generic[G]):
    """Evaluates individuals and stores their results until a target, a count or a budget is reached."""

    def __init__(
        self,
        plan: Plan,
        algorithm: Algorithm[G],
        texts: Texts[G],
        store: Store,
        executor: Executor,
        evaluate: Callable[[Task], Evaluation],
        observers: Sequence[Observer[G]] = (),
        tally: Tally | None = None,
    ) -> None:
        """Creates a search that continues from `store`.

        Args:
          plan: the limits of the search.
          algorithm: a new algorithm, which `run` restores from the store.
          texts: converts genotypes to text and back.
          store: the store of the search.
          executor: gives tasks to workers.
          evaluate: the function that workers run.
          observers: receive every finished individual.
          tally: the counts and costs, which the search updates and the caller may show; by default those in the store.
        """
        self._plan = plan
        self._store = store
        self._executor = executor
        self._evaluate = evaluate
        self._observers = observers
        self._running: dict[Future[Evaluation], Job[G]] = {}
        self._retries: deque[Job[G]] = deque()  # evaluated again: their worker was lost, or the last run ended
        self._state = State(plan, algorithm, texts, store, tally)
        self._tally = self._state.tally
        self._duplicates: Duplicates[G] = Duplicates()
        self._held: HeldResults[G] = HeldResults(self._state.first)
        self._noted_seconds = self._tally.seconds

    def run(self) -> str:
        """Continues the search from the state in its store to its end. Returns why the search has ended, for the user.

        Raises:
          SearchError: all individuals fail, or no worker can be started.
        """
        try:
            return self._run()
        except BaseException:  # such as Ctrl-C: the time since the last result is spent too
            self._note_waiting()
            raise

    def _run(self) -> str:
        self._store.forget(ENDED)
        self._state.restore()
        self._resume()
        self._stop_if_all_failed()
        ended: Collection[Future[Evaluation]] = ()
        while True:
            finished: list[Finished[G]] = []
            results = deque(sorted(ended, key=self._order))
            while True:
                # Results are handled one at a time. Otherwise the first worker would wait for its next task until all
                # results are handled.
                with self._store.event():
                    finished += self._report_held()
                    if results:
                        finished += self._receive(results.popleft())
                    sent, untrained = self._propose()
                    finished += untrained
                    self._note_time(is_last=not (self._running or sent or untrained))
                for job in sent:
                    self._send(job)
                if untrained or not results:
                    break
            # Observers are slow, so the next tasks are sent before the observers run.
            self._notify(finished)
            self._stop_if_all_failed()
            if untrained:
                ended = [future for future in self._running if future.done()]
            elif self._running:
                ended = self._wait()
            else:
                return self._ended(self._end_reason())

    # The methods that resume a search.

    def _resume(self) -> None:
        """Takes over the pending jobs and the held results of the last run."""
        for job, waits in self._state.unfinished():
            if waits:
                self._held.hold(Result(job))
                self._tally.compare(self._state.held(job))
            else:
                self._retries.append(job)

    # The methods that handle results.

    def _wait(self) -> set[Future[Evaluation]]:
        """Waits until a task has ended or the executor has room for another. Returns the tasks that have ended."""
        while True:
            ended = self._executor.wait(self._running, WAKE)
            if ended or self._has_room():
                return ended
            if self._is_time_due:
                self._note_waiting()

    def _order(self, future: Future[Evaluation]) -> tuple[bool, int]:
        """Returns a key that sorts ended tasks by their places. Tasks with an error that ends the search come last."""
        ends = future.exception() is not None and not isinstance(future.exception(), WorkerLost)
        return ends, self._running[future].place

    def _receive(self, future: Future[Evaluation]) -> list[Finished[G]]:
        """Handles an ended task: stores its result and passes the result to the algorithm, or queues a retry.

        If the process ends between storing and passing on, the result is not lost, because a resumed search passes the
        results in the store to the algorithm.
        """
        try:
            evaluation = future.result()
        except WorkerLost as error:
            lost = replace(failed(str(error)), is_retryable=True)
            evaluation = self._plan.objectives.judged(lost, "fitness")
        job = self._running.pop(future)
        if evaluation.is_retryable and self._store.try_again(job.proposal.id, self._plan.retries):
            self._retries.appendleft(job)
            return []
        original, finished = self._finish(job, evaluation)
        for other in self._duplicates.end(job.proposal.id):
            if original.status == "done":
                finished += self._finish(other, original)[1]
            else:
                self._retries.append(other)
        return finished

    def _finish(self, job: Job[G], result: Evaluation) -> tuple[Individual, list[Finished[G]]]:
        """Stores a result. Returns its row, and the individuals whose results the algorithm has now received.

        The result of a duplicate is the individual that it is a duplicate of.
        """
        waits, is_reused = self._plan.order == "born", isinstance(result, Individual)
        individual = self._state.store(job, result, waits)
        if not waits:
            return individual, [self._state.report(job, individual)]
        self._held.hold(Result(job, individual.graph, is_reused))
        return individual, self._report_held()

    def _report_held(self) -> list[Finished[G]]:
        """Passes held results to the algorithm in the order of their jobs, up to the first missing result."""
        return [self._state.report(one.job, self._state.release(one.job, one.graph)) for one in self._held.released()]

    def _notify(self, finished: Sequence[Finished[G]]) -> None:
        """Passes finished individuals to the observers, with the ids from which children may now inherit weights."""
        inheritable = self._inheritable() if finished else frozenset()
        continued, checkpoints = self._continued() if finished else (frozenset(), frozenset())
        for individual, genotype, standing in finished:
            now = replace(standing, inheritable=inheritable, continued=continued, checkpoints=checkpoints)
            for observer in self._observers:
                observer.individual(individual, genotype, now)

    def _continued(self) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
        """Returns the ids of individuals that are trained on, and the ids and rungs whose checkpoints are needed."""
        if self._state.ladder is None:
            return frozenset(), frozenset()
        jobs = [*self._running.values(), *self._retries, *self._held]
        needed = {(job.proposal.id, rung) for job in jobs for rung in (job.rung - 1, job.rung)}
        return frozenset(job.proposal.id for job in jobs if job.rung), self._state.ladder.possible() | needed

    def _inheritable(self) -> frozenset[int]:
        """Returns the ids of the members, and of removed individuals from which a pending child inherits weights."""
        waiting = (*self._running.values(), *self._retries, *self._duplicates)
        return frozenset(self._state.algorithm.members).union(*(job.proposal.weights_needed for job in waiting))

    # The methods that make proposals and send tasks.

    def _propose(self) -> tuple[list[Job[G]], list[Finished[G]]]:
        """Makes jobs until the executor has enough tasks or a duplicate has taken the evaluation of another.

        Returns the jobs to send to workers, and the individuals that the algorithm has received because of a duplicate.
        No more jobs are made after a duplicate, so that observers receive it at once.
        """
        sent: list[Job[G]] = []
        while self._has_room(len(sent)):
            job = self._retries.popleft() if self._retries else self._state.next()
            original = self._store.original(job.proposal.id) if self._plan.reuse and not job.rung else None
            if original is None:
                sent.append(job)
                continue
            id, is_done = original
            if is_done:
                passed = self._finish(job, self._store.individual(id))[1]
                if passed:
                    return sent, passed
            else:
                self._duplicates.wait(job, id)
        return sent, []

    def _has_room(self, sent: int = 0) -> bool:
        capacity = self._executor.capacity
        # Duplicates need no worker. Without this limit, the algorithm might propose duplicates without end before it
        # receives a result.
        untrained = len(self._duplicates) + self._held.reused
        full = len(self._running) + sent >= capacity or (untrained >= capacity and not self._retries)
        # Held results may wait for an individual that is retried. The retry is sent, so that the search does not end
        # before these results reach the algorithm.
        is_over = self._end_reason() and not (self._retries and self._held)
        return not full and not is_over and not self._plan.has_only_failures(self._tally)

    def _send(self, job: Job[G]) -> None:
        task = self._state.task(job)
        self._running[self._executor.submit(self._evaluate, task, timeout=self._plan.timeout)] = job

    # The methods that end a search.

    @property
    def _is_time_due(self) -> bool:
        return self._tally.seconds - self._noted_seconds >= NOTE

    def _note_time(self, is_last: bool) -> None:
        """Stores the seconds of the search, if they are due or the last ones."""
        if is_last or self._is_time_due:
            now = self._tally.seconds
            self._store.note("seconds", repr(now))
            self._noted_seconds = now

    def _note_waiting(self) -> None:
        """Stores the seconds of the search between two results.

        An error of the store is ignored here. If it lasts, the next result has the same error, which ends the search.
        """
        with suppress(SearchError), self._store.event():
            self._note_time(is_last=True)

    def _end_reason(self) -> str:
        """Returns why no further individual is started; empty if the search continues."""
        return self._plan.end(self._tally, not self._retries and self._state.is_proposed)

    def _ended(self, reason: str) -> str:
        self._store.note(ENDED, reason)
        return reason

    def _stop_if_all_failed(self) -> None:
        if self._plan.has_only_failures(self._tally):
            raise SearchError(self._ended(self._plan.failure_message(self._tally, self._store.reasons(3))))
