"""Reads the labelled images in a folder into memory, and leaves out unreadable files if the settings allow it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from compiler.errors import DataError, pasted
from compiler.images import folders, inventory
from compiler.images.decoding import SUFFIXES, pixels
from compiler.images.folders import Files, Tree
from compiler.images.found import Array, Found, Raw, Remark, Wanted, printable, stacked
from compiler.images.inventory import Content, Progress
from dsl.wording import plural


def read_images(folder: str, wanted: Wanted) -> Found:
    """Returns the images of a folder, which have one size, in the parts of the folder.

    Raises:
      DataError: the folder is missing, or contains folders that are not classes or files that cannot be used.
    """
    tree = folders.scan(folder, SUFFIXES)
    paths = tree.paths
    images: list[Array | None] = [None] * len(paths)
    sizes: set[tuple[int, int]] = set()

    def take(place: int, image: Image.Image) -> None:
        sizes.add(image.size)
        if wanted.settings.image_size is None and len(sizes) > 1:
            return  # Images of different sizes are refused below, so their pixels are not needed.
        sized = wanted.preparation((image.height, image.width)).applied(image)
        images[place] = pixels(sized, 1 if sized.mode == "L" else 3)

    found = inventory.look(paths, wanted.inventory_folder, wanted.progress, take)
    kept, remarks = without_unreadable(tree, found, wanted.settings.unreadable)
    if wanted.settings.image_size is None:
        _check_sizes(found)
    decoded = stacked([image for image in images if image is not None])
    starts = np.cumsum([len(part) for part in kept.parts])[:-1]
    raws = [
        Raw(images, part.labels, f"images:{folder}", f"images:{folder}", is_prepared=True)
        for part, images in zip(kept.parts, np.split(decoded, starts), strict=True)
    ]
    validation, test = folders.held_back_parts(raws[1:])
    return Found(tree.name, raws[0], test, tree.class_names, validation, tree_digest(tree, found), remarks)


def without_unreadable(tree: Tree, found: Mapping[str, Content], unreadable: str) -> tuple[Tree, tuple[Remark, ...]]:
    """Returns a tree without the files that are not images, and remarks on these files for the user.

    Raises:
      DataError: files are not images and `unreadable` is not 'skip', or a class has no images.
    """
    skipped = set(inventory.check(found, unreadable))
    remarks = [*tree.remarks]
    if tree.ignored:
        remarks.append(("ignored", printable(folders.counted(tree.ignored))))
    if not skipped:
        return tree, tuple(remarks)
    shown = sorted(printable(os.path.relpath(path, tree.root)) for path in skipped)[: inventory.SHOWN]
    more = f" and {len(skipped) - len(shown):,} more" if len(skipped) > len(shown) else ""
    count = plural(len(skipped), "unreadable file")
    remarks.append(("skipped", f"{count}: {', '.join(shown)}{more}"))
    train = _kept(tree.train, skipped)
    for label, name in enumerate(tree.class_names):
        if not np.any(train.labels == label):
            raise DataError(f"images:{tree.root}: none of the files of class {name!r} can be read as an image")
    validation, test = (None if part is None else _kept(part, skipped) for part in (tree.validation, tree.test))
    for what, part in (("validation", validation), ("test", test)):
        if part is not None and not len(part):
            raise DataError(f"images:{tree.root}: none of the {what} images of the folder can be read as an image")
    return replace(tree, train=train, validation=validation, test=test), tuple(remarks)


def _kept(part: Files, skipped: set[str]) -> Files:
    return part.of(np.array([place for place, path in enumerate(part.paths) if path not in skipped], np.int64))


def digests(folder: str, inventory_folder: Path | None = None, progress: Progress | None = None) -> dict[str, str]:
    """Returns the digest of every image of a folder as it is now, by its name below the folder.

    Raises:
      DataError: the folder is missing or malformed, or a file may not be read.
    """
    tree = folders.scan(folder, SUFFIXES)
    return _named(tree, inventory.look(tree.paths, inventory_folder, progress))


def _named(tree: Tree, found: Mapping[str, Content]) -> dict[str, str]:
    return {os.path.relpath(path, tree.root): content.digest for path, content in found.items()}


def tree_digest(tree: Tree, found: Mapping[str, Content]) -> str:
    """Returns one digest of all images of a tree: of their names below its root, and their contents."""
    return inventory.digest_of(_named(tree, found).items())


def _check_sizes(found: Mapping[str, Content]) -> None:
    (first_name, first), *rest = ((path, content) for path, content in found.items() if not content.fault)
    for name, content in rest:
        if (content.height, content.width) != (first.height, first.width):
            raise DataError(
                f"images differ in size: {first_name} is {_size(first)}, {name} is {_size(content)}; set one size, "
                f"for example {pasted('dataset.image_size', (first.height, first.width))}"
            )


def _size(content: Content) -> str:
    return f"{content.height}x{content.width} (height x width)"
