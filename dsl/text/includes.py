"""Reading `.cell` files: includes, overlays, and which declaration wins."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsl.errors import CellError, Position, Problem, nearest
from dsl.text.parse import MAX_CHARACTERS, parse
from dsl.tree import syntax as s

MAX_FILES = 64
Named = s.Param | s.Gene | s.Values | s.OpDef | s.Cell | s.Like | s.Mutation


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a file, its includes and its overlays declare together, each name once."""

    items: tuple[s.Declaration, ...]


def read(path: str | os.PathLike[str]) -> s.File:
    """Parses one file from disk, without its includes.

    Raises:
      CellError: there is no such file, it is no UTF-8 text, too large, or not in the language.
    """
    found = _find(os.fspath(path), Path.cwd(), None)
    return _parse(found)


def gather(path: str | os.PathLike[str], overlays: Sequence[str | os.PathLike[str]] = ()) -> Declarations:
    """Everything that holds after includes and overlays.

    Overlays' own declarations win (the last first), then the file's own, then what is included, the nearest first
    and the first file's before the overlays'.
    """
    seen: dict[Path, s.File] = {}
    roots = [_find(os.fspath(name), Path.cwd(), None) for name in (path, *overlays)]
    levels: list[list[s.File]] = []
    _raise([problem for root in roots for problem in _collect(root, 0, seen, levels, ())])
    own = [seen[root] for root in roots]
    ranked = [*reversed(own[1:]), own[0], *(file for level in levels for file in level if file not in own)]
    return Declarations(_merge(ranked))


def gather_text(text: str, name: str = "<text>", overlays: Sequence[str | os.PathLike[str]] = ()) -> Declarations:
    """The declarations of one text that stands alone or includes shipped files, under overlays as `gather` has them."""
    file = parse(text, name)
    seen: dict[Path, s.File] = {}
    roots = [_find(os.fspath(overlay), Path.cwd(), None) for overlay in overlays]
    levels: list[list[s.File]] = []
    problems = _collect_included(file, Path.cwd(), 1, seen, levels, ())
    _raise([*problems, *(problem for root in roots for problem in _collect(root, 0, seen, levels, ()))])
    own = [seen[root] for root in roots]
    ranked = [*reversed(own), file, *(inner for level in levels for inner in level if inner not in own)]
    return Declarations(_merge(ranked))


def shipped_cells() -> Path:
    """The folder of the `.cell` files that come with the project."""
    return Path(str(importlib.resources.files("experiments"))) / "cells"


def _find(name: str, folder: Path, position: Position | None) -> Path:
    if not name.endswith(".cell"):
        raise CellError(f"{name!r} is not a .cell file", position, "only files whose name ends in .cell are read")
    if "\0" in name:
        raise CellError("a file's name has a NUL byte", position)
    for candidate in (folder / name, shipped_cells() / name):
        if _is_file(candidate):
            found = candidate.resolve()
            if found.suffix != ".cell":
                raise CellError(f"{name!r} is a link to a file that is not a .cell file", position)
            return found
    near = {path.name for place in (folder, shipped_cells()) if place.is_dir() for path in place.glob("*.cell")}
    raise CellError(f"there is no file {name!r} in {folder} nor among the shipped cells", position, nearest(name, near))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def _parse(path: Path) -> s.File:
    try:
        with path.open("rb") as file:
            data = file.read(4 * MAX_CHARACTERS + 1)
    except OSError as error:
        raise CellError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > 4 * MAX_CHARACTERS:
        raise CellError(f"{path} is too large: at most {4 * MAX_CHARACTERS:,} bytes are read")
    try:
        return parse(data.decode("utf-8-sig"), _display(path))
    except UnicodeDecodeError as error:
        raise CellError(f"{path} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None


def _display(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def _includes(file: s.File) -> Iterable[s.Include]:
    return (item for item in file.items if isinstance(item, s.Include))


def _collect(
    path: Path, depth: int, seen: dict[Path, s.File], levels: list[list[s.File]], trail: tuple[Path, ...]
) -> list[Problem]:
    """Reads a file with what it includes; what is wrong with them."""
    if path in trail:
        loop = " -> ".join(p.name for p in (*trail[trail.index(path) :], path))
        raise CellError(f"files include each other in a loop: {loop}")
    if path in seen:
        return []
    if len(seen) >= MAX_FILES:
        raise CellError(f"more than {MAX_FILES} files are included")
    try:
        file = seen[path] = _parse(path)
    except CellError as error:
        seen[path] = s.File(())
        return [*error.problems]
    while len(levels) <= depth:
        levels.append([])
    levels[depth].append(file)
    return _collect_included(file, path.parent, depth + 1, seen, levels, (*trail, path))


def _collect_included(
    file: s.File,
    folder: Path,
    depth: int,
    seen: dict[Path, s.File],
    levels: list[list[s.File]],
    trail: tuple[Path, ...],
) -> list[Problem]:
    problems: list[Problem] = []
    for include in _includes(file):
        try:
            found = _find(include.path, folder, include.position)
        except CellError as error:
            problems.extend(error.problems)
        else:
            problems.extend(_collect(found, depth, seen, levels, trail))
    return problems


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise CellError.of(problems)


def _key(item: s.Declaration) -> tuple[str, str] | None:
    """What a declaration is known by; a cell and an op share one namespace, a mutation has its own."""
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
    """One declaration a name, the first in rank, in the order in which a reader would write them."""
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
