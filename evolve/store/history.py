"""The states of a search after each of its individuals, from its store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolve.algorithms import Algorithm
from evolve.records import WORST, Individual, Standing, ranked
from evolve.store.store import Store


def standings(store: Store, algorithm: Algorithm[Any]) -> Iterator[tuple[Individual, Standing]]:
    """Yields every finished individual with the state of the search after it.

    The populations come from `algorithm`, a new one, to which the proposals and results of the store are given.
    """
    proposals = store.proposed()
    proposal, after = next(proposals, (None, 0))
    best: Individual | None = None
    for individual in store.finished():
        while proposal is not None and after < individual.finished:
            algorithm.adopt(proposal)
            proposal, after = next(proposals, (None, 0))
        algorithm.tell(individual)
        if individual.status == "done":
            best = ranked([individual] if best is None else [best, individual], 1)[0]
        yield individual, Standing(algorithm.population, best)


def measured(population: tuple[float, ...]) -> tuple[float, ...]:
    """Returns the fitnesses of members that did not fail. A failed one, of fitness 0, would lower the mean."""
    return tuple(fitness for fitness in population if fitness > WORST)
