"""Image files as pixels: every kind that Pillow reads, upright and of 8 bits, and damaged files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compiler import DataError
from compiler.images.decoding import SUFFIXES, Unreadable, contents, decoded, pixels
from tests.photographs import ORIENTATIONS, save

RNG = np.random.default_rng(0)
COLOUR = Image.fromarray(RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8))
GREY = COLOUR.convert("L")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def deep(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.uint16)), "PNG")


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (COLOUR, "PNG", COLOUR),
        (COLOUR, "TIFF", COLOUR),
        (COLOUR, "BMP", COLOUR),
        (COLOUR, "PPM", COLOUR),
        (GREY, "PNG", GREY),
        (GREY, "PPM", GREY),
        (COLOUR.quantize(200), "PNG", COLOUR.quantize(200).convert("RGB")),
        (COLOUR.quantize(200), "BMP", COLOUR.quantize(200).convert("RGB")),
        (COLOUR.convert("1"), "BMP", COLOUR.convert("1").convert("L")),
        (COLOUR.convert("1"), "PNG", COLOUR.convert("1").convert("L")),
        (COLOUR.convert("CMYK"), "TIFF", COLOUR.convert("CMYK").convert("RGB")),
        (GREY.convert("LA"), "PNG", GREY),
        (COLOUR.convert("RGBA"), "PNG", COLOUR),
        (COLOUR.convert("RGBA"), "TIFF", COLOUR),
    ],
)
def test_every_kind_is_grey_or_colour_of_8_bits(image: Image.Image, kind: str, expected: Image.Image) -> None:
    found = decoded(encoded(image, kind))
    assert found.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000", "AVIF"])
def test_lossy_kinds_differ_little(kind: str) -> None:
    smooth = COLOUR.resize((60, 60), Image.Resampling.BICUBIC)
    found = decoded(encoded(smooth, kind, quality=95) if kind != "JPEG2000" else encoded(smooth, kind))
    assert found.mode == "RGB"
    assert np.abs(np.asarray(found, int) - np.asarray(smooth, int)).mean() < 8


def test_sixteen_bits_of_grey_become_eight() -> None:
    found = decoded(deep(np.array([[0, 128, 257, 32896, 65407, 65535]])))
    assert np.asarray(found).tolist() == [[0, 0, 1, 128, 255, 255]]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_pictures_the_first_counts(kind: str) -> None:
    first, second = Image.new("RGB", (5, 5), (250, 0, 0)), Image.new("RGB", (5, 5), (0, 0, 250))
    found = decoded(encoded(first, kind, save_all=True, append_images=[second]))
    assert np.asarray(found)[2, 2, 0] > 200 and np.asarray(found)[2, 2, 2] < 50


@pytest.mark.parametrize("orientation", [*ORIENTATIONS])
@pytest.mark.parametrize("suffix", ["jpg", "jfif", "tif", "webp", "png"])
def test_the_orientation_of_a_camera_is_applied(tmp_path: Any, orientation: int, suffix: str) -> None:
    upright = Image.new("RGB", (40, 24), (250, 250, 250))
    upright.paste((0, 0, 0), (0, 0, 20, 24))  # dark on the left
    path = tmp_path / f"photo.{suffix}"
    save(upright, path, orientation)
    found = np.asarray(decoded(path.read_bytes()), int)
    assert found.shape == (24, 40, 3)
    assert found[:, :18].max() < 60 and found[:, 22:].min() > 190


def whole() -> bytes:
    return encoded(COLOUR.resize((90, 90)), "JPEG")


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (lambda: b"", "it is empty"),
        (lambda: b"no image", "its image format is not known"),
        (lambda: whole()[: len(whole()) // 2], "truncated"),
        (lambda: encoded(COLOUR, "PNG")[:60], "truncated"),
        (
            lambda: encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"),
            r"more than 16 bits a pixel \(mode F\)",
        ),
        (lambda: encoded(Image.new("I", (4, 4)), "TIFF"), r"more than 16 bits a pixel \(mode I\)"),
    ],
)
def test_a_damaged_file_has_a_reason(damaged: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        decoded(damaged())
    assert str(caught.value)


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(Unreadable, match="decompression bomb"):
        decoded(encoded(Image.new("1", (16_000, 16_000)), "PNG"))


def test_a_file_that_is_gone_is_not_an_unreadable_image(tmp_path: Any) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read: No such file"):
        contents(str(tmp_path / "gone.jpg"))


def test_pixels_have_the_channels_that_are_wanted() -> None:
    assert pixels(GREY, 3).shape == (6, 9, 3) and pixels(GREY, 1).shape == (6, 9, 1)
    np.testing.assert_array_equal(pixels(GREY, 3)[..., 1], pixels(GREY, 1)[..., 0])


def test_common_image_files_are_among_the_suffixes_and_programs_are_not() -> None:
    assert {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif", ".jp2"} <= set(
        SUFFIXES
    )
    assert not {".eps", ".ps", ".pdf", ".mpg", ".h5", ".wmf", ".txt"} & set(SUFFIXES)


def test_damaged_notes_of_a_camera_leave_an_image_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    data = encoded(COLOUR, "JPEG", exif=exif)
    start = data.index(b"Exif") + 6
    turned = upright = 0
    for place in range(start, start + 40):
        for byte in (0, 7, 255):
            found = decoded(data[:place] + bytes([byte]) + data[place + 1 :])
            turned += found.size == (6, 9)
            upright += found.size == (9, 6)
    assert turned > 20 and upright > 20 and turned + upright == 120


@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "DDS", "TGA", "QOI"])
def test_whatever_is_damaged_is_unreadable_or_an_image(kind: str) -> None:
    whole = encoded(COLOUR.resize((40, 30)), kind)
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = int(rng.integers(256))
        try:
            assert decoded(bytes(damaged)).mode in ("L", "RGB")
        except Unreadable as error:
            assert str(error)
