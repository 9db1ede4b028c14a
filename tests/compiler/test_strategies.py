"""Strategies: several replicas learn the same as one device, and missing devices are reported."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from compiler import CompileError
from compiler.training.strategies import is_chief, make_strategy

ROOT = Path(__file__).parent.parent.parent
SCRIPT = Path(__file__).parent / "replicas.py"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def started(strategy: str, devices: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), strategy, str(devices)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **QUIET, **environment},
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error[-3000:]
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    """The results of one device."""
    return ended(started("default", 1))


def test_replicas_learn_what_one_device_learns(alone: dict[str, Any]) -> None:
    mirrored = ended(started("mirrored", 2))
    assert (alone["replicas"], mirrored["replicas"]) == (1, 2)
    assert_same(alone, mirrored)
    for found in (alone, mirrored):
        assert found["gathers"] == found["replicas"], "a GPU gathers bytes in no other way"
        on_devices, from_host = found["placed"]
        assert on_devices == pytest.approx(from_host, rel=1e-5), "images on the devices give the same batches"
        without, with_xla = found["compiled"]
        assert with_xla == pytest.approx(without, rel=1e-4)
    assert (alone["refused"], alone["free"], mirrored["free"]) == ("", "", ""), "it has no batch normalization"
    assert 'which XLA cannot compile: --gin_param="training.sync_batch_norm=False"' in mirrored["refused"]


def test_two_workers_learn_what_one_device_learns(alone: dict[str, Any]) -> None:
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    workers = [
        started(
            "multi_worker", 1, TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        )
        for index in range(2)
    ]
    found = [ended(worker) for worker in workers]
    assert [worker["replicas"] for worker in found] == [2, 2]
    assert [worker["chief"] for worker in found] == [True, False]
    for worker in found:
        assert_same(alone, worker)


def assert_same(one: dict[str, object], other: dict[str, object]) -> None:
    """Compares losses, accuracies, norms and statistics, with a tolerance for another order of sums."""
    for name in ("loss", "validation_loss", "norms", "fresh", "fresh_apart", "weighted"):
        assert other[name] == pytest.approx(one[name], rel=1e-3, abs=5e-4), name
    images = 288  # the validation images of all replicas together
    assert one["predicted"] == pytest.approx([one["validation_loss"], images], rel=1e-5)
    assert other["predicted"] == pytest.approx([other["validation_loss"], images], rel=1e-5)


class TestWhatIsNotThere:
    def test_a_tpu_without_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TPU_NAME", raising=False)
        with pytest.raises(CompileError, match=r"no TPU is named: .*: --gin_param=\"training\.tpu='local'\""):
            make_strategy("tpu")

    def test_a_tpu_that_does_not_exist(self) -> None:
        with pytest.raises(
            CompileError, match=r"the TPU 'local' cannot be used: .*--gin_param=\"training\.strategy='auto'\""
        ):
            make_strategy("tpu", "local")

    @pytest.mark.parametrize(("text", "message"), [
        ("", "TF_CONFIG describes no cluster"), ("{}", "TF_CONFIG describes no cluster"), ("{worker", "is not JSON"),
    ])  # fmt: skip
    def test_a_cluster_that_is_not_described(self, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(CompileError, match=message):
            make_strategy("multi_worker")


def test_auto_takes_one_device_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TPU_NAME", raising=False)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy = make_strategy("auto")
    assert strategy.num_replicas_in_sync == 1
    assert is_chief(strategy)


def test_mirrored_without_gpus_takes_the_cpus() -> None:
    assert make_strategy("mirrored").num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))
