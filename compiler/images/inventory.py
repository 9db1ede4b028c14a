"""The inventory of image files, which has for each file its digest, its size, and whether it is a readable image.

All files are decoded once, in parallel. Results are stored by the digest of the contents, so a copy of the files in
another folder has the same results. A file whose size and time of change are unchanged is not read again.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from compiler.errors import DataError, pasted
from compiler.images.decoding import Unreadable, contents, decoded
from dsl.wording import plural

FILE = "images.sqlite"
BATCH = 256  # Results are written after this number of files.
SHOWN = 8  # the number of files that a message names

_TABLES = """
create table if not exists files (path blob primary key, bytes integer, changed integer, digest text);
create table if not exists contents (digest text primary key, height integer, width integer, channels integer,
  fault text not null);
"""

Progress = Callable[[int, int], None]  # a function that is called with the numbers of finished files and of all files
Use = Callable[[int, Image.Image], None]


@dataclass(frozen=True, slots=True)
class Content:
    """The contents of a file: SHA-256, (height, width, channels) of the image, or the reason why it is not an image."""

    digest: str
    height: int = 0
    width: int = 0
    channels: int = 0
    fault: str = ""


def look(
    paths: Sequence[str], folder: Path | None = None, progress: Progress | None = None, use: Use | None = None
) -> Mapping[str, Content]:
    """Returns the contents of each file. A file that has not changed since the inventory was made is not read again.

    Args:
      paths: the paths of the files.
      folder: the folder of the inventory `images.sqlite`; None reads all files.
      progress: is called with the number of finished files, and the number of all files.
      use: is called with each readable image and its index among the paths, from several threads. If it is given, every
        file is read and decoded.

    Raises:
      DataError: a file does not exist any more or may not be read.
    """
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(":memory:" if folder is None else folder / FILE, isolation_level=None)) as db:
            db.executescript(_TABLES)
            return _look(paths, db, progress, use)
    except sqlite3.Error as error:
        raise DataError(
            f"{folder}/{FILE}, which lists the images that were read, cannot be used: {error}; make room on the "
            "disk or remove that file, and run the same command again"
        ) from None


def digest_of(parts: Iterable[tuple[str, str]]) -> str:
    """Returns a digest of named contents, which does not depend on their order."""
    whole = hashlib.sha256()
    for name, digest in sorted(parts):
        whole.update(os.fsencode(name) + b"\0" + digest.encode() + b"\n")
    return whole.hexdigest()


def check(found: Mapping[str, Content], unreadable: str) -> tuple[str, ...]:
    """Returns the unreadable files, which are left out.

    Raises:
      DataError: files are unreadable and `unreadable` is not 'skip'; the message names at most SHOWN of them.
    """
    damaged = [(path, content.fault) for path, content in found.items() if content.fault]
    if damaged and unreadable != "skip":
        lines = [f"  {path}: {fault}" for path, fault in damaged[:SHOWN]]
        lines += [f"  and {len(damaged) - SHOWN:,} more"] if len(damaged) > SHOWN else []
        raise DataError(
            f"{plural(len(damaged), 'file')} cannot be read as an image:\n" + "\n".join(lines) + "\n"
            f"repair or remove them, or leave them out with {pasted('dataset.unreadable', 'skip')}"
        )
    return tuple(path for path, _ in damaged)


def _look(
    paths: Sequence[str], db: sqlite3.Connection, progress: Progress | None, use: Use | None
) -> Mapping[str, Content]:
    known = {os.fsdecode(path): row for path, *row in db.execute("select path, bytes, changed, digest from files")}
    held = {row[0]: Content(*row) for row in db.execute("select digest, height, width, channels, fault from contents")}
    found: dict[str, Content] = {}
    unknown: list[_File] = []
    for place, path in enumerate(paths):
        status = _status(path)
        size, changed, digest = known.get(path, (None, None, ""))
        is_same = (size, changed) == (status.st_size, status.st_mtime_ns)
        if use is None and is_same and _is_good(held, digest):
            found[path] = held[digest]
        else:
            unknown.append(_File(place, path, status.st_size, status.st_mtime_ns))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for first in range(0, len(unknown), BATCH):
            batch = unknown[first : first + BATCH]
            read = list(threads.map(partial(_content, held=held, use=use), batch))
            _remember(db, batch, read)
            held |= {content.digest: content for content in read}
            found |= {file.path: content for file, content in zip(batch, read, strict=True)}
            if progress is not None:
                progress(len(found), len(paths))
    return {path: found[path] for path in paths}


class _File(NamedTuple):
    """A file to be read: its index among the paths, and its size and time of change."""

    place: int
    path: str
    bytes: int
    changed: int


def _remember(db: sqlite3.Connection, files: Sequence[_File], found: Sequence[Content]) -> None:
    db.execute("begin")
    db.executemany("insert or replace into contents values (?, ?, ?, ?, ?)", map(astuple, found))
    pairs = zip(files, found, strict=True)
    rows = [(os.fsencode(file.path), file.bytes, file.changed, content.digest) for file, content in pairs]
    db.executemany("insert or replace into files values (?, ?, ?, ?)", rows)
    db.execute("commit")


def _is_good(held: Mapping[str, Content], digest: str) -> bool:
    """Returns whether the inventory lists the contents as a readable image.

    Other files are read again, because a newer Pillow may be able to read them.
    """
    return digest in held and not held[digest].fault


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def _content(file: _File, held: Mapping[str, Content], use: Use | None) -> Content:
    data = contents(file.path)
    digest = hashlib.sha256(data).hexdigest()
    if use is None and _is_good(held, digest):
        return held[digest]
    try:
        image = decoded(data)
    except Unreadable as error:
        return Content(digest, fault=str(error))
    if use is not None:
        use(file.place, image)
    return Content(digest, image.height, image.width, 1 if image.mode == "L" else 3)
