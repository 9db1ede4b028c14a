"""The decoder of image files, for images in memory and for streams: upright pixels of 8 bits, grey or colour."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from compiler.errors import CompileError, DataError

GREY_MODES = frozenset({"1", "L", "LA", "La"})
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of grey images with 16 bits
# Pillow lists these, and reads them only with another program (Ghostscript), on another system, or not at all.
_NOT_READ = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


class Unreadable(CompileError):
    """A file is not an image that can be read; the message gives the reason, without the file's name."""


_KINDS = Image.registered_extensions()
SUFFIXES = tuple(  # the endings of the names of image files, in lower case
    sorted(suffix for suffix, kind in _KINDS.items() if kind in Image.OPEN and kind not in _NOT_READ)
)


def decoded(data: bytes) -> Image.Image:
    """Returns an encoded image as an upright one, in mode L if it is grey, and otherwise in RGB.

    The orientation in its EXIF data is applied. 16 bits of grey become 8, transparency is dropped, and an animation
    gives its first picture.

    Raises:
      Unreadable: the image is damaged, has an unknown format, or has more values than 8 bits can hold.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")  # Pillow warns of metadata that do not affect the pixels.
            image.load()
            return _of_eight_bits(_upright(image))
    except (Unreadable, MemoryError):
        raise
    except UnidentifiedImageError:
        raise Unreadable("it is of no image format that is known here" if data else "it is empty") from None
    except Exception as error:  # Each of Pillow's formats raises other errors for a damaged file.
        raise Unreadable(str(error) or type(error).__name__) from None


def contents(path: str) -> bytes:
    """Returns the bytes of a file.

    Raises:
      DataError: the file or its storage is gone, or may not be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def pixels(image: Image.Image, channels: int) -> np.ndarray:
    """Returns an image as uint8 `[height, width, channels]`, of 1 or 3 channels."""
    found = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return found[..., None] if channels == 1 else found


def _upright(image: Image.Image) -> Image.Image:
    """Returns an image in the orientation of its EXIF data; an image with damaged EXIF data is not turned."""
    # Pillow turns the pixels before it writes the metadata anew, which may fail although the orientation was read.
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception:  # Damaged metadata raise various errors.
        pass
    return image


def _of_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode.startswith(("I", "F")):
        # Pillow would clip these to 255 in silence.
        raise Unreadable(f"it has more than 16 bits a pixel (mode {image.mode}); convert it to 8 bits")
    return image.convert("L" if image.mode in GREY_MODES else "RGB")
