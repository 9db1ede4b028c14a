"""What the user sets, as frozen records; gin fills them in `config.py`, and here nobody knows it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from compiler import filesystem
from compiler.errors import CompileError, pasted
from compiler.filesystem import Place
from evolve.errors import UsageError

Order = Literal["finished", "born"]
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """The search as a whole; the gin name is `search`."""

    seed_file: str  # the .cell file: seed cells, network and rules
    params: Mapping[str, int | float] = field(default_factory=dict)  # of the file: {'N': 3, 'F': 24}
    overlays: tuple[str, ...] = ()  # .cell files laid over the first
    algorithm: str | Callable[..., Any] = "regularized_evolution"
    individuals: int = 20_000  # in all, the initial population included
    seed: int = 0
    order: Order = "finished"  # in which results reach the algorithm; 'born': none before those of all older ones
    executor: str | Callable[..., Any] = "processes"  # or 'serial', 'ray', or a record of your own: @my_executor
    timeout: float | None = None  # seconds an individual may take; None: as long as it likes
    retries: int = 1  # for an individual whose worker died, hung or ran out of memory
    budget: float | str | None = None  # ends the search after so much time over all its runs: hours, or '90m', '2d'
    budget_flops: float | None = None  # ends it after so many of training: 3 x mult-adds x images x epochs each
    target: float | None = None  # ends it when an individual is as fit as that
    keep_best: int = 1  # how many of the fittest keep their weights
    storage: str = ""  # for weights and TensorBoard's files: 'gs://bucket/run'; '' keeps them in the work directory
    reuse: bool = False  # whether an individual that equals an earlier one takes its fitness, untrained
    fitness: str = "training"  # 'table', or module:function, called with a genotype and a seed
    inherit_weights: bool = False  # whether a child starts from its parent's, as far as they fit
    sample_mutations: int = 10  # from the seed to a sample, in a space whose rules leave nothing to draw

    def __post_init__(self) -> None:
        for name, least in (("individuals", 1), ("keep_best", 1), ("retries", 0),
                            ("sample_mutations", 0), ("seed", 0)):  # fmt: skip
            self._check_whole(name, least)
        for name in ("timeout", "budget_flops"):
            self._check_positive(name)
        for name in ("inherit_weights", "reuse"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"search.{name} is {getattr(self, name)!r}; it may be True or False")
        if not isinstance(self.seed_file, str) or not self.seed_file:
            raise UsageError(f"search.seed_file is {self.seed_file!r}; it must be a .cell file, such as 'nasnet.cell': "
                             f"{pasted('search.seed_file', 'nasnet.cell')}")  # fmt: skip
        if not isinstance(self.params, Mapping) or not all(map(_is_number, self.params.values())):
            raise UsageError(f"search.params is {self.params!r}; write it as {{'N': 3, 'F': 24}}: "
                             f"{pasted('search.params', {'N': 3, 'F': 24})}")  # fmt: skip
        if not isinstance(self.overlays, list | tuple) or not all(isinstance(name, str) for name in self.overlays):
            raise UsageError(f"search.overlays is {self.overlays!r}; write it as ['imagenet.cell']: "
                             f"{pasted('search.overlays', ['imagenet.cell'])}")  # fmt: skip
        self._check_target()
        _ = self.budget_seconds, self.place
        self._check_order()
        self._check_reuse()

    @property
    def place(self) -> Place | None:
        """The storage, where it is not the work directory.

        Raises:
          UsageError: it is none.
        """
        if not isinstance(self.storage, str):
            raise UsageError(
                f"search.storage is {self.storage!r}; it must be a folder or an address: 'gs://bucket/run'"
            )
        try:
            return filesystem.place(self.storage) if self.storage else None
        except CompileError as error:
            raise UsageError(f"search.storage: {error}") from None

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds.

        Raises:
          UsageError: it is no length of time.
        """
        if self.budget is None:
            return None
        text, hours = str(self.budget).strip(), self.budget
        unit = _UNITS.get(text[-1:])
        if isinstance(self.budget, str) and unit is not None:
            hours = float(text[:-1]) * unit / 3600 if re.fullmatch(r"\d+(\.\d*)?", text[:-1]) else 0.0
        if isinstance(hours, str) or not _is_number(hours) or hours <= 0:
            raise UsageError(f"search.budget is {self.budget!r}; it must be a number of hours, or '90m', '12h', '2d': "
                             f"{pasted('search.budget', '12h')}")  # fmt: skip
        return hours * 3600

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UsageError(f"search.{name} is {value!r}; it must be a whole number from {least}")

    def _check_positive(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and not (_is_number(value) and value > 0):
            raise UsageError(f"search.{name} is {value!r}; it must be a number above 0, or None for no limit")

    def _check_target(self) -> None:
        if self.target is None:
            return
        if not _is_number(self.target):
            raise UsageError(
                f"search.target is {self.target!r}; it must be a number, such as an accuracy of 0.95, or None: "
                f"{pasted('search.target', 0.95)}"
            )

    def _check_order(self) -> None:
        if self.order not in get_args(Order):
            raise UsageError(
                f"search.order is {self.order!r}; it may be 'finished' (a result counts as soon as it is there) or "
                "'born' (not before those of all older individuals)"
            )

    def _check_reuse(self) -> None:
        if self.reuse and self.inherit_weights:
            raise UsageError(
                "search.reuse is True and search.inherit_weights is True, under which equal networks "
                f"are trained from different weights: {pasted('search.reuse', False)}, or "
                f"{pasted('search.inherit_weights', False)}"
            )


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -sys.float_info.max <= value <= sys.float_info.max
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """The table that gives the fitness, if `search.fitness` is 'table'; the gin name is `table`.

    An individual takes `epochs` times `train_seconds`, and once `validation_seconds`.
    """

    path: str = ""  # a .npz file, or a folder of official files
    # As the .cell file writes them: as the table does. A hash leaves out what may be a dict or a list.
    operations: Mapping[str, str] = field(default_factory=dict, hash=False)
    keys: str = "arch"  # column: the key of each cell
    fitness: str = ""  # column
    scale: float = 1.0  # by which the column is multiplied to be the fitness: 0.01 where it is in percent
    metrics: tuple[str, ...] = field(default=(), hash=False)  # columns that are kept, and shown of the best
    epochs: float = 1
    train_seconds: str | None = None  # column: seconds of one epoch
    validation_seconds: str | None = None  # column: seconds of one validation
    input_shape: tuple[int, int, int] = field(default=(32, 32, 3), hash=False)  # of the images behind the table
    classes: int = 10
    budget_seconds: float | None = None  # of all individuals together, by these columns; None: no bound

    def __post_init__(self) -> None:
        for name in ("train_seconds", "validation_seconds"):
            if not isinstance(getattr(self, name), str | None):
                raise UsageError(f"table.{name} is {getattr(self, name)!r}; it must be the name of a column, or None")
        if not isinstance(self.keys, str) or not self.keys:
            raise UsageError(f"table.keys is {self.keys!r}; bind it to the column of the keys, such as 'arch'")
        for name in ("path", "fitness"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise UsageError(
                    f"search.fitness is 'table', and table.{name} is {getattr(self, name)!r}; "
                    + {"path": "bind it to the table's file", "fitness": "bind it to a column of the table"}[name]
                )
        for name in ("scale", "epochs"):
            if not _is_positive(getattr(self, name)):
                raise UsageError(f"table.{name} is {getattr(self, name)!r}; it must be a number above 0")
        if self.budget_seconds is not None and not _is_positive(self.budget_seconds):
            raise UsageError(f"table.budget_seconds is {self.budget_seconds!r}; it must be a number above 0, or None")
        words = (*self.operations, *self.operations.values()) if isinstance(self.operations, Mapping) else ()
        if not words or not all(isinstance(word, str) for word in words):
            raise UsageError(f"table.operations is {self.operations!r}; write it as {{'skip': 'skip_connect'}}")
        if not isinstance(self.metrics, list | tuple) or not all(isinstance(name, str) for name in self.metrics):
            raise UsageError(f"table.metrics is {self.metrics!r}; write it as ['c10_test_acc_200']")
        shape = self.input_shape
        if not isinstance(shape, list | tuple) or len(shape) != 3 or not all(map(_is_whole, shape)):
            raise UsageError(f"table.input_shape is {shape!r}; write it as (32, 32, 3): height, width, channels")
        if not _is_whole(self.classes):
            raise UsageError(f"table.classes is {self.classes!r}; it must be a whole number from 1")

    def columns(self) -> Iterator[tuple[str, str]]:
        """The setting and the name of every column of numbers."""
        yield "fitness", self.fitness
        yield from (("metrics", name) for name in self.metrics)
        for setting, name in (("train_seconds", self.train_seconds), ("validation_seconds", self.validation_seconds)):
            if name is not None:
                yield setting, name

    def column_names(self) -> tuple[str, ...]:
        """The columns of numbers, each once."""
        return tuple(dict.fromkeys(name for _, name in self.columns()))


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value > 0


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
