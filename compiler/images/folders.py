"""Lists folders of image files. Each class has a folder, which may be in the folder of a part such as `train`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from compiler.errors import DataError, did_you_mean
from compiler.images.found import Array, Remark
from dsl.wording import nearest_name, plural

T = TypeVar("T")

# The names that the folder of a part may have, in upper or lower case.
PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True, eq=False)
class Files:
    """The paths of image files, and the int32 labels [n] of these files."""

    paths: tuple[str, ...]
    labels: Array

    def __len__(self) -> int:
        return len(self.paths)

    def of(self, indices: Array) -> Files:
        """Returns the files with the given indices."""
        return Files(tuple(self.paths[index] for index in indices), self.labels[indices])

    def joined(self, other: Files) -> Files:
        """Returns these files, followed by others."""
        return Files((*self.paths, *other.paths), np.concatenate([self.labels, other.labels]))


@dataclass(frozen=True, eq=False)
class Tree:
    """The image files of a folder in parts. A part that the folder lacks is None.

    Attributes:
      root: the folder, as an absolute path.
      ignored: the numbers of ignored files by reason, such as `.txt` or `in folders inside classes`.
      remarks: facts for the user. Each remark is a subject and a sentence.
    """

    root: str
    class_names: tuple[str, ...]
    train: Files
    validation: Files | None
    test: Files | None
    ignored: Mapping[str, int]
    remarks: tuple[Remark, ...] = ()

    @property
    def name(self) -> str:
        """The folder's own name."""
        return Path(self.root).name

    @property
    def parts(self) -> tuple[Files, ...]:
        """The parts that exist, in the order training, validation, test."""
        return tuple(part for part in (self.train, self.validation, self.test) if part is not None)

    @property
    def paths(self) -> list[str]:
        """The paths of the files of all parts."""
        return [path for part in self.parts for path in part.paths]


def scan(folder: str, suffixes: Sequence[str]) -> Tree:
    """Returns the image files of a folder by class, and counts of ignored files. No file is opened.

    If a folder has only one part besides training, this part is the test images, whatever its name.

    Raises:
      DataError: the folder is missing, a folder in it has no images or is not a class, or two folders are one part.
    """
    root = Path(os.path.abspath(os.path.expanduser(folder)))
    if not root.is_dir():
        found = "a file, not a folder" if root.exists() else f"no such folder{neighbour(str(root))}"
        raise DataError(f"images:{folder}: {found}")
    ignored: Counter[str] = Counter()
    named = _parts(root, folder)
    train = root / named["train"] if named else root
    names = tuple(path.name for path in _folders(train))
    if not names:
        raise DataError(f"images:{train}: no folders in it; wanted one folder of images for each class")
    for name in names:
        _check_name(train, name)
    if len(names) == 1:
        raise DataError(f"images:{folder}: only one class ({names[0]}); wanted at least 2")
    _count_loose({root, train}, suffixes, ignored)
    trained = _files(train, names, suffixes, ignored)
    others = [name for part, name in named.items() if part != "train"]
    held_back = []
    for name in others:
        _count_loose({root / name}, suffixes, ignored)
        held_back.append(_files(root / name, names, suffixes, ignored))
    validation, test = held_back_parts(held_back)
    remarks = _remarks(others, held_back, names)
    return Tree(str(root), names, trained, validation, test, dict(ignored), remarks)


def held_back_parts(parts: Sequence[T]) -> tuple[T | None, T | None]:
    """Returns the validation and the test part of a source, given the parts that it has besides the training images."""
    return (parts[0] if len(parts) == 2 else None), (parts[-1] if parts else None)


def sole_part(name: str) -> Remark:
    """Returns the remark on the only part that a source has besides training."""
    return "test", f"{name} is the test set: no other part was found beside the training images"


def neighbour(path: str) -> str:
    """Returns the end of the message on a missing path: a question with the nearest name in the folder of the path."""
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"; there is no folder {folder}"
    close = nearest_name(name, os.listdir(folder))
    return f"; did you mean {os.path.join(os.path.dirname(path), close)!r}?" if close else ""


def counted(ignored: Mapping[str, int]) -> str:
    """Returns a line on ignored files: `120 files ignored: 60 .txt, 60 in folders inside classes`."""
    total = sum(ignored.values())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(ignored.items(), key=lambda one: -one[1]))
    return f"{plural(total, 'file')} ignored: {reasons}" if total else ""


# --- parts ---------------------------------------------------------------------------------------------


