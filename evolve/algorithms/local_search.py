"""Local search, a control for other algorithms: it mutates one individual until none of its children is better.

Local search is a strong control on tables of networks: White et al. 2020, arXiv 2005.02960.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from compiler.domains import whole
from evolve.algorithms.base import Latest
from evolve.records import RANDOM, G, Measured, Proposal, Recorded


@dataclass(eq=False, kw_only=True)
class LocalSearch(Latest[G]):
    """First improvement with restarts: as soon as a child is better than its parent, it takes its parent's place.

    Every start evaluates `initial` random individuals, the best of which is the first parent. After `patience` children
    of one parent that were not better, the search starts again. The memo of a proposal is the number of its start.
    Results of earlier starts, which other workers may still report, change nothing.
    """

    initial: Annotated[int, whole(1), "number of random individuals at each start, the best of which is mutated"] = 20
    patience: Annotated[int, whole(1), "number of children that are not better than their parent, before a restart"] = (
        50
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._start = 1
        self._sampled = 0  # proposals of this start that are random
        self._worse = 0  # children of the parent that were not better
        self._parent: tuple[Recorded[G], float] | None = None

    @property
    def members(self) -> tuple[int, ...]:
        """The id of the individual that is mutated; an empty tuple before there is one."""
        return () if self._parent is None else (self._parent[0].id,)

    @property
    def replayed(self) -> None:
        """None, because the parent depends on all results and on their order."""
        return None

    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a child of the parent, or a random genotype at the beginning of a start or without a parent."""
        if self._sampled < self.initial or self._parent is None:
            return Proposal(id, self.space.sample(rng, born=id), None, RANDOM, memo=str(self._start))
        parent = self._parent[0]
        child = self.space.mutate(parent.genotype, rng, born=id)
        return Proposal(
            id, child.genotype, parent.id, child.rule, child.rejected, child.forget, noise=child.noise,
            memo=f"{self._start} {parent.id}",
        )  # fmt: skip

    def adopt(self, proposal: Recorded[G]) -> None:
        """Adds the proposal to the pending proposals."""
        super().adopt(proposal)
        start, _, parent = proposal.memo.partition(" ")
        self._sampled += not parent and int(start) == self._start

    def tell(self, individual: Measured) -> None:
        """Makes a better individual the parent, or counts a child that is not better."""
        self._show(individual)
        proposal, fitness = self._finish(individual.id), individual.fitness
        start, _, parent = proposal.memo.partition(" ")
        if int(start) != self._start:
            return
        if self._parent is None or fitness > self._parent[1]:
            self._parent, self._worse = (proposal, fitness), 0
        elif parent == str(self._parent[0].id):
            self._worse += 1
        if self._worse >= self.patience:
            self._start, self._sampled, self._worse, self._parent = self._start + 1, 0, 0, None
