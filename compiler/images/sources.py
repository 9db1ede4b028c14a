"""Where labelled images come from: one reader for each kind of source.

A reader returns what it finds; `compiler.images.data` checks it. TensorFlow is imported by the readers that cannot
do without it, and scikit-learn by `digits`, so that reading an .npz or a folder needs neither.
"""

from __future__ import annotations

import difflib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from compiler.errors import DataError
from compiler.images import folders

T = TypeVar("T")
Array = npt.NDArray[Any]
Size = tuple[int, int]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm")
GREY_MODES = frozenset({"1", "L", "LA", "La"})

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
DIGIT_CLASSES = tuple("0123456789")

NPZ_KEYS = "x_train and y_train (with or without x_test and y_test), or images and labels"


@dataclass(frozen=True, eq=False)
class Raw:
    """Images and labels as a source has them, unchecked, and what messages call them."""

    images: Array
    labels: Array
    images_name: str
    labels_name: str


@dataclass(frozen=True, eq=False)
class Found:
    """What a reader found; `test` and `validation` are None when the source has no such split of its own."""

    name: str
    train: Raw
    test: Raw | None = None
    class_names: tuple[str, ...] | None = None
    validation: Raw | None = None


@dataclass(frozen=True)
class Reader:
    """How to read one kind of source; `argument` names what follows the colon, if anything does."""

    read: Callable[[str, Size | None], Found]
    argument: str = ""


def read(source: str, image_size: Size | None = None) -> Found:
    """What `source` holds; `image_size` matters only to sources whose images differ in size.

    Raises:
        DataError: the source is unknown, missing or unreadable.
    """
    kind, argument = parsed(source)
    try:
        return READERS[kind].read(argument, image_size)
    except PermissionError as error:
        raise DataError(f"data source {source!r}: {error}") from error


def parsed(source: str) -> tuple[str, str]:
    """The kind of a source, one of `READERS`, and what follows the colon.

    Raises:
      DataError: the source is unknown, or what follows the colon is missing or too much.
    """
    if not isinstance(source, str) or not source.strip():
        raise DataError(f"no data source: source={source!r}; allowed: {_spellings()}")
    kind, colon, argument = source.partition(":")
    reader = READERS.get(kind)
    if reader is None:
        raise DataError(f"unknown data source {source!r}; {_suggestion(source)}allowed: {_spellings()}")
    if reader.argument and not argument.strip():
        raise DataError(f"data source {source!r} names no {reader.argument}: write {kind}:{reader.argument}")
    if colon and not reader.argument:
        raise DataError(f"data source {source!r}: {kind} takes nothing after it: write {kind}")
    return kind, argument


def resized(image: Array, size: Size) -> Array:
    """An image [height, width, channels] brought to `size`, bilinear; uint8 stays, the rest is float32."""
    if image.shape[:2] == tuple(size):
        return image
    height, width = size
    image = image if image.dtype == np.uint8 else image.astype(np.float32)
    # Plane by plane, because Pillow has no float images of several channels.
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, -1, 0))
    sized = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
    return np.stack(sized, axis=-1)


def _spellings() -> str:
    return ", ".join(kind + ":" * bool(reader.argument) + reader.argument for kind, reader in READERS.items())


def _suggestion(source: str) -> str:
    if os.path.isdir(os.path.expanduser(source)):
        return f"did you mean 'images:{source}'? "
    if source.endswith(".npz"):
        return f"did you mean 'npz:{source.partition(':')[2] or source}'? "
    kind, _, argument = source.partition(":")
    close = difflib.get_close_matches(kind.strip().lower(), READERS, n=1)
    if not close:
        return ""
    wanted = READERS[close[0]].argument
    return f"did you mean {close[0] + (':' + (argument or wanted) if wanted else '')!r}? "


# --- embedded and .npz ---------------------------------------------------------------------------------


def _read_digits(_: str, image_size: Size | None) -> Found:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    raw = Raw(bunch.images, bunch.target, "digits: images", "digits: labels")
    return Found("digits", raw, class_names=DIGIT_CLASSES)


