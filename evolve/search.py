"""The loop between algorithm, workers and store."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from evolve.algorithms import Algorithm, generator
from evolve.errors import SearchError, WorkerDied
from evolve.records import Evaluation, G, Individual, Proposal, Standing, Task, failed
from evolve.store import Store
from evolve.workers import Executor, outcome

G_contra = TypeVar("G_contra", contravariant=True)

HOPELESS = 10  # When this many have failed and nobody else has finished, the fault is not in the genotypes.


class Texts(Protocol[G]):
    """Genotypes as text and back, and which of them are the same."""

    def text(self, genotype: G) -> str:
        """What is stored and sent."""

    def read(self, text: str) -> G:
        """What a text stands for."""

    def fingerprint(self, genotype: G) -> str:
        """Equal for genotypes that mean the same."""


class Observer(Protocol[G_contra]):
    """Hears of every individual when it is in the store and the algorithm has been told."""

    def individual(self, individual: Individual, genotype: G_contra, standing: Standing) -> None:
        """One more is finished; the standing has it in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to go, and how many at a time."""

    individuals: int
    workers: int
    seed: int
    log: Path  # Where the workers' own words go, for messages.
    seconds: float = math.inf  # of all individuals together, simulated ones too; who runs then is finished

    def is_over(self, begun: int, seconds: float) -> bool:
        """Whether no more individuals are to be begun."""
        return begun >= self.individuals or seconds >= self.seconds


class Search(Generic[G]):
    """Keeps the workers busy, and everything in the store, until there are enough individuals."""

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
        self._again: deque[Proposal[G]] = deque()  # of the last run, not yet sent in this one
        self._finished, self._failed, self._last = store.counts()
        self._seconds = store.seconds()
        self._best = next(iter(store.best(1)), None)

    def run(self) -> None:
        """Go on from where the store is to the end of the plan.

        Raises:
          SearchError: nothing but failures, or no workers.
        """
        self._recall()
        self._again.extend(self._read(proposal) for proposal in self._store.unfinished())
        self._stop_if_hopeless()
        while True:
            while len(self._running) < self._plan.workers and (
                self._again or not self._plan.is_over(self._last, self._seconds)
            ):
                self._send(self._retry(self._again.popleft()) if self._again else self._new())
            if not self._running:
                return
            ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in sorted(ended, key=lambda future: self._running[future].id):
                self._collect(future)

    def _recall(self) -> None:
        """Tell the algorithm again what it knew when the last run ended."""
        for individual in self._store.living(self._algorithm.memory):
            genotype = self._texts.read(individual.genotype)
            self._algorithm.adopt(Proposal(individual.id, genotype))
            self._algorithm.tell(individual.id, individual.fitness)

    def _read(self, proposal: Proposal[str]) -> Proposal[G]:
        return proposal.with_genotype(self._texts.read(proposal.genotype))

    def _retry(self, proposal: Proposal[G]) -> Proposal[G]:
        self._algorithm.adopt(proposal)
        return proposal

    def _new(self) -> Proposal[G]:
        proposal = self._algorithm.ask(self._last + 1)
        self._last += 1
        genotype = proposal.genotype
        stored = proposal.with_genotype(self._texts.text(genotype))
        self._store.propose(stored, self._texts.fingerprint(genotype))
        return proposal

    def _send(self, proposal: Proposal[G]) -> None:
        seed = generator(self._plan.seed, proposal.id, "training").getrandbits(31)
        best = self._best.fitness if self._best else -math.inf
        task = Task(proposal.id, self._texts.text(proposal.genotype), seed, best, proposal.heir_of)
        self._running[self._executor.submit(self._evaluate, task)] = proposal

    def _collect(self, future: Future[Evaluation]) -> None:
        """Write a result, then tell it: after a kill in between, the store tells it again."""
        try:
            evaluation = outcome(future, self._plan.log)
        except WorkerDied as error:
            evaluation = failed(str(error))
        proposal = self._running.pop(future)
        individual = replace(self._store.finish(proposal.id, evaluation), graph=evaluation.graph)
        self._algorithm.tell(proposal.id, evaluation.fitness)
        self._finished += 1
        self._seconds += evaluation.seconds
        self._failed += evaluation.status == "failed"
        if evaluation.status == "done" and (self._best is None or evaluation.fitness > self._best.fitness):
            self._best = individual
        standing = Standing(self._algorithm.population, self._best, self._heritable())
        for observer in self._observers:
            observer.individual(individual, proposal.genotype, standing)
        self._stop_if_hopeless()

    def _heritable(self) -> frozenset[int]:
        """The living, and those who died while a child of theirs runs or is to be run again."""
        waiting = (*self._running.values(), *self._again)
        parents = {proposal.heir_of for proposal in waiting if proposal.heir_of is not None}
        return frozenset(parents).union(self._algorithm.living)

    def _stop_if_hopeless(self) -> None:
        enough = min(HOPELESS, self._plan.individuals)
        if self._failed == self._finished and self._failed >= enough:
            reasons = "\n".join(f"  {reason}" for reason in self._store.reasons(3))
            raise SearchError(
                f"all of the first {self._failed} individuals failed:\n{reasons}\n"
                f"put that right and start again in another --workdir (more may stand in {self._plan.log})"
            )
