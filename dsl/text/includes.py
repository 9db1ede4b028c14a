"""Reads `.cell` files with their includes and overlays, and chooses one declaration for each name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from dsl.errors import CellError, Position, Problem, nearest
from dsl.shipped import Shipped
from dsl.text.parse import MAX_CHARACTERS, parse
from dsl.tree import syntax as s

MAX_FILES = 64
FilePath = str | os.PathLike[str]


def gather(path: FilePath, overlays: Sequence[FilePath], shipped: Shipped) -> tuple[s.Declaration, ...]:
    """Returns the declarations of a file, its includes and its overlays: one declaration for each name.

    If several declarations have one name, the first in this order is taken: declarations of overlays, beginning with
    the last overlay; declarations of the file; declarations of included files. A file that is included directly comes
    before the files that it includes, also if one of those includes it again. Of files that are equally near, includes
    of the file come before includes of overlays.
    """
    reader = _Reader(shipped(), {})
    found = [reader.find(os.fspath(name), Path.cwd()) for name in (path, *overlays)]
    for root in found:
        reader.collect(root, ())
    return reader.merged(
        [reader.seen[root] for root in found], [path for root in found for path in reader.direct[root]]
    )


def gather_text(
    text: str,
    name: str,
    overlays: Sequence[FilePath],
    shipped: Shipped,
    folder: Path | None = None,
    unsaved: Mapping[Path, str] = MappingProxyType({}),
) -> tuple[s.Declaration, ...]:
    """Returns the declarations of a text that may include files of a folder, with overlays as in `gather`.

    Without a folder, the text includes files of the working folder. `unsaved` has texts by their resolved paths, which
    are read instead of the files there.
    """
    file, reader = parse(text, name), _Reader(shipped(), unsaved)
    found = [reader.find(os.fspath(overlay), Path.cwd()) for overlay in overlays]
    direct = reader.collect_included(file, Path.cwd() if folder is None else folder, ())
    for root in found:
        reader.collect(root, ())
        direct += reader.direct[root]
    return reader.merged([file, *(reader.seen[root] for root in found)], direct)


@dataclass(slots=True)
class _Reader:
    """Reads each file and its includes once, and collects the errors of all files."""

    shipped: Path
    unsaved: Mapping[Path, str]
    seen: dict[Path, s.File] = field(default_factory=dict)
    direct: dict[Path, list[Path]] = field(default_factory=dict)  # the files that each file includes itself
    problems: list[Problem] = field(default_factory=list)

    def find(self, name: str, folder: Path, position: Position | None = None) -> Path:
        """Returns the path of a file by its name: in the folder, or else among the shipped files."""
        if not name.endswith(".cell"):
            raise CellError(f"{name!r} is not a .cell file", position, "only files whose name ends in .cell are read")
        if "\0" in name:
            raise CellError("a file's name has a NUL byte", position)
        for candidate in (folder / name, self.shipped / name):
            found = Path(os.path.realpath(candidate))
            if found in self.unsaved or is_file(candidate):
                if found.suffix != ".cell":
                    message = f"{name!r} is a link to a file that is not a .cell file"
                    raise CellError(message, position, "only files whose name ends in .cell are read")
                return found
        for candidate in (folder / name, self.shipped / name):
            other = _other_kind(candidate)
            if other:
                raise CellError(f"not a file: {name!r} is {other}", position, "only regular files are read")
        near = {path.name for place in (folder, self.shipped) if place.is_dir() for path in place.glob("*.cell")}
        message = f"file not found: {name!r} is neither in {folder} nor among the shipped cells"
        raise CellError(message, position, nearest(name, near))

    def collect(self, path: Path, trail: tuple[Path, ...], position: Position | None = None) -> None:
        """Reads a file and all files that it includes. `position` is the place of the include."""
        if path in trail:
            loop = " -> ".join(p.name for p in (*trail[trail.index(path) :], path))
            raise CellError(f"files include each other in a loop: {loop}", position, "remove one of these includes")
        if path in self.seen:
            return
        if len(self.seen) >= MAX_FILES:
            raise CellError(f"more than {MAX_FILES} files are included", position, "put their texts into fewer files")
        try:
            unsaved = self.unsaved.get(path)
            file = _parse(path, position) if unsaved is None else parse(unsaved, display(path))
        except CellError as error:
            file = s.File(())
            self.problems += error.problems
        self.seen[path] = file
        self.direct[path] = self.collect_included(file, path.parent, (*trail, path))

    def collect_included(self, file: s.File, folder: Path, trail: tuple[Path, ...]) -> list[Path]:
        """Reads the files that a file of this folder includes, and returns their paths."""
        included: list[Path] = []
        for include in file.items:
            if not isinstance(include, s.Include):
                continue
            try:
                found = self.find(include.path, folder, include.position)
            except CellError as error:
                self.problems += error.problems
            else:
                self.collect(found, trail, include.position)
                included.append(found)
        return included

    def merged(self, own: Sequence[s.File], direct: Sequence[Path]) -> tuple[s.Declaration, ...]:
        """Returns one declaration for each name, from a file, its overlays and all included files.

        Args:
          own: the file and its overlays.
          direct: the files that these include themselves.

        Raises:
          CellError: a file is wrong or missing; the error has the mistakes of all files.
        """
        if self.problems:
            raise CellError.of(self.problems)
        included = (file for file in map(self.seen.__getitem__, self._nearest_first(direct)) if file not in own)
        return _merge([*reversed(own[1:]), own[0], *included])

    def _nearest_first(self, direct: Sequence[Path]) -> Iterable[Path]:
        """Returns all included files by their depth, which is that of the shortest chain of includes to a file."""
        found: dict[Path, None] = {}
        level = direct
        while level:
            nearer = dict.fromkeys(path for path in level if path not in found)
            found |= nearer
            level = [path for one in nearer for path in self.direct[one]]
        return found


def is_file(path: Path) -> bool:
    """Returns whether a path is the path of a regular file."""
    try:
        return path.is_file()
    except OSError:  # The name is too long for the file system.
        return False


def _other_kind(path: Path) -> str:
    """Returns what a path is that is not a regular file, such as a folder; an empty text if there is nothing."""
    kinds = (
        (Path.is_dir, "a folder"),
        (Path.is_fifo, "a pipe"),
        (Path.is_socket, "a socket"),
        (Path.is_char_device, "a device"),
        (Path.is_block_device, "a device"),
        (Path.is_symlink, "a link to a file that does not exist"),
    )
    try:
        return next((kind for holds, kind in kinds if holds(path)), "")
    except OSError:  # The name is too long for the file system.
        return ""


def _parse(path: Path, position: Position | None) -> s.File:
    try:
        with path.open("rb") as file:
            data = file.read(4 * MAX_CHARACTERS + 1)
    except OSError as error:
        raise CellError(f"{path} cannot be read: {error.strerror}", position) from None
    if len(data) > 4 * MAX_CHARACTERS:
        raise CellError(f"{path} is too large: at most {4 * MAX_CHARACTERS:,} bytes are read", position)
    try:
        return parse(data.decode("utf-8-sig"), display(path))
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}"
        raise CellError(message, position) from None


def display(path: Path) -> str:
    """Returns the name of a file in positions: its path below the working folder, or else its last part."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def _key(item: s.Declaration) -> tuple[str, str] | None:
    """Returns the namespace and the name of a declaration. Mutation rules have a namespace of their own."""
    match item:
        case s.Mutation(name):
            return "mutation", name
        case s.Network():
            return "network", ""
        case s.Param() | s.Gene() | s.Values() | s.OpDef() | s.Cell() | s.Like():
            return "name", item.name
        case _:
            return None


def _merge(ranked: Sequence[s.File]) -> tuple[s.Declaration, ...]:
    """Returns for each name its declaration in the first file that has one, sorted by the kind of declaration."""
    chosen: dict[tuple[str, str], s.Declaration] = {}
    order: dict[tuple[str, str], None] = {}
    requires: list[s.Declaration] = []
    for file in ranked:
        own: dict[tuple[str, str], s.Declaration] = {}
        for item in file.items:
            if isinstance(item, s.Require):
                requires.append(item)
            key = _key(item)
            if key is None:
                continue
            if key in own:
                what = key[1] or "network"
                raise CellError(f"{what} is declared twice", item.position, f"first at {own[key].position}")
            own[key] = item
            chosen.setdefault(key, item)
        order.update(dict.fromkeys(own))
    kinds = (s.Param, s.Gene, s.OpDef, s.Values, s.Cell | s.Like, s.Network, s.Mutation)
    picked = [chosen[key] for key in order]
    items: list[s.Declaration] = [item for kind in kinds for item in picked if isinstance(item, kind)]
    return (*items, *requires)
