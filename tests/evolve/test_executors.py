"""Executors: the contract of all of them, and the behaviour of worker processes."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from evolve import Executor, Processes, SearchError, Serial, UsageError
from evolve.errors import TimedOut, WorkerLost
from evolve.executors import EXECUTORS, ExecutorSettings, call, machine
from evolve.executors.processes import ProcessesSettings
from evolve.executors.ray_cluster import RayCluster
from evolve.executors.ray_settings import RaySettings

ROOT = Path(__file__).parents[2]


def add(a: int, b: int) -> int:
    return a + b


def complain(message: str) -> None:
    raise UsageError(message)


def chatter() -> tuple[int, str]:
    """Writes to both streams, as a library does."""
    os.write(1, b"to the output\n")
    os.write(2, b"to the errors\n")
    return os.getpid(), os.environ["TF_NUM_INTRAOP_THREADS"]


def pause(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def hang() -> None:
    """Runs on when its process is asked to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def die(signal_number: int) -> None:
    os.kill(os.getpid(), signal_number)


def loses_worker_at_first(mark: Path, times: int) -> int:
    """Kills its process in the first `times` calls; returns the number of the call after that."""
    with mark.open("a") as file:
        file.write("x")
    if mark.stat().st_size <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return mark.stat().st_size


def end(code: int) -> None:
    os._exit(code)


def variable(name: str) -> str | None:
    return os.environ.get(name)


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """Starts Ray once for all tests of this module."""
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


CONTRACT = ("serial", "processes", "ray")


def test_every_executor_meets_the_contract() -> None:
    assert set(CONTRACT) == set(EXECUTORS)
    assert all(isinstance(made(), ExecutorSettings) for made in EXECUTORS.values())


class TestContract:
    """The properties on which a search relies with any executor."""

    @pytest.fixture(params=CONTRACT)
    def executor(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
        if request.param == "ray":
            request.getfixturevalue("local_ray")
        makers: Mapping[str, Callable[[], Executor]] = {
            "serial": Serial,
            "processes": lambda: Processes(1, 50, tmp_path / "log"),
            "ray": lambda: RayCluster("", 50, 1),
        }
        made = makers[request.param]()
        yield made
        made.close()

    def test_results_come_back(self, executor: Executor) -> None:
        assert [call(executor, add, n, 1) for n in range(3)] == [1, 2, 3]

    def test_an_executor_queues_more_tasks_than_it_has_room_for(self, executor: Executor) -> None:
        waiting = {executor.submit(add, n, n): n for n in range(executor.capacity + 3)}
        while waiting:
            ended = executor.wait(waiting)
            assert ended and ended <= set(waiting)
            for future in ended:
                assert future.result() == 2 * waiting.pop(future)

    def test_errors_come_back(self, executor: Executor) -> None:
        with pytest.raises(UsageError, match="no such thing"):
            call(executor, complain, "no such thing")
        assert call(executor, add, 1, 1) == 2

    def test_an_executor_has_room_for_a_task(self, executor: Executor) -> None:
        assert executor.capacity >= 1

    @pytest.mark.parametrize("name", ["processes", "ray"])
    def test_the_time_limit_does_not_count_what_a_new_worker_prepares(
        self, name: str, request: pytest.FixtureRequest, tmp_path: Path
    ) -> None:
        prepare = functools.partial(pause, 3.0)
        if name == "ray":
            request.getfixturevalue("local_ray")
            made: Executor = RayCluster("", 1, 1, prepare=prepare)
        else:
            made = Processes(1, 1, tmp_path / "log", prepare=prepare)
        with closing(made) as executor:
            for _ in range(2):  # each in a process of its own
                future = executor.submit(add, 1, 1, timeout=2.0)
                while not executor.wait([future]):
                    pass
                assert future.result() == 2

    def test_an_executor_closes_before_its_first_task(self, executor: Executor) -> None:
        executor.close()


def test_serial_cannot_end_a_task() -> None:
    with pytest.raises(UsageError, match=r"search\.timeout is 5"):
        Serial().submit(add, 1, 1, timeout=5)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    executor = Processes(1, 50, tmp_path / "log")
    yield executor
    executor.close()


def test_processes_are_quiet_single_threaded_and_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    executor = Processes(1, 2, tmp_path / "log")
    try:
        answers = [call(executor, chatter) for _ in range(4)]
    finally:
        executor.close()
    assert len({pid for pid, _ in answers}) == 2
    assert {threads for _, threads in answers} == {"1"}
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "log").read_text().count("to the errors") == 4


