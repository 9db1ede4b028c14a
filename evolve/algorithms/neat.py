"""NEAT, evolution in species: Stanley and Miikkulainen, Evolving Neural Networks through Augmenting Topologies, 2002.

The paper replaces its population in generations. Here individuals are proposed one at a time, as in the steady state of
Stanley et al. 2005 (real-time NEAT): a proposal removes the members with the lowest shared fitness, and adds one child.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, NamedTuple

from compiler.domains import optional, real, whole
from evolve.algorithms.base import SHARE, Member, NonAgeing
from evolve.records import LOWEST, G, Measured, Recorded

_fitness = attrgetter("fitness")
_AT_LEAST_0 = real("of 0 or more", lambda value: value >= 0)
FEW_PARTS = 20  # Of two genotypes with fewer parts, the parts that differ are counted. Otherwise their share counts.


class _New(NamedTuple):
    """A result whose individual has no species yet: its place in the order of results, and differences of weights."""

    place: int
    fitness: float
    apart: Mapping[int, float]


@dataclass(eq=False, kw_only=True)
class Neat(NonAgeing[G]):
    """NEAT: individuals compete inside their species, and a child's parents are of one species.

    An individual belongs to the first species of whose representative it is not farther away than `threshold`. The
    representative of a species is its oldest member. An individual that is farther away from all of them begins a new
    species. Its id is then the name of the species.

    The shared fitness of a member is its fitness divided by the size of its species. Members with the lowest shared
    fitness are removed, so that no species takes over the population. The champion of a large species stays. The
    species of a parent is drawn by the mean fitness of the species, and the parent is drawn from its best members.

    A species stagnates if its best fitness has not risen for `stagnation` generations. A generation is
    `population_size` results. The next proposal removes all members of such a species, so it has no more children. The
    species of the best member is exempt.

    The memo of a proposal is a JSON object. It has the ids of the members that the proposal removes (`removed`), and
    the species of the members that have got one since the last proposal (`species`).
    """

    population_size: Annotated[
        int, whole(2), "number of members at which the one of lowest shared fitness is removed"
    ] = 150
    excess: Annotated[float, _AT_LEAST_0, "weight of parts that are younger than all parts of the other (c1)"] = 1.0
    disjoint: Annotated[float, _AT_LEAST_0, "weight of other parts that only one of the two has (c2)"] = 1.0
    weight_difference: Annotated[
        float, _AT_LEAST_0, "weight of the difference of the weights, of which the root mean square is taken (c3)"
    ] = 0.4
    threshold: Annotated[
        float, real("above 0", lambda value: value > 0), "distance from which an individual is of another species"
    ] = 3.0
    interspecies: Annotated[float, SHARE, "probability that a mate is of another species"] = 0.001
    survivors: Annotated[
        float, SHARE, "share of the members of a species, the best ones, that become parents; at least one does"
    ] = 0.2
    large_species: Annotated[int, whole(1), "number of members above which a species keeps its champion"] = 5
    stagnation: Annotated[
        int | None,
        optional(whole(1), " for no limit"),
        "generations in which a species must get a better best member; each is `population_size` results",
    ] = 15

    def __post_init__(self) -> None:
        super().__post_init__()
        self._species: dict[int, int] = {}  # the species of each member that has one
        self._bests: dict[int, tuple[float, int]] = {}  # the best fitness of each species, and its negative place
        self._results = 0
        self._new: dict[int, _New] = {}  # the results of individuals that have no species yet
        self._unrecorded: dict[int, int] = {}  # the species that are not in the memo of a proposal yet
        self._parts: dict[int, Mapping[str, int]] = {}  # a cache of the parts of representatives

    takes_rungs = False  # the fitness of a species is a mean, which rungs would mix

    @property
    def species(self) -> Mapping[int, int]:
        """The species of each member that has one. A member gets its species at the next proposal."""
        return self._species

    def adopt(self, proposal: Recorded[G]) -> None:
        """Adds the proposal to the pending ones, gives members their species, and removes those that the memo lists."""
        for id, species in self.assigned(proposal.memo).items():
            self._join(id, species)
            self._unrecorded.pop(id, None)
        super().adopt(proposal)
        for id in self._species.keys() - self._members:
            del self._species[id]

    def tell(self, individual: Measured) -> None:
        """Adds an individual to the population. It has no species until the next proposal."""
        super().tell(individual)
        self._results += 1
        self._new[individual.id] = _New(self._results, individual.fitness, dict(individual.weight_differences))

    @staticmethod
    def assigned(memo: str) -> Mapping[int, int]:
        """Returns the species that members get by the proposal with this memo."""
        return {int(id): species for id, species in json.loads(memo)["species"].items()} if memo else {}

    @staticmethod
    def _removed_in(memo: str) -> Collection[int]:
        found: list[int] = json.loads(memo)["removed"] if memo else []
        return found

    def _memo(self, removed: Sequence[int]) -> str:
        if not (removed or self._unrecorded):
            return ""
        return json.dumps({"removed": removed, "species": self._unrecorded})

    def _compared(self, removed: Collection[int]) -> tuple[int, ...]:
        """Returns the representatives, with whose weights the worker compares those of the next individual."""
        return tuple(self._representatives(removed)) if self.weight_difference else ()

    # Species.

    def _representatives(self, removed: Collection[int] = ()) -> dict[int, int]:
        """Returns the species of the oldest member of each species, by its id. The oldest species come first."""
        members = [id for id in self._members if id in self._species and id not in removed]
        oldest = {self._species[id]: id for id in reversed(members)}
        return {oldest[species]: species for species in sorted(oldest)}

    def _assign(self) -> None:
        """Gives a species to each member that has none, in the order in which they became members."""
        representatives = self._representatives()
        self._parts = {id: parts for id, parts in self._parts.items() if id in representatives}
        for id, new in [*self._new.items()]:
            parts = self.space.parts(self._members[id].proposal.genotype)
            near = (
                species
                for other, species in representatives.items()
                if self._distance(parts, self._parts_of(other), new.apart.get(other, 0.0)) <= self.threshold
            )
            self._unrecorded[id] = species = next(near, id)
            self._join(id, species)
            if species == id:
                representatives[id], self._parts[id] = id, parts

    def _join(self, id: int, species: int) -> None:
        """Adds an individual to a species. A restored search may have removed the individual already."""
        self._species[id] = species
        if id in self._new:
            new = self._new.pop(id)
            found = new.fitness, -new.place
            self._bests[species] = max(self._bests.get(species, found), found)

    def _stagnating(self) -> Collection[int]:
        """Returns the species that have no more children, because their best fitness has not risen (section 4.1).

        The species of the best member is not among them. Otherwise there might be no parent.
        """
        if self.stagnation is None:
            return ()
        latest = self._results - self.stagnation * self.population_size
        best = max(self._members.values(), key=_fitness)
        named = {*self._species.values()} - {self._species[best.id]}
        return {species for species in named if -self._bests[species][1] <= latest}

    def _parts_of(self, id: int) -> Mapping[str, int]:
        if id not in self._parts:
            self._parts[id] = self.space.parts(self._members[id].proposal.genotype)
        return self._parts[id]

    def _distance(self, one: Mapping[str, int], other: Mapping[str, int], apart: float) -> float:
        """Returns the compatibility distance of two genotypes (section 3.3 of the paper).

        Args:
          one: the parts of the first genotype, each with the number of its birth.
          other: the parts of the second genotype.
          apart: the root mean square of the differences of weights that both have.
        """
        newest = min(max(parts.values(), default=0) for parts in (one, other))
        alone = [born for parts in (one, other) for name, born in parts.items() if not (name in one and name in other)]
        excess = sum(born > newest for born in alone)
        size = max(len(one), len(other))
        weighted = self.excess * excess + self.disjoint * (len(alone) - excess)
        return weighted / (size if size >= FEW_PARTS else 1) + self.weight_difference * apart

    # Parents.

    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Returns a parent of a species that is drawn by its mean fitness, and the ids of the members to remove."""
        self._assign()
        removed = self._weakest()
        kept = self._by_species(removed)
        above = self._above_lowest()
        means = [sum(above[one.id] for one in members) / len(members) for members in kept.values()]
        (members,) = rng.choices([*kept.values()], means if any(means) else None)
        return self._winner(members, rng), removed

    def _winner(self, members: Sequence[Member[G]], rng: random.Random) -> Member[G]:
        """Returns one of the best members, drawn uniformly."""
        best = sorted(members, key=_fitness, reverse=True)
        return rng.choice(best[: 1 + int(self.survivors * len(members))])

    def _mates(self, parent: Member[G], removed: Collection[int], rng: random.Random) -> Sequence[Member[G]]:
        """Returns the other members of the parent's species, or, with probability `interspecies`, all of the others."""
        own = self._species[parent.id]
        is_other = rng.random() < self.interspecies
        others = super()._mates(parent, removed, rng)
        return [one for one in others if (self._species[one.id] != own) == is_other]

    def _by_species(self, removed: Collection[int]) -> Mapping[int, list[Member[G]]]:
        """Returns the members that stay, by their species."""
        found: dict[int, list[Member[G]]] = {}
        for id, member in self._members.items():
            if id not in removed:
                found.setdefault(self._species[id], []).append(member)
        return found

    def _above_lowest(self) -> Mapping[int, float]:
        """Returns the fitness of each member above the lowest one, or above 0 if no fitness is negative.

        Only such numbers can be divided by the size of a species. A failed member has 0.
        """
        found = {id: member.fitness for id, member in self._members.items()}
        base = min((fitness for fitness in found.values() if LOWEST < fitness < 0), default=0.0)
        return {id: max(fitness, base) - base for id, fitness in found.items()}

    def _weakest(self) -> list[int]:
        """Returns the ids of the members to remove, so that there is room for one more member.

        They are the members of stagnating species, and then those of lowest shared fitness.
        """
        stagnating = self._stagnating()
        removed = [id for id in self._members if self._species[id] in stagnating]
        above = self._above_lowest()
        while len(self._members) - len(removed) >= self.population_size:
            found = self._by_species(removed)
            large = [members for members in found.values() if len(members) > self.large_species]
            champions = {max(members, key=_fitness).id for members in large}
            shared = {
                one.id: above[one.id] / len(members)
                for members in found.values()
                for one in members
                if one.id not in champions
            }
            removed.append(min(shared or champions, key=lambda id: shared.get(id, 0.0)))
        return removed
