"""Finds and reads gin files, and returns the settings of a training. Errors in gin files become messages.

Only the entry points of training use gin; `evolve.config` adds the settings of a search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import gin

from compiler.domains import settings_of
from compiler.errors import CompileError, did_you_mean
from compiler.images.readers import located
from compiler.settings import DatasetSettings, NetworkSettings, Training, check_read
from compiler.training.bindings import Binding, ConfigError, Names, Parsed, check, read_file, read_text
from dsl.shipped import Shipped, shipped_settings

# Every scope that `cell train` reads, and the record that declares its settings.
RECORDS: Mapping[str, type] = {"network": NetworkSettings, "dataset": DatasetSettings, "training": Training}
network, dataset, training = (
    gin.external_configurable(record, scope, module="compiler") for scope, record in RECORDS.items()
)
NAMES = Names(
    tuple(f"{scope}.{setting.name}" for scope, record in RECORDS.items() for setting in settings_of(record)),
    {"search": "it is a setting of `evolve`; `cell train` reads network, dataset and training"},
)

_OF_DATASET = Names(
    tuple(f"dataset.{setting.name}" for setting in settings_of(DatasetSettings)),
    dict.fromkeys(("search", "training", "network"), "it trains nothing, and reads settings of the data set only"),
)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The settings of a final training."""

    network: NetworkSettings
    dataset: DatasetSettings
    training: Training


def read(
    files: Sequence[str],
    bindings: Sequence[str],
    base: Sequence[DatasetSettings | Training] = (),
    shipped: Shipped = shipped_settings,
) -> TrainConfig:
    """Reads gin files and then bindings, and returns the settings. The last binding of a name counts.

    Args:
      files: gin files, each named by its path or, if it is shipped, by its name.
      bindings: the bindings of the command line.
      base: settings that are used where neither files nor bindings give another value.
      shipped: returns the folder of shipped gin files, in which a file is found by its bare name.

    Raises:
      ConfigError: a file is missing, or a name or a value is wrong.
    """
    parsed = parse(files, bindings, NAMES, base, shipped)
    with as_config_errors():
        images = _located([*dict.fromkeys(path.parent for path in parsed.paths)])
        found = TrainConfig(network(), images, training())
        check_read(found.training, parsed.typed())
    return found


def _located(folders: Sequence[Path]) -> DatasetSettings:
    """Returns the settings of the data set with the absolute path of its source, which `in_force` has too.

    A relative path is looked for in the current folder, and then in `folders`.
    """
    images: DatasetSettings = dataset()
    source = located(images.source, folders)
    if source != images.source:
        with gin.unlock_config():
            gin.bind_parameter("dataset.source", source)
        images = dataset()
    return images


def read_dataset(bindings: Sequence[str], base: DatasetSettings) -> DatasetSettings:
    """Returns the settings of a data set, in which bindings of the command line replace those of `base`.

    Raises:
      ConfigError: a name is wrong or does not belong to a data set, or a value is wrong.
    """
    parse([], bindings, _OF_DATASET, [base])
    with as_config_errors():
        images: DatasetSettings = dataset()
        return replace(images, source=located(images.source, ()))


def parse(
    files: Sequence[str],
    bindings: Sequence[str],
    names: Names,
    base: Sequence[DatasetSettings | Training] = (),
    shipped: Shipped = shipped_settings,
) -> Parsed:
    """Gives files and bindings to gin. `base` has the values of settings that are not bound there.

    Raises:
      ConfigError: a file is missing, or a bound name is not in `names` or has no effect.
    """
    gin.clear_config()
    for record in base:
        scope = "dataset" if isinstance(record, DatasetSettings) else "training"
        for field in fields(record):
            gin.bind_parameter(f"{scope}.{field.name}", getattr(record, field.name))
    paths = tuple(_find(file, Path(), shipped()) for file in files)

    def inside(name: str, beside: Path) -> Path:
        """Returns the path of an included file.

        The file is looked for in the folder of the file that includes it, in the folders of the files `paths`, in
        the current folder, and among the shipped files.
        """
        return _find(name, beside, *(path.parent for path in paths), Path(), shipped())

    read = [part for path in paths for part in read_file(path, names, inside)]
    read += [part for text in bindings for part in read_text(text, names, inside)]
    parsed = Parsed(
        tuple(part for part in read if isinstance(part, Path)),
        tuple(part for part in read if isinstance(part, Binding)),
    )
    check(parsed.bindings, names)
    with as_config_errors():
        gin.finalize()
    return parsed


def in_force() -> str:
    """Returns the text of a gin file with every setting that was used, defaults included.

    A search calls this function after the algorithm is made, since the algorithm has settings too.
    """
    return str(gin.operative_config_str())


def _find(file: str, *folders: Path) -> Path:
    """Returns the path of a gin file in the first of the folders that has it. The last folder has the shipped files.

    Raises:
      ConfigError: no folder has the file.
    """
    for folder in folders:
        if (folder / file).is_file():
            return (folder / file).resolve()
    names = sorted(path.name for path in folders[-1].glob("*.gin"))
    raise ConfigError(
        f"there is no gin file {file!r}, neither here nor among the shipped ones, "
        f"{', '.join(names)}{did_you_mean(file, names)}"
    )


@contextmanager
def as_config_errors() -> Iterator[None]:
    """A context in which errors of gin, and of constructors that gin calls, become ConfigErrors."""
    try:
        yield
    except (ValueError, TypeError, NameError) as error:
        raise ConfigError(f"gin: {without_gin_note(error)}") from None
    except CompileError as error:
        raise ConfigError(without_gin_note(error)) from None


def without_gin_note(error: Exception) -> str:
    """Returns the message of an error without gin's note that names the called constructor."""
    return str(error).split("\n  In call to configurable")[0].strip()
