"""Individuals that wait: for the result of an equal one, or with their own result for those of older ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Generic, NamedTuple

from evolve.records import Evaluation, G, Individual, Proposal


class Twins(Generic[G]):
    """Individuals that wait for the result of an equal one that runs, whose evaluation they will take."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Proposal[G]]] = {}

    def __iter__(self) -> Iterator[Proposal[G]]:
        return (proposal for alike in self._waiting.values() for proposal in alike)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def wait(self, proposal: Proposal[G], id: int) -> None:
        """Lets an individual wait for the one with the id."""
        self._waiting.setdefault(id, []).append(proposal)

    def end(self, id: int) -> Sequence[Proposal[G]]:
        """Those that waited for the one with the id, and wait no longer."""
        return self._waiting.pop(id, ())


def reused(twin: Individual) -> Evaluation:
    """The evaluation of an individual that equals one that is done, for which nothing was spent."""
    known = {one.name: getattr(twin, one.name) for one in fields(Evaluation)}
    return replace(Evaluation(**known), seconds=0.0, step_seconds=0.0, flops=0.0, graph="", note=f"as {twin.id}")


class Result(NamedTuple, Generic[G]):
    """What a stored result needs when it reaches the algorithm."""

    genotype: G
    graph: str = ""
    is_spared: bool = False  # whether it was not trained, since an equal one was


class Births(Generic[G]):
    """Stored results that wait until those of all older individuals are there.

    Args:
      first: the id whose result comes next.
    """

    def __init__(self, first: int) -> None:
        self._next = first
        self._waiting: dict[int, Result[G]] = {}
        self.spared = 0  # how many of the waiting were not trained

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, id: int, result: Result[G]) -> None:
        """Lets the result of an individual wait."""
        self._waiting[id] = result
        self.spared += result.is_spared

    def due(self) -> Iterator[tuple[int, Result[G]]]:
        """The results that wait no longer, with their ids, up to the first result that is missing."""
        while self._next in self._waiting:
            result = self._waiting.pop(self._next)
            self.spared -= result.is_spared
            self._next += 1
            yield self._next - 1, result
