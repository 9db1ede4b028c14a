"""The state of a search after each of its individuals, computed from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evolve.algorithms import Algorithm
from evolve.records import Individual, Standing, ranked
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
    chosen: list[tuple[float, float]] = []
    correlation: float | None = None
    for place, individual in enumerate(store.results(), 1):
        while proposal is not None and after < place:
            algorithm.adopt(proposal)
            proposal, after = next(proposals, (None, 0))
        if rungs.get(individual.id) != individual.rung:  # a failed promotion has no result
            algorithm.tell(individual)
        if individual.id not in rungs and individual.predicted is not None:
            chosen.append((individual.predicted, individual.fitness))
            correlation = latest_correlation(chosen)
        rungs[individual.id] = individual.rung
        if individual.status == "done":
            best = ranked([individual] if best is None else [best, individual], 1)[0]
        species = len({*algorithm.species.values()})
        yield individual, Standing(algorithm.population, best, species=species, correlation=correlation)


def latest_correlation(chosen: Sequence[tuple[float, float]]) -> float | None:
    """Returns the rank correlation of the latest predicted and measured fitnesses; None if there are too few.

    Args:
      chosen: the predicted and the first measured fitness of the individuals that a model chose, in their order.
    """
    from evolve.predictor.results import LATEST_CHOSEN, correlation  # It needs numpy, which takes a moment to load.

    return correlation(chosen[-LATEST_CHOSEN:])
