"""Tables of trained cells: the key of each cell, its accuracies, and the seconds of its training.

A table is a `.npz` file with a column of keys and columns of numbers of the same length, a `.csv` file whose first line
has the names of the columns, or a `.json` file with a list of objects, one a row. With the extra `[nasbench]` it may
also be a folder of the official NATS-Bench files (Dong et al. 2021, topology space). Their columns are written
`DATASET/EPOCHS/METRIC`, and their numbers are means over all trials.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import did_you_mean
from dsl.wording import plural
from evolve.errors import UsageError
from evolve.settings import TableSettings

Column = NDArray[np.float64]
Choices = tuple[tuple[int, ...], ...]
_TEXTS = (".csv", ".json")


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of a table for one cell."""

    fitness: float
    metrics: tuple[tuple[str, float], ...]  # (column, value); values are not scaled
    seconds: float  # the seconds of training and validation, measured when the table was made
    rungs: tuple[float, ...] = ()  # the fitness of each rung; empty without rungs
    parts: tuple[float, float] = (0.0, 0.0)  # the seconds of one epoch, and of one validation

    @classmethod
    def mean(cls, rows: Sequence[Row]) -> Row:
        """Returns the means of the numbers of rows."""
        if len(rows) == 1:
            return rows[0]
        names = [name for name, _ in rows[0].metrics]
        values = [fmean(found) for found in zip(*([value for _, value in row.metrics] for row in rows), strict=True)]
        epoch, validation = (fmean(found) for found in zip(*(row.parts for row in rows), strict=True))
        return cls(
            fmean(row.fitness for row in rows),
            tuple(zip(names, values, strict=True)),
            fmean(row.seconds for row in rows),
            tuple(fmean(found) for found in zip(*(row.rungs for row in rows), strict=True)),
            (epoch, validation),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table by the keys of their cells."""

    source: str
    rows: Mapping[str, Row]
    digest: str  # a digest of the keys and of all columns that are used
    choices: Choices = ()  # the indices of the choices of each network; empty without `table.choices`
    names: Mapping[str, str] = field(default_factory=dict)  # for each fingerprint of a row, the one that `rows` has

    def describe(self) -> str:
        """Returns the path and the number of cells, for the header."""
        return f"{self.source}, {plural(len(self.rows), 'cell')}"


@dataclass(frozen=True, slots=True)
class Raw:
    """The columns of a table. Each column has one value for each key."""

    source: str
    keys: tuple[str, ...]
    columns: Mapping[str, Column]
    choices: Choices = ()

    def save(self, path: Path) -> None:
        """Writes the columns to a `.npz` file, with the keys as the column `arch`."""
        columns: dict[str, Any] = {"arch": np.array([key.encode() for key in self.keys]), **self.columns}
        with path.open("wb") as file:
            np.savez_compressed(file, **columns)


@functools.lru_cache(maxsize=1)
def load(settings: TableSettings) -> Table:
    """Returns the table of a `.npz` file, or of the official files.

    Raises:
      UsageError: the table is missing or damaged, or lacks a column.
    """
    raw = read(settings)
    zeros = np.zeros(len(raw.keys))
    training = raw.columns[settings.train_seconds] if settings.train_seconds else zeros
    validation = raw.columns[settings.validation_seconds] if settings.validation_seconds else zeros
    seconds = settings.epochs * training + validation
    wrong = np.flatnonzero(~np.isfinite(seconds) | (seconds < 0))
    if len(wrong):
        found = f"the training of {raw.keys[wrong[0]]} takes {seconds[wrong[0]]} seconds"
        raise UsageError(f"{raw.source}: {found}; the seconds must be 0 or more")
    fitness = [settings.scale * raw.columns[name] for name in settings.rungs]
    tests = [raw.columns[name] for name in settings.metrics]
    rows = {
        key: Row(
            float(fitness[-1][index]),
            tuple((name, float(test[index])) for name, test in zip(settings.metrics, tests, strict=True)),
            float(seconds[index]),
            tuple(float(column[index]) for column in fitness),
            (float(training[index]), float(validation[index])),
        )
        for index, key in enumerate(raw.keys)
    }
    return Table(raw.source, rows, _digest(raw), raw.choices)


def read(settings: TableSettings) -> Raw:
    """Returns the columns of the table that the settings name, with the values as they are in the file.

    Raises:
      UsageError: the table is missing or damaged, or lacks a column.
    """
    path = settings.path
    if not Path(path).exists():
        raise UsageError(
            f"table.path is {path!r}: there is no such table; name a .npz, .csv or .json file, or a folder of official "
            "files"
        )
    is_file = Path(path).suffix in (".npz", *_TEXTS)
    raw = _from_file(path, settings) if is_file else _from_official(path, settings.column_names())
    twice = len(raw.keys) - len(set(raw.keys))
    if twice or not raw.keys:
        found = f"{twice} of its {len(raw.keys)} keys repeat an earlier key" if twice else "it has no cells"
        raise UsageError(f"the table {path} cannot be used: {found}")
    return raw


def _digest(raw: Raw) -> str:
    found = hashlib.blake2b("\n".join(raw.keys).encode(), digest_size=8)
    for name, column in sorted(raw.columns.items()):
        found.update(name.encode())
        found.update(column.tobytes())
    if raw.choices:
        found.update(repr(raw.choices).encode())
    return found.hexdigest()


# --- a file ----------------------------------------------------------------------------------------------------


def _from_file(path: str, settings: TableSettings) -> Raw:
    try:
        if Path(path).suffix in _TEXTS:
            return _chosen(path, _columns(path, settings.keys), settings)
        # Pickled columns are refused, because reading them could run code.
        with np.load(path, allow_pickle=False) as file:
            return _chosen(path, file, settings)
    except (OSError, ValueError, EOFError, csv.Error, zipfile.BadZipFile, zipfile.error) as error:
        raise UsageError(f"the table {path} cannot be read: {error}") from None


def _chosen(path: str, file: Mapping[str, NDArray[Any]], settings: TableSettings) -> Raw:
    """Returns the columns that the settings name."""
    own = [("choices", settings.choices)] if settings.choices is not None else []
    for setting, name in (("keys", settings.keys), *own, *settings.columns()):
        if name not in file:
            raise UsageError(_no_column(path, setting, name, [*file]))
    keys = _keys(path, settings.keys, file[settings.keys])
    choices = () if settings.choices is None else _choices(path, settings.choices, file[settings.choices], len(keys))
    columns = {name: _numbers(path, name, file[name], len(keys)) for name in settings.column_names()}
    return Raw(path, keys, columns, choices)


def _columns(path: str, keys: str) -> Mapping[str, NDArray[Any]]:
    """Returns the columns of a .csv or .json file. A value that is missing is not a number."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = json.load(file) if path.endswith(".json") else [*csv.DictReader(file, strict=True)]
    if not isinstance(rows, list) or not all(isinstance(row, dict) and None not in row for row in rows):
        raise ValueError("it must have one row for each network, with a value for each column")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _column([row.get(name) for row in rows], name == keys) for name in names}


