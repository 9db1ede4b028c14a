"""The errors of the package, which are subclasses of `CompileError`, and phrases for messages."""

from __future__ import annotations

import shlex
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

from compiler.epochs import Epoch
from dsl.errors import Problem
from dsl.wording import nearest_name

_OWN = tuple(str(Path(__file__).parents[1] / package) for package in ("dsl", "compiler", "evolve"))
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib"))
# Files of Python and of packages, whose lines in a traceback do not help a user to find a mistake.
_BETWEEN = ("<", sysconfig.get_path("stdlib"), *(f"{folder}/gin/" for folder in _LIBRARIES))


class CompileError(Exception):
    """The base class of the package's errors. A message names the value that was found and the allowed values.

    `reason` is the message in one line and without a place in a file. A search counts rejected children by their
    reasons, and a child is not in a file. `problem` has the place in a `.cell` text, and is None for an error of
    another kind.
    """

    def __init__(self, message: str, reason: str | None = None, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason
        self.problem = problem


class DataError(CompileError):
    """The error for a data set whose images or labels cannot be used."""


class ShapeError(CompileError):
    """The error for tensors or windows whose shapes do not fit each other."""


class WindowError(ShapeError):
    """The error for a window that is larger than the map that it reads, which larger images may mend."""


class Differs(CompileError):
    """The error for an exported network that computes other values than the trained network."""


class Diverged(CompileError):
    """The error for a training with a loss that is not a finite number; `history` has the epochs before."""

    def __init__(self, message: str, history: tuple[Epoch, ...] = ()) -> None:
        super().__init__(message)
        self.history = history


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Returns the end of a message: a question with the nearest allowed name. It is empty if no name is near."""
    close = nearest_name(name, allowed)
    return f"; did you mean {close!r}?" if close else ""


def pasted(name: str, value: object) -> str:
    """Returns a flag that sets a setting, such as `--gin_param="dataset.image_size=(64, 64)"`, quoted for a shell."""
    text = f"{name}={value!r}"
    return f"--gin_param={shlex.quote(text)}" if set(text) & set('"$`\\!') else f'--gin_param="{text}"'


def raised(error: BaseException) -> str:
    """Returns the text of an exception in a user's function, with the lines of the user's code in the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((place for place in range(len(frames), 0, -1) if frames[place - 1].filename.startswith(_OWN)), 0)
    below = [frame for frame in frames[own:] if not frame.filename.startswith(_BETWEEN)]
    shown = [frame for frame in below if not frame.filename.startswith(_LIBRARIES)] or below
    lines = [f"  {_near(frame.filename)}, line {frame.lineno}, in {frame.name}: {frame.line}" for frame in shown]
    return "\n".join([*lines, "".join(traceback.format_exception_only(error)).rstrip()])


def _near(file: str) -> str:
    """Returns the path of a file. The path of a file in the current folder is relative to this folder."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
