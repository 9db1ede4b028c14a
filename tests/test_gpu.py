"""The benchmark of GPUs: its rows, their limits, and a tiny run on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

import compiler
from compiler.epochs import Pace
from evolve.errors import TimedOut, WorkerLost
from experiments.bench import gpu
from experiments.bench.gpu import CANDIDATES, PLAIN, Row, table

FOUND = Pace(6.0, 0.04)


def measure(monkeypatch: pytest.MonkeyPatch, folder: Path, total: float = 1e9, **found: object) -> list[str]:
    """Prints the table of the plain command with made-up measurements by the names of rows."""

    def at_once(workers: int, folder: Path, limit: float, function: object, *args: object) -> object:
        if function is gpu.peak:
            return [(1e14, "made-up GPU")]
        row = args[0]
        assert isinstance(row, Row)
        result = found.get(f"{row.side}_{row.workers}_{row.precision}_{row.xla}", FOUND)
        if isinstance(result, Exception):
            raise result
        return [result] * workers

    monkeypatch.setattr(gpu, "at_once", at_once)
    return table(PLAIN, folder, 1.0, 60.0, total)


def test_each_row_is_printed_with_its_rates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not measure(monkeypatch, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert "a product of matrices in float32, on made-up GPU: 100 TFLOP/s" in lines
    (one,) = [line for line in lines if line.startswith("ours  paper              1  float32    no")]
    setup, _, step, _, rate, models, share = one.split()[5:]
    steps = 25 * 351
    assert (setup, step, rate) == ("6.0", "40.0", "3,200")
    assert models == f"{3600 / (6 + steps * 0.04):,.1f}"
    case = CANDIDATES["paper"].case
    mult_adds = compiler.graph_cost(compiler.resolve(case.genotype, case.shape, 10)).mult_adds
    assert share == f"{3200 * 6 * mult_adds / 1e14:.1%}"
    (sixteen,) = [line for line in lines if line.startswith("ours  paper             16")]
    assert sixteen.split()[9] == "51,200", "images a second count all workers"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (TimedOut("too long"), "ended after 60 s"),
        (WorkerLost("the worker process ended with signal 9"), "the worker process ended with signal 9"),
        (MemoryError("OOM when allocating"), "OOM when allocating"),
    ],
)
def test_a_row_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, shown: str
) -> None:
    (failed,) = measure(monkeypatch, tmp_path, ours_1_float32_True=error)
    assert failed.endswith(shown)
    printed = capsys.readouterr().out
    assert failed in printed
    assert "stock paper" in printed


def test_no_row_begins_after_the_time_of_the_whole_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failed = measure(monkeypatch, tmp_path, total=0.0)
    assert len(failed) == len(PLAIN)
    assert all(line.endswith("left out, because 0 s are over") for line in failed)


def test_a_tiny_network_is_measured_in_a_worker_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not table([Row("tiny")], tmp_path, 0.1, 120.0, 1e9)
    assert "ours  tiny               1  float32" in capsys.readouterr().out
