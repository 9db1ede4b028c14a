"""What the user sets, as frozen records; gin fills them in `config.py`, and here nobody knows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from evolve.errors import UsageError

Executor = Literal["processes", "serial"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The search as a whole; the gin name is `search`."""

    seed_file: str  # the .cell file: seed cells, network and rules
    params: Mapping[str, int | float] = field(default_factory=dict)  # of the file: {'N': 3, 'F': 24}
    overlays: tuple[str, ...] = ()  # .cell files laid over the first
    algorithm: str | Callable[..., Any] = "regularized_evolution"
    individuals: int = 20_000  # in all, the initial population included
    seed: int = 0
    workers: int | None = None  # None: one a core, as far as memory goes
    worker_tasks: int = 50  # individuals a worker process lives for, which bounds its memory
    executor: Executor = "processes"
    fitness: str = "training"  # 'table', or module:function, called with a genotype and a seed
    budget_seconds: float | None = None  # of all individuals together, simulated ones of a table too; None: no bound
    inherit_weights: bool = False  # whether a child starts from its parent's, as far as they fit
    sample_mutations: int = 10  # from the seed to a sample, in a space whose rules leave nothing to draw

    def __post_init__(self) -> None:
        for name in ("individuals", "workers", "worker_tasks"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise UsageError(f"search.{name} is {value!r}; it must be a whole number from 1")
        if not isinstance(self.sample_mutations, int) or self.sample_mutations < 0:
            raise UsageError(f"search.sample_mutations is {self.sample_mutations!r}; it must be a whole number from 0")
        if not isinstance(self.inherit_weights, bool):
            raise UsageError(f"search.inherit_weights is {self.inherit_weights!r}; it may be True or False")
        if not isinstance(self.params, Mapping):
            raise UsageError(f"search.params is {self.params!r}; write it as {{'N': 3, 'F': 24}}")
        if not isinstance(self.overlays, list | tuple):
            raise UsageError(f"search.overlays is {self.overlays!r}; write it as ['imagenet.cell']")
        if self.executor not in get_args(Executor):
            allowed = " or ".join(map(repr, get_args(Executor)))
            raise UsageError(f"search.executor is {self.executor!r}; it may be {allowed}")
        if self.executor == "serial" and self.workers not in (None, 1):
            raise UsageError(
                f"search.executor is 'serial' and search.workers is {self.workers}; serial means one worker"
            )
        if self.budget_seconds is not None and not _is_positive(self.budget_seconds):
            raise UsageError(f"search.budget_seconds is {self.budget_seconds!r}; it must be a number above 0, or None")
        if self.fitness not in ("training", "table") and self.fitness.count(":") != 1:
            raise UsageError(f"search.fitness is {self.fitness!r}; it may be 'training', 'table' or 'module:function'")
        if self.fitness != "training" and self.inherit_weights:
            raise UsageError(
                f"search.inherit_weights is True and search.fitness is {self.fitness!r}, "
                "which leaves no weights: set one to False or the other to 'training'"
            )


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """The images; the gin name is `dataset`, and the fields are those of `compiler.data.load`."""

    source: str = "digits"
    validation: float | int = 0.1  # share of the training images that the search is judged by
    test: float | int = 0.2  # share held back where the source has no test set of its own
    seed: int = 0
    image_size: tuple[int, int] | None = None  # None: as the source has them


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Which columns of a table are what; the arguments of `evolve.tables.load`."""

    keys: str
    fitness: str
    scale: float
    metrics: tuple[str, ...]
    epochs: float
    train_seconds: str | None
    validation_seconds: str | None

    def settings(self) -> Iterator[tuple[str, str]]:
        """The setting and the name of every column of numbers."""
        yield "fitness", self.fitness
        yield from (("metrics", name) for name in self.metrics)
        for setting, name in (("train_seconds", self.train_seconds), ("validation_seconds", self.validation_seconds)):
            if name is not None:
                yield setting, name

    def names(self) -> tuple[str, ...]:
        """The columns of numbers, each once."""
        return tuple(dict.fromkeys(name for _, name in self.settings()))


@dataclass(frozen=True, slots=True)
class TableSettings:
    """The table that gives the fitness, if `search.fitness` is 'table'; the gin name is `table`.

    An individual takes `epochs` times `train_seconds`, and once `validation_seconds`.
    """

    path: str = ""  # a .npz file, or a folder of official files
    operations: Mapping[str, str] = field(default_factory=dict)  # as the .cell file writes them: as the table does
    keys: str = "arch"  # column: the key of each cell
    fitness: str = ""  # column
    scale: float = 1.0  # by which the column is multiplied to be the fitness: 0.01 where it is in percent
    metrics: tuple[str, ...] = ()  # columns that are kept with an individual and shown of the best, as they are
    epochs: float = 1
    train_seconds: str | None = None  # column: seconds of one epoch
    validation_seconds: str | None = None  # column: seconds of one validation
    input_shape: tuple[int, int, int] = (32, 32, 3)  # of the images behind the table, for the costs
    classes: int = 10

    def __post_init__(self) -> None:
        for name in ("path", "fitness"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise UsageError(
                    f"search.fitness is 'table', and table.{name} is {getattr(self, name)!r}; "
                    + {"path": "bind it to the table's file", "fitness": "bind it to a column of the table"}[name]
                )
        for name in ("scale", "epochs"):
            if not _is_positive(getattr(self, name)):
                raise UsageError(f"table.{name} is {getattr(self, name)!r}; it must be a number above 0")
        if not isinstance(self.operations, Mapping) or not self.operations:
            raise UsageError(f"table.operations is {self.operations!r}; write it as {{'skip': 'skip_connect'}}")
        if not isinstance(self.metrics, list | tuple):
            raise UsageError(f"table.metrics is {self.metrics!r}; write it as ['c10_test_acc_200']")
        shape = self.input_shape
        if not isinstance(shape, list | tuple) or len(shape) != 3 or not all(map(_is_whole, shape)):
            raise UsageError(f"table.input_shape is {shape!r}; write it as (32, 32, 3): height, width, channels")
        if not _is_whole(self.classes):
            raise UsageError(f"table.classes is {self.classes!r}; it must be a whole number from 1")

    @property
    def columns(self) -> TableColumns:
        """What is read of the file."""
        return TableColumns(
            self.keys,
            self.fitness,
            self.scale,
            tuple(self.metrics),
            self.epochs,
            self.train_seconds,
            self.validation_seconds,
        )


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
