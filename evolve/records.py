"""The records that the parts of a search exchange, and how each field of an individual is stored. All are frozen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, get_type_hints

from compiler.epochs import Epoch
from compiler.graph.cost import Cost
from dsl.rules.scene import Noise, Part

G = TypeVar("G")
G_co = TypeVar("G_co", covariant=True)
T = TypeVar("T")

Convert = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Form:
    """Functions that write a value into a column, read it again, and show the column in exported JSON."""

    write: Convert = _same
    read: Convert = _same
    show: Convert = _same


PLAIN = Form()
FLAG = Form(int, bool, bool)


def _as_json(plain: Convert, read: Convert) -> Form:
    """Returns a form that stores a value as JSON.

    Args:
      plain: converts the value to a list or a dictionary.
      read: converts the list or dictionary to the value.
    """
    return Form(lambda value: json.dumps(plain(value)), lambda text: read(json.loads(text)), json.loads)


def _optional(form: Form) -> Form:
    """Returns a form whose value may also be None."""

    def unless_none(convert: Convert) -> Convert:
        return lambda value: None if value is None else convert(value)

    return Form(*map(unless_none, (form.write, form.read, form.show)))


IDS = _as_json(list, tuple)
PAIRS = _as_json(list, lambda pairs: tuple(map(tuple, pairs)))
NAMED = _as_json(dict, lambda named: tuple(named.items()))
EPOCHS = _as_json(lambda epochs: list(map(astuple, epochs)), lambda rows: tuple(Epoch(*values) for values in rows))
SCORES = _as_json(list, tuple)
NOISE = _optional(_as_json(astuple, lambda values: Noise(*values)))


@dataclass(frozen=True, slots=True)
class Column:
    """The column of a field in the table of individuals.

    Attributes:
      sql: type and constraints. A column that is newer than the table needs a default, which older rows receive.
      form: the functions that write, read and show a value.
      since: the number of the first schema that has the column. The program's own schema has no smaller number.
      is_exported: whether `evolve export` writes the column.
    """

    sql: str
    form: Form = PLAIN
    since: int = 3
    is_exported: bool = True


def columns(record: type) -> dict[str, Column]:
    """Returns the columns of a dataclass by field name, in the order of the fields. Other fields have no column."""
    hints = get_type_hints(record, include_extras=True)
    return {
        name: found
        for name, hint in hints.items()
        for found in getattr(hint, "__metadata__", ())
        if isinstance(found, Column)
    }


Rejected = tuple[tuple[str, str], ...]
Metrics = tuple[tuple[str, float], ...]
Status = Literal["running", "done", "failed"]
Fitness = Annotated[float, Column("real")]
Size = tuple[int, int]  # trainable parameters and mult-adds

# The fitness of a failed individual: the first if the fitness is a share such as the accuracy. No fitness is lower.
# JSON has no infinity, and sums of these numbers are finite.
WORST, LOWEST = 0.0, -1e300
RANDOM = "random"  # The rule of an individual that was sampled and has no parent.


class Recorded(Protocol[G_co]):
    """The part of a proposal that an algorithm reads. The proposal is of this run or of an earlier run."""

    @property
    def id(self) -> int:
        """The id of the individual."""

    @property
    def genotype(self) -> G_co:
        """The genotype. A genotype of an earlier run is parsed at the first access."""

    @property
    def memo(self) -> str:
        """A text that the algorithm wrote when it made the proposal."""

    @property
    def predicted(self) -> float | None:
        """The fitness that a model predicted when it chose the individual; None if no model chose it."""


class Measured(Protocol):
    """The part of a result that an algorithm reads. The result is of this run or of an earlier run."""

    @property
    def id(self) -> int:
        """The id of the individual."""

    @property
    def fitness(self) -> float:
        """The fitness of the individual. If the individual failed, the fitness is `WORST` or `LOWEST`."""

    @property
    def is_failed(self) -> bool:
        """Whether the individual failed. The fitness does not tell, since `WORST` may be the value of a metric."""

    @property
    def weight_differences(self) -> tuple[tuple[int, float], ...]:
        """The differences between the weights of other individuals and its own, each after the id of the other."""

    @property
    def scores(self) -> tuple[float, ...]:
        """The scores by several objectives, where a larger score is better; empty if the fitness is the only one."""

    @property
    def rung(self) -> int:
        """The rung of the training, from 0 on. A result of a higher rung replaces the individual's earlier result."""


