"""The folder of a trained network is read as it was written, and damaged files are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dsl
from compiler import CompileError, Training, accuracy, graph_cost, lower, train
from compiler.images.data import load
from compiler.images.preparation import Preparation
from compiler.layers.model import step_layers
from compiler.main import main
from compiler.networks import weights
from compiler.networks.formats import exported_model
from compiler.networks.names import FACTS, NETWORK, WEIGHTS
from compiler.networks.saved import Saved, read, write
from tests.compiler.saved_networks import TEXT, network

PREPARED = {"resize": "bilinear, antialiased", "resized": [9, 9], "crop": 0.875, "size": [8, 8], "rounded": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "runs" / "net", network())
    return tmp_path / "runs" / "net"


def test_a_network_is_read_as_it_was_written(folder: Path) -> None:
    found, wanted = read(folder), network()
    assert found.genotype == wanted.genotype
    assert found.weights.keys() == wanted.weights.keys()
    assert all(np.array_equal(found.weights[key], wanted.weights[key]) for key in wanted.weights)
    for name in ("input_shape", "class_names", "mean", "std", "accuracy", "classes"):
        assert getattr(found, name) == getattr(wanted, name)
    assert sorted(path.name for path in folder.iterdir()) == [NETWORK, FACTS, WEIGHTS]


@pytest.mark.parametrize("crop", [1.0, 0.875, 0.3])
def test_how_images_are_prepared_is_kept(folder: Path, crop: float) -> None:
    write(folder, replace(network(), preparation=Preparation((8, 8), crop)))
    assert read(folder).preparation == Preparation((8, 8), crop)
    stored = json.loads((folder / FACTS).read_text())["preparation"]
    assert stored == {**PREPARED, "crop": crop, "resized": [round(8 / crop)] * 2}
    write(folder, replace(network(), preparation=Preparation((8, 8), crop, is_whole=True)))
    assert read(folder).preparation == Preparation((8, 8), crop, is_whole=True)


def test_a_network_of_0_5_0_is_read_and_knows_no_preparation(folder: Path) -> None:
    write(folder, replace(network(), preparation=Preparation((8, 8))))
    edit(folder, version=1, preparation="gone")
    assert read(folder).preparation is None
    assert read(folder).class_names == ("zero", "one", "two")


def test_another_network_takes_its_place(folder: Path) -> None:
    write(folder, network(channels=3, seed=1))
    assert read(folder).input_shape == (8, 8, 3)
    assert sorted(path.name for path in folder.iterdir()) == [NETWORK, FACTS, WEIGHTS]


def test_a_write_that_fails_leaves_the_old_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write(folder, network(seed=1))
    monkeypatch.undo()
    kept, first = (found.weights["head/0/0/3/dense/kernel"] for found in (read(folder), network()))
    assert np.array_equal(kept, first)
    assert sorted(path.name for path in folder.iterdir()) == [NETWORK, FACTS, WEIGHTS]


def edit(folder: Path, **facts: object) -> None:
    known = json.loads((folder / FACTS).read_text())
    (folder / FACTS).write_text(json.dumps({k: v for k, v in {**known, **facts}.items() if v != "gone"}))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"version": 3}, r"network\.json has the format 3; this version of Amoeba reads the formats 1 and 2"),
        ({"mean": "gone"}, r"network\.json is damaged: it lacks 'mean'"),
        ({"mean": "x"}, r"network\.json is damaged: mean is 'x'"),
        ({"mean": [1, 2]}, r"net is damaged: mean is \[1\.0, 2\.0\]: wanted a number for each of 1 channels"),
        ({"std": [0]}, r"net is damaged: std is \[0\.0\]: wanted numbers above 0"),
        ({"input_shape": [8, 8]}, r"network\.json is damaged: input_shape is \[8, 8\]"),
        ({"input_shape": [8, 8, 2], "mean": [1, 1], "std": [1, 1]}, r"the weights have stem/0/0/0/conv/kernel in the"),
        ({"class_names": ["a", "b"]}, r"the weights have head/0/0/3/dense/kernel in the shape .* the network needs"),
        ({"weights_sha256": "0"}, r"weights\.npz are not the weights that were saved with network\.json"),
        ({"fingerprint": "0"}, r"network\.cell is not the network that was trained"),
        ({"fingerprint": "0", "fingerprint_version": 1, "std": [0]}, r"net is damaged: std is \[0\.0\]"),
        ({"preparation": "gone"}, r"network\.json is damaged: it lacks 'preparation'"),
        ({"preparation": [8, 8]}, r"network\.json is damaged: preparation is \[8, 8\]"),
        ({"preparation": {"size": [8, 8], "crop": 0.5}}, r"network\.json is damaged: preparation is \{'size'"),
        ({"preparation": {**PREPARED, "crop": 0}}, r"network\.json is damaged: preparation is \{"),
        ({"preparation": {**PREPARED, "resized": [10, 9]}}, r"network\.json is damaged: preparation is \{"),
        ({"preparation": {**PREPARED, "resize": "nearest"}}, r"network\.json is damaged: preparation is \{"),
        (
            {"preparation": {**PREPARED, "size": [9, 9], "resized": [10, 10]}},
            r"net is damaged: preparation\.size is \[9, 9\] and input_shape is \[8, 8, 1\]: wanted the same height",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else "+".join(value),
)
def test_facts_that_are_wrong(folder: Path, facts: dict[str, Any], reason: str) -> None:
    edit(folder, **facts)
    with pytest.raises(CompileError, match=reason):
        read(folder)


def test_a_damaged_or_missing_network_is_refused(folder: Path) -> None:
    with pytest.raises(CompileError, match=r"runs holds no trained network: it has no network\.json"):
        read(folder.parent)
    (folder / FACTS).write_text("{", encoding="utf-8")
    with pytest.raises(CompileError, match=r"network\.json is damaged: Expecting"):
        read(folder)
    (folder / FACTS).write_text("[]", encoding="utf-8")
    with pytest.raises(CompileError, match=r"network\.json is damaged: it holds no names and values"):
        read(folder)


def test_a_text_that_was_changed_is_another_network(folder: Path) -> None:
    (folder / NETWORK).write_text(TEXT.replace("max_pool[3x3]", "max_pool[5x5]"), encoding="utf-8")
    with pytest.raises(CompileError, match="is not the network that was trained: it was changed"):
        read(folder)
    (folder / NETWORK).write_text("# a comment is no change\n" + TEXT, encoding="utf-8-sig")
    assert read(folder).accuracy == 0.75
    (folder / NETWORK).unlink()
    with pytest.raises(CompileError, match=r"there is no .*network\.cell"):
        read(folder)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    values = dict(network().weights)
    del values["stem/0/0/1/batch_norm/mean"]
    weights.save(folder / WEIGHTS, values)
    with pytest.raises(CompileError, match=r"net is damaged: the weights lack stem/0/0/1/batch_norm/mean; the nearest"):
        read(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(CompileError, match=r"there are no weights in .*weights\.npz"):
        read(folder)


def test_numbers_are_checked_before_they_are_written() -> None:
    with pytest.raises(CompileError, match=r"mean is \[nan\]"):
        replace(network(), mean=(float("nan"),))


def test_a_trained_network_keeps_its_accuracy_when_read_back_and_exported(tmp_path: Path) -> None:
    """The folder has all that inference needs: statistics, weights and normalization."""
    dataset = load("digits", validation=0.2)
    genotype = dsl.loads(TEXT.replace("filters=6", "filters=16").replace("dropout[rate=0.5] | ", ""))
    settings = Training(epochs=3, batch_size=32, learning_rate=0.1, augment=(), drop_path_keep=1.0)
    trained = train(genotype, dataset, settings)
    values = weights.weights_of(trained.layers)
    facts = (dataset.input_shape, dataset.class_names, dataset.mean, dataset.std, trained.accuracy)
    write(tmp_path, Saved(genotype, values, *facts))
    found = read(tmp_path)
    assert found.accuracy == trained.accuracy > 0.5
    model = lower(found.graph)
    weights.restore(step_layers(model), found.weights)
    assert accuracy(model, dataset, "validation") == trained.accuracy
    guesses = exported_model(found).predict(dataset.validation.images, verbose=0).argmax(axis=-1)
    assert np.mean(guesses == dataset.validation.labels) == pytest.approx(trained.accuracy, abs=1e-6)


def test_commands_build_the_text_for_the_images_on_which_it_was_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = str(folder / NETWORK)

    def counted(file: str, *flags: str) -> tuple[list[int], int, int]:
        assert main(["cost", file, "--json", *flags]) == 0
        found = json.loads(capsys.readouterr().out)
        return found["input_shape"], found["classes"], found["mult_adds"]

    shape, classes, mult_adds = counted(text)
    assert (shape, classes, mult_adds) == ([8, 8, 1], 3, graph_cost(network().graph).mult_adds)
    assert counted(text, "--classes=7")[:2] == ([8, 8, 1], 7)
    assert counted(text, "--input=16x16x3", "--classes=7")[:2] == ([16, 16, 3], 7)
    other = folder / "other.cell"
    other.write_text(TEXT)
    assert counted(str(other))[:2] == ([32, 32, 3], 10)
    assert main(["cost", text]) == 0
    assert "images       8x8x1, 3 classes\n" in capsys.readouterr().out
    assert main(["cost", text, str(other)]) == 0
    head, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head[1:3] == ["images", "classes"] and (first[1:3], second[1:3]) == (["8x8x1", "3"], ["32x32x3", "10"])
    edit(folder, input_shape="damaged")
    assert main(["cost", text]) == 2
    assert f"{folder / FACTS} is damaged" in capsys.readouterr().err
