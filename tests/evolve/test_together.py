"""A function that runs in several workers at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evolve import Processes
from evolve.errors import TimedOut
from evolve.executors.together import Meeting, together


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with closing(Processes(2, 9, tmp_path / "log")) as executor:
        yield executor


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    (tmp_path / "meeting").mkdir()
    return Meeting(tmp_path / "meeting", 2)


def spans(meeting: Meeting, number: int, seconds: float) -> tuple[float, float]:
    """Returns when the call began to wait, which is later for later numbers, and when the wait ended."""
    time.sleep(number * seconds)
    came = time.monotonic()
    meeting.wait(number)
    return came, time.monotonic()


def fails(meeting: Meeting, number: int) -> None:
    if number:
        raise MemoryError("the GPU is full")
    meeting.wait(number)


def test_calls_wait_for_each_other(processes: Processes, meeting: Meeting) -> None:
    found = together(processes, meeting, spans, 0.2)
    assert max(came for came, _ in found) <= min(end for _, end in found)


def test_a_call_that_fails_ends_the_wait_of_the_caller(processes: Processes, meeting: Meeting) -> None:
    with pytest.raises(MemoryError, match="the GPU is full"):
        together(processes, meeting, fails)


def test_calls_end_after_their_limit(processes: Processes, meeting: Meeting) -> None:
    with pytest.raises(TimedOut):
        together(processes, meeting, spans, 60.0, limit=0.5)
