"""Ctrl-C, and SIGTERM, by which other programs end one: both raise KeyboardInterrupt, once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code after an interrupt
AT_ONCE = 3  # the number of the signal that ends the process at once, without cleaning up
PATIENCE = 15.0  # seconds after the first signal, after which the process ends without cleaning up


@contextmanager
def interruptible(for_good: bool = False) -> Iterator[None]:
    """Inside, SIGTERM acts like Ctrl-C: the first signal raises KeyboardInterrupt, and the second does nothing.

    The third signal ends the process at once. So does the end of PATIENCE, since an interrupt may leave a lock held,
    for which cleaning up would wait without end. Both signals get handlers, because the first process of a container
    ignores signals without one. A signal that was ignored before, as Ctrl-C is in the background, stays ignored.

    Args:
      for_good: whether the process ends afterwards; later signals are then ignored until its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread can handle signals.
        return
    received = 0

    def receive(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received += 1
        if received == 1:
            _end_later(PATIENCE)
            raise KeyboardInterrupt
        if received >= AT_ONCE:
            _end(number, frame)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, receive)
    try:
        yield
    finally:
        if not (for_good and received):
            _end_later(0)
            for number, handler in before.items():
                signal.signal(number, handler)


def _end_later(seconds: float) -> None:
    """Ends the process after some seconds; 0 cancels that. Windows lacks such a timer, and nothing happens there.

    A timer that sends a signal needs no lock, unlike a thread.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, _end if seconds else signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end(number: int, frame: FrameType | None) -> None:
    """Ends this process at once, after its output is flushed."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # A stream may be closed, or inside a write.
        sys.stdout.flush()
    os._exit(INTERRUPTED)
