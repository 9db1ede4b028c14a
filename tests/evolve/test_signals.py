"""A search among other processes: signals, closed streams, containers, threads and scripts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evolve import UsageError, main
from evolve import whole as search
from evolve.alone import alone
from tests.evolve.test_main import SLOW, environment, evolve, finish, listen
from tests.evolve.test_search import rows, wait_for

FEW = "--gin_param=search.individuals=12"


def begin(arguments: Sequence[str], **how: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
        **how,
    )


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_sigterm_ends_a_search_as_ctrl_c_does(executor: str, small_gin: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    binding = f"--gin_param=search.executor='{executor}'"
    arguments = [f"--gin_file={small_gin}", SLOW, FEW, binding, f"--workdir={work}"]
    driver = begin(evolve(*arguments))
    wait_for(work, 3)
    driver.send_signal(signal.SIGTERM)
    out, err = driver.communicate(timeout=30)
    assert (driver.returncode, err) == (130, "")
    assert "individuals are finished and kept in" in out and "the same command resumes the search" in out
    kept = [row for row in rows(work) if row[12] is not None]
    assert 3 <= len(kept) < 12
    assert finish(*arguments).returncode == 0
    assert set(kept) <= set(rows(work)) and len(rows(work)) == 12


def test_sigterm_ends_a_comparison_as_ctrl_c_does(small_gin: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments.compare", f"--gin_file={small_gin}", SLOW, "--individuals=12"]
    driver = begin([*command, "--seeds=1", "--algorithms=random_search", f"--workdir={tmp_path}"])
    wait_for(tmp_path / "random_search" / "0", 3)
    driver.send_signal(signal.SIGTERM)
    out, err = driver.communicate(timeout=30)
    assert (driver.returncode, err) == (130, "")
    assert "all finished work is kept, and the same command resumes the comparison" in out


def test_a_group_that_is_ended_as_a_whole(small_gin: Path, tmp_path: Path) -> None:
    """A service manager sends the signal to driver and workers at once, and once more to the driver."""
    work = tmp_path / "work"
    binding = "--gin_param=search.executor='processes'"
    driver = begin(evolve(f"--gin_file={small_gin}", SLOW, f"--workdir={work}", binding), start_new_session=True)
    wait_for(work, 3)
    os.killpg(driver.pid, signal.SIGTERM)
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=30)
    assert (driver.returncode, err) == (130, "")
    assert "the same command resumes the search" in out
    assert all(row[9] == "" for row in rows(work))  # an individual whose worker the signal ended has not failed


ENDS_SLOWLY = """
import sys, time
from evolve import main, whole
from evolve.executors import Serial

def close(self):
    print("ending", flush=True)
    time.sleep({seconds})

