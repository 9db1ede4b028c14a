"""Each augmentation has its documented effect, draws for each image separately, and compiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import compiler
from compiler import Training
from compiler.batches import order
from compiler.batches.augment import Scale, augmented
from compiler.settings import AUGMENT

SCALE = Scale((100.0, 110.0, 120.0), (50.0, 60.0, 70.0))
COUNT = 400


def apply(images: Any, seed: int = 1, **settings: Any) -> np.ndarray:
    key = order.key(seed, 0, order.STEP)
    found: np.ndarray = augmented(tf.constant(images, tf.float32), Training(**settings), SCALE, key).numpy()
    return found


def numbered(height: int = 6, width: int = 6) -> np.ndarray:
    """Returns many copies of an image whose pixels are the numbers from 1."""
    image = np.arange(1.0, height * width + 1).reshape(1, height, width, 1)
    return np.repeat(image, COUNT, axis=0)


def noise(count: int = COUNT) -> np.ndarray:
    """Returns normalized pixels, which are whole numbers from 0 to 255 before."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 6, 3))
    normalized: np.ndarray = (pixels - np.array(SCALE.mean)) / np.array(SCALE.std)
    return normalized


def pixels(images: np.ndarray) -> np.ndarray:
    found: np.ndarray = images * np.array(SCALE.std) + np.array(SCALE.mean)
    return found


def test_normalization_takes_out_mean_and_deviation() -> None:
    raw = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3)).astype(np.uint8)
    expected = (raw - np.array(SCALE.mean)) / np.array(SCALE.std)
    np.testing.assert_allclose(SCALE.normalized(tf.constant(raw)), expected, atol=1e-5)


def test_half_of_the_images_are_mirrored() -> None:
    found = apply(numbered(), augment=("flip",))
    mirrored = (found[:, :, 0] == numbered()[:, :, -1]).all(axis=(1, 2))
    np.testing.assert_array_equal(found[mirrored], numbered()[mirrored][:, :, ::-1])
    np.testing.assert_array_equal(found[~mirrored], numbered()[~mirrored])
    assert 0.4 < mirrored.mean() < 0.6


def test_a_crop_moves_up_to_the_padding_and_zeros_move_in() -> None:
    found = apply(numbered(), augment=("crop",), crop_padding=2)
    padded = np.pad(numbered()[0], [(2, 2), (2, 2), (0, 0)])
    windows = {padded[y : y + 6, x : x + 6].tobytes() for y in range(5) for x in range(5)}
    assert {image.astype(np.float64).tobytes() for image in found} == windows


