"""What the user reads while a search runs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from evolve.progress import Progress, duration, line, show_end, size
from evolve.records import Individual, Standing

BEST = Individual(7, 3, "op", "text", "print", 0.98765, 57_968, 588_704, 5.0, "done", "", (), False, (), 9)


def test_the_line() -> None:
    assert line(0, 100, 0, 0.0, None) == "0/100"
    assert line(25, 100, 25, 90.0, BEST) == "25/100  best 0.9877 (58k params, id 7)  1,000 an hour  4m 30s left"


def test_the_pace_is_that_of_this_run() -> None:
    assert line(50, 100, 10, 60.0, None) == "50/100  600 an hour  5m 00s left"


@pytest.mark.parametrize(
    ("number", "words"), [(842, "842"), (57_968, "58k"), (3_218_266, "3.22M"), (23_133_666_547, "23.1B")]
)
def test_sizes(number: int, words: str) -> None:
    assert size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(42.4, "42s"), (190, "3m 10s"), (18_120, "5h 02m"), (532_800, "6d 04h"), (-1, "0s")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_log_is_not_flooded() -> None:
    out = io.StringIO()
    with Progress(Console(file=out), 1000, 0, None) as shown:
        for _ in range(1000):
            shown.individual(BEST, None, Standing((), BEST))
    assert len(out.getvalue().splitlines()) == 1
    assert out.getvalue().startswith("1000/1000  best 0.9877 (58k params, id 7)")


def test_an_end_without_a_best() -> None:
    out = io.StringIO()
    show_end(
        Console(file=out, width=100), [], None, Path("runs/x"), ["cell draw runs/x/best.cell"], "the budget is spent"
    )
    assert "ended: the budget is spent" in out.getvalue() and "best.cell" not in out.getvalue()


def test_the_end_says_what_the_workers_did() -> None:
    out = io.StringIO()
    show_end(Console(file=out, width=100), [BEST], None, Path("runs/x"), [], "", 0.816)
    assert "steps of training and evaluation took 82% of the workers' time" in out.getvalue()


def test_the_end() -> None:
    out = io.StringIO()
    best = [BEST, replace(BEST, id=8, fitness=0.5)]
    show_end(Console(file=out, width=100), best, 0.97, Path("runs/x"), ["cell draw runs/x/best.cell"])
    for words in ("0.9877", "57,968", "588,704", "test accuracy of 7: 0.9700", "  cell draw runs/x/best.cell"):
        assert words in out.getvalue()
