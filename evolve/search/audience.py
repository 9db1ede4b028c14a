"""The observers of a search, and what they hear of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, NamedTuple, Protocol, TypeVar

from evolve.records import G, Individual, Spent, Standing

G_contra = TypeVar("G_contra", contravariant=True)
Stored = Callable[[Sequence[Individual], Spent], None]


class Observer(Protocol[G_contra]):
    """Hears of every individual when it is in the store and the algorithm has been told."""

    def individual(self, individual: Individual, genotype: G_contra, standing: Standing) -> None:
        """One more is finished; the standing has it in."""


class Finished(NamedTuple, Generic[G]):
    """An individual that observers have yet to hear of."""

    individual: Individual
    genotype: G
    standing: Standing


class Audience(Generic[G]):
    """Tells observers of individuals, when the workers have something to do.

    Args:
      observers: hear of an individual when the algorithm has been told of it.
      stored: is called with results that are in the store, though the algorithm may not have been told of them yet.
    """

    def __init__(self, observers: Sequence[Observer[G]], stored: Stored | None) -> None:
        self._observers = observers
        self._stored = stored
        self._results: list[Individual] = []

    def add(self, individual: Individual) -> None:
        """Remembers a result that has been stored."""
        self._results.append(individual)

    def hear(self, finished: Sequence[Finished[G]], heritable: frozenset[int], spent: Spent) -> None:
        """Tells of individuals; whose weights may be asked for is already as it is after all of these."""
        for individual, genotype, standing in finished:
            now = replace(standing, heritable=heritable)
            for observer in self._observers:
                observer.individual(individual, genotype, now)
        if self._stored is not None and self._results:
            self._stored(self._results, spent)
        self._results.clear()
