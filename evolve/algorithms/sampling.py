"""Random search, the control of Real et al. 2019, arXiv 1802.01548."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from evolve.algorithms.base import Latest, Ledger, SearchSpace, generator
from evolve.errors import check_whole
from evolve.search.records import RANDOM, G, Proposal


class RandomSearch(Latest, Generic[G]):
    """The paper's control: every individual is sampled as the initial population is."""

    def __init__(self, space: SearchSpace[G], seed: int, *, window: int = 100) -> None:
        check_whole("random_search.window", window, 1)
        super().__init__(window)
        self._space = space
        self._seed = seed
        self._ledger: Ledger[G] = Ledger()

    @property
    def memory(self) -> int:
        """The window of its curves."""
        return self._window

    @property
    def settings(self) -> Mapping[str, object]:
        """None: the window is only looked through."""
        return {}

    def ask(self, id: int) -> Proposal[G]:
        """A random genotype."""
        self._ledger.ask(id)
        proposal = Proposal(id, self._space.sample(generator(self._seed, id)), None, RANDOM)
        self.adopt(proposal)
        return proposal

    def adopt(self, proposal: Proposal[G]) -> None:
        """Take back a proposal of an earlier run, as if it had been asked now."""
        self._ledger.enter(proposal.id, proposal.genotype)

    def tell(self, id: int, fitness: float) -> None:
        """Close the individual; nothing is learnt from it."""
        self._ledger.leave(id)
        self._latest.append(fitness)
