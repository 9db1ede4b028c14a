from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from compiler import CompileError, DataError, Dataset, Images
from compiler.images.data import load
from compiler.images.readers import CIFAR100_CLASSES, READERS

Array = npt.NDArray[Any]


def made_up(classes: int = 3, each: int = 10, size: int = 4, channels: int = 3) -> tuple[Array, Array]:
    """Returns images of which no two are equal, with labels in a mixed order."""
    labels = np.tile(np.arange(classes), each)
    images = np.random.default_rng(7).integers(0, 256, (len(labels), size, size, channels), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))
    return images, labels


def save_npz(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


def save_folders(root: Path, *, each: int = 8, size: int = 6, start: int = 0) -> str:
    """Writes a folder for each of two classes, `cat` and `dog`, and returns the source."""
    images, labels = made_up(2, each, size)
    images[:, 0, 0, 0] += start
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / ("cat", "dog")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")
    return f"images:{root}"


def keys(part: Images) -> set[bytes]:
    return {image.tobytes() for image in part.images}


def parts(dataset: Dataset) -> tuple[Images, Images, Images]:
    return dataset.train, dataset.validation, dataset.test


# --- the contract of every source ----------------------------------------------------------------------


def digits(_: Path) -> str:
    return "digits"


def digits_scattered(_: Path) -> str:
    return "digits_scattered"


def npz_whole(folder: Path) -> str:
    images, labels = made_up()
    return save_npz(folder / "toy.npz", images=images, labels=labels)


def npz_with_test(folder: Path) -> str:
    images, labels = made_up(each=14)
    train, test = slice(0, 30), slice(30, None)
    return save_npz(
        folder / "toy.npz",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


def grey_floats(folder: Path) -> str:
    images, labels = made_up()
    return save_npz(folder / "grey.npz", images=images[..., 0] / 255, labels=labels.astype(np.float64))


def folders(folder: Path) -> str:
    return save_folders(folder / "pets")


def folders_with_test(folder: Path) -> str:
    save_folders(folder / "pets" / "train")
    save_folders(folder / "pets" / "test", each=3, start=100)
    return f"images:{folder / 'pets'}"


GIVEN = [digits, npz_whole, npz_with_test, grey_floats, folders, folders_with_test]


@pytest.fixture(params=[*GIVEN, digits_scattered])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    make: Callable[[Path], str] = request.param
    return make(tmp_path)


@pytest.fixture(params=GIVEN)
def given(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Returns a source whose images do not depend on the random seed."""
    make: Callable[[Path], str] = request.param
    return make(tmp_path)


class TestEverySource:
    def test_images_and_labels_have_fixed_shapes_and_types(self, source: str) -> None:
        dataset = load(source)
        for part in parts(dataset):
            assert part.images.shape == (len(part), *dataset.input_shape)
            assert part.images.dtype in (np.uint8, np.float32)
            assert part.images.dtype == dataset.train.images.dtype
            assert part.labels.shape == (len(part),)
            assert part.labels.dtype == np.int32
        assert len(dataset.mean) == len(dataset.std) == dataset.input_shape[2]

    def test_every_part_holds_every_class(self, source: str) -> None:
        dataset = load(source)
        for part in parts(dataset):
            assert np.unique(part.labels).tolist() == list(range(dataset.classes))

    def test_the_seed_alone_draws(self, source: str) -> None:
        first, again, other = load(source, seed=3), load(source, seed=3), load(source, seed=4)
        for one, two in zip(parts(first), parts(again), strict=True):
            assert np.array_equal(one.images, two.images)
            assert np.array_equal(one.labels, two.labels)
        assert keys(first.validation) != keys(other.validation)

    def test_every_source_can_be_resized(self, source: str) -> None:
        dataset = load(source, image_size=(5, 7))
        assert dataset.input_shape[:2] == (5, 7)
        assert dataset.train.images.dtype == load(source).train.images.dtype


class TestEverySourceOfGivenImages:
    def test_parts_are_disjoint_and_lose_nothing(self, given: str) -> None:
        dataset = load(given)
        found = [keys(part) for part in parts(dataset)]
        assert not found[0] & found[1] and not found[0] & found[2] and not found[1] & found[2]
        other = load(given, seed=1, validation=0.3)
        assert set.union(*found) == set.union(*(keys(part) for part in parts(other)))

    def test_drawn_parts_are_stratified(self, given: str) -> None:
        dataset = load(given, validation=0.25)
        held_out = np.bincount(dataset.validation.labels)
        before = held_out + np.bincount(dataset.train.labels)
        assert np.all(np.abs(held_out - before * held_out.sum() / before.sum()) <= 1)

    def test_labels_stay_with_their_images(self, given: str) -> None:
        labelled = [
            {image.tobytes(): int(label) for image, label in zip(part.images, part.labels, strict=True)}
            for seed in (0, 1)
            for part in parts(load(given, seed=seed))
        ]
        one, two = ({**a, **b, **c} for a, b, c in (labelled[:3], labelled[3:]))
        assert one == two


# --- datasets ------------------------------------------------------------------------------------------


def test_digits_has_its_parts_and_classes() -> None:
    dataset = load(validation=0.2)
    assert dataset.describe() == ("digits: 1,149 train, 288 validation, 360 test images of 8x8x1, 10 classes")
    assert dataset.class_names == tuple("0123456789")


def test_loading_digits_leaves_tensorflow_alone() -> None:
    code = (
        "import sys, compiler.images.data; assert 'sklearn' not in sys.modules; compiler.images.data.load(); "
        "print(sorted({'tensorflow', 'tf_keras', 'keras', 'gin'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


def test_statistics_are_those_of_the_training_part(tmp_path: Path) -> None:
    dataset = load(npz_with_test(tmp_path))
    pixels = dataset.train.images.reshape(-1, 3).astype(np.float64)
    assert dataset.mean == pytest.approx(pixels.mean(axis=0))
    assert dataset.std == pytest.approx(pixels.std(axis=0))


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3])
def test_a_constant_channel_has_deviation_one(tmp_path: Path, value: float) -> None:
    images = np.full((2000, 2, 2, 1), value, np.float32)
    dataset = load(save_npz(tmp_path / "flat.npz", images=images, labels=np.arange(2000) % 2))
    assert dataset.std == (1.0,)
    assert dataset.mean == pytest.approx((value,))


def test_an_own_test_split_is_left_whole_and_in_order(tmp_path: Path) -> None:
    images, _ = made_up(each=14)
    dataset = load(npz_with_test(tmp_path), test=0.9, seed=5)
    assert np.array_equal(dataset.test.images, images[30:])


def test_a_number_of_images_is_exact(tmp_path: Path) -> None:
    dataset = load(npz_whole(tmp_path), validation=7, test=5)
    assert [len(part) for part in parts(dataset)] == [18, 7, 5]


def test_a_fraction_gives_way_to_one_image_of_each_class(tmp_path: Path) -> None:
    images, labels = made_up(each=3)
    dataset = load(save_npz(tmp_path / "few.npz", images=images, labels=labels), validation=0.01, test=0.99)
    assert [len(part) for part in parts(dataset)] == [3, 3, 3]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 255], np.int64), np.uint8),
        (np.array([0, 256], np.uint16), np.float32),
        (np.array([-1, 255], np.int32), np.float32),
        (np.array([False, True]), np.uint8),
        (np.array([0.0, 1.0], np.float16), np.float32),
    ],
)
def test_pixels_become_bytes_where_they_fit(tmp_path: Path, values: Array, dtype: type) -> None:
    images = np.tile(values, (12, 1, 1, 1))
    dataset = load(save_npz(tmp_path / "types.npz", images=images, labels=np.arange(12) % 2))
    assert dataset.train.images.dtype == dtype
    assert np.array_equal(dataset.train.images[0].ravel(), values)


def test_a_column_of_labels_is_a_list_of_labels(tmp_path: Path) -> None:
    images, labels = made_up()
    dataset = load(save_npz(tmp_path / "column.npz", images=images, labels=labels[:, None]))
    assert dataset.class_names == ("0", "1", "2")


# --- folders -------------------------------------------------------------------------------------------


def test_folder_names_are_the_classes(tmp_path: Path) -> None:
    (tmp_path / "pets" / ".cache").mkdir(parents=True)
    dataset = load(save_folders(tmp_path / "pets"))
    (tmp_path / "pets" / "cat" / ".hidden.png").write_text("no image")
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("no image")
    assert load(f"images:{tmp_path / 'pets'}").describe() == dataset.describe()
    assert (dataset.name, dataset.class_names, dataset.input_shape) == ("pets", ("cat", "dog"), (6, 6, 3))


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG", "bmp", "gif", "ppm"])
def test_grey_files_of_every_kind_are_read(tmp_path: Path, suffix: str) -> None:
    for name, value in (("dark", 10), ("light", 200)):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("L", (5, 4), value + index).save(tmp_path / name / f"{index}.{suffix}")
    dataset = load(f"images:{tmp_path}")
    assert dataset.input_shape[:2] == (4, 5)
    assert np.all((dataset.train.images > 100) == (dataset.train.labels == 1)[:, None, None, None])


def test_grey_and_colour_together_are_colour(tmp_path: Path) -> None:
    source = save_folders(tmp_path)
    Image.new("L", (6, 6), 9).save(tmp_path / "cat" / "grey.png")
    Image.new("RGBA", (6, 6)).save(tmp_path / "cat" / "clear.png")
    assert load(source).input_shape == (6, 6, 3)


def test_folders_of_several_sizes_need_image_size(tmp_path: Path) -> None:
    source = save_folders(tmp_path)
    Image.new("RGB", (9, 5)).save(tmp_path / "dog" / "wide.png")
    with pytest.raises(DataError, match=r"0\.png is 6x6 .*wide\.png is 5x9 .*image_size=\(6, 6\)"):
        load(source)
    assert load(source, image_size=(3, 4)).input_shape == (3, 4, 3)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    source = save_folders(tmp_path)
    (tmp_path / "cat").rename(tmp_path / "train")
    assert load(source).class_names == ("dog", "train")


# --- downloads -----------------------------------------------------------------------------------------


def test_a_data_set_of_tf_keras_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = made_up(10, 6, 28)
    grey = images[..., 0]
    monkeypatch.setattr(
        "tf_keras.datasets.mnist.load_data", lambda: ((grey, labels[:, None]), (grey[:20], labels[:20]))
    )
    dataset = load("mnist")
    assert dataset.describe() == "mnist: 50 train, 10 validation, 20 test images of 28x28x1, 10 classes"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "t10k-labels-idx1-ubyte.gz"),
        ("cifar10", "cifar-10-batches-py.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
    ],
)
def test_a_failed_download_has_advice(monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
    def fail() -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(f"tf_keras.datasets.{name}.load_data", fail)
    with pytest.raises(DataError) as caught:
        load(name)
    for part in (name, "URL fetch failure", file, "~/.keras/datasets", "npz:PATH"):
        assert part in str(caught.value)


def test_a_mistake_in_a_loader_keeps_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken() -> None:
        raise KeyError("x")

    monkeypatch.setattr("tf_keras.datasets.mnist.load_data", mistaken)
    with pytest.raises(KeyError):
        load("mnist")


def test_cifar100_has_a_hundred_names() -> None:
    assert len(set(CIFAR100_CLASSES)) == 100
    assert sorted(CIFAR100_CLASSES) == list(CIFAR100_CLASSES)


def fake_tfds(monkeypatch: pytest.MonkeyPatch, splits: dict[str, Any]) -> None:
    features = {"label": SimpleNamespace(names=["a", "b", "c"])}
    info = SimpleNamespace(features=features, supervised_keys=("image", "label"))
    module = SimpleNamespace(load=lambda *_, **__: (splits, info), as_numpy=lambda split: split)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


def test_a_data_set_of_tfds_has_its_parts_and_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = list(zip(*made_up(), strict=True))
    fake_tfds(monkeypatch, {"train": examples, "test": examples[:6]})
    dataset = load("tfds:letters")
    assert dataset.describe() == "letters: 27 train, 3 validation, 6 test images of 4x4x3, 3 classes"
    assert dataset.class_names == ("a", "b", "c")


def test_tfds_without_images_or_training_part(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tfds(monkeypatch, {"train": [(b"some text", 0)]})
    with pytest.raises(DataError, match=r"tfds:letters: train: found shape \[\]"):
        load("tfds:letters")
    fake_tfds(monkeypatch, {"validation": []})
    with pytest.raises(DataError, match="found splits validation; wanted train"):
        load("tfds:letters")


def test_a_data_set_of_tfds_that_cannot_be_loaded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("Dataset lettres not found.\nAvailable datasets: ...")

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", SimpleNamespace(load=fail))
    with pytest.raises(DataError, match="tfds:lettres: cannot be loaded: Dataset lettres not found; offline"):
        load("tfds:lettres")


def test_tfds_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DataError, match=r"pip install 'amoeba-evolve\[data\]'"):
        load("tfds:svhn_cropped")


# --- wrong sources and files, and their messages -------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("digit", "unknown data source 'digit'; did you mean 'digits'"),
        ("CIFAR10", "did you mean 'cifar10'"),
        ("npy:a.npz", "did you mean 'npz:a.npz'"),
        ("some/file.npz", "did you mean 'npz:some/file.npz'"),
        ("zzz", "allowed: digits, digits_scattered, npz:PATH, images:DIR, mnist"),
        ("", "dataset.source is ''; it must be a text that names images"),
        ("npz:", "write npz:PATH"),
        ("digits:8", "digits takes nothing after it"),
        ("npz:/nowhere/a.npz", "there is no folder /nowhere"),
        ("npz:/", "a folder, not a file"),
        ("images:/nowhere", "images:/nowhere: no such folder"),
        (f"images:{__file__}", "a file, not a folder"),
    ],
)
def test_wrong_sources_are_refused(source: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load(source)
    assert message in str(caught.value)


def test_a_misspelt_file_and_a_bare_folder_are_refused(tmp_path: Path) -> None:
    source = npz_whole(tmp_path)
    with pytest.raises(DataError, match=r"no such file; did you mean '.*toy\.npz'"):
        load(source.replace("toy", "tyo"))
    with pytest.raises(DataError, match="did you mean 'images:"):
        load(str(tmp_path))


@pytest.mark.parametrize("share", [0, 0.0, 1.0, -0.1, -3, 2.5, float("nan"), True, "0.1", None])
@pytest.mark.parametrize("setting", ["validation", "test"])
def test_shares_out_of_range_are_refused(setting: str, share: Any) -> None:
    with pytest.raises(DataError, match=rf"dataset\.{setting} is .*; it must be a share between 0 and 1, or"):
        load(**{setting: share})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "dataset.seed is -1"),
        ({"seed": 1.5}, "dataset.seed is 1.5"),
        ({"image_size": (8,)}, r"image_size is \(8,\).*height, width"),
        ({"image_size": (8, 0)}, r"image_size is \(8, 0\)"),
        ({"image_size": 8}, "image_size is 8"),
        ({"validation": 9}, "validation=9: wanted 10 to 1,427 of the 1,437"),
        ({"test": 1790}, "test=1790: wanted 10 to 1,777 of the 1,797"),
    ],
)
def test_settings_of_data_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(**settings)


IMAGES, LABELS = made_up()
ONE_NAN = np.where(np.arange(30)[:, None, None, None] == 4, np.nan, IMAGES / 255)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES, "y": LABELS}, "found keys x, y; wanted x_train and y_train"),
        ({}, "found keys none"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, "found keys x_test, x_train, y_train;"),
        ({"images": IMAGES, "labels": LABELS.astype(object)}, "labels cannot be read: Object arrays"),
        ({"images": IMAGES[0, 0], "labels": LABELS}, r"images has shape \[4, 3\]: wanted \[n, height"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images holds no images"),
        ({"images": IMAGES[:, :0], "labels": LABELS}, "at least one pixel"),
        ({"images": IMAGES.astype("U3"), "labels": LABELS}, "images has type <U3"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "images holds 30 images and .*labels 29 labels"),
        ({"images": ONE_NAN, "labels": LABELS}, "48 NaN or infinite pixels, the first in image 4"),
        ({"images": IMAGES * 1e300, "labels": LABELS}, "infinite"),
        ({"images": IMAGES, "labels": LABELS * 0}, r"only one class \(0\); wanted at least 2"),
        ({"images": IMAGES, "labels": LABELS + 1}, "run from 1 to 3, without 0; wanted"),
        ({"images": IMAGES, "labels": LABELS - 1}, "run from -1 to 1; wanted"),
        ({"images": IMAGES, "labels": LABELS * 10**9}, "from 0 to 2000000000, without 1, 2, 3, .*, 8, "),
        ({"images": IMAGES, "labels": LABELS.astype(str)}, "labels holds text"),
        ({"images": IMAGES, "labels": LABELS > 0}, "labels has type bool"),
        ({"images": IMAGES, "labels": np.eye(3)[LABELS]}, r"shape \[30, 3\].*argmax\(axis=1\).*one-hot"),
        ({"images": IMAGES, "labels": LABELS / 2}, r"holds the label 0\.5"),
        ({"images": IMAGES, "labels": np.where(LABELS == 1, np.nan, LABELS)}, "holds the label nan"),
        ({"images": IMAGES[:5], "labels": LABELS[:5]}, "class '2' has 1 training images: wanted at least 3"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, Array], message: str) -> None:
    source = save_npz(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        load(source)
    assert "wrong.npz" in str(caught.value) or "class '2'" in str(caught.value)


@pytest.mark.parametrize(
    ("x_test", "y_test", "message"),
    [
        (IMAGES[..., :1], LABELS, r"x_train holds uint8 images \[4, 4, 3\] and .*x_test uint8 images \[4, 4, 1\]"),
        (IMAGES / 255, LABELS, "x_test float32 images"),
        (IMAGES, LABELS + 1, "y_test: labels run from 1 to 3; wanted 0 to 2"),
    ],
)
def test_a_test_part_of_other_images_is_refused(tmp_path: Path, x_test: Array, y_test: Array, message: str) -> None:
    source = save_npz(tmp_path / "wrong.npz", x_train=IMAGES, y_train=LABELS, x_test=x_test, y_test=y_test)
    with pytest.raises(DataError, match=message):
        load(source)


def test_files_that_are_not_npz_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", IMAGES)
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    whole = Path(npz_whole(tmp_path).removeprefix("npz:")).read_bytes()
    (tmp_path / "short.npz").write_bytes(whole[:-50])
    for name, message in (
        ("one.npy", "one array"),
        ("text.npz", "not an .npz file"),
        ("empty.npz", "not an .npz file"),
        ("short.npz", "not an .npz file"),
    ):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            load(f"npz:{tmp_path / name}")


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    path = Path(npz_whole(tmp_path).removeprefix("npz:"))
    data = bytearray(path.read_bytes())
    data[300:320] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(DataError, match="images cannot be read"):
        load(f"npz:{path}")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    source = save_folders(tmp_path)
    whole = (tmp_path / "cat" / "0.png").read_bytes()
    for damaged in (b"", b"no image", whole[: len(whole) // 2], whole[:40] + bytes(20) + whole[60:]):
        (tmp_path / "cat" / "bad.png").write_bytes(damaged)
        with pytest.raises(DataError, match=r"1 file cannot be read as an image:\n.*bad\.png: .*\n.*unreadable='skip'"):
            load(source)


def test_incomplete_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders in it"):
        load(f"images:{tmp_path}")
    source = save_folders(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no images in it; allowed: \.png"):
        load(source)
    (tmp_path / "empty").rmdir()
    (tmp_path / "dog").rename(tmp_path.parent / f"{tmp_path.name}-dog")
    with pytest.raises(DataError, match=r"only one class \(cat\)"):
        load(source)


def test_a_test_folder_with_a_class_of_its_own_is_refused(tmp_path: Path) -> None:
    source = folders_with_test(tmp_path)
    (tmp_path / "pets" / "test" / "dog").rename(tmp_path / "pets" / "test" / "fox")
    with pytest.raises(DataError, match="fox: no class of this name in train; allowed: cat, dog"):
        load(source)


def test_errors_have_one_root() -> None:
    assert issubclass(DataError, CompileError)
    assert {"digits", "npz", "images", "tfds"} <= set(READERS)
