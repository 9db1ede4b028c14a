"""The serial executor and a worker process: the same numbers, and no output of libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evolve import Serial, UsageError
from evolve.executors import call

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "serial_and_worker.py"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS")


def run(folder: Path, when: str) -> tuple[dict[str, list[str]], str]:
    """Returns the results that a new process prints, and its error stream."""
    environment = {name: value for name, value in os.environ.items() if name not in (*THREADS, "TF_CPP_MIN_LOG_LEVEL")}
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), when],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(ended.stdout.splitlines()[-1])
    return found, ended.stderr


def test_the_same_text_and_seed_give_the_same_to_the_last_bit_and_as_quietly(tmp_path: Path) -> None:
    found, errors = run(tmp_path, "never")
    assert found["serial"] == found["worker"]
    assert len(set(found["worker"])) == 2 and "status='done'" in found["worker"][0]
    assert errors == ""


def test_a_process_that_has_only_imported_tensorflow_can_still_be_kept_to_one_thread(tmp_path: Path) -> None:
    found, _ = run(tmp_path, "imported")
    assert found["serial"] == found["worker"]


def test_a_process_that_has_used_more_threads_refuses_to_train(tmp_path: Path) -> None:
    found, _ = run(tmp_path, "used")
    assert "search.executor is 'serial', and this process has used TensorFlow" in str(found["refused"])
    assert "search.executor='processes'" in str(found["refused"])


def test_a_process_may_train_in_several_serial_searches() -> None:
    script = (
        "from evolve import Serial; from evolve.executors import call\n"
        "for _ in range(2): print(call(Serial(trains=True), eval, \"__import__('tensorflow').reduce_sum([1, 2])\"))\n"
    )
    own = {name: value for name, value in os.environ.items() if name not in THREADS}
    environment = {**own, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0 and ended.stdout.count("tf.Tensor(3") == 2, ended.stderr


def threads() -> list[str | None]:
    return [os.environ.get(name) for name in THREADS]


def test_the_environment_is_a_worker_s_during_a_task_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that this process starts later has the user's own number of threads."""
    monkeypatch.setenv(THREADS[0], "7")
    monkeypatch.delenv(THREADS[3], raising=False)
    before = threads()
    assert call(Serial(), threads) == ["1"] * 4
    assert threads() == before
    with pytest.raises(UsageError):
        call(Serial(), complain)
    assert threads() == before


# --- what a task writes ---


def chatter(answer: int) -> int:
    """Writes to the error stream as a library in C++ does."""
    os.write(2, b"from below\n")
    return answer


def complain() -> None:
    os.write(2, b"before the end\n")
    raise UsageError("no such thing")


def test_the_error_stream_of_a_task_is_in_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "workers.log"
    executor = Serial(log)
    assert [call(executor, chatter, number) for number in (1, 2)] == [1, 2]
    assert log.read_text().count("from below\n") == 2
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_the_error_stream_comes_back_after_a_fault(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="no such thing"):
        call(Serial(tmp_path / "log"), complain)
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"
    assert (tmp_path / "log").read_text() == "before the end\n"


def test_without_a_log_nothing_is_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    assert call(Serial(), chatter, 3) == 3
    assert "from below\n" in capfd.readouterr().err
