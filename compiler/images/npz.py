"""Labelled images in an .npz file of numpy."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from compiler.errors import DataError, pasted
from compiler.images import folders
from compiler.images.found import Array, Found, Raw, Wanted

NPZ_KEYS = "x_train and y_train (with or without x_val and y_val, x_test and y_test), or images and labels"
CHANNELS = (1, 3, 4)  # the numbers of channels that images may have


def read_npz(path: str, wanted: Wanted) -> Found:
    """Returns the arrays of an .npz file, as one part or in the parts of the file.

    Raises:
      DataError: the file is missing or damaged, or has other arrays than images with labels.
    """
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        raise DataError(f"npz:{path}: a folder, not a file; images:DIR reads a folder for each class")
    if not os.path.isfile(path):
        raise DataError(f"npz:{path}: no such file{folders.neighbour(path)}")
    try:
        archive = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"npz:{path}: not an .npz file: {error}; numpy.savez writes one") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"npz:{path}: one array (.npy), not an .npz file with {NPZ_KEYS}")
    with archive:
        named = _npz_parts(path, archive.files)
        parts = {part: _npz_pair(archive, path, keys, wanted.settings.channels) for part, keys in named.items()}
    used = {key for keys in named.values() for key in keys}
    ignored = [key for key in archive.files if key not in used]
    remarks = [("ignored", f"arrays of the .npz file that are not read: {', '.join(ignored)}")] if ignored else []
    own = [part for part in ("validation", "test") if part in parts]
    if own == ["validation"]:
        remarks.append(folders.sole_part(named["validation"][0]))
    validation, test = folders.held_back_parts([parts[part] for part in own])
    return Found(Path(path).stem, parts["train"], test, None, validation, npz_digest(path), tuple(remarks))


def npz_digest(path: str) -> str:
    """Returns the SHA-256 of the file.

    Raises:
      DataError: the file is missing or may not be read.
    """
    path = os.path.expanduser(path)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(f"npz:{path}: no such file{folders.neighbour(path)}") from None
    except OSError as error:
        raise DataError(f"npz:{path}: cannot be read: {error.strerror or error}") from None


def _npz_parts(path: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Returns the keys of images and labels of each part.

    Raises:
      DataError: a part has two names, has no labels or no images, or has an unknown name.
    """
    found: dict[str, tuple[str, str]] = {}
    known = {f"x_{name}": (part, f"y_{name}") for part, names in folders.PARTS.items() for name in names}
    for key in keys:
        part, labels = known.get(key, ("", ""))
        if part and labels in keys:
            if part in found:
                raise DataError(f"npz:{path}: has both {found[part][0]} and {key} for {part}; leave one out")
            found[part] = (key, labels)
    if "train" not in found and {"images", "labels"} <= set(keys) and not found:
        found["train"] = ("images", "labels")
    odd = [key for key in keys if key.startswith(("x_", "y_")) and not any(key in pair for pair in found.values())]
    if "train" not in found or odd:
        which = f"; {', '.join(odd)} do not belong to a known part" if "train" in found else ""
        raise DataError(f"npz:{path}: found keys {', '.join(sorted(keys)) or 'none'}; wanted {NPZ_KEYS}{which}")
    return found


def _npz_pair(archive: np.lib.npyio.NpzFile, path: str, keys: tuple[str, str], channels: str | None) -> Raw:
    arrays = []
    for key in keys:
        try:
            value = archive[key]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            advice = "; objects are never read: save plain numbers" if "pickle" in str(error) else ""
            raise DataError(f"npz:{path}: {key} cannot be read: {error}{advice}") from error
        if not isinstance(value, np.ndarray):
            raise DataError(f"npz:{path}: {key} is not an array: numpy.savez writes arrays")
        arrays.append(value)
    images_name, labels_name = (f"npz:{path}: {key}" for key in keys)
    return Raw(_channels_last(arrays[0], images_name, channels), arrays[1], images_name, labels_name)


def _channels_last(images: Array, where: str, channels: str | None) -> Array:
    """Returns images [n, height, width, channels] of an array whose axis of channels `dataset.channels` names.

    Raises:
      DataError: the shape of the array does not show which axis has the channels, and the setting is missing.
    """
    if channels is not None and images.ndim != 4:
        raise DataError(
            f"channels={channels!r} and {where} has shape {list(images.shape)}, which has no axis of channels: leave "
            "dataset.channels out"
        )
    if images.ndim != 4 or channels == "last":
        return images
    if channels == "first":
        return np.moveaxis(images, 1, -1)
    if images.shape[1] in CHANNELS and min(images.shape[2:]) > max(CHANNELS):
        raise DataError(
            f"{where} has shape {list(images.shape)}: the second axis looks like channels. If it is, use "
            f"{pasted('dataset.channels', 'first')}; if it is the height, use {pasted('dataset.channels', 'last')}"
        )
    return images
