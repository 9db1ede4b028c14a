"""The loop between algorithm, workers and store."""

from __future__ import annotations

import functools
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from evolve.algorithms import Algorithm, generator
from evolve.errors import SearchError, WorkerDied
from evolve.executors import Executor
from evolve.search.records import Evaluation, G, Individual, Proposal, Size, Standing, Task, failed, rank, ranked
from evolve.store.store import Store

G_contra = TypeVar("G_contra", contravariant=True)

HOPELESS = 10  # When this many have failed and nobody else has finished, the fault is not in the genotypes.
_NONE: tuple[float, Size] = (-math.inf, (0, 0))  # Fitness and size where there is none to be beaten.
WAKE = 5.0  # Seconds after which a waiting search looks whether more workers have come, or its time is over.


class Texts(Protocol[G]):
    """Genotypes as text and back, and which of them are the same."""

    def text(self, genotype: G) -> str:
        """What is stored and sent."""

    def read(self, text: str) -> G:
        """What a text stands for."""

    def fingerprint(self, genotype: G) -> str:
        """Equal for genotypes that are the same network."""

    def genes(self, genotype: G) -> str:
        """What else decides how a network is trained."""


class Observer(Protocol[G_contra]):
    """Hears of every individual when it is in the store and the algorithm has been told."""

    def individual(self, individual: Individual, genotype: G_contra, standing: Standing) -> None:
        """One more is finished; the standing has it in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to go, and what to do on the way."""

    individuals: int
    seed: int
    log: Path  # Where the workers' own words go, for messages.
    timeout: float | None = None  # seconds an individual may take
    retries: int = 0  # for an individual that was lost with its worker
    budget: float | None = None  # seconds of all runs together
    budget_flops: float | None = None
    target: float | None = None  # the fitness that is enough
    keep_best: int = 1  # how many of the fittest keep their weights
    reuse: bool = False  # whether an individual that equals an earlier one takes its evaluation
    budget_simulated: float | None = None  # seconds of all individuals together, as a table has them
    order: Literal["finished", "born"] = "finished"  # in which results reach the algorithm


class _Finished(NamedTuple, Generic[G]):
    """An individual that observers have yet to hear of."""

    individual: Individual
    genotype: G
    standing: Standing


class _Recalled(Generic[G]):
    """The proposal of a finished individual. Its text is read when its genotype is needed, which most never are."""

    def __init__(self, individual: Individual, texts: Texts[G]) -> None:
        self.id, self.memo = individual.id, individual.memo
        self._text, self._texts = individual.genotype, texts

    @functools.cached_property
    def genotype(self) -> G:
        """The genotype."""
        return self._texts.read(self._text)


class _Waiting(NamedTuple, Generic[G]):
    """An individual whose result is stored, and reaches the algorithm only after those of older ones."""

    genotype: G
    graph: str = ""
    is_spared: bool = False


