"""The errors of the package, all of which are CompileErrors, and phrases of their messages."""

from __future__ import annotations

import shlex
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

from compiler.epochs import Epoch
from dsl.wording import nearest_name

_OWN = tuple(str(Path(__file__).parents[1] / package) for package in ("dsl", "compiler", "evolve"))
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib"))
# Files between this project and a user's code in a traceback.
_BETWEEN = ("<", sysconfig.get_path("stdlib"), *(f"{folder}/gin/" for folder in _LIBRARIES))


class CompileError(Exception):
    """The base class of the package's errors. A message names the value that was found and the allowed values.

    `reason` is the message in one line and without a place in a file. It is for children, which are not in a file.
    """

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason


class DataError(CompileError):
    """The images or labels of a data set cannot be used."""


class ShapeError(CompileError):
    """The shapes of tensors or windows do not fit each other."""


class Diverged(CompileError):
    """The loss of a training is not a finite number; `history` has the epochs before."""

    def __init__(self, message: str, history: tuple[Epoch, ...] = ()) -> None:
        super().__init__(message)
        self.history = history


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Returns a clause with the nearest name, to append to a message; empty if no name is near."""
    close = nearest_name(name, allowed)
    return f"; did you mean {close!r}?" if close else ""


def pasted(name: str, value: object) -> str:
    """Returns the flag that sets a setting, quoted for a shell: `--gin_param="dataset.image_size=(64, 64)"`."""
    text = f"{name}={value!r}"
    return f"--gin_param={shlex.quote(text)}" if set(text) & set('"$`\\!') else f'--gin_param="{text}"'


def raised(error: BaseException) -> str:
    """Returns the text of an exception from a user's code, after the lines of this code that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((place for place in range(len(frames), 0, -1) if frames[place - 1].filename.startswith(_OWN)), 0)
    below = [frame for frame in frames[own:] if not frame.filename.startswith(_BETWEEN)]
    shown = [frame for frame in below if not frame.filename.startswith(_LIBRARIES)] or below
    lines = [f"  {_near(frame.filename)}, line {frame.lineno}, in {frame.name}: {frame.line}" for frame in shown]
    return "\n".join([*lines, "".join(traceback.format_exception_only(error)).rstrip()])


def _near(file: str) -> str:
    """Returns the path of a file, relative to the current folder if it is inside."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
