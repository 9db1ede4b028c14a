"""The command `cell fmt`, which rewrites files in the canonical layout of the language."""

from __future__ import annotations

import argparse
import difflib
import os
import stat
import sys
from pathlib import Path

import dsl
from compiler.commands.finding import STDIN, decoded, standard_input
from compiler.filesystem import writing
from dsl.text.format import fmt as formatted


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the arguments of `cell fmt`."""
    command.add_argument("file", metavar="FILE", nargs="+", help="a .cell file; - reads the input and prints")
    command.add_argument("--check", action="store_true", help="write nothing; list what would change, and exit with 1")
    command.add_argument("--diff", action="store_true", help="write nothing; print what would change, and exit with 1")


def fmt(options: argparse.Namespace) -> int:
    """Rewrites files and returns the exit code: 1 if `--check` or `--diff` finds a change, otherwise 0.

    Raises:
      CellError: files are not in the language, or cannot be read or written. The other files are written nevertheless.
    """
    problems: list[dsl.CellError] = []
    changed = False
    for name in options.file:
        try:
            changed |= _fmt(name, options)
        except dsl.CellError as error:
            problems.append(error)
    if problems:
        raise dsl.CellError.of(problem for error in problems for problem in error.problems)
    return int(changed and (options.check or options.diff))


def _fmt(name: str, options: argparse.Namespace) -> bool:
    """Formats one file, and returns whether the layout changes. `--check` and `--diff` write no file."""
    before, shown = _read(name, options), "<stdin>" if name == STDIN else name
    after = formatted(before, shown)
    changed = after != before
    if options.diff:
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), shown, shown, n=1)
        sys.stdout.writelines(line if line.endswith("\n") else f"{line}\n" for line in lines)
    elif changed and options.check:
        print(shown)
    elif name == STDIN and not options.check:
        sys.stdout.write(after)
    elif changed:
        try:
            _write(Path(name).resolve(), after)
        except OSError as error:
            raise dsl.CellError(f"{shown} cannot be written: {error.strerror or error}") from None
        print(shown)
    return changed


def _read(name: str, options: argparse.Namespace) -> str:
    """Returns the text of a file with unchanged line ends.

    Raises:
      CellError: the file is not a `.cell` file, cannot be read, or is not UTF-8 text.
    """
    if name != STDIN and os.path.isdir(name):
        raise dsl.CellError(f"{name} is a folder; name the .cell files in it, such as {Path(name) / '*.cell'}")
    if name != STDIN and not name.endswith(".cell"):
        raise dsl.CellError(f"{name!r} is not a .cell file", hint="only files whose name ends in .cell are formatted")
    try:
        return standard_input(options) if name == STDIN else decoded(Path(name).read_bytes(), name)
    except OSError as error:
        shown = "<stdin>" if name == STDIN else name
        raise dsl.CellError(f"{shown} cannot be read: {error.strerror or error}") from None


def _write(path: Path, text: str) -> None:
    """Replaces a file atomically by a new file with the same permissions."""
    with writing(path) as file:
        file.write(text.encode("utf-8"))
        os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
