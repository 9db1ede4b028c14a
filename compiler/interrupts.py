"""Interrupts by Ctrl-C, or by SIGTERM from other programs. The first interrupt raises KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code after an interrupt
AT_ONCE = 3  # The process ends at once, without cleaning up, when it receives this number of signals.
PATIENCE = 15.0  # The process ends without cleaning up this number of seconds after the first signal.
MOMENT = 0.001  # seconds until an interrupt is tried again
# TensorFlow's C++ code reads the properties in this file, and crashes if one of them raises an exception.
UNSAFE = os.path.join("tensorflow", "python", "eager", "context.py")


@contextmanager
def interruptible(for_good: bool = False) -> Iterator[None]:
    """A context in which the signal SIGTERM acts like Ctrl-C.

    The first signal raises KeyboardInterrupt, the second signal does nothing, and the third signal ends the process at
    once. The process also ends at once PATIENCE seconds after the first signal. Otherwise it could wait without end for
    a lock that the interrupt has left locked. If the first signal comes in UNSAFE code of TensorFlow, KeyboardInterrupt
    is raised soon afterwards, at the latest at the end of the context or after PATIENCE seconds.

    Both signals get handlers, because the first process of a container ignores signals without a handler. A signal that
    was ignored before stays ignored, such as Ctrl-C in the background.

    Args:
      for_good: whether the process ends after the context. If it does, later signals are ignored until the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread can handle signals.
        return
    received, waits, latest = 0, False, 0.0

    def receive(number: int, frame: FrameType | None) -> None:
        nonlocal received, latest
        received += 1
        if received == 1:
            latest = time.monotonic() + PATIENCE
            interrupt(number, frame)
        elif received >= AT_ONCE:
            _end(number, frame)

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal waits
        is_unsafe = frame is not None and frame.f_code.co_filename.endswith(UNSAFE)
        waits = is_unsafe and hasattr(signal, "setitimer") and time.monotonic() < latest
        if waits:
            _later(MOMENT, interrupt)
            return
        _later(PATIENCE, _end)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, receive)
    try:
        yield
        if waits:
            interrupt(signal.SIGALRM, None)
    finally:
        if waits:
            _later(PATIENCE, _end)
        if not (for_good and received):
            _later(0, signal.SIG_DFL)
            for number, handler in before.items():
                signal.signal(number, handler)


def _later(seconds: float, handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Sets a timer that calls a handler after some seconds; 0 stops the timer. Windows has no such timer.

    The timer sends a signal. Unlike a thread, a signal needs no lock.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end(number: int, frame: FrameType | None) -> None:
    """Ends this process at once, after its output is flushed."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # The stream may be closed, or inside a write.
        sys.stdout.flush()
    os._exit(INTERRUPTED)
