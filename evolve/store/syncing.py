"""The pace at which a store waits for the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.05  # of the time may be spent on waiting for the disk
SAVED = 1.0  # seconds of waiting that a quiet time may save up


class Syncing:
    """Says which transactions wait until the disk has them.

    A transaction that does not wait survives the death of the process, but not a power cut in the seconds before the
    next one that does. Where individuals take seconds, all transactions wait; where thousands are finished in a second,
    as many wait as `SHARE` allows.

    Args:
      clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._saved, self._counted = SAVED, clock()

    def waits(self) -> bool:
        """Whether the transaction that begins now is to wait."""
        now = self._clock()
        self._saved = min(SAVED, self._saved + SHARE * (now - self._counted))
        self._counted = now
        return self._saved > 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts the time inside as spent on waiting."""
        start = self._clock()
        yield
        self._saved -= self._clock() - start
