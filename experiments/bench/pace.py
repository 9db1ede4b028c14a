"""The clock of the measurements, and the pace of this machine.

The pace of a machine that is shared varies by a factor of two within minutes.
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
    """Returns for each round the processor seconds of a call: the mean over the arguments of the round."""
    found = []
    for arguments in rounds:
        start = time.process_time()
        for argument in arguments:
            call(argument)
        found.append((time.process_time() - start) / len(arguments))
    return found


def pace() -> str:
    """Returns a line to print with a measurement: the processor time of a fixed loop, the median of rounds."""
    rounds = seconds_a_call(_squares, [[NUMBERS] * CALLS] * ROUNDS)
    return f"the squares of {NUMBERS:,} numbers take {1e6 * statistics.median(rounds):.0f} µs"


def _squares(count: int) -> list[int]:
    return [number * number for number in range(count)]


def numbers(*defaults: float) -> Any:
    """Returns the numbers of the command line, each of the type of its default. A missing one is its default."""
    given = sys.argv[1:]
    return [*(type(default)(text) for default, text in zip(defaults, given, strict=False)), *defaults[len(given) :]]
