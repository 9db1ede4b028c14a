"""The common parts of all algorithms: their interface, their search space, and their random generators."""

from __future__ import annotations

import json
import math
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NoReturn, Protocol, TypeVar

from compiler.domains import check, optional, real, settings_of, values, whole
from dsl.rules.scene import Noise, Part
from evolve.algorithms.fronts import Point, crowded
from evolve.algorithms.rungs import RungResults
from evolve.errors import SearchError, UsageError
from evolve.records import G, Measured, Proposal, Recorded, Rejected

T = TypeVar("T")
Taken = Literal["one", "any", "several"]
_FITNESS = attrgetter("fitness")
SHARE = real("from 0 to 1", lambda value: 0 <= value <= 1)
SHOWN = "shown"  # marks a setting that changes the curves of a search, and not the search


class Child(NamedTuple, Generic[T]):
    """A new genotype, the rule that made it, and the (rule, reason) of children that were rejected before it.

    Attributes:
      forget: whether the child inherits no weights.
      crossed: whether a crossover made the child, so that it has two parents.
      from_mate: the parts whose weights come from the mate.
      noise: the noise that is added to the weights with which the child starts.
    """

    genotype: T
    rule: str
    rejected: Rejected = ()
    forget: bool = False
    crossed: bool = False
    from_mate: tuple[Part, ...] = ()
    noise: Noise | None = None

    def then(self, second: Child[T]) -> Child[T]:
        """Returns the child that a second rule makes of this one."""
        return second._replace(
            rule=f"{self.rule}, {second.rule}",
            rejected=self.rejected + second.rejected,
            forget=self.forget or second.forget,
            crossed=self.crossed,
            from_mate=self.from_mate,
            noise=second.noise or self.noise,
        )


class SearchSpace(Protocol[G]):
    """The source of genotypes. Both methods take all random numbers from the generator `rng`."""

    def sample(self, rng: random.Random, *, born: int | None = None) -> G:
        """Returns a random genotype. `born` is the id of its individual, after which new parts are named."""

    def parts(self, genotype: G) -> Mapping[str, int]:
        """Returns the parts of a genotype, each with the id of the individual in which it was born.

        The name of a part is equal in individuals that have the part from one ancestor.
        """

    @property
    def has_crossover(self) -> bool:
        """Whether a rule makes children of two parents, so that an algorithm draws a mate."""

    def mutate(self, genotype: G, rng: random.Random, *, mate: G | None = None, born: int | None = None) -> Child[G]:
        """Returns a child, made by one rule.

        Args:
          genotype: the parent, which is the fitter of the two parents if there is a mate.
          rng: gives all random numbers.
          mate: the second parent; without a mate no crossover applies.
          born: the id of the child, after which new parts of the genotype are named.
        """


class Algorithm(Protocol[G]):
    """Proposes individuals and learns from their results.

    Each id is passed to `ask` or `adopt` once, and later to `tell` once. In a search with rungs, an individual that was
    trained to a higher rung is passed to `tell` again, if the algorithm takes rungs. An algorithm is a dataclass. Its
    settings are fields, with the annotations that `compiler.domains` describes. When a search is resumed, a new
    algorithm is made. It restores its state while `adopt` is called with each recorded proposal, and `tell` with each
    recorded result.
    """

    takes_rungs: ClassVar[bool]  # whether the algorithm compares individuals of different rungs

    @property
    def population(self) -> tuple[float | None, ...]:
        """The fitness of every member, the oldest first; None for a member that failed."""

    @property
    def members(self) -> tuple[int, ...]:
        """The ids of the members, which are the individuals that may become parents."""

    @property
    def species(self) -> Mapping[int, int]:
        """The species of each member that has one. The name of a species is the id of the individual that began it."""

    @property
    def correlation(self) -> float | None:
        """The rank correlation of predicted and measured fitness of individuals that a model chose, if one chooses."""

    @property
    def replayed(self) -> int | None:
        """The number of latest results from which the algorithm restores its state; None: all results."""

    def ask(self, id: int) -> Proposal[G]:
        """Returns the proposal of individual `id`. Each id must be greater than all ids before it."""

    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a proposal of individual `id` that `adopt` may take over. All random numbers come from `rng`."""

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes over a proposal of an earlier run, as if `ask` had returned it."""

    def tell(self, individual: Measured) -> None:
        """Receives the result of a pending individual."""


