"""What the user sets, as frozen records; gin fills them in `config.py`, and here nobody knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from compiler.settings import DatasetSettings as DatasetSettings
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
    fitness: str = "training"  # or module:function, called with a genotype and a seed
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
        if self.fitness != "training" and self.fitness.count(":") != 1:
            raise UsageError(f"search.fitness is {self.fitness!r}; it may be 'training' or 'module:function'")
        if self.fitness != "training" and self.inherit_weights:
            raise UsageError(
                f"search.inherit_weights is True and search.fitness is {self.fitness!r}, "
                "which leaves no weights: set one to False or the other to 'training'"
            )
