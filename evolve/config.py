"""Gin: the names that a user may bind, the files that are found, and the settings that come out.

Nothing else in the search knows gin. Constructors keep their own defaults, which gin shows and overrides.
"""

from __future__ import annotations

import difflib
import importlib.resources
import importlib.util  # gin 0.5 uses it without importing it
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gin

import dsl
from compiler.config import dataset, training
from compiler.errors import CompileError
from compiler.settings import DatasetSettings, Training
from evolve.algorithms import (
    Algorithm,
    NonAgeingEvolution,
    PairwiseTournament,
    RandomSearch,
    RegularizedEvolution,
    Reinforcement,
    SearchSpace,
)
from evolve.errors import UsageError
from evolve.settings import SearchSettings, TableSettings

search = gin.external_configurable(SearchSettings, "search", module="evolve")
table = gin.external_configurable(TableSettings, "table", module="evolve")

_CLASSES: Mapping[str, type[Any]] = {
    "regularized_evolution": RegularizedEvolution,
    "non_ageing_evolution": NonAgeingEvolution,
    "pairwise_tournament": PairwiseTournament,
    "random_search": RandomSearch,
    "reinforcement": Reinforcement,
}
_HANDED = ("space", "seed")  # what an algorithm is made with, beside its settings
_ALGORITHMS = {
    name: gin.external_configurable(made, name, module="evolve", denylist=list(_HANDED))
    for name, made in _CLASSES.items()
}
_NAMES = (
    *(f"search.{field.name}" for field in fields(SearchSettings)),
    *(f"dataset.{field.name}" for field in fields(DatasetSettings)),
    *(f"table.{field.name}" for field in fields(TableSettings)),
    *(f"training.{field.name}" for field in fields(Training)),
    *(
        f"{name}.{setting}"
        for name, made in _CLASSES.items()
        for setting in inspect.signature(made).parameters
        if setting not in _HANDED
    ),
)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the user set."""

    search: SearchSettings
    dataset: DatasetSettings
    training: Training
    folders: tuple[Path, ...]  # of the gin files: where a .cell file may also be
    table: TableSettings | None = None  # if it is what the fitness comes from

    def algorithm_name(self) -> str:
        """The gin name of the algorithm.

        Raises:
          UsageError: there is no such algorithm.
        """
        wanted = self.search.algorithm
        if isinstance(wanted, str) and wanted in _ALGORITHMS:
            return wanted
        for name, algorithm in _ALGORITHMS.items():
            if wanted is algorithm:
                return name
        raise UsageError(
            f"search.algorithm is {wanted!r}; it may be {' or '.join(map(repr, _ALGORITHMS))}"
            f"{_did_you_mean(str(wanted), _ALGORITHMS)}"
        )

    def table_path(self) -> str:
        """The table: beside the user, or beside a gin file."""
        return "" if self.table is None else self._beside(self.table.path, Path.exists)

    def algorithm(self, space: SearchSpace[dsl.Genotype]) -> Algorithm[dsl.Genotype]:
        """The search algorithm, its own settings filled in."""
        with _gin_errors():
            made: Algorithm[dsl.Genotype] = _ALGORITHMS[self.algorithm_name()](space, self.search.seed)
        return made

    def seed_file(self) -> str:
        """The .cell file: beside the user, beside a gin file, or the bare name of a shipped one."""
        return self._beside(self.search.seed_file)

    def overlays(self) -> tuple[str, ...]:
        """The .cell files laid over it, found as it is."""
        return tuple(self._beside(name) for name in self.search.overlays)

    def _beside(self, name: str, is_there: Callable[[Path], bool] = Path.is_file) -> str:
        places = [Path(name), *(folder / name for folder in self.folders)]
        return next((str(path) for path in places if is_there(path)), name)


def read(files: Sequence[str], bindings: Sequence[str]) -> Config:
    """Read gin files, then bindings, of which the last wins.

    Raises:
      UsageError: a file is missing, or a name or a value is wrong.
    """
    gin.clear_config()
    paths = [_find(file) for file in files]
    for folder in dict.fromkeys([*(path.parent for path in paths), _shipped()]):
        # So that `include` finds what lies beside the including file, and what is shipped.
        gin.add_config_file_search_path(str(folder))
    with _gin_errors(), _quiet():
        for path in paths:
            gin.parse_config_file(str(path))
        for binding in bindings:
            gin.parse_config(binding)
        gin.finalize()
        searched: SearchSettings = search()
        found = table() if searched.fitness == "table" else None
        return Config(searched, dataset(), training(), tuple(path.parent for path in paths), found)


def algorithm_names() -> tuple[str, ...]:
    """What `search.algorithm` may be."""
    return tuple(_ALGORITHMS)


def in_force() -> str:
    """Every binding that was used, defaults included, as a gin file; complete once the algorithm is made."""
    return str(gin.operative_config_str())


def _shipped() -> Path:
    return Path(str(importlib.resources.files("experiments")))


def _find(file: str) -> Path:
    for path in (Path(file), _shipped() / file):
        if path.is_file():
            return path.resolve()
    shipped = sorted(path.name for path in _shipped().glob("*.gin"))
    raise UsageError(
        f"there is no gin file {file!r}, neither here nor among the shipped ones, "
        f"{', '.join(shipped)}{_did_you_mean(file, shipped)}"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Gin logs an ERROR for every folder in which a file is not, before the one in which it is."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _gin_errors() -> Iterator[None]:
    """What gin, or a constructor it calls, raises about the user's text, as one message."""
    try:
        yield
    except (ValueError, TypeError, SyntaxError, NameError, ImportError, OSError) as error:
        raise UsageError(f"gin: {_own_words(error)}{_remedy(str(error))}") from None
    except (UsageError, CompileError) as error:
        raise UsageError(_own_words(error)) from None


def _own_words(error: Exception) -> str:
    """The message without gin's note on which constructor it called."""
    return str(error).split("\n  In call to configurable")[0].strip()


def _remedy(message: str) -> str:
    """The nearest name that may be bound, or how to write a value."""
    unknown = re.search(r"No configurable matching '(?P<scope>[\w.]+)'", message)
    if unknown:
        return _did_you_mean(unknown["scope"], sorted({name.split(".")[0] for name in _NAMES}))
    parameter = re.search(r"Configurable '(?P<scope>[\w.]+)' doesn't have a parameter named '(?P<name>\w+)'", message)
    if parameter:
        scope = parameter["scope"].split(".")[-1]
        allowed = [name for name in _NAMES if name.startswith(f"{scope}.")]
        wanted = f"{scope}.{parameter['name']}"
        return f"{_did_you_mean(wanted, allowed)}\nit has: {', '.join(allowed)}"
    if "seed_file" in message:
        return "\nbind search.seed_file to the .cell file to start from, such as 'nasnet.cell'"
    if "malformed node" in message or "Failed to parse" in message:
        return "\na value is written as in Python, a text in quotes: search.seed_file='nasnet.cell'"
    return ""


def _did_you_mean(name: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
