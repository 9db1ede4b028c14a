"""Three individuals from the command to the end table, with real training in a worker."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

from compiler import accuracy, lower
from compiler.images import data
from compiler.layers.model import step_layers
from compiler.networks import saved, weights
from evolve.records import Classification
from tests.evolve.test_main import environment, evolve, finish
from tests.evolve.test_search import rows, wait_for
from tests.evolve.test_summaries import _read


def test_a_search_of_three_individuals_ends_with_a_tested_best(tmp_path: Path) -> None:
    work = tmp_path / "work"
    arguments = [
        "--gin_file=digits.gin",
        f"--workdir={work}",
        "--gin_param=search.individuals=3",
        "--gin_param=processes.workers=1",
        "--gin_param=training.epochs=1",
        "--gin_param=search.params={'N': 0, 'F': 4}",
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
    best = reader.execute(
        "select id from individuals order by fitness desc, params, mult_adds, finished limit 1"
    ).fetchone()[0]
    assert [path.name for path in (work / "weights").iterdir()] == [f"{best}.npz"]
    assert list((work / "tensorboard").rglob("*tfevents*"))
    assert f"cell export {work / 'best'} --out work.keras" in ended.stdout.replace("\n", "")
    network = saved.read(work / "best")
    assert network.accuracy == found[0][0] and network.input_shape == (8, 8, 1)
    model = lower(network.graph)
    weights.restore(step_layers(model), network.weights)
    assert accuracy(model, data.load("digits", validation=0.5), "validation") == network.accuracy
    assert not (work / "running").exists()
    again = finish(*arguments)
    assert again.returncode == 0
    check_test(work, best, ended.stdout, again.stdout)
    # Version 0.5.0 left this name.
    reader.execute(
        "update meta set key = ?, value = '0.25' where key = ?", (f"{TESTED} accuracy of {best}", f"{TESTED} of {best}")
    )
    reader.execute("delete from meta where key = 'note.version'")
    reader.execute("pragma user_version=3")
    reader.commit()
    earlier = finish(*arguments)
    assert earlier.returncode == 0 and f"test accuracy of {best}: 0.2500" in earlier.stdout


TESTED = "note.test"


def check_test(work: Path, best: int, first: str, again: str) -> None:
    """Checks that the test accuracies are measured once, and are shown by every run and in TensorBoard."""
    reader = sqlite3.connect(work / "search.sqlite")
    (text,) = reader.execute("select value from meta where key = ?", (f"{TESTED} of {best}",)).fetchone()
    found = Classification.read(text)
    assert found.accuracy == saved_accuracy(work) and found.class_names == tuple("0123456789")
    assert sum(map(sum, found.confusion)) == 360
    for printed in (first, again):
        assert f"test accuracy of {best}: {found.accuracy:.4f}" in printed and "Test images by class" in printed
        assert "http://localhost:6006/#amoeba" in printed
    (event,) = _read(work / "tensorboard" / "search").Tensors("best/confusion")
    assert event.step == 3


def saved_accuracy(work: Path) -> float:
    network = saved.read(work / "best")
    model = lower(network.graph)
    weights.restore(step_layers(model), network.weights)
    return accuracy(model, data.load("digits", validation=0.5), "test")


def members(work: Path) -> set[int]:
    """Returns the finished individuals that no proposal has removed."""
    reader = sqlite3.connect(work / "search.sqlite")
    removed = "select value from individuals, json_each(iif(memo = '', '[]', memo))"
    return {id for (id,) in reader.execute(f"select id from individuals where finished > 0 and id not in ({removed})")}


def test_inheritance_survives_kill_9(tmp_path: Path) -> None:
    arguments = [
        "--gin_file=large_scale.gin",
        "--gin_param=search.individuals=14",
        "--gin_param=search.executor='serial'",
        "--gin_param=training.epochs=1",
        "--gin_param=pairwise_tournament.population_size=4",
    ]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(*arguments, f"--workdir={whole}").returncode == 0
    command = evolve(*arguments, f"--workdir={killed}")
    driver = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(killed, 7)
    driver.kill()
    driver.wait()
    assert len(rows(killed)) < 14
    assert finish(*arguments, f"--workdir={killed}").returncode == 0
    assert rows(killed) == rows(whole)
    reader = sqlite3.connect(killed / "search.sqlite")
    children = reader.execute("select inherited, note from individuals where parent > 0 and not forget").fetchall()
    assert len(children) > 5
    assert all(inherited > 0 and not note for inherited, note in children)
    best = reader.execute(
        "select id from individuals order by fitness desc, params, mult_adds, finished limit 1"
    ).fetchone()[0]
    assert {int(path.stem) for path in (killed / "weights").iterdir()} == members(killed) | {best}
