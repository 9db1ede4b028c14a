"""The choice of the best individual at the end of a search, by the fitness or by retrainings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evolve.executors import Executor
from evolve.fitness.base import Fitness
from evolve.fitness.kept_weights import weights_file
from evolve.observers.keep import write_best
from evolve.prepared import Run
from evolve.records import Individual
from evolve.search import retraining
from evolve.store.location import FINALISTS
from evolve.store.retraining import CHOSEN, RETRAINED, Choice, Retrained
from evolve.store.store import Store


def best_of(prepared: Run, store: Store) -> tuple[Individual | None, Fitness]:
    """Returns the best individual, or None, and the source of fitness that has its weights."""
    choice = retraining.choice_of(store)
    is_by_fitness = choice is None or choice.id is None
    return retraining.best_of(store), prepared.fitness if is_by_fitness else _fitness_again(prepared)


def is_chosen(prepared: Run, store: Store) -> bool:
    """Whether the best individual was chosen as the settings say."""
    search = prepared.config.search
    return retraining.is_current(store, search.finalists, search.finalist_repeats)


def choose(prepared: Run, store: Store, executor: Executor, show: Callable[[int, int], None]) -> None:
    """Trains the best individuals again, if the settings say so, and writes the best of them to the work directory.

    The result of each individual is stored at once, so that a search that is resumed makes only those that are missing.

    Args:
      prepared: the search.
      store: its store.
      executor: gives tasks to workers.
      show: is called with the number of individuals that were trained again, and of all that are.
    """
    if is_chosen(prepared, store):
        return
    retraining.forget(store)
    search, fitness = prepared.config.search, _fitness_again(prepared)
    finalists = store.best(search.finalists or 1)
    if search.finalists is None or not finalists:
        _write(prepared, prepared.fitness, *finalists)
        return
    missing = [one for one in finalists if not _is_known(fitness, store, one.id)]
    retraining.train(prepared.plan, store, executor, fitness.evaluate, missing, fitness.repeats, show)
    choice = Choice.of(finalists, {one.id: _retrained(store, one.id) for one in finalists}, fitness.repeats)
    for path in fitness.weights.glob("*.npz"):
        if path.stem not in map(str, choice.finalists):
            path.unlink()
    if choice.id is None:
        _write(prepared, prepared.fitness, finalists[0])
    else:
        _write(prepared, fitness, _retrained(store, choice.id).seen(store.individual(choice.id)))
    store.note(CHOSEN, choice.text())


def finalists_of(store: Store) -> dict[int, tuple[Individual, Individual]]:
    """Returns each finalist of the choice as it was in the search and with the values of its retrainings, by id.

    The best by the retrainings is the first. Without a choice the mapping is empty.
    """
    choice = retraining.choice_of(store)
    rows = [] if choice is None else [store.individual(id) for id in choice.finalists]
    return {one.id: (one, _retrained(store, one.id).seen(one)) for one in rows}


def _fitness_again(prepared: Run) -> Fitness:
    """Returns the source of fitness of the retrainings, which are whole trainings whose weights are kept."""
    repeats = prepared.config.search.finalist_repeats
    return replace(prepared.fitness, repeats=repeats, rungs=(), weights=prepared.storage / FINALISTS)


def _retrained(store: Store, id: int) -> Retrained:
    return Retrained.read(store.noted(RETRAINED.format(id)) or "")


def _is_known(fitness: Fitness, store: Store, id: int) -> bool:
    """Whether an individual has a result of as many retrainings, and its weights if they were kept."""
    if store.noted(RETRAINED.format(id)) is None:
        return False
    found = _retrained(store, id)
    is_kept = not fitness.trains or bool(found.error) or weights_file(fitness.weights, id).exists()
    return found.trainings == fitness.repeats and is_kept


def _write(prepared: Run, fitness: Fitness, *best: Individual) -> None:
    for one in best:
        write_best(fitness, one, prepared.seed.space.genotype(one.genotype))
