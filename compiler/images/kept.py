"""Keeps images in a folder for all workers of a machine. The driver reads the images and divides them into parts once.

Arrays are files that each worker maps into its memory, so the machine has only one copy in memory. Of a stream, only
paths and labels are kept. `images.json` is written last, and a folder without this file counts as empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compiler import filesystem
from compiler.errors import DataError
from compiler.images.data import Dataset
from compiler.images.folders import Files
from compiler.images.found import Array
from compiler.images.splits import Images
from compiler.images.streams import Records, Stream

FACTS = "images.json"
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Kept:
    """The folder in which images are kept, and the digest of the data set from which they were made."""

    folder: Path
    digest: str


def keep(found: Dataset | Stream, folder: Path) -> Kept | None:
    """Writes images, or the paths of a stream's images, to a folder. Returns None for records, and writes nothing.

    Raises:
      OSError: the folder cannot be written.
    """
    if isinstance(found, Stream) and isinstance(found.train, Records):
        return None
    kept = Kept(folder, found.digest)
    (folder / FACTS).unlink(missing_ok=True)
    facts: dict[str, Any] = {
        "digest": found.digest, "name": found.name, "class_names": found.class_names, "crop": found.crop,
        "remarks": found.remarks,
    }  # fmt: skip
    if isinstance(found, Dataset):
        facts |= {"mean": found.mean, "std": found.std}
    else:
        facts |= {"size": found.image_size, "channels": found.channels}
        facts |= {part: getattr(found, part).paths for part in PARTS}
    for part in PARTS:
        own = getattr(found, part)
        _write(folder / f"{part}.labels.npy", own.labels)
        if isinstance(own, Images):
            _write(folder / f"{part}.npy", own.images)
    filesystem.write(folder / FACTS, json.dumps(facts).encode())
    return kept


def read(kept: Kept) -> Dataset | Stream | None:
    """Returns the images of a folder; None if the folder is not visible on this machine or has other data.

    Raises:
      DataError: a file in the folder is damaged.
    """
    path = kept.folder / FACTS
    try:
        facts = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; remove the folder {kept.folder}") from None
    if facts["digest"] != kept.digest:
        return None
    try:
        labels = {part: np.load(kept.folder / f"{part}.labels.npy") for part in PARTS}
        if "mean" in facts:
            images = {part: np.load(kept.folder / f"{part}.npy", mmap_mode="r") for part in PARTS}
            arrays = {part: Images(images[part], labels[part]) for part in PARTS}
            return Dataset(**_common(facts, arrays), mean=tuple(facts["mean"]), std=tuple(facts["std"]))
        files = {part: Files(tuple(facts[part]), labels[part]) for part in PARTS}
        return Stream(**_common(facts, files), image_size=tuple(facts["size"]), channels=facts["channels"])
    except (OSError, ValueError) as error:
        raise DataError(f"{kept.folder} is damaged: {error}; remove that folder") from None


def remove(folder: Path) -> None:
    """Removes the files that `keep` wrote; other files in the folder stay."""
    (folder / FACTS).unlink(missing_ok=True)
    for part in PARTS:
        for name in (f"{part}.npy", f"{part}.labels.npy"):
            (folder / name).unlink(missing_ok=True)


def _common(facts: Mapping[str, Any], parts: Mapping[str, object]) -> dict[str, Any]:
    """Returns the arguments that a `Dataset` and a `Stream` both take: the parts, and facts from `images.json`."""
    return {
        **parts,
        "name": facts["name"],
        "class_names": tuple(facts["class_names"]),
        "crop": facts["crop"],
        "digest": facts["digest"],
        "remarks": tuple((subject, sentence) for subject, sentence in facts["remarks"]),
    }


def _write(path: Path, array: Array) -> None:
    """Writes one array, and waits until the array is on the disk."""
    with filesystem.writing(path) as file:
        np.save(file, array)
