"""One search from its settings to its end table. All checks come before the first individual."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

import dsl
from compiler import filesystem
from compiler.images import kept
from dsl.identity.fingerprint import VERSION as FINGERPRINT_VERSION
from evolve import config as gin_config
from evolve.alone import alone, started_once
from evolve.beginnings import (
    begun_in,
    check_earlier,
    check_length,
    is_of_earlier_version,
    leaving_nothing,
    note,
    refusal,
)  # fmt: skip
from evolve.callbacks import Callback, named
from evolve.choosing import best_of, choose, finalists_of, is_chosen
from evolve.config import Config
from evolve.errors import KEPT, UsageError
from evolve.executors import Executor, Site, call, machine
from evolve.fitness import probe, running
from evolve.fitness.asked import ASK
from evolve.fitness.facts import FOLDER, Facts
from evolve.fitness.sharing import Choice, unseen
from evolve.fitness.training import TrainingFitness
from evolve.observers import announce, board, progress
from evolve.observers.constant import Constant
from evolve.observers.front import PICTURE, Found
from evolve.observers.journal import Journal
from evolve.observers.keep import Keeper, remove_checkpoints
from evolve.observers.outcome import Outcome
from evolve.prepared import Run, bred, prepare
from evolve.records import Classification
from evolve.search import retraining
from evolve.search.cell_space import CellSpace
from evolve.search.front import Front
from evolve.search.loop import Observer, Search
from evolve.search.plan import Tally, all_finished
from evolve.search.state import is_finished
from evolve.store import location
from evolve.store.history import latest_correlation
from evolve.store.store import TESTED, Store

# The note in the store about what the settings with the value `'auto'` have become.
TOLD = "callbacks"  # the key of the note with the end of which callbacks were told
CHOICE = "auto"


def run(
    config: Config, folder: Path, console: Console, changed: bool = False, callbacks: Sequence[Callback] = ()
) -> None:
    """Begins or resumes a search, and prints the end table. If the search is complete, only the table is printed.

    Args:
      config: the settings of the search.
      folder: the work directory.
      console: the output.
      changed: whether limits and workers may differ from those of the last run (`--resume=changed`).
      callbacks: receive the search while it runs.

    Raises:
      SearchError, dsl.CellError: the search cannot begin or continue.
      KeyboardInterrupt: the user stopped the search; all finished individuals are kept.
    """
    if config.search.fitness == ASK:
        raise UsageError(
            f"search.fitness is {ASK!r}, with which your own program evaluates individuals: evolve ask "
            f"--workdir={shlex.quote(str(folder))} gives an individual, and evolve tell takes its result"
        )
    with alone(), started_once(folder):
        _run(config, folder, console, changed, [*callbacks, *named(config.search.callbacks)])


def _run(config: Config, folder: Path, console: Console, changed: bool, callbacks: Sequence[Callback]) -> None:
    prepared = prepare(replace(config, folders=(*config.folders, *begun_in(folder))), folder)
    # Only the settings of this algorithm are used. The shape of the images is not known yet, so any shape will do.
    identity = prepared.identity(config.algorithm(CellSpace(prepared.seed.space, (1, 1, 1), 1)))
    with leaving_nothing(folder), Store(folder) as store, _naming_the_disk(store):
        if is_of_earlier_version(store):
            check_earlier(store, identity)
            _show_earlier(prepared, store, console)
            return
        store.compare(identity, prepared.settings(), changed)
        check_length(prepared, store)
        store.renew(str(FINGERPRINT_VERSION), prepared.space((1, 1, 1), 1).keys)
        if prepared.storage != folder:
            location.claim(prepared.storage, store)
        facts = _facts(prepared, store, console)
        store.sign(identity, prepared.settings())
        note(prepared, store, facts)
        prepared = _with_choice(prepared.with_facts(facts), store, console)
        executor = _executor(prepared, facts)
        try:
            if not _is_complete(prepared, store):
                prepared = _tried(prepared, executor)
            with _journal(prepared, store) as copies:
                reason, is_new = _search(prepared, store, executor, console, copies, callbacks)
                tested = _tested(prepared, store, executor, is_new)
        except KeyboardInterrupt:
            finished, _, _ = store.counts()
            count = prepared.plan.individuals
            all_of = f"{count} individual{'s' * (count != 1)} {'is' if finished == 1 else 'are'}"
            kept_of = f"{finished} of {all_of} finished and kept in {folder}"
            text = f"\ninterrupted: {kept_of}; the same command resumes the search"
            console.print(text, highlight=False, soft_wrap=True)
            raise
        finally:
            executor.close()
        if _is_complete(prepared, store):
            kept.remove(folder / FOLDER)  # a copy of the images, which no later run needs
            remove_checkpoints(prepared.fitness.weights)
        validation, remedies = prepared.fitness.chance()
        front = _front(prepared, store)
        outcome = replace(
            _outcome(store, tested, reason),
            objective=prepared.fitness.objectives.first,
            validation=validation,
            remedies=remedies,
            front=front,
        )
        progress.show_end(console, outcome, folder, announce.commands(prepared))


@contextmanager
def _naming_the_disk(store: Store) -> Iterator[None]:
    """A context that raises an OSError as a UsageError, which names the file.

    If the work directory was moved or removed, the error names the work directory.

    Raises:
      UsageError: a file or folder cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        store.check_place()
        raise UsageError(
            f"{error.filename or store.path.parent} cannot be used: {error.strerror or error}; remove the cause: {KEPT}"
        ) from error


