"""Searches on the user's images: files that are read, files that are left out, and images that go or change."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compiler.images.data import load
from compiler.images.folders import Files
from compiler.main import main as cell
from evolve import main
from evolve.executors import machine
from evolve.executors.processes import ProcessesSettings
from tests.evolve.test_main import environment, evolve, finish
from tests.evolve.test_rungs_trained import SPACE
from tests.evolve.test_search import rows, wait_for
from tests.photographs import by_example, photographs

GIN = """
include 'digits.gin'
dataset.source = 'images:{photos}'
dataset.image_size = (8, 8)
search.individuals = {individuals}
search.executor = 'serial'
search.fitness = '{fitness}'
regularized_evolution.population_size = 3
regularized_evolution.sample_size = 1
training.epochs = 1
training.batch_size = 4
"""
# Trainings of this network take a second.
SMALL = """search.seed_file = 'small.cell'
search.params = {}
"""
NASNET = "search.params = {'N': 1, 'F': 2}\n"
MADE_UP = "tests.evolve.made_up:separables"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return photographs(tmp_path / "photos", {"house": 24, "sun": 21}, largest=20)


def gin(photos: Path, individuals: int = 4, fitness: str = MADE_UP) -> str:
    path = photos.parent / "photos.gin"
    network = SMALL if fitness == "training" else NASNET
    path.write_text(GIN.format(photos=photos, individuals=individuals, fitness=fitness) + network)
    (photos.parent / "small.cell").write_text(SPACE)
    return f"--gin_file={path}"


def noted(work: Path) -> dict[str, Any]:
    with sqlite3.connect(work / "search.sqlite") as db:
        read: dict[str, Any] = json.loads(db.execute("select value from meta where key = 'note.data'").fetchone()[0])
    return read


# --- a fault of the data is not a failure of an individual -----------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
def test_images_that_are_away_at_a_resume(photos: Path, capsys: pytest.CaptureFixture[str], stream: bool) -> None:
    arguments = [gin(photos), f"--workdir={photos.parent / 'work'}", f"--gin_param=dataset.stream={stream}"]
    assert main.run(arguments) == 0
    before = rows(photos.parent / "work")
    photos.rename(photos.parent / "away")
    more = [*arguments, "--gin_param=search.individuals=8", "--resume=changed"]
    assert main.run(arguments) == 0  # it is complete, and prints its end table
    assert main.run(more) == 2
    assert f"{photos}: no such folder" in capsys.readouterr().err
    assert rows(photos.parent / "work") == before
    (photos.parent / "away").rename(photos)
    assert main.run(more) == 0
    assert len(rows(photos.parent / "work")) == 8


def test_images_that_go_while_the_search_runs(photos: Path) -> None:
    """Images are streamed in a worker process. The individual in training is not recorded as failed."""
    work = photos.parent / "work"
    arguments = [
        gin(photos, 40, "training"), f"--workdir={work}", "--gin_param=dataset.stream=True",
        "--gin_param=search.executor='processes'", "--gin_param=processes.workers=1",
    ]  # fmt: skip
    driver = subprocess.Popen(
        evolve(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(work, 1)
    photos.rename(photos.parent / "away")
    _, said = driver.communicate(timeout=120)
    assert driver.returncode == 2
    assert "cannot be read: No such file or directory\nno individual was recorded as failed" in said
    with sqlite3.connect(work / "search.sqlite") as db:
        assert db.execute("select count(*) from individuals where status = 'failed'").fetchone() == (0,)
    assert 1 <= len(rows(work)) < 40


def test_images_in_memory_that_go_while_the_search_runs_are_not_missed(photos: Path) -> None:
    work = photos.parent / "work"
    arguments = [
        gin(photos, 4, "training"), f"--workdir={work}",
        "--gin_param=search.executor='processes'", "--gin_param=processes.workers=1",
        "--gin_param=processes.worker_tasks=2",
    ]  # fmt: skip
    driver = subprocess.Popen(
        evolve(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(work, 1)
    photos.rename(photos.parent / "away")
    assert driver.communicate(timeout=120)[1] == "" and driver.returncode == 0
    with sqlite3.connect(work / "search.sqlite") as db:
        assert db.execute("select status, count(*) from individuals group by status").fetchall() == [("done", 4)]
    assert not list((work / "images").glob("*.npy"))  # the copy of a complete search was removed


def test_it_goes_on_from_another_current_folder(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Relative paths start from the folder where the search was begun."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.cell").write_text('include "nasnet.cell"\nparam F = 2\n')
    arguments = [
        gin(photos), f"--workdir={tmp_path / 'work'}",
        "--gin_param=dataset.source='images:photos'", "--gin_param=search.seed_file='own.cell'",
    ]  # fmt: skip
    assert main.run(arguments) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main.run([*arguments, "--gin_param=search.individuals=6", "--resume=changed"]) == 0, capsys.readouterr().err
    assert len(rows(tmp_path / "work")) == 6


# --- the same images -------------------------------------------------------------------------------------


def test_other_images_are_refused_and_shown(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = photos.parent / "work"
    arguments = [gin(photos), f"--workdir={work}"]
    more = [*arguments, "--gin_param=search.individuals=8", "--resume=changed"]
    assert main.run(arguments) == 0
    shutil.copytree(photos, photos.parent / "whole")
    shutil.rmtree(photos / "sun")
    photographs(photos, {"sun": 21}, seed=5, largest=20)
    photographs(photos, {"stripes": 4}, largest=20)
    (photos / "house" / "000.jpg").unlink()
    before = rows(work)
    assert main.run(more) == 2
    said = capsys.readouterr().err
    assert f"holds a search on other images than images:{photos} has now" in said
    assert "house: 1 removed (000.jpg)" in said and "stripes: 4 added (000.jpg, 001.JPG, 002.jfif, ...)" in said
    assert "sun: 21 changed (" in said and "choose another --workdir" in said
    assert rows(work) == before
    # a copy in another place, with other times, is the same data set
    elsewhere = photos.parent / "whole"
    for path in elsewhere.rglob("*.*"):
        os.utime(path, (1, 1))
    moved = f"--gin_param=dataset.source='images:{elsewhere}'"
    assert main.run([*more, moved]) == 0
    assert len(rows(work)) == 8


def test_a_search_that_is_complete_is_not_shown_for_other_images(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = photos.parent / "work"
    arguments = [gin(photos), f"--workdir={work}"]
    assert main.run(arguments) == 0
    other = photographs(photos.parent / "other", {"house": 21, "stripes": 22}, largest=20)
    for source, said in ((other, "holds a search on other images than"), ("nowhere", "no such folder")):
        assert main.run([*arguments, f"--gin_param=dataset.source='images:{source}'"]) == 2
        assert said in capsys.readouterr().err
    with sqlite3.connect(work / "search.sqlite") as db:
        assert db.execute("select value from meta where key = 'note.source'").fetchone() == (f"images:{photos}",)
    photographs(photos, {"stripes": 3}, largest=20)
    assert main.run(arguments) == 2
    assert "stripes: 3 added" in capsys.readouterr().err


def test_a_search_of_an_earlier_version_is_shown_and_not_gone_on_with(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = photos.parent / "work"
    arguments = [gin(photos), f"--workdir={work}"]
    assert main.run(arguments) == 0
    with sqlite3.connect(work / "search.sqlite") as db:  # version 0.5.0 recorded no facts
        db.execute("delete from meta where key in ('note.version', 'identity.search.order', 'identity.dataset.crop')")
        db.execute("update meta set value = '[\"photos\", [8, 8, 3], 2]' where key = 'note.data'")
    before = rows(work)
    capsys.readouterr()
    assert main.run(arguments) == 0
    shown = capsys.readouterr().out
    assert "ended: version 0.5.0 or an earlier one began this search; 4 individuals are finished" in shown
    assert main.run([*arguments, "--gin_param=search.individuals=8", "--resume=changed"]) == 2
    assert "would not be comparable" in capsys.readouterr().err
    assert main.run([*arguments, "--gin_param=search.seed=7"]) == 2
    assert "search.seed: there 0, now 7" in capsys.readouterr().err
    assert rows(work) == before


def test_an_npz_that_was_written_anew_is_another(small_gin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = small_gin.parent / "work"
    arguments = [f"--gin_file={small_gin}", f"--workdir={work}", "--gin_param=search.individuals=9"]
    assert main.run(arguments) == 0
    images = small_gin.with_name("images.npz")
    held = dict(np.load(images))
    np.savez(images, **{**held, "x_train": held["x_train"] // 2})
    assert main.run([*arguments[:2], "--resume=changed"]) == 2
    assert f"npz:{images} has other contents" in capsys.readouterr().err


# --- unreadable and ignored files --------------------------------------------------------------------------


def broken(photos: Path) -> tuple[Path, Path]:
    whole = (photos / "sun" / "000.jpg").read_bytes()
    (photos / "sun" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "house" / "text.png").write_text("no image")
    return photos / "sun" / "cut.jpg", photos / "house" / "text.png"


@pytest.mark.parametrize("stream", [True, False])
def test_files_that_cannot_be_read_are_named_before_anything_is_trained(
    photos: Path, capsys: pytest.CaptureFixture[str], stream: bool
) -> None:
    files = broken(photos)
    arguments = [gin(photos), f"--workdir={photos.parent / 'work'}", f"--gin_param=dataset.stream={stream}"]
    assert main.run(arguments) == 2
    said = capsys.readouterr().err
    assert "2 files cannot be read as an image" in said and all(str(path) in said for path in files)
    assert """--gin_param="dataset.unreadable='skip'\"""" in said
    assert not (photos.parent / "work" / "search.sqlite").exists()
    assert main.run([*arguments, "--gin_param=dataset.unreadable='skip'"]) == 0
    shown = capsys.readouterr().out
    assert "2 unreadable files: house/text.png, sun/cut.jpg" in " ".join(shown.split())
    assert sum(noted(photos.parent / "work")["counts"]["train"]) > 10


