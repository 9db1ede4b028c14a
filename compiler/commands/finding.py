"""Networks that are named in another way than by a file; the entry point passes the function that finds them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from compiler.errors import CompileError
from compiler.filesystem import place
from compiler.settings import DatasetSettings, Training

if TYPE_CHECKING:
    from compiler.networks.saved import Saved


class Individual(Protocol):
    """A network that a search has made, and what that search knows of it."""

    @property
    def label(self) -> str:
        """A name for files that are made of it."""

    @property
    def text(self) -> str:
        """Its `.cell` text, which stands alone."""

    @property
    def images(self) -> tuple[tuple[int, int, int], int]:
        """The shape of the images of its search, and how many classes they have."""

    @property
    def digest(self) -> str:
        """Of the contents of the images of its search; "" where it is not known."""

    def settings(self) -> tuple[DatasetSettings, Training] | None:
        """The images of its search and how networks were trained there; None where nothing was trained.

        Raises:
          CompileError: they cannot be read.
        """

    def trained(self) -> Saved:
        """The network with the weights that the search has kept.

        Raises:
          CompileError: it has kept none of this one.
        """


class Finder(Protocol):
    """A function that finds individuals of searches."""

    def __call__(self, name: str) -> Individual | None:
        """The individual of this name; None where the name is none of an individual's.

        Raises:
          CompileError: the name is that of a search which has no such individual.
        """


def nothing(name: str) -> None:
    """Finds nothing: the finder where only files can be named."""


def individual_of(options: argparse.Namespace, name: str) -> Individual | None:
    """The individual of a search that a user names; a file of that name comes first.

    Raises:
      CompileError: a search has no such individual.
    """
    finder: Finder = options.find
    return None if _is_file(name) else finder(name)


def _is_file(name: str) -> bool:
    try:
        where = place(name)
        return isinstance(where, Path) and (where.is_file() or (where / "network.json").is_file())
    except (CompileError, OSError, ValueError):  # a name that no file can have
        return False
