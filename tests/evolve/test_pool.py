"""The processes in which searches on tables run."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.evolve.test_main import environment

PROGRAM = """
import os, time
from experiments.pool import processes
with processes(1) as workers:
    print(workers.submit(os.getpid).result(), workers.submit(os.getenv, "OPENBLAS_NUM_THREADS").result(), flush=True)
    time.sleep(600)
"""


def test_processes_end_with_a_parent_that_is_killed() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, threads = parent.stdout.readline().split()
        is_there = is_running(pid)
        parent.kill()
    assert (is_there, threads) == (True, "1")
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: str) -> bool:
    """Whether a process runs. One that has ended may wait for its parent as a zombie."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout.strip()
    return bool(found) and not found.startswith("Z")
