"""Standard output that is closed, full or no longer read; signals; and paths from the home folder."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler import interrupts
from compiler.interrupts import interruptible
from compiler.main import main
from compiler.outlet import Outlet, standard

ROOT = Path(__file__).parents[2]
COMMANDS = [
    ["check", "nasnet.cell"],
    ["cost", "nasnet.cell", "--json"],
    ["draw", "nasnet.cell"],
    ["sample", "nasnet.cell", "--count", "300"],
    ["--help"],
]
LINES = {
    "closed": ('"$@" >&-', 1, "it is closed"),
    "full": ('"$@" >/dev/full', 1, "No space left on device"),
    "head": ('"$@" | head -1; exit ${PIPESTATUS[0]}', 0, ""),
}


def shell(line: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", line, "bash", sys.executable, "-m", "compiler.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", LINES)
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_command_whose_result_is_not_delivered(way: str, arguments: list[str]) -> None:
    line, code, reason = LINES[way]
    ended = shell(line, arguments)
    printed = f"cell: standard output cannot be written: {reason}; the rest of the output is lost\n" if reason else ""
    assert (ended.returncode, ended.stderr) == (code, printed)


def test_a_file_is_written_though_standard_output_is_closed(tmp_path: Path) -> None:
    ended = shell('"$@" >&-', ["draw", "nasnet.cell", "--out", str(tmp_path / "a.svg")])
    assert ended.returncode in (0, 1) and "Traceback" not in ended.stderr
    assert (tmp_path / "a.svg").read_text().startswith("<svg")


def test_a_mistake_gives_exit_code_2_where_output_and_errors_are_closed() -> None:
    ended = shell('"$@" 2>&-', ["check", "nowhere.cell"])
    assert (ended.returncode, ended.stdout) == (2, "")
    assert shell('"$@" >&- 2>&-', ["check", "nowhere.cell"]).returncode == 2


class Broken:
    """A stream whose reader goes away after `letters` characters."""

    def __init__(self, letters: int, number: int) -> None:
        self.left, self.number, self.text = letters, number, ""

    def write(self, text: str) -> int:
        if len(text) > self.left:
            raise OSError(self.number, os.strerror(self.number))
        self.left -= len(text)
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Does nothing: `write` writes at once."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("it has none")


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("goes_on", [True, False])
def test_an_outlet_goes_on_or_raises_at_once(number: int, goes_on: bool) -> None:
    stream = Broken(10, number)
    outlet = Outlet(stream)  # type: ignore[arg-type]
    outlet.goes_on = goes_on
    assert outlet.write("12345") == 5 and outlet.lost is None and outlet.complaint == ""
    if goes_on:
        assert outlet.write("6789012") == 7
        assert outlet.write("678") == 3  # it would fit, but the text before it was lost
        outlet.flush()
    else:
        with pytest.raises(OSError) as raised:
            outlet.write("6789012")
        assert raised.value is outlet.lost
    assert stream.text == "12345"
    assert outlet.isatty()
    assert bool(outlet.complaint) == (number != errno.EPIPE)


def test_standard_output_is_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with standard() as outlet:
        assert sys.stdout is outlet
        print("seen")
    assert sys.stdout is before and capsys.readouterr().out == "seen\n"


def test_an_error_that_is_not_the_outlets_passes() -> None:
    before = sys.stdout
    with pytest.raises(FileNotFoundError), standard():
        os.stat("nowhere")
    assert sys.stdout is before


@pytest.fixture
def attended() -> Iterator[None]:
    """Gives SIGINT its usual handler, since tests in the background of a shell ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("attended")
def test_a_signal_is_an_interrupt_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT):
        with pytest.raises(KeyboardInterrupt), interruptible():
            os.kill(os.getpid(), number)
        assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_does_nothing() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            seen.append("tidied up")
    assert seen == ["tidied up"]


def test_another_thread_leaves_signals_alone() -> None:
    before, found = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with interruptible():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]


def test_a_tilde_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("mine.cell", "over.cell"):
        (tmp_path / name).write_text("network { body: conv[3x3, filters=4] head: global_avg_pool | dense[classes] }\n")
    assert main(["check", "~/mine.cell"]) == 0
    assert main(["cost", "~/mine.cell", "~/over.cell", "--with=~/over.cell"]) == 0
    assert main(["diff", "~/mine.cell", "~/over.cell"]) == 0
    assert main(["draw", "nasnet.cell", "--out=~/a.svg"]) == 0
    assert (tmp_path / "a.svg").is_file() and not (tmp_path / "~").exists()
    capsys.readouterr()
    assert main(["train", "~/mine.cell", "--gin_file=~/nowhere.gin"]) == 2
    assert str(tmp_path / "nowhere.gin") in capsys.readouterr().err
    assert main(["train", "~/mine.cell", "--like=~/nothing"]) == 2
    printed = capsys.readouterr().err
    assert str(tmp_path / "nothing") in printed and "~" not in printed


