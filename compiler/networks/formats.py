"""Writes a trained network in formats of other programs. Every file is read again and compared with the network."""

from __future__ import annotations

import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from compiler.errors import CompileError, Differs
from compiler.images.found import prepared as sized
from compiler.images.preparation import Preparation
from compiler.layers.model import lower, step_layers
from compiler.layers.packing import Array
from compiler.networks import onnx_files, tflite
from compiler.networks.plain import plain_outputs
from compiler.networks.saved import Saved, prepared
from compiler.networks.weights import restore
from compiler.primitives.layering import resized

IMAGES = 8  # the number of random images on which both networks are compared
# The largest allowed difference of log probabilities, relative to the largest log probability.
TOLERANCE = 1e-3
LEAST = 1e-30  # Smaller probabilities are replaced by this number before the logarithm is taken.
# The file in every exported network that has the names of the classes in the order of the outputs, one in each line.
LABELS = "labels.txt"
# The file in an exported network without resizing that has the preparation of images, as in network.json.
PREPARATION = "preparation.json"
# The characters at which Python and other programs end a line.
_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written and checked.

    Attributes:
      path: the file, or the folder of a SavedModel.
      size: the size in bytes.
      difference: the greatest difference between the log probabilities of the exported and the trained network, as a
        share of the greatest log probability.
      any_size: whether the exported network takes images of any size and resizes them.
    """

    path: Path
    size: int
    difference: float
    any_size: bool


@dataclass(frozen=True)
class Format:
    """The functions that write a network in one format, and that run images through the written file.

    Attributes:
      write: writes a model, and small texts by the names of their files.
      run: reads a file and returns the probabilities for images [batch, height, width, channels].
      keras: returns the Keras module from which the layers of the model are taken.
      any_size: whether the format can contain the preparation of images.
    """

    write: Callable[[Any, Path, Mapping[str, str]], None]
    run: Callable[[Path, Array], Array]
    keras: Callable[[], Any]
    any_size: bool = True


def export(saved: Saved, path: Path, form: Format | None = None) -> Exported:
    """Exports a network to `*.keras`, `*.tflite`, `*.onnx` or the folder of a SavedModel, and tries the written file.

    The inputs of the exported network are images `[batch, height, width, channels]` as float32, with pixel values as in
    the data set. The outputs are probabilities `[batch, classes]`. If the preparation of the images is known, all
    formats but `*.tflite` contain the preparation and take images of any size.

    Args:
      saved: the network.
      path: the file or folder to write. Its ending decides the format.
      form: the format; None takes the usual format of the ending.

    Raises:
      CompileError: the format lacks an operation.
      Differs: the written network computes other values.
    """
    form = form or FORMATS[path.suffix]
    preparation = saved.preparation if form.any_size else None
    model = exported_model(saved, form.keras(), preparation)
    trials = [(images := random_images(saved), probabilities(saved, images))]
    if preparation is not None:
        trials = [_prepared(saved, preparation, size) for size in _sizes(preparation)]
    with replacing(path) as new:
        form.write(model, new, texts_of(saved, form.any_size))
        difference = max(_difference(form.run(new, images), wanted) for images, wanted in trials)
        if not difference <= TOLERANCE:  # This form of the condition refuses NaN too.
            raise Differs(
                f"{path} is not written: its log probabilities differ from those of the trained network by "
                f"{difference:.2g} of the greatest; at most {TOLERANCE:g} is allowed"
            )
    return Exported(path=path, size=size_of(path), difference=difference, any_size=preparation is not None)


def texts_of(saved: Saved, any_size: bool) -> dict[str, str]:
    """Returns the texts inside an exported file by their names. `any_size` says whether the file prepares images."""
    texts = {LABELS: labels(saved)}
    if saved.preparation is not None and not any_size:
        texts[PREPARATION] = json.dumps(prepared(saved.preparation))
    return texts


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A context in which a file or folder is written elsewhere. At the end it takes the place of `path`.

    After an error, `path` is as it was before.

    Raises:
      CompileError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-")
    except OSError as error:
        raise CompileError(f"{path} cannot be written in {path.parent}: {error.strerror}; name another --out") from None
    with folder as name:
        new, old = Path(name) / "new" / path.name, Path(name) / "old"  # `path` may have any name
        new.parent.mkdir()
        try:
            yield new
        except tf.errors.OpError as error:  # TensorFlow writes the file, and raises this error if the disk is full.
            raise CompileError(f"{path} cannot be written: {error.message}") from None
        if path.is_dir():
            os.rename(path, old)
        os.replace(new, path)


def exported_model(saved: Saved, keras: Any = tf_keras, preparation: Preparation | None = None) -> Any:
    """Returns a trained network as a Keras model of stock layers, from images to probabilities.

    Args:
      saved: the network.
      keras: the module whose layers are taken, `tf_keras` or `keras`.
      preparation: resizes images of any size to the size of the network; None requires images of this size.
    """
    shape = saved.input_shape if preparation is None else (None, None, saved.input_shape[-1])
    image = keras.layers.Input(shape, name="image")
    value = image if preparation is None else _resized(keras, image, preparation)
    variance = [deviation**2 for deviation in saved.std]
    normal = keras.layers.Normalization(mean=list(saved.mean), variance=variance, name="normalized")(value)
    logits = plain_outputs(saved.graph, normal, saved.weights, keras=keras)[0]
    return keras.Model(image, keras.layers.Softmax(name="probabilities")(logits), name="amoeba")


def _resized(keras: Any, image: Any, preparation: Preparation) -> Any:
    """Applies the preparation to a tensor of images. Keras 2 has no layer that resizes with antialiasing."""
    if keras is tf_keras:
        value = tf.image.resize(image, preparation.resized, antialias=True, name="resized")
        value = tf.round(value) if preparation.is_whole else value
    else:
        value = resized(keras.layers.Resizing(*preparation.resized, antialias=True, name="resized"), image)
        value = keras.ops.round(value) if preparation.is_whole else value
    if preparation.crop == 1:
        return value
    margins = [
        (before, whole - size - before)
        for before, whole, size in zip(preparation.corner, preparation.resized, preparation.size, strict=True)
    ]
    return keras.layers.Cropping2D(margins, name="cropped")(value)


def labels(saved: Saved) -> str:
    r"""Returns the names of the classes, one in each line. A line break inside a name is written as \n."""
    names = (_BREAKS.sub(lambda found: ascii(found[0])[1:-1], name) for name in saved.class_names)
    return "".join(f"{name}\n" for name in names)


def probabilities(saved: Saved, images: Array) -> Array:
    """Returns the probabilities that the trained network gives for images of its size with the data set's values."""
    model = lower(saved.graph)
    restore(step_layers(model), saved.weights)
    normal = (images - np.asarray(saved.mean, np.float32)) / np.asarray(saved.std, np.float32)
    return np.asarray(tf.nn.softmax(model(normal, training=False)))


