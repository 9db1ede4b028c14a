"""Three individuals from the command to the end table, with real training in a worker."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.evolve.test_main import finish


def test_three_individuals(tmp_path: Path) -> None:
    work = tmp_path / "work"
    arguments = [
        "--gin_file=amoeba.gin",
        f"--workdir={work}",
        "--gin_param=search.individuals=3",
        "--gin_param=search.workers=1",
        "--gin_param=training.epochs=1",
        "--gin_param=search.params={'N': 1, 'F': 4}",
    ]
    ended = finish(*arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "test accuracy of" in ended.stdout
    reader = sqlite3.connect(work / "search.sqlite")
    found = reader.execute(
        "select fitness, params, mult_adds, seconds, status from individuals order by fitness desc"
    ).fetchall()
    assert len(found) == 3
    for fitness, params, mult_adds, seconds, status in found:
        assert status == "done" and 0 < fitness <= 1
        assert params > 0 and mult_adds > 0 and seconds > 0
    best = reader.execute("select id from individuals order by fitness desc, finished limit 1").fetchone()[0]
    assert [path.name for path in (work / "weights").iterdir()] == [f"{best}.weights.h5"]
    assert list((work / "tensorboard").rglob("*tfevents*"))
    assert finish(*arguments).returncode == 0