def _read_npz(path: str, image_size: Size | None) -> Found:
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        raise DataError(f"npz:{path}: a folder, not a file; images:DIR reads a folder for each class")
    if not os.path.isfile(path):
        raise DataError(f"npz:{path}: no such file{folders.neighbour(path)}")
    try:
        archive = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"npz:{path}: not an .npz file: {error}; numpy.savez writes one") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"npz:{path}: one array (.npy), not an .npz file with {NPZ_KEYS}")
    with archive:
        keys = set(archive.files)
        split = keys.issuperset(("x_train", "y_train"))
        if not (split or keys.issuperset(("images", "labels"))) or len(keys & {"x_test", "y_test"}) == 1:
            raise DataError(f"npz:{path}: found keys {', '.join(sorted(keys)) or 'none'}; wanted {NPZ_KEYS}")
        train = _npz_pair(archive, path, *(("x_train", "y_train") if split else ("images", "labels")))
        test = _npz_pair(archive, path, "x_test", "y_test") if "x_test" in keys else None
    return Found(Path(path).stem, train, test)


def _npz_pair(archive: np.lib.npyio.NpzFile, path: str, images_key: str, labels_key: str) -> Raw:
    arrays = []
    for key in (images_key, labels_key):
        try:
            value = archive[key]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            advice = "; objects are never read: save plain numbers" if "pickle" in str(error) else ""
            raise DataError(f"npz:{path}: {key} cannot be read: {error}{advice}") from error
        if not isinstance(value, np.ndarray):
            raise DataError(f"npz:{path}: {key} is not an array: numpy.savez writes arrays")
        arrays.append(value)
    return Raw(arrays[0], arrays[1], f"npz:{path}: {images_key}", f"npz:{path}: {labels_key}")


# --- a folder for each class ---------------------------------------------------------------------------


def _read_images(folder: str, image_size: Size | None) -> Found:
    tree = folders.scan(folder, SUFFIXES)
    parts = [part for part in (tree.train, tree.validation, tree.test) if part is not None]
    decoded = _stacked([(path, _decoded(Path(path), image_size)) for part in parts for path in part.paths])
    starts = np.cumsum([len(part) for part in parts])[:-1]
    raws = [
        Raw(images, part.labels, f"images:{folder}", f"images:{folder}")
        for part, images in zip(parts, np.split(decoded, starts), strict=True)
    ]
    validation, test = folders.held_back_parts(raws[1:])
    return Found(tree.name, raws[0], test, tree.class_names, validation)


