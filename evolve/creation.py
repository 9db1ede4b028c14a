"""The start and the continuation of a search for ask and tell: from Python, and from the commands `ask` and `tell`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import dsl
from compiler import filesystem
from compiler.domains import settings_of, values
from compiler.errors import did_you_mean
from compiler.settings import DatasetSettings, Training
from dsl.identity.fingerprint import VERSION as FINGERPRINT_VERSION
from evolve import config as gin_config
from evolve.algorithms import Algorithm, RegularizedEvolution
from evolve.algorithms import settings as settings_of_algorithm
from evolve.asking import PATIENCE, AskStudy
from evolve.beginnings import begun_in, check_length, leaving_nothing, note
from evolve.config import Config
from evolve.errors import UsageError
from evolve.executors.serial import SerialSettings
from evolve.fitness.asked import ASK, AskedFitness
from evolve.fitness.facts import Facts
from evolve.prepared import prepare
from evolve.search.cell_space import CellSpace
from evolve.settings import AskSettings, SearchSettings
from evolve.store.database import reading
from evolve.store.store import Store

_SPACE, _SETTINGS = "space.cell", "config.gin"
_ID = "search"  # the note in a store with the id of the search, by which a trial of another search is refused
_GIVEN = ("seed_file", "params", "seed", "algorithm", "fitness", "executor")  # settings that `create` sets itself


def begin(config: Config, folder: Path, changed: bool = False) -> AskStudy:
    """Begins or continues a search for ask and tell.

    Args:
      config: the settings of the search.
      folder: the work directory.
      changed: whether limits may differ from those of the last time.

    Raises:
      UsageError, dsl.CellError: a setting or a file is wrong, or the folder has another search.
    """
    return _begun(config, folder, changed, is_stored=False)


def _begun(config: Config, folder: Path, changed: bool, is_stored: bool) -> AskStudy:
    """Begins or continues a search. `is_stored` says whether the settings were read from the work directory."""
    if config.search.fitness != ASK:
        raise UsageError(
            f"search.fitness is {config.search.fitness!r}, so the search in {folder} evaluates its individuals itself, "
            "and none can be asked for or told; choose another --workdir"
        )
    prepared = prepare(replace(config, folders=(*config.folders, *begun_in(folder))), folder)
    unused = CellSpace(prepared.seed.space, (1, 1, 1), 1)
    identity = prepared.identity(config.algorithm(unused))
    with leaving_nothing(folder), Store(folder, lock_patience=PATIENCE) as store:
        store.compare(identity, prepared.settings(), changed)
        check_length(prepared, store)
        store.renew(str(FINGERPRINT_VERSION), unused.keys)
        noted = store.noted("data")
        facts = prepared.fitness.find_facts(None if noted is None else Facts.read(noted))
        store.sign(identity, prepared.settings())
        note(prepared, store, facts)
        id = store.noted(_ID) or uuid.uuid4().hex
        store.note(_ID, id)
        if not is_stored:  # the file must have the limits that were signed last, because `resume` compares both
            filesystem.write(folder / _SPACE, prepared.fitness.space.encode())
            filesystem.write(folder / _SETTINGS, _gin(config).encode())
    return AskStudy(prepared.with_facts(facts), id)


def _gin(config: Config) -> str:
    """Returns the settings as a gin file, for the command `cell` and for later commands in this work directory."""
    if config.made is None:
        return gin_config.in_force()
    own: AskSettings = config.own
    bound = {f"search.{name}": value for name, value in values(config.search).items()}
    bound |= {"search.seed_file": _SPACE, "search.params": {}, "search.overlays": ()}
    bound |= {"search.algorithm": config.algorithm_name(), "search.executor": config.executor_name}
    bound |= {"ask.input_shape": own.input_shape, "ask.classes": own.classes}
    bound |= settings_of_algorithm(config.made)
    return "".join(f"{name} = {value!r}\n" for name, value in sorted(bound.items()))


def create(
    seed_file: str | PathLike[str],
    *,
    workdir: str | PathLike[str],
    algorithm: Algorithm[Any] | None = None,
    params: Mapping[str, int | float] | None = None,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    seed: int = 0,
    **search: Any,
) -> AskStudy:
    """Begins a search whose individuals the caller evaluates. The same call continues the search.

    Args:
      seed_file: the `.cell` file of the search space: a path, or the name of a shipped file.
      workdir: the folder of the search.
      algorithm: an algorithm with its settings; by default regularized evolution.
      params: values of params of the `.cell` file.
      input_shape: height, width and channels of the images.
      classes: the number of classes.
      seed: the random seed of the search.
      **search: further settings of the search, such as `metric="loss"`, `objectives={"accuracy": "max", "latency_ms":
        "min"}` or `individuals=500`. They are the settings `search.*`.

    Raises:
      UsageError: a setting or a file is wrong, or the folder has another search.
    """
    names = [one.name for one in settings_of(SearchSettings) if one.name not in _GIVEN]
    for name in search:
        if name not in names:
            raise UsageError(f"{name!r} is not an argument of evolve.create{did_you_mean(name, names)}")
        if reason := AskedFitness.not_read.get(f"search.{name}"):
            raise UsageError(f"nothing reads search.{name}: search.fitness is {ASK!r}, {reason}; leave {name} out")
    made = RegularizedEvolution() if algorithm is None else algorithm
    if isinstance(made, type) or not is_dataclass(made):
        raise UsageError(f"algorithm is {made!r}; give an algorithm with its settings, such as evolve.RandomSearch()")
    settings = SearchSettings(
        seed_file=str(Path(seed_file).expanduser()),
        params=params or {},
        seed=seed,
        fitness=ASK,
        executor="serial",
        **search,
    )
    own = AskSettings(input_shape=input_shape, classes=classes)
    config = Config(settings, DatasetSettings(), Training(), SerialSettings(), "serial", (), own=own, made=made)
    AskedFitness.check(settings)
    try:
        return begin(config, Path(workdir).expanduser(), changed=True)
    except dsl.CellError as error:
        raise UsageError(str(error)) from None


def resume(folder: Path) -> AskStudy:
    """Returns the search for ask and tell in a work directory, with the settings with which it was begun or continued.

    Raises:
      UsageError: there is no such search in the folder.
    """
    with reading(folder):
        pass
    path = folder / _SETTINGS
    if not path.is_file():
        raise UsageError(f"{path}, which has the settings of the search, is missing: give --gin_file")
    space = [f"search.seed_file={str(folder / _SPACE)!r}", "search.params={}", "search.overlays=()"]
    return _begun(gin_config.read([str(path)], space, is_stored=True), folder, changed=False, is_stored=True)
