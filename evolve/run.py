"""One search from its settings to its end table: puts the parts together, what can be wrong first."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from rich.console import Console

import dsl
from compiler.errors import CompileError
from compiler.settings import GENES, Training
from evolve import config as gin_config
from evolve import evaluate, lookup, progress, workers
from evolve.algorithms import Algorithm
from evolve.board import Board
from evolve.config import Config
from evolve.errors import UsageError
from evolve.evaluate import Facts, Spec
from evolve.keep import Keeper, write
from evolve.records import Task
from evolve.search import Plan, Search
from evolve.settings import TableSettings
from evolve.space import CellSpace
from evolve.store import Store
from evolve.tables import Table
from evolve.workers import Executor, Processes, Serial


@dataclass(frozen=True, slots=True)
class Run:
    """A search that has been understood and not yet begun."""

    config: Config
    seed: dsl.Genotype
    spec: Spec
    plan: Plan
    folder: Path
    table: Table | None = None

    def identity(self, algorithm: Algorithm[dsl.Genotype]) -> Mapping[str, str]:
        """What makes this search this search; a work directory belongs to one."""
        settings: dict[str, object] = {
            "search.seed": self.config.search.seed,
            "search.fitness": self.config.search.fitness,
            "search.algorithm": self.config.algorithm_name(),
            "search.inherit_weights": self.config.search.inherit_weights,
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
        return {**{name: str(value) for name, value in settings.items()}, "the space": self.spec.space}


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
    count = 1 if settings.executor == "serial" else workers.count(settings.workers)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the work directory {folder} is a file; choose another --workdir")
    _check_genes(config.training, seed)
    spec = Spec(
        seed.space.text(),
        config.dataset,
        config.training,
        settings.fitness,
        folder / "weights",
        settings.inherit_weights,
        table_settings,
    )
    seconds = math.inf if settings.budget_seconds is None else settings.budget_seconds
    plan = Plan(settings.individuals, count, settings.seed, folder / "workers.log", seconds)
    return Run(config, seed, spec, plan, folder, table)


def _table(config: Config, seed: dsl.Genotype) -> tuple[TableSettings | None, Table | None]:
    """The table that the fitness comes from, and its settings with the place where it was found."""
    if config.table is None:
        return None, None
    settings = replace(config.table, path=config.table_path())
    table = evaluate.load_table(settings.path, settings.columns)
    lookup.check(seed, table, settings)
    return settings, table


def _check_genes(training: Training, seed: dsl.Genotype) -> None:
    try:
        training.with_genes(dict(seed.genes))
    except CompileError as error:
        raise UsageError(str(error)) from None


def run(config: Config, folder: Path, console: Console) -> None:
    """Run a search, go on with it, or show its end.

    Raises:
      SearchError, dsl.CellError: it cannot be run.
      KeyboardInterrupt: the user stopped it; all finished work is kept.
    """
    prepared = prepare(config, folder)
    # Nothing is asked of this one: it is there for its settings, before the images are known.
    identity = prepared.identity(config.algorithm(CellSpace(prepared.seed.space, (1, 1, 1), 1)))
    with Store(folder) as store:
        store.compare(identity)
        executor = _executor(prepared)
        try:
            facts = _facts(prepared, store, executor, identity)
            _search(prepared, store, executor, facts, console)
            accuracy = _test_accuracy(prepared, store, executor)
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
        progress.show_end(console, store.best(5), accuracy, folder, _commands(folder, facts))


def _executor(prepared: Run) -> Executor:
    if prepared.config.search.executor == "serial":
        return Serial()
    return Processes(prepared.plan.workers, prepared.config.search.worker_tasks, prepared.plan.log)


def _facts(prepared: Run, store: Store, executor: Executor, identity: Mapping[str, str]) -> Facts:
    """What the images are, from a worker; a search that has begun knows it already."""
    noted = store.noted("data")
    if noted is not None:
        description, input_shape, classes = json.loads(noted)
        return Facts(description, tuple(input_shape), classes)
    facts = workers.outcome(executor.submit(evaluate.facts, prepared.spec), prepared.plan.log)
    # Only now: a directory signed with images that are not there would refuse those that are.
    store.sign(identity)
    store.note("data", json.dumps([facts.description, facts.input_shape, facts.classes]))
    return facts


def _search(prepared: Run, store: Store, executor: Executor, facts: Facts, console: Console) -> None:
    space = CellSpace(prepared.seed.space, facts.input_shape, facts.classes, prepared.config.search.sample_mutations)
    algorithm = prepared.config.algorithm(space)
    write(prepared.folder / "config.gin", gin_config.in_force())
    write(prepared.folder / "space.cell", prepared.spec.space)
    finished, _, begun = store.counts()
    best = next(iter(store.best(1)), None)
    progress.show_start(console, _start(prepared, facts, finished))
    if prepared.plan.is_over(begun, store.seconds()) and not store.unfinished():
        return
    board = Board(prepared.folder / "tensorboard", prepared.seed.space, store)
    board.start(gin_config.in_force(), algorithm.memory)
    keeper = Keeper(prepared.folder, prepared.spec.weights, prepared.spec.inherit, prepared.seed.space, best)
    with progress.Progress(console, prepared.plan.individuals, finished, best) as shown:
        Search(
            prepared.plan,
            algorithm,
            space,
            store,
            executor,
            functools.partial(evaluate.evaluate, prepared.spec),
            (keeper, board, shown),
        ).run()
    board.close()


def _test_accuracy(prepared: Run, store: Store, executor: Executor) -> float | None:
    """The best's accuracy on the test set, which is measured once."""
    best = store.best(1)[0]
    key = f"test accuracy of {best.id}"
    noted = store.noted(key)
    if noted is not None:
        return float(noted)
    if not evaluate.weights_file(prepared.spec.weights, best.id).exists():
        return None
    task = Task(best.id, best.genotype, prepared.plan.seed, best.fitness)
    future = executor.submit(evaluate.test, prepared.spec, task)
    accuracy = workers.outcome(future, prepared.plan.log)
    store.note(key, repr(accuracy))
    return accuracy


def _start(prepared: Run, facts: Facts, finished: int) -> list[tuple[str, str]]:
    settings = prepared.config.search
    params = ", ".join(f"{name}={value}" for name, value in prepared.seed.space.params.items())
    genes = ", ".join(f"{name}, {value:g} in the seed" for name, value in prepared.seed.genes if name in GENES)
    goal = f"{settings.individuals} individuals by {prepared.config.algorithm_name()}"
    if settings.budget_seconds is not None:
        goal = f"at most {goal}, in {settings.budget_seconds:,} seconds of training"
    return [
        ("data", facts.description),
        ("space", f"{settings.seed_file} with {params}" if params else settings.seed_file),
        *([("genes", f"{genes} (in the place of settings)")] if genes else []),
        ("search", f"{goal}, {finished} of them finished" if finished else goal),
        ("workers", str(prepared.plan.workers)),
        ("work directory", str(prepared.folder)),
        ("watch", _watch(prepared.folder)),
    ]


def _commands(folder: Path, facts: Facts) -> list[str]:
    best = folder / "best.cell"
    shape = "x".join(map(str, facts.input_shape))
    return [
        f"cell draw {best}",
        f"cell cost {best} --input {shape} --classes {facts.classes}",
        _watch(folder),
    ]


def _watch(folder: Path) -> str:
    """The command that shows a search; by itself TensorBoard keeps only ten pictures and texts."""
    return f"tensorboard --samples_per_plugin=images=200,text=200 --logdir={folder / 'tensorboard'}"
