"""The loop between algorithm, workers and store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Generic, NamedTuple, Protocol, TypeVar

from evolve.algorithms import Algorithm, generator
from evolve.errors import SearchError, WorkerDied
from evolve.executors import Executor
from evolve.records import Evaluation, G, Individual, Proposal, Standing, Task, failed
from evolve.search.plan import Plan
from evolve.search.tally import Tally
from evolve.search.texts import Recalled, Texts
from evolve.search.top import Top
from evolve.search.waiting import Births, Result, Twins, reused
from evolve.store.store import Store

G_contra = TypeVar("G_contra", contravariant=True)

WAKE = 5.0  # Seconds after which a waiting search looks whether more workers have come, or its time is over.


class Observer(Protocol[G_contra]):
    """Hears of every individual when it is in the store and the algorithm has been told."""

    def individual(self, individual: Individual, genotype: G_contra, standing: Standing) -> None:
        """One more is finished; the standing has it in."""


class _Finished(NamedTuple, Generic[G]):
    """An individual that observers have yet to hear of."""

    individual: Individual
    genotype: G
    standing: Standing


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
        tally: Tally | None = None,
    ) -> None:
        """`tally` counts what is done, from what earlier runs have spent; by default one that begins with the store."""
        self._plan = plan
        self._algorithm = algorithm
        self._texts = texts
        self._store = store
        self._executor = executor
        self._evaluate = evaluate
        self._observers = observers
        self._running: dict[Future[Evaluation], Proposal[G]] = {}
        self._again: deque[Proposal[G]] = deque()  # to be sent once more, of this run or of the last
        _, _, self._last = store.counts()
        self._top = Top(store.best(plan.keep_best), plan.keep_best)
        self._tally = tally or Tally(store.spent(), self._top.best)
        self._twins: Twins[G] = Twins()
        self._births: Births[G] = Births(min((one.id for one, _ in store.unfinished()), default=self._last + 1))
        self._noted = self._tally.seconds

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
                    sent, spared = self._propose()
                    finished += spared
                    self._note_time(is_last=not (self._running or sent or spared))
                for proposal in sent:
                    self._send(proposal)
                if spared or not results:
                    break
            # Only now, when the workers have something to do.
            self._show(finished)
            self._stop_if_hopeless()
            if spared:
                ended = [future for future in self._running if future.done()]
            elif self._running:
                ended = self._wait()
            else:
                return self._enough()

    # What was before.

    def _recall(self) -> None:
        """Tells the algorithm again what it knew when the last run ended."""
        for individual in self._store.finished(self._algorithm.replayed):
            self._algorithm.adopt(Recalled(individual, self._texts))
            self._algorithm.tell(individual)

    def _take_up(self) -> None:
        """Take up the unfinished individuals of the last run; one that has a result waits for older ones."""
        for proposal, waits in self._store.unfinished():
            adopted = self._adopted(proposal)
            if waits:
                self._births.wait(proposal.id, Result(adopted.genotype))
                self._tally.compare(self._store.individual(proposal.id))
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
        for other in self._twins.end(proposal.id):
            if twin.status == "done":
                finished += self._finish(other, reused(twin), is_spared=True)[1]
            else:
                self._again.append(other)
        return finished

    def _finish(
        self, proposal: Proposal[G], evaluation: Evaluation, is_spared: bool = False
    ) -> tuple[Individual, list[_Finished[G]]]:
        """Write a result; return its row, and the individuals that the algorithm has received because of it."""
        waits = self._plan.order == "born"
        individual = self._store.finish(proposal.id, evaluation, waits)
        self._tally.store(individual)
        if not waits:
            return individual, [self._tell(individual, proposal.genotype)]
        self._births.wait(proposal.id, Result(proposal.genotype, evaluation.graph, is_spared))
        return individual, self._pass_on()

    def _pass_on(self) -> list[_Finished[G]]:
        """Pass waiting results to the algorithm in order of id, up to the first that is missing."""
        return [self._tell(self._store.release(id, one.graph), one.genotype) for id, one in self._births.due()]

    def _tell(self, individual: Individual, genotype: G) -> _Finished[G]:
        self._algorithm.tell(individual)
        self._tally.tell(individual)
        if not individual.is_failed:
            self._top.add(individual)
        standing = Standing(self._algorithm.population, self._top.best, top=self._top.ids)
        return _Finished(individual, genotype, standing)

    def _show(self, finished: Sequence[_Finished[G]]) -> None:
        """Tell the observers; whose weights may be asked for is already as it is after all of these."""
        heritable = self._heritable() if finished else frozenset()
        for individual, genotype, standing in finished:
            now = replace(standing, heritable=heritable)
            for observer in self._observers:
                observer.individual(individual, genotype, now)

    def _heritable(self) -> frozenset[int]:
        """The living, and those who died while a child of theirs runs or is to be run again."""
        waiting = (*self._running.values(), *self._again, *self._twins)
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
                passed = self._finish(proposal, reused(self._store.individual(id)), is_spared=True)[1]
                if passed:
                    return sent, passed
            else:
                self._twins.wait(proposal, id)
        return sent, []

    def _has_room(self, sent: int = 0) -> bool:
        capacity = self._executor.capacity
        # Those that are not trained need no worker, but the algorithm should hear before it proposes on and on.
        untrained = len(self._twins) + self._births.spared
        full = len(self._running) + sent >= capacity or (untrained >= capacity and not self._again)
        # Results that wait for a task that is run again reach the algorithm before the end.
        is_over = self._enough() and not (self._again and self._births)
        return not full and not is_over and not self._plan.is_hopeless(self._tally)

    def _new(self) -> Proposal[G]:
        proposal = self._algorithm.ask(self._last + 1)
        self._last += 1
        genotype = proposal.genotype
        stored = proposal.with_genotype(self._texts.text(genotype))
        self._store.propose(stored, self._texts.fingerprint(genotype), self._texts.genes(genotype))
        return proposal

    def _send(self, proposal: Proposal[G]) -> None:
        seed = generator(self._plan.seed, proposal.id, "training").getrandbits(31)
        task = self._top.task(proposal.with_genotype(self._texts.text(proposal.genotype)), seed)
        self._running[self._executor.submit(self._evaluate, task, timeout=self._plan.timeout)] = proposal

    # When it ends.

    def _note_time(self, is_last: bool) -> None:
        """Keep how long the search has run; a row more in every event would be too many."""
        now = self._tally.seconds
        if now - self._noted >= 1 or is_last:
            self._store.note("seconds", repr(now))
            self._noted = now

    def _enough(self) -> str:
        """Why nothing more is to be started, or nothing."""
        return self._plan.end(self._tally, not self._again and self._last >= self._plan.individuals)

    def _stop_if_hopeless(self) -> None:
        if self._plan.is_hopeless(self._tally):
            raise SearchError(self._plan.despair(self._tally, self._store.reasons(3)))