@dataclass(frozen=True)
class Proposal(Generic[G]):
    """An individual before it is evaluated: its genotype, its parents, and the rule that made it."""

    id: Annotated[int, Column("integer primary key")]
    genotype: Annotated[G, Column("text not null")]
    parent: Annotated[int | None, Column("integer")] = None
    rule: Annotated[str, Column("text not null")] = RANDOM
    # (rule, reason) of every child that was rejected before this genotype was found
    rejected: Annotated[Rejected, Column("text not null default '[]'", PAIRS)] = ()
    # whether the rule has `forget weights`, so that the individual inherits no weights
    forget: Annotated[bool, Column("integer not null default 0", FLAG)] = False
    # a text that the algorithm receives again, with the proposal, when the search is resumed
    memo: Annotated[str, Column("text not null default ''")] = ""
    # the second parent of an individual that a crossover has made
    mate: Annotated[int | None, Column("integer", since=8)] = None
    # the parts of the genotype whose weights come from the mate, as `dsl.Mutated` describes them
    from_mate: Annotated[tuple[Part, ...], Column("text not null default '[]'", PAIRS, since=8)] = ()
    # the noise that is added to the weights with which the individual starts, if the rule has `perturb weights`
    noise: Annotated[Noise | None, Column("text", NOISE, since=8)] = None
    # the ids of individuals with whose weights the worker compares the weights of this one
    compared: Annotated[tuple[int, ...], Column("text not null default '[]'", IDS, since=9)] = ()
    # the fitness that a model predicted when it chose the individual; None if no model chose it
    predicted: Annotated[float | None, Column("real", since=10)] = None

    @property
    def parents(self) -> tuple[int, ...]:
        """The ids of the parent and of the mate, as far as there are any."""
        return tuple(id for id in (self.parent, self.mate) if id is not None)

    @property
    def weights_from(self) -> int | None:
        """The id of the parent whose weights the individual may inherit; None if it inherits no weights."""
        return None if self.forget else self.parent

    @property
    def mate_weights_from(self) -> int | None:
        """The id of the mate of which the individual may inherit the weights of some parts; None if it has none."""
        return self.mate if self.from_mate and not self.forget else None

    @property
    def weights_needed(self) -> frozenset[int]:
        """The ids of the individuals whose weights must be kept until this individual has a result."""
        return frozenset(id for id in (self.weights_from, self.mate_weights_from, *self.compared) if id is not None)

    def with_genotype(self, genotype: T) -> Proposal[T]:
        """Returns this proposal with the genotype in another form, such as text."""
        return Proposal(**(vars(self) | {"genotype": genotype}))


