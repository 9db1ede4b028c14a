"""Suppresses messages of TensorFlow that ignore its log level."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet(log: Path | None = None) -> Iterator[None]:
    """Inside, everything that is written to standard error, also by C++ libraries, is appended to a file or dropped.

    Exceptions are not changed.
    """
    sys.stderr.flush()
    terminal, file = os.dup(2), os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(file)
