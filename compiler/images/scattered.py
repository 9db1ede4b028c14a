"""The source `digits_scattered`: handwritten digits at random places of a larger canvas, among fragments of others.

The images are drawn from the digits of scikit-learn, so nothing is downloaded. An image has one whole digit, which is
turned and scaled at random, and pieces of other digits, which the network has to tell from it.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from scipy import ndimage

from compiler.images.found import Array, Found, Raw, Wanted
from compiler.images.splits import Images, completed

CANVAS = 12  # height and width of an image, in pixels; a digit of scikit-learn has 8x8
INK = 16  # the greatest value of a pixel in the digits of scikit-learn
# Images of each digit. More training images make a training longer. More of the others make an accuracy more exact.
DRAWN = {"train": 2, "validation": 4, "test": 8}
FRAGMENTS = 2  # pieces of other digits in an image
FRAGMENT = 4  # height and width of the window of another digit that a piece shows, before it is scaled
LEAST_INK = 0.2  # the share of a window's greatest ink below which another window is taken
TURN = math.radians(30)  # the largest turn to either side; more would make a 6 of a 9
SCALES = 0.8, 1.2


def scattered(digits: Images, names: tuple[str, ...], wanted: Wanted) -> Found:
    """Returns training, validation and test images that are drawn from digits.

    The digits are divided before images are drawn from them, so no part has an image of a digit of another part. The
    fragments of an image are of digits of its own part. All draws depend on the random seed `dataset.seed`.

    Args:
      digits: the images `[n, 8, 8]` and their labels.
      names: the names of the classes.
      wanted: has the shares of the parts, and the random seed.

    Raises:
      DataError: a share leaves a part without a class.
    """
    parts = completed(digits, None, None, names, wanted.settings)
    rngs = np.random.default_rng(wanted.settings.seed).spawn(len(parts))
    train, validation, test = (
        Raw(_drawn(part, drawn, rng), np.repeat(part.labels, drawn), f"digits_scattered: {what}", f"labels of {what}")
        for part, rng, (what, drawn) in zip(parts, rngs, DRAWN.items(), strict=True)
    )
    return Found("digits_scattered", train, test, names, validation, _digest(digits, wanted.settings.seed))


def _digest(digits: Images, seed: int) -> str:
    """Returns the digest of digits and of one image of each, drawn by a random seed.

    It does not depend on the shares of the parts, so a final training may have other shares than its search.
    """
    whole = hashlib.sha256()
    for array in (digits.images, digits.labels, _drawn(digits, 1, np.random.default_rng(seed))):
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def _drawn(part: Images, drawn: int, rng: np.random.Generator) -> Array:
    """Returns `drawn` images `[canvas, canvas]` of each digit in uint8, in the order of the digits.

    An image has one digit and fragments of others. Where two overlap, the one with more ink is seen.
    """
    digits, whole = part.images.astype(np.float64), np.repeat(np.arange(len(part)), drawn)
    canvases = _placed(digits[whole], rng)
    for _ in range(FRAGMENTS):
        others = (whole + rng.integers(1, len(part), len(whole))) % len(part)  # never the digit itself
        canvases = np.maximum(canvases, _placed(_fragments(digits, others, rng), rng))
    # Whole numbers hide the last bits of the interpolation, so the images are equal on every machine.
    return np.rint(canvases * (255 / INK)).astype(np.uint8)


def _fragments(digits: Array, chosen: Array, rng: np.random.Generator) -> Array:
    """Returns a random window `[fragment, fragment]` that has some ink, of each digit whose index is given."""
    views = np.lib.stride_tricks.sliding_window_view(digits, (FRAGMENT, FRAGMENT), axis=(1, 2))
    windows = views.reshape(len(digits), -1, FRAGMENT, FRAGMENT)
    ink = windows.sum(axis=(2, 3))
    inked = ink >= LEAST_INK * ink.max(axis=1, keepdims=True)
    window = np.where(inked[chosen], rng.random((len(chosen), windows.shape[1])), -1).argmax(axis=1)
    fragments: Array = windows[chosen, window]
    return fragments


def _placed(pictures: Array, rng: np.random.Generator) -> Array:
    """Returns a canvas with each picture, turned, scaled and moved at random. The picture lies within the canvas.

    The scaling of the two axes is equal. Pixels between those of the picture are interpolated linearly.
    """
    number, size = len(pictures), pictures.shape[1]
    turns, scales = rng.uniform(-TURN, TURN, number), rng.uniform(*SCALES, number)
    cosines, sines = np.cos(turns) / scales, np.sin(turns) / scales
    inverses = np.array([[cosines, sines], [-sines, cosines]])  # from places on the canvas to places in the picture
    reaches = np.minimum(scales * size / 2, CANVAS / 2)  # half of the picture's extent, without its turn
    centres = rng.uniform(reaches - 0.5, CANVAS - reaches - 0.5, (2, number))
    pixels = np.indices((CANVAS, CANVAS))[..., None] - centres[:, None, None]
    places = np.einsum("abn,byxn->anyx", inverses, pixels) + (size - 1) / 2
    picture = np.broadcast_to(np.arange(number)[:, None, None], places.shape[1:])
    canvases: Array = ndimage.map_coordinates(pictures, [picture, *places], order=1, mode="constant")
    return canvases
