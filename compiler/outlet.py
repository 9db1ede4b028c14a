"""Standard output that may be gone: closed before the program began, full, or left by the program that reads it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


class Outlet:
    """A text stream that knows whether everything has reached its reader.

    Attributes:
      lost: why something has not, or None.
      goes_on: whether writing goes on in silence then, because the program does more than to print.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Writes to a stream; None stands for one that is closed."""
        self._is_closed = stream is None
        self._stream = open(os.devnull, "w", encoding="utf-8") if stream is None else stream  # noqa: SIM115
        self.lost: OSError | None = None
        self.goes_on = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Whether the stream is an open terminal."""
        return self._stream.isatty() and not self._is_closed

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
          OSError: it cannot be written, and the program does nothing but print.
        """
        with self._watched():
            if self._is_closed and text:
                raise OSError(errno.EBADF, "it is closed")
            if self.lost is None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what is written; raises as `write` does."""
        with self._watched():
            if self.lost is None:
                self._stream.flush()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = error
            # What is left in the buffer would be written once more at the exit.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if not self.goes_on:
                raise

    @property
    def complaint(self) -> str:
        """What the user should know of what is lost; nothing where its reader, such as `head`, has seen enough."""
        if self.lost is None or isinstance(self.lost, BrokenPipeError):
            return ""
        return f"standard output cannot be written: {self.lost.strerror or self.lost}; what was printed there is lost"


@contextmanager
def standard() -> Iterator[Outlet]:
    """Inside, what is printed goes through an outlet. An error in it that is the outlet's own is passed over."""
    _open_what_is_closed()
    before = sys.stdout
    outlet = Outlet(before)
    sys.stdout = cast(TextIO, outlet)
    try:
        try:
            yield outlet
        finally:
            outlet.flush()
    except OSError as error:
        if error is not outlet.lost:
            raise
    finally:
        sys.stdout = before


def _open_what_is_closed() -> None:
    """Opens the null device for each closed standard stream.

    Else the next opened file would receive what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:  # closed, and then the errors would go to the output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
