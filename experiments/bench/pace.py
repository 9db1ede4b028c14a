"""How fast this machine runs Python just now: on one that is shared, that varies by a factor of two within minutes."""

from __future__ import annotations

import statistics
import time

ROUNDS, CALLS, NUMBERS = 15, 50, 1000


def pace() -> str:
    """A line to print beside what was measured: the processor time of one and the same loop, the median of rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            [number * number for number in range(NUMBERS)]
        rounds.append((time.process_time() - start) / CALLS)
    return f"the squares of {NUMBERS:,} numbers take {1e6 * statistics.median(rounds):.0f} µs"