def _column(values: Sequence[object], is_text: bool) -> NDArray[Any]:
    """Returns the values as numbers, or as texts if one of them is not a number."""
    try:
        return np.array([None if value == "" else value for value in values], str if is_text else np.float64)
    except (TypeError, ValueError):
        return np.array([str(value) for value in values])


def _no_column(path: str, setting: str, name: str, allowed: Sequence[str]) -> str:
    return (
        f"table.{setting} names the column {name!r}, which {path} does not have{did_you_mean(name, allowed)}; "
        f"its columns are {', '.join(sorted(allowed))}"
    )


def _keys(path: str, name: str, values: NDArray[Any]) -> tuple[str, ...]:
    if values.ndim != 1 or values.dtype.kind not in "SU":
        raise UsageError(
            f"{path}: the column of keys, {name!r}, is {_kind(values)}; it must have one text for each cell"
        )
    return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist())


def _numbers(path: str, name: str, values: NDArray[Any], cells: int) -> Column:
    if values.shape != (cells,) or values.dtype.kind not in "fiu":
        raise UsageError(
            f"{path}: the column {name!r} is {_kind(values)}; it must have {cells} numbers, one for each key"
        )
    return values.astype(np.float64)


def _choices(path: str, name: str, values: NDArray[Any], cells: int) -> Choices:
    if values.ndim != 2 or len(values) != cells or values.dtype.kind not in "iu":
        raise UsageError(
            f"{path}: the column {name!r} is {_kind(values)}; as table.choices it must have {cells} rows of whole "
            "numbers, one row for each key"
        )
    if values.size and values.min() < 0:
        raise UsageError(
            f"{path}: the column {name!r} has {values.min()}; as table.choices it must have indices, which begin at 0"
        )
    return tuple(map(tuple, values.tolist()))