@pytest.mark.parametrize("size", [1, 2, 3, 5, 40])
def test_cutout_zeroes_one_square_around_any_pixel(size: int) -> None:
    height, width = 7, 9
    found = apply(numbered(height, width), augment=("cutout",), cutout_size=size)
    squares = set()
    for y in range(height):
        for x in range(width):
            image = numbered(height, width)[0].copy()
            top, left = max(0, y - size // 2), max(0, x - size // 2)
            image[top : max(0, y - size // 2 + size), left : max(0, x - size // 2 + size)] = 0
            squares.add(image.tobytes())
    seen = {image.astype(np.float64).tobytes() for image in found}
    assert seen <= squares
    assert len(seen) > 0.9 * len(squares)


def factors(strength: float, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels before and after, for images in which no pixel reaches 0 or 255."""
    before = np.full((COUNT, 8, 6, 3), 100.0)
    if which == "contrast":
        before[:, ::2] += 20
    elif which == "saturation":
        before += np.array([20.0, 0.0, -10.0])
    normal = (before - np.array(SCALE.mean)) / np.array(SCALE.std)
    return before, pixels(apply(normal, augment=("colour",), colour_strength=strength))


def test_brightness_multiplies_pixels() -> None:
    before, after = factors(0.3, "brightness")
    ratio = after / before
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1, :1], ratio.shape), rtol=1e-4)
    found = ratio[:, 0, 0, 0]
    assert 0.7 <= found.min() < 0.75 and 1.25 < found.max() <= 1.3001


def test_contrast_moves_pixels_from_the_mean_grey() -> None:
    before, after = factors(0.3, "contrast")
    brightness = after.mean(axis=(1, 2, 3)) / before.mean(axis=(1, 2, 3))
    contrast = (after[:, 0, 0, 0] - after[:, 1, 0, 0]) / 20 / brightness
    assert 0.7 <= contrast.min() < 0.75 and 1.25 < contrast.max() <= 1.301
    assert abs(np.corrcoef(brightness, contrast)[0, 1]) < 0.2


def test_saturation_moves_pixels_from_their_own_grey_and_keeps_it() -> None:
    before, after = factors(0.3, "saturation")
    weights = np.array([0.299, 0.587, 0.114])
    grey = (after @ weights)[:, 0, 0]
    brightness = grey / (before @ weights)[:, 0, 0]
    spread = (after[:, 0, 0, 0] - after[:, 0, 0, 2]) / 30 / brightness  # contrast times saturation
    assert 0.49 <= spread.min() < 0.65 and 1.35 < spread.max() <= 1.69


def test_colours_stay_pixels_and_without_strength_stay_themselves() -> None:
    found = pixels(apply(noise(), augment=("colour",), colour_strength=1.0))
    assert found.min() == pytest.approx(0, abs=1e-3) and found.max() == pytest.approx(255, abs=1e-3)
    np.testing.assert_allclose(apply(noise(), augment=("colour",), colour_strength=0.0), noise(), atol=1e-4)


def test_steps_come_in_their_order() -> None:
    """A crop after a cutout moves the square. A crop before it does not."""
    one, other = (
        apply(numbered(), augment=steps, cutout_size=3, crop_padding=2)
        for steps in (("cutout", "crop"), ("crop", "cutout"))
    )
    assert not np.array_equal(one, other)
    twice = apply(numbered(), augment=("flip", "flip"))
    assert not np.array_equal(twice, numbered())  # each with a draw of its own


@pytest.mark.parametrize("step", sorted(set(AUGMENT) - {"random_crop"}))
class TestEveryStep:
    def test_the_key_alone_decides(self, step: str) -> None:
        tf.random.set_seed(1)
        once = apply(noise(), augment=(step,), cutout_size=3)
        tf.random.set_seed(2)
        np.testing.assert_array_equal(once, apply(noise(), augment=(step,), cutout_size=3))
        assert not np.array_equal(once, apply(noise(), seed=2, augment=(step,), cutout_size=3))

    def test_it_compiles_with_static_shapes(self, step: str) -> None:
        def run(images: Any) -> Any:
            found = augmented(images, Training(augment=(step,), cutout_size=3), SCALE, order.key(1, 0, order.STEP))
            assert found.shape == images.shape
            return found

        images = tf.constant(noise(4), tf.float32)
        compiled = tf.function(run, jit_compile=True, autograph=False)
        np.testing.assert_array_equal(compiled(images), compiled(images))
        assert np.isfinite(compiled(images)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"augment": ("cutuot",)}, "training.augment has 'cutuot'; allowed: flip, .*; did you mean 'cutout'"),
        ({"cutout_size": 0}, "training.cutout_size is 0; it must be a whole number from 1 to 1,000,000"),
        ({"cutout_size": 2.5}, "training.cutout_size is 2.5"),
        ({"crop_padding": -1}, "training.crop_padding is -1; it must be a whole number from 0 to 1,000,000"),
        ({"colour_strength": 1.5}, "training.colour_strength is 1.5; it must be a number from 0 to 1"),
        ({"colour_strength": "much"}, "training.colour_strength is 'much'"),
    ],
)
def test_settings_of_augmentation_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(compiler.CompileError, match=message):
        Training(**settings)
