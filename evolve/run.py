"""One search from its settings to its end table: puts the parts together, what can be wrong first."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from rich.console import Console

import dsl
from compiler import files
from compiler.errors import CompileError, DataError, pasted
from compiler.files import Place
from compiler.graph.resolve import resolve
from compiler.images import fit, kept, manifest
from compiler.images.sources import PATHS
from compiler.settings import GENES, Training
from evolve import board, evaluate, lookup, progress, running, storage
from evolve import config as gin_config
from evolve.algorithms import Algorithm
from evolve.alone import alone, started_once
from evolve.beginnings import begun_in, is_of_earlier_version, leaving_nothing, refusal
from evolve.config import Config
from evolve.errors import UsageError
from evolve.evaluate import Spec
from evolve.executors import Executor, Processes, Serial, call, machine
from evolve.facts import FOLDER, Facts
from evolve.keep import Keeper
from evolve.outcome import Outcome
from evolve.progress import Spent
from evolve.records import Examined, Task
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
_TESTED, _TESTED_EARLIER = "test of {}", "test accuracy of {}"  # the notes that have it, and of version 0.5.0
# TensorBoard's page with the charts of a search. Its pages smooth their curves unless the address says otherwise: this
# one as the end of it has it, those of single curves as its middle has it.
PAGE = "http://localhost:6006/?smoothing=0#custom_scalars&_smoothingWeight=0"
# Where Ray keeps what its workers write, on each of their machines.
RAY_LOGS = Path("/tmp/ray/session_latest/logs")
CLASSES_SHOWN = 12  # of which the header lists how many images each has


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
            "search.order": self.config.search.order,
            "search.sample_mutations": self.config.search.sample_mutations,
            **algorithm.settings,
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


def _workers(settings: SearchSettings, held: int = 0) -> tuple[tuple[str, ...], int | None]:
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


def run(config: Config, folder: Path, console: Console, changed: bool = False) -> None:
    """Run a search, go on with it, or show its end; `changed` allows for other settings than it was begun with.

    Raises:
      SearchError, dsl.CellError: it cannot be run.
      KeyboardInterrupt: the user stopped it; all finished work is kept.
    """
    with alone(), started_once(folder):
        _run(config, folder, console, changed)


def _run(config: Config, folder: Path, console: Console, changed: bool) -> None:
    prepared = prepare(replace(config, folders=(*config.folders, *begun_in(folder))), folder)
    # Nothing is asked of this one: it is there for its settings, before the images are known.
    identity = prepared.identity(config.algorithm(CellSpace(prepared.seed.space, (1, 1, 1), 1)))
    with leaving_nothing(folder), Store(folder) as store:
        if is_of_earlier_version(store):
            _show_earlier(prepared, store, console)
            return
        store.compare(identity, prepared.settings(), changed)
        _check_length(prepared, store)
        if prepared.storage != folder:
            storage.claim(prepared.storage, store)
        facts = _facts(prepared, store, console)
        store.sign(identity, prepared.settings())
        _note(prepared, store, facts)
        prepared = _with_facts(prepared, facts)
        executor = _executor(prepared)
        try:
            reason, is_new = _search(prepared, store, executor, facts, console)
            tested = _tested(prepared, store, executor, is_new)
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
        if _is_complete(prepared, store):
            kept.remove(folder / FOLDER)  # the images are where they came from
        outcome = _outcome(prepared, store, facts, tested, reason)
        progress.show_end(console, outcome, folder, _commands(prepared, facts))


def _show_earlier(prepared: Run, store: Store, console: Console) -> None:
    """Show a search that an earlier version began.

    Raises:
      UsageError: it was not finished; this version does not go on with it.
    """
    finished, failed, _ = store.counts()
    best = next(iter(store.best(1)), None)
    tested = None if best is None else store.noted(_TESTED_EARLIER.format(best.id))
    commands = [f"cell draw {prepared.folder / 'best.cell'}", _watch(prepared.storage), PAGE]
    outcome = Outcome(
        store.best(5),
        None if tested is None else Examined(float(tested)),
        f"{finished} individuals are finished",
        finished,
        failed,
        next(iter(store.reasons(1)), ""),
        store.step_share(),
    )
    progress.show_end(console, outcome, prepared.folder, commands)
    if finished < prepared.plan.individuals:
        raise UsageError(refusal(prepared.folder))


def _check_length(prepared: Run, store: Store) -> None:
    _, _, last = store.counts()
    if prepared.plan.individuals < last:
        raise UsageError(
            f"search.individuals is {prepared.plan.individuals}, and {prepared.folder} has {last} already: "
            f"give {last} or more, or choose another --workdir: {pasted('search.individuals', last)}"
        )


def _executor(prepared: Run) -> Executor:
    settings = prepared.config.search
    if settings.executor == "serial":
        return Serial(prepared.plan.log, trains=settings.fitness == "training")
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


def _facts(prepared: Run, store: Store, console: Console) -> Facts:
    """What the images are, now; those of a search that goes on must be those that it was begun with.

    Raises:
      UsageError: they are not there, cannot be learnt from, or are others.
    """
    noted = store.noted("data")
    known = None if noted is None else Facts.read(noted)
    if known is not None and _is_complete(prepared, store):
        return known
    kind = prepared.spec.dataset.source.partition(":")[0]
    read = functools.partial(evaluate.facts, prepared.spec, prepared.folder, known)
    if prepared.table is None and kind not in ("digits", *PATHS):
        # Only TensorFlow reads them, which the driver does without.
        executor = _executor(replace(prepared, workers=1, gpus=()))
        try:
            facts = call(executor, read, retries=prepared.plan.retries)
        finally:
            executor.close()
    else:
        with progress.Reading(console) as reading:
            facts = read(progress=reading.show)
    if known is not None and facts.digest != known.digest:
        raise UsageError(_other_images(prepared))
    if prepared.table is None and prepared.spec.fitness == "training":
        _check_training(prepared, facts)
    return facts


def _other_images(prepared: Run) -> str:
    source = prepared.spec.dataset.source
    lines = manifest.differences(source, prepared.folder / FOLDER) or (f"  {source} has other contents",)
    return (
        f"{prepared.folder} holds a search on other images than {source} has now:\n" + "\n".join(lines) + "\n"
        "put those images back, and the same command goes on, or choose another --workdir"
    )


def _check_training(prepared: Run, facts: Facts) -> None:
    """Refuses what no individual could be trained by."""
    settings, training = prepared.spec.dataset, prepared.config.training
    try:
        fit.check(training, settings.source, facts.images, facts.input_shape[-1], facts.is_bytes, settings.stream)
    except DataError as error:
        raise UsageError(str(error)) from None


def _note(prepared: Run, store: Store, facts: Facts) -> None:
    """Keeps what a later run, or another command, must know of where this search began."""
    if store.noted("data") is None:
        store.note("version", evaluate.version())
        store.note("begun in", os.getcwd())
    store.note("data", facts.text())
    store.note("source", prepared.spec.dataset.source)


def _with_facts(prepared: Run, facts: Facts) -> Run:
    """The search with its images; how many workers it has room for depends on them."""
    gpus, workers = _workers(prepared.config.search, facts.bytes)
    spec = replace(prepared.spec, facts=facts, images=facts.kept(prepared.folder))
    return replace(prepared, spec=spec, gpus=gpus, workers=workers)


def _is_complete(prepared: Run, store: Store) -> bool:
    """Whether nothing is left that needs the images."""
    finished, _, _ = store.counts()
    best = next(iter(store.best(1)), None)
    if finished < prepared.plan.individuals or best is None:
        return False
    is_tested = store.noted(_TESTED.format(best.id)) is not None
    return is_tested or not evaluate.weights_file(prepared.spec.weights, best.id).exists()


def _search(prepared: Run, store: Store, executor: Executor, facts: Facts, console: Console) -> tuple[str, bool]:
    """From where it is to its end; why that is the end, and whether it has gone on at all."""
    space = CellSpace(prepared.seed.space, facts.input_shape, facts.classes, prepared.config.search.sample_mutations)
    algorithm = prepared.config.algorithm(space)
    files.write(prepared.folder / "config.gin", gin_config.in_force().encode())
    files.write(prepared.folder / "space.cell", prepared.spec.space.encode())
    finished, failed, _ = store.counts()
    best = next(iter(store.best(1)), None)
    progress.show_start(console, _start(prepared, facts, finished))
    if finished >= prepared.plan.individuals and not store.unfinished():
        return f"all {finished} individuals are finished", False
    shown_board = board.Board(prepared.storage / "tensorboard", prepared.seed.space, store)
    shown_board.start(gin_config.in_force(), algorithm.window)
    waiting = frozenset(proposal.id for proposal, waits in store.unfinished() if waits)
    keeper = Keeper(
        prepared.folder,
        prepared.spec.weights,
        prepared.spec.inherit,
        prepared.seed.space,
        facts,
        best,
        waiting,
    )
    spent = Spent(finished, failed, float(store.noted("seconds") or 0), store.flops(), store.seconds())
    with progress.Progress(console, prepared.plan, spent, best, prepared.spec.running) as shown:
        reason = Search(
            prepared.plan,
            algorithm,
            space,
            store,
            executor,
            functools.partial(evaluate.evaluate, prepared.spec),
            (keeper, shown_board, shown),
        ).run()
    shown_board.close()
    return reason, True


def _tested(prepared: Run, store: Store, executor: Executor, is_new: bool) -> Examined | None:
    """How the best does on the test set, which is measured once, and shown in TensorBoard where a run `is_new`."""
    best = next(iter(store.best(1)), None)
    if best is None:
        return None
    key = _TESTED.format(best.id)
    noted = store.noted(key)
    tested = None if noted is None else Examined.read(noted)
    if tested is None:
        if not evaluate.weights_file(prepared.spec.weights, best.id).exists():
            return None
        task = Task(best.id, best.genotype, prepared.plan.seed, best.fitness)
        tested = call(executor, evaluate.test, prepared.spec, task, retries=prepared.plan.retries)
    if noted is None or is_new:
        board.show_test(prepared.storage / "tensorboard", best, tested, store.counts()[0])
    if noted is None:
        store.note(key, tested.text())
    return tested


def _outcome(prepared: Run, store: Store, facts: Facts, tested: Examined | None, reason: str) -> Outcome:
    finished, failed, _ = store.counts()
    is_trained = prepared.spec.fitness == "training" and prepared.table is None
    return Outcome(
        store.best(5),
        tested,
        reason,
        finished,
        failed,
        next(iter(store.reasons(1)), ""),
        store.step_share(),
        facts.counts.get("validation", ()) if is_trained else (),
        _remedies(prepared, facts),
    )


def _remedies(prepared: Run, facts: Facts) -> tuple[str, ...]:
    """Flags for images that are larger, where they are files of any size, and a training that is longer."""
    height, width, _ = facts.input_shape
    flags = [f'--gin_param="training.epochs={4 * prepared.spec.training.epochs}"']
    if prepared.spec.dataset.source.startswith(("images:", "tfds:")):
        flags.append(f'--gin_param="dataset.image_size=({2 * height}, {2 * width})"')
    return tuple(flags)


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
        *_told_images(prepared, facts),
        ("space", f"{settings.seed_file} with {params}" if params else settings.seed_file),
        *([("genes", f"{genes} (in the place of settings)")] if genes else []),
        ("search", f"{goal}, {finished} of them finished" if finished else goal),
        ("workers", _told_workers(prepared)),
        *([("not read", ", ".join(prepared.config.not_read))] if prepared.config.not_read else []),
        ("work directory", str(prepared.folder)),
        *([("storage", settings.storage)] if settings.storage else []),
        ("watch", _watch(prepared.storage)),
        ("", PAGE),
    ]


def _told_images(prepared: Run, facts: Facts) -> list[tuple[str, str]]:
    """Images a class, steps an epoch, what is left out, and what to be warned of."""
    counts, training = facts.counts.get("train", ()), prepared.config.training
    rows = list(facts.remarks)
    if counts:
        pairs = [f"{name} {count:,}" for name, count in zip(facts.class_names, counts, strict=True)]
        few = len(counts) <= CLASSES_SHOWN
        rows.insert(
            0, ("to train on", ", ".join(pairs) if few else f"{min(counts):,} to {max(counts):,} images of each class")
        )
    if prepared.table is None and prepared.spec.fitness == "training":
        steps = facts.images // training.batch_size
        rows.append(("epoch", f"{steps:,} steps of {training.batch_size} images"))
        rows += [("warning", text) for text in fit.warnings(training, facts.images, facts.class_names, counts)]
    return rows


def _told_workers(prepared: Run) -> str:
    settings = prepared.config.search
    workers = "as many as there is room for" if prepared.workers is None else str(prepared.workers)
    if settings.executor == "ray":
        return f"{workers}, on Ray at {settings.address}" if settings.address else f"{workers}, on Ray"
    return f"{workers}, GPUs {', '.join(prepared.gpus)}" if prepared.gpus else workers


def _commands(prepared: Run, facts: Facts) -> list[str]:
    folder, best = shlex.quote(str(prepared.folder)), shlex.quote(str(prepared.folder / "best.cell"))
    shape = "x".join(map(str, facts.input_shape))
    network = evaluate.best_folder(prepared.storage)
    out = shlex.quote(f"{prepared.folder.name}.keras")
    return [
        f"cell draw {best}",
        f"cell cost {best} --input {shape} --classes {facts.classes}",
        *(
            [f"cell train {folder} --gin_file=train_final.gin{_larger(prepared, facts)}"]
            if prepared.table is None
            else []
        ),
        *([f"cell export {shlex.quote(str(network))} --out {out}"] if network.is_dir() else []),
        _watch(prepared.storage),
        PAGE,
    ]


def _larger(prepared: Run, facts: Facts) -> str:
    """The flag that builds a network with twice as many cells a stack, where the space has that param and allows it."""
    cells = prepared.seed.space.params.get("N")
    if not isinstance(cells, int):
        return ""
    try:
        resolve(dsl.loads(prepared.seed.standalone(), {"N": 2 * cells}), facts.input_shape, facts.classes)
    except (dsl.CellError, CompileError):
        return ""
    return f" --param N={2 * cells}"


def _watch(folder: Place) -> str:
    """The command that shows a search; by itself TensorBoard keeps only ten pictures and texts."""
    board = shlex.quote(str(folder / "tensorboard"))
    return f"tensorboard --samples_per_plugin=images=200,text=200 --logdir={board}"
