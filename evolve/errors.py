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
