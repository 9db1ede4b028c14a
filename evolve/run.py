"""One search from its settings to its end table: puts the parts together, what can be wrong first."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from rich.console import Console

import dsl
from compiler import files
from compiler.errors import CompileError
from compiler.files import Place
from compiler.settings import GENES, Training
from evolve import config as gin_config
from evolve import evaluate, lookup, progress, storage
from evolve.algorithms import Algorithm
from evolve.board import Board
from evolve.config import Config
from evolve.errors import UsageError
from evolve.evaluate import Facts, Spec
from evolve.executors import Executor, Processes, Serial, call, machine
from evolve.keep import Keeper
from evolve.records import Task
from evolve.search import Plan, Search
from evolve.settings import SearchSettings, TableSettings
from evolve.space import CellSpace
from evolve.store import Store
from evolve.tables import Table

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
    """A search that has been understood and not yet begun."""

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
            "search.sample_mutations": self.config.search.sample_mutations,
            **algorithm.settings,
        }
        if self.table is None:
            for name, record in (("dataset", self.config.dataset), ("training", self.config.training)):
                settings |= {f"{name}.{field.name}": getattr(record, field.name) for field in fields(record)}
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
    """Look at everything that can be wrong before anything is written.

    Raises:
      UsageError, dsl.CellError: something is.
    """
    settings = config.search
    seed = dsl.load(config.seed_file(), settings.params, config.overlays())
    table_settings, table = _table(config, seed)
    if settings.fitness != "training" and table is None:
        evaluate.fitness_function(settings.fitness)
    gpus, workers = _workers(settings)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the work directory {folder} is a file; choose another --workdir")
    _check_genes(config.training, seed)
    kept = settings.place or folder
    spec = Spec(
        seed.space.text(),
        config.dataset,
        config.training,
        settings.fitness,
        kept / "weights",
        settings.inherit_weights,
        table_settings,
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
    )
    return Run(config, seed, spec, plan, workers, gpus, folder, kept, table)


def _table(config: Config, seed: dsl.Genotype) -> tuple[TableSettings | None, Table | None]:
    """The table that the fitness comes from, and its settings with the place where it was found."""
    if config.table is None:
        return None, None
    settings = replace(config.table, path=config.table_path())
    table = evaluate.load_table(settings.path, settings.columns)
    lookup.check(seed, table, settings)
    return settings, table


def _workers(settings: SearchSettings) -> tuple[tuple[str, ...], int | None]:
    """The GPUs of this machine, if its own are to be used, and how many workers there are to be."""
    if settings.executor == "serial":
        return (), 1
    if settings.address:
        return (), settings.workers
    gpus = machine.gpus(os.environ)
    return gpus, machine.count(settings.workers, gpus, settings.gpus_per_worker)


def _check_genes(training: Training, seed: dsl.Genotype) -> None:
    try:
        training.with_genes(dict(seed.genes))
    except CompileError as error:
        raise UsageError(str(error)) from None


def run(config: Config, folder: Path, console: Console, changed: bool = False) -> None:
    """Run a search, go on with it, or show its end; `changed` allows for other settings than it was begun with.

    Raises:
      SearchError, dsl.CellError: it cannot be run.
      KeyboardInterrupt: the user stopped it; all finished work is kept.
    """
    prepared = prepare(config, folder)
    # Nothing is asked of this one: it is there for its settings, before the images are known.
    identity = prepared.identity(config.algorithm(CellSpace(prepared.seed.space, (1, 1, 1), 1)))
    with Store(folder) as store:
        store.compare(identity, prepared.settings(), changed)
        _check_length(prepared, store)
        if prepared.storage != folder:
            storage.claim(prepared.storage, store)
        executor = _executor(prepared)
        try:
            facts = _facts(prepared, store, executor, identity)
            reason = _search(prepared, store, executor, facts, console)
            accuracy = _test_accuracy(prepared, store, executor)
        except OSError as error:
            raise UsageError(
                f"{error.filename or folder} cannot be written: {error.strerror or error}; put that right: "
                "all finished work is kept, and the same command goes on"
            ) from error
        except KeyboardInterrupt:
            finished, _, _ = store.counts()
            console.print(
                f"\ninterrupted: {finished} of {prepared.plan.individuals} individuals are finished and kept "
                f"in {folder}; the same command goes on from there",
                highlight=False,
                soft_wrap=True,
            )
            raise
        finally:
            executor.close()
        progress.show_end(
            console, store.best(5), accuracy, folder, _commands(prepared, facts), reason, store.step_share()
        )


def _check_length(prepared: Run, store: Store) -> None:
    _, _, last = store.counts()
    if prepared.plan.individuals < last:
        raise UsageError(
            f"search.individuals is {prepared.plan.individuals}, and {prepared.folder} has {last} already: "
            f"set it to {last} or more, or choose another --workdir"
        )


def _executor(prepared: Run) -> Executor:
    settings = prepared.config.search
    if settings.executor == "serial":
        return Serial()
    if settings.executor == "ray" or prepared.workers is None:
        return _ray(settings, prepared.workers)
    environments = machine.devices(prepared.gpus, settings.gpus_per_worker, prepared.workers)
    return Processes(prepared.workers, settings.worker_tasks, prepared.plan.log, environments)


def _ray(settings: SearchSettings, workers: int | None) -> Executor:
    try:
        from evolve.executors.ray_cluster import Need, RayCluster
    except ImportError as error:
        raise UsageError(
            f"search.executor is 'ray', which needs a package ({error}): pip install 'amoeba-evolve[cluster]'"
        ) from None
    need = Need(settings.worker_cpus, settings.gpus_per_worker, settings.worker_resources)
    return RayCluster(settings.address, settings.worker_tasks, workers, need)


def _facts(prepared: Run, store: Store, executor: Executor, identity: Mapping[str, str]) -> Facts:
    """What the images are, from a worker; a search that has begun knows it already."""
    noted = store.noted("data")
    if noted is not None:
        description, input_shape, classes = json.loads(noted)
        store.sign(identity, prepared.settings())
        return Facts(description, tuple(input_shape), classes)
    facts = call(executor, evaluate.facts, prepared.spec, retries=prepared.plan.retries)
    # Only now: a directory signed with images that are not there would refuse those that are.
    store.sign(identity, prepared.settings())
    store.note("data", json.dumps([facts.description, facts.input_shape, facts.classes]))
    return facts


def _search(prepared: Run, store: Store, executor: Executor, facts: Facts, console: Console) -> str:
    """From where it is to its end; why that is the end."""
    space = CellSpace(prepared.seed.space, facts.input_shape, facts.classes, prepared.config.search.sample_mutations)
    algorithm = prepared.config.algorithm(space)
    files.write(prepared.folder / "config.gin", gin_config.in_force().encode())
    files.write(prepared.folder / "space.cell", prepared.spec.space.encode())
    finished, _, _ = store.counts()
    best = next(iter(store.best(1)), None)
    progress.show_start(console, _start(prepared, facts, finished))
    if finished >= prepared.plan.individuals:
        return f"all {finished} individuals are finished"
    board = Board(prepared.storage / "tensorboard", prepared.seed.space, store)
    board.start(gin_config.in_force(), algorithm.window)
    keeper = Keeper(prepared.folder, prepared.spec.weights, prepared.spec.inherit, prepared.seed.space, best)
    with progress.Progress(console, prepared.plan.individuals, finished, best) as shown:
        reason = Search(
            prepared.plan,
            algorithm,
            space,
            store,
            executor,
            functools.partial(evaluate.evaluate, prepared.spec),
            (keeper, board, shown),
        ).run()
    board.close()
    return reason


def _test_accuracy(prepared: Run, store: Store, executor: Executor) -> float | None:
    """The best's accuracy on the test set, which is measured once."""
    best = next(iter(store.best(1)), None)
    if best is None:
        return None
    key = f"test accuracy of {best.id}"
    noted = store.noted(key)
    if noted is not None:
        return float(noted)
    if not evaluate.weights_file(prepared.spec.weights, best.id).exists():
        return None
    task = Task(best.id, best.genotype, prepared.plan.seed, best.fitness)
    accuracy = call(executor, evaluate.test, prepared.spec, task, retries=prepared.plan.retries)
    store.note(key, repr(accuracy))
    return accuracy


