"""The errors of a request by the page, beside those of the package."""

from __future__ import annotations

from evolve.errors import UsageError


class Unclear(UsageError):
    """A parameter of the request is missing, unknown or has a value that is not allowed."""


class Missing(UsageError):
    """The search, the individual or the file that the request names is not there."""
