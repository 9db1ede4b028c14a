"""Reads the settings of a search from gin files and bindings.

No other module of this package uses gin. The records of settings declare the defaults, and gin replaces them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import gin

import dsl
from compiler.domains import settings_of
from compiler.errors import CompileError, did_you_mean, pasted, raised
from compiler.images.readers import located
from compiler.settings import DatasetSettings, Training, check_read
from compiler.training.bindings import Moved, Names, Parsed
from compiler.training.gin_files import as_config_errors, dataset, in_force, parse, training, without_gin_note
from evolve.algorithms import ALGORITHMS, Algorithm, SearchSpace, gin_name
from evolve.errors import UsageError
from evolve.executors import EXECUTORS, ExecutorSettings
from evolve.fitness.base import Fitness
from evolve.fitness.sources import SOURCES, source
from evolve.settings import LATENCY, LatencySettings, SearchSettings
from evolve.store.migrations import MOVED

search = gin.external_configurable(SearchSettings, "search", module="evolve")
latency = gin.external_configurable(LatencySettings, "latency", module="evolve")
_OWN = {name: made.settings for name, made in SOURCES.items() if made.settings is not None}
_SOURCES = {name: gin.external_configurable(made, name, module="evolve") for name, made in _OWN.items()}

_ALGORITHMS = {
    gin_name(made): gin.external_configurable(made, gin_name(made), module="evolve", denylist=["space", "seed"])
    for made in ALGORITHMS
}
# The records of settings by the first part of their gin names, such as `search` in `search.seed`.
RECORDS: Mapping[str, type[Any]] = {
    "search": SearchSettings,
    "dataset": DatasetSettings,
    "training": Training,
    "latency": LatencySettings,
    **_OWN,
    **{gin_name(made): made for made in ALGORITHMS},
    **EXECUTORS,
}
_EXECUTORS = {name: gin.external_configurable(made, name, module="evolve") for name, made in EXECUTORS.items()}
_NAMES_BY_CLASS = {f"{made.__module__}:{made.__qualname__}": name for name, made in EXECUTORS.items()}
_MOVED = {
    f"search.{setting}": Moved("search.executor", "processes", {name: f"{name}.{setting}" for name in executors})
    for setting, executors in MOVED.items()
}
_NAMES = Names(
    tuple(f"{scope}.{setting.name}" for scope, record in RECORDS.items() for setting in settings_of(record)),
    {"network": "it is a setting of `cell train`; a search has search.params, search.overlays and search.seed"},
    _MOVED,
)


__all__ = ["Config", "algorithm_names", "in_force", "read"]


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a search. Those that the user did not set have their defaults."""

    search: SearchSettings
    dataset: DatasetSettings
    training: Training
    executor: ExecutorSettings
    executor_name: str
    folders: tuple[Path, ...]  # the folders of the gin files, in which files that the settings name are looked for
    latency: LatencySettings = field(default_factory=LatencySettings)
    own: Any = None  # the settings of the source of fitness; None if the source has no settings of its own
    not_read: tuple[str, ...] = ()  # the names of settings in gin files that this search does not read
    made: Algorithm[dsl.Genotype] | None = None  # an algorithm with its settings; None if gin makes the algorithm

    def algorithm_name(self) -> str:
        """Returns the gin name of the algorithm.

        Raises:
          UsageError: `search.algorithm` is not the name of an algorithm.
        """
        if self.made is not None:
            return gin_name(type(self.made))
        wanted = self.search.algorithm
        known = next((name for name, algorithm in _ALGORITHMS.items() if wanted in (name, algorithm)), None)
        if known is None:
            raise UsageError(
                f"search.algorithm is {wanted!r}; it may be {' or '.join(map(repr, _ALGORITHMS))}"
                f"{did_you_mean(str(wanted), _ALGORITHMS)}"
            )
        return known

    @property
    def source(self) -> type[Fitness]:
        """The class of the source of fitness."""
        return source(self.search.fitness)

    def algorithm(self, space: SearchSpace[dsl.Genotype]) -> Algorithm[dsl.Genotype]:
        """Returns the algorithm of the search with its settings."""
        if self.made is not None:
            given: Any = self.made  # a dataclass, as every algorithm is
            return cast(Algorithm[dsl.Genotype], replace(given, space=space, seed=self.search.seed))
        with _as_usage(), as_config_errors():
            made: Algorithm[dsl.Genotype] = _ALGORITHMS[self.algorithm_name()](space, self.search.seed)
        return made

    def seed_file(self) -> str:
        """Returns the path of the file `search.seed_file`. The name of a shipped file is returned unchanged."""
        return self.beside(self.search.seed_file, Path.is_file)

    def overlays(self) -> tuple[str, ...]:
        """Returns the paths of the files `search.overlays`. Names of shipped files are returned as they are."""
        return tuple(self.beside(name, Path.is_file) for name in self.search.overlays)

    def images(self) -> DatasetSettings:
        """Returns the settings of the data set.

        A relative path is looked for in the current folder and beside the gin files.
        """
        return replace(self.dataset, source=located(self.dataset.source, self.folders))

    def beside(self, name: str, is_there: Callable[[Path], bool] = Path.exists) -> str:
        """Returns the path of a file or folder, which is looked for in the current folder and beside the gin files.

        A name that is not found is returned unchanged.
        """
        places = [Path(name), *(folder / name for folder in self.folders)]
        return next((str(path) for path in places if is_there(path)), name)


