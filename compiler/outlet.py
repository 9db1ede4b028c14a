"""Standard output that may fail, and the suppression of messages of TensorFlow that ignore its log level.

Standard output fails if it is closed from the start, if the disk is full, or if its reader has ended.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from compiler import tensorflow_import


class Outlet:
    """A text stream that keeps the first error in writing.

    Attributes:
      lost: the first error in writing, or None.
      goes_on: whether text is dropped after the first error without a further error. Programs that also write files set
        this, so that they continue without output.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Creates an outlet to a stream; None stands for a closed stream."""
        self._is_closed = stream is None
        self._stream = open(os.devnull, "w", encoding="utf-8") if stream is None else stream  # noqa: SIM115
        self.lost: OSError | None = None
        self.goes_on = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Returns whether the stream is an open terminal."""
        return self._stream.isatty() and not self._is_closed

    def write(self, text: str) -> int:
        """Writes a text.

        Raises:
          OSError: the text cannot be written, and `goes_on` is False.
        """
        with self._watched():
            if self._is_closed and text:
                raise OSError(errno.EBADF, "it is closed")
            if self.lost is None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Writes buffered text.

        Raises:
          OSError: the text cannot be written, and `goes_on` is False.
        """
        with self._watched():
            if self.lost is None:
                self._stream.flush()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = error
            # Python would try to write the rest of the buffer again at exit.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if not self.goes_on:
                raise

    @property
    def complaint(self) -> str:
        """A message on lost output. It is empty if nothing is lost, or if a reader such as `head` has ended."""
        if self.lost is None or isinstance(self.lost, BrokenPipeError):
            return ""
        return f"standard output cannot be written: {self.lost.strerror or self.lost}; the rest of the output is lost"


@contextmanager
def standard() -> Iterator[Outlet]:
    """A context in which all printed text goes through an outlet. An error of the outlet ends the context silently."""
    _open_what_is_closed()
    outlet = Outlet(sys.stdout)
    try:
        with contextlib.redirect_stdout(cast(TextIO, outlet)):
            try:
                yield outlet
            finally:
                outlet.flush()
    except OSError as error:
        if error is not outlet.lost:
            raise


def _open_what_is_closed() -> None:
    """Opens the null device for each closed standard stream.

    Otherwise the next opened file would receive the output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # `os.open` returns the lowest free file descriptor, which is the descriptor of the closed stream.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        # The file stays open. If it were closed, the next opened file would get its descriptor and receive errors.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


@contextmanager
def quiet(log: Path | None = None) -> Iterator[None]:
    """A context in which text for standard error is appended to a file, or dropped if no file is given.

    Text of C++ libraries is included. Exceptions are not changed. If TensorFlow is imported in the context, it logs
    nothing afterwards and its `tf.keras` is tf-keras, unless the user has set the environment variables for this.
    """
    for name, value in tensorflow_import.VARIABLES.items():
        os.environ.setdefault(name, value)
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
