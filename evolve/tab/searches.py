"""The searches under the log directories of TensorBoard, each with a key and a name."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.store import FILE, JOURNAL
from evolve.tab.errors import Missing

if TYPE_CHECKING:
    from compiler.filesystem import Place, Remote

DEPTH = 3  # levels of folders below a log directory in which searches are found
MOST = 10_000  # the greatest number of folders that are looked into
FRESH = 3.0  # the least number of seconds for which a list of searches is used again
PATIENCE = 20  # a list that took t seconds to make is used again for at least PATIENCE * t seconds
_INNER = {"tensorboard", "weights", "images", "best"}  # folders of a work directory, which contain no searches
# A folder with the first of these files is a work directory, and one with the second is a storage.
_FILES = (FILE, JOURNAL)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Root:
    """A log directory, with the name that the user gives the directory in `--logdir_spec`, or ""."""

    folder: Place
    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A search: a key that is the same in every TensorBoard, a name to show, and its work directory or storage."""

    key: str
    name: str
    folder: Place


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why searches in a folder are not shown."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The searches under the log directories, and the problems that occurred while they were looked for."""

    found: tuple[Found, ...]
    problems: tuple[Problem, ...]


def roots(logdir: str | None, logdir_spec: str | None) -> tuple[Root, ...]:
    """Returns the log directories in TensorBoard's flags `--logdir` and `--logdir_spec`."""
    named = [("", logdir)] if logdir else [_named(text) for text in (logdir_spec or "").split(",") if text]
    return tuple(Root(_place(path), name) for name, path in named if path)


def _place(path: str) -> Place:
    if not _ADDRESS.match(path):
        return Path(os.path.expanduser(path))
    from compiler.filesystem import Remote

    return Remote(path.rstrip("/"))


def _named(text: str) -> tuple[str, str]:
    """Returns the name and the path in a part of `--logdir_spec`, such as `one:runs/a`. The name may be missing."""
    if ":" in text and text[0] != "/" and not _ADDRESS.match(text):
        name, _, path = text.partition(":")
        return name, path
    return "", text


class Searches:
    """The searches under log directories. The list of searches is updated when it is old, so new ones are found."""

    def __init__(self, roots: Sequence[Root], clock: Callable[[], float] = time.monotonic) -> None:
        self._roots = tuple(roots)
        self._clock = clock
        self._lock = threading.Lock()
        self._listing = Listing((), ())
        self._until = float("-inf")

    def listing(self) -> Listing:
        """Returns the searches that exist now. The list may be a few seconds old."""
        with self._lock:
            begun = self._clock()
            if begun >= self._until:
                self._listing = _listing(self._roots)
                ended = self._clock()
                self._until = ended + max(FRESH, PATIENCE * (ended - begun))
            return self._listing

    def find(self, key: str) -> Found:
        """Returns the search with a key.

        Raises:
          Missing: there is no such search.
        """
        for found in self.listing().found:
            if found.key == key:
                return found
        raise Missing(f"there is no search with the key {key[:40]!r} in the log directory; it may have been removed")


def _listing(roots: Sequence[Root]) -> Listing:
    problems: list[Problem] = []
    pairs: dict[str, tuple[str, Place]] = {}
    for root in roots:
        for folder in _searches_of(root.folder, problems):
            path = os.path.realpath(folder) if isinstance(folder, Path) else str(folder)
            pairs.setdefault(path, (_name(root, folder), folder))
    for path in _copied(pairs):
        del pairs[path]
    names = Counter(name for name, _ in pairs.values())
    found = [
        Found(_key(path), name if names[name] == 1 else str(folder), folder) for path, (name, folder) in pairs.items()
    ]
    return Listing(tuple(sorted(found, key=lambda one: one.name)), tuple(problems))


def _copied(pairs: Mapping[str, tuple[str, Place]]) -> list[str]:
    """Returns the paths of those storages whose search is also listed by its work directory."""
    local = [folder for _, folder in pairs.values() if isinstance(folder, Path)]
    folders = [folder for folder in local if has_store(folder)]
    storages = [folder for folder in local if folder not in folders]
    if not folders or not storages:
        return []
    from evolve.tab.copies import copies

    found = copies(storages, folders)
    return [path for path, (_, folder) in pairs.items() if folder in found]


def has_store(folder: Path) -> bool:
    """Returns whether a folder has a store of its own. A symbolic link to another store does not count."""
    path = folder / FILE
    return path.is_file() and not path.is_symlink()


def _key(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _name(root: Root, folder: Place) -> str:
    """Returns the path of a search below its log directory. If the directory has a name, the name comes first."""
    top, below = root.folder, ""
    if isinstance(folder, Path) and isinstance(top, Path):
        below = folder.relative_to(top).as_posix() if folder.is_relative_to(top) else ""
    elif str(folder).startswith(f"{top}/"):
        below = folder.name
    parts = [name for name in (root.name, below) if name not in ("", ".", "..")]
    return "/".join(parts) or os.path.basename(os.path.abspath(str(folder)))


def _searches_of(top: Place, problems: list[Problem]) -> Iterator[Place]:
    """Yields the work directories and storages that belong to a log directory: its parent, and folders inside it."""
    if not isinstance(top, Path):
        yield from _searches_at(top, problems)
        return
    above = top.parent if top.name not in ("", "..") else top / ".."
    if any(os.path.isfile(above / name) and not os.path.islink(above / name) for name in _FILES):
        yield above
    level, seen = [top], 0
    for _ in range(DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            seen += 1
            if seen > MOST:
                text = f"only the first {MOST:,} folders in {top} were searched; choose a smaller log directory"
                problems.append(Problem(str(top), text))
                return
            files, folders = _content(top, folder, problems)
            is_search = not files.isdisjoint(_FILES)
            if is_search:
                yield folder
            below += (folder / name for name in folders if not (is_search and name in _INNER))
        level = below


def _searches_at(top: Remote, problems: list[Problem]) -> Iterator[Remote]:
    """Yields the storages of a log directory at an address: its parent, itself and the folders in it."""
    try:
        yield from (folder for folder in (top.parent, top, *sorted(top.glob("*"))) if (folder / JOURNAL).is_file())
    except OSError as error:
        problems.append(Problem(str(top), f"{top} cannot be read: {error.strerror or error}"))
    except ImportError as error:
        text = f"{top} cannot be read without TensorFlow ({error}): pip install tensorflow"
        problems.append(Problem(str(top), text))


def _content(root: Path, folder: Path, problems: list[Problem]) -> tuple[set[str], list[str]]:
    """Returns the names of the files and of the folders in a folder. Symbolic links are left out."""
    files: set[str] = set()
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    problems += _left_out(root, folder / entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.add(entry.name)
    except OSError as error:
        problems.append(Problem(str(folder), f"the folder {folder} cannot be read: {error.strerror}"))
    return files, sorted(folders)


def _left_out(root: Path, link: Path) -> list[Problem]:
    """Returns the problem that a symbolic link leads to a search outside of the log directory, so it is ignored."""
    is_search = link.name in _FILES or any(os.path.isfile(link / name) for name in _FILES)
    if not is_search or Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root)):
        return []
    text = (
        f"the symbolic link {link} leads out of the log directory, so it is not followed; "
        "name the work directory itself: evolve board --workdir=..."
    )
    return [Problem(str(link), text)]
