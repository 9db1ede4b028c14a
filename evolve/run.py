"""One search from its settings to its end table: puts the parts together, what can be wrong first."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from compiler import filesystem
from compiler.errors import DataError, pasted
from compiler.images import data, fit, kept, manifest
from compiler.images.sources import PATHS
from evolve import config as gin_config
from evolve.alone import alone, started_once
from evolve.beginnings import begun_in, check_earlier, is_of_earlier_version, leaving_nothing, refusal
from evolve.config import Config
from evolve.errors import UsageError
from evolve.executors import Executor, Processes, Serial, call, machine
from evolve.fitness import evaluate
from evolve.fitness.facts import FOLDER, Facts
from evolve.observers import announce, board, progress
from evolve.observers.keep import Keeper
from evolve.observers.outcome import Outcome
from evolve.prepared import Run, prepare, staff
from evolve.search.cell_space import CellSpace
from evolve.search.loop import Search
from evolve.search.records import Examined, Task
from evolve.settings import SearchSettings
from evolve.store import location
from evolve.store.store import Store

_TESTED = "test of {}"  # the note that has it


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
    with leaving_nothing(folder), Store(folder) as store, _naming_the_disk(folder):
        if is_of_earlier_version(store):
            check_earlier(store, identity)
            _show_earlier(prepared, store, console)
            return
        store.compare(identity, prepared.settings(), changed)
        _check_length(prepared, store)
        if prepared.storage != folder:
            location.claim(prepared.storage, store)
        facts = _facts(prepared, store, console)
        store.sign(identity, prepared.settings())
        _note(prepared, store, facts)
        prepared = _with_facts(prepared, facts)
        executor = _executor(prepared)
        try:
            reason, is_new = _search(prepared, store, executor, facts, console)
            tested = _tested(prepared, store, executor, is_new)
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
        progress.show_end(console, outcome, folder, announce.commands(prepared, facts))


@contextmanager
def _naming_the_disk(folder: Path) -> Iterator[None]:
    """Raises what goes wrong with files as a message that names the file.

    Raises:
      UsageError: a file or folder cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be used: {error.strerror or error}; put that right: "
            "all finished work is kept, and the same command goes on"
        ) from error


def _show_earlier(prepared: Run, store: Store, console: Console) -> None:
    """Show a search that an earlier version began.

    Raises:
      UsageError: it was not finished; this version does not go on with it.
    """
    finished, failed, _ = store.counts()
    best = next(iter(store.best(1)), None)
    tested = None if best is None else store.noted(_TESTED.format(best.id))
    commands = [f"cell draw {prepared.folder / 'best.cell'}", announce.watch(prepared.storage), announce.PAGE]
    outcome = Outcome(
        store.best(5),
        None if tested is None else Examined.read(tested),
        f"version 0.5.0 or an earlier one began this search; {finished} individuals are finished",
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
        _check_shown(prepared, store, known)
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


def _check_shown(prepared: Run, store: Store, known: Facts) -> None:
    """Lets a search that is complete be shown without its images, but not for others than it had.

    Raises:
      UsageError: the images that are named now are others, or are not there and were never those of this search.
    """
    source = prepared.spec.dataset.source
    try:
        digest = data.digest(source, prepared.folder / FOLDER) or known.digest
    except DataError as error:
        if source == store.noted("source"):
            return
        raise UsageError(str(error)) from None
    if digest != known.digest:
        raise UsageError(_other_images(prepared))


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
    store.note("kept in", str(prepared.storage.absolute() if isinstance(prepared.storage, Path) else prepared.storage))
    store.note("source", prepared.spec.dataset.source)


def _with_facts(prepared: Run, facts: Facts) -> Run:
    """The search with its images; how many workers it has room for depends on them."""
    gpus, workers = staff(prepared.config.search, facts.bytes)
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
    filesystem.write(prepared.folder / "config.gin", gin_config.in_force().encode())
    filesystem.write(prepared.folder / "space.cell", prepared.spec.space.encode())
    finished, _, _ = store.counts()
    best = next(iter(store.best(1)), None)
    progress.show_start(console, announce.header(prepared, facts, finished))
    if finished >= prepared.plan.individuals and not store.unfinished():
        return f"all {finished} individuals are finished", False
    shown_board = board.Board(prepared.storage / "tensorboard", prepared.seed.space, store)
    shown_board.start(gin_config.in_force(), prepared.config.algorithm(space))
    unfinished = store.unfinished()
    waiting = frozenset(proposal.id for proposal, waits in unfinished if waits)
    again = frozenset(proposal.id for proposal, waits in unfinished if not waits)
    keeper = Keeper(
        prepared.folder,
        prepared.spec.weights,
        prepared.spec.inherit,
        prepared.seed.space,
        facts,
        best,
        waiting,
        again,
    )
    with progress.Progress(console, prepared.plan, store.spent(), best, prepared.spec.running) as shown:
        reason = Search(
            prepared.plan,
            algorithm,
            space,
            store,
            executor,
            functools.partial(evaluate.evaluate, prepared.spec),
            (keeper, shown_board, shown),
            shown.stored,
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
        announce.remedies(prepared, facts),
    )