class Search(Generic[G]):
    """Keeps the workers busy, and everything in the store, until there is enough."""

    def __init__(
        self,
        plan: Plan,
        algorithm: Algorithm[G],
        texts: Texts[G],
        store: Store,
        executor: Executor,
        evaluate: Callable[[Task], Evaluation],
        observers: Sequence[Observer[G]] = (),
    ) -> None:
        self._plan = plan
        self._algorithm = algorithm
        self._texts = texts
        self._store = store
        self._executor = executor
        self._evaluate = evaluate
        self._observers = observers
        self._running: dict[Future[Evaluation], Proposal[G]] = {}
        self._again: deque[Proposal[G]] = deque()  # to be sent once more, of this run or of the last
        self._alike: dict[int, list[Proposal[G]]] = {}  # those that wait for an equal one which runs, by its id
        self._waiting: dict[
            int, _Waiting[G]
        ] = {}  # results in the order of birth, before those of older ones are there
        self._spared = 0  # how many of these were not trained
        self._next = 1  # the id whose result comes next in the order of birth
        self._finished, self._failed, self._last = store.counts()
        self._top = list(store.best(plan.keep_best))
        self._fittest = self._top[0] if self._top else None  # of all results, waiting ones included
        self._flops = store.flops()
        self._simulated = store.seconds()
        self._noted = float(store.noted("seconds") or 0)  # of all runs together
        self._began = time.monotonic() - self._noted

    def run(self) -> str:
        """Go on from where the store is until there is enough; why that is so, for the user.

        Raises:
          SearchError: nothing but failures, or no workers.
        """
        self._recall()
        self._take_up()
        self._stop_if_hopeless()
        ended: Collection[Future[Evaluation]] = ()
        while True:
            finished: list[_Finished[G]] = []
            results = deque(sorted(ended, key=self._order))
            while True:
                # One at a time: a worker's next task need not wait for those of others.
                with self._store.event():
                    finished += self._pass_on()
                    if results:
                        finished += self._conclude(results.popleft())
                    sent, reused = self._propose()
                    finished += reused
                    self._note_time(is_last=not (self._running or sent or reused))
                for proposal in sent:
                    self._send(proposal)
                if reused or not results:
                    break
            # Only now, when the workers have something to do.
            self._show(finished)
            self._stop_if_hopeless()
            if reused:
                ended = [future for future in self._running if future.done()]
            elif self._running:
                ended = self._wait()
            else:
                return self._enough()

    # What was before.

    def _recall(self) -> None:
        """Tells the algorithm again what it knew when the last run ended."""
        for individual in self._store.finished(self._algorithm.replayed):
            self._algorithm.adopt(_Recalled(individual, self._texts))
            self._algorithm.tell(individual)

    def _take_up(self) -> None:
        """Take up the unfinished individuals of the last run; one that has a result waits for older ones."""
        unfinished = self._store.unfinished()
        self._next = min((proposal.id for proposal, _ in unfinished), default=self._last + 1)
        for proposal, waits in unfinished:
            adopted = self._adopted(proposal)
            if waits:
                individual = self._store.individual(proposal.id)
                self._waiting[proposal.id] = _Waiting(adopted.genotype)
                self._look_at(individual)
            else:
                self._again.append(adopted)

    def _adopted(self, proposal: Proposal[str]) -> Proposal[G]:
        read = proposal.with_genotype(self._texts.read(proposal.genotype))
        self._algorithm.adopt(read)
        return read

    # What comes back.

    def _wait(self) -> set[Future[Evaluation]]:
        """Until something has ended, or there is room for more."""
        while True:
            ended = self._executor.wait(self._running, WAKE)
            if ended or self._has_room():
                return ended

    def _order(self, future: Future[Evaluation]) -> tuple[bool, int]:
        """By id; what will end the search last, so that everything else is kept."""
        ends = future.exception() is not None and not isinstance(future.exception(), WorkerDied)
        return ends, self._running[future].id

    def _conclude(self, future: Future[Evaluation]) -> list[_Finished[G]]:
        """Write a result, and tell it: if the run dies in between, the next one tells it again."""
        try:
            evaluation = future.result()
        except WorkerDied as error:
            evaluation = replace(failed(str(error)), again=True)
        proposal = self._running.pop(future)
        if evaluation.again and self._store.try_again(proposal.id, self._plan.retries):
            self._again.appendleft(proposal)
            return []
        twin, finished = self._finish(proposal, evaluation)
        for other in self._alike.pop(proposal.id, ()):
            if twin.status == "done":
                finished += self._finish(other, _reused(twin), is_spared=True)[1]
            else:
                self._again.append(other)
        return finished

    def _finish(
        self, proposal: Proposal[G], evaluation: Evaluation, is_spared: bool = False
    ) -> tuple[Individual, list[_Finished[G]]]:
        """Write a result; return its row, and the individuals that the algorithm has received because of it."""
        waits = self._plan.order == "born"
        individual = self._store.finish(proposal.id, evaluation, waits)
        self._finished += 1
        self._failed += evaluation.status == "failed"
        self._flops += evaluation.flops
        self._look_at(individual)
        if not waits:
            return individual, [self._tell(individual, proposal.genotype)]
        self._waiting[proposal.id] = _Waiting(proposal.genotype, evaluation.graph, is_spared)
        self._spared += is_spared
        return individual, self._pass_on()

    def _pass_on(self) -> list[_Finished[G]]:
        """Pass waiting results to the algorithm in order of id, up to the first that is missing."""
        passed: list[_Finished[G]] = []
        while self._next in self._waiting:
            one = self._waiting.pop(self._next)
            self._spared -= one.is_spared
            passed.append(self._tell(self._store.release(self._next, one.graph), one.genotype))
            self._next += 1
        return passed

    def _tell(self, individual: Individual, genotype: G) -> _Finished[G]:
        self._algorithm.tell(individual)
        self._simulated += individual.seconds
        if individual.status == "done":
            self._rank(individual)
        best = self._top[0] if self._top else None
        top = tuple(one.id for one in self._top)
        return _Finished(individual, genotype, Standing(self._algorithm.population, best, top=top))

    def _look_at(self, individual: Individual) -> None:
        """Remember the fittest of all: the target is reached when the result is there."""
        if individual.status == "done" and (self._fittest is None or individual.fitness > self._fittest.fitness):
            self._fittest = replace(individual, graph="")

    def _rank(self, individual: Individual) -> None:
        """Put one among the fittest, where it is one of them."""
        last = self._top[-1] if len(self._top) == self._plan.keep_best else None
        if last is None or rank(individual.fitness, individual.size) < rank(last.fitness, last.size):
            self._top = ranked([*self._top, replace(individual, graph="")], self._plan.keep_best)

    def _show(self, finished: Sequence[_Finished[G]]) -> None:
        """Tell the observers; whose weights may be asked for is already as it is after all of these."""
        heritable = self._heritable() if finished else frozenset()
        for individual, genotype, standing in finished:
            now = replace(standing, heritable=heritable)
            for observer in self._observers:
                observer.individual(individual, genotype, now)

    def _heritable(self) -> frozenset[int]:
        """The living, and those who died while a child of theirs runs or is to be run again."""
        waiting = (*self._running.values(), *self._again, *(one for alike in self._alike.values() for one in alike))
        parents = {proposal.heir_of for proposal in waiting if proposal.heir_of is not None}
        return frozenset(parents).union(self._algorithm.living)

    # What goes out.

    def _propose(self) -> tuple[list[Proposal[G]], list[_Finished[G]]]:
        """Fill the executor: whom to send, and whom an equal one has spared the training, which ends the round."""
        sent: list[Proposal[G]] = []
        while self._has_room(len(sent)):
            proposal = self._again.popleft() if self._again else self._new()
            twin = self._store.twin(proposal.id) if self._plan.reuse else None
            if twin is None:
                sent.append(proposal)
                continue
            id, is_done = twin
            if is_done:
                passed = self._finish(proposal, _reused(self._store.individual(id)), is_spared=True)[1]
                if passed:
                    return sent, passed
            else:
                self._alike.setdefault(id, []).append(proposal)
        return sent, []

    def _has_room(self, sent: int = 0) -> bool:
        capacity = self._executor.capacity
        # Those that are not trained need no worker, but the algorithm should hear before it proposes on and on.
        untrained = sum(map(len, self._alike.values())) + self._spared
        full = len(self._running) + sent >= capacity or (untrained >= capacity and not self._again)
        # Results that wait for a task that is run again reach the algorithm before the end.
        is_over = self._enough() and not (self._again and self._waiting)
        return not full and not is_over and not self._is_hopeless()

    def _new(self) -> Proposal[G]:
        proposal = self._algorithm.ask(self._last + 1)
        self._last += 1
        genotype = proposal.genotype
        stored = proposal.with_genotype(self._texts.text(genotype))
        self._store.propose(stored, self._texts.fingerprint(genotype), self._texts.genes(genotype))
        return proposal

    def _send(self, proposal: Proposal[G]) -> None:
        seed = generator(self._plan.seed, proposal.id, "training").getrandbits(31)
        best, best_size = (self._top[0].fitness, self._top[0].size) if self._top else _NONE
        is_full = len(self._top) == self._plan.keep_best
        worth, worth_size = (self._top[-1].fitness, self._top[-1].size) if is_full else _NONE
        text = self._texts.text(proposal.genotype)
        task = Task(proposal.id, text, seed, best, proposal.heir_of, worth, best_size, worth_size)
        self._running[self._executor.submit(self._evaluate, task, timeout=self._plan.timeout)] = proposal

    # When it ends.

    def _note_time(self, is_last: bool) -> None:
        """Keep how long the search has run; a row more in every event would be too many."""
        now = time.monotonic() - self._began
        if now - self._noted >= 1 or is_last:
            self._store.note("seconds", repr(now))
            self._noted = now

    def _enough(self) -> str:
        """Why nothing more is to be started, or nothing."""
        plan = self._plan
        if plan.target is not None and self._fittest is not None and self._fittest.fitness >= plan.target:
            return f"individual {self._fittest.id} has reached the target, {plan.target:g}"
        if plan.budget is not None and time.monotonic() - self._began >= plan.budget:
            return f"the budget of {plan.budget / 3600:.3g} hours is spent"
        if plan.budget_flops is not None and self._flops >= plan.budget_flops:
            return f"the budget of {plan.budget_flops:.3g} FLOPs of training is spent"
        if plan.budget_simulated is not None and self._simulated >= plan.budget_simulated:
            return f"the budget of {plan.budget_simulated:,} simulated seconds is spent"
        if not self._again and self._last >= plan.individuals:
            return f"all {plan.individuals} individuals are finished"
        return ""

    def _is_hopeless(self) -> bool:
        return self._failed == self._finished and self._failed >= min(HOPELESS, self._plan.individuals)

    def _stop_if_hopeless(self) -> None:
        if self._is_hopeless():
            reasons = "\n".join(f"  {reason}" for reason in self._store.reasons(3))
            raise SearchError(
                f"all of the first {self._failed} individuals failed:\n{reasons}\n"
                f"put that right and start again in another --workdir (more may stand in {self._plan.log})"
            )


def _reused(twin: Individual) -> Evaluation:
    """The evaluation of an individual that equals one that is done, for which nothing was spent."""
    known = {one.name: getattr(twin, one.name) for one in fields(Evaluation)}
    return replace(Evaluation(**known), seconds=0.0, step_seconds=0.0, flops=0.0, graph="", note=f"as {twin.id}")
