"""Handwritten digits at random places of a canvas, and their division into parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compiler import DataError, DatasetSettings, Images
from compiler.images import data
from compiler.images.found import Array, Found, Wanted
from compiler.images.scattered import CANVAS, DRAWN, FRAGMENTS, INK, scattered

CLASSES = 3
DIGITS = 48
STEP = 5  # between the inks of two digits in an image of bytes


def found(**settings: Any) -> Found:
    """Returns the images that are drawn from digits of one ink each: 5 for digit 0, 10 for digit 1."""
    images = np.ones((DIGITS, 8, 8)) * (INK / 255 * STEP * (1 + np.arange(DIGITS)))[:, None, None]
    wanted = Wanted(DatasetSettings(source="digits_scattered", **settings))
    return scattered(Images(images, np.arange(DIGITS) % CLASSES), tuple("abc"), wanted)


def parts(one: Found) -> list[tuple[Array, Array]]:
    assert one.validation is not None and one.test is not None
    return [(raw.images, raw.labels) for raw in (one.train, one.validation, one.test)]


def test_no_part_has_ink_of_a_digit_of_another_part() -> None:
    inks = [{ink for image in images for ink in np.unique(image.max(axis=(0, 1)))} for images, _ in parts(found())]
    assert not inks[0] & inks[1] and not inks[0] & inks[2] and not inks[1] & inks[2]


def test_an_image_shows_its_own_digit_and_pieces_of_others() -> None:
    images, labels = parts(found(validation=0.3))[0]
    most = 0
    for image, label in zip(images, labels, strict=True):
        inks = [ink // STEP - 1 for ink, area in zip(*np.unique(image, return_counts=True), strict=True)
                if ink and ink % STEP == 0 and area >= 8]  # fmt: skip
        assert any(digit % CLASSES == label for digit in inks) and len(inks) <= 1 + FRAGMENTS
        most = max(most, len(inks))
    assert most == 1 + FRAGMENTS


def test_the_shares_divide_the_digits() -> None:
    sizes = [len(labels) for _, labels in parts(found(test=0.5, validation=0.5))]
    assert sizes == [DRAWN["train"] * 12, DRAWN["validation"] * 12, DRAWN["test"] * 24]


def test_a_share_that_leaves_a_part_without_a_class_is_refused() -> None:
    with pytest.raises(DataError, match="so that every class is in each part"):
        found(test=47)


def test_the_classes_are_the_digits() -> None:
    dataset = data.load("digits_scattered", validation=0.4)
    assert dataset.describe() == (
        f"digits_scattered: 1,724 train, 2,300 validation, 2,880 test images of {CANVAS}x{CANVAS}x1, 10 classes"
    )
    assert dataset.class_names == tuple("0123456789")


def test_two_images_of_a_digit_differ() -> None:
    images, _ = parts(found())[0]
    assert len({image.tobytes() for image in images}) == len(images)


def test_the_images_are_known_by_the_digits_and_the_seed_whatever_the_shares() -> None:
    """A final training holds out fewer images than its search."""
    digest = found(validation=0.4).digest
    assert digest == found(validation=0.1).digest == found(test=0.5, validation=0.5).digest
    assert digest != found(validation=0.4, seed=1).digest


def test_the_test_images_do_not_depend_on_the_share_of_the_validation_images() -> None:
    (_, _, (one, labels)), (_, _, (other, others)) = parts(found(validation=0.4)), parts(found(validation=0.1))
    assert np.array_equal(one, other) and np.array_equal(labels, others)
