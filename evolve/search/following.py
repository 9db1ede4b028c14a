"""The state of a search to which several processes write: it follows what they have stored."""

from __future__ import annotations

from evolve.algorithms import Algorithm
from evolve.records import G, Individual, Proposal
from evolve.search.plan import Plan
from evolve.search.rungs import Job
from evolve.search.state import Finished, Restored, State, Texts
from evolve.store.store import Store


class Following(State[G]):
    """The state of a search for ask and tell. The search has no rungs, so each individual has one result."""

    def __init__(self, plan: Plan, algorithm: Algorithm[G], texts: Texts[G], store: Store) -> None:
        super().__init__(plan, algorithm, texts, store)
        self._received = 0  # the place of the latest result that the algorithm has received

    def restore(self) -> None:
        """Restores the algorithm from the proposals and results in the store."""
        super().restore()
        for proposal, _ in self._store.unfinished():
            self.algorithm.adopt(Restored(proposal, self._texts))

    def follow(self, store: Store) -> list[Finished[G]]:
        """Takes over the proposals and results that were stored since the last call, also by other processes.

        The algorithm receives them in the order in which they were stored. Returns the finished individuals.

        Args:
          store: the store, which is opened for each change.
        """
        self._store = store
        found: list[Finished[G]] = []
        proposals = store.proposed(self.last)
        proposal, after = next(proposals, (None, 0))
        for individual in store.finished_after(self._received):
            while proposal is not None and after < individual.finished:
                self._adopt(proposal)
                proposal, after = next(proposals, (None, 0))
            genotype = self._texts.read(individual.genotype)
            self.tally.store(individual)
            found.append(self.report(Job(Proposal(individual.id, genotype), individual.id), individual))
        while proposal is not None:
            self._adopt(proposal)
            proposal, _ = next(proposals, (None, 0))
        return found

    def _adopt(self, proposal: Proposal[str]) -> None:
        self.algorithm.adopt(Restored(proposal, self._texts))
        self.last = proposal.id

    def _tell(self, individual: Individual, before: Individual | None) -> None:
        super()._tell(individual, before)
        self._received = individual.finished
