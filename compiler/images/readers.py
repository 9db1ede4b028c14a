"""The readers of labelled images, one for each kind of source.

A reader returns unchecked images, and `compiler.images.data` checks the images. TensorFlow and scikit-learn are
imported only by the readers that need them. So reading an .npz file or a folder needs neither of the two.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from compiler.errors import DataError, pasted
from compiler.images import folders
from compiler.images.found import Array, Found, Raw, Wanted, prepared, stacked
from compiler.images.in_memory import read_images
from compiler.images.npz import read_npz
from compiler.images.splits import Images
from dsl.wording import nearest_name

T = TypeVar("T")
# fmt: off
FASHION_MNIST_CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)
CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo",
    "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree",
    "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree",
    "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
    "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
    "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe",
    "whale", "willow_tree", "wolf", "woman", "worm",
)
# fmt: on
PATHS = ("images", "npz")  # the kinds of sources that have a path as argument
DIGIT_CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class Reader:
    """The reader of one kind of source.

    Attributes:
      argument: the name of the text after the colon, if there is one.
      needs_tensorflow: whether TensorFlow reads the images.
    """

    read: Callable[[str, Wanted], Found]
    argument: str = ""
    needs_tensorflow: bool = False


def read(wanted: Wanted) -> Found:
    """Returns the images of a source.

    Raises:
        DataError: the source is unknown, missing or unreadable.
    """
    source = wanted.settings.source
    kind, argument = parsed(source)
    try:
        return READERS[kind].read(argument, wanted)
    except PermissionError as error:
        raise DataError(f"data source {source!r}: {error}") from error


def parsed(source: str) -> tuple[str, str]:
    """Returns the kind of a source, one of `READERS`, and the text after the colon.

    Raises:
      DataError: the kind is unknown, or the text after the colon is missing or not allowed.
    """
    kind, colon, argument = source.partition(":")
    reader = READERS.get(kind)
    if reader is None:
        raise DataError(f"unknown data source {source!r}; {_suggestion(source)}allowed: {_spellings()}")
    if reader.argument and not argument.strip():
        raise DataError(f"data source {source!r} names no {reader.argument}: write {kind}:{reader.argument}")
    if colon and not reader.argument:
        raise DataError(f"data source {source!r}: {kind} takes nothing after it: write {kind}")
    return kind, argument


def located(source: str, folders: Iterable[Path]) -> str:
    """Returns a source with the absolute path of its file or folder, in the current folder or in one of `others`."""
    kind, colon, path = source.partition(":")
    if not colon or kind not in PATHS or not path.strip():
        return source
    path = os.path.expanduser(path)
    places = (Path(path), *(folder / path for folder in folders))
    return f"{kind}:{os.path.abspath(next((place for place in places if place.exists()), path))}"


def _spellings() -> str:
    return ", ".join(kind + ":" * bool(reader.argument) + reader.argument for kind, reader in READERS.items())


def _suggestion(source: str) -> str:
    if os.path.isdir(os.path.expanduser(source)):
        return f"did you mean 'images:{source}'? "
    if source.endswith(".npz"):
        return f"did you mean 'npz:{source.partition(':')[2] or source}'? "
    kind, _, argument = source.partition(":")
    close = nearest_name(kind.strip().lower(), READERS)
    if not close:
        return ""
    wanted = READERS[close].argument
    return f"did you mean {close + (':' + (argument or wanted) if wanted else '')!r}? "


# --- embedded ----------------------------------------------------------------------------------------


def _read_digits(_: str, wanted: Wanted) -> Found:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    raw = Raw(bunch.images, bunch.target, "digits: images", "digits: labels")
    return Found("digits", raw, class_names=DIGIT_CLASSES)


def _read_scattered(_: str, wanted: Wanted) -> Found:
    from sklearn.datasets import load_digits

    from compiler.images.scattered import scattered

    bunch = load_digits()
    return scattered(Images(bunch.images, bunch.target), DIGIT_CLASSES, wanted)


# --- downloads -----------------------------------------------------------------------------------------


def _read_keras(name: str, files: str, class_names: tuple[str, ...], _: str, wanted: Wanted) -> Found:
    """Returns a data set of Keras. If the download fails, the message names the needed `files`."""
    from tf_keras import datasets

    try:
        (x_train, y_train), (x_test, y_test) = getattr(datasets, name).load_data()
    except Exception as error:  # If a download fails, the loader raises an error of the base class Exception.
        if not _is_download_failure(error):
            raise
        raise DataError(
            f"{name}: cannot be downloaded or read: {error}\n"
            f"offline: put {files} into ~/.keras/datasets, or convert it to an .npz and use npz:PATH"
        ) from error
    train = Raw(x_train, y_train, f"{name}: x_train", f"{name}: y_train")
    return Found(name, train, Raw(x_test, y_test, f"{name}: x_test", f"{name}: y_test"), class_names)


def _is_download_failure(error: Exception) -> bool:
    listed = (ImportError, OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
    own = type(error).__module__.startswith("tensorflow_datasets.")
    return isinstance(error, listed) or own or type(error) is Exception


def tfds_call(name: str, call: Callable[[Any], T]) -> T:
    """Returns the result of `call` with the module tensorflow_datasets.

    Raises:
      DataError: the package is not installed, or the data set is unknown or cannot be downloaded or read.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(
            f"tfds:{name}: tensorflow-datasets cannot be imported: {error}; "
            "install the extra: pip install 'amoeba-evolve[data]'"
        ) from error
    try:
        return call(tfds)
    except Exception as error:  # The download errors of tensorflow-datasets have no public base class.
        if isinstance(error, DataError) or not _is_download_failure(error):
            raise
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
        remedy = "offline: use npz:PATH or images:DIR"
        raise DataError(f"tfds:{name}: cannot be loaded: {reason}; {remedy}") from error


