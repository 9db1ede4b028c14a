"""Gin files: the settings of a training, the files that are found, and messages in the user's words.

Only training's entry points know gin; `evolve.config` adds the settings of a search.
"""

from __future__ import annotations

import importlib.resources
import importlib.util  # gin 0.5 uses it without importing it
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import gin

from compiler.errors import CompileError, did_you_mean
from compiler.settings import DatasetSettings, NetworkSettings, Training

network = gin.external_configurable(NetworkSettings, "network", module="compiler")
dataset = gin.external_configurable(DatasetSettings, "dataset", module="compiler")
training = gin.external_configurable(Training, "training", module="compiler")

NAMES = tuple(
    f"{scope}.{field.name}"
    for scope, record in (("network", NetworkSettings), ("dataset", DatasetSettings), ("training", Training))
    for field in fields(record)
)


class ConfigError(CompileError):
    """A gin file or a binding is wrong; the message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that a final training reads."""

    network: NetworkSettings
    dataset: DatasetSettings
    training: Training


def read(files: Sequence[str], bindings: Sequence[str]) -> TrainConfig:
    """Reads gin files, then bindings, of which the last wins.

    Raises:
      ConfigError: a file is missing, or a name or a value is wrong.
    """
    parse(files, bindings, NAMES)
    with plainly(NAMES):
        return TrainConfig(network(), dataset(), training())


def parse(files: Sequence[str], bindings: Sequence[str], names: Sequence[str]) -> tuple[Path, ...]:
    """Lets gin read files and bindings; the files as they were found.

    Raises:
      ConfigError: a file is missing, or a name is none of `names`.
    """
    gin.clear_config()
    paths = tuple(find(file) for file in files)
    for folder in dict.fromkeys([*(path.parent for path in paths), shipped()]):
        # So that `include` finds what lies beside the including file, and what is shipped.
        gin.add_config_file_search_path(str(folder))
    with plainly(names), _quiet():
        for path in paths:
            gin.parse_config_file(str(path))
        for binding in bindings:
            gin.parse_config(binding)
        gin.finalize()
    return paths


def in_force() -> str:
    """Every binding that was used, defaults included, as a gin file; of a search once its algorithm is made."""
    return str(gin.operative_config_str())


def shipped() -> Path:
    """The folder of the shipped gin files."""
    return Path(str(importlib.resources.files("experiments")))


def find(file: str) -> Path:
    """A gin file by its path, or a shipped one by its name.

    Raises:
      ConfigError: there is none.
    """
    for path in (Path(file), shipped() / file):
        if path.is_file():
            return path.resolve()
    names = sorted(path.name for path in shipped().glob("*.gin"))
    raise ConfigError(
        f"there is no gin file {file!r}, neither here nor among the shipped ones, "
        f"{', '.join(names)}{did_you_mean(file, names)}"
    )


@contextmanager
def plainly(names: Sequence[str]) -> Iterator[None]:
    """What gin, or a constructor it calls, raises about the user's text, as one message."""
    try:
        yield
    except (ValueError, TypeError, SyntaxError, NameError, ImportError, OSError) as error:
        raise ConfigError(f"gin: {own_words(error)}{_remedy(str(error), names)}") from None
    except CompileError as error:
        raise ConfigError(own_words(error)) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Gin logs an ERROR for every folder in which a file is not, before the one in which it is."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def own_words(error: Exception) -> str:
    """The message without gin's note on which constructor it called."""
    return str(error).split("\n  In call to configurable")[0].strip()


def _remedy(message: str, names: Sequence[str]) -> str:
    """The nearest name that may be bound, or how to write a value."""
    unknown = re.search(r"No configurable matching '(?P<scope>[\w.]+)'", message)
    if unknown:
        return did_you_mean(unknown["scope"], sorted({name.split(".")[0] for name in names}))
    parameter = re.search(r"Configurable '(?P<scope>[\w.]+)' doesn't have a parameter named '(?P<name>\w+)'", message)
    if parameter:
        scope = parameter["scope"].split(".")[-1]
        allowed = [name for name in names if name.startswith(f"{scope}.")]
        wanted = f"{scope}.{parameter['name']}"
        return f"{did_you_mean(wanted, allowed)}\nit has: {', '.join(allowed)}"
    if "malformed node" in message or "Failed to parse" in message:
        return "\na value is written as in Python, a text in quotes: dataset.source='digits'"
    return ""
