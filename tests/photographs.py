"""Photographs as users have them, drawn by these functions: mixed sizes, kinds and orientations."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

ORIENTATIONS = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
SUFFIXES = ("jpg", "JPG", "jfif", "jpeg", "webp", "png", "tif", "bmp", "gif")
EXPORTING = Path(__file__).parents[1] / "docs" / "exporting.md"
SHAPES = ("sun", "house", "stripes")


def drawing(shape: str, rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Draws a picture (width, height) of one of SHAPES before a random ground, which is bluer for stripes."""
    width, height = size
    red, green, blue = (int(value) for value in rng.integers(60, 200, 3))
    ground = (red // 3, green // 2, 200 + blue // 4) if shape == "stripes" else (red, green, blue)
    image = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(image)
    colour = tuple(int(value) for value in rng.integers(0, 256, 3))
    left, top = rng.uniform(0.1, 0.4) * width, rng.uniform(0.1, 0.4) * height
    right, bottom = left + width / 2, top + height / 2
    if shape == "sun":
        pen.ellipse((left, top, right, bottom), fill=colour)
    elif shape == "house":
        pen.polygon(((left, bottom), (right, bottom), ((left + right) / 2, top)), fill=colour)
    else:
        for place in np.linspace(left, right, 5):
            pen.line((place, top, place, bottom), fill=colour, width=max(1, width // 20))
    noise = rng.integers(-12, 13, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image, np.int16) + noise, 0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path, orientation: int = 1) -> None:
    """Writes a picture as a camera does that was held in an orientation of EXIF: turned, with a note of it."""
    turn = ORIENTATIONS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"jfif": "JPEG", "jpg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:].lower())
    (image if turn is None else image.transpose(turn)).save(path, kind, exif=exif)


def photographs(root: Path, counts: Mapping[str, int], seed: int = 0, largest: int = 90) -> Path:
    """Writes a folder of pictures: `counts` of each shape. Only kinds of files that cameras write have orientations."""
    rng = np.random.default_rng(seed)
    for shape, count in counts.items():
        for number in range(count):
            size = (int(rng.integers(largest // 2, largest)), int(rng.integers(largest // 2, largest)))
            suffix = SUFFIXES[number % len(SUFFIXES)]
            turned = suffix.lower() in ("jpg", "jpeg", "jfif", "webp", "tif")
            orientation = int(rng.choice([1, 3, 6, 8])) if turned else 1
            save(drawing(shape, rng, size), root / shape / f"{number:03d}.{suffix}", orientation)
    return root


def by_example(kind: str, paths: Sequence[Path]) -> list[str]:
    """Runs the example for a kind of network, `keras`, `tflite` or `onnx`, and returns its printed class for each file.

    The network is `net.keras`, `net.tflite` or `net.onnx` in the current folder, which the example reads once.
    """
    blocks = re.findall(r"^```python\n(.*?)^```", EXPORTING.read_text(encoding="utf-8"), re.M | re.S)
    (block,) = (block for block in blocks if f'"net.{kind}"' in block)
    before, image, after = block.partition("image = ")
    names: dict[str, Any] = {}
    exec(compile(before, str(EXPORTING), "exec"), names)
    found = []
    for path in paths:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile((image + after).replace("photo.jpg", str(path)), str(EXPORTING), "exec"), names)
        found.append(said.getvalue().split()[0])
    return found
