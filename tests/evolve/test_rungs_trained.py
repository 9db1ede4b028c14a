"""Trainings in rungs: workers continue from checkpoints, and a killed search ends as an unbroken one."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.networks import weights
from evolve import UsageError, config
from evolve.prepared import prepare
from evolve.store.database import FILE
from tests.evolve.test_main import environment, evolve, finish

SPACE = """
op block[kernel] = relu | conv[kernel, stride=stride] | batch_norm
cell net(a) {
  b = block[3x3](a) + block[1x1](a)
  return b
}
network {
  stem: conv[3x3, filters=4] | batch_norm
  body: net[8] stride 2
  head: relu | global_avg_pool | dense[classes]
}
values ops = { block[1x1], block[3x3], block[5x5] }
mutation op weight 1 {
  choose c in cells, n in c.nodes, t in n.terms
  t.op = any(ops)
}
"""
SEARCH = """
dataset.source = 'digits'
dataset.validation = 0.7
search.seed_file = 'small.cell'
search.individuals = 5
search.executor = 'serial'
search.rungs = (1, 2, 3)
search.reduction = 2
search.inherit_weights = {inherit}
regularized_evolution.population_size = 3
regularized_evolution.sample_size = 2
training.epochs = 3
training.batch_size = 64
training.learning_rate = 0.1
training.optimize_graph = False
training.drop_path_keep = 1.0
training.augment = ('crop',)
training.ema_decay = 0.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.cell").write_text(SPACE)
    (tmp_path / "small.gin").write_text(SEARCH.format(inherit=True))
    return tmp_path


def results(work: Path) -> list[tuple[Any, ...]]:
    """Returns the results of all rungs without their times."""
    query = (
        "select task, rungs.id, rungs.rung, parent, genotype, rungs.fitness, rungs.flops, rungs.history, "
        "rungs.inherited, rungs.note, rungs.finished, after from rungs join individuals using (id) order by task"
    )
    return sqlite3.connect(work / FILE).execute(query).fetchall()


def kept(work: Path) -> dict[str, dict[str, Any]]:
    return {path.name: weights.read(path) for path in (work / "weights").glob("*.npz")}


def test_a_search_that_is_killed_while_it_trains_ends_as_an_unbroken_one(folder: Path) -> None:
    once = finish("--gin_file=small.gin", "--workdir=once", cwd=folder)
    assert once.returncode == 0, once.stderr
    command = evolve("--gin_file=small.gin", "--workdir=again")
    driver = subprocess.Popen(
        command, env=environment(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for_results(folder / "again", 4)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    again = finish("--gin_file=small.gin", "--workdir=again", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert results(folder / "again") == results(folder / "once")
    expected, found = kept(folder / "once"), kept(folder / "again")
    assert found.keys() == expected.keys() != set()
    for name, values in expected.items():
        for key, value in values.items():
            np.testing.assert_array_equal(found[name][key], value)
    rungs = {rung for _, _, rung, *_ in results(folder / "once")}
    assert rungs == {0, 1, 2}
    assert not (folder / "once" / "checkpoints").exists(), "the search is complete"


def wait_for_results(work: Path, count: int) -> None:
    """Waits until a number of results is stored, and a little longer, so that the next training has begun."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (work / FILE).exists():
            try:
                found = sqlite3.connect(work / FILE).execute("select count(finished) from rungs").fetchone()[0]
            except sqlite3.OperationalError:
                found = 0
            if found >= count:
                time.sleep(0.3)
                return
        time.sleep(0.02)
    raise AssertionError(f"no {count} results")


def test_a_lost_checkpoint_is_trained_anew_with_a_note(folder: Path) -> None:
    """The search ends before the promotions. Then the checkpoints are removed, and it goes on."""
    stopped = finish(
        "--gin_file=small.gin", "--workdir=work", "--gin_param=search.individuals=2",
        "--gin_param=search.budget_flops=1.0", cwd=folder,
    )  # fmt: skip
    assert stopped.returncode == 0, stopped.stderr
    (checkpoint,) = (folder / "work" / "checkpoints").iterdir()
    assert checkpoint.name == "1-0.npz"
    checkpoint.unlink()
    gone_on = finish(
        "--gin_file=small.gin", "--workdir=work", "--gin_param=search.individuals=2", "--resume=changed", cwd=folder
    )
    assert gone_on.returncode == 0, gone_on.stderr
    one = finish("--gin_file=small.gin", "--workdir=once", "--gin_param=search.individuals=2", cwd=folder)
    assert one.returncode == 0, one.stderr
    found, expected = results(folder / "work"), results(folder / "once")
    assert [row[5] for row in found] == [row[5] for row in expected], "the same fitness on each rung"
    anew = [row for row in found if row[9]]
    assert all(row[9].startswith("trained anew from the first epoch: there are no weights in") for row in anew)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["search.rungs=(9, 3)"],
         r"search\.rungs is \(9, 3\); it must be two or more whole numbers of epochs that rise"),
        (["search.rungs=(3, 3, 9)"], r"two or more whole numbers of epochs that rise"),
        (["search.rungs=(3,)"], r"search\.rungs is \(3,\); it must be two or more"),
        (["search.rungs=(1.5, 3)"], r"search\.rungs is \(1\.5, 3\); it must be two or more"),
        (["search.rungs=(0, 3)"], r"search\.rungs is \(0, 3\); it must be two or more"),
        (["search.rungs=3"], r"search\.rungs is 3; .*--gin_param=\"search\.rungs=\(3, 9, 27\)\""),
        (["search.reduction=1"], r"search\.reduction is 1; it must be a whole number from 2"),
        (["search.rungs=(1, 3, 9)"],
         r"training\.epochs is 3 and the last of search\.rungs is 9.*training\.epochs=9"),
        (["search.algorithm='neat'"],
         r"search\.algorithm is 'neat', which compares whole trainings only.*'random_search'"),
        (["search.algorithm='reinforcement'"], r"'reinforcement', which compares whole trainings only"),
        (["search.fitness='tests.evolve.made_up:separables'", "search.inherit_weights=False"],
         r"which cannot stop a training and continue it later"),
        (["search.rungs=()", "search.reduction=4"], r"nothing reads search\.reduction: search\.rungs is \(\)"),
        (["search.rungs=()", "search.stop=True"], r"search\.stop is True and search\.rungs is \(\)"),
    ],
)  # fmt: skip
def test_rungs_that_cannot_be_are_refused(folder: Path, bindings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(config.read([str(folder / "small.gin")], bindings), folder / "work")
