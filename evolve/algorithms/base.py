"""What all algorithms share: their interface, the space that they search, and where their randomness comes from."""

from __future__ import annotations

import json
import random
import re
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, Generic, NamedTuple, Protocol, TypeVar

from compiler.domains import check, settings_of, values, whole
from evolve.errors import SearchError, UsageError
from evolve.records import G, Individual, Proposal, Recorded, Rejected

T = TypeVar("T")
SHOWN = "shown"  # marks a setting that changes what is shown of a search, and not the search


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
    """Proposes individuals and learns from their results.

    Each id is asked for (or adopted) once, and told once after that. An algorithm is a dataclass: its settings are
    fields that `compiler.domains` describes. What it must know again after a kill it derives from its own proposals:
    `adopt` gives it each one back with its `memo`, and `tell` each result.
    """

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of every individual of the population, the oldest first."""

    @property
    def living(self) -> tuple[int, ...]:
        """The ids of all individuals that may yet have a child."""

    @property
    def replayed(self) -> int | None:
        """How many of the latest results a resumed search must tell it again, in their order; None: all of them."""

    def ask(self, id: int) -> Proposal[G]:
        """What to try as individual `id`; ids rise."""

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes back a proposal of an earlier run, as if it had been asked now."""

    def tell(self, individual: Individual) -> None:
        """The result of an open individual: its fitness, its costs and what else was measured."""


def gin_name(algorithm: type) -> str:
    """The name by which gin knows an algorithm: `regularized_evolution` of `RegularizedEvolution`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", algorithm.__name__).lower()


def settings(algorithm: Algorithm[Any]) -> dict[str, object]:
    """The settings of an algorithm by their gin names; two searches that differ in them are two searches."""
    marks = {setting.name: setting.marks for setting in settings_of(type(algorithm))}
    name = gin_name(type(algorithm))
    return {f"{name}.{key}": value for key, value in values(algorithm).items() if SHOWN not in marks[key]}


def check_settings(algorithm: Any) -> None:
    """Compares the settings of an algorithm with what its class declares.

    Raises:
      UsageError: one has a value that it cannot have.
    """
    check(gin_name(type(algorithm)), algorithm, UsageError)


def generator(seed: int, id: int, purpose: str = "proposal") -> random.Random:
    """The randomness of one individual: from its id and the seed alone, so that a resumed run repeats it."""
    return random.Random(f"{seed}:{id}:{purpose}")


class Ledger(Generic[G]):
    """The open individuals: those asked for and not yet told. It holds no others, however long the search."""

    def __init__(self) -> None:
        self._open: dict[int, Recorded[G]] = {}
        self._last = 0

    def ask(self, id: int) -> None:
        """Raises a SearchError unless `id` is a new one."""
        if id <= self._last:
            raise SearchError(f"individual {id} was asked for after individual {self._last}: ids must rise")

    def enter(self, proposal: Recorded[G]) -> None:
        """Opens an individual."""
        if proposal.id in self._open:
            raise SearchError(f"individual {proposal.id} is open already")
        self._open[proposal.id] = proposal
        self._last = max(self._last, proposal.id)

    def leave(self, id: int) -> Recorded[G]:
        """Closes an individual, and gives its proposal."""
        if id not in self._open:
            raise SearchError(f"individual {id} was told without having been asked, or twice")
        return self._open.pop(id)


class Member(NamedTuple, Generic[G]):
    """One individual of a population."""

    id: int
    proposal: Recorded[G]
    fitness: float


@dataclass(eq=False)
class Evolution(ABC, Generic[G]):
    """The first `population_size` are sampled, and so is one that is due while the population is empty.

    All others are children.
    """

    space: SearchSpace[G]
    seed: int
    _: KW_ONLY
    population_size: Annotated[int, whole(1), "greatest number of members of the population"] = 100

    def __post_init__(self) -> None:
        check_settings(self)
        self._ledger: Ledger[G] = Ledger()

    @abstractmethod
    def _is_empty(self) -> bool:
        """Whether the population has no member."""

    def ask(self, id: int) -> Proposal[G]:
        """A random genotype for the first P, then a child of an individual of the population."""
        self._ledger.ask(id)
        rng = generator(self.seed, id)
        # With many workers the first children may be due before there is a result.
        if id <= self.population_size or self._is_empty():
            proposal = Proposal(id, self.space.sample(rng))
        else:
            parent, memo = self._contests(rng)
            child = self.space.mutate(parent.proposal.genotype, rng)
            proposal = Proposal(id, child.genotype, parent.id, child.rule, child.rejected, child.forget, memo)
        self.adopt(proposal)
        return proposal

    @abstractmethod
    def _contests(self, rng: random.Random) -> tuple[Member[G], str]:
        """The parent of the next child, and the memo of that child's proposal."""

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes back a proposal of an earlier run, as if it had been asked now."""
        self._ledger.enter(proposal)


@dataclass(eq=False)
class Survivors(Evolution[G]):
    """A population without ageing: a member lives until the memo of a child's proposal has its id as that of a killed.

    The memo is a list of such ids in JSON, or empty where none were killed.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._living: dict[int, Member[G]] = {}

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of every individual of the population, the oldest first."""
        return tuple([member.fitness for member in self._living.values()])

    @property
    def living(self) -> tuple[int, ...]:
        """The ids of the population."""
        return tuple(self._living)

    def _is_empty(self) -> bool:
        return not self._living

    @property
    def replayed(self) -> None:
        """All results: no member is too old for the population."""
        return None

    def _contests(self, rng: random.Random) -> tuple[Member[G], str]:
        """The winner of contests in which losers are killed, and the ids of the killed."""
        parent, killed = self._fight(rng)
        return parent, json.dumps(killed) if killed else ""

    @abstractmethod
    def _fight(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """The parent of the next child, and the ids of those that die for it."""

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes a proposal back, and removes what it killed from the population."""
        super().adopt(proposal)
        for id in json.loads(proposal.memo or "[]"):
            self._living.pop(id, None)

    def tell(self, individual: Individual) -> None:
        """Adds an individual to the population."""
        proposal = self._ledger.leave(individual.id)
        self._living[individual.id] = Member(individual.id, proposal, individual.fitness)


@dataclass(eq=False)
class Latest(Generic[G]):
    """No individual has a child; the latest stand for the population, so that curves compare with an evolution's."""

    space: SearchSpace[G]
    seed: int
    _: KW_ONLY
    window: Annotated[int, whole(1), "number of latest individuals that the curves show as the population", SHOWN] = 100

    def __post_init__(self) -> None:
        check_settings(self)
        self._latest: deque[float] = deque(maxlen=self.window)
        self._ledger: Ledger[G] = Ledger()

    @property
    def population(self) -> tuple[float, ...]:
        """The fitness of the latest individuals, the oldest first."""
        return tuple(self._latest)

    @property
    def living(self) -> tuple[int, ...]:
        """No ids: no individual has a child."""
        return ()

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes back a proposal of an earlier run, as if it had been asked now."""
        self._ledger.enter(proposal)