def gin_name(algorithm: type) -> str:
    """Returns the gin name of an algorithm: `regularized_evolution` for `RegularizedEvolution`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", algorithm.__name__).lower()


def settings(algorithm: Algorithm[Any]) -> dict[str, object]:
    """Returns, by gin name, the settings of an algorithm that identify a search. Another value makes another search."""
    marks = {setting.name: setting.marks for setting in settings_of(type(algorithm))}
    name = gin_name(type(algorithm))
    return {f"{name}.{key}": value for key, value in values(algorithm).items() if SHOWN not in marks[key]}


def generator(seed: int, id: int, purpose: str = "proposal") -> random.Random:
    """Returns a random generator for one individual.

    The generator depends only on the random seed, the id and the purpose. So a search that is resumed draws the same
    numbers as a search that was not interrupted.
    """
    return random.Random(f"{seed}:{id}:{purpose}")


class _NoSpace:
    """Stands for the search space of an algorithm that has only its settings."""

    def __repr__(self) -> str:
        return "NO_SPACE"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # Python looks for such methods, for example when it copies an object
        raise SearchError(
            "this algorithm has no search space, only its settings: pass the algorithm to evolve.create, or make it "
            "with a search space and a random seed"
        )


NO_SPACE: Any = _NoSpace()


def check_rises(id: int, last: int) -> None:
    """Checks that an id is greater than all ids before it.

    Raises:
      SearchError: `id` is not greater than `last`, the last id.
    """
    if id <= last:
        raise SearchError(f"individual {id} was asked for after individual {last}: ids must rise")


@dataclass(eq=False)
class Proposer(ABC, Generic[G]):
    """The part that all algorithms share: the check of their settings, and the proposals of pending individuals.

    An algorithm that is made without a search space has only its settings. `dataclasses.replace` gives it a search
    space and a random seed.

    Raises:
      UsageError: a setting has a value that its class does not allow.
    """

    space: SearchSpace[G] = NO_SPACE
    seed: int = 0

    breeds: ClassVar[bool] = False  # whether most proposals are children of members
    objectives: ClassVar[Taken] = "one"  # how many objectives the algorithm takes
    takes_rungs: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(gin_name(type(self)), self, UsageError)
        self._pending: dict[int, Recorded[G]] = {}
        self._last = 0

    @property
    def species(self) -> Mapping[int, int]:
        """An empty mapping, because most algorithms have no species."""
        return {}

    @property
    def correlation(self) -> None:
        """None, because no model chooses individuals; `Breeder` has one."""
        return None

    def ask(self, id: int) -> Proposal[G]:
        """Returns the proposal of individual `id`, which is pending from now on.

        Raises:
          SearchError: `id` is not greater than the last id.
        """
        check_rises(id, self._last)
        proposal = self.draw(id, generator(self.seed, id))
        self.adopt(proposal)
        return proposal

    @abstractmethod
    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a proposal of individual `id`. The individual becomes pending only if `adopt` takes it over."""

    def adopt(self, proposal: Recorded[G]) -> None:
        """Takes over a proposal of an earlier run, as if `ask` had returned it."""
        if proposal.id in self._pending:
            raise SearchError(f"individual {proposal.id} is already pending")
        self._pending[proposal.id] = proposal
        self._last = max(self._last, proposal.id)

    def _finish(self, id: int) -> Recorded[G]:
        """Returns the proposal of an individual that has a result. The individual is not pending any more."""
        if id not in self._pending:
            raise SearchError(f"individual {id} is not pending: it has a result, or was not proposed")
        return self._pending.pop(id)


class Member(NamedTuple, Generic[G]):
    """An individual of the population."""

    id: int
    proposal: Recorded[G]
    fitness: float
    scores: Point = ()  # by several objectives; empty if the fitness is the only one, or the individual failed
    rung: int = 0
    is_failed: bool = False


def _measured(individual: Measured, proposal: Recorded[G]) -> Member[G]:
    """Returns a finished individual as a member."""
    return Member(individual.id, proposal, individual.fitness, individual.scores, individual.rung, individual.is_failed)


def _shown(individual: Measured | Member[Any]) -> float | None:
    """Returns the fitness of an individual; None if it failed, since the fitness of a failed one was not measured."""
    return None if individual.is_failed else individual.fitness