def _start(prepared: Run, facts: Facts, finished: int) -> list[tuple[str, str]]:
    settings = prepared.config.search
    params = ", ".join(f"{name}={value}" for name, value in prepared.seed.space.params.items())
    genes = ", ".join(f"{name}, {value:g} in the seed" for name, value in prepared.seed.genes if name in GENES)
    goal = f"{settings.individuals} individuals by {prepared.config.algorithm_name()}"
    table = prepared.spec.table
    if table is not None and table.budget_seconds is not None:
        goal = f"at most {goal}, in {table.budget_seconds:,} simulated seconds"
    return [
        ("data", facts.description),
        ("space", f"{settings.seed_file} with {params}" if params else settings.seed_file),
        *([("genes", f"{genes} (in the place of settings)")] if genes else []),
        ("search", f"{goal}, {finished} of them finished" if finished else goal),
        ("workers", _told_workers(prepared)),
        ("work directory", str(prepared.folder)),
        *([("storage", settings.storage)] if settings.storage else []),
        ("watch", _watch(prepared.storage)),
    ]


def _told_workers(prepared: Run) -> str:
    settings = prepared.config.search
    workers = "as many as there is room for" if prepared.workers is None else str(prepared.workers)
    if settings.executor == "ray":
        return f"{workers}, on Ray at {settings.address}" if settings.address else f"{workers}, on Ray"
    return f"{workers}, GPUs {', '.join(prepared.gpus)}" if prepared.gpus else workers


def _commands(prepared: Run, facts: Facts) -> list[str]:
    best = prepared.folder / "best.cell"
    shape = "x".join(map(str, facts.input_shape))
    network = evaluate.best_folder(prepared.storage)
    return [
        f"cell draw {best}",
        f"cell cost {best} --input {shape} --classes {facts.classes}",
        *([f"cell export {network} --out {prepared.folder.name}.keras"] if network.is_dir() else []),
        _watch(prepared.storage),
    ]


def _watch(folder: Place) -> str:
    """The command that shows a search; by itself TensorBoard keeps only ten pictures and texts."""
    return f"tensorboard --samples_per_plugin=images=200,text=200 --logdir={folder / 'tensorboard'}"
