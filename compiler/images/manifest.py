"""Records the images with which a search or a training began. A later difference can then be shown file by file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePath

from compiler import filesystem
from compiler.images.in_memory import digests
from compiler.images.readers import parsed

FILE = "images-begun-with.json"
SHOWN = 3  # A line names at most this number of files of a class.


def write(source: str, inventory_folder: Path) -> None:
    """Writes the digest of every image of a folder, after `inventory.look`; does nothing for other sources.

    Raises:
      DataError: the folder is missing.
      OSError: the file cannot be written.
    """
    kind, argument = parsed(source)
    if kind == "images":
        filesystem.write(inventory_folder / FILE, json.dumps(digests(argument, inventory_folder)).encode())


def differences(source: str, inventory_folder: Path) -> tuple[str, ...]:
    """Returns a line for each class whose images differ from the recorded images; empty without a record.

    Raises:
      DataError: the folder is missing, or a file cannot be read.
    """
    path = inventory_folder / FILE
    kind, argument = parsed(source)
    if kind != "images" or not path.is_file():
        return ()
    before, now = json.loads(path.read_bytes()), digests(argument, inventory_folder)
    changes: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            what = "added" if name not in before else "removed" if name not in now else "changed"
            changes[str(PurePath(name).parent)][what].append(PurePath(name).name)
    return tuple(_line(folder, kinds) for folder, kinds in changes.items())


def _line(folder: str, kinds: Mapping[str, list[str]]) -> str:
    parts = [
        f"{len(names):,} {what} ({', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)})"
        for what, names in kinds.items()
    ]
    return f"  {folder}: {', '.join(parts)}"
