"""Random search, the control of Real et al. 2019, arXiv 1802.01548."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.algorithms.base import Latest, generator
from evolve.records import RANDOM, G, Individual, Proposal


@dataclass(eq=False, kw_only=True)
class RandomSearch(Latest[G]):
    """Random search, the control of the paper: every individual is sampled."""

    @property
    def replayed(self) -> int:
        """The number of individuals that the curves show."""
        return self.window

    def ask(self, id: int) -> Proposal[G]:
        """Returns a random genotype."""
        self._check_id(id)
        proposal = Proposal(id, self.space.sample(generator(self.seed, id)), None, RANDOM)
        self.adopt(proposal)
        return proposal

    def tell(self, individual: Individual) -> None:
        """Adds the fitness of an individual to the curves. It has no effect on later proposals."""
        self._finish(individual.id)
        self._latest.append(individual.fitness)
