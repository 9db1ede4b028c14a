"""Converts SavedModels to TensorFlow Lite, also with quantization, and runs `.tflite` files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from compiler.errors import CompileError
from compiler.layers.packing import Array


def converted(folder: str, name: str, kind: str | None = None, calibration: Iterable[Array] = ()) -> bytes:
    """Returns the contents of a `.tflite` file. Its inputs and outputs are float32.

    Args:
      folder: a SavedModel with the input `image`.
      name: the name of the file, for messages.
      kind: the quantization: `float16`, `dynamic` or `int8`; None for float32.
      calibration: images `[height, width, channels]`, from which `int8` takes the ranges of values.

    Raises:
      CompileError: TensorFlow Lite cannot convert the model.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    if kind is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":

        def images() -> Iterator[dict[str, Array]]:
            return ({"image": image[np.newaxis]} for image in calibration)

        converter.representative_dataset = images
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    try:
        return bytes(converter.convert())
    except ConverterError as error:
        raise CompileError(f"{name} cannot be written: {_reason(str(error))}") from None


def interpreter(path: Path, threads: int | None = None) -> Any:
    """Returns the interpreter of a `.tflite` file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        return tf.lite.Interpreter(model_path=str(path), num_threads=threads)


def runner(path: Path) -> Callable[[Array], Array]:
    """Returns a function from images `[batch, height, width, channels]` to the probabilities that a file gives."""
    found = interpreter(path)
    (image,), (output,) = found.get_input_details(), found.get_output_details()

    def run(images: Array) -> Array:
        found.resize_tensor_input(image["index"], images.shape)
        found.allocate_tensors()
        found.set_tensor(image["index"], images)
        found.invoke()
        return np.asarray(found.get_tensor(output["index"]))

    return run


def run(path: Path, images: Array) -> Array:
    """Returns the probabilities that a file gives for images `[batch, height, width, channels]`."""
    return runner(path)(images)


def _reason(text: str) -> str:
    """Returns one line of the long message of TensorFlow Lite's converter: the cause of the error."""
    lacking = re.search(r"^(?:Custom|Flex|TF Select) ops: (.+)$", text, re.MULTILINE)
    if lacking:
        return f"TensorFlow Lite lacks the operation {lacking[1]}"
    return f"TensorFlow Lite's converter reports: {text.strip().splitlines()[0] if text.strip() else 'nothing'}"
