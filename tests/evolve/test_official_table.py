"""Official NATS-Bench files: small ones, written by the classes of that package."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import nats_bench
import numpy as np
import pytest

from evolve import UsageError, config
from evolve.fitness import table_files
from evolve.settings import TableSettings
from tests.evolve.made_table import key

CELLS = (("nor_conv_3x3",) * 6, ("skip_connect",) * 6, ("none",) * 6)
SETS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def trial(dataset: str, seed: int, epochs: int, number: int) -> nats_bench.ResultsCount:
    """Returns one training. Accuracies and times rise with the cell's number, the seed and the epoch."""
    every = range(epochs)
    accuracies = {epoch: 10.0 * number + seed + epoch / epochs for epoch in every}
    made = nats_bench.ResultsCount(dataset, None, {}, {}, 1.0, 1.0, {"arch_str": ""}, seed, epochs, None)
    made.update_train_info(accuracies, accuracies, accuracies, {epoch: 2.0 + number for epoch in every})
    named = {f"{name}@{epoch}": accuracies[epoch] for name in SETS[dataset] for epoch in every}
    made.update_eval(named, named, {name: 0.5 for name in named})
    return made


def results(number: int, epochs: int, seeds: tuple[int, ...]) -> dict[str, object]:
    """Returns the content of the official file of a cell for one length of training."""
    made = nats_bench.ArchResults(number, key(CELLS[number]))
    for dataset in SETS:
        for seed in seeds:
            made.update(dataset, seed, trial(dataset, seed, epochs, number))
    state: dict[str, object] = made.state_dict()
    return state


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official")
    nats_bench.pickle_save({"meta_archs": [key(cell) for cell in CELLS]}, path / "meta.pickle")
    for number in (0, 1):  # the file of the third cell is missing
        infos = {"12": results(number, 12, (7,)), "200": results(number, 200, (7, 8))}
        nats_bench.pickle_save(infos, path / f"{number:06d}.pickle")
    return path


def settings(path: Path, **changed: object) -> TableSettings:
    made: TableSettings = config.read(["nasbench201_official.gin"], [f"table.path={str(path)!r}"]).own
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_folder_of_official_files_is_read(folder: Path) -> None:
    table = table_files.load(settings(folder))
    assert set(table.rows) == {key(CELLS[0]), key(CELLS[1])}
    row = table.rows[key(CELLS[1])]
    assert row.fitness == pytest.approx((10 + 7 + 11 / 12) / 100)
    assert row.seconds == pytest.approx(12 * 3.0 + 0.5)
    assert [name for name, _ in row.metrics] == [
        "cifar10/200/test-accuracy",
        "cifar100/200/test-accuracy",
        "ImageNet16-120/200/test-accuracy",
    ]
    assert [value for _, value in row.metrics] == pytest.approx([10 + 7.5 + 199 / 200] * 3)


def test_a_single_file_is_read_as_well(folder: Path, tmp_path: Path) -> None:
    infos = {number: {"12": results(number, 12, (7,)), "200": results(number, 200, (7, 8))} for number in (0, 1)}
    whole = {"meta_archs": [key(cell) for cell in CELLS], "arch2infos": infos, "evaluated_indexes": [0, 1]}
    nats_bench.pickle_save(whole, tmp_path / "NATS.pickle")
    path = tmp_path / "NATS.pickle.pbz2"
    assert table_files.load(settings(path)).rows == table_files.load(settings(folder)).rows


def test_the_columns_of_official_files_are_saved_as_a_table(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    table_files.read(settings(folder)).save(path)
    kept, official = (table_files.load(settings(place)) for place in (path, folder))
    assert (kept.rows, kept.digest) == (official.rows, official.digest)
    assert np.load(path)["arch"].tolist() == [key(cell).encode() for cell in CELLS[:2]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10-valid/12/valid-acuracy", "did you mean 'valid-accuracy'"),
        ("cifar10/200/valid-accuracy", "of cifar10/200 it has test-accuracy, test-all-time"),
        ("cifar10-valid/13/valid-accuracy", "no values for cifar10-valid/13: cell 0 has no '13'"),
        ("cifar/12/valid-accuracy", "no values for cifar/12"),
        ("valid-accuracy", "is written DATASET/EPOCHS/METRIC"),
    ],
)
def test_columns_that_are_not_there(name: str, message: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        table_files.load(settings(folder, fitness=name))
    assert message in str(caught.value)


def test_folders_that_hold_something_else(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as official NATS-Bench files"):
        table_files.load(settings(tmp_path))
    (tmp_path / "meta.pickle.pbz2").write_bytes((folder / "meta.pickle.pbz2").read_bytes())
    with pytest.raises(UsageError, match="it has no cells"):
        table_files.load(settings(tmp_path))
    (tmp_path / "000000.pickle.pbz2").write_bytes(b"no archive")
    with pytest.raises(UsageError, match="cannot be read: cell 0: "):
        table_files.load(settings(tmp_path))


def test_official_files_without_the_extra_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats_bench", None)
    with pytest.raises(UsageError, match=r"pip install 'amoeba-evolve\[nasbench\]'"):
        table_files.read(settings(folder))
