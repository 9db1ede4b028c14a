"""A search as it stood after each of its individuals, from its store."""

from __future__ import annotations

from collections.abc import Iterator

from evolve.search.records import WORST, Individual, Standing, ranked
from evolve.store.store import Store


def standings(store: Store, window: int | None) -> Iterator[tuple[Individual, Standing]]:
    """Each finished individual in turn, and the search with it; no more than the latest `window` are alive."""
    population: dict[int, float] = {}
    deaths = store.deaths()
    best: Individual | None = None
    for individual in store.finished():
        for id in deaths.get(individual.finished - 1, ()):
            del population[id]
        population[individual.id] = individual.fitness
        if window is not None and len(population) > window:
            del population[next(iter(population))]
        if individual.status == "done":
            best = ranked([individual] if best is None else [best, individual], 1)[0]
        yield individual, Standing(tuple(population.values()), best)


def measured(population: tuple[float, ...]) -> tuple[float, ...]:
    """Those of a population that did not fail: one failed member would press a mean down for as long as it lives."""
    return tuple(fitness for fitness in population if fitness > WORST)
