"""Duplicates that wait for the result of another individual, and held results that wait for results of older ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Generic, NamedTuple

from evolve.records import Evaluation, G, Individual
from evolve.search.rungs import Job


class Duplicates(Generic[G]):
    """Duplicates of pending individuals.

    When the pending individual has a result, its duplicates take the evaluation.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, list[Job[G]]] = {}

    def __iter__(self) -> Iterator[Job[G]]:
        return (job for jobs in self._waiting.values() for job in jobs)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def wait(self, job: Job[G], id: int) -> None:
        """Adds a job that waits for the result of the individual `id`."""
        self._waiting.setdefault(id, []).append(job)

    def end(self, id: int) -> Sequence[Job[G]]:
        """Removes and returns the jobs that waited for the individual `id`."""
        return self._waiting.pop(id, ())


def reused(original: Individual) -> Evaluation:
    """Returns the evaluation of a duplicate: the evaluation of the original, with no time, no FLOPs and no graph."""
    known = {one.name: getattr(original, one.name) for one in fields(Evaluation)}
    free = {"seconds": 0.0, "step_seconds": 0.0, "data_seconds": 0.0, "flops": 0.0, "graph": ""}
    return Evaluation(**{**known, **free, "note": f"as {original.id}"})


class Result(NamedTuple, Generic[G]):
    """The values of a held result that are not in the store. They are passed to the algorithm and observers later."""

    job: Job[G]
    graph: str = ""
    is_reused: bool = False  # whether the result is the evaluation of another individual


class HeldResults(Generic[G]):
    """Held results: results in the store that wait for the results of all earlier jobs.

    Args:
      first: the place of the job whose result reaches the algorithm next.
    """

    def __init__(self, first: int) -> None:
        self._next = first
        self._waiting: dict[int, Result[G]] = {}
        self.reused = 0  # the number of held results of duplicates

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Job[G]]:
        """Yields the jobs of the held results."""
        return (result.job for result in self._waiting.values())

    def hold(self, result: Result[G]) -> None:
        """Adds the result of a job."""
        self._waiting[result.job.place] = result
        self.reused += result.is_reused

    def released(self) -> Iterator[Result[G]]:
        """Removes and yields results in the order of their jobs, up to the first missing result."""
        while self._next in self._waiting:
            result = self._waiting.pop(self._next)
            self.reused -= result.is_reused
            self._next += 1
            yield result
