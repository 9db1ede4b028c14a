"""Quantized `.tflite` files: calibrated on training images, and compared with the float network on validation images.

The reference is the same network as a float32 `.tflite` file, which is compared with the trained network first. So what
remains between the two files is the effect of the quantization.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler.batches.pipeline import feed, naming_faults
from compiler.errors import Differs
from compiler.images.data import Dataset
from compiler.images.streams import Records, Stream
from compiler.layers.packing import Array
from compiler.networks import formats, tflite
from compiler.networks.saved import Saved

CALIBRATION, MEASURED = 500, 2000  # the most training images for the calibration, and validation images to compare
BATCH = 50
# The largest allowed distance from the float network by the kind of quantization: the share of the probability that
# moves from one class to another, on average over the images. A file beyond it computes something else. The limits are
# wide, since below them the accuracies show what a quantization costs.
LIMITS: Mapping[str, float] = {"float16": 0.05, "dynamic": 0.5, "int8": 0.5}


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """A quantized file that was written and compared with the float network.

    Attributes:
      size: the size in bytes.
      float_size: the size of the same network in float32.
      calibrated: the number of training images of the calibration; 0 without calibration.
      measured: the number of validation images of the comparison; 0 if random images were compared.
      accuracy: the accuracy on these images; None on random images.
      float_accuracy: the accuracy of the float network on the same images.
      difference: the largest difference of a probability.
      agreement: the share of the images for which both networks name the same class.
    """

    size: int
    float_size: int
    calibrated: int
    measured: int
    accuracy: float | None
    float_accuracy: float | None
    difference: float
    agreement: float


def export(saved: Saved, path: Path, kind: str, images: Dataset | Stream | None) -> Quantized:
    """Exports a network to a quantized `.tflite` file, whose inputs and outputs are float32.

    Args:
      saved: the network.
      path: the file to write.
      kind: `float16`, `dynamic` or `int8`.
      images: the data set. Without it, the networks are compared on random images; `int8` needs it.

    Raises:
      CompileError: TensorFlow Lite lacks an operation, or an image cannot be read.
      Differs: the written network computes something else.
    """
    with formats.replacing(path) as new, tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "float32.tflite"
        formats.export(saved, whole)
        calibration = [] if images is None or kind != "int8" else [*_calibration(images)]
        texts = formats.texts_of(saved, any_size=False)
        formats.write_tflite(formats.exported_model(saved), new, texts, kind, calibration)
        found, wanted, labels = _compared(saved, new, whole, images)
        _check(path, kind, found, wanted)
        size, float_size = formats.size_of(new), formats.size_of(whole)
    classes = found.argmax(axis=1)
    accuracies = [None, None] if labels is None else [
        float(np.mean(guess == labels)) for guess in (classes, wanted.argmax(axis=1))
    ]  # fmt: skip
    return Quantized(
        size=size, float_size=float_size, calibrated=len(calibration), measured=0 if labels is None else len(labels),
        accuracy=accuracies[0], float_accuracy=accuracies[1], difference=float(np.abs(found - wanted).max()),
        agreement=float(np.mean(classes == wanted.argmax(axis=1))),
    )  # fmt: skip


def some(images: Dataset | Stream, split: str, most: int) -> Iterator[tuple[Array, Array]]:
    """Yields batches of the images and labels of a part, with pixel values as in the data set.

    If the part has more images than `most`, they are drawn from all of it; records are taken from its beginning.
    """
    part = images.part(split)
    if len(part) > most and not isinstance(part, Records):
        part = part.of(np.sort(np.random.default_rng(0).permutation(len(part))[:most]))
    parts: dict[str, Any] = {split: part}
    found = feed(replace(images, **parts))
    mean, std = np.asarray(found.mean, np.float32), np.asarray(found.std, np.float32)
    left = most
    with naming_faults(found):
        for normal, labels, weights in found.evaluation(split, min(BATCH, len(part))):
            count = min(int(np.sum(weights)), left)
            pixels = np.asarray(normal)[:count] * std + mean
            yield np.rint(pixels) if found.preparation.is_whole else pixels, np.asarray(labels)[:count]
            left -= count
            if not left:
                return


def _calibration(images: Dataset | Stream) -> Iterator[Array]:
    for batch, _ in some(images, "train", CALIBRATION):
        yield from batch


def _compared(
    saved: Saved, new: Path, whole: Path, images: Dataset | Stream | None
) -> tuple[Array, Array, Array | None]:
    """Returns the probabilities of both files `[images, classes]` and the labels, which random images lack."""
    run, run_whole = tflite.runner(new), tflite.runner(whole)
    if images is None:
        random = formats.random_images(saved)
        return run(random), run_whole(random), None
    parts = [(run(batch), run_whole(batch), labels) for batch, labels in some(images, "validation", MEASURED)]
    found, wanted, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return found, wanted, labels


def _check(path: Path, kind: str, found: Array, wanted: Array) -> None:
    distance = float(np.abs(found - wanted).sum(axis=1).mean() / 2)
    if not distance <= LIMITS[kind]:  # This form of the condition refuses NaN too.
        raise Differs(
            f"{path} is not written: quantized to {kind}, the network moves {distance:.0%} of the probability to other "
            f"classes, and at most {LIMITS[kind]:.0%} is allowed; quantize less, or export without --quantize"
        )
