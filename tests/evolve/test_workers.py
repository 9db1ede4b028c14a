"""Executors: one contract, and what only processes must do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve import workers
from evolve.errors import UsageError
from evolve.workers import Executor, Processes, Serial, outcome

ROOT = Path(__file__).parents[2]


def add(a: int, b: int) -> int:
    return a + b


def complain(message: str) -> None:
    raise UsageError(message)


def chatter() -> tuple[int, str]:
    """What a library writes when nobody asked it."""
    os.write(1, b"to the output\n")
    os.write(2, b"to the errors\n")
    return os.getpid(), os.environ["TF_NUM_INTRAOP_THREADS"]


@pytest.fixture(params=["serial", "processes"])
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    made: Executor = Serial() if request.param == "serial" else Processes(1, 50, tmp_path / "log")
    yield made
    made.close()


def test_results_come_back(executor: Executor, tmp_path: Path) -> None:
    assert [outcome(executor.submit(add, n, 1), tmp_path) for n in range(3)] == [1, 2, 3]


def test_errors_come_back(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such thing"):
        outcome(executor.submit(complain, "no such thing"), tmp_path)


def test_processes_are_quiet_single_threaded_and_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    executor = Processes(1, 2, tmp_path / "log")
    try:
        told = [outcome(executor.submit(chatter), tmp_path) for _ in range(4)]
    finally:
        executor.close()
    assert len({pid for pid, _ in told}) == 2
    assert {threads for _, threads in told} == {"1"}
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "log").read_text().count("to the errors") == 4


DRIVER = """
import sys, time
from pathlib import Path
from evolve.workers import Processes
if __name__ == "__main__":
    executor = Processes(2, 50, Path(sys.argv[1]))
    futures = [executor.submit(time.sleep, 600) for _ in range(2)]
    while not all(future.running() for future in futures):
        time.sleep(0.05)
    print(" ".join(str(pid) for pid in executor._pool._pool_manager.worker_manager.workers), flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has fetched yet does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_workers_end_when_the_driver_is_killed(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py"), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert driver.stdout is not None
    pids = [int(pid) for pid in driver.stdout.readline().split()]
    assert len(pids) == 2 and all(alive(pid) for pid in pids)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    time.sleep(2)
    assert not any(alive(pid) for pid in pids)


def test_more_workers_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "available_memory", lambda: 5_000_000_000)
    with pytest.raises(UsageError, match=r"search.workers is 9; .* 10.8 GB, and 5.0 GB are free: .* to 4"):
        workers.count(9)
    assert workers.count(4) == 4
    assert 1 <= workers.count(None) <= 4


def test_one_worker_is_always_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "available_memory", lambda: 0)
    assert workers.count(None) == workers.count(1) == 1
