"""The choice of the transactions that wait for the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.05  # the share of the time that may be spent on waiting for the disk
SAVED = 1.0  # the most seconds of waiting that can be saved up while nothing is written


class Syncing:
    """Decides which transactions wait until they are on the disk.

    A transaction that does not wait is kept if the process ends, but is lost if the power fails before the next one
    that waits. If individuals take seconds, all transactions wait. If thousands finish in a second, only a part of
    them waits, so that waiting takes at most the share `SHARE` of the time.

    Args:
      clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._saved, self._counted = SAVED, clock()

    def waits(self) -> bool:
        """Whether the transaction that begins now must wait."""
        now = self._clock()
        self._saved = min(SAVED, self._saved + SHARE * (now - self._counted))
        self._counted = now
        return self._saved > 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """A context whose time counts as spent on waiting."""
        start = self._clock()
        yield
        self._saved -= self._clock() - start
