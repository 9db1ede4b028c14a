"""Functions that time calls, and measure how fast this machine is at the moment.

The speed of a shared machine changes by a factor of two within minutes.
"""

from __future__ import annotations

import argparse
import statistics
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


def numbers(doc: str | None, **defaults: float) -> Any:
    """Returns the numbers of the command line, with the types of `defaults`. A missing number is its default.

    A word that does not belong there ends the command with a message and exit code 2.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    for name, default in defaults.items():
        parser.add_argument(name, nargs="?", type=type(default), default=default, help=f"({default:,})")
    given = vars(parser.parse_args())
    for name, number in given.items():
        if not number > 0:  # not a number either
            parser.error(f"{name} is {number}; it must be above 0")
    return list(given.values())
