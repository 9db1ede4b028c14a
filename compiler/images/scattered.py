"""The source `digits_scattered`: handwritten digits at random places of a larger canvas, among fragments of others.

The images are drawn from the digits of scikit-learn, so nothing is downloaded. An image has one whole digit, which is
turned and scaled at random, and pieces of other digits, which the network has to tell from it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from compiler.images.found import Array, Found, Raw, Wanted
from compiler.images.splits import Images, completed

CANVAS = 12  # height and width of an image, in pixels; a digit of scikit-learn has 8x8
INK = 16  # the greatest value of a pixel in the digits of scikit-learn
DRAWN = 2  # images of each digit
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
        Raw(_drawn(part, rng), np.repeat(part.labels, DRAWN), f"digits_scattered: {what}", f"labels of {what}")
        for part, rng, what in zip(parts, rngs, ("train", "validation", "test"), strict=True)
    )
    return Found("digits_scattered", train, test, names, validation)


def _drawn(part: Images, rng: np.random.Generator) -> Array:
    """Returns `DRAWN` images `[canvas, canvas]` of each digit in uint8, in the order of the digits."""
    images = [_image(index, part.images, rng) for index in range(len(part)) for _ in range(DRAWN)]
    # Whole numbers hide the last bits of the interpolation, so the images are equal on every machine.
    return np.rint(np.stack(images) * (255 / INK)).astype(np.uint8)


def _image(index: int, digits: Array, rng: np.random.Generator) -> Array:
    """Returns an image with one digit and fragments of others. Where two overlap, the one with more ink is seen."""
    others = rng.choice(np.delete(np.arange(len(digits)), index), FRAGMENTS)
    pieces = [_placed(_fragment(digits[other], rng), rng) for other in others]
    image: Array = np.maximum.reduce([_placed(digits[index], rng), *pieces])
    return image


def _fragment(digit: Array, rng: np.random.Generator) -> Array:
    """Returns a random window of a digit that has some ink."""
    windows = np.lib.stride_tricks.sliding_window_view(digit, (FRAGMENT, FRAGMENT)).reshape(-1, FRAGMENT, FRAGMENT)
    ink = windows.sum(axis=(1, 2))
    window: Array = rng.choice(windows[ink >= LEAST_INK * ink.max()])
    return window


def _placed(picture: Array, rng: np.random.Generator) -> Array:
    """Returns a canvas with a picture that is turned, scaled and moved at random. The picture lies within the canvas.

    The scaling of the two axes is equal. Pixels between those of the picture are interpolated linearly.
    """
    turn, scale = rng.uniform(-TURN, TURN), rng.uniform(*SCALES)
    cosine, sine = math.cos(turn) / scale, math.sin(turn) / scale
    inverse = np.array([[cosine, sine], [-sine, cosine]])  # from places on the canvas to places in the picture
    size = picture.shape[0]
    reach = min(scale * size / 2, CANVAS / 2)  # half of the picture's extent, without its turn
    centre = rng.uniform(reach - 0.5, CANVAS - reach - 0.5, 2)
    offset = (size - 1) / 2 - inverse @ centre
    canvas: Array = ndimage.affine_transform(
        picture.astype(np.float64), inverse, offset, (CANVAS, CANVAS), order=1, mode="constant"
    )
    return canvas