@dataclass(eq=False)
class Evolution(Proposer[G]):
    """An algorithm with a population. The first individuals are sampled, and all others are children.

    An individual that is proposed while the population is empty is sampled too. If the search space has a crossover, a
    mate is drawn like the parent, among the other members. The fitter of the two is the parent, with which the child
    starts. Whether a crossover or a mutation makes the child depends on the weights of the rules.
    """

    breeds: ClassVar[bool] = True
    _: KW_ONLY
    population_size: Annotated[int, whole(1), "greatest number of members of the population"] = 100
    initial: Annotated[
        int | None, optional(whole(1)), "number of random individuals at the beginning; None for `population_size`"
    ] = None
    second_mutation: Annotated[float, SHARE, "probability that a child gets a second mutation"] = 0.0

    @abstractmethod
    def _population(self) -> Collection[Member[G]]:
        """Returns the members, the oldest first."""

    @property
    def population(self) -> tuple[float | None, ...]:
        """The fitness of every member, the oldest first; None for a member that failed."""
        return tuple([_shown(member) for member in self._population()])

    @property
    def members(self) -> tuple[int, ...]:
        """The ids of the members."""
        return tuple([member.id for member in self._population()])

    @property
    def sampled(self) -> int:
        """The number of random individuals at the beginning."""
        return self.initial or self.population_size

    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a random genotype for the first individuals, and then a child of a member."""
        # With many workers the first children may be proposed before there is a result.
        if id <= self.sampled or not self._population():
            return Proposal(id, self.space.sample(rng, born=id), compared=self._compared(()))
        parent, removed = self._choose_parent(rng)
        parent, mate = self._choose_mate(parent, removed, rng) if self.space.has_crossover else (parent, None)
        return self._child(id, parent, mate, removed, rng)

    def _choose_mate(
        self, parent: Member[G], removed: Collection[int], rng: random.Random
    ) -> tuple[Member[G], Member[G] | None]:
        """Returns the parents of the next child, the fitter one first; the mate is None if there is no other member."""
        others = self._mates(parent, removed, rng)
        if not others:
            return parent, None
        mate = self._winner(others, rng)
        return (mate, parent) if self._value(mate) > self._value(parent) else (parent, mate)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rungs = RungResults()

    @property
    def _key(self) -> Callable[[Member[G]], Any]:
        """A function that returns a key of a member, of which the larger is better.

        It is a fast one while `_value` is the fitness alone, because each proposal compares all members of a sample.
        """
        return self._value if self._rungs.highest else _FITNESS

    def _value(self, member: Member[G]) -> tuple[float, ...]:
        """Returns a key of a member, of which the larger is better: its fitness.

        If members may be of different rungs, the key is the place in the member's rung, and then the rung.
        """
        if not self._rungs.highest:
            return (member.fitness,)
        return (-self._rungs.share(member.rung, member.fitness, member.scores), member.rung)

    def _told(self, individual: Measured) -> Member[G] | None:
        """Returns a pending individual, which now has a result, as a member. A promoted member is replaced in place."""
        self._rungs.add(individual)
        if individual.rung and individual.id not in self._pending and self.takes_rungs:
            for member in self._population():
                if member.id == individual.id:
                    self._replace(_measured(individual, member.proposal))
                    break
            return None
        return _measured(individual, self._finish(individual.id))

    @abstractmethod
    def _replace(self, member: Member[G]) -> None:
        """Replaces the member that has the same id."""

    def _mates(self, parent: Member[G], removed: Collection[int], rng: random.Random) -> Sequence[Member[G]]:
        """Returns the members among which the mate is drawn."""
        return [one for one in self._population() if one is not parent and one.id not in removed]

    def _memo(self, removed: Sequence[int]) -> str:
        """Returns the memo of a proposal that removes members: a JSON list of their ids, or an empty text."""
        return json.dumps(removed) if removed else ""

    def _compared(self, removed: Collection[int]) -> tuple[int, ...]:
        """Returns the ids of members with whose weights the worker compares those of the next individual.

        `removed` are the ids of the members that the proposal removes.
        """
        return ()

    def _child(
        self, id: int, parent: Member[G], mate: Member[G] | None, removed: Sequence[int], rng: random.Random
    ) -> Proposal[G]:
        """Returns the proposal of a child of a parent, and of the mate if a crossover makes the child."""
        other = None if mate is None else mate.proposal.genotype
        child = self.space.mutate(parent.proposal.genotype, rng, mate=other, born=id)
        if self.second_mutation and rng.random() < self.second_mutation:
            child = child.then(self.space.mutate(child.genotype, rng, born=id))
        return Proposal(
            id, child.genotype, parent.id, child.rule, child.rejected, child.forget, self._memo(removed),
            mate.id if mate is not None and child.crossed else None, child.from_mate, child.noise,
            self._compared(removed),
        )  # fmt: skip

    @abstractmethod
    def _winner(self, members: Sequence[Member[G]], rng: random.Random) -> Member[G]:
        """Returns the winner of a tournament among members."""

    @abstractmethod
    def _choose_parent(self, rng: random.Random) -> tuple[Member[G], list[int]]:
        """Returns the parent of the next child, and the ids of the members that the proposal removes."""


@dataclass(eq=False)
class Crowded(Evolution[G]):
    """An evolution that also takes several objectives.

    With several objectives, members are compared by their non-dominated rank in the population, and members of one rank
    by their crowding distance (Deb et al. 2002). With one objective they are compared by their fitness.
    """

    objectives: ClassVar[Taken] = "any"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._failed: Point = ()  # the point of members that failed; empty with one objective
        self._crowd: Mapping[int, tuple[float, ...]] = {}  # a cache of the crowding keys of the members

    @property
    def _key(self) -> Callable[[Member[G]], Any]:
        return self._value if self._failed else super()._key

    def _value(self, member: Member[G]) -> tuple[float, ...]:
        """Returns a key of a member, of which the larger is better."""
        if not self._failed:
            return super()._value(member)
        if not self._crowd:
            members = self._population()
            keys = crowded([one.scores or self._failed for one in members])
            self._crowd = {one.id: key for one, key in zip(members, keys, strict=True)}
        key = self._crowd[member.id]
        return (*super()._value(member), key[-1]) if self._rungs.highest else key

    def _told(self, individual: Measured) -> Member[G] | None:
        if len(individual.scores) > 1:
            self._failed = (-math.inf,) * len(individual.scores)
        self._crowd = {}
        return super()._told(individual)


@dataclass(eq=False)
class NonAgeing(Evolution[G]):
    """An evolution without ageing: only a proposal removes members from the population.

    The memo of a proposal is a JSON list of the ids that it removes, or empty if it removes none.
    """

    takes_rungs = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._members: dict[int, Member[G]] = {}

    def _population(self) -> Collection[Member[G]]:
        return self._members.values()

    @property
    def replayed(self) -> None:
        """None, because the state depends on all results: no individual is removed because of its age."""
        return None

    def adopt(self, proposal: Recorded[G]) -> None:
        """Adds the proposal to the pending proposals, and removes the members that its memo lists."""
        super().adopt(proposal)
        for id in self._removed_in(proposal.memo):
            self._members.pop(id, None)

    @staticmethod
    def _removed_in(memo: str) -> Collection[int]:
        """Returns the ids of the members that the proposal with this memo removes."""
        found: list[int] = json.loads(memo or "[]")
        return found

    def tell(self, individual: Measured) -> None:
        """Adds an individual to the population, or replaces a member that was promoted."""
        if member := self._told(individual):
            self._members[member.id] = member

    def _replace(self, member: Member[G]) -> None:
        self._members[member.id] = member


@dataclass(eq=False)
class Latest(Proposer[G]):
    """An algorithm without parents. Its curves show the latest individuals in the place of a population."""

    _: KW_ONLY
    window: Annotated[int, whole(1), "number of latest individuals that the curves show as the population", SHOWN] = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        self._latest: dict[int, float | None] = {}

    @property
    def population(self) -> tuple[float | None, ...]:
        """The fitness of the latest individuals, the oldest first; None for one that failed."""
        return tuple(self._latest.values())

    def _show(self, individual: Measured) -> None:
        """Adds an individual to the curves, or replaces the fitness of one that was promoted."""
        if individual.id in self._pending:
            self._latest[individual.id] = _shown(individual)
            if len(self._latest) > self.window:
                del self._latest[next(iter(self._latest))]
        elif individual.id in self._latest:
            self._latest[individual.id] = _shown(individual)

    @property
    def members(self) -> tuple[int, ...]:
        """An empty tuple, because no individual becomes a parent."""
        return ()