def _parts(root: Path, folder: str) -> dict[str, str]:
    """Returns the names of the folders of training, validation and test; empty if the folders are classes.

    A class may be called `train`. Therefore only a folder that contains folders is a part.
    """
    nested = [path.name for path in _folders(root) if _folders(path)]
    found = {part: [name for name in nested if name.lower() in allowed] for part, allowed in PARTS.items()}
    folders = [path.name.lower() for path in _folders(root)]
    if (
        not nested
        and set(PARTS["train"]) & set(folders)
        and set(folders) <= {one for many in PARTS.values() for one in many}
    ):
        raise DataError(
            f"images:{folder}: there are no folders of classes in {', '.join(sorted(folders))}; wanted one folder of "
            "images for each class, in each part"
        )
    if not any(found.values()):
        return {}
    for part, names in found.items():
        if len(names) > 1:
            raise DataError(f"images:{folder}: has both {' and '.join(names)} for {part}; move all but one away")
    if not found["train"]:
        have = " and ".join(name for names in found.values() for name in names)
        raise DataError(f"images:{folder}: has a folder {have} and none named train; wanted train beside it")
    named = {part: names[0] for part, names in found.items() if names}
    others = [path.name for path in _folders(root) if path.name not in named.values()]
    allowed = [name for part in ("validation", "test") for name in PARTS[part]]
    for name in others:
        if name.lower() in allowed:
            raise DataError(f"images:{root / name}: no folders in it; wanted one folder of images for each class")
    if len(others) == 1 and len(named) == 1 and others[0] in nested:
        return {**named, "test": others[0]}
    if others:
        raise DataError(
            f"images:{root / others[0]}: stands beside {named['train']} and is not a known part; allowed: "
            f"{', '.join(allowed)}{did_you_mean(others[0], allowed)}; rename it, or move it away"
        )
    return named


def _remarks(folders: Sequence[str], parts: Sequence[Files], names: Sequence[str]) -> tuple[Remark, ...]:
    """Returns remarks on the parts besides the training images.

    One remark says that the only such part is taken as the test images. The others name the classes of which a part has
    no images.
    """
    remarks = []
    if len(folders) == 1 and folders[0].lower() not in PARTS["test"]:
        remarks.append(sole_part(f"the folder {folders[0]}"))
    for folder, part in zip(folders, parts, strict=True):
        lacking = [name for label, name in enumerate(names) if not np.any(part.labels == label)]
        if lacking:
            shown = ", ".join(lacking[:8]) + ", ..." * (len(lacking) > 8)
            remarks.append(("classes", f"the folder {folder} has no images of {shown}"))
    return tuple(remarks)


# --- files ---------------------------------------------------------------------------------------------


def _check_name(folder: Path, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        shown = str(folder / name).encode("utf-8", "backslashreplace").decode()
        raise DataError(f"images:{shown}: the name of this class is not UTF-8; rename the folder") from None


def _folders(root: Path) -> list[Path]:
    with os.scandir(root) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".") and not _leads_nowhere(entry)]
    return sorted(root / entry.name for entry in visible if entry.is_dir())


def _count_loose(folders: set[Path], suffixes: Sequence[str], ignored: Counter[str]) -> None:
    """Counts files beside the folders of classes. These files belong to no class."""
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _leads_nowhere(entry):
                    ignored["broken links"] += 1
                elif entry.is_file():
                    ignored[_reason(entry.name, suffixes, "beside the folders of classes")] += 1


def _reason(name: str, suffixes: Sequence[str], otherwise: str) -> str:
    """Returns the reason why a file is ignored: because of a hidden name, an unknown ending, or a wrong place."""
    if name.startswith("."):
        return "hidden"
    suffix = os.path.splitext(name)[1].lower()
    return otherwise if suffix in suffixes else suffix or "without an ending"


def _files(root: Path, names: Sequence[str], suffixes: Sequence[str], ignored: Counter[str]) -> Files:
    paths: list[str] = []
    labels: list[int] = []
    for folder in _folders(root):
        if folder.name not in names:
            raise DataError(
                f"images:{folder}: no class of this name in train; allowed: {', '.join(names)}"
                f"{did_you_mean(folder.name, names)}"
            )
        members = _members(folder, suffixes, ignored)
        if not members:
            raise DataError(f"images:{folder}: no images in it; {_allowed(suffixes)}")
        paths += members
        labels += [names.index(folder.name)] * len(members)
    return Files(tuple(paths), np.array(labels, np.int32))


def _members(folder: Path, suffixes: Sequence[str], ignored: Counter[str]) -> list[str]:
    """Returns the images of one class, sorted."""
    members: list[str] = []
    known = tuple(suffixes)
    # There may be millions of files. `scandir` needs no system call for the type of an entry, unlike pathlib.
    with os.scandir(folder) as entries:
        for entry in entries:
            if _leads_nowhere(entry):
                ignored["broken links"] += 1
            elif entry.is_dir():
                inside = sum(len(files) for _, _, files in os.walk(entry.path))
                if inside:
                    ignored["in folders inside classes"] += inside
            elif entry.name.startswith(".") or not entry.name.lower().endswith(known):
                ignored[_reason(entry.name, suffixes, "hidden")] += 1
            elif entry.is_file():
                members.append(entry.path)
            else:
                ignored["neither files nor folders"] += 1
    return sorted(members)


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Returns whether an entry is a link to a missing file, or to itself."""
    return entry.is_symlink() and not os.path.exists(entry.path)


def _allowed(suffixes: Sequence[str]) -> str:
    common = [suffix for suffix in (".png", ".jpg", ".jpeg", ".webp", ".tif", ".bmp", ".gif") if suffix in suffixes]
    return f"allowed: {', '.join(common)} and {len(suffixes) - len(common)} more that Pillow reads"
