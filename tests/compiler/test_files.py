"""Files on this machine and at addresses: every function for paths also works for addresses."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from compiler import CompileError, filesystem
from compiler.filesystem import Place, Remote, place
from compiler.networks import weights
from compiler.networks.names import FACTS, NETWORK, WEIGHTS
from compiler.networks.saved import read, write
from tests.compiler.saved_networks import network


@pytest.fixture(params=["path", "file", "ram"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    texts = {"path": str(tmp_path), "file": f"file://{tmp_path}", "ram": f"ram://{tmp_path.name}"}
    return place(f"{texts[request.param]}/run")


def test_a_file_is_written_read_and_removed(folder: Place) -> None:
    path = folder / "deep" / "a.txt"
    assert not path.exists()
    filesystem.write(path, b"one")
    filesystem.write(path, b"two")
    assert path.read_bytes() == b"two" and path.exists() and path.is_file() and path.parent.is_dir()
    assert [found.name for found in path.parent.glob("*")] == ["a.txt"]
    path.unlink()
    path.unlink(missing_ok=True)
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        path.unlink()
    with pytest.raises(FileNotFoundError):
        path.read_bytes()


def test_a_writer_that_fails_leaves_the_old_file(folder: Place) -> None:
    path = folder / "a.txt"
    filesystem.write(path, b"old")
    with pytest.raises(ZeroDivisionError), filesystem.writing(path) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [found.name for found in folder.glob("*")] == ["a.txt"]


def test_folders_are_listed_and_removed(folder: Place) -> None:
    assert not list(folder.glob("*.npz"))
    for name in ("1.npz", "2.npz", "3.txt"):
        filesystem.write(folder / "weights" / name, b"")
    assert sorted(path.stem for path in (folder / "weights").glob("*.npz")) == ["1", "2"]
    assert not (folder / "weights").is_file()
    filesystem.remove_folder(folder / "weights")
    assert not (folder / "weights").exists()


def test_weights_and_networks_are_written_and_read(folder: Place) -> None:
    values = {"a/kernel": np.arange(3, dtype=np.float32)}
    weights.save(folder / "1.npz", values)
    assert np.array_equal(weights.read(folder / "1.npz")["a/kernel"], values["a/kernel"])
    with pytest.raises(CompileError, match=r"there are no weights in .*2\.npz"):
        weights.read(folder / "2.npz")
    for seed in (0, 1):
        write(folder / "best", network(seed=seed))
    assert read(folder / "best").genotype == network(seed=1).genotype
    assert sorted(path.name for path in (folder / "best").glob("*")) == [NETWORK, FACTS, WEIGHTS]
    (folder / "best" / NETWORK).unlink()
    with pytest.raises(CompileError, match=r"there is no .*network\.cell"):
        read(folder / "best")
    filesystem.write(folder / "best" / NETWORK, b"\xff\xfe")
    with pytest.raises(CompileError, match="it is not UTF-8 text"):
        read(folder / "best")


def test_an_address_has_the_parts_of_a_path() -> None:
    path = place("gs://bucket/run/") / "weights" / "57.npz"
    assert isinstance(path, Remote) and str(path) == "gs://bucket/run/weights/57.npz"
    assert (path.name, path.stem, path.suffix, path.scheme) == ("57.npz", "57", ".npz", "gs")
    assert str(path.parent.parent) == "gs://bucket/run" and str(path.with_name("58.npz")).endswith("weights/58.npz")
    assert pickle.loads(pickle.dumps(path)) == path
    assert place("runs/57") == Path("runs/57")


@pytest.mark.parametrize("text", ["gs:/bucket/run", "gs://", "file:///", "s3:///"])
def test_a_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(CompileError, match=r"is not an address; write (gs|file|s3)://bucket/folder"):
        place(text)


def test_the_letters_of_patterns_stand_for_themselves_in_a_folder(tmp_path: Path) -> None:
    for name in ("a[1]", "a1"):
        filesystem.write(place(f"file://{tmp_path}") / name / "1.npz", b"")
    found = place(f"file://{tmp_path}/a[1]").glob("*.npz")
    assert [str(path) for path in found] == [f"file://{tmp_path}/a[1]/1.npz"]


def test_an_open_file_keeps_what_is_flushed(folder: Place) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = filesystem.create(folder / "log")
    file.write(b"one")
    file.flush()
    assert (folder / "log").read_bytes() == b"one"
    file.write(b" two")
    file.close()
    assert (folder / "log").read_bytes() == b"one two"


def test_an_address_that_tensorflow_cannot_reach_is_an_oserror_with_the_reason() -> None:
    with pytest.raises(OSError, match=r"knows no nowhere://, only file, gs") as raised:
        place("nowhere://bucket/run").mkdir()
    assert raised.value.filename == "nowhere://bucket/run"
    with pytest.raises(OSError, match="nowhere"):
        filesystem.create(place("nowhere://bucket/run/events")).write(b"")
    with pytest.raises(OSError, match="/proc"):
        filesystem.write(place("file:///proc/nothing/a"), b"")
