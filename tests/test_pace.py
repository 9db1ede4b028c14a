"""Tests of the command lines of measurements."""

from __future__ import annotations

import sys

import pytest

from evolve.settings import LatencySettings
from experiments.bench import candidates, latency, pace


def given(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[float]:
    """Returns what a measurement reads from a command line of these words."""
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    numbers: list[float] = pace.numbers("Measures workers.\n\nMore.", workers=64, seconds=1.5)
    return numbers


def test_missing_numbers_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch) == [64, 1.5]
    assert given(monkeypatch, "8") == [8, 1.5]
    assert given(monkeypatch, "8", "2") == [8, 2.0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["8", "2", "3"], "unrecognized arguments: 3"),
        (["eight"], "argument workers: invalid int value: 'eight'"),
        (["8", "0"], "seconds is 0.0; it must be above 0"),
        (["8", "nan"], "seconds is nan; it must be above 0"),
    ],
)
def test_wrong_words_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        given(monkeypatch, *words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_last_individual_ends_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    candidates.main(12)
    assert capsys.readouterr().out.count("up to 12 ") == len(candidates.spaces())


def test_latencies_are_shown_with_their_range() -> None:
    found = latency.measured(2, LatencySettings(warm_up=1, runs=3))
    assert len(found) == 2 and min(found) > 0
    assert latency.table([1.0, 2.0, 1.5]).endswith("median 1.500 ms, range 66.7% of it (target 10%)")
