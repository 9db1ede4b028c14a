"""Interrupts by Ctrl-C, or by SIGTERM from other programs. The first interrupt raises KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # the exit code after an interrupt
AT_ONCE = 3  # The process ends at once, without cleaning up, when it receives this number of signals.
PATIENCE = 15.0  # The process ends without cleaning up this number of seconds after the first signal.


@contextmanager
def interruptible(for_good: bool = False) -> Iterator[None]:
    """A context in which the signal SIGTERM acts like Ctrl-C.

    The first signal raises KeyboardInterrupt, the second signal does nothing, and the third signal ends the process at
    once. The process also ends at once PATIENCE seconds after the first signal. Otherwise it could wait without end for
    a lock that the interrupt has left locked. Both signals get handlers, because the first process of a container
    ignores signals without a handler. A signal that was ignored before stays ignored, such as Ctrl-C in the background.

    Args:
      for_good: whether the process ends after the context. If it does, later signals are ignored until the end.
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
    """Sets a timer that ends the process after some seconds; 0 stops the timer. Windows has no such timer.

    The timer sends a signal. Unlike a thread, a signal needs no lock.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, _end if seconds else signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end(number: int, frame: FrameType | None) -> None:
    end_at_once()


def end_at_once() -> NoReturn:
    """Ends this process after its output is flushed. Nothing else is cleaned up."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # The stream may be closed, or inside a write.
        sys.stdout.flush()
    os._exit(INTERRUPTED)
