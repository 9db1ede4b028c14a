"""The package's errors: one root, and one branch for what the user can put right."""

from __future__ import annotations


class SearchError(Exception):
    """The search cannot go on; the message says why."""


class UsageError(SearchError):
    """The user asked for something that cannot be had; the message names it and the remedy."""


class WorkerDied(SearchError):
    """A worker ended in the middle of a task; only that task is lost."""


class TimedOut(WorkerDied):
    """A worker was ended because its task took too long."""


def check_whole(name: str, value: object, least: int) -> None:
    """See that a setting is a whole number that is large enough.

    Raises:
      UsageError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} is {value!r}; it must be a whole number from {least}")