def _show_earlier(prepared: Run, store: Store, console: Console) -> None:
    """Shows the end of a search that an earlier version began.

    Raises:
      UsageError: the search is not complete, and this version cannot resume it.
    """
    finished, _, _ = store.counts()
    best = next(iter(store.best(1)), None)
    tested = None if best is None else store.tested(best.id)
    commands = [f"cell draw {prepared.folder / 'best.cell'}", *announce.watch(prepared)]
    reason = f"version 0.5.0 or an earlier one began this search; {finished} individuals are finished"
    outcome = _outcome(store, tested, reason)
    progress.show_end(console, outcome, prepared.folder, commands)
    if finished < prepared.plan.individuals:
        raise UsageError(refusal(prepared.folder))


def _executor(prepared: Run, facts: Facts | None = None) -> Executor:
    """Returns the executor of the search. If `facts` is None, the executor has one task, which finds the facts."""
    folder, fitness = prepared.folder, prepared.fitness
    if facts is None:
        site = Site(folder=folder, trains=fitness.trains, has_one_task=True)
    else:
        site = Site(folder=folder, trains=fitness.trains, held=facts.bytes, prepare=fitness.warm)
    return prepared.config.executor.start(site)


def _facts(prepared: Run, store: Store, console: Console) -> Facts:
    """Returns the facts of the images. A search that is resumed must have the images with which it began.

    Raises:
      UsageError: the images are missing or differ from those of the search, or no network can be trained with them.
    """
    noted, fitness = store.noted("data"), prepared.fitness
    known = None if noted is None else Facts.read(noted)
    if known is not None and _is_complete(prepared, store):
        return fitness.facts_of_complete(known, store.noted("source"))
    if not fitness.needs_worker:
        with progress.Counting(console, "reading images") as reading:
            return fitness.find_facts(known, reading.show)
    with closing(_executor(prepared)) as executor:
        return call(executor, fitness.find_facts, known, retries=prepared.plan.retries)


def _with_choice(prepared: Run, store: Store, console: Console) -> Run:
    """Returns the search with what `'auto'` decides. It is decided when the search begins, and kept in the store."""
    if not isinstance(prepared.fitness, TrainingFitness) or _is_complete(prepared, store):
        return prepared
    text = store.noted(CHOICE)
    noted = None if text is None else Choice.read(text)
    show = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    found = probe.chosen(prepared.fitness, prepared.config.executor, prepared.seed.text(), noted, show)
    if found is not None:
        store.note(CHOICE, found.text())
    choice = found or noted
    return prepared if choice is None else prepared.with_choice(choice, probe.moved(prepared.config.executor, noted))