def _kind(values: NDArray[Any]) -> str:
    return f"an array of {values.dtype} and shape {list(values.shape)}"


# --- official files --------------------------------------------------------------------------------------------


def _from_official(path: str, names: Sequence[str]) -> Raw:
    """Reads official files with the package `nats_bench`. The files must be trusted, because they are pickles."""
    try:
        import nats_bench
    except ImportError:
        raise UsageError(
            f"the table {path} is not a .npz file; the official files of NATS-Bench need: "
            "pip install 'amoeba-evolve[nasbench]'"
        ) from None
    parts = {name: tuple(name.split("/")) for name in names}
    for name, split in parts.items():
        if len(split) != 3:
            raise UsageError(f"{name!r} is not a column of official files, which is written DATASET/EPOCHS/METRIC")
    try:
        api = nats_bench.create(path, "tss", fast_mode=os.path.isdir(path), verbose=False)
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise UsageError(f"{path} cannot be read as official NATS-Bench files: {error}") from None
    keys: list[str] = []
    values: list[list[float]] = []
    for index, key in enumerate(api.meta_archs):
        found = _official_row(api, index, path, parts)
        if found is not None:
            keys.append(key)
            values.append(found)
    columns = np.array(values, np.float64).reshape(len(keys), len(names)).T
    return Raw(path, tuple(keys), dict(zip(names, columns, strict=True)))


def _official_row(api: Any, index: int, path: str, parts: Mapping[str, tuple[str, ...]]) -> list[float] | None:
    """Returns the values of one cell; None if the files do not have the cell."""
    if api.fast_mode:
        present = any((Path(path) / f"{name}.pickle.pbz2").exists() for name in (f"{index:06d}", index))
    else:
        present = index in api.arch2infos_dict
    if not present:
        return None
    known: dict[tuple[str, str], Mapping[str, Any]] = {}
    values = []
    for name, (dataset, epochs, metric) in parts.items():
        if (dataset, epochs) not in known:
            known[dataset, epochs] = _official_metrics(api, index, path, dataset, epochs)
        metrics = known[dataset, epochs]
        if metrics.get(metric) is None:
            allowed = sorted(key for key, value in metrics.items() if isinstance(value, int | float))
            raise UsageError(
                f"{path} has no column {name!r}{did_you_mean(metric, allowed)}; "
                f"of {dataset}/{epochs} it has {', '.join(allowed)}"
            )
        values.append(float(metrics[metric]))
    if api.fast_mode:
        # The package keeps everything that it has read, which would be several GB at the end, so it is removed here.
        del api.arch2infos_dict[index]
    return values


def _official_metrics(api: Any, index: int, path: str, dataset: str, epochs: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = api.get_more_info(index, dataset, hp=epochs, is_random=False)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"{path} cannot be read: cell {index}: {error}") from None
    except (KeyError, ValueError) as error:
        raise UsageError(f"{path} has no values for {dataset}/{epochs}: cell {index} has no {error}") from None
    return found
