"""The base class of the sources of fitness whose networks classify the images of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler.errors import DataError
from compiler.images import data, kept, manifest
from compiler.images.data import Dataset
from compiler.images.inventory import Progress
from compiler.images.readers import PATHS, READERS, parsed
from compiler.images.streams import Stream
from evolve.errors import UsageError
from evolve.fitness.base import Fitness, check_version
from evolve.fitness.facts import FOLDER, Facts, shown

CLASSES_SHOWN = 12  # the greatest number of classes for which the header lists the images of each


class ImagesFitness(Fitness):
    """A source of fitness whose networks classify the images of `dataset`.

    A resumed search must have the same images.
    """

    has_images = True

    def identity(self) -> Mapping[str, object]:
        """Returns the settings of `dataset` and `training` that this source reads, without the path of the images."""
        settings: dict[str, object] = {}
        for name, record in (("dataset", self.dataset), ("training", self.training)):
            if name not in self.not_read:
                settings |= {f"{name}.{field.name}": getattr(record, field.name) for field in fields(record)}
        kind, _, path = self.dataset.source.partition(":")
        if kind in PATHS and path:
            # The facts have a digest of the contents, so the path does not matter.
            settings["dataset.source"] = kind
        return settings

    @property
    def needs_worker(self) -> bool:
        """True for data sets that only TensorFlow reads."""
        return READERS[parsed(self.dataset.source)[0]].needs_tensorflow

    def find_facts(self, known: Facts | None = None, progress: Progress | None = None) -> Facts:
        """Reads the images of the data set, copies them to the work directory, and returns the facts about them."""
        check_version(self)
        try:
            return self._found(known, self.folder / FOLDER, progress)
        except DataError as error:
            raise UsageError(str(error)) from None

    def _found(self, known: Facts | None, folder: Path, progress: Progress | None) -> Facts:
        """Returns the facts of the images. If `folder` has no copy of the images yet, a copy is written there.

        Raises:
          DataError: the images are missing, or no network can be trained with them.
        """
        if known is not None:
            self._compare(known, data.digest(self.dataset.source, folder, progress))
            place = known.kept(self.folder)
            if place is None or kept.read(place) is not None:
                return known
        # The work directory is missing if this machine of a cluster does not share it with the driver.
        is_seen = self.folder.is_dir()
        found = data.load(**asdict(self.dataset), inventory_folder=folder if is_seen else None, progress=progress)
        if known is not None:
            self._compare(known, found.digest)
        is_kept = is_seen and kept.keep(found, folder) is not None
        if known is None and is_seen:
            manifest.write(self.dataset.source, folder)
        return replace(facts_of(found), is_kept=is_kept)

    def facts_of_complete(self, known: Facts, source: str | None) -> Facts:
        """Returns the facts `known`. The images may be missing. Existing images must be those of the search."""
        try:
            self._compare(known, data.digest(self.dataset.source, self.folder / FOLDER))
        except DataError as error:
            if self.dataset.source != source:
                raise UsageError(str(error)) from None
        return known

    def _compare(self, known: Facts, digest: str) -> None:
        source = self.dataset.source
        if digest not in ("", known.digest):
            lines = manifest.differences(source, self.folder / FOLDER) or (f"  {source} has other contents",)
            raise UsageError(
                f"{self.folder} holds a search on other images than {source} has now:\n" + "\n".join(lines) + "\n"
                "restore the images of the search, and the same command resumes it, or choose another --workdir"
            )

    def rows(self) -> list[tuple[str, str]]:
        """Returns the number of training images of each class, and the remarks on the data set."""
        counts = self.known.counts.get("train", ())
        if not counts:
            return [*self.known.remarks]
        pairs = [f"{shown(name)}: {count:,}" for name, count in zip(self.known.class_names, counts, strict=True)]
        few = len(counts) <= CLASSES_SHOWN
        images = ", ".join(pairs) if few else f"{min(counts):,} to {max(counts):,} images of each class"
        return [("to train on", images), *self.known.remarks]


def facts_of(found: Dataset | Stream) -> Facts:
    """Returns the facts of a data set that has been read."""
    parts = {part: getattr(found, part) for part in ("train", "validation", "test")}
    held = [part.images for part in parts.values()] if isinstance(found, Dataset) else []
    return Facts(
        description=found.describe(),
        input_shape=found.input_shape,
        classes=found.classes,
        class_names=found.class_names,
        mean=tuple(found.mean),
        std=tuple(found.std),
        crop=found.crop,
        images=len(found.train),
        counts={name: _counts(part, found.classes) for name, part in parts.items()},
        digest=found.digest,
        remarks=found.remarks,
        is_bytes=all(images.dtype == np.uint8 for images in held),
        bytes=sum(images.nbytes for images in held),
    )


def _counts(part: Any, classes: int) -> tuple[int, ...]:
    """Returns the number of images of each class; an empty tuple for TFRecords, whose labels are not read."""
    labels = getattr(part, "labels", None)
    return () if labels is None else tuple(np.bincount(labels, minlength=classes).tolist())