def test_waiting_ends_when_the_time_is_over(processes: Processes) -> None:
    future = processes.submit(pause, 600)
    assert processes.wait([future], 0.2) == set()


def test_a_closed_executor_starts_no_task(tmp_path: Path) -> None:
    """Neither the tasks that it ended nor those that waited begin later."""
    executor = Processes(2, tasks=50, log=tmp_path / "workers.log")
    before = set(multiprocessing.active_children())
    assert call(executor, add, 1, 2) == 3
    for _ in range(4):
        executor.submit(pause, 600)
    executor.close()
    time.sleep(1)  # the threads of the pools may need this time to notice the end
    assert set(multiprocessing.active_children()) <= before


def test_a_waiting_task_starts_without_the_driver(processes: Processes) -> None:
    """The driver does not ask for results here, as while it draws a picture."""
    futures = [processes.submit(pause, 0.0) for _ in range(processes.capacity)]
    deadline = time.monotonic() + 60
    while not all(future.done() for future in futures) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len({future.result(0) for future in futures}) == 1


def test_a_hung_worker_is_ended_and_replaced(processes: Processes) -> None:
    before = call(processes, pause, 0.0)
    hung, waiting = processes.submit(hang, timeout=0.3), processes.submit(pause, 0.0)
    processes.wait([hung])
    with pytest.raises(TimedOut, match=r"search\.timeout, 0\.3 seconds"):
        hung.result()
    processes.wait([waiting])
    assert waiting.result() != before and not is_running(before)


