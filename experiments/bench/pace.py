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
    """Seconds of processor time a call for each round: the mean over the arguments of the round."""
    found = []
    for arguments in rounds:
        start = time.process_time()
        for argument in arguments:
            call(argument)
        found.append((time.process_time() - start) / len(arguments))
    return found


def pace() -> str:
    """A line to print beside a measurement: the processor time of one and the same loop, the median of rounds."""
    rounds = seconds_a_call(_squares, [[NUMBERS] * CALLS] * ROUNDS)
    return f"the squares of {NUMBERS:,} numbers take {1e6 * statistics.median(rounds):.0f} µs"


def _squares(count: int) -> list[int]:
    return [number * number for number in range(count)]


def numbers(*defaults: float) -> Any:
    """The numbers of the command line, each of the type of its default; the default where one is left out."""
    given = sys.argv[1:]
    return [*(type(default)(text) for default, text in zip(defaults, given, strict=False)), *defaults[len(given) :]]