def _tried(prepared: Run, executor: Executor) -> Run:
    """Returns the search after a worker has tried the measures of the seed, and was asked for its GPU.

    Raises:
      UsageError: the seed cannot be measured.
    """
    if prepared.fitness.measuring:
        call(executor, prepared.fitness.try_measures, prepared.seed.text())
    return _with_gpu(prepared, executor)


def _with_gpu(prepared: Run, executor: Executor) -> Run:
    """Returns the search with the GPU on which its workers train, so that no later worker trains on the CPU unnoticed.

    A measurement for `'auto'` may have found the GPU already. Otherwise a worker is asked, because TensorFlow may not
    see a GPU that the machine has. The header then has a warning.
    """
    fitness, gpus = prepared.fitness, probe.gpus_of(prepared.config.executor)
    if not isinstance(fitness, TrainingFitness) or fitness.gpu or not gpus:
        return prepared
    gpu = call(executor, fitness.device, retries=prepared.plan.retries)
    if gpu:
        return replace(prepared, fitness=replace(fitness, gpu=gpu))
    return replace(prepared, found=(*prepared.found, ("warning", unseen(machine.gpu_kind(gpus)))))


def _is_complete(prepared: Run, store: Store) -> bool:
    """Whether all individuals are finished and the best one is tested, so that images are not needed any more."""
    best, fitness = best_of(prepared, store)
    if best is None or not is_finished(prepared.plan, store) or not is_chosen(prepared, store):
        return False
    return store.tested(best.id) is not None or not fitness.can_test(best.id)


@contextmanager
def _journal(prepared: Run, store: Store) -> Iterator[Sequence[Journal]]:
    """A context with the observer that copies the search to its storage; none if that is the work directory."""
    if prepared.storage == prepared.folder:
        yield ()
        return
    with Journal(prepared.storage, store) as journal:
        yield (journal,)


def _search(
    prepared: Run,
    store: Store,
    executor: Executor,
    console: Console,
    copies: Sequence[Journal],
    callbacks: Sequence[Callback],
) -> tuple[str, bool]:
    """Runs the search to its end. Returns the reason of the end, and whether this run evaluated anything."""
    fitness, facts = prepared.fitness, prepared.fitness.known
    space = prepared.space(facts.input_shape, facts.classes)
    algorithm = bred(prepared.config, space, store.networks())
    filesystem.write(prepared.folder / "config.gin", gin_config.in_force().encode())
    filesystem.write(prepared.folder / "space.cell", fitness.space.encode())
    finished, _, _ = store.counts()
    progress.show_start(console, announce.header(prepared, finished))
    if is_finished(prepared.plan, store):
        _keeper(prepared, store)
        # A run that was killed before its end has left callbacks without the end.
        is_over = is_chosen(prepared, store) and store.noted(TOLD) is not None
        with nullcontext(list[str]()) if is_over else _begun(callbacks, prepared, store) as ended:
            _choose(prepared, store, executor, console)
            ended.append(all_finished(finished))
        return ended[0], False
    retraining.forget(store)
    shown_board = board.Board(
        prepared.storage / "tensorboard", prepared.seed.space, store, prepared.fitness.objectives.first
    )
    shown_board.start(gin_config.in_force(), prepared.config.algorithm(space))
    best = next(iter(store.best(1)), None)
    keeper = _keeper(prepared, store)
    reports = prepared.folder / running.FOLDER if fitness.trains else None
    tally = Tally(store.spent(), best)
    doubts = Constant(fitness.objectives, store.scored(), partial(progress.say, console, style="yellow"))
    with _begun(callbacks, prepared, store) as ended:
        with progress.Progress(console, prepared.plan, tally, best, reports) as shown:
            observers: Sequence[Observer[dsl.Genotype]] = (keeper, shown_board, *copies, shown, doubts, *callbacks)
            search = Search(prepared.plan, algorithm, space, store, executor, fitness.evaluate, observers, tally)
            reason = search.run()
        shown_board.close()
        _choose(prepared, store, executor, console)
        ended.append(reason)
    return reason, True


