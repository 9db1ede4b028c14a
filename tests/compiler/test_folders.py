"""Folders of images: the parts by the names of folders, ignored files, and refused ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compiler import DataError
from compiler.images import in_memory, inventory, manifest
from compiler.images.data import digest, load
from compiler.images.decoding import Unreadable, pixels
from compiler.images.folders import counted, scan
from compiler.images.inventory import look

SUFFIXES = (".png", ".jpg")


def image(path: Path, colour: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (colour, 0, 0)).save(path)
    return path


def part(root: Path, name: str, each: int = 3, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    for label in classes:
        for number in range(each):
            image(root / name / label / f"{number}.png", (hash((name, label)) + number) % 256)


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "Val", "VALID"])
@pytest.mark.parametrize("test", ["test", "testing", "Test"])
@pytest.mark.parametrize("train", ["train", "Train", "training"])
def test_the_names_of_parts(tmp_path: Path, train: str, name: str, test: str) -> None:
    for index, folder in enumerate((train, name, test)):
        part(tmp_path, folder, index + 1)
    found = scan(str(tmp_path), SUFFIXES)
    assert [len(one) for one in found.parts] == [2, 4, 6]
    assert (found.class_names, found.remarks) == (("cat", "dog"), ())


@pytest.mark.parametrize("name", ["val", "dev", "testing", "holdout", "eval"])
def test_what_is_held_back_alone_is_the_test_set_whatever_its_name(tmp_path: Path, name: str) -> None:
    part(tmp_path, "train")
    part(tmp_path, name)
    found = scan(str(tmp_path), SUFFIXES)
    assert found.validation is None and found.test is not None
    assert all(f"/{name}/" in path for path in found.test.paths)
    remark = f"the folder {name} is the test set: no other part was found beside the training images"
    assert found.remarks == (() if name == "testing" else (("test", remark),))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train", "val", "valid"), "has both val and valid for validation; move all but one away"),
        (("train", "test", "testing"), "has both test and testing for test"),
        (("train", "training", "test"), "has both train and training for train"),
        (("train", "val", "tst"), r"tst: stands beside train and is not a known part.*did you mean 'test'"),
        (("train", "test", "extra"), r"extra: stands beside train .*rename it, or move it away"),
        (("test", "val"), "has a folder val and test and none named train"),
    ],
)
def test_ambiguous_names_of_parts_are_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        part(tmp_path, name)
    with pytest.raises(DataError, match=message):
        scan(str(tmp_path), SUFFIXES)


@pytest.mark.parametrize("name", ["test", "valid", "Testing"])
def test_a_part_without_classes_is_refused(tmp_path: Path, name: str) -> None:
    part(tmp_path, "train")
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=rf"{name}: no folders in it; wanted one folder of images for each class"):
        scan(str(tmp_path), SUFFIXES)
    image(tmp_path / name / "loose.png")
    with pytest.raises(DataError, match=f"{name}: no folders in it"):
        scan(str(tmp_path), SUFFIXES)


def test_classes_that_a_part_lacks_are_reported(tmp_path: Path) -> None:
    part(tmp_path, "train")
    part(tmp_path, "test", classes=("dog",))
    assert scan(str(tmp_path), SUFFIXES).remarks == (("classes", "the folder test has no images of cat"),)


def test_every_ignored_file_is_counted_once_by_its_reason(tmp_path: Path) -> None:
    part(tmp_path, "train")
    part(tmp_path, "test")
    image(tmp_path / "train" / "loose.png")
    image(tmp_path / "train" / "cat" / "deep" / "deeper" / "a.png")
    (tmp_path / "train" / "cat" / "deep" / "b.txt").write_text("")
    (tmp_path / "test" / "dog" / "NOTES.TXT").write_text("")
    (tmp_path / "test" / "dog" / "photo.heic").write_text("")
    (tmp_path / "test" / "dog" / "photo").write_text("")
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "train" / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = scan(str(tmp_path), SUFFIXES)
    assert found.ignored == {
        "beside the folders of classes": 1, "in folders inside classes": 2, ".txt": 1, ".heic": 1,
        "without an ending": 1, "hidden": 1, "broken links": 1,
    }  # fmt: skip
    assert counted(found.ignored).startswith("8 files ignored: 2 in folders inside classes, 1 ")
    assert counted({}) == ""


def test_names_that_are_not_utf8_are_refused_for_classes_and_allowed_for_files(tmp_path: Path) -> None:
    root = tmp_path / "own"
    part(root, "")
    os.mkdir(os.fsencode(root) + b"/caf\xe9")
    with pytest.raises(DataError, match=r"caf\\udce9: the name of this class is not UTF-8; rename the folder"):
        scan(str(root), SUFFIXES)
    os.rmdir(os.fsencode(root) + b"/caf\xe9")
    # the name of a file does not matter
    os.rename(root / "cat" / "0.png", os.fsencode(root) + b"/cat/caf\xe9.png")
    for stream in (False, True):
        assert len(load(f"images:{root}", image_size=(4, 4), stream=stream, inventory_folder=tmp_path).train) == 2


# --- .npz --------------------------------------------------------------------------------------------------

IMAGES, LABELS = np.zeros((12, 6, 6, 3), np.uint8), np.arange(12) % 2


def npz(path: Path, *names: str, **others: Any) -> str:
    pairs: dict[str, Any] = {f"x_{name}": IMAGES + number for number, name in enumerate(names)}
    pairs |= {f"y_{name}": LABELS for name in names} | others
    np.savez(path / "own.npz", **pairs)
    return f"npz:{path / 'own.npz'}"


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
def test_validation_images_of_an_npz_are_the_validation_part(tmp_path: Path, name: str) -> None:
    found = load(npz(tmp_path, "train", name, "test"))
    assert [int(one.images[0, 0, 0, 0]) for one in (found.train, found.validation, found.test)] == [0, 1, 2]
    alone = load(npz(tmp_path, "train", name))
    assert int(alone.test.images[0, 0, 0, 0]) == 1 and int(alone.validation.images[0, 0, 0, 0]) == 0
    assert alone.remarks == (("test", f"x_{name} is the test set: no other part was found beside the training images"),)


@pytest.mark.parametrize(
    ("names", "others", "message"),
    [
        (("train", "val", "dev"), {}, "has both x_val and x_dev for validation; leave one out"),
        (("train", "extra"), {}, "x_extra, y_extra do not belong to a known part"),
        (("train",), {"x_val": IMAGES}, "x_val do not belong to a known part"),
        (("val", "test"), {}, "found keys x_test, x_val, y_test, y_val; wanted x_train and y_train"),
    ],
)
def test_ambiguous_names_of_arrays_are_refused(
    tmp_path: Path, names: tuple[str, ...], others: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(npz(tmp_path, *names, **others))


def test_arrays_that_are_ignored_are_named(tmp_path: Path) -> None:
    found = load(npz(tmp_path, "train", ids=LABELS, notes=LABELS))
    assert found.remarks == (("ignored", "arrays of the .npz file that are not read: ids, notes"),)


def test_channels_in_the_second_place_are_asked_about(tmp_path: Path) -> None:
    first = np.moveaxis(np.arange(12 * 8 * 7 * 3).reshape(12, 8, 7, 3) % 251, -1, 1).astype(np.uint8)
    np.savez(tmp_path / "own.npz", images=first, labels=LABELS)
    source = f"npz:{tmp_path / 'own.npz'}"
    with pytest.raises(DataError, match=r"""shape \[12, 3, 8, 7\].*--gin_param="dataset.channels='first'".*'last'"""):
        load(source)
    assert load(source, channels="first").input_shape == (8, 7, 3)
    assert load(source, channels="last").input_shape == (3, 8, 7)
    with pytest.raises(DataError, match="channels is 'middle'; it must be 'first', 'last', or None"):
        load(source, channels="middle")


# --- the cache of files --------------------------------------------------------------------------------------


def test_files_are_read_once_and_known_again_by_their_contents(tmp_path: Path, monkeypatch: Any) -> None:
    paths = [str(image(tmp_path / "a" / f"{number}.png", number)) for number in range(5)]
    (tmp_path / "a" / "4.png").write_bytes(b"no image")
    shown: list[tuple[int, int]] = []
    first = look(paths, tmp_path / "m", lambda done, all: shown.append((done, all)))
    assert shown == [(5, 5)] and [bool(content.fault) for content in first.values()] == [False] * 4 + [True]

    def never(*_: object) -> Any:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(inventory, "contents", never)
        assert look(paths[:4], tmp_path / "m") == {path: first[path] for path in paths[:4]}
    (tmp_path / "a").rename(tmp_path / "b")
    moved = [path.replace("/a/", "/b/") for path in paths]
    with monkeypatch.context() as patch:
        patch.setattr(inventory, "decoded", never)  # read, and known by the digest
        assert list(look(moved[:4], tmp_path / "m").values()) == list(first.values())[:4]
    image(tmp_path / "b" / "0.png", 99)
    assert look(moved, tmp_path / "m")[moved[0]].digest != first[paths[0]].digest


def test_a_damaged_cache_of_files_is_named(tmp_path: Path) -> None:
    (tmp_path / inventory.FILE).write_text("no database " * 200)
    with pytest.raises(DataError, match=r"images\.sqlite, which lists .* remove that file"):
        look([], tmp_path)


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    part(tmp_path / "one", "")
    source = f"images:{tmp_path / 'one'}"
    first = digest(source)
    assert first == load(source).digest == load(source, stream=True, image_size=(4, 4)).digest
    manifest.write(source, tmp_path)
    assert manifest.differences(source, tmp_path) == ()
    (tmp_path / "one" / "cat" / "0.png").rename(tmp_path / "one" / "dog" / "9.png")
    assert digest(source) != first
    assert manifest.differences(source, tmp_path) == ("  cat: 1 removed (0.png)", "  dog: 1 added (9.png)")
    assert digest("digits") == "" and len(load("digits").digest) == 64


def test_unreadable_files_are_skipped_only_with_the_setting(tmp_path: Path) -> None:
    part(tmp_path, "", 5)
    (tmp_path / "cat" / "0.png").write_bytes(b"")
    source = f"images:{tmp_path}"
    for stream in (False, True):
        with pytest.raises(DataError, match=r"1 file cannot be read as an image:\n  .*cat/0\.png: it is empty"):
            load(source, stream=stream, image_size=(4, 4))
        found = load(source, stream=stream, image_size=(4, 4), unreadable="skip")
        assert len(found.train) + len(found.validation) + len(found.test) == 9
        assert found.remarks == (("skipped", "1 unreadable file: cat/0.png"),)
    with pytest.raises(DataError, match="unreadable is 'skp'; it must be 'error' or 'skip'; did you mean 'skip'"):
        load(source, unreadable="skp")
    for path in (tmp_path / "cat").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the files of class 'cat' can be read as an image"):
        load(source, unreadable="skip")


# --- other files in the folders of users -----------------------------------------------------------------------


def test_parts_without_classes_are_not_classes(tmp_path: Path) -> None:
    for name in ("Train", "test"):
        image(tmp_path / name / "a.png")
    with pytest.raises(DataError, match="there are no folders of classes in test, train; wanted one folder of images"):
        scan(str(tmp_path), SUFFIXES)


@pytest.mark.parametrize("stream", [False, True])
def test_a_part_of_which_nothing_can_be_read_is_refused(tmp_path: Path, stream: bool) -> None:
    for name in ("train", "val", "test"):
        part(tmp_path, name)
    for path in (tmp_path / "test").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the test images of the folder can be read as an image"):
        load(f"images:{tmp_path}", stream=stream, image_size=(4, 4), unreadable="skip")


def test_links_that_lead_nowhere_are_counted(tmp_path: Path) -> None:
    part(tmp_path, "")
    (tmp_path / "cat" / "loop.png").symlink_to(tmp_path / "cat" / "loop.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    assert scan(str(tmp_path), SUFFIXES).ignored == {"broken links": 3}


def test_odd_names_are_printed_in_one_line(tmp_path: Path) -> None:
    root = tmp_path / "own"
    part(root, "", 5)
    (root / "cat" / "0.png").write_bytes(b"")
    os.rename(root / "cat" / "0.png", os.fsencode(root) + b"/cat/caf\xe9\n.png")
    (root / "dog" / "x").write_text("")
    os.rename(root / "dog" / "x", os.fsencode(root) + b"/dog/note.t\xe9")
    for stream in (False, True):
        found = dict(load(f"images:{root}", stream=stream, image_size=(4, 4), unreadable="skip").remarks)
        assert found["skipped"] == r"1 unreadable file: cat/caf\\udce9\n.png"
        assert found["ignored"] == r"1 file ignored: 1 .t\udce9"


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path: Path, monkeypatch: Any) -> None:
    """A later version may read it."""
    path = str(image(tmp_path / "a.png"))
    with monkeypatch.context() as patch:
        patch.setattr(inventory, "decoded", lambda _: (_ for _ in ()).throw(Unreadable("no such format")))
        assert look([path], tmp_path / "m")[path].fault == "no such format"
    assert look([path], tmp_path / "m")[path].fault == ""


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("digits", {"channels": "first"}, "channels='first' is for npz:PATH, and the source is digits"),
        ("digits", {"unreadable": "skip"}, "unreadable='skip' is for images:DIR, and the source is digits"),
        ("npz", {"unreadable": "skip"}, "unreadable='skip' is for images:DIR"),
        (
            "npz",
            {"channels": "first"},
            r"shape \[12, 6, 6\], which has no axis of channels: leave dataset.channels out",
        ),
    ],
)
def test_settings_that_a_source_does_not_read(
    tmp_path: Path, source: str, settings: dict[str, Any], message: str
) -> None:
    if source == "npz":
        np.savez(tmp_path / "grey.npz", images=IMAGES[..., 0], labels=LABELS)
        source = f"npz:{tmp_path / 'grey.npz'}"
    with pytest.raises(DataError, match=message):
        load(source, **settings)


def test_images_of_several_sizes_are_not_all_held(tmp_path: Path, monkeypatch: Any) -> None:
    part(tmp_path, "", 6)
    Image.new("RGB", (5, 4)).save(tmp_path / "cat" / "00.png")
    held: list[tuple[object, ...]] = []

    def counted(*arguments: Any) -> Any:
        held.append(arguments)
        return pixels(*arguments)

    monkeypatch.setattr(in_memory, "pixels", counted)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(DataError, match=r"images differ in size: .*0\.png is 4x4 .*00\.png is 4x5"):
        load(f"images:{tmp_path}")
    assert len(held) < 3