def _read_tfds(name: str, wanted: Wanted) -> Found:
    def loaded(tfds: Any) -> tuple[dict[str, Iterable[tuple[Array, Array]]], Any]:
        splits, info = tfds.load(name, as_supervised=True, with_info=True)
        return {split: tfds.as_numpy(examples) for split, examples in splits.items()}, info

    splits, info = tfds_call(name, loaded)
    if "train" not in splits:
        raise DataError(f"tfds:{name}: found splits {', '.join(sorted(splits)) or 'none'}; wanted train")
    parts = [
        _tfds_split(f"tfds:{name}: {split}", splits[split], wanted)
        for split in ("train", "validation", "test")
        if split in splits
    ]
    validation, test = folders.held_back_parts(parts[1:])
    label_feature = info.features[info.supervised_keys[1]]
    class_names = tuple(getattr(label_feature, "names", None) or ()) or None
    return Found(name, parts[0], test, class_names, validation)


def _tfds_split(where: str, examples: Iterable[tuple[Array, Array]], wanted: Wanted) -> Raw:
    images: list[Array] = []
    labels: list[Array] = []
    for example, label in examples:
        image = np.asarray(example)
        if image.ndim != 3:
            raise DataError(f"{where}: found shape {list(image.shape)}; wanted [height, width, channels]")
        sized = prepared(image, wanted.preparation((image.shape[0], image.shape[1])))
        if images and sized.shape[:2] != images[0].shape[:2]:
            sizes = " and ".join(f"{one.shape[0]}x{one.shape[1]}" for one in (images[0], sized))
            raise DataError(
                f"{where}: images differ in size, such as {sizes}; set one size, "
                f"for example {pasted('dataset.image_size', images[0].shape[:2])}"
            )
        images.append(sized)
        labels.append(label)
    if not images:
        raise DataError(f"{where}: no images")
    return Raw(stacked(images), np.asarray(labels), f"{where} images", f"{where} labels", is_prepared=True)


READERS: dict[str, Reader] = {
    "digits": Reader(_read_digits),
    "digits_scattered": Reader(_read_scattered),
    "npz": Reader(read_npz, "PATH"),
    "images": Reader(read_images, "DIR"),
    "mnist": Reader(partial(_read_keras, "mnist", "mnist.npz", DIGIT_CLASSES), needs_tensorflow=True),
    "fashion_mnist": Reader(
        partial(
            _read_keras,
            "fashion_mnist",
            "the folder fashion-mnist with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
            "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz",
            FASHION_MNIST_CLASSES,
        ),
        needs_tensorflow=True,
    ),
    # tf_keras stores the archives of the University of Toronto under other names.
    "cifar10": Reader(
        partial(_read_keras, "cifar10", "cifar-10-python.tar.gz, renamed cifar-10-batches-py.tar.gz,", CIFAR10_CLASSES),
        needs_tensorflow=True,
    ),
    "cifar100": Reader(
        partial(_read_keras, "cifar100", "cifar-100-python.tar.gz", CIFAR100_CLASSES), needs_tensorflow=True
    ),
    "tfds": Reader(_read_tfds, "NAME", needs_tensorflow=True),
}
