"""Decodes image files, for images in memory and for streams, as upright grey or colour images of 8 bits."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from compiler.errors import CompileError, DataError

GREY_MODES = frozenset({"1", "L", "LA", "La"})
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of grey images with 16 bits
# Formats that Pillow lists, and reads only with another program (Ghostscript), on another system, or not at all.
_NOT_READ = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


class Unreadable(CompileError):
    """The error for a file that cannot be read as an image. The message has the reason, and not the file's name."""


_KINDS = Image.registered_extensions()
SUFFIXES = tuple(  # the endings of the names of image files, in lower case
    sorted(suffix for suffix, kind in _KINDS.items() if kind in Image.OPEN and kind not in _NOT_READ)
)


def decoded(data: bytes) -> Image.Image:
    """Decodes an image and returns it upright, in mode L if the image is grey, and otherwise in mode RGB.

    The image is turned as its EXIF data say. Grey values of 16 bits become values of 8 bits, transparency is dropped,
    and the first picture of an animation is taken.

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
        raise Unreadable("its image format is not known" if data else "it is empty") from None
    except Exception as error:  # Pillow's decoders of formats raise many different errors for damaged files.
        raise Unreadable(str(error) or type(error).__name__) from None


def contents(path: str) -> bytes:
    """Returns the bytes of a file.

    Raises:
      DataError: the file or its storage does not exist, or may not be read.
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
    # Pillow turns the pixels and then writes new metadata. Writing may fail although the orientation was read.
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
        # Pillow would clip values above 255 without an error.
        raise Unreadable(f"it has more than 16 bits a pixel (mode {image.mode}); convert it to 8 bits")
    return image.convert("L" if image.mode in GREY_MODES else "RGB")
