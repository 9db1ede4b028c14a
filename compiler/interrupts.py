"""Ctrl-C, and the signal by which other programs end one, as one thing: KeyboardInterrupt, once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code
AT_ONCE = 3  # the third signal ends the process at once, without cleaning up


@contextmanager
def interruptible(for_good: bool = False) -> Iterator[None]:
    """Inside, SIGTERM acts like Ctrl-C: the first signal raises KeyboardInterrupt, and the second does nothing.

    The third ends the process at once. The first process of a container ignores every signal that it has not asked for,
    so that this asks for both. A signal that was ignored before, as Ctrl-C is in the background, stays so.

    Args:
      for_good: whether the process ends after this; then what comes after an interrupt still does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    received = 0

    def receive(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received += 1
        if received == 1:
            raise KeyboardInterrupt
        if received >= AT_ONCE:
            os._exit(INTERRUPTED)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number, handler in () if for_good and received else before.items():
            signal.signal(number, handler)
