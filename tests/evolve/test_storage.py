"""A search with weights and summaries at an address, and the store in the work directory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from compiler.filesystem import place
from compiler.main import main as cell
from compiler.networks.saved import read
from evolve import Store, UsageError
from evolve.store.location import claim
from evolve.tab.data import Data
from tests.evolve.test_main import finish


def arguments(work: Path, storage: str, individuals: int = 4) -> list[str]:
    return [
        "--gin_file=large_scale.gin",
        f"--workdir={work}",
        f"--gin_param=search.storage='{storage}'",
        f"--gin_param=search.individuals={individuals}",
        "--gin_param=processes.workers=1",
        "--gin_param=training.epochs=1",
        "--gin_param=pairwise_tournament.population_size=3",
    ]


def test_weights_and_summaries_at_an_address(tmp_path: Path) -> None:
    work, away = tmp_path / "work", tmp_path / "away"
    storage = f"file://{away}"
    ended = finish(*arguments(work, storage))
    assert (ended.returncode, ended.stderr) == (0, "")
    printed = ended.stdout.replace("\n", "")
    assert f"--logdir={storage}/tensorboard" in printed
    assert f"cell export {storage}/best --out work.keras" in printed
    assert {path.name for path in work.iterdir() if path.suffix in ("", ".log")} <= {".lock", "images", "workers.log"}
    assert sorted(path.name for path in away.iterdir()) == [
        "best",
        "search.id",
        "search.jsonl",
        "tensorboard",
        "weights",
    ]
    assert read(place(f"{storage}/best")).accuracy is not None
    here, copy = (Data(where).overview() for where in (work, place(storage)))
    assert copy["columns"] == here["columns"] and copy["population"] == here["population"]
    # the resumed search gives children their weights from the address, and removes weights that no child can inherit
    assert finish(*arguments(work, storage, 8), "--resume=changed").returncode == 0
    reader = sqlite3.connect(work / "search.sqlite")
    children = reader.execute("select inherited, note from individuals where parent > 0 and not forget").fetchall()
    assert len(children) >= 3 and all(inherited > 0 and not note for inherited, note in children)
    removed = "select value from individuals, json_each(iif(memo = '', '[]', memo))"
    members = {
        id for (id,) in reader.execute(f"select id from individuals where finished > 0 and id not in ({removed})")
    }
    best = reader.execute(
        "select id from individuals order by fitness desc, params, mult_adds, finished limit 1"
    ).fetchone()[0]
    assert {int(path.stem) for path in (away / "weights").iterdir()} == members | {best}
    # the curves and the confusion matrix of this run; those of the first run are removed
    assert len([*(away / "tensorboard" / "search").iterdir()]) == 2
    assert cell(["export", f"{storage}/best", "--out", str(tmp_path / "best.keras")]) == 0
    # another search may not use it, also if its mark was lost
    for mark in (True, False):
        if not mark:
            (away / "search.id").unlink()
        with Store(tmp_path / "other") as other, pytest.raises(UsageError, match="has files of another search"):
            claim(place(storage), other)
    assert {int(path.stem) for path in (away / "weights").iterdir()} == members | {best}


def test_an_address_that_cannot_be_written_is_refused_before_a_training(tmp_path: Path) -> None:
    for storage, said in (
        ("nowhere://bucket/run", "this TensorFlow knows no nowhere://, only file, gs"),
        ("file:///proc/nothing", "/proc/nothing"),
    ):
        ended = finish(*arguments(tmp_path / "work", storage))
        assert ended.returncode == 2, ended.stdout
        assert f"search.storage '{storage}' cannot be used: " in ended.stderr and said in ended.stderr
        assert "Traceback" not in ended.stderr
