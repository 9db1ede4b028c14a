"""The errors of requests by the page of the tab. Other errors are those of `evolve.errors`."""

from __future__ import annotations

from evolve.errors import UsageError


class Unclear(UsageError):
    """A parameter of the request is missing, unknown or has a value that is not allowed."""


class Missing(UsageError):
    """The search, the individual or the file that the request names does not exist."""