@dataclass(frozen=True, slots=True)
class Task:
    """An individual as a worker receives it, with its genotype as text."""

    id: int
    genotype: str
    seed: int
    best: float  # the best fitness so far; the worker returns the graph of a better individual
    weights_from: int | None = None  # the id of the parent whose weights the individual may inherit
    keep_above: float | None = None  # the fitness above which weights are kept; None: `best`
    best_size: Size = (0, 0)  # the size of the best individual; of equally fit individuals the smaller is better
    keep_above_size: Size = (0, 0)  # the size of the individual that has the fitness `keep_above`
    mate_weights_from: int | None = None  # the id of the mate whose weights the individual may inherit
    from_mate: tuple[Part, ...] = ()  # the parts whose weights come from the mate
    noise: Noise | None = None  # the noise that is added to the weights with which the training starts
    compared: tuple[int, ...] = ()  # the ids of individuals with whose weights the trained weights are compared
    rung: int = 0  # the rung to which the individual is trained
    repeat: int = 0  # the number of the training of this individual, which is the number of its fold too
    earlier: tuple[Evaluation, ...] = ()  # the results of the repeats that were trained before this one
    least: tuple[tuple[int, float], ...] = ()  # the training accuracies by epoch below which the training is stopped
    cost: Cost | None = None  # the cost of the network, if the driver has counted it; None: the worker counts it


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating an individual.

    `seconds` is the time that the evaluation took in the worker. If the fitness comes from a table, `seconds` is the
    time that training and validation took when the table was made.
    """

    fitness: Fitness
    status: Annotated[Status, Column("text not null check (status in ('running', 'done', 'failed'))")] = "done"
    error: Annotated[str, Column("text not null default ''")] = ""
    params: Annotated[int, Column("integer")] = 0
    mult_adds: Annotated[int, Column("integer")] = 0
    seconds: Annotated[float, Column("real")] = 0.0
    history: Annotated[tuple[Epoch, ...], Column("text not null default '[]'", EPOCHS)] = ()
    graph: str = ""  # the Keras model of a new best individual as JSON, for observers; it is not stored
    # the share of its weights that the individual inherited; None if it has no parent to inherit from
    inherited: Annotated[float | None, Column("real")] = None
    # a remark for the user, such as that the weights of the parent were damaged
    note: Annotated[str, Column("text not null default ''")] = ""
    # the part of `seconds` in which epochs were trained and validated, without the preparation of the training
    step_seconds: Annotated[float, Column("real not null default 0")] = 0.0
    # FLOPs of the training: 3 x mult-adds x images x epochs, since a backward pass counts as two forward passes
    flops: Annotated[float, Column("real not null default 0")] = 0.0
    epochs: int | None = None  # the number of epochs that the worker trained now; None: all epochs of a training
    is_retryable: bool = False  # whether the machine is at fault, so that a retry may succeed
    # further numbers from a table
    metrics: Annotated[Metrics, Column("text not null default '{}'", NAMED)] = ()
    # the number of operations with kernels on the longest path of the network; None if it was not computed
    depth: Annotated[int | None, Column("integer", since=7)] = None
    # the root mean square of the differences between the weights of compared individuals and its own, by their ids
    weight_differences: Annotated[
        tuple[tuple[int, float], ...], Column("text not null default '[]'", PAIRS, since=9)
    ] = ()
    # the scores by several objectives, where a larger score is better; empty if the fitness is the only one
    scores: Annotated[tuple[float, ...], Column("text not null default '[]'", SCORES, since=10)] = ()
    # the standard error of the fitness, if it is a mean
    fitness_error: Annotated[float | None, Column("real", since=10)] = None
    # the part of `step_seconds` in which the training waited for images
    data_seconds: Annotated[float, Column("real not null default 0", since=11)] = 0.0

    @property
    def is_failed(self) -> bool:
        """Whether the individual could not be built, trained or measured."""
        return self.status == "failed"


def failed(reason: str) -> Evaluation:
    """Returns the evaluation of an individual that could not be built, trained or measured."""
    return Evaluation(WORST, "failed", reason)


@dataclass(frozen=True, kw_only=True)
class Individual(Evaluation, Proposal[str]):
    """One row of the store: a proposal, its evaluation, and `finished`, its place in the order of results from 1 on."""

    # Declared again, as a keyword argument. Otherwise the inherited `fitness`, which has no default, would come after
    # inherited fields that have defaults, and `dataclass` would raise a TypeError.
    fitness: Fitness
    fingerprint: Annotated[str, Column("text not null")]
    genes: Annotated[str, Column("text not null default ''")] = ""
    finished: Annotated[int, Column("integer unique")]
    tries: Annotated[int, Column("integer not null default 1")] = 1
    # the highest rung with a result, from 0 on; always 0 in a search without rungs
    rung: Annotated[int, Column("integer not null default 0", since=10)] = 0
    # the number of individuals that were finished when this individual was proposed
    proposed_after: Annotated[int, Column("integer not null", is_exported=False)] = 0

    @property
    def size(self) -> Size:
        """Parameters and mult-adds. Of two equally fit individuals the smaller is better."""
        return self.params, self.mult_adds

    @property
    def rank(self) -> tuple[int, float, int, int]:
        """A key by which individuals are sorted: those of higher rungs come first, and in a rung those of `rank`."""
        return (-self.rung, *rank(self.fitness, self.size))

    @property
    def network(self) -> tuple[str, str]:
        """A key that is equal for individuals that are the same network and train in the same way."""
        return self.fingerprint, self.genes


@dataclass(frozen=True, kw_only=True)
class RungResult(Evaluation):
    """One row of the table of rungs: the evaluation of an individual after the training of one rung.

    The costs and the history are those of the whole training up to this rung. The table has no rows in a search without
    rungs. `task` is the place in the order in which tasks were made, and `finished` is the place in the order of
    results, both from 1 on. `after` is the number of results that the algorithm had when the task was made.
    """

    task: Annotated[int, Column("integer primary key")]
    id: Annotated[int, Column("integer not null")]
    rung: Annotated[int, Column("integer not null")]
    fitness: Fitness
    finished: Annotated[int, Column("integer unique")]
    after: Annotated[int, Column("integer not null")]


def accuracy_of(individual: Individual) -> float:
    """Returns the validation accuracy of an individual, or its fitness if the accuracy is not among its metrics."""
    return dict(individual.metrics).get("accuracy", individual.fitness)


@dataclass(frozen=True, slots=True)
class Classification:
    """The result of a network on the test images; `confusion` is empty if only the accuracy is known."""

    accuracy: float
    confusion: tuple[tuple[int, ...], ...] = ()  # [classes, classes]: numbers of images by class and predicted class
    class_names: tuple[str, ...] = ()
    metrics: Metrics = ()  # further metrics on the test images

    @classmethod
    def of(
        cls, confusion: tuple[tuple[int, ...], ...], class_names: tuple[str, ...], metrics: Metrics = ()
    ) -> Classification:
        """Returns the result that has a confusion matrix. Its accuracy is computed from the matrix."""
        right = sum(row[place] for place, row in enumerate(confusion))
        return cls(right / sum(map(sum, confusion)), confusion, class_names, metrics)

    @classmethod
    def read(cls, text: str) -> Classification:
        """Returns the result from JSON that the method `text` has made."""
        found = json.loads(text)
        metrics = tuple((name, value) for name, value in found.get("metrics", ()))  # since version 0.9.0
        return cls(found["accuracy"], tuple(map(tuple, found["confusion"])), tuple(found["class_names"]), metrics)

    def text(self) -> str:
        """Returns the result as JSON, for the store."""
        return json.dumps(asdict(self), ensure_ascii=False)


def rank(fitness: float, size: Size) -> tuple[float, int, int]:
    """Returns a key by which individuals are sorted: the fittest come first, and equally fit individuals by size.

    Individuals of equal fitness and size have equal keys. Where they are sorted, the first finished one comes first.
    """
    return (-fitness, *size)


def ranked(individuals: Iterable[Individual], count: int) -> list[Individual]:
    """Returns the `count` best individuals in the order of `rank`. No two of them have the same network and genes."""
    order = sorted(individuals, key=lambda one: (*one.rank, one.finished))
    first = {one.network: one for one in reversed(order)}
    return [one for one in order if first[one.network] is one][:count]


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a search after an individual has finished."""

    population: tuple[float | None, ...]  # the fitness of each member, the oldest first; None: the member failed
    best: Individual | None
    inheritable: frozenset[int] = frozenset()  # individuals whose weights a child may inherit
    continued: frozenset[int] = frozenset()  # individuals that are trained on to a higher rung
    # the id and rung of the results whose trainings may be continued, so that their checkpoints are kept
    checkpoints: frozenset[tuple[int, int]] = frozenset()
    top: tuple[int, ...] = ()  # the ids of the best `search.keep_best` individuals, whose weights are kept
    species: int = 0  # the number of species in the population; 0: the algorithm has no species
    correlation: float | None = None  # the rank correlation of predictions and fitnesses, if a model chooses
    front: tuple[int, ...] = ()  # the ids of the individuals that no other dominates; empty with one objective

    @property
    def measured(self) -> tuple[float, ...]:
        """The fitnesses of the members that did not fail, the oldest first."""
        return tuple(fitness for fitness in self.population if fitness is not None)


@dataclass(frozen=True, slots=True)
class Spent:
    """The counts of individuals, the seconds and the FLOPs of a search, over all its runs."""

    finished: int = 0  # individuals that have a result
    failed: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    simulated: float = 0.0  # seconds that the trainings behind a table took
