"""The state of a search between its proposals and results, which the loop and callers of ask and tell share."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Generic, NamedTuple, Protocol

from compiler.graph.cost import Cost
from evolve.algorithms import Algorithm, generator
from evolve.records import Evaluation, G, Individual, Proposal, Standing, Task
from evolve.search.front import Front
from evolve.search.plan import Plan, Tally, Top
from evolve.search.rungs import Job, Ladder
from evolve.search.waiting import reused
from evolve.store.rungs import continued, promoted
from evolve.store.store import Store


class Texts(Protocol[G]):
    """Converts genotypes to text and back, and computes keys by which equal genotypes are found."""

    def text(self, genotype: G) -> str:
        """Returns a genotype as text."""

    def read(self, text: str) -> G:
        """Returns the genotype that a text describes."""

    def fingerprint(self, genotype: G) -> str:
        """Returns a hash that is equal for genotypes that are the same network."""

    def genes(self, genotype: G) -> str:
        """Returns the genes of a genotype as text. Equal networks with different genes are trained differently."""

    def cost(self, genotype: G) -> Cost | None:
        """Returns the cost of a genotype that was checked a moment ago; None if it is not known."""


class Restored(Generic[G]):
    """A proposal of the store, for an algorithm that is restored.

    The text of the genotype is parsed only when the genotype is read, because most genotypes are never read.
    """

    def __init__(self, stored: Proposal[str], texts: Texts[G]) -> None:
        self.id, self.memo, self.predicted = stored.id, stored.memo, stored.predicted
        self._text, self._texts = stored.genotype, texts

    @functools.cached_property
    def genotype(self) -> G:
        """The genotype, which is parsed at the first access."""
        return self._texts.read(self._text)


def training_seed(seed: int, id: int) -> int:
    """Returns the random seed with which an individual is trained, from the seed of the search and the id."""
    return generator(seed, id, "training").getrandbits(31)


class Finished(NamedTuple, Generic[G]):
    """A finished individual before it is passed to the observers."""

    individual: Individual
    genotype: G
    standing: Standing


def _is_new(individual: Individual, before: Individual | None) -> bool:
    """Whether an individual has a new result. After a promotion that failed it has none."""
    return before is None or individual.rung > before.rung


def ladder_of(plan: Plan, store: Store) -> Ladder:
    """Returns the results of a search by rung, in the state that they have in the store."""
    ladder = Ladder(plan.rungs, plan.reduction, plan.individuals, plan.reuse)
    before: dict[int, Individual] = {}
    for individual in store.rungs.results():
        if _is_new(individual, before.get(individual.id)):
            ladder.add(individual)
        before[individual.id] = individual
    for id, rung in store.rungs.promotions():
        ladder.promote(id, rung)
    return ladder


def is_finished(plan: Plan, store: Store) -> bool:
    """Whether every individual of a search has a result, and no individual is to be promoted."""
    finished, _, _ = store.counts()
    if finished < plan.individuals or store.unfinished():
        return False
    return not plan.rungs or not (store.rungs.unfinished() or ladder_of(plan, store).next())


class State(Generic[G]):
    """The algorithm of a search, with the counts, the costs and the best individuals of its results.

    Attributes:
      algorithm: the algorithm, which `restore` restores from the store.
      tally: the counts and costs.
      top: the best individuals that the algorithm has received.
      front: those of them that no other dominates, if the search has several objectives.
      last: the id of the latest proposal.
      ladder: the results by rung, in a search with rungs.
    """

    def __init__(
        self, plan: Plan, algorithm: Algorithm[G], texts: Texts[G], store: Store, tally: Tally | None = None
    ) -> None:
        """Creates the state of a search that continues from `store`.

        Args:
          plan: the settings of the search.
          algorithm: a new algorithm.
          texts: converts genotypes to text and back.
          store: the store of the search.
          tally: the counts and costs; by default those in the store.
        """
        self.algorithm = algorithm
        self._texts, self._store, self._plan = texts, store, plan
        self.ladder = ladder_of(plan, store) if plan.rungs else None
        _, _, self.last = store.counts()
        self.top = Top(store.best(plan.keep_best), plan.keep_best)
        self._has_front = len(plan.objectives) > 1
        self.front = Front(store.scored() if self._has_front else ())
        self.tally = tally or Tally(store.spent(), self.top.best)

    def restore(self) -> None:
        """Restores the algorithm, which receives the recorded proposals and results that it needs, in their order."""
        told: dict[int, Individual] = {}
        for individual in self._store.results(self.algorithm.replayed):
            if individual.id not in told:
                self.algorithm.adopt(Restored(individual, self._texts))
            self._tell(individual, told.get(individual.id))
            told[individual.id] = individual

    @property
    def first(self) -> int:
        """The place of the first job whose result the algorithm does not have, which may be the next job."""
        if self.ladder is not None:
            return min([one.task for one in self._store.rungs.unfinished()], default=self._store.rungs.last + 1)
        return min([proposal.id for proposal, _ in self._store.unfinished()], default=self.last + 1)

    def unfinished(self) -> list[tuple[Job[G], bool]]:
        """Returns the jobs of the last run whose results the algorithm does not have, and whether each result is held.

        The algorithm takes over the proposals of pending individuals.
        """
        tasks = {one.id: one for one in self._store.rungs.unfinished()}  # each individual has at most one
        found: list[tuple[Job[G], bool]] = []
        for proposal, waits in self._store.unfinished():
            adopted = proposal.with_genotype(self._texts.read(proposal.genotype))
            self.algorithm.adopt(adopted)
            found.append((Job(adopted, tasks.pop(proposal.id).task if tasks else proposal.id), waits))
        found += [(self._promotion(one.id, one.task, one.rung), one.waits) for one in tasks.values()]
        return sorted(found, key=lambda one: one[0].place)

    def _promotion(self, id: int, place: int, rung: int) -> Job[G]:
        stored = self._store.proposal(id)
        return Job(stored.with_genotype(self._texts.read(stored.genotype)), place, rung)

    def next(self) -> Job[G]:
        """Returns the next job, which is written to the store: a promotion, or a new individual if there is none."""
        if self.ladder is None:
            proposal = self._propose()
            return Job(proposal, proposal.id)
        found = self.ladder.next()
        if found is None:
            proposal = self._propose()
            return Job(proposal, self._store.rungs.start(proposal.id, 0))
        id, rung = found
        self.ladder.promote(id, rung)
        return self._promotion(id, self._store.rungs.start(id, rung), rung)

    @property
    def is_proposed(self) -> bool:
        """Whether every individual was proposed, and none is to be promoted."""
        return self.last >= self._plan.individuals and (self.ladder is None or self.ladder.next() is None)

    def _propose(self) -> Proposal[G]:
        proposal = self.algorithm.ask(self.last + 1)
        self.last += 1
        genotype = proposal.genotype
        stored = proposal.with_genotype(self._texts.text(genotype))
        self._store.propose(stored, self._texts.fingerprint(genotype), self._texts.genes(genotype))
        return proposal

    def task(self, job: Job[G]) -> Task:
        """Returns the task of a job, with its random seed and its genotype as text."""
        proposal = job.proposal
        seed = training_seed(self._plan.seed, proposal.id)
        stored = proposal.with_genotype(self._texts.text(proposal.genotype))
        task = self.top.task(stored, seed, job.rung, self._texts.cost(proposal.genotype))
        if self._plan.stop and self.ladder is not None:
            task = replace(task, least=self.ladder.least(job.rung))
        # A worker does not know the front, so it keeps the weights of every individual. They are removed later.
        return replace(task, keep_above=-math.inf) if self._has_front else task

    # The methods that handle results.

    def store(self, job: Job[G], result: Evaluation, waits: bool) -> Individual:
        """Stores the result of a job, and counts it. Returns the individual with the result.

        Args:
          job: the job.
          result: the evaluation, or the original of a duplicate.
          waits: whether the result is held.
        """
        id, rung = job.proposal.id, job.rung
        if isinstance(result, Individual):
            rung, result = result.rung, reused(result)
        before = self._store.individual(id) if job.rung else None
        if before is None:
            now = self._store.finish(id, result, waits, rung)
        else:
            result = continued(before, result, f"the promotion to {self._plan.rungs[rung]} epochs failed")
            now = promoted(before, result, rung)
        if self.ladder is not None:
            self._store.rungs.finish(job.place, result, rung, waits)
        self.tally.store(now, before)
        return now

    def release(self, job: Job[G], graph: str) -> Individual:
        """Makes a held result the latest one. Returns the individual with the result and the graph."""
        if self.ladder is not None:
            self._store.rungs.release(job.place)
        return self._promoted(job, graph) if job.rung else self._store.release(job.proposal.id, graph)

    def held(self, job: Job[G]) -> Individual:
        """Returns an individual with a held result."""
        return self._promoted(job) if job.rung else self._store.individual(job.proposal.id)

    def _promoted(self, job: Job[G], graph: str = "") -> Individual:
        evaluation = replace(self._store.rungs.evaluation(job.place), graph=graph)
        return promoted(self._store.individual(job.proposal.id), evaluation, job.rung)

    def report(self, job: Job[G], individual: Individual) -> Finished[G]:
        """Passes a result to the algorithm, and returns it with the state of the search after it."""
        before = self._store.individual(individual.id) if job.rung else None
        if before is not None:
            self._store.promote(individual)
        self._tell(individual, before)
        if self.ladder is not None and _is_new(individual, before):
            self.ladder.add(individual)
        self.tally.simulated += individual.seconds - (before.seconds if before else 0.0)
        if not individual.is_failed:
            self.top.add(individual)
            self.front.add(individual)
        species = len({*self.algorithm.species.values()})
        standing = Standing(
            self.algorithm.population, self.top.best, top=self.top.ids, species=species, front=self.front.ids,
            correlation=self.algorithm.correlation,
        )  # fmt: skip
        return Finished(individual, job.proposal.genotype, standing)

    def _tell(self, individual: Individual, before: Individual | None) -> None:
        """Passes a new result to the algorithm."""
        if _is_new(individual, before):
            self.algorithm.tell(individual)
