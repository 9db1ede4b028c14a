"""Search algorithms, asked for a genotype and told its fitness; they know of no model, file or process.

`RegularizedEvolution` is algorithm 1 of Real et al. 2019, arXiv 1802.01548. `PairwiseTournament` is what a worker does
in Real et al. 2017, arXiv 1703.01041.
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
    def living(self) -> tuple[int, ...]:
        """The ids of all who may yet have a child."""

    @property
    def memory(self) -> int | None:
        """How many of the latest a resumed search must tell it again, of those that were not killed; None: all."""

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
    def living(self) -> tuple[int, ...]:
        """The ids of the population."""
        return tuple(member.id for member in self._living)

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
    def living(self) -> tuple[int, ...]:
        """Nobody: no one has a child."""
        return ()

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
