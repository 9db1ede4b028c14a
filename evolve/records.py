"""What the parts of a search hand to each other: frozen records, none of which knows who made it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Generic, Literal, Protocol, TypeVar

from compiler.epochs import Epoch
from evolve.columns import EPOCHS, FLAG, NAMED, PAIRS, Column

G = TypeVar("G")
G_co = TypeVar("G_co", covariant=True)
T = TypeVar("T")

Rejected = tuple[tuple[str, str], ...]
Metrics = tuple[tuple[str, float], ...]
Status = Literal["running", "done", "failed"]
Fitness = Annotated[float, Column("real")]
Size = tuple[int, int]  # trainable parameters and mult-adds

WORST = 0.0  # The fitness of a failed individual; every fitness is at least this.
RANDOM = "random"  # The rule of an individual that was sampled and has no parent.


class Recorded(Protocol[G_co]):
    """What an algorithm needs of a proposal, of this run or of an earlier one."""

    @property
    def id(self) -> int:
        """The id of the individual."""

    @property
    def genotype(self) -> G_co:
        """The genotype, which of an earlier run may be read only now."""

    @property
    def memo(self) -> str:
        """The algorithm's own text."""


@dataclass(frozen=True)
class Proposal(Generic[G]):
    """An individual before it is evaluated: what to try, and where it came from."""

    id: Annotated[int, Column("integer primary key")]
    genotype: Annotated[G, Column("text not null")]
    parent: Annotated[int | None, Column("integer")] = None
    rule: Annotated[str, Column("text not null")] = RANDOM
    # (rule, reason) of every child that was thrown away on the way
    rejected: Annotated[Rejected, Column("text not null default '[]'", PAIRS)] = ()
    # true where the rule asks for the parent's weights to be reset
    forget: Annotated[bool, Column("integer not null default 0", FLAG)] = False
    # the algorithm's own text, which it gets back with the proposal after a kill
    memo: Annotated[str, Column("text not null default ''")] = ""

    @property
    def heir_of(self) -> int | None:
        """Whose weights it may start from."""
        return None if self.forget else self.parent

    def with_genotype(self, genotype: T) -> Proposal[T]:
        """The same proposal, its genotype in another form."""
        return Proposal(**(vars(self) | {"genotype": genotype}))


@dataclass(frozen=True, slots=True)
class Task:
    """An individual as it is sent to a worker, the genotype as text."""

    id: int
    genotype: str
    seed: int
    best: float  # The best fitness so far: what beats it is shown with its graph.
    heir_of: int | None = None  # Whose weights it starts from, if weights are inherited.
    worth: float | None = None  # The fitness that weights must beat to be kept; None: the best.
    best_size: Size = (0, 0)  # Of the best: what is as fit and smaller beats it too.
    worth_size: Size = (0, 0)  # Of the one whose fitness `worth` is.


@dataclass(frozen=True)
class Evaluation:
    """What became of an individual.

    `seconds` are those of its whole stay in the worker; where the fitness comes from a table, those that training and
    validation took when the table was made.
    """

    fitness: Fitness
    status: Annotated[Status, Column("text not null check (status in ('running', 'done', 'failed'))")] = "done"
    error: Annotated[str, Column("text not null default ''")] = ""
    params: Annotated[int, Column("integer")] = 0
    mult_adds: Annotated[int, Column("integer")] = 0
    seconds: Annotated[float, Column("real")] = 0.0
    history: Annotated[tuple[Epoch, ...], Column("text not null default '[]'", EPOCHS)] = ()
    graph: str = ""  # the Keras model as JSON, for a new best: handed to observers only, never stored
    # the share of its weights that it started with; None where none were sought
    inherited: Annotated[float | None, Column("real")] = None
    # what the user may want to know of it, though it is no failure
    note: Annotated[str, Column("text not null default ''")] = ""
    # of those seconds, in steps of training and evaluation
    step_seconds: Annotated[float, Column("real not null default 0")] = 0.0
    # spent on its training: 3 x mult-adds x images x epochs, a backward pass being two forward
    flops: Annotated[float, Column("real not null default 0")] = 0.0
    again: bool = False  # whether the machine failed it, so that another try may end otherwise
    # what else a table says of it
    metrics: Annotated[Metrics, Column("text not null default '{}'", NAMED)] = ()

    @property
    def is_failed(self) -> bool:
        """Whether it could not be built, trained or measured."""
        return self.status == "failed"


def failed(reason: str, *, params: int = 0, mult_adds: int = 0, seconds: float = 0.0) -> Evaluation:
    """The evaluation of an individual that could not be built, trained or measured."""
    return Evaluation(WORST, "failed", reason, params=params, mult_adds=mult_adds, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Individual(Evaluation, Proposal[str]):
    """One row of the store: a proposal, its evaluation, and when it was finished (counted from 1)."""

    fitness: Fitness  # declared again as a keyword, since fields with a default come before it here
    fingerprint: Annotated[str, Column("text not null")]
    genes: Annotated[str, Column("text not null default ''")] = ""
    finished: Annotated[int, Column("integer unique")]
    tries: Annotated[int, Column("integer not null default 1")] = 1
    # how many were finished when it was proposed
    proposed_after: Annotated[int, Column("integer not null", is_exported=False)] = 0

    @property
    def size(self) -> Size:
        """What its network costs: of two that are equally fit the smaller is the better one."""
        return self.params, self.mult_adds

    @property
    def network(self) -> tuple[str, str]:
        """Equal for individuals that are the same network and train in the same way."""
        return self.fingerprint, self.genes


@dataclass(frozen=True, slots=True)
class Examined:
    """How the best network does on the test images; `confusion` is empty where only the accuracy is known."""

    accuracy: float
    confusion: tuple[tuple[int, ...], ...] = ()  # [classes, classes]: images by their class and what it was taken for
    class_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, confusion: tuple[tuple[int, ...], ...], class_names: tuple[str, ...]) -> Examined:
        """With the accuracy that the confusion matrix says."""
        right = sum(row[place] for place, row in enumerate(confusion))
        return cls(right / sum(map(sum, confusion)), confusion, class_names)

    @classmethod
    def read(cls, text: str) -> Examined:
        """What `text` wrote."""
        found = json.loads(text)
        return cls(found["accuracy"], tuple(map(tuple, found["confusion"])), tuple(found["class_names"]))

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), ensure_ascii=False)


def rank(fitness: float, size: Size) -> tuple[float, int, int]:
    """The place in the order of a search, the lowest being the best: the fitter first, of equals the smaller.

    Where this is equal too, the individual that was finished first comes first.
    """
    return (-fitness, *size)


def ranked(individuals: Iterable[Individual], count: int) -> list[Individual]:
    """The first individuals by `rank`, no more than `count` and one of each network, which trains as its genes say."""
    order = sorted(individuals, key=lambda one: (*rank(one.fitness, one.size), one.finished))
    first = {one.network: one for one in reversed(order)}
    return [one for one in order if first[one.network] is one][:count]


@dataclass(frozen=True, slots=True)
class Standing:
    """The search as it stands when one more is finished."""

    population: tuple[float, ...]  # the fitness of everyone alive, the oldest first
    best: Individual | None
    heritable: frozenset[int] = frozenset()  # those whose weights a child may yet start from
    top: tuple[int, ...] = ()  # the fittest, as many as keep their weights


@dataclass(frozen=True, slots=True)
class Spent:
    """What a search has done and spent so far, all its runs together."""

    finished: int = 0  # individuals that have a result
    failed: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    simulated: float = 0.0  # seconds of the trainings that a table saves
