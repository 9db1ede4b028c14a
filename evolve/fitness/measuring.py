"""Measures of an exported network: its latency on this machine, and the number that a command of the user prints."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.errors import CompileError
from compiler.networks.saved import Saved
from evolve.records import Metrics
from evolve.settings import LATENCY, MEASURED, MODEL, LatencySettings

LOCK = "measuring.lock"  # the file in the work directory that a worker locks while it measures
# A number that does not continue a word or another number; a unit may follow.
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# Digits with separators between them. A separator is one of thousands or a decimal comma. The pattern does not begin
# inside a word, so the digits at the end of `resnet50` are left out.
_SEPARATED = re.compile(r"(?<![\w.])\d+(?:[.,'’_\u00a0\u2009\u202f]\d+)+")
_NEEDS_SHELL = re.compile(r"[|&;<>$`]")
_SHOWN = 300  # the number of characters of a command's output that a message shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """The measures of exported networks that a search has.

    Attributes:
      latency: the settings of the metric `latency_ms`; None if it is not measured.
      command: the command whose last number is the metric `measured`; empty if it is not measured.
      seconds: the time that the command may take.
    """

    latency: LatencySettings | None = None
    command: str = ""
    seconds: float = 60.0

    def __bool__(self) -> bool:
        return self.latency is not None or bool(self.command)

    def metrics(self, network: Saved, folder: Path) -> Metrics:
        """Returns the metrics of a network, which is exported to a temporary file.

        Only one worker of a work directory measures at a time, because measurements would slow each other.

        Args:
          network: the network.
          folder: the work directory.

        Raises:
          CompileError: the network cannot be exported, or the command does not print a number.
        """
        from compiler.networks.formats import export
        from compiler.networks.latency import milliseconds

        found = []
        with tempfile.TemporaryDirectory(prefix="amoeba-") as temporary:
            path = Path(temporary) / "model.tflite"
            export(network, path)
            with _alone(folder / LOCK):
                if self.latency is not None:
                    own = self.latency
                    found.append((LATENCY, milliseconds(path, own.threads, own.warm_up, own.runs)))
                if self.command:
                    found.append((MEASURED, last_number(self.command, path, self.seconds)))
        return tuple(found)


def last_number(command: str, model: Path, seconds: float) -> float:
    """Returns the last number that a command prints to its standard output.

    The command runs without a shell, unless it has a character such as `|` that only a shell understands.

    Args:
      command: the command, in which `{model}` stands for the path of a model.
      model: the path.
      seconds: the time after which the command and all its processes are ended.

    Raises:
      CompileError: the command fails, takes longer, or does not print a number; or its last number may be a part of
        a longer one, such as 12,345.
    """
    if _NEEDS_SHELL.search(command):
        words = ["/bin/sh", "-c", command.replace(MODEL, shlex.quote(str(model)))]
    else:
        words = [word.replace(MODEL, str(model)) for word in shlex.split(command)]
    named = f"search.measure, {command!r},"
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise CompileError(f"{named} cannot be run: {error.filename or words[0]}: {error.strerror}") from None
    with _guarded(process):
        try:
            out, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            out, errors = process.communicate()
            raise CompileError(f"{named} took longer than {seconds:g} seconds{_ending(out, errors)}") from None
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise CompileError(f"{named} failed with exit code {process.returncode}{_ending(out, errors)}")
    numbers = [found for found in _NUMBER.finditer(out) if math.isfinite(float(found[0]))]
    if not numbers:
        raise CompileError(f"{named} printed no number{_ending(out, errors)}")
    last = numbers[-1]
    for whole in _SEPARATED.finditer(out):
        is_larger = whole.start() < last.start() or last.end() < whole.end()
        if is_larger and whole.start() < last.end() and last.start() < whole.end():
            raise CompileError(
                f"{named} printed {whole[0]!r}, which may be one number or several: print the number without "
                f"separators of thousands and with a decimal point, such as 12345.6{_ending(out, errors)}"
            )
    return float(last[0])


@contextlib.contextmanager
def _guarded(process: subprocess.Popen[str]) -> Iterator[None]:
    """A context in which a command and all its processes end as soon as this process ends, by whatever signal.

    A worker that takes longer than `search.timeout` is ended by SIGKILL, so it cannot end the command itself. A second
    process waits for the end of a pipe that this process holds open.
    """
    waiting, held = os.pipe()
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", f"cat > /dev/null; kill -KILL -{process.pid}"], stdin=waiting,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            _end(guard)
            guard.wait()
    finally:
        os.close(waiting)
        os.close(held)


def _end(process: subprocess.Popen[Any]) -> None:
    """Ends a command with all processes that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _ending(out: str, errors: str) -> str:
    """Returns the end of the output of a command, for a message."""
    text = f"{out.strip()}\n{errors.strip()}".strip()
    return f"; its output ends with:\n{text[-_SHOWN:]}" if text else "; it printed nothing"


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A context that only one process has at a time. The lock ends with the process, whatever happens to it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
