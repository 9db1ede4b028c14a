"""The errors of this package. All are kinds of `SearchError`; a `UsageError` is a mistake that the user can correct."""

from __future__ import annotations

KEPT = "all finished work is kept, and the same command resumes the search"  # the end of many messages


class SearchError(Exception):
    """The search cannot continue; the message has the reason."""


class UsageError(SearchError):
    """The user can correct this error; the message names the fault and the remedy."""


class WorkerLost(SearchError):
    """A worker was lost during a task. The other tasks are not affected."""


class TimedOut(WorkerLost):
    """A worker was ended because its task took longer than `search.timeout`."""
