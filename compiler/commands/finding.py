"""The interface of a finder, which finds the individuals of searches by their names, such as `runs/amoeba:33`.

This package does not know how searches are stored. The program that starts the commands passes a finder to them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from compiler.errors import CompileError
from compiler.filesystem import place
from compiler.settings import DatasetSettings, Training
from dsl.errors import CellError

if TYPE_CHECKING:
    from compiler.networks.saved import Saved


STDIN = "-"  # the name that stands for standard input


class Individual(Protocol):
    """An individual of a search, with facts of the search that the commands of `cell` need."""

    @property
    def label(self) -> str:
        """A name for files that a command writes for this individual."""

    @property
    def text(self) -> str:
        """The `.cell` text of the individual. The text includes no other file."""

    @property
    def images(self) -> tuple[tuple[int, int, int], int]:
        """The shape `(height, width, channels)` of the images of the search, and the number of classes."""

    @property
    def digest(self) -> str:
        """The digest of the images of the search; "" if the search has not recorded it."""

    def settings(self) -> tuple[DatasetSettings, Training] | None:
        """Returns the settings of the data set and of the training in the search; None if it trained no network.

        Raises:
          CompileError: the settings cannot be read.
        """

    def trained(self) -> Saved:
        """Returns the network of the individual with the weights that the search has kept.

        Raises:
          CompileError: the search has not kept the weights of this individual.
        """


class Finder(Protocol):
    """A function that finds individuals of searches."""

    def __call__(self, name: str) -> Individual | None:
        """Returns the individual of this name; None if the name is not the name of an individual or a search.

        Raises:
          CompileError: the search has no such individual.
        """


def nothing(name: str) -> None:
    """Returns None for every name: the finder of a program without searches."""


def individual_of(options: argparse.Namespace, name: str) -> Individual | None:
    """Returns the individual of this name; None if the name is the name of a file, or of nothing.

    Raises:
      CompileError: the search that the name begins with has no such individual.
    """
    finder: Finder = options.find
    return None if name == STDIN or _is_file(name) else finder(name)


def standard_input(options: argparse.Namespace) -> str:
    """Returns the text of standard input, which is read once and kept in `options`.

    Raises:
      CellError: the input is not UTF-8 text.
    """
    if not hasattr(options, "input_text"):
        options.input_text = decoded(sys.stdin.buffer.read(), "<stdin>")
    text: str = options.input_text
    return text


def decoded(data: bytes, name: str) -> str:
    """Returns the text of a file or of standard input with unchanged line ends.

    Raises:
      CellError: the bytes are not UTF-8 text.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CellError(f"{name} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None


def _is_file(name: str) -> bool:
    try:
        where = place(name)
        return isinstance(where, Path) and (where.is_file() or (where / "network.json").is_file())
    except (CompileError, OSError, ValueError):  # No file can have this name.
        return False
