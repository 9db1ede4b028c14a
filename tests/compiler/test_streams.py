"""The parts and labels of a stream, and their faults, which it finds without opening an image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compiler import DataError
from compiler.images import data
from compiler.images.folders import Files
from compiler.images.streams import Stream


def tree(root: Path, *parts: str, each: int = 8) -> str:
    """Writes two classes for each part, which may be the folder itself. No two images are equal."""
    for index, part in enumerate(parts):
        for label, name in enumerate(("cat", "dog")):
            (root / part / name).mkdir(parents=True, exist_ok=True)
            for number in range(each):
                colour = (index * 50 + number, label * 200, 7)
                Image.new("RGB", (6, 6), colour).save(root / part / name / f"{number}.png")
    return f"images:{root}"


def find(source: str, **settings: Any) -> Stream:
    found = data.load(source, stream=True, **{"image_size": (6, 6), **settings})
    assert isinstance(found, Stream)
    return found


def test_its_description_is_that_of_its_data(tmp_path: Path) -> None:
    found = find(tree(tmp_path / "pets", ""), image_size=(4, 5))
    assert found.describe() == "pets: 10 train, 2 validation, 4 test images, streamed as 4x5x3, 2 classes"
    assert (found.input_shape, found.classes, found.class_names) == ((4, 5, 3), 2, ("cat", "dog"))
    assert len(found.mean) == len(found.std) == 3


def test_it_is_normalized_by_other_numbers_if_weights_expect_them(tmp_path: Path) -> None:
    found = find(tree(tmp_path, ""))
    other = found.normalized_by((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert (other.mean, other.std) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)) and other.train is found.train
    assert found.mean != other.mean


def test_it_is_found_without_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from compiler.images import data; "
        f"data.load({tree(tmp_path, '')!r}, stream=True, image_size=(4, 4)); "
        "print(sorted({'tensorflow', 'tf_keras'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("parts", "drawn"),
    [
        (("",), ("validation", "test")),
        (("train", "test"), ("validation",)),
        (("train", "val"), ("validation",)),
        (("train", "validation"), ("validation",)),
        (("train", "val", "test"), ()),
    ],
)
def test_the_parts_are_those_of_the_images_in_memory(tmp_path: Path, parts: tuple[str, ...], drawn: Any) -> None:
    source = tree(tmp_path, *parts)
    streamed, held = find(source, seed=3), data.load(source, seed=3)
    for part in ("train", "validation", "test"):
        files, images = getattr(streamed, part), getattr(held, part)
        np.testing.assert_array_equal(files.labels, images.labels)
        for path, image in zip(files.paths, images.images, strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(path)), image)
        own = {str(Path(path).relative_to(tmp_path).parts[0]) for path in files.paths}
        if part not in drawn and parts != ("",):
            assert len(own) == 1 and len(files) == 16 - 2 * (part == "train") * ("validation" in drawn)


def test_what_is_held_back_alone_is_the_test_set(tmp_path: Path) -> None:
    found = find(tree(tmp_path, "train", "val"))
    for part, name in ((found.test, "val"), (found.train, "train"), (found.validation, "train")):
        assert isinstance(part, Files) and all(f"/{name}/" in path for path in part.paths)


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("digits", {}, "digits is held in memory; only images:DIR and tfds:NAME are streamed"),
        ("image:x", {}, "did you mean 'images:x'"),
        ("images:/nowhere", {}, "no such folder"),
        (
            "images:/nowhere",
            {"image_size": None},
            r"image_size=None: .*--gin_param=\"dataset\.image_size=\(224, 224\)\"",
        ),
        ("images:/nowhere", {"image_size": (0, 4)}, r"image_size is \(0, 4\)"),
        ("images:/nowhere", {"stream": "yes"}, "stream is 'yes'; it must be True or False"),
    ],
)
def test_wrong_sources_and_settings_are_refused(source: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        data.load(source, **{"stream": True, "image_size": (4, 4), **settings})


def test_folders_that_cannot_be_streamed_are_refused(tmp_path: Path) -> None:
    source = tree(tmp_path, "train", "val", "validation")
    with pytest.raises(DataError, match="both val and validation for validation; move all but one away"):
        find(source)
    (tmp_path / "val").rename(tmp_path / "test")
    (tmp_path / "test" / "dog").rename(tmp_path / "test" / "fox")
    with pytest.raises(DataError, match="fox: no class of this name in train; allowed: cat, dog"):
        find(source)
    (tmp_path / "test" / "fox").rename(tmp_path / "test" / "dog")
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no images in it"):
        find(source)


def test_a_stream_of_one_class_is_refused(tmp_path: Path) -> None:
    source = tree(tmp_path, "")
    (tmp_path / "dog").rename(tmp_path.parent / f"{tmp_path.name}-dog")
    with pytest.raises(DataError, match=r"only one class \(cat\)"):
        find(source)


def test_grey_files_are_one_channel(tmp_path: Path) -> None:
    source = tree(tmp_path, "")
    for path in tmp_path.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    assert find(source).input_shape == (6, 6, 1)
    assert data.load(source).input_shape == (6, 6, 1)
    Image.new("RGB", (6, 6)).save(tmp_path / "cat" / "0.png")
    assert find(source).input_shape == (6, 6, 3)


# --- TensorFlow Datasets, made up ----------------------------------------------------------------------


def fake(
    monkeypatch: pytest.MonkeyPatch,
    counts: dict[str, int],
    *,
    file_format: str = "tfrecord",
    label: Any = None,
    unlabelled: tuple[str, ...] = (),
) -> None:
    """Writes a data set with `counts` records in each part, in files of 10."""

    def instructions(cut: str) -> SimpleNamespace:
        part, _, rest = cut.partition("[")
        first, _, last = rest.rstrip("]").partition(":")
        start, end = int(first or 0), int(last or counts[part])
        files = [
            SimpleNamespace(
                filename=f"{part}-{low}", skip=max(start - low, 0), take=min(end, low + 10) - max(start, low)
            )
            for low in range(0, counts[part], 10)
            if low < end and low + 10 > start
        ]
        return SimpleNamespace(file_instructions=files)

    class Splits(dict[str, Any]):
        def __missing__(self, cut: str) -> SimpleNamespace:
            return instructions(cut)

    features = {"image": object(), "label": label or SimpleNamespace(num_classes=3, names=["a", "b", "c"])}
    info = SimpleNamespace(
        splits=Splits({part: instructions(part) for part in counts}),
        features=features,
        supervised_keys=("image", "label"),
        file_format=file_format,
    )
    builder = SimpleNamespace(
        info=info,
        download_and_prepare=lambda: None,
        as_dataset=lambda split, decoders: [{"label": -1 if split.partition("[")[0] in unlabelled else 0}],
    )
    module = SimpleNamespace(
        builder=lambda name: builder, as_numpy=lambda examples: examples, decode=SimpleNamespace(SkipDecoding=object)
    )
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


def places(part: Any) -> list[tuple[str, int, int]]:
    return [(shard.path, shard.skip, shard.take) for shard in part.shards]


def test_the_first_records_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {"train": 30})
    found = find("tfds:letters", validation=8, test=5)
    assert places(found.test) == [("train-0", 0, 5)]
    assert places(found.validation) == [("train-0", 5, 5), ("train-10", 0, 3)]
    assert places(found.train) == [("train-10", 3, 7), ("train-20", 0, 10)]
    assert found.class_names == ("a", "b", "c")


def test_own_parts_are_left_whole_and_those_without_labels_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {"train": 30, "validation": 10, "test": 20})
    found = find("tfds:letters")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [30, 10, 20]
    fake(monkeypatch, {"train": 30, "validation": 10, "test": 20}, unlabelled=("test",))
    found = find("tfds:letters", validation=6)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [24, 6, 10]
    assert places(found.test) == [("validation-0", 0, 10)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"counts": {"test": 10}}, "tfds:letters: found splits test; wanted train"),
        ({"file_format": "array_record"}, "stored as array_record; a stream reads tfrecord"),
        ({"label": SimpleNamespace()}, "found image: object, label: SimpleNamespace; wanted images with a ClassLabel"),
        ({"label": SimpleNamespace(num_classes=1, names=["a"])}, "only one class"),
        ({"counts": {"train": 8}}, None),
    ],
)
def test_data_sets_that_cannot_be_streamed_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str | None
) -> None:
    fake(monkeypatch, **{"counts": {"train": 30}, **settings})
    with pytest.raises(DataError, match=message or "test=7: wanted 3 to 2 of the 8"):
        find("tfds:letters", test=7)
