"""The choice of training images that are held out, by class: a function of the labels, the share and the generator."""

from __future__ import annotations

import math

import numpy as np

from compiler.errors import DataError
from compiler.images.found import Array


def split(
    labels: Array, share: float | int, what: str, names: tuple[str, ...], rng: np.random.Generator, keep: int
) -> tuple[Array, Array]:
    """Returns the shuffled indices of the remaining and of the held-out images. Every class keeps at least `keep`.

    Raises:
      DataError: a class has too few images, or the share leaves a part without a class.
    """
    counts = np.bincount(labels, minlength=len(names))
    scarce = int(np.argmin(counts))
    if counts[scarce] <= keep:
        raise DataError(
            f"class {names[scarce]!r} has {counts[scarce]} training images: wanted at least {keep + 1}, "
            f"one for each of {'train, validation and test' if keep == 2 else 'train and validation'}"
        )
    held_out = _apportioned(counts, total(int(counts.sum()), len(counts), share, what, keep), keep)
    kept, drawn = [], []
    for label, count in enumerate(held_out):
        members = rng.permutation(np.flatnonzero(labels == label))
        drawn.append(members[:count])
        kept.append(members[count:])
    return rng.permutation(np.concatenate(kept)), rng.permutation(np.concatenate(drawn))


def total(images: int, classes: int, share: float | int, what: str, keep: int) -> int:
    """Returns the number of images to hold out: a number is exact; a fraction gives at least one image of each class.

    Raises:
      DataError: a number leaves a part without a class.
    """
    least, most = classes, images - keep * classes
    if isinstance(share, float):
        # Rounding first: 0.07 * 100 is a little above 7.
        return min(max(math.ceil(round(share * images, 6)), least), most)
    if not least <= share <= most:
        raise DataError(
            f"{what}={share}: wanted {least:,} to {most:,} of the {images:,} training images, "
            "so that every class is in each part"
        )
    return share


def _apportioned(counts: Array, total: int, keep: int) -> Array:
    """Returns the numbers of images of each class that add up to `total`: in proportion, from 1 to all but `keep`."""
    ideal = counts * total / counts.sum()
    chosen: Array = np.clip(np.floor(ideal).astype(int), 1, counts - keep)
    while chosen.sum() < total:
        chosen[np.argmax(np.where(chosen < counts - keep, ideal - chosen, -np.inf))] += 1
    while chosen.sum() > total:
        chosen[np.argmin(np.where(chosen > 1, ideal - chosen, np.inf))] -= 1
    return chosen
