"""Interrupts by Ctrl-C, or by SIGTERM from other programs. The first interrupt raises KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code after an interrupt
AT_ONCE = 3  # The process ends at once, without cleaning up, when it receives this number of signals.
PATIENCE = 15.0  # The process ends without cleaning up this number of seconds after the first signal.
MOMENT = 0.001  # seconds until an interrupt is tried again that has come in UNSAFE code
AGAIN = 0.1  # seconds until an interrupt is raised again that some code has dropped
# TensorFlow's C++ code reads the properties in this file, and crashes if one of them raises an exception.
UNSAFE = os.path.join("tensorflow", "python", "eager", "context.py")


@contextmanager
def interruptible(for_good: bool = False) -> Iterator[None]:
    """A context in which the signal SIGTERM acts like Ctrl-C.

    The first signal raises KeyboardInterrupt, the second signal does nothing, and the third signal ends the process at
    once. The process also ends at once PATIENCE seconds after the first signal. Otherwise it could wait without end for
    a lock that the interrupt has left locked. If the first signal comes in UNSAFE code of TensorFlow, KeyboardInterrupt
    is raised soon afterwards, at the latest after PATIENCE seconds. If some code drops the exception, as Python does in
    `__del__` and TensorFlow's C++ code does in several places, it is raised again. The code inside the context may
    catch the exception, but has to raise it again: after a signal, every context ends with an exception.

    Both signals get handlers, because the first process of a container ignores signals without a handler. A signal that
    was ignored before stays ignored, such as Ctrl-C in the background.

    Args:
      for_good: whether the process ends after the context. If it does, later signals are ignored until the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread can handle signals.
        return
    receiver = _Receiver()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, receiver.receive)
    try:
        yield
        if receiver.received:
            raise KeyboardInterrupt
    finally:
        if for_good and receiver.received:
            _later(PATIENCE, _end)
        else:
            _later(0, signal.SIG_DFL)
            for number, handler in before.items():
                signal.signal(number, handler)


class _Interrupt(KeyboardInterrupt):
    """A KeyboardInterrupt to which weak references can be made."""


class _Receiver:
    """Raises the interrupt of the first signal, and raises it again for as long as it is dropped.

    Attributes:
      received: the number of signals until now.
    """

    def __init__(self) -> None:
        self.received = 0
        self._limit = 0.0  # the time at which waiting ends
        self._raised: weakref.ref[_Interrupt] | None = None

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handles SIGINT or SIGTERM."""
        self.received += 1
        if self.received == 1:
            self._limit = time.monotonic() + PATIENCE
            self._interrupt(number, frame)
        elif self.received >= AT_ONCE:
            _end(number, frame)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raises the interrupt, or waits while the code is UNSAFE or the interrupt is on its way."""
        is_late = time.monotonic() >= self._limit
        if self._raised is not None and is_late:
            _end(number, frame)
        # An exception that nothing refers to any more was dropped.
        if self._raised is not None and self._raised() is not None:
            _later(AGAIN, self._interrupt)
            return
        is_unsafe = frame is not None and frame.f_code.co_filename.endswith(UNSAFE)
        if is_unsafe and not is_late and hasattr(signal, "setitimer"):
            _later(MOMENT, self._interrupt)
            return
        if self._raised is None:
            self._limit = time.monotonic() + PATIENCE
        error = _Interrupt()
        self._raised = weakref.ref(error)
        _later(AGAIN, self._interrupt)
        try:
            raise error
        finally:
            del error  # The traceback refers to this frame, so the exception would keep itself alive.


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
