"""The breeder, through which a search asks its algorithm: it draws proposals again, or chooses the best of several.

A proposal whose network was seen is drawn again. With candidates, several children are drawn, and a model of the
fitness chooses the one of which it expects most.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Generic, Protocol

from evolve.algorithms.base import Algorithm, Child, SearchSpace, check_rises, generator
from evolve.predictor.features import Features
from evolve.predictor.process import Process
from evolve.predictor.results import Results
from evolve.records import G, Measured, Proposal, Recorded

DRAWS = 100  # draws of a proposal whose network was seen, after which it is proposed nevertheless

Network = tuple[str, str]  # a fingerprint, and the genes that it leaves out


class BreedingSpace(SearchSpace[G], Protocol[G]):
    """A search space whose genotypes can be compared."""

    def draft(self, genotype: G, rng: random.Random, *, mate: G | None = None, born: int | None = None) -> Child[G]:
        """Returns a child as `mutate` does, without the check whether it can be built."""

    def unfit(self, genotype: G) -> str | None:
        """Returns why a genotype may not be proposed, or None if it may be proposed."""

    def network(self, genotype: G) -> Network:
        """Returns a key that is equal for genotypes that are the same network and train in the same way."""

    def features(self, genotypes: Sequence[G]) -> list[Features]:
        """Returns the features from which a model predicts the fitness of each genotype."""

    def members(self, count: int, rng: random.Random) -> Sequence[G]:
        """Returns random genotypes of a list of all networks, if the space has such a list."""


class Drafts(Generic[G]):
    """A search space as an algorithm of a breeder sees it: while candidates are drawn, children are not checked.

    Only the few children of which most is expected are checked, because a check takes longer than all the rest.
    """

    def __init__(self, space: BreedingSpace[G]) -> None:
        self._space = space
        self.are_checked = True

    def mutate(self, genotype: G, rng: random.Random, *, mate: G | None = None, born: int | None = None) -> Child[G]:
        """Returns a child, which is checked unless candidates are drawn."""
        make = self._space.mutate if self.are_checked else self._space.draft
        return make(genotype, rng, mate=mate, born=born)

    def sample(self, rng: random.Random, *, born: int | None = None) -> G:
        """Returns a random genotype, which can be built."""
        return self._space.sample(rng, born=born)

    def parts(self, genotype: G) -> Mapping[str, int]:
        """Returns the parts of a genotype, each with the id of the individual in which it was born."""
        return self._space.parts(genotype)

    @property
    def has_crossover(self) -> bool:
        """Whether a rule makes children of two parents."""
        return self._space.has_crossover


class Breeder(Generic[G]):
    """An algorithm that draws a proposal of another algorithm again if its network was seen, or chooses among several.

    A proposal depends on the results in their order, on what is pending, and on the seed and the id. So a search that
    is resumed makes the same proposals.
    """

    takes_rungs: ClassVar[bool] = True  # if its algorithm does

    def __init__(
        self,
        make: Callable[[SearchSpace[G]], Algorithm[G]],
        space: BreedingSpace[G],
        seed: int,
        candidates: int | None = None,
        repeats: bool = False,
        networks: Mapping[int, Network] | None = None,
    ) -> None:
        """Creates a breeder.

        Args:
          make: returns the algorithm, which breeds in the space that it is given.
          space: the search space.
          seed: the random seed.
          candidates: the number of children among which a model chooses; None for no model.
          repeats: whether a network may be proposed that was seen.
          networks: the networks of the individuals of earlier runs, by their ids. Others are computed.
        """
        self._drafts = Drafts(space)
        self._algorithm = make(space if candidates is None else self._drafts)
        self._space = space
        self._seed = seed
        self._candidates = candidates
        self._repeats = repeats
        self._networks = networks or {}
        self._last = 0
        self._seen: set[Network] = set()
        self._pending: dict[int, Recorded[G]] = {}
        self._evaluated: dict[int, Recorded[G]] = {}
        self._features: dict[int, Features] = {}
        self._results = Results(self._features_of)

    @property
    def population(self) -> tuple[float | None, ...]:
        """The fitness of every member, the oldest first; None for a member that failed."""
        return self._algorithm.population

    @property
    def members(self) -> tuple[int, ...]:
        """The ids of the members."""
        return self._algorithm.members

    @property
    def species(self) -> Mapping[int, int]:
        """The species of each member that has one."""
        return self._algorithm.species

    @property
    def replayed(self) -> None:
        """None, because a proposal depends on the networks of all individuals."""
        return None

    @property
    def correlation(self) -> float | None:
        """The rank correlation of predicted and measured fitness of the individuals that the model chose."""
        return self._results.correlation

    def ask(self, id: int) -> Proposal[G]:
        """Returns the proposal of individual `id`, which is pending from now on.

        Raises:
          SearchError: `id` is not greater than the last id.
        """
        check_rises(id, self._last)
        proposal = self.draw(id, generator(self._seed, id))
        self.adopt(proposal)
        return proposal

    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a proposal of individual `id` that `adopt` may take over."""
        model = None if self._candidates is None else self._results.model(self._weights(id))
        best = None if model is None else self._best(id, rng, model)
        return self._unseen(id, rng) if best is None else best

    def _weights(self, id: int) -> tuple[float, ...]:
        """Returns random weights of the objectives, whose sum is 1; an empty tuple if there is one objective."""
        if self._results.objectives == 1:
            return ()
        rng = generator(self._seed, id, "weights")
        drawn = [rng.expovariate(1.0) for _ in range(self._results.objectives)]
        return tuple(one / sum(drawn) for one in drawn)

    def _unseen(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a proposal whose network was not seen; after `DRAWS` draws in vain, one whose network was seen."""
        proposal = self._algorithm.draw(id, rng)
        for _ in range(0 if self._repeats else DRAWS):
            if self._space.network(proposal.genotype) not in self._seen:
                break
            proposal = self._algorithm.draw(id, rng)
        return proposal

    def _best(self, id: int, rng: random.Random, model: Process) -> Proposal[G] | None:
        """Returns the child of which the model expects most; None if no child is drawn, or none may be proposed.

        Only the few children of which most is expected are compared with the networks that were seen.
        """
        children = self._children(id, rng)
        if not children:
            return None
        pending = [self._features_of(one) for one in self._pending]
        found = self._space.features([child.genotype for child in children])
        values, improvements = model.improvements(found, pending)
        tried: set[Network] = set()
        rejected: list[tuple[str, str]] = []
        order: list[int] = (-improvements).argsort(kind="stable").tolist()
        for place in order:
            child = children[place]
            network = self._space.network(child.genotype)
            if network in tried or (not self._repeats and network in self._seen):
                continue
            tried.add(network)
            reason = self._space.unfit(child.genotype)
            if reason is None:
                predicted = float(values[place])
                return replace(child, rejected=(*child.rejected, *rejected), predicted=predicted)
            rejected.append((child.rule, reason))
        return None

    def _children(self, id: int, rng: random.Random) -> list[Proposal[G]]:
        """Returns children that are not checked. There are none while the algorithm proposes random ones.

        Of a space whose networks are listed, as many random ones are candidates too: a parent has few neighbours in a
        list, and in the end all of them were seen.
        """
        found: list[Proposal[G]] = []
        self._drafts.are_checked = False
        try:
            for _ in range(self._candidates or 0):
                child = self._algorithm.draw(id, rng)
                if child.parent is None:
                    return found
                found.append(child)
        finally:
            self._drafts.are_checked = True
        return found + [Proposal(id, genotype) for genotype in self._space.members(self._candidates or 0, rng)]

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes over a proposal of an earlier run, as if `ask` had returned it."""
        self._algorithm.adopt(proposal)
        self._last = max(self._last, proposal.id)
        self._pending[proposal.id] = proposal
        if not self._repeats:
            self._seen.add(self._networks.get(proposal.id) or self._space.network(proposal.genotype))

    def tell(self, individual: Measured) -> None:
        """Receives the result of a pending individual, or of one that was trained to a higher rung."""
        self._algorithm.tell(individual)
        proposal = self._pending.pop(individual.id, None)
        if self._candidates is None:
            return
        if proposal is None:
            self._results.promote(individual.id, individual.fitness, individual.rung)
            return
        if individual.rung:
            # A duplicate took the result of a higher rung. The model has its network already, with all of its results.
            return
        self._evaluated[individual.id] = proposal
        self._results.tell(individual.id, individual.fitness, proposal.predicted, individual.scores)
        needed = self._results.needed
        for known in (self._evaluated, self._features):
            for id in [id for id in known if id not in needed and id not in self._pending]:
                del known[id]

    def _features_of(self, id: int) -> Features:
        """Returns the features of an individual that is pending or has a result."""
        known = self._features.get(id)
        if known is None:
            proposal = self._pending.get(id) or self._evaluated[id]
            (known,) = self._space.features([proposal.genotype])
            self._features[id] = known
        return known