def test_a_call_is_made_again_where_its_worker_is_lost(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(WorkerLost):
        call(processes, loses_worker_at_first, tmp_path / "one", 2, retries=1)
    assert call(processes, loses_worker_at_first, tmp_path / "two", 2, retries=2) == 3


@dataclass(frozen=True)
class Ended:
    """A result, with the process that made it."""

    process: int
    is_retryable: bool


def ended(is_retryable: bool) -> Ended:
    return Ended(os.getpid(), is_retryable)


def test_a_worker_that_ran_out_of_memory_is_replaced(tmp_path: Path) -> None:
    with closing(Processes(1, 9, tmp_path / "log")) as executor:
        found = [call(executor, ended, is_retryable) for is_retryable in (False, True, False)]
    assert found[0].process == found[1].process != found[2].process


def test_a_lost_worker_is_reported_with_its_cause(processes: Processes) -> None:
    with pytest.raises(WorkerLost, match="signal 9, perhaps out of memory"):
        call(processes, die, signal.SIGKILL)
    with pytest.raises(WorkerLost, match=r"signal 15$"):
        call(processes, die, signal.SIGTERM)
    with pytest.raises(WorkerLost, match="exit code 3"):
        call(processes, end, 3)
    assert call(processes, add, 1, 1) == 2


def test_a_lost_idle_worker_is_replaced(processes: Processes) -> None:
    for _ in range(3):
        pid = call(processes, pause, 0.0)
        os.kill(pid, signal.SIGKILL)
        assert call(processes, pause, 0.0) != pid


def test_other_workers_go_on_when_one_is_lost(tmp_path: Path) -> None:
    executor = Processes(2, 50, tmp_path / "log")
    try:
        lost, kept = executor.submit(die, signal.SIGKILL), [executor.submit(pause, 0.05) for _ in range(5)]
        for future in kept:
            executor.wait([future])
            assert future.result() > 0
        executor.wait([lost])
        with pytest.raises(WorkerLost):
            lost.result()
    finally:
        executor.close()


def test_workers_that_cannot_start_end_the_search(tmp_path: Path) -> None:
    executor = Processes(1, 50, tmp_path / "no" / "log")
    try:
        with pytest.raises(SearchError, match=r"no worker process could be started, see .*log"):
            call(executor, add, 1, 1)
    finally:
        executor.close()


def test_each_worker_has_its_own_environment(tmp_path: Path) -> None:
    executor = Processes(2, 50, tmp_path / "log", machine.devices(("3", "5"), 1, 2))
    try:
        futures = [executor.submit(variable, "CUDA_VISIBLE_DEVICES") for _ in range(20)]
        for future in futures:
            executor.wait([future])
        assert {future.result() for future in futures} == {"3", "5"}
    finally:
        executor.close()


DRIVER = """
import multiprocessing, sys, time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from evolve.executors import Processes
if __name__ == "__main__":
    executor = Processes(2, 50, Path(sys.argv[1]))
    futures = [executor.submit(time.sleep, 600) for _ in range(3)]
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.05)
    print(" ".join(str(child.pid) for child in multiprocessing.active_children()), flush=True)
    time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """Returns whether a process runs. An ended process for which its parent has not waited does not run."""
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
    assert len(pids) == 2 and all(is_running(pid) for pid in pids)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    time.sleep(2)
    assert not any(is_running(pid) for pid in pids)


def count(workers: int | None, gpus: Sequence[str] = (), share: float | None = None) -> int:
    """Returns the number of worker processes that these settings start."""
    return machine.count("processes", ProcessesSettings(workers=workers, gpus_per_worker=share), gpus)


def test_more_workers_than_fit_into_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 5_000_000_000)
    with pytest.raises(
        UsageError,
        match=r'processes.workers is 9; .* 10.8 GB, and 5.0 GB are free: .*--gin_param="processes.workers=4"',
    ):
        count(9)
    assert count(4) == 4
    assert 1 <= count(None) <= 4


def test_one_worker_is_always_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 0)
    assert count(None) == count(1) == 1


@pytest.mark.parametrize(
    ("listed", "found"),
    [("0,1", ("0", "1")), (" GPU-8f , 2", ("GPU-8f", "2")), ("", ()), ("-1", ()), ("1,-1,2", ("1",))],
)
def test_gpus_that_the_environment_lists(listed: str, found: tuple[str, ...]) -> None:
    assert machine.gpus({"CUDA_VISIBLE_DEVICES": listed, "PATH": ""}) == found


@pytest.mark.parametrize(("script", "found"), [("echo 0; echo 1", ("0", "1")), ("exit 9", ())])
def test_gpus_that_the_driver_lists(script: str, found: tuple[str, ...], tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    assert machine.gpus({"PATH": str(tmp_path)}) == found
    assert machine.gpus({"PATH": str(tmp_path / "none")}) == ()


GROW = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


@pytest.mark.parametrize(
    ("gpus", "share", "workers", "given"),
    [
        ((), None, 2, ({}, {})),
        (("0", "1"), 0, 2, ({"CUDA_VISIBLE_DEVICES": "-1"},) * 2),
        (("0", "1"), None, 2, ({"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"})),
        (("0",), None, 2, ({"CUDA_VISIBLE_DEVICES": "0", **GROW},) * 2),
        (("4",), 0.5, 2, ({"CUDA_VISIBLE_DEVICES": "4", **GROW},) * 2),
        (("0", "1", "2", "3"), 2, 2, ({"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2,3"})),
    ],
)
def test_gpus_are_shared_out(
    gpus: tuple[str, ...], share: float | None, workers: int, given: tuple[Mapping[str, str], ...]
) -> None:
    assert machine.devices(gpus, share, workers) == given


def test_as_many_workers_as_the_gpus_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 10**12)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert count(None, ("0", "1")) == 2
    assert count(None, ("0", "1"), 0) == 64
    assert count(None, ("0", "1"), 0.25) == 8
    assert count(None, ("0", "1", "2"), 2) == 1
    assert count(6, ("0", "1")) == 6
    with pytest.raises(UsageError, match=r"ray\.workers is 3; at ray\.gpus_per_worker=1 the 2 GPUs serve 2"):
        machine.count("ray", RaySettings(workers=3, gpus_per_worker=1), ("0", "1"))
    with pytest.raises(UsageError, match=r"processes\.gpus_per_worker is 1; 0 GPUs were found"):
        count(None, (), 1)
