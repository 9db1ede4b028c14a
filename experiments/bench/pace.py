"""Functions that time calls, and measure how fast this machine is at the moment.

The speed of a shared machine changes by a factor of two within minutes.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

ROUNDS, CALLS, NUMBERS = 15, 50, 1000
T = TypeVar("T")


def seconds_a_call(call: Callable[[T], object], rounds: Iterable[Sequence[T]]) -> list[float]:
    """Returns, for each round, the mean processor seconds of a call over the arguments of the round."""
    found = []
    for arguments in rounds:
        start = time.process_time()
        for argument in arguments:
            call(argument)
        found.append((time.process_time() - start) / len(arguments))
    return found


def pace() -> str:
    """Returns a line with the processor time of a fixed loop, the median of several rounds, to print with results."""
    rounds = seconds_a_call(_squares, [[NUMBERS] * CALLS] * ROUNDS)
    return f"the squares of {NUMBERS:,} numbers take {1e6 * statistics.median(rounds):.0f} µs"


def _squares(count: int) -> list[int]:
    return [number * number for number in range(count)]


def numbers(*defaults: float) -> Any:
    """Returns the numbers of the command line, with the types of `defaults`. A missing number is its default."""
    given = sys.argv[1:]
    return [*(type(default)(text) for default, text in zip(defaults, given, strict=False)), *defaults[len(given) :]]