def random_images(saved: Saved, size: tuple[int, int] | None = None) -> Array:
    """Returns random images with the mean and deviation of the data set. Every call returns the same images."""
    height, width, channels = (*(size or saved.input_shape[:2]), saved.input_shape[-1])
    noise = np.random.default_rng(0).standard_normal((IMAGES, height, width, channels))
    return (np.asarray(saved.mean) + np.asarray(saved.std) * noise).astype(np.float32)


def _sizes(preparation: Preparation) -> tuple[tuple[int, int], ...]:
    """Returns two sizes (height, width) of images to compare: that of the network, and one that must be resized."""
    height, width = preparation.resized
    return (height, width), (2 * height + 3, width + width // 2 + 1)


def _prepared(saved: Saved, preparation: Preparation, size: tuple[int, int]) -> tuple[Array, Array]:
    """Returns random images of a size, and the trained network's probabilities for these images.

    The images are prepared by Pillow before the network, as in a training.
    """
    # The images are not whole numbers. The mean of whole numbers is often half way between two levels, where two
    # programs may round to different ones.
    images = random_images(saved, size)
    shaped = np.stack([sized(image, preparation) for image in images])
    return images, probabilities(saved, np.rint(shaped) if preparation.is_whole else shaped)


def _difference(found: Array, wanted: Array) -> float:
    """Returns the greatest difference of log probabilities, as a share of the greatest log probability.

    Differences of probabilities would be too small for a test, since most probabilities of a good network are near 0
    or 1.
    """
    logs = [np.log(np.maximum(values.astype(np.float64), LEAST)) for values in (found, wanted)]
    return float(np.abs(logs[0] - logs[1]).max() / max(1.0, float(np.abs(logs[1]).max())))


def size_of(path: Path) -> int:
    """Returns the size of a file, or of all files in a folder, in bytes."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


# --- formats ---------------------------------------------------------------------------------------------------


def _keras_2() -> Any:
    return tf_keras


def _keras_3() -> Any:
    """Returns the module of Keras 3, with the backend that the user has chosen.

    Raises:
      CompileError: this backend is not installed.
    """
    try:
        import keras
    except ImportError as error:
        raise CompileError(
            f"Keras 3 cannot be imported: {error}; use its TensorFlow backend: export KERAS_BACKEND=tensorflow"
        ) from None
    return keras


def _write_keras(model: Any, path: Path, texts: Mapping[str, str]) -> None:
    model.save(path)
    _append(path, texts)


def _run_keras_2(path: Path, images: Array) -> Array:
    return np.asarray(tf_keras.models.load_model(path, compile=False)(images, training=False))


def _run_keras_3(path: Path, images: Array) -> Array:
    return np.asarray(_keras_3().models.load_model(path, compile=False)(images))


def _append(path: Path, texts: Mapping[str, str]) -> None:
    """Adds texts to a zip archive. If the file is not an archive, an archive is appended to the file.

    The metadata tools of TensorFlow Lite append archives too, so that other programs find the texts.
    """
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8", "backslashreplace"))


def _write_saved_model(model: tf_keras.Model, path: Path, texts: Mapping[str, str]) -> None:
    """Writes a SavedModel that has only the inference function. Every version of TensorFlow reads and serves it."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in texts]
        for file in files:
            file.write_bytes(texts[file.name].encode("utf-8", "backslashreplace"))
        _save(model, path, [tf.saved_model.Asset(str(file)) for file in files])


def _save(model: tf_keras.Model, path: Path, assets: Sequence[Any] = ()) -> None:
    module = tf.Module()
    module.model_variables = model.variables
    module.texts = list(assets)
    module.serve = _served(model)
    tf.saved_model.save(module, str(path), signatures=module.serve)


def _served(model: tf_keras.Model) -> Any:
    """Returns the inference function of a model, with the names of its input and output."""
    return tf.function(
        lambda image: {"probabilities": model(image, training=False)},
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")], autograph=False,
    )  # fmt: skip


def _run_saved_model(path: Path, images: Array) -> Array:
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    return np.asarray(serve(image=tf.constant(images))["probabilities"])


def _write_onnx(model: tf_keras.Model, path: Path, texts: Mapping[str, str]) -> None:
    onnx_files.write(_served(model), path, texts)


def write_tflite(
    model: tf_keras.Model, path: Path, texts: Mapping[str, str], kind: str | None = None,
    calibration: Iterable[Array] = (),
) -> None:  # fmt: skip
    """Writes a `.tflite` file with texts. `compiler.networks.tflite.converted` explains the other arguments."""
    with tempfile.TemporaryDirectory() as folder:
        _save(model, Path(folder))
        path.write_bytes(tflite.converted(folder, path.name, kind, calibration))
    _append(path, texts)


# The formats by the ending of the path. A path without an ending is the folder of a SavedModel. TensorFlow Lite cannot
# resize with antialiasing.
FORMATS: Mapping[str, Format] = {
    ".keras": Format(_write_keras, _run_keras_3, _keras_3),
    ".tflite": Format(write_tflite, tflite.run, _keras_2, any_size=False),
    ".onnx": Format(_write_onnx, onnx_files.run, _keras_2),
    "": Format(_write_saved_model, _run_saved_model, _keras_2),
}
TF_KERAS = Format(_write_keras, _run_keras_2, _keras_2)  # the .keras format of Keras 2
