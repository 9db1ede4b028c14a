"""What all algorithms share: whom they talk to, how they are called, where their randomness comes from."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from evolve.errors import SearchError
from evolve.records import G, Proposal, Rejected

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


@dataclass(frozen=True, slots=True)
class Member(Generic[G]):
    """One of the living."""

    id: int
    genotype: G
    fitness: float
