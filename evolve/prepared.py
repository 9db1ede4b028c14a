"""A search that has been checked and not yet begun, with all its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import dsl
from compiler.errors import CompileError
from compiler.filesystem import Place
from compiler.images.sources import PATHS
from compiler.settings import Training
from evolve.algorithms import Algorithm
from evolve.algorithms import settings as settings_of_algorithm
from evolve.config import Config
from evolve.errors import UsageError
from evolve.executors import machine
from evolve.fitness import evaluate, lookup
from evolve.fitness.evaluate import Spec
from evolve.fitness.tables import Table
from evolve.observers import running
from evolve.search.plan import Plan
from evolve.settings import SearchSettings, TableSettings

# They move the end of a search, or where and how it runs, but not what it finds on the way.
CHANGEABLE = (
    "individuals",
    "executor",
    "workers",
    "worker_tasks",
    "gpus_per_worker",
    "address",
    "worker_cpus",
    "worker_resources",
    "timeout",
    "retries",
    "budget",
    "budget_flops",
    "target",
    "keep_best",
    "storage",
)
# Where Ray keeps what its workers write, on each of their machines.
RAY_LOGS = Path("/tmp/ray/session_latest/logs")


@dataclass(frozen=True, slots=True)
class Run:
    """A search that has been checked and not yet begun."""

    config: Config
    seed: dsl.Genotype
    spec: Spec
    plan: Plan
    workers: int | None  # None: as many as a cluster has room for
    gpus: tuple[str, ...]
    folder: Path
    storage: Place  # of weights and summaries: the folder itself, or what was set
    table: Table | None = None

    def identity(self, algorithm: Algorithm[dsl.Genotype]) -> Mapping[str, str]:
        """What makes this search this search; a work directory belongs to one."""
        settings: dict[str, object] = {
            "search.seed": self.config.search.seed,
            "search.fitness": self.config.search.fitness,
            "search.algorithm": self.config.algorithm_name(),
            "search.inherit_weights": self.config.search.inherit_weights,
            "search.reuse": self.config.search.reuse,
            "search.order": self.config.search.order,
            "search.sample_mutations": self.config.search.sample_mutations,
            **settings_of_algorithm(algorithm),
        }
        if self.table is None:
            for name, record in (("dataset", self.spec.dataset), ("training", self.config.training)):
                settings |= {f"{name}.{field.name}": getattr(record, field.name) for field in fields(record)}
            kind, _, path = self.spec.dataset.source.partition(":")
            if kind in PATHS and path:
                # Their contents count, of which the facts have a digest, and not where they lie.
                settings["dataset.source"] = kind
        else:
            # What the table says, not where it lies.
            settings |= {f"table.{field.name}": getattr(self.spec.table, field.name) for field in fields(TableSettings)}
            settings["table.path"] = f"a table with the digest {self.table.digest}"
            del settings["table.budget_seconds"]
        return {**{name: str(value) for name, value in settings.items()}, "the space": self.spec.space}

    def settings(self) -> Mapping[str, str]:
        """What may change between two runs of a search."""
        changeable = {f"search.{name}": str(getattr(self.config.search, name)) for name in CHANGEABLE}
        if self.spec.table is not None:
            changeable["table.budget_seconds"] = str(self.spec.table.budget_seconds)
        return changeable


def prepare(config: Config, folder: Path) -> Run:
    """Checks all settings before anything is written.

    Raises:
      UsageError, dsl.CellError: something is.
    """
    settings = config.search
    seed = dsl.load(config.seed_file(), settings.params, config.overlays())
    table_settings, table = _table(config, seed)
    if settings.fitness != "training" and table is None:
        evaluate.fitness_function(settings.fitness)
    gpus, workers = staff(settings)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the work directory {folder} is a file; choose another --workdir")
    _check_genes(config.training, seed)
    place = settings.place or folder
    spec = Spec(
        seed.space.text(),
        config.images(),
        config.training,
        settings.fitness,
        place / "weights",
        settings.inherit_weights,
        table_settings,
        running=folder / running.FOLDER if settings.fitness == "training" and table is None else None,
    )
    plan = Plan(
        settings.individuals,
        settings.seed,
        RAY_LOGS if settings.executor == "ray" else folder / "workers.log",
        settings.timeout,
        settings.retries,
        settings.budget_seconds,
        settings.budget_flops,
        settings.target,
        settings.keep_best,
        settings.reuse,
        None if table_settings is None else table_settings.budget_seconds,
        settings.order,
    )
    return Run(config, seed, spec, plan, workers, gpus, folder, place, table)


def _table(config: Config, seed: dsl.Genotype) -> tuple[TableSettings | None, Table | None]:
    """The table that the fitness comes from, and its settings with the place where it was found."""
    if config.table is None:
        return None, None
    settings = replace(config.table, path=config.table_path())
    table = evaluate.load_table(settings.path, settings.columns)
    lookup.check(seed, table, settings)
    return settings, table


def staff(settings: SearchSettings, held: int = 0) -> tuple[tuple[str, ...], int | None]:
    """The GPUs of this machine, if its own are to be used, and how many workers there are to be.

    `held` are the bytes of the images that all workers hold together.
    """
    if settings.executor == "serial":
        return (), 1
    if settings.address:
        return (), settings.workers
    gpus = machine.gpus(os.environ)
    return gpus, machine.count(settings.workers, gpus, settings.gpus_per_worker, held)


def _check_genes(training: Training, seed: dsl.Genotype) -> None:
    try:
        training.with_genes(dict(seed.genes))
    except CompileError as error:
        raise UsageError(str(error)) from None
