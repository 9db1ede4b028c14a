"""A search as it stood after each of its individuals, from its store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolve.algorithms import Algorithm
from evolve.records import WORST, Individual, Standing, ranked
from evolve.store.store import Store


def standings(store: Store, algorithm: Algorithm[Any]) -> Iterator[tuple[Individual, Standing]]:
    """Each finished individual in turn, and the search with it, as an unused algorithm tells it of the record."""
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
    """Those of a population that did not fail: one failed member would press a mean down for as long as it lives."""
    return tuple(fitness for fitness in population if fitness > WORST)
