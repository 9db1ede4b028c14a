"""The pairwise tournament: what a worker does in Real et al. 2017, arXiv 1703.01041."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Generic

from evolve.algorithms.base import Ledger, Member, SearchSpace, generator
from evolve.errors import UsageError
from evolve.records import G, Proposal


class PairwiseTournament(Generic[G]):
    """Of two of the living the worse dies when there are enough of them; else the better has a child.

    Only who has been told is alive. When none are, an individual is sampled as the initial population is; one alone has
    a child without a contest.
    """

    def __init__(self, space: SearchSpace[G], seed: int, population_size: int = 1000) -> None:
        if population_size < 2:
            raise UsageError(f"pairwise_tournament needs population_size >= 2, which is {population_size}")
        self._space = space
        self._seed = seed
        self._population_size = population_size
        self._ledger: Ledger[G] = Ledger()
        self._living: dict[int, Member[G]] = {}

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of everyone alive, the oldest first."""
        return tuple(member.fitness for member in self._living.values())

    @property
    def living(self) -> tuple[int, ...]:
        """The ids of the population."""
        return tuple(self._living)

    @property
    def memory(self) -> None:
        """Nobody dies of age."""
        return None

    @property
    def window(self) -> None:
        """Nor is anybody too old for the population."""
        return None

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by their gin names."""
        return {"pairwise_tournament.population_size": self._population_size}

    def ask(self, id: int) -> Proposal[G]:
        """A random genotype for the first P, then tournaments until one ends in a child."""
        self._ledger.ask(id)
        rng = generator(self._seed, id)
        if id <= self._population_size or not self._living:
            proposal = Proposal(id, self._space.sample(rng))
        else:
            proposal = self._child(id, rng)
        self.adopt(proposal)
        return proposal

    def _child(self, id: int, rng: random.Random) -> Proposal[G]:
        living = list(self._living.values())
        killed = []
        while len(living) >= self._population_size:
            worse = min(rng.sample(living, 2), key=lambda member: member.fitness)
            living.remove(worse)
            killed.append(worse.id)
        parent = max(rng.sample(living, min(2, len(living))), key=lambda member: member.fitness)
        child = self._space.mutate(parent.genotype, rng)
        return Proposal(id, child.genotype, parent.id, child.rule, child.rejected, child.forget, tuple(killed))

    def adopt(self, proposal: Proposal[G]) -> None:
        """Take back a proposal of an earlier run, as if it had been asked now: those it killed are dead."""
        self._ledger.enter(proposal.id, proposal.genotype)
        for id in proposal.killed:
            self._living.pop(id, None)

    def tell(self, id: int, fitness: float) -> None:
        """Let an individual live among the others."""
        self._living[id] = Member(id, self._ledger.leave(id), fitness)