ENDLESS = """
import threading
from compiler import interrupts
interrupts.PATIENCE = 0.5
with interrupts.interruptible(for_good=True):
    try:
        print("begun", flush=True)
        threading.Event().wait()
    finally:
        print("tidying up")
        held = threading.Lock()
        held.acquire()
        held.acquire()
"""


def test_a_process_whose_end_waits_for_a_lock_ends_all_the_same() -> None:
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], env={**os.environ, "PYTHONPATH": str(ROOT)},
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "tidying up\n"
    assert process.returncode == 130


INSIDE = """
import os, signal
from compiler import interrupts
from compiler.interrupts import interruptible
from compiler.outlet import quiet
with quiet():
    import tensorflow as tf
    from tensorflow.python.eager import context
    tf.constant(1.0)
names = {"os": os, "signal": signal, "sent": []}
exec(compile('''
@property
def _handle(self):
    if not sent:
        sent.append(os.kill(os.getpid(), signal.SIGTERM))
    return self._context_handle
''', context.__file__, "exec"), names)
context.Context._handle = names["_handle"]
try:
    with interruptible():
        while True:
            tf.constant(5, tf.int64)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_waits_while_tensorflow_reads_its_context() -> None:
    """The C++ code of TensorFlow crashes, if the signal arrives in its context and raises an exception there."""
    ended = subprocess.run([sys.executable, "-c", INSIDE], env={**os.environ, "PYTHONPATH": str(ROOT)},
                           capture_output=True, text=True)  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n")


@pytest.mark.parametrize("for_good", [True, False])
def test_an_interrupt_that_waits_comes_at_the_latest_at_the_end_of_its_context(
    monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    monkeypatch.setattr(interrupts, "UNSAFE", Path(__file__).name)
    monkeypatch.setattr(interrupts, "MOMENT", 100.0)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    reached = False
    try:
        with pytest.raises(KeyboardInterrupt), interruptible(for_good):
            os.kill(os.getpid(), signal.SIGTERM)
            reached = True
        left = signal.getitimer(signal.ITIMER_REAL)[0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert reached and (0 < left <= interrupts.PATIENCE if for_good else left == 0)


def test_an_interrupt_does_not_wait_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "UNSAFE", Path(__file__).name)
    monkeypatch.setattr(interrupts, "PATIENCE", 0.3)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            pass
    assert time.monotonic() - began >= 0.3


class Dropping:
    """An object that drops every exception which is raised while it is deleted, as Python does for all objects."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)


def test_an_interrupt_that_some_code_drops_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # that of pytest would keep the exception
    began, reached = time.monotonic(), False
    with pytest.raises(KeyboardInterrupt), interruptible():
        dropping = Dropping()
        del dropping
        reached = True
        time.sleep(60)
    assert reached and time.monotonic() - began < 10


@pytest.mark.parametrize("times", [1, 3])
def test_an_interrupt_that_is_dropped_again_and_again_is_raised_in_the_end(times: int) -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        for number in range(times):
            with contextlib.suppress(KeyboardInterrupt):
                if not number:
                    os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            seen.append(number)
        if times == 1:
            time.sleep(60)
    assert seen == list(range(times))


def test_an_interrupt_is_raised_once_while_it_is_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "AGAIN", 0.01)
    seen = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            time.sleep(0.2)
            with contextlib.suppress(ValueError):
                int("a number")
            seen.append("told")
            raise
        finally:
            time.sleep(0.2)
            seen.append("tidied up")
    assert seen == ["told", "tidied up"]


def test_the_time_to_end_is_over_with_the_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(("chosen", "loads_keras_3"), [(None, False), ("0", True)])
def test_tensorflow_loads_one_keras_unless_the_user_chooses_otherwise(chosen: str | None, loads_keras_3: bool) -> None:
    code = (
        "import sys\nfrom compiler.outlet import quiet\nwith quiet(): import tensorflow, tf_keras\n"
        "print('keras' in sys.modules, tensorflow.keras.Model is tf_keras.Model)"
    )
    variables = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    if chosen is not None:
        variables["TF_USE_LEGACY_KERAS"] = chosen
    ended = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{loads_keras_3} {not loads_keras_3}\n"