def _keeper(prepared: Run, store: Store) -> Keeper:
    """Returns the observer that keeps files. It writes those that the last run has left out.

    A result is stored before its files are written, so the files may be missing even if the search is complete. The
    best of a choice among retrainings is left as it is, because its files are written before the choice is stored.
    """
    unfinished = store.unfinished()
    promoted = {one.id for one in store.rungs.unfinished() if one.rung and one.waits}
    waiting = promoted.union(proposal.id for proposal, waits in unfinished if waits)
    retried = frozenset(proposal.id for proposal, waits in unfinished if not waits)
    best = next(iter(store.best(1)), None) if retraining.choice_of(store) is None else None
    front = Front(store.scored())
    return Keeper(prepared.fitness, prepared.seed.space, best, frozenset(waiting), retried, front)


def _choose(prepared: Run, store: Store, executor: Executor, console: Console) -> None:
    """Chooses the best individual, and shows the number of candidates that have been trained again."""
    with progress.Counting(console, "candidates that were retrained") as counting:
        choose(prepared, store, executor, counting.show)


@contextmanager
def _begun(callbacks: Sequence[Callback], prepared: Run, store: Store) -> Iterator[list[str]]:
    """A context in which callbacks receive a search. The context takes the reason why the search has ended."""
    settings = {**store.signed("identity"), **store.signed("setting")}
    store.forget(TOLD)
    for callback in callbacks:
        callback.begin(prepared.folder, settings)
    reason: list[str] = []
    try:
        yield reason
    finally:
        best, _ = best_of(prepared, store)
        for callback in callbacks:
            callback.end(reason[0] if reason else "the search was interrupted", best)
        if reason:
            store.note(TOLD, reason[0])


def _tested(prepared: Run, store: Store, executor: Executor, is_new: bool) -> Classification | None:
    """Returns the test result of the best individual, or None if the individual cannot be tested.

    The result is measured once and kept in the store. It is written for TensorBoard when it is measured, and when this
    run has evaluated individuals (`is_new`).
    """
    best, fitness = best_of(prepared, store)
    if best is None:
        return None
    noted = tested = store.tested(best.id)
    if tested is None and fitness.can_test(best.id):
        tested = call(executor, fitness.test, best.id, best.genotype, retries=prepared.plan.retries)
    if tested is None:
        return None
    if noted is None or is_new:
        board.show_test(prepared.storage / "tensorboard", best, tested, store.counts()[0])
    if noted is None:
        store.note(TESTED.format(best.id), tested.text())
    return tested


def _front(prepared: Run, store: Store) -> Found | None:
    """Returns the front, whose picture is written to the work directory; None with one objective or no result."""
    if len(prepared.fitness.objectives) < 2:
        return None
    found = Found.of(prepared.folder.name, prepared.fitness.objectives, store.scored())
    if found.front:
        filesystem.write(prepared.folder / PICTURE, found.svg().encode())
    return found if found.front else None


def _outcome(store: Store, tested: Classification | None, reason: str) -> Outcome:
    finished, failed, _ = store.counts()
    failure, share = next(iter(store.reasons(1)), ""), store.step_share()
    finalists, predicted = finalists_of(store), _predicted(store)
    best = tuple(now for _, now in finalists.values()) or store.best(5)
    searched = {id: before for id, (before, _) in finalists.items()}
    return Outcome(
        best, tested, reason, finished, failed, failure, share, store.data_share(), predicted=predicted,
        searched=searched,
    )  # fmt: skip


def _predicted(store: Store) -> tuple[int, float | None]:
    """Returns how many individuals a model chose, and the rank correlation of its predictions for the latest ones."""
    chosen = store.predicted()
    return (len(chosen), latest_correlation(chosen)) if chosen else (0, None)
