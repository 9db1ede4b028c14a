"""Duplicates that wait for the result of another individual, and held results that wait for results of older ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Generic, NamedTuple

from evolve.records import Evaluation, G, Individual, Proposal


class Duplicates(Generic[G]):
    """Duplicates of pending individuals.

    When the pending individual has a result, its duplicates take the evaluation.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, list[Proposal[G]]] = {}

    def __iter__(self) -> Iterator[Proposal[G]]:
        return (proposal for proposals in self._waiting.values() for proposal in proposals)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def wait(self, proposal: Proposal[G], id: int) -> None:
        """Adds a proposal that waits for the result of the individual `id`."""
        self._waiting.setdefault(id, []).append(proposal)

    def end(self, id: int) -> Sequence[Proposal[G]]:
        """Removes and returns the proposals that waited for the individual `id`."""
        return self._waiting.pop(id, ())


def reused(original: Individual) -> Evaluation:
    """Returns the evaluation of a duplicate: the evaluation of the original, with no time, no FLOPs and no graph."""
    known = {one.name: getattr(original, one.name) for one in fields(Evaluation)}
    return replace(Evaluation(**known), seconds=0.0, step_seconds=0.0, flops=0.0, graph="", note=f"as {original.id}")


class Result(NamedTuple, Generic[G]):
    """The values of a held result that are not in the store. They are passed to the algorithm and observers later."""

    genotype: G
    graph: str = ""
    is_reused: bool = False  # whether the result is the evaluation of another individual


class HeldResults(Generic[G]):
    """Held results: results in the store that wait for the results of all older individuals.

    Args:
      first: the id of the individual whose result reaches the algorithm next.
    """

    def __init__(self, first: int) -> None:
        self._next = first
        self._waiting: dict[int, Result[G]] = {}
        self.reused = 0  # the number of held results of duplicates

    def __len__(self) -> int:
        return len(self._waiting)

    def hold(self, id: int, result: Result[G]) -> None:
        """Adds the result of the individual `id`."""
        self._waiting[id] = result
        self.reused += result.is_reused

    def released(self) -> Iterator[tuple[int, Result[G]]]:
        """Removes and yields ids and results in the order of ids, up to the first missing result."""
        while self._next in self._waiting:
            result = self._waiting.pop(self._next)
            self.reused -= result.is_reused
            self._next += 1
            yield self._next - 1, result
