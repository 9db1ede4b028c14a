"""The errors of requests by the page of the tab, and the messages if a search cannot be read."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from evolve.errors import SearchError, UsageError

# The errors of reading a file that has the right tables, but values that a search never writes.
_WRONG_VALUES = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)

_log = logging.getLogger(__name__)


class Unclear(UsageError):
    """A parameter of the request is missing, unknown or has a value that is not allowed."""


class Missing(UsageError):
    """The search, the individual or the file that the request names does not exist."""


@contextmanager
def explained(folder: object) -> Iterator[None]:
    """A context that raises every error in reading the search in `folder` with a message for the user.

    Raises:
      SearchError: the search cannot be read.
    """
    try:
        yield
    except (OSError, ImportError, sqlite3.Error, *_WRONG_VALUES) as error:
        raise SearchError(_explanation(error, folder)) from error


def _explanation(error: Exception, folder: object) -> str:
    if isinstance(error, OSError):
        return f"{folder} cannot be read: {error.strerror or type(error).__name__}"
    if isinstance(error, ImportError):
        return f"a part of the program is missing: {error}; install amoeba-evolve again"
    # The page repeats its requests, so a warning would be printed again and again.
    _log.info("%s has wrong values", folder, exc_info=error)
    text = ": ".join(filter(None, (type(error).__name__, str(error))))
    return f"{folder} has values that this version cannot read ({text}); has another program written them?"
