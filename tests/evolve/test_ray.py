"""The executor `ray`: behaviour that only a cluster has. The contract is in `test_executors`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import ray
from ray import exceptions
from ray.cluster_utils import Cluster

from evolve import SearchError, Store, UsageError
from evolve.errors import TimedOut, WorkerLost
from evolve.executors import Site, call, ray_joining
from evolve.executors.ray_cluster import Need, RayCluster, room
from evolve.executors.ray_settings import RaySettings
from tests.evolve import faults
from tests.evolve.test_executors import add, chatter, die, hang, is_running, pause
from tests.evolve.test_main import SLOW, environment, evolve, finish, listen
from tests.evolve.test_search import search, wait_for

MEMORY = 80_000_000  # bytes for results, which are small


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Starts a cluster of two machines, with one core and with two. The driver is on the first."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": MEMORY})
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def one(cluster: Cluster) -> Iterator[RayCluster]:
    """Returns an executor with a single worker."""
    executor = RayCluster("", 50, 1)
    yield executor
    executor.close()


def test_a_lost_worker_is_reported_with_its_cause(one: RayCluster) -> None:
    with pytest.raises(WorkerLost, match=r"the worker was lost: .*perhaps out of memory"):
        call(one, die, signal.SIGKILL)
    assert call(one, add, 1, 1) == 2


def test_a_lost_idle_worker_is_replaced(one: RayCluster) -> None:
    pid = call(one, pause, 0.0)
    os.kill(pid, signal.SIGKILL)
    assert call(one, pause, 0.0) != pid


def test_a_hung_worker_is_ended_and_replaced(one: RayCluster) -> None:
    before = call(one, pause, 0.0)
    hung, waiting = one.submit(hang, timeout=0.3), one.submit(pause, 0.0)
    one.wait([hung])
    with pytest.raises(TimedOut, match=r"search\.timeout, 0\.3 seconds"):
        hung.result()
    one.wait([waiting])
    assert waiting.result() != before and not is_running(before)


def test_workers_that_cannot_start_end_the_search(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Need, "environment", lambda _: {"no=name": ""})
    executor = RayCluster("", 50, 1)
    try:
        with pytest.raises(SearchError, match=r"no worker could be started on the Ray cluster: .*illegal environment"):
            call(executor, add, 1, 1)
    finally:
        executor.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_all_tasks_end_if_the_connection_is_lost(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes while a task runs, one is in the queue, and one has been submitted. Ray ends no worker then."""
    executor = RayCluster("", 50, 1)
    try:
        call(executor, pause, 0.0)
        futures, workers = [executor.submit(hang), executor.submit(hang)], list[object]()

        def lost() -> None:
            futures.append(executor.submit(hang))
            raise exceptions.RaySystemError("the connection is lost")

        def kept(worker: object) -> None:
            workers.append(worker)
            raise exceptions.RaySystemError("the connection is lost")

        with monkeypatch.context() as patched:
            patched.setattr(ray, "nodes", lost)
            patched.setattr(ray, "kill", kept)
            executor._thread.join(30)
        for worker in workers:
            ray.kill(worker)
        assert len(futures) == 3 and len(workers) == 1
        for future in futures:
            assert isinstance(future.exception(0), SearchError)
        with pytest.raises(SearchError, match="the connection to Ray has ended"):
            executor.submit(hang)
    finally:
        executor.close()


