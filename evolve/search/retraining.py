"""Retrainings: at the end of a search, its best individuals are trained again, and the best is chosen by that.

The best of many individuals owes its place partly to luck: its fitness is the largest of many numbers with an error, so
it is too high on average. The choice therefore uses the results of the retrainings alone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from math import inf

from evolve.algorithms import generator
from evolve.errors import WorkerLost
from evolve.executors import Executor
from evolve.records import Evaluation, Individual, Task, failed
from evolve.search.plan import Plan
from evolve.store.retraining import CHOSEN, RETRAINED, Choice, Retrained
from evolve.store.store import TESTED, Store

WAKE = 5.0  # seconds after which a waiting driver checks for lost workers


def task(plan: Plan, one: Individual) -> Task:
    """Returns the task of the retrainings of an individual. Their random seed follows from that of the search."""
    seed = generator(plan.seed, one.id, "retraining").getrandbits(31)
    return Task(one.id, one.genotype, seed, best=inf, keep_above=-inf)  # the weights are kept, and no graph is returned


def train(
    plan: Plan,
    store: Store,
    executor: Executor,
    evaluate: Callable[[Task], Evaluation],
    missing: Sequence[Individual],
    trainings: int,
    show: Callable[[int, int], None],
) -> None:
    """Evaluates individuals, and stores each result at once.

    Args:
      plan: the settings of the search.
      store: the store of the search.
      executor: gives tasks to workers.
      evaluate: the function that workers run, which trains an individual `trainings` times.
      missing: the individuals.
      trainings: the number of trainings of each.
      show: is called with the number of results and of individuals.
    """
    # The limit of time is that of an evaluation in the search, which may have another number of trainings.
    timeout = None if plan.timeout is None else plan.timeout * trainings / plan.repeats
    waiting, tries = deque(missing), Counter[int]()
    running: dict[Future[Evaluation], Individual] = {}
    while waiting or running:
        show(len(missing) - len(waiting) - len(running), len(missing))
        while waiting and len(running) < executor.capacity:
            one = waiting.popleft()
            tries[one.id] += 1
            running[executor.submit(evaluate, task(plan, one), timeout=timeout)] = one
        for ended in executor.wait(running, WAKE):
            one, found = running.pop(ended), _result(ended)
            if found.is_retryable and tries[one.id] <= plan.retries:
                waiting.appendleft(one)
                continue
            with store.event():
                store.note(RETRAINED.format(one.id), Retrained.of(trainings, found).text())
                store.forget(TESTED.format(one.id))  # its weights are others now


def _result(ended: Future[Evaluation]) -> Evaluation:
    try:
        return ended.result()
    except WorkerLost as error:
        return replace(failed(str(error)), is_retryable=True)


def choice_of(store: Store) -> Choice | None:
    """Returns the choice in the store, or None."""
    noted = store.noted(CHOSEN)
    return None if noted is None else Choice.read(noted)


def best_of(store: Store) -> Individual | None:
    """Returns the best individual of a search: the one that retrainings have chosen, or the fittest one."""
    choice = choice_of(store)
    if choice is None or choice.id is None:
        return next(iter(store.best(1)), None)
    return store.individual(choice.id)


def is_current(store: Store, count: int | None, trainings: int) -> bool:
    """Whether the choice in the store is that among the `count` best individuals; without finalists, that it is none.

    Args:
      store: the store of the search.
      count: the number of finalists, or None.
      trainings: the number of retrainings of each finalist.
    """
    choice = choice_of(store)
    if count is None or choice is None:
        return choice is None and count is None
    best = {one.id for one in store.best(count)}
    return set(choice.finalists) == best and choice.trainings == trainings


def forget(store: Store) -> None:
    """Removes the choice from the store. The results of retrainings stay."""
    choice = choice_of(store)
    if choice is None:
        return
    with store.event():
        store.forget(CHOSEN)
        if choice.id is not None:
            store.forget(TESTED.format(choice.id))  # the test was made with the weights of a retraining
