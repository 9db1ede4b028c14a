"""Reading `.cell` files: includes, overlays, and which declaration wins."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsl import syntax as s
from dsl.errors import CellError, Position, nearest
from dsl.parse import MAX_CHARACTERS, parse

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
    for root in roots:
        _collect(root, 0, seen, levels, ())
    own = [seen[root] for root in roots]
    ranked = [*reversed(own[1:]), own[0], *(file for level in levels for file in level if file not in own)]
    return Declarations(_merge(ranked))


def gather_text(text: str, name: str = "<text>") -> Declarations:
    """The declarations of one text that stands alone or includes shipped files."""
    file = parse(text, name)
    seen: dict[Path, s.File] = {}
    levels: list[list[s.File]] = []
    for include in _includes(file):
        _collect(_find(include.path, Path.cwd(), include.position), 1, seen, levels, ())
    return Declarations(_merge([file, *(inner for level in levels for inner in level)]))


def shipped_cells() -> Path:
    """The folder of the `.cell` files that come with the project."""
    return Path(str(importlib.resources.files("experiments"))) / "cells"


def _find(name: str, folder: Path, position: Position | None) -> Path:
    if not name.endswith(".cell"):
        raise CellError(f"{name!r} is not a .cell file", position, "only files whose name ends in .cell are read")
    if "\0" in name:
        raise CellError("a file's name has a NUL byte", position)
    for candidate in (folder / name, shipped_cells() / name):
        if candidate.is_file():
            return candidate.resolve()
    near = {path.name for place in (folder, shipped_cells()) if place.is_dir() for path in place.glob("*.cell")}
    raise CellError(f"there is no file {name!r} in {folder} nor among the shipped cells", position, nearest(name, near))


def _parse(path: Path) -> s.File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CellError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > 4 * MAX_CHARACTERS:
        raise CellError(f"{path}: {len(data):,} bytes; at most {4 * MAX_CHARACTERS:,} are read")
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
) -> None:
    if path in trail:
        loop = " -> ".join(p.name for p in (*trail[trail.index(path) :], path))
        raise CellError(f"files include each other in a loop: {loop}")
    if path in seen:
        return
    if len(seen) >= MAX_FILES:
        raise CellError(f"more than {MAX_FILES} files are included")
    file = seen[path] = _parse(path)
    while len(levels) <= depth:
        levels.append([])
    levels[depth].append(file)
    for include in _includes(file):
        _collect(_find(include.path, path.parent, include.position), depth + 1, seen, levels, (*trail, path))


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
    order: list[tuple[str, str]] = []
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
        order.extend(key for key in own if key not in order)
    kinds = (s.Param, s.Gene, s.OpDef, s.Values, s.Cell | s.Like, s.Network, s.Mutation)
    picked = [chosen[key] for key in order]
    items: list[s.Declaration] = [item for kind in kinds for item in picked if isinstance(item, kind)]
    return (*items, *requires)