def test_workers_are_quiet_single_threaded_and_replaced(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    executor = RayCluster("", 2, 1)
    try:
        answers = [call(executor, chatter) for _ in range(4)]
    finally:
        executor.close()
    assert len({pid for pid, _ in answers}) == 2
    assert {threads for _, threads in answers} == {"1"}
    assert capfd.readouterr() == ("", "")


def test_workers_are_where_the_driver_is(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    executor = RayCluster("", 50, 1)
    try:
        assert call(executor, os.getcwd) == str(tmp_path)
    finally:
        executor.close()


@pytest.mark.full
def test_a_machine_comes_and_goes_during_a_search(cluster: Cluster, tmp_path: Path) -> None:
    executor = RayCluster("", 50)
    assert executor.capacity == 1 + 1
    node = cluster.add_node(num_cpus=2, object_store_memory=MEMORY)
    deadline = time.monotonic() + 30
    while executor.capacity < 3 + 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    pids = {future.result(30) for future in [executor.submit(pause, 3.0) for _ in range(3)]}
    assert len(pids) == 3
    leaves = threading.Timer(1.5, cluster.remove_node, (node,), {"allow_graceful": False})
    try:
        leaves.start()
        with Store(tmp_path) as store:
            search(store, 20, partial(faults.is_slow, tmp_path), executor, retries=2)
            found = list(store.finished())
    finally:
        leaves.join()
        executor.close()
    assert [row.id for row in sorted(found, key=lambda row: row.id)] == list(range(1, 21))
    assert {row.status for row in found} == {"done"}
    assert 1 <= sum(row.tries > 1 for row in found) <= 2  # the tasks that ran on the machine that went away


def test_a_need_larger_than_every_machine_is_refused(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match=r"needs CPU 64, TPU 4, and no machine .* has CPU 1.*worker_resources"):
        RayCluster("", 50, need=Need(64, 0, {"TPU": 4}))


NODE = {"CPU": 8.0, "GPU": 2.0, "memory": 1e10}


@pytest.mark.parametrize(
    ("need", "workers"),
    [
        (Need(), 4),
        (Need(gpus=0), 16),
        (Need(3, 0), 4),
        (Need(gpus=0.4), 8),
        (Need(gpus=2), 2),
        (Need(0.5, 0), 32),
        (Need(custom={"TPU": 4}), 0),
    ],
)
def test_how_many_workers_machines_hold(need: Need, workers: int) -> None:
    nodes = [{"Resources": NODE}, {"Resources": NODE}]
    assert room(nodes, need.resources(nodes)) == workers


def test_a_share_of_a_gpu_grows_its_memory() -> None:
    assert "CUDA_VISIBLE_DEVICES" not in Need(gpus=0.5).environment()
    assert Need(gpus=0.5).environment()["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert Need(4, 0).environment() == {
        **Need(4).environment(),
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    assert Need(4).environment()["TF_NUM_INTRAOP_THREADS"] == "4"


def test_an_address_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program listens at the address and does not answer."""
    monkeypatch.setattr(ray_joining, "ANSWER", 5.0)
    refused = pytest.raises(UsageError, match=r"no answer within 4 seconds.*ray start --head")
    with socket.create_server(("127.0.0.1", 0)) as server, refused:
        ray_joining.check_address(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_missing_cluster_is_reported(small_gin: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        evolve(
            f"--gin_file={small_gin}",
            "--gin_param=search.executor='ray'",
            "--gin_param=ray.address='127.0.0.1:1'",
            f"--workdir={tmp_path / 'work'}",
        ),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("evolve: ray.address is '127.0.0.1:1'") and "`ray start --head" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ray_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "evolve.executors.ray_cluster", None)
    with pytest.raises(UsageError, match=r"pip install 'amoeba-evolve\[cluster\]'"):
        RaySettings(workers=1).start(Site(folder=tmp_path))


def test_a_search_on_a_ray_of_its_own_is_interrupted_and_resumed(small_gin: Path, tmp_path: Path) -> None:
    """The search starts Ray, and prints no line of Ray. A terminal sends Ctrl-C to all processes."""
    arguments: tuple[str, ...] = (
        f"--gin_file={small_gin}",
        SLOW,
        "--gin_param=search.executor='ray'",
        "--gin_param=ray.workers=2",
        "--gin_param=search.individuals=20",
        f"--workdir={tmp_path / 'work'}",
    )
    driver = subprocess.Popen(
        evolve(*arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listen,
    )
    wait_for(tmp_path / "work", 3)
    os.killpg(driver.pid, signal.SIGINT)
    printed, errors = driver.communicate(timeout=60)
    assert (driver.returncode, errors) == (130, "")
    assert "2, on Ray" in printed and "the same command resumes the search" in printed and "raylet" not in printed
    arguments = tuple(flag for flag in arguments if "ray.workers" not in flag)
    ended = finish(*arguments, "--gin_param=search.executor='serial'", "--resume=changed")
    assert (ended.returncode, ended.stderr) == (0, "")
    with Store(tmp_path / "work") as store:
        assert store.counts() == (20, 0, 20)


def listening(session: int) -> set[str]:
    """Returns the addresses at which the processes of a session listen."""
    found = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    addresses = set()
    for line in found.splitlines():
        pids = {int(pid) for pid in re.findall(r"pid=(\d+)", line)}
        if any(session_of(pid) == session for pid in pids):
            addresses.add(line.split()[3].rpartition(":")[0])
    return addresses


def session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


@pytest.mark.skipif(shutil.which("ss") is None, reason="nothing lists the ports that are listened on")
def test_a_ray_of_its_own_listens_to_this_machine_alone_and_heeds_sigterm(small_gin: Path, tmp_path: Path) -> None:
    arguments = (f"--gin_file={small_gin}", SLOW, "--gin_param=search.executor='ray'", "--gin_param=ray.workers=1")
    driver = subprocess.Popen(
        evolve(*arguments, f"--workdir={tmp_path / 'work'}"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(tmp_path / "work", 2)
    addresses = listening(driver.pid)
    driver.send_signal(signal.SIGTERM)
    printed, errors = driver.communicate(timeout=60)
    assert addresses and addresses <= {"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"}
    assert (driver.returncode, errors) == (130, "")
    assert "the same command resumes the search" in printed