def read(files: Sequence[str], bindings: Sequence[str], beside: Sequence[str] = (), is_stored: bool = False) -> Config:
    """Returns the settings of gin files and bindings. A later binding replaces an earlier one.

    Args:
      files: gin files, each a path or the name of a shipped file.
      bindings: bindings of the command line, which replace those of the files.
      beside: the names of further algorithms whose settings `bindings` may contain. An experiment runs several
        algorithms with the same bindings.
      is_stored: whether a search wrote the files. In such files, settings that were renamed since then are ignored.

    Raises:
      UsageError: a file is missing, or a name or a value is wrong.
    """
    with _as_usage():
        parsed = parse(files, bindings, replace(_NAMES, may_be_old=is_stored))
    with _as_usage(), as_config_errors():
        searched: SearchSettings = search()
        source(searched.fitness).check(searched)
        own = _SOURCES[searched.fitness]() if searched.fitness in _SOURCES else None
        folders = tuple(dict.fromkeys(path.parent for path in parsed.paths))
        name, executor = _executor(searched)
        config = Config(searched, dataset(), training(), executor, name, folders, latency(), own)
        check_read(config.training, parsed.typed())
    return replace(config, not_read=_not_read(config, parsed, beside))


def _executor(search: SearchSettings) -> tuple[str, ExecutorSettings]:
    """Returns the name and the settings of the executor. The settings have the method that starts the executor.

    Raises:
      UsageError: `search.executor` is not an executor, or is one that cannot end a task after `search.timeout`.
    """
    wanted = search.executor
    known = next((name for name, made in _EXECUTORS.items() if wanted in (name, made)), None)
    if known is None and not callable(wanted):
        raise UsageError(
            f"search.executor is {wanted!r}; it may be {' or '.join(map(repr, _EXECUTORS))}, or a record of your own, "
            f"such as @my_executor{did_you_mean(str(wanted), _EXECUTORS)}"
        )
    try:
        made: object = wanted() if callable(wanted) else _EXECUTORS[str(known)]()
    except (UsageError, CompileError, ValueError, TypeError, NameError):
        raise
    except Exception as error:  # A user's class may raise any exception.
        raise UsageError(f"search.executor raised an exception:\n{raised(error)}") from None
    path = f"{type(made).__module__}:{type(made).__qualname__}"
    name = _NAMES_BY_CLASS.get(path, path)  # A scoped reference, such as @a/processes, makes a shipped executor too.
    if not isinstance(made, ExecutorSettings):
        raise UsageError(
            f"search.executor gives {made!r}, which is not the settings of an executor; a class of your own needs "
            "ends_tasks, describe, log and start (see ExecutorSettings in evolve/executors/base.py), or take a shipped "
            f"executor: {pasted('search.executor', 'processes')}"
        )
    if search.timeout is not None and not made.ends_tasks:
        raise UsageError(
            f"search.executor is {name!r} and search.timeout is {search.timeout}; "
            f"a timeout needs worker processes, which can be ended: {pasted('search.executor', 'processes')}, or "
            f"{pasted('search.timeout', None)}"
        )
    return name, made


def _not_read(config: Config, parsed: Parsed, beside: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of bound settings that the chosen algorithm, executor and source of fitness do not read.

    A gin file may have such settings, because it may serve several searches.

    Raises:
      UsageError: the command line binds such a setting.
    """
    chosen, running = config.algorithm_name(), config.executor_name
    fitness, not_read = config.search.fitness, config.source.not_read
    why = {name: f"search.algorithm is {chosen!r}" for name in _ALGORITHMS if name != chosen}
    others = [name for name in _EXECUTORS if name != running]
    why |= {name: f"search.executor is {running!r}: {pasted('search.executor', name)}" for name in others}
    why |= {name: f"search.fitness is {fitness!r}" for name in _OWN if name != fitness}
    why |= {name.removesuffix(".*"): f"search.fitness is {fitness!r}, {reason}" for name, reason in not_read.items()}
    if LATENCY not in config.search.metrics:
        why["latency"] = f"neither search.metric nor search.objectives has {LATENCY!r}"
    read = {"training.epochs"} if "training" not in not_read else set()  # FLOPs are computed from it
    if not config.search.rungs:
        why.setdefault("search.reduction", f"search.rungs is (): {pasted('search.rungs', (3, 9, 27))}")
    if config.search.finalists is None:
        why.setdefault("search.finalist_repeats", f"search.finalists is None: {pasted('search.finalists', 5)}")
    reasons = {name: why.get(name, why.get(name.partition(".")[0], "")) for name in parsed.bound()}
    found = [name for name, reason in reasons.items() if reason and name not in read]
    for name in found:
        if name in parsed.typed() and name.partition(".")[0] not in beside:
            raise UsageError(f"nothing reads {name}: {reasons[name]}")
    whole = {name: f"{name.partition('.')[0]}.*" for name in found}
    return tuple(dict.fromkeys(whole[name] if whole[name] in not_read else name for name in found))


def algorithm_names() -> tuple[str, ...]:
    """Returns the names that `search.algorithm` may have."""
    return tuple(_ALGORITHMS)


@contextmanager
def _as_usage() -> Iterator[None]:
    """A context that raises errors of gin files as a UsageError."""
    try:
        yield
    except (UsageError, CompileError) as error:
        remedy = f"\nbind search.seed_file to the .cell file to start from: {pasted('search.seed_file', 'nasnet.cell')}"
        raise UsageError(without_gin_note(error) + remedy * ("'seed_file'" in str(error))) from None
