"""Counts the steps of a mutation or a report, so that a rule with too many joint draws ends with an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsl.errors import CellError

MAX_STEPS = 100_000


class TooMuchWork(CellError):
    """The error for a rule that takes more steps than are allowed."""


@dataclass(slots=True)
class Work:
    """A count of steps.

    Attributes:
      allowed: the number of steps that may be taken.
      taken: the number of steps that were taken.
    """

    allowed: int = MAX_STEPS
    taken: int = 0

    def spend(self, steps: int, error: Callable[[int], TooMuchWork]) -> None:
        """Counts steps.

        Raises:
          TooMuchWork: more steps than allowed were taken. The error is `error(allowed)`.
        """
        self.taken += steps
        if self.taken > self.allowed:
            raise error(self.allowed)
