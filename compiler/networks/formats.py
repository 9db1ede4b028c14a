"""A trained network in the formats that others read: written, read back, and compared with what was trained."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.lite.python.convert_phase import ConverterError

from compiler.errors import CompileError
from compiler.layers.model import lower, step_layers
from compiler.layers.packing import Array
from compiler.networks.plain import plain_outputs
from compiler.networks.saved import Saved
from compiler.networks.weights import restore

IMAGES = 8  # random ones that are run through both
TOLERANCE = 1e-3  # between logarithms of probabilities, as a share of the greatest
LEAST = 1e-30  # probability of which a logarithm is taken
layers = tf_keras.layers


@dataclass(frozen=True)
class Exported:
    """What was written, its size in bytes, and by how much it differed at most from the trained network."""

    path: Path
    size: int
    difference: float


@dataclass(frozen=True)
class Format:
    """How a model is written to a path, and how images are run through what lies there."""

    write: Callable[[tf_keras.Model, Path], None]
    run: Callable[[Path, Array], Array]


def export(saved: Saved, path: Path) -> Exported:
    """Writes a network to `*.keras`, `*.tflite` or a SavedModel's folder, once what was written has been tried.

    Images `[batch, height, width, channels]` go in with the values that the data set had, as float32; what comes out
    are probabilities `[batch, classes]`.

    Raises:
      CompileError: the format lacks an operation, or what was written computes something else.
    """
    form = FORMATS[path.suffix]
    model = exported_model(saved)
    images = random_images(saved)
    wanted = probabilities(saved, images)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as name:
        new = Path(name) / path.name
        try:
            form.write(model, new)
        except tf.errors.OpError as error:  # such as a full disk, where TensorFlow writes by itself
            raise CompileError(f"{path} cannot be written: {error.message}") from None
        found = form.run(new, images)
        difference = _difference(found, wanted)
        if not difference <= TOLERANCE:  # so that no number is none
            raise CompileError(
                f"{path} is not written: read back, it differs by {difference:.2g} from the trained network, more "
                f"than {TOLERANCE:g} of the greatest logarithm of a probability"
            )
        if path.is_dir():
            os.rename(path, Path(name) / "old")
        os.replace(new, path)
    return Exported(path, _size(path), difference)


def exported_model(saved: Saved) -> tf_keras.Model:
    """A trained network in stock layers, from images as the data set had them to probabilities."""
    image = layers.Input(saved.input_shape, name="image")
    variance = [deviation**2 for deviation in saved.std]
    normal = layers.Normalization(mean=list(saved.mean), variance=variance, name="normalized")(image)
    logits = plain_outputs(saved.graph, normal, saved.weights)[0]
    return tf_keras.Model(image, layers.Softmax(name="probabilities")(logits), name="amoeba")


def probabilities(saved: Saved, images: Array) -> Array:
    """What the network, as it was trained, makes of images with the values that the data set had."""
    model = lower(saved.graph)
    restore(step_layers(model), saved.weights)
    normal = (images - np.asarray(saved.mean, np.float32)) / np.asarray(saved.std, np.float32)
    return np.asarray(tf.nn.softmax(model(normal, training=False)))


def random_images(saved: Saved) -> Array:
    """Some images with the data set's mean and deviation, always the same."""
    noise = np.random.default_rng(0).standard_normal((IMAGES, *saved.input_shape))
    return (np.asarray(saved.mean) + np.asarray(saved.std) * noise).astype(np.float32)


def _difference(found: Array, wanted: Array) -> float:
    """How far logarithms of probabilities are apart: a sure network's probabilities would all be 0 or 1."""
    logs = [np.log(np.maximum(values.astype(np.float64), LEAST)) for values in (found, wanted)]
    return float(np.abs(logs[0] - logs[1]).max() / max(1.0, float(np.abs(logs[1]).max())))


def _size(path: Path) -> int:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


# --- formats ---------------------------------------------------------------------------------------------------


def _write_keras(model: tf_keras.Model, path: Path) -> None:
    model.save(path)


def _run_keras(path: Path, images: Array) -> Array:
    return np.asarray(tf_keras.models.load_model(path, compile=False)(images, training=False))


def _write_saved_model(model: tf_keras.Model, path: Path) -> None:
    """A SavedModel of nothing but the model's inference, which any TensorFlow reads and serves."""
    shape = (None, *model.input_shape[1:])
    module = tf.Module()
    module.model_variables = model.variables
    module.serve = tf.function(
        lambda image: {"probabilities": model(image, training=False)},
        input_signature=[tf.TensorSpec(shape, tf.float32, name="image")], autograph=False,
    )  # fmt: skip
    tf.saved_model.save(module, str(path), signatures=module.serve)


def _run_saved_model(path: Path, images: Array) -> Array:
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    return np.asarray(serve(image=tf.constant(images))["probabilities"])


def _write_tflite(model: tf_keras.Model, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(model, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        try:
            data = converter.convert()
        except ConverterError as error:
            raise CompileError(f"{path.name} cannot be written: {_reason(str(error))}") from None
    path.write_bytes(data)


def _reason(text: str) -> str:
    """What a converter's page of text comes down to."""
    lacking = re.search(r"^(?:Custom|Flex|TF Select) ops: (.+)$", text, re.MULTILINE)
    if lacking:
        return f"TensorFlow Lite lacks the operation {lacking[1]}"
    return f"TensorFlow Lite's converter says: {text.strip().splitlines()[0] if text.strip() else 'nothing'}"


def _run_tflite(path: Path, images: Array) -> Array:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        interpreter: Any = tf.lite.Interpreter(model_path=str(path))
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(image["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], images)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(output["index"]))


# By the suffixes of what is written; without one it is a folder.
FORMATS: Mapping[str, Format] = {
    ".keras": Format(_write_keras, _run_keras),
    ".tflite": Format(_write_tflite, _run_tflite),
    "": Format(_write_saved_model, _run_saved_model),
}
