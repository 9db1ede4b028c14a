"""The comparison of evolution with and without rungs on a made-up table of cells of NAS-Bench-101."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import dsl
from experiments import nasbench101, rungs
from experiments.nasbench201 import prepared


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of random cells whose accuracy is a share of that after 108 epochs, and a gin file of a small network."""
    seed, path = dsl.load(nasbench101.SPACE, {"N": 1, "F": 8}), tmp_path_factory.mktemp("table") / "made.npz"
    genotypes = [dsl.sample(seed.space, random.Random(number)) for number in range(400)]
    prints = [*{dsl.fingerprint(one): None for one in genotypes}]
    final = np.random.default_rng(0).uniform(50.0, 95.0, len(prints))
    columns = {rungs.COLUMN.format(epochs): final * epochs / 108 for epochs in rungs.RUNGS}
    rest = np.ones(len(final))
    np.savez(path, fingerprint=np.array(prints), seconds_per_epoch=rest, params=rest, **columns)  # type: ignore[arg-type]
    gin = "include 'nasbench101.gin'\nsearch.params = {'N': 1, 'F': 8}\nregularized_evolution.population_size = 10\n"
    gin += "table.choices = None\n"
    path.with_suffix(".gin").write_text(gin + "regularized_evolution.sample_size = 3\n")
    return path


def test_both_searches_spend_the_same_epochs_and_rungs_meet_more_cells(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--table", str(path), "--seeds", "2", "--budgets", "108", "540"]
    assert rungs.main(given, str(path.with_suffix(".gin"))) == 0
    head, plain, halved, note = capsys.readouterr().out.splitlines()
    assert head.split() == ["epochs", "108", "540"] and plain.startswith("no rungs ") and halved.startswith("rungs ")
    assert float(halved.split()[3]) > float(plain.split()[4]) >= 50
    assert note.startswith("accuracy after 108 epochs")


def test_the_result_is_that_of_the_last_rung(path: Path) -> None:
    world = prepared(str(path.with_suffix(".gin")), str(path), rungs.bindings(rungs.RUNGS, 3))
    first, last = rungs.one_search(world, 0, (4, 2000))
    assert first == next(rungs.one_search(world, 0, (4,)))
    assert 50 <= first < last and last > 90, "a result is the accuracy after 108 epochs"


def test_a_table_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rungs.main(["--table", str(tmp_path / "none.npz")]) == 2
    assert "none.npz cannot be read as a sample of NAS-Bench-101" in capsys.readouterr().err