def test_the_header_accounts_for_every_file(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "readme.txt").write_text("about")
    (photos / "labels.csv").write_text("a,b")
    Image.new("RGB", (8, 8)).save(photos / "loose.png")
    (photos / "sun" / "notes.txt").write_text("about")
    (photos / "sun" / ".DS_Store").write_text("")
    (photos / "house" / "raw").mkdir()
    for number in range(6):
        Image.new("RGB", (8, 8)).save(photos / "house" / "raw" / f"{number}.png")
    assert main.run([gin(photos), f"--workdir={photos.parent / 'work'}"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "11 files ignored: 6 in folders inside classes, 2 .txt, 1 .csv, 1 beside the folders of classes, 1 hidden"
        in shown
    )
    assert "house: 9, sun: 9" in shown  # half of the training images are the validation part


# --- few images, and large ones ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["images", "digits"])
def test_a_batch_larger_than_the_images_is_refused_and_leaves_nothing(
    photos: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    arguments = [gin(photos, 4, "training"), f"--workdir={photos.parent / 'runs' / 'work'}"]
    arguments += ["--gin_param=dataset.source='digits'"] if source == "digits" else []
    assert main.run([*arguments, "--gin_param=training.batch_size=5000"]) == 2
    said = capsys.readouterr().err
    assert "training.batch_size is 5000, more than the" in said and '--gin_param="training.batch_size=' in said
    assert not (photos.parent / "runs").exists()


def test_few_images_are_warned_of_with_what_to_change(photos: Path) -> None:
    arguments = [gin(photos, 1, "training"), "--gin_param=training.batch_size=18"]
    ended = finish(*arguments, f"--workdir={photos.parent / 'work'}")
    assert (ended.returncode, ended.stderr) == (0, "")
    shown = " ".join(ended.stdout.split())
    assert 'an epoch has 1 step of 18 images, which is few: --gin_param="training.batch_size=8" gives 2' in shown
    assert "fewer than 20 training images of 2 classes (house: 9, sun: 9)" in shown


def count(workers: int | None, held: int = 0) -> int:
    """Returns the number of worker processes that these settings start."""
    return machine.count("processes", ProcessesSettings(workers=workers), held=held)


def test_memory_that_images_take_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 5 * machine.WORKER_BYTES)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert count(None) == 5
    assert count(None, 2 * machine.WORKER_BYTES) == 3
    with pytest.raises(Exception, match=r"ask for 3 or fewer: .*processes\.workers=3"):
        count(4, 2 * machine.WORKER_BYTES)


# --- all of it together --------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("stream", [False, True])
def test_a_search_on_600_photographs_ends_with_an_exported_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    """A search by photos.gin reports every file, and the exported network has the test accuracy exactly."""
    monkeypatch.chdir(tmp_path)
    photos = photographs(tmp_path / "photos", {"house": 300, "stripes": 14, "sun": 284}, largest=400)
    broken(photos)
    (photos / "sun" / "notes.txt").write_text("about")
    arguments = [
        "--gin_file=photos.gin", "--gin_param=dataset.source='images:photos'", f"--gin_param=dataset.stream={stream}",
        "--gin_param=search.individuals=4", "--gin_param=regularized_evolution.population_size=2",
        "--gin_param=regularized_evolution.sample_size=1",
    ]  # fmt: skip
    refused = finish(*arguments, cwd=tmp_path)
    assert refused.returncode == 2 and "2 files cannot be read as an image" in refused.stderr
    ended = finish(*arguments, "--gin_param=dataset.unreadable='skip'", cwd=tmp_path, seconds=3000)
    assert ended.returncode == 0, ended.stderr
    shown = " ".join(ended.stdout.split())
    assert "2 unreadable files: house/text.png, sun/cut.jpg" in shown and "1 file ignored: 1 .txt" in shown
    assert sum(sum(counts) for counts in noted(tmp_path / "runs" / "photos")["counts"].values()) == 598
    (reported,) = re.findall(r"test accuracy of \d+: ([\d.]+)", ended.stdout)
    tested = load(
        "images:photos",
        validation=0.25,
        stream=True,
        image_size=(96, 96),
        unreadable="skip",
        inventory_folder=tmp_path / "m",
    ).test
    assert isinstance(tested, Files)
    paths = [Path(path) for path in tested.paths]
    for kind in ("keras", "tflite"):
        assert cell(["export", "runs/photos/best", "--out", f"net.{kind}"]) == 0
        right = [name == path.parent.name for name, path in zip(by_example(kind, paths), paths, strict=True)]
        assert (len(right), f"{np.mean(right):.4f}") == (120, reported)
    print(f"stream={stream}: test accuracy {reported}, repeated by both")
