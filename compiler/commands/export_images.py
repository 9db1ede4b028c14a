"""The images with which `cell export --quantize` calibrates and compares: those on which the network was trained."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.commands.finding import Individual
from compiler.commands.inspect import UsageError
from compiler.errors import DataError, pasted
from compiler.filesystem import Place
from compiler.settings import DatasetSettings
from dsl.wording import by_x

if TYPE_CHECKING:
    from compiler.images.data import Dataset
    from compiler.images.streams import Stream
    from compiler.networks.saved import Saved

_NAMED = pasted("dataset.source", "images:photos")


@dataclass(frozen=True)
class _Origin:
    """What is known of the images of a network: the settings of the data set, and its digest or the beginning of it."""

    settings: DatasetSettings
    digest: str


def images_of(
    options: argparse.Namespace, saved: Saved, individual: Individual | None, folder: Place | None
) -> Dataset | Stream:
    """Returns the images of a network. `--gin_param` replaces settings of the data set.

    Args:
      options: the arguments of the command line.
      saved: the network.
      individual: the individual of a search that was named; None for a folder or a `.cell` file.
      folder: the folder of the trained network; None for an individual or a `.cell` file.

    Raises:
      UsageError: no settings say where the images are, or they are not images of this network.
      DataError: the images cannot be read.
    """
    from compiler.images import data
    from compiler.training import gin_files

    origin = _origin(options, individual, folder)
    named = any(binding.replace(" ", "").startswith("dataset.source=") for binding in options.gin_param)
    if origin is None and not named:
        raise UsageError(f"nothing says on which images {options.file} was trained; name their source: {_NAMED}")
    base = DatasetSettings(image_size=saved.input_shape[:2]) if origin is None else origin.settings
    settings = gin_files.read_dataset(options.gin_param, base)
    try:
        found: Dataset | Stream = data.load(**asdict(settings))
    except DataError as error:
        raise DataError(f"the images of {options.file} cannot be read: {error}; another source: {_NAMED}") from None
    if not named and origin is not None and not found.digest.startswith(origin.digest):
        raise UsageError(
            f"the images at {settings.source} differ from those on which {options.file} was trained; to use them, name "
            f"their source: {pasted('dataset.source', settings.source)}"
        )
    _check_fit(options, saved, found, settings.source)
    return found


def _check_fit(options: argparse.Namespace, saved: Saved, images: Dataset | Stream, source: str) -> None:
    """Raises UsageError unless a network takes images of this shape, and has their classes."""
    if images.input_shape != saved.input_shape:
        size = pasted("dataset.image_size", saved.input_shape[:2])
        raise UsageError(
            f"the images at {source} are {by_x(images.input_shape)}, and {options.file} takes "
            f"{by_x(saved.input_shape)}: name other images, or their size: {size}"
        )
    same = images.classes == saved.classes if options.weights else images.class_names == saved.class_names
    if not same:
        theirs, own = (", ".join(names[:10]) for names in (images.class_names, saved.class_names))
        raise UsageError(
            f"the images at {source} have {images.classes} classes ({theirs}), and {options.file} has "
            f"{saved.classes} ({own}): name images of its classes: {_NAMED}"
        )


def _origin(options: argparse.Namespace, individual: Individual | None, folder: Place | None) -> _Origin | None:
    """Returns the origin of the images of a search, a final training, or a network in the folder of a search."""
    if folder is not None:
        if isinstance(folder, Path) and (folder / "config.gin").is_file():
            return _of_training(folder)
        # A search keeps its networks in `best/` and `front/<id>/`.
        individual = options.find(str(folder.parent)) or options.find(str(folder.parent.parent))
    settings = None if individual is None else individual.settings()
    return None if individual is None or settings is None else _Origin(settings[0], individual.digest)


def _of_training(folder: Path) -> _Origin:
    from compiler.training import final, gin_files

    config = gin_files.read([str(folder / "config.gin")], [])
    return _Origin(config.dataset, final.recorded_digest(folder))
