"""What all algorithms share: whom they talk to, how they are called, where their randomness comes from."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sized
from typing import Generic, NamedTuple, Protocol, TypeVar

from evolve.errors import SearchError
from evolve.search.records import G, Proposal, Rejected

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
    def living(self) -> tuple[int, ...]:
        """The ids of all who may yet have a child."""

    @property
    def memory(self) -> int | None:
        """How many of the latest a resumed search must tell it again, of those that were not killed; None: all."""

    @property
    def window(self) -> int | None:
        """How many the population holds at most, of the latest that were not killed; None: all of them."""

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


class Member(NamedTuple, Generic[G]):
    """One of the living."""

    id: int
    genotype: G
    fitness: float


class Evolution(ABC, Generic[G]):
    """The first `population_size` are sampled, as is who is due while nobody lives; the others are children."""

    _living: Sized

    def __init__(self, space: SearchSpace[G], seed: int, population_size: int) -> None:
        self._space = space
        self._seed = seed
        self._population_size = population_size
        self._ledger: Ledger[G] = Ledger()

    def ask(self, id: int) -> Proposal[G]:
        """A random genotype for the first P, then a child of one of the living."""
        self._ledger.ask(id)
        rng = generator(self._seed, id)
        # With many workers the first children may be due before anybody has been told.
        if id <= self._population_size or not self._living:
            proposal = Proposal(id, self._space.sample(rng))
        else:
            parent, killed = self._contests(rng)
            child = self._space.mutate(parent.genotype, rng)
            proposal = Proposal(id, child.genotype, parent.id, child.rule, child.rejected, child.forget, killed)
        self.adopt(proposal)
        return proposal

    @abstractmethod
    def _contests(self, rng: random.Random) -> tuple[Member[G], tuple[int, ...]]:
        """Who has a child, and the ids of those who died for it."""

    def adopt(self, proposal: Proposal[G]) -> None:
        """Take back a proposal of an earlier run, as if it had been asked now."""
        self._ledger.enter(proposal.id, proposal.genotype)


class Survivors(Evolution[G]):
    """A population in which nobody dies of age: one lives until a child's proposal says that it was killed."""

    def __init__(self, space: SearchSpace[G], seed: int, population_size: int) -> None:
        super().__init__(space, seed, population_size)
        self._living: dict[int, Member[G]] = {}

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of everyone alive, the oldest first."""
        return tuple([member.fitness for member in self._living.values()])

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

    def adopt(self, proposal: Proposal[G]) -> None:
        """The same, and those it killed are dead."""
        super().adopt(proposal)
        for id in proposal.killed:
            self._living.pop(id, None)

    def tell(self, id: int, fitness: float) -> None:
        """Let an individual live among the others."""
        self._living[id] = Member(id, self._ledger.leave(id), fitness)


class Latest:
    """Nobody lives on: the latest stand for the population, so that the curves lie beside those of evolution."""

    def __init__(self, window: int) -> None:
        self._latest: deque[float] = deque(maxlen=window)
        self._window = window

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of the latest individuals, the oldest first."""
        return tuple(self._latest)

    @property
    def living(self) -> tuple[int, ...]:
        """Nobody: no one has a child."""
        return ()

    @property
    def window(self) -> int:
        """How many of the latest the curves show."""
        return self._window
