"""What the parts of a search hand to each other: frozen records, none of which knows who made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

G = TypeVar("G")
T = TypeVar("T")

Rejected = tuple[tuple[str, str], ...]
Status = Literal["running", "done", "failed"]

WORST = 0.0  # The fitness of a failed individual; every fitness is at least this.
RANDOM = "random"  # The rule of an individual that was sampled and has no parent.


@dataclass(frozen=True, slots=True)
class Proposal(Generic[G]):
    """An individual before it is evaluated: what to try, and where it came from."""

    id: int
    genotype: G
    parent: int | None = None
    rule: str = RANDOM
    rejected: Rejected = ()  # (rule, reason) of every child that was thrown away on the way
    forget: bool = False  # true where the rule asks for the parent's weights to be reset

    def with_genotype(self, genotype: T) -> Proposal[T]:
        """The same proposal, its genotype in another form."""
        return Proposal(self.id, genotype, self.parent, self.rule, self.rejected, self.forget)


@dataclass(frozen=True, slots=True)
class Task:
    """An individual as it is sent to a worker, the genotype as text."""

    id: int
    genotype: str
    seed: int
    best: float  # The best fitness so far: only what beats it is worth keeping weights of.


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What became of an individual; `seconds` are those of its whole stay in the worker."""

    fitness: float
    status: Status = "done"
    error: str = ""
    params: int = 0
    mult_adds: int = 0
    seconds: float = 0.0
    history: tuple[Epoch, ...] = ()
    graph: str = ""  # the Keras model as JSON, for a new best


def failed(reason: str, *, params: int = 0, mult_adds: int = 0, seconds: float = 0.0) -> Evaluation:
    """The evaluation of an individual that could not be built, trained or measured."""
    return Evaluation(WORST, "failed", reason, params=params, mult_adds=mult_adds, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Individual:
    """One row of the store: a proposal, its evaluation, and when it was finished (counted from 1)."""

    id: int
    parent: int | None
    rule: str
    genotype: str
    fingerprint: str
    fitness: float
    params: int
    mult_adds: int
    seconds: float
    status: Status
    error: str
    rejected: Rejected
    forget: bool
    history: tuple[Epoch, ...]
    finished: int
    graph: str = ""  # handed to observers only, never stored
