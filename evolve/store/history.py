"""The state of a search after each of its individuals, computed from the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolve.algorithms import Algorithm
from evolve.records import Individual, Standing, is_lowest, ranked
from evolve.store.store import Store


def standings(store: Store, algorithm: Algorithm[Any]) -> Iterator[tuple[Individual, Standing]]:
    """Yields every finished individual with the state of the search after this individual.

    Args:
      store: the store of the search.
      algorithm: a new algorithm. It receives the proposals and results of the store, and its populations are yielded.
    """
    proposals = store.proposed()
    proposal, after = next(proposals, (None, 0))
    best: Individual | None = None
    rungs: dict[int, int] = {}
    for place, individual in enumerate(store.results(), 1):
        while proposal is not None and after < place:
            algorithm.adopt(proposal)
            proposal, after = next(proposals, (None, 0))
        if rungs.get(individual.id) != individual.rung:  # a failed promotion has no result
            algorithm.tell(individual)
        rungs[individual.id] = individual.rung
        if individual.status == "done":
            best = ranked([individual] if best is None else [best, individual], 1)[0]
        yield individual, Standing(algorithm.population, best, species=len({*algorithm.species.values()}))


def measured(population: tuple[float, ...]) -> tuple[float, ...]:
    """Returns the fitnesses of members that did not fail. Those of failed members would lower the mean."""
    return tuple(fitness for fitness in population if not is_lowest(fitness))
