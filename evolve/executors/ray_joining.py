"""How a driver joins a Ray cluster, or starts Ray on this machine. The module needs the package `ray`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Ray reads these variables when it is imported. The first turns off messages about workers, which Ray would print
# between the lines of the search.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
# This value turns off a warning of Ray about workers without GPUs.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# With this value Ray sends no usage statistics.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray._private import ray_constants

from evolve.errors import UsageError

ANSWER = 25.0  # seconds that a cluster may take to answer
_JOIN = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


def start(address: str, cpus: int | None) -> None:
    """Joins a cluster, or starts Ray on this machine.

    Args:
      address: '' starts Ray on this machine, 'auto' joins the cluster of this machine, and 'host:port' another cluster.
      cpus: the cores of a Ray that is started; None: those of this machine.

    Raises:
      UsageError: no cluster answers.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        check_address(address)
        with _own_signals():
            ray.init(address=address, **quiet)
    else:
        with _on_loopback(), _own_signals():
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """A context in which a Ray that is started listens only on 127.0.0.1. Its ports let other programs run code.

    Without this context, Ray would use an address that other machines reach, unless `ENABLE_RAY_CLUSTER` is False.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _own_signals() -> Iterator[None]:
    """A context that restores the handler of SIGTERM at its end, since Ray sets its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread() and before is not None:
        signal.signal(signal.SIGTERM, before)


def check_address(address: str) -> None:
    """Checks in another process whether a cluster answers. In this process, Ray might wait for minutes or even exit.

    Raises:
      UsageError: the cluster does not answer, or does not accept this machine.
    """
    host, _, port = address.rpartition(":")
    try:
        if host:
            socket.create_connection((host, int(port)), ANSWER / 5).close()
        asked = subprocess.run(
            [sys.executable, "-c", _JOIN, address], capture_output=True, text=True, timeout=ANSWER * 4 / 5, check=False
        )
        if asked.returncode == 0:
            return
        said = [line for line in asked.stderr.splitlines() if "Error" in line]
        reason = said[-1] if said else f"exit code {asked.returncode}"
    except subprocess.TimeoutExpired:
        reason = f"no answer within {ANSWER * 4 / 5:g} seconds"
    except (OSError, OverflowError) as error:
        reason = str(error)
    raise UsageError(
        f"ray.address is {address!r}, and no Ray cluster can be joined there ({reason}): start a cluster with "
        "`ray start --head --port=6379`, add this machine and others with `ray start --address=HOST:6379`, or set "
        "ray.address to '', which starts Ray on this machine"
    )
