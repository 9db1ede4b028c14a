"""The state of a search between its proposals and results, which the loop and callers of ask and tell share."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Generic, NamedTuple, Protocol

from evolve.algorithms import Algorithm, generator
from evolve.records import G, Individual, Proposal, Standing, Task
from evolve.search.front import Front
from evolve.search.plan import Plan, Tally, Top
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


class _Restored(Generic[G]):
    """The proposal of a finished individual, for an algorithm that is restored.

    The text of the genotype is parsed only when the genotype is read, because most genotypes are never read.
    """

    def __init__(self, individual: Individual, texts: Texts[G]) -> None:
        self.id, self.memo = individual.id, individual.memo
        self._text, self._texts = individual.genotype, texts

    @functools.cached_property
    def genotype(self) -> G:
        """The genotype, which is parsed at the first access."""
        return self._texts.read(self._text)


class Finished(NamedTuple, Generic[G]):
    """A finished individual before it is passed to the observers."""

    individual: Individual
    genotype: G
    standing: Standing


class State(Generic[G]):
    """The algorithm of a search, with the counts, the costs and the best individuals of its results.

    Attributes:
      algorithm: the algorithm, which `restore` restores from the store.
      tally: the counts and costs.
      top: the best individuals that the algorithm has received.
      front: those of them that no other dominates, if the search has several objectives.
      last: the id of the latest proposal.
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
        self._texts = texts
        self._seed = plan.seed
        _, _, self.last = store.counts()
        self.top = Top(store.best(plan.keep_best), plan.keep_best)
        self._has_front = len(plan.objectives) > 1
        self.front = Front(store.scored() if self._has_front else ())
        self.tally = tally or Tally(store.spent(), self.top.best)

    def restore(self, store: Store) -> None:
        """Restores the algorithm, which receives the recorded proposals and results that it needs, in their order."""
        for individual in store.finished(self.algorithm.replayed):
            self.algorithm.adopt(_Restored(individual, self._texts))
            self.algorithm.tell(individual)

    def adopt(self, proposal: Proposal[str]) -> Proposal[G]:
        """Passes a pending proposal of an earlier run to the algorithm. Returns the proposal with its genotype."""
        adopted = proposal.with_genotype(self._texts.read(proposal.genotype))
        self.algorithm.adopt(adopted)
        return adopted

    def propose(self, store: Store) -> Proposal[G]:
        """Returns a new proposal of the algorithm, which is written to the store."""
        proposal = self.algorithm.ask(self.last + 1)
        self.last += 1
        genotype = proposal.genotype
        stored = proposal.with_genotype(self._texts.text(genotype))
        store.propose(stored, self._texts.fingerprint(genotype), self._texts.genes(genotype))
        return proposal

    def task(self, proposal: Proposal[G]) -> Task:
        """Returns the task of a proposal, with its random seed and its genotype as text."""
        seed = generator(self._seed, proposal.id, "training").getrandbits(31)
        task = self.top.task(proposal.with_genotype(self._texts.text(proposal.genotype)), seed)
        # A worker does not know the front, so it keeps the weights of every individual. They are removed later.
        return replace(task, keep_above=-math.inf) if self._has_front else task

    def report(self, individual: Individual, genotype: G) -> Finished[G]:
        """Passes a result to the algorithm, and returns it with the state of the search after it."""
        self.algorithm.tell(individual)
        self.tally.simulated += individual.seconds
        if not individual.is_failed:
            self.top.add(individual)
            self.front.add(individual)
        species = len({*self.algorithm.species.values()})
        standing = Standing(
            self.algorithm.population, self.top.best, top=self.top.ids, species=species, front=self.front.ids
        )
        return Finished(individual, genotype, standing)