def _decoded(path: Path, image_size: Size | None) -> Array:
    """One file as uint8 [height, width, 1 or 3]."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                # Pillow would clip these to 255 in silence.
                raise DataError(f"{path}: more than 8 bits a pixel (mode {image.mode}); convert it to 8 bits")
            pixels = np.asarray(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as an image: {error}") from error
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return resized(pixels, image_size) if image_size else pixels


def _stacked(named: Sequence[tuple[str, Array]]) -> Array:
    """Images [height, width, channels] of one size as one array [n, ...]; grey joins colour as RGB."""
    first_name, first = named[0]
    for name, image in named:
        if image.shape[:2] != first.shape[:2]:
            raise DataError(
                f"images differ in size: {first_name} is {_size(first)}, {name} is {_size(image)}; "
                f"set image_size, for example image_size=({first.shape[0]}, {first.shape[1]})"
            )
    channels = max(image.shape[2] for _, image in named)
    stacked = np.empty((len(named), *first.shape[:2], channels), first.dtype)
    for index, (_, image) in enumerate(named):
        stacked[index] = image
    return stacked


def _size(image: Array) -> str:
    return f"{image.shape[0]}x{image.shape[1]} (height x width)"


# --- downloads -----------------------------------------------------------------------------------------


def _keras_reader(name: str, files: str, class_names: tuple[str, ...]) -> Callable[[str, Size | None], Found]:
    def read_keras(_: str, image_size: Size | None) -> Found:
        from tf_keras import datasets

        try:
            (x_train, y_train), (x_test, y_test) = getattr(datasets, name).load_data()
        except Exception as error:  # the loader raises plain Exception when a download fails
            if not _is_download_failure(error):
                raise
            raise DataError(
                f"{name}: cannot be downloaded or read: {error}\n"
                f"offline: put {files} into ~/.keras/datasets, or convert it to an .npz and use npz:PATH"
            ) from error
        train = Raw(x_train, y_train, f"{name}: x_train", f"{name}: y_train")
        return Found(name, train, Raw(x_test, y_test, f"{name}: x_test", f"{name}: y_test"), class_names)

    return read_keras


def _is_download_failure(error: Exception) -> bool:
    listed = (ImportError, OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
    own = type(error).__module__.startswith("tensorflow_datasets.")
    return isinstance(error, listed) or own or type(error) is Exception


def tfds_call(name: str, call: Callable[[Any], T]) -> T:
    """What `call` makes of the module tensorflow_datasets.

    Raises:
      DataError: that is not installed, or the data set is unknown or cannot be downloaded or read.
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
    except Exception as error:  # its download errors share no public root
        if isinstance(error, DataError) or not _is_download_failure(error):
            raise
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
        remedy = "offline: use npz:PATH or images:DIR"
        raise DataError(f"tfds:{name}: cannot be loaded: {reason}; {remedy}") from error


def _read_tfds(name: str, image_size: Size | None) -> Found:
    def loaded(tfds: Any) -> tuple[dict[str, Iterable[tuple[Array, Array]]], Any]:
        splits, info = tfds.load(name, as_supervised=True, with_info=True)
        return {split: tfds.as_numpy(examples) for split, examples in splits.items()}, info

    splits, info = tfds_call(name, loaded)
    if "train" not in splits:
        raise DataError(f"tfds:{name}: found splits {', '.join(sorted(splits)) or 'none'}; wanted train")
    parts = [
        _tfds_split(f"tfds:{name}: {split}", splits[split], image_size)
        for split in ("train", "validation", "test")
        if split in splits
    ]
    validation, test = folders.held_back_parts(parts[1:])
    label_feature = info.features[info.supervised_keys[1]]
    class_names = tuple(getattr(label_feature, "names", None) or ()) or None
    return Found(name, parts[0], test, class_names, validation)


def _tfds_split(where: str, examples: Iterable[tuple[Array, Array]], image_size: Size | None) -> Raw:
    images: list[tuple[str, Array]] = []
    labels: list[Array] = []
    for example, label in examples:
        image = np.asarray(example)
        if image.ndim != 3:
            raise DataError(f"{where}: found shape {list(image.shape)}; wanted [height, width, channels]")
        images.append((f"{where} image {len(images)}", resized(image, image_size) if image_size else image))
        labels.append(label)
    if not images:
        raise DataError(f"{where}: no images")
    return Raw(_stacked(images), np.asarray(labels), f"{where} images", f"{where} labels")


READERS: dict[str, Reader] = {
    "digits": Reader(_read_digits),
    "npz": Reader(_read_npz, "PATH"),
    "images": Reader(_read_images, "DIR"),
    "mnist": Reader(_keras_reader("mnist", "mnist.npz", DIGIT_CLASSES)),
    "fashion_mnist": Reader(
        _keras_reader(
            "fashion_mnist",
            "the folder fashion-mnist with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
            "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz",
            FASHION_MNIST_CLASSES,
        )
    ),
    # tf_keras gives the archives of the University of Toronto names of its own.
    "cifar10": Reader(
        _keras_reader("cifar10", "cifar-10-python.tar.gz, renamed cifar-10-batches-py.tar.gz,", CIFAR10_CLASSES)
    ),
    "cifar100": Reader(_keras_reader("cifar100", "cifar-100-python.tar.gz", CIFAR100_CLASSES)),
    "tfds": Reader(_read_tfds, "NAME"),
}
