"""The searches that are found under log directories, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from compiler.filesystem import Remote
from evolve import Store
from evolve.store import FILE, JOURNAL
from evolve.store.location import claim
from evolve.tab import searches
from evolve.tab.errors import Missing
from evolve.tab.searches import Root, Searches, roots
from evolve.tab.source import CopySource, source


def search(folder: Path) -> Path:
    """Makes a work directory, whose store is not read here."""
    for inner in ("tensorboard", "weights", "images"):
        (folder / inner).mkdir(parents=True)
    (folder / FILE).touch()
    return folder


def found(*logs: Root) -> dict[str, str]:
    """Returns the folders of the searches in log directories by their names."""
    return {one.name: str(one.folder) for one in Searches(logs).listing().found}


def problems(*logs: Root) -> list[str]:
    return [one.message for one in Searches(logs).listing().problems]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("logdir", "spec", "expected"),
    [
        ("runs", "", [("", "runs")]),
        ("runs", None, [("", "runs")]),
        ("", "runs/a,two:runs/b,/c:d", [("", "runs/a"), ("two", "runs/b"), ("", "/c:d")]),
        ("a,b:c", "", [("", "a,b:c")]),
        ("", "gs://bucket/a,one:gs://bucket/b,two:c", [("", "gs://bucket/a"), ("one", "gs://bucket/b"), ("two", "c")]),
        ("s3://bucket/a/", "", [("", "s3://bucket/a")]),
        ("", ",one:,", []),
        (None, None, []),
    ],
)
def test_the_flags_of_tensorboard_name_folders(
    logdir: str | None, spec: str | None, expected: list[tuple[str, str]]
) -> None:
    assert [(root.name, str(root.folder)) for root in roots(logdir, spec)] == expected


def test_the_home_folder_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of/a/user")
    assert roots("~/runs", "") == (Root(Path("/home/of/a/user/runs")),)
    assert roots("", "one:~/runs") == (Root(Path("/home/of/a/user/runs"), "one"),)


def test_folders_are_named_as_the_user_types_them(here: Path) -> None:
    search(here / "runs" / "one")
    search(here / "runs" / "some" / "of" / "three")
    search(here / "runs" / "some" / "more" / "than" / "three")
    expected = {"one": "runs/one", "some/of/three": "runs/some/of/three"}
    assert found(Root(Path("runs"))) == expected
    assert found(Root(Path())) == {f"runs/{name}": path for name, path in expected.items() if name == "one"}
    assert found(Root(here / "runs")) == {name: str(here / path) for name, path in expected.items()}


def test_a_log_directory_may_be_a_work_directory_or_a_folder_in_it(here: Path) -> None:
    search(here / "runs" / "one")
    assert found(Root(Path("runs/one"))) == {"one": "runs/one"}
    assert found(Root(Path("runs/one/tensorboard"))) == {"one": "runs/one"}
    os.chdir("runs/one")
    assert found(Root(Path("tensorboard"))) == {"one": "."}
    os.chdir("tensorboard")
    assert found(Root(Path())) == {"one": ".."}


def test_a_storage_with_a_copy_of_a_search_is_found(here: Path) -> None:
    (here / "away" / "tensorboard" / "search").mkdir(parents=True)
    (here / "away" / JOURNAL).touch()
    for way in ("away", "away/tensorboard"):
        assert found(Root(Path(way))) == {"away": "away"}
    (here / "linked").mkdir()
    (here / "linked" / JOURNAL).symlink_to(here / "away" / JOURNAL)
    assert found(Root(Path("linked"))) == {} == found(Root(Path("linked/tensorboard")))
    assert "the symbolic link linked/search.jsonl leads out" in problems(Root(Path("linked")))[0]


def test_a_link_to_a_store_beside_a_copy_is_not_followed(here: Path) -> None:
    search(here / "elsewhere")
    (here / "runs" / "one").mkdir(parents=True)
    (here / "runs" / "one" / JOURNAL).touch()
    (here / "runs" / "one" / FILE).symlink_to(here / "elsewhere" / FILE)
    assert found(Root(Path("runs"))) == {"one": "runs/one"}
    assert isinstance(source(Path("runs/one")), CopySource)
    assert "leads out of the log directory" in problems(Root(Path("runs")))[0]


def test_a_copy_beside_its_own_search_is_left_out(here: Path) -> None:
    for name in ("one", "two"):
        with Store(here / "runs" / name) as store:
            claim(here / "runs" / f"of {name}", store)
        (here / "runs" / f"of {name}" / JOURNAL).touch()
    assert found(Root(Path("runs"))) == {"one": "runs/one", "two": "runs/two"}
    assert found(Root(Path("runs/of one"))) == {"of one": "runs/of one"}
    (here / "runs" / "two" / FILE).write_text("damaged")
    assert found(Root(Path("runs"))).keys() == {"one", "two", "of two"}


class Bucket(Remote):
    """An address with two storages that have copies of searches, and another folder."""

    def is_file(self) -> bool:
        return self.address in [f"gs://bucket/{name}/{JOURNAL}" for name in ("a", "b")]

    def glob(self, pattern: str) -> Iterator[Remote]:
        if self.address == "gs://bucket/none":
            raise OSError(5, "no credentials", self.address)
        yield from (self / name for name in ("a", "b", "c") if self.address == "gs://bucket")

    def __truediv__(self, name: str) -> Remote:
        return Bucket(f"{self.address}/{name}")

    @property
    def parent(self) -> Remote:
        return Bucket(self.address.rpartition("/")[0])


def test_copies_at_an_address_are_found() -> None:
    assert found(Root(Bucket("gs://bucket"))) == {"a": "gs://bucket/a", "b": "gs://bucket/b"}
    assert found(Root(Bucket("gs://bucket/a/tensorboard"))) == {"a": "gs://bucket/a"}
    assert found(Root(Bucket("gs://bucket/b"), "mine")) == {"mine": "gs://bucket/b"}
    assert problems(Root(Bucket("gs://bucket/none"))) == ["gs://bucket/none cannot be read: no credentials"]


def test_without_tensorflow_an_address_leaves_the_other_log_directories(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> NoReturn:
        raise ModuleNotFoundError("No module named 'tensorflow'")

    monkeypatch.setattr("compiler.filesystem._tensorflow", missing)
    search(here / "runs" / "one")
    logs = roots("", "away:s3://bucket/runs,here:runs")
    assert found(*logs) == {"here/one": "runs/one"}
    assert problems(*logs) == [
        "s3://bucket/runs cannot be read without TensorFlow (No module named 'tensorflow'): pip install tensorflow"
    ]


def test_names_are_those_of_the_user_and_differ(here: Path) -> None:
    for folder in ("a/one", "b/one", "b/two"):
        search(here / folder)
    logs = roots("", "first:a,second:b,a,b/two/tensorboard")
    assert found(*logs) == {"first/one": "a/one", "second/one": "b/one", "second/two": "b/two"}
    assert found(*roots("", "a,b")) == {"a/one": "a/one", "b/one": "b/one", "two": "b/two"}


def test_keys_are_the_same_for_every_way_to_name_a_folder(here: Path) -> None:
    search(here / "runs" / "one")
    (here / "link").symlink_to("runs")
    ways = [Path("runs"), here / "runs", Path("runs/one/tensorboard"), Path("link")]
    keys = {one.key for way in ways for one in Searches([Root(way)]).listing().found}
    assert len(keys) == 1
    (key,) = keys
    assert "/" not in key and "one" not in key
    assert Searches([Root(Path("runs"))]).find(key).folder == Path("runs/one")
    with pytest.raises(Missing, match="there is no search with the key 'runs/one'"):
        Searches([Root(Path("runs"))]).find("runs/one")


def test_links_out_of_the_log_directory_are_not_followed(here: Path) -> None:
    search(here / "elsewhere")
    search(here / "runs" / "one")
    (here / "runs" / "away").symlink_to(here / "elsewhere")
    (here / "runs" / "above").symlink_to(here)
    (here / "runs" / "again").symlink_to("one")
    (here / "runs" / "broken").symlink_to("nowhere")
    (here / "runs" / "linked").mkdir()
    (here / "runs" / "linked" / FILE).symlink_to(here / "elsewhere" / FILE)
    assert found(Root(Path("runs"))) == {"one": "runs/one"}
    texts = problems(Root(Path("runs")))
    assert [text.partition(" leads")[0] for text in sorted(texts)] == [
        "the symbolic link runs/away",
        f"the symbolic link runs/linked/{FILE}",
    ]
    assert all("evolve board --workdir=" in text and str(here) not in text for text in texts)
    assert found(Root(Path("runs/linked"))) == {} == found(Root(Path("runs/linked/tensorboard")))


def test_searches_that_begin_later_are_found_soon(here: Path) -> None:
    now = 0.0
    listed = Searches([Root(Path("runs"))], clock=lambda: now)
    assert listed.listing().found == ()
    assert "cannot be read: No such file" in listed.listing().problems[0].message
    search(here / "runs" / "one")
    assert listed.listing().found == ()
    now = searches.FRESH
    assert [one.name for one in listed.listing().found] == ["one"] and not listed.listing().problems


def test_a_list_that_takes_long_is_used_longer(here: Path) -> None:
    search(here / "runs" / "one")
    times = iter([0.0, 2.0, 30.0, 41.0, 42.0, 43.0])
    listed = Searches([Root(Path("runs"))], clock=lambda: next(times))
    first = listed.listing()  # it took two seconds
    assert listed.listing() is first
    assert listed.listing() is first
    assert listed.listing() is not first


def test_a_large_log_directory_is_searched_in_part(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "MOST", 5)
    search(here / "runs" / "a")
    for place in range(10):
        (here / "runs" / "b" / str(place)).mkdir(parents=True)
    assert found(Root(Path("runs"))) == {"a": "runs/a"}
    assert problems(Root(Path("runs"))) == [
        "only the first 5 folders in runs were searched; choose a smaller log directory"
    ]
    assert problems(Root(Path("runs/a"))) == []