Serial.close = close
main.sys.exit(main.run())
"""


def ending(small_gin: Path, work: Path, seconds: float) -> subprocess.Popen[str]:
    """Starts a search whose end takes `seconds`, and returns it when its end has begun."""
    code = ENDS_SLOWLY.format(seconds=seconds)
    driver = begin([sys.executable, "-c", code, f"--gin_file={small_gin}", SLOW, f"--workdir={work}"])
    wait_for(work, 2)
    driver.send_signal(signal.SIGTERM)
    assert driver.stdout is not None
    for line in driver.stdout:
        if line == "ending\n":
            return driver
    raise AssertionError("it has not ended")


def test_a_second_signal_prints_no_traceback(small_gin: Path, tmp_path: Path) -> None:
    driver = ending(small_gin, tmp_path / "work", 0.5)
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=30)
    assert (driver.returncode, err) == (130, "")


def test_a_third_signal_ends_it_at_once(small_gin: Path, tmp_path: Path) -> None:
    driver = ending(small_gin, tmp_path / "work", 600)
    while driver.poll() is None:  # a signal that comes before the last one was handled is merged with it
        driver.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    _, err = driver.communicate(timeout=30)
    assert (driver.returncode, err) == (130, "")


def contained() -> list[str]:
    """Returns a command that starts another one as the first process of a container."""
    tool = shutil.which("unshare")
    command = [tool or "unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if tool is None or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no process be the first of a container")
    return command


def child_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        return int(line)
    raise AssertionError("there is none")


def test_as_the_first_process_of_a_container(small_gin: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    binding = "--gin_param=search.executor='processes'"
    arguments = [f"--gin_file={small_gin}", SLOW, FEW, binding, f"--workdir={work}"]
    outside = begin([*contained(), *evolve(*arguments)])
    wait_for(work, 3)
    os.kill(child_of(outside.pid), signal.SIGTERM)
    out, err = outside.communicate(timeout=30)
    assert (outside.returncode, err) == (130, "")
    assert "the same command resumes the search" in out


def test_a_signal_that_was_ignored_stays_ignored(small_gin: Path, tmp_path: Path) -> None:
    """A shell starts background processes with SIGINT ignored."""
    work = tmp_path / "work"
    ignoring = "trap '' INT; exec \"$@\""
    driver = begin(["sh", "-c", ignoring, "sh", *evolve(f"--gin_file={small_gin}", SLOW, FEW, f"--workdir={work}")])
    wait_for(work, 3)
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=60)
    assert (driver.returncode, err) == (0, "")
    assert len(rows(work)) == 12


def test_the_handlers_of_signals_are_put_back(small_gin: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert main.run([f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}"]) == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def shell(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command line in which "$@" stands for the arguments."""
    return subprocess.run(
        ["bash", "-c", command, "bash", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


LOST = "standard output cannot be written: "


@pytest.mark.parametrize(
    ("line", "executor", "code", "reason"),
    [
        ('"$@" >&-', "processes", 1, f"evolve: {LOST}it is closed; the rest of the output is lost\n"),
        ('"$@" >/dev/full', "serial", 1, f"evolve: {LOST}No space left on device; the rest of the output is lost\n"),
        ('"$@" | head -1; exit ${PIPESTATUS[0]}', "processes", 0, ""),
        ('"$@" | true; exit ${PIPESTATUS[0]}', "serial", 0, ""),
    ],
    ids=["closed", "full", "head", "true"],
)
def test_a_search_goes_on_where_its_output_is_not_read(
    line: str, executor: str, code: int, reason: str, small_gin: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    binding = f"--gin_param=search.executor='{executor}'"
    ended = shell(line, *evolve(f"--gin_file={small_gin}", binding, FEW, f"--workdir={work}"))
    assert (ended.returncode, ended.stderr) == (code, reason)
    assert len(rows(work)) == 12 and (work / "best.cell").is_file()
    # No text was written into a file that got the number of a closed stream.
    assert not (work / "search.sqlite").read_bytes().count(b"images of 8x8x1, 3 classes   ")


def test_a_search_runs_without_standard_streams(small_gin: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    ended = shell('"$@" <&- >&- 2>&-', *evolve(f"--gin_file={small_gin}", f"--workdir={work}"))
    assert ended.returncode == 1
    assert len(rows(work)) == 30
    ended = shell('"$@" 2>&-', *evolve(f"--gin_file={small_gin}", "--gin_param=search.seed=7", f"--workdir={work}"))
    assert (ended.returncode, ended.stdout) == (2, "")  # the message did not go to the standard output


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ('"$@" >&-', 1, "it is closed"),
        ('"$@" >/dev/full', 1, "No space left on device"),
        ('"$@" | head -1; exit ${PIPESTATUS[0]}', 0, ""),
    ],
    ids=["closed", "full", "head"],
)
@pytest.mark.parametrize("arguments", [["export", "--json"], ["--help"]], ids=["export", "help"])
def test_a_command_that_only_prints_reports_lost_output(
    line: str, code: int, reason: str, arguments: list[str], small_gin: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    if arguments != ["--help"]:
        assert main.run([f"--gin_file={small_gin}", f"--workdir={work}"]) == 0
        arguments = [*arguments, f"--workdir={work}"]
    ended = shell(line, *evolve(*arguments))
    assert ended.returncode == code
    assert ended.stderr == (f"evolve: {LOST}{reason}; the rest of the output is lost\n" if reason else "")


def test_a_second_search_in_another_thread_is_refused(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--gin_file={small_gin}", FEW]
    codes: list[int] = []
    first = threading.Thread(target=lambda: codes.append(main.run([*arguments, SLOW, f"--workdir={tmp_path / 'one'}"])))
    first.start()
    wait_for(tmp_path / "one", 1)
    assert main.run([*arguments, f"--workdir={tmp_path / 'two'}"]) == 2
    assert "another thread of this process is searching" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()
    first.join()
    assert codes == [0] and len(rows(tmp_path / "one")) == 12
    assert main.run([*arguments, f"--workdir={tmp_path / 'two'}"]) == 0  # two searches one after the other are allowed


def test_the_function_refuses_a_second_thread_too(small_gin: Path, tmp_path: Path) -> None:
    from evolve import config

    read = config.read([str(small_gin)], [])
    entered, leave = threading.Event(), threading.Event()

    def searching() -> None:
        with alone():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=searching)
    thread.start()
    entered.wait()
    try:
        with pytest.raises(UsageError, match="in a process of its own"):
            search.run(read, tmp_path / "work", Console())
    finally:
        leave.set()
        thread.join()
    assert not (tmp_path / "work").exists()


CALLS_RUN = """
import sys
from pathlib import Path
from rich.console import Console
from evolve import UsageError, config
from evolve.whole import run
try:
    bindings = ["search.executor='processes'", "search.individuals=4"]
    run(config.read([sys.argv[1]], bindings), Path(sys.argv[2]), Console())
except UsageError as error:
    sys.exit(str(error))
"""
CALLS_MAIN = """
import sys
from evolve import main
bindings = ["--gin_param=search.executor='processes'", "--gin_param=search.individuals=4"]
code = main.run([f"--gin_file={sys.argv[1]}", *bindings, f"--workdir={sys.argv[2]}"])
sys.exit(code)
"""


@pytest.mark.parametrize(("script", "code"), [(CALLS_RUN, 1), (CALLS_MAIN, 2)])
def test_a_script_without_a_main_guard(script: str, code: int, small_gin: Path, tmp_path: Path) -> None:
    path, work = tmp_path / "script.py", tmp_path / "work"
    path.write_text(script)
    ended = subprocess.run(
        [sys.executable, path, small_gin, work],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == code
    assert ended.stderr.count("main guard") == 1 and 'if __name__ == "__main__":' in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not any(row[12] for row in rows(work)) and not (work / ".unguarded").exists()
    lines = script.strip().splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(("try", "code")))
    guarded = [*lines[:start], 'if __name__ == "__main__":', *(f"    {line}" for line in lines[start:])]
    path.write_text("\n".join(guarded) + "\n")
    ended = subprocess.run(
        [sys.executable, path, small_gin, work],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(rows(work)) == 4


def test_a_system_without_fcntl_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Windows is such a system."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for arguments in (["--gin_file=amoeba.gin"], ["export", "--workdir=runs/amoeba", "--csv"]):
        assert main.run(arguments) == 2
        reason = capsys.readouterr().err
        assert "WSL" in reason and len(reason.splitlines()) == 1
    assert main.run(["--help"]) == 0


def test_a_tilde_is_the_home_folder(small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main.run([f"--gin_file=~/{small_gin.name}", "--workdir=~/work"]) == 0
    assert (tmp_path / "work" / "best.cell").is_file() and not (tmp_path / "~").exists()
    assert main.run(["export", "--workdir=~/work", "--csv"]) == 0
