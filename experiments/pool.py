"""Processes that run searches on tables, several beside each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process

from evolve.executors import machine


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """A context with a pool of processes, each with one thread. They end with this process, also if it is killed."""
    # Processes are spawned and not forked, since an algorithm may have threads of its own.
    with ProcessPoolExecutor(count, get_context("spawn"), _prepare) as pool:
        yield pool


def _prepare() -> None:
    """Limits libraries to one thread in this process, turns TensorFlow's log off, and watches the parent process."""
    os.environ.update(machine.threads())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent has ended. Otherwise it would wait for the next task without end."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
