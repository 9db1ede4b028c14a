"""The measurement of joined kernels: both forms compute the same, calls alternate, and the tables are printed."""

from __future__ import annotations

import sys
import time
from itertools import count

import numpy as np
import pytest

from experiments.bench import joined
from experiments.bench.joined import KINDS, SIZES, Case, Size


@pytest.mark.parametrize("name", KINDS)
def test_both_forms_compute_the_same_values_and_gradients(name: str) -> None:
    case = Case(KINDS[name], 3, Size(4, 3, 2))
    separate, other = case.function(is_joined=False)(), case.function(is_joined=True)()
    weights = len(case.kind.weights(3))
    inputs = 1 if case.kind.shares_input else 3
    assert [len(found) for found in separate] == [3, inputs + 3 * weights]
    assert len({value.numpy().tobytes() for value in separate[0]}) == 3, "each branch has weights of its own"
    for ours, theirs in zip((*separate[0], *separate[1]), (*other[0], *other[1]), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-4)


def test_calls_of_both_sides_alternate() -> None:
    now, made = 0.0, list[tuple[str, int]]()
    seconds = {
        "separate": count(1),
        "joined": count(4),
    }  # each call of a side takes a second longer than the one before

    def call(side: str, times: int) -> None:
        nonlocal now
        made.append((side, times))
        now += next(seconds[side]) * times

    found = joined.alternated(lambda n: call("separate", n), lambda n: call("joined", n), 0.0, lambda: now)
    assert made == [("separate", 1), ("joined", 1)] * joined.ROUNDS
    assert found == (3.0, 6.0)


def test_short_calls_are_timed_together() -> None:
    now, made = 0.0, list[int]()

    def call(times: int) -> None:
        nonlocal now
        made.append(times)
        now += 0.004 * times

    found = joined.alternated(call, call, 0.4, lambda: now)
    assert made[:4] == [1, 1, 5, 5] and found == pytest.approx((0.004, 0.004))
    assert 0.4 <= now < 0.45, "the calls go on until the seconds are over"


def test_the_tables_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(joined, "COUNTS", (2,))
    joined.set_up_table(["pointwise"], SIZES["tiny"], time.perf_counter)
    (_, line) = capsys.readouterr().out.splitlines()
    separate, fewer, *_ = line.removeprefix("2 x 1x1, one input").split()
    assert 0 < int(fewer) < int(separate)
    monkeypatch.setattr(joined, "calls", lambda case, seconds, clock: (0.010, 0.005 * seconds))
    joined.call_table(["norm", "project"], SIZES["small"], 1.0, time.perf_counter)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["12x12x16,", "batch", "64", "separate", "joined", "ratio"]
    assert [row[:34].strip() for row in rows] == ["2 x batch norm", "2 x relu, 1x1, norm, one input"]
    assert [row[34:].split() for row in rows] == [["10.00", "ms", "5.00", "ms", "0.50"]] * 2


def test_the_command_measures_the_rows_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = list[int]()
    for name in ("intra", "inter"):  # TensorFlow is in use in this process, and its threads are fixed
        monkeypatch.setattr(f"tensorflow.config.threading.set_{name}_op_parallelism_threads", threads.append)
    monkeypatch.setattr(joined, "COUNTS", (2,))
    options = ["--only", "depthwise", "--only", "norm", "--size", "tiny", "--threads", "3", "--seconds", "0", "--cpu"]
    monkeypatch.setattr(sys, "argv", ["joined", *options])
    joined.main()
    assert threads == [3, 3]
    head, *lines, pace = capsys.readouterr().out.splitlines()
    assert head.endswith(", 3 threads, medians") and pace.startswith("the squares of 1,000 numbers take")
    titles = ["nodes and set-up", "2 x depthwise 3x3", "2 x batch norm", "4x4x3, batch 2", "2 x depthwise 3x3"]
    assert [line[:34].strip() for line in lines] == [*titles, "2 x batch norm"]
    monkeypatch.setattr(sys, "argv", ["joined", "--threads", "0"])
    with pytest.raises(SystemExit):
        joined.main()
    assert "--threads is 0; it is a whole number from 1: --threads 2" in capsys.readouterr().err
