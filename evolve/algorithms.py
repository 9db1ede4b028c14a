"""Search algorithms, asked for a genotype and told its fitness; they know of no model, file or process.

`RegularizedEvolution` is algorithm 1 of Real et al. 2019, arXiv 1802.01548.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from evolve.errors import SearchError, UsageError
from evolve.records import RANDOM, G, Proposal, Rejected

T = TypeVar("T")


class Child(NamedTuple, Generic[T]):
    """A mutated genotype, the rule that made it, and what was rejected before it."""

    genotype: T
    rule: str
    rejected: Rejected = ()
    forget: bool = False


class SearchSpace(Protocol[G]):
    """Where genotypes come from; both methods draw from the generator they are handed and no other."""

    def sample(self, rng: random.Random) -> G:
        """A random genotype."""

    def mutate(self, genotype: G, rng: random.Random) -> Child[G]:
        """A child, one mutation away."""


class Algorithm(Protocol[G]):
    """The order of calls: every id is asked (or adopted) once, and told once after that."""

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of everyone alive, the oldest first."""

    @property
    def memory(self) -> int:
        """How many of the latest individuals it remembers: what a resumed search must tell it again."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by name; two searches that differ in them are two searches."""

    def ask(self, id: int) -> Proposal[G]:
        """What to try as individual `id`; ids rise."""

    def adopt(self, proposal: Proposal[G]) -> None:
        """Take back a proposal of an earlier run, as if it had been asked now."""

    def tell(self, id: int, fitness: float) -> None:
        """The fitness of an open individual."""


def generator(seed: int, id: int, purpose: str = "proposal") -> random.Random:
    """The randomness of one individual: from its id and the seed alone, so that a resumed run repeats it."""
    return random.Random(f"{seed}:{id}:{purpose}")


class Ledger(Generic[G]):
    """Who is open: asked and not yet told. Holds nobody else, however long the search."""

    def __init__(self) -> None:
        self._open: dict[int, G] = {}
        self._last = 0

    def ask(self, id: int) -> None:
        """Raise unless `id` is a new one."""
        if id <= self._last:
            raise SearchError(f"individual {id} was asked for after individual {self._last}: ids must rise")

    def enter(self, id: int, genotype: G) -> None:
        """Open an individual."""
        if id in self._open:
            raise SearchError(f"individual {id} is open already")
        self._open[id] = genotype
        self._last = max(self._last, id)

    def leave(self, id: int) -> G:
        """Close an individual; its genotype."""
        if id not in self._open:
            raise SearchError(f"individual {id} was told without having been asked, or twice")
        return self._open.pop(id)


@dataclass(frozen=True, slots=True)
class Member(Generic[G]):
    """One of the living."""

    id: int
    genotype: G
    fitness: float


class RegularizedEvolution(Generic[G]):
    """Ageing evolution: the best of a uniform sample has a child, and the oldest dies."""

    def __init__(self, space: SearchSpace[G], seed: int, population_size: int = 100, sample_size: int = 25) -> None:
        if not 1 <= sample_size <= population_size:
            raise UsageError(
                "regularized_evolution needs 1 <= sample_size <= population_size; "
                f"sample_size is {sample_size}, population_size is {population_size}"
            )
        self._space = space
        self._seed = seed
        self._population_size = population_size
        self._sample_size = sample_size
        self._ledger: Ledger[G] = Ledger()
        self._living: deque[Member[G]] = deque(maxlen=population_size)

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of everyone alive, the oldest first."""
        return tuple(member.fitness for member in self._living)

    @property
    def memory(self) -> int:
        """The population: all that a queue remembers."""
        return self._population_size

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by their gin names."""
        return {
            "regularized_evolution.population_size": self._population_size,
            "regularized_evolution.sample_size": self._sample_size,
        }

    def ask(self, id: int) -> Proposal[G]:
        """A random genotype for the first P, then a child of the best of S drawn with replacement."""
        self._ledger.ask(id)
        rng = generator(self._seed, id)
        # With many workers the first children may be due before anybody has been told.
        if id <= self._population_size or not self._living:
            proposal = Proposal(id, self._space.sample(rng))
        else:
            drawn = [rng.choice(self._living) for _ in range(self._sample_size)]
            parent = max(drawn, key=lambda member: member.fitness)
            child = self._space.mutate(parent.genotype, rng)
            proposal = Proposal(id, child.genotype, parent.id, child.rule, child.rejected, child.forget)
        self.adopt(proposal)
        return proposal

    def adopt(self, proposal: Proposal[G]) -> None:
        """Take back a proposal of an earlier run, as if it had been asked now."""
        self._ledger.enter(proposal.id, proposal.genotype)

    def tell(self, id: int, fitness: float) -> None:
        """Append to the right of the queue; being bounded, it drops the oldest on the left."""
        self._living.append(Member(id, self._ledger.leave(id), fitness))


class RandomSearch(Generic[G]):
    """The paper's control: every individual is sampled as the initial population is."""

    def __init__(self, space: SearchSpace[G], seed: int, window: int = 100) -> None:
        if window < 1:
            raise UsageError(f"random_search needs window >= 1, which is {window}")
        self._space = space
        self._seed = seed
        self._ledger: Ledger[G] = Ledger()
        self._window = window
        # Nobody lives on here; the latest are kept so that the curves lie beside those of evolution.
        self._latest: deque[float] = deque(maxlen=window)

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of the latest individuals, the oldest first."""
        return tuple(self._latest)

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
