"""Folders of image files: one folder for each class, in one part or in `train`, `validation` (or `val`) and `test`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from compiler.errors import DataError

Array = npt.NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Files:
    """Paths of image files, and their int32 labels [n]."""

    paths: tuple[str, ...]
    labels: Array

    def __len__(self) -> int:
        return len(self.paths)

    def of(self, indices: Array) -> Files:
        """The files at these places."""
        return Files(tuple(self.paths[index] for index in indices), self.labels[indices])


@dataclass(frozen=True, eq=False)
class Tree:
    """What a folder holds; a part that it does not have is None."""

    name: str
    class_names: tuple[str, ...]
    train: Files
    validation: Files | None
    test: Files | None


def scan(folder: str, suffixes: Sequence[str]) -> Tree:
    """The image files of a folder, by class; no file is opened.

    Of a folder that holds back one part only, be it called validation, that part is the test set.

    Raises:
      DataError: it is missing, or a folder in it has no images or is no class.
    """
    root = Path(os.path.expanduser(folder))
    if not root.is_dir():
        found = "a file, not a folder" if root.exists() else f"no such folder{neighbour(str(root))}"
        raise DataError(f"images:{folder}: {found}")
    # A class may itself be called "train": only a folder of folders is a split.
    has_splits = (root / "train").is_dir() and bool(_folders(root / "train"))
    train = root / "train" if has_splits else root
    names = tuple(path.name for path in _folders(train))
    if not names:
        raise DataError(f"images:{train}: no folders in it; wanted one folder of images for each class")
    if not has_splits:
        return Tree(root.resolve().name, names, _files(train, names, suffixes), None, None)
    if (root / "validation").is_dir() and (root / "val").is_dir():
        raise DataError(f"images:{folder}: has both validation and val; rename one")
    held_back = [
        _files(root / name, names, suffixes) for name in ("validation", "val", "test") if (root / name).is_dir()
    ]
    validation, test = held_back_parts(held_back)
    return Tree(root.resolve().name, names, _files(train, names, suffixes), validation, test)


def held_back_parts(parts: Sequence[T]) -> tuple[T | None, T | None]:
    """What is validation and what is test of the parts, in this order, that a source itself holds back."""
    return (parts[0] if len(parts) == 2 else None), (parts[-1] if parts else None)


def neighbour(path: str) -> str:
    """What to add to the message that there is no such path: the nearest name beside it."""
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"; there is no folder {folder}"
    close = difflib.get_close_matches(name, os.listdir(folder), n=1)
    return f"; did you mean {os.path.join(os.path.dirname(path), close[0])!r}?" if close else ""


def _folders(root: Path) -> list[Path]:
    visible = (path for path in root.iterdir() if not path.name.startswith("."))
    return sorted(path for path in visible if path.is_dir())


def _files(root: Path, names: Sequence[str], suffixes: Sequence[str]) -> Files:
    paths: list[str] = []
    labels: list[int] = []
    for folder in _folders(root):
        if folder.name not in names:
            raise DataError(f"images:{folder}: no class of this name in train; allowed: {', '.join(names)}")
        # Unlike pathlib, scandir knows without a call for each whether an entry is a file: there may be millions.
        with os.scandir(folder) as entries:
            members = sorted(
                entry.path
                for entry in entries
                if entry.name.lower().endswith(tuple(suffixes)) and not entry.name.startswith(".") and entry.is_file()
            )
        if not members:
            raise DataError(f"images:{folder}: no images in it; allowed: {', '.join(suffixes)}")
        paths += members
        labels += [names.index(folder.name)] * len(members)
    return Files(tuple(paths), np.array(labels, np.int32))
