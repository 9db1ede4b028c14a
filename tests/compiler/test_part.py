"""Trainings in parts: a continued training is the unbroken one, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dsl
from compiler import CompileError, Dataset, Trained, Training, train
from compiler.images import data
from compiler.networks import weights
from compiler.training.part import Checkpoint, Part

SMALL = """
op block[kernel] = relu | conv[kernel, stride=stride] | batch_norm
cell net(a) { return block[3x3](a) + block[1x1](a) }
network {
  stem: conv[3x3, filters=4] | batch_norm
  body: net[8] stride 2, net[8] as middle
  auxiliary(middle): relu | global_avg_pool | dense[classes]
  head: relu | global_avg_pool | dropout[0.2] | dense[classes]
}
"""
PLAIN = Training(epochs=3, batch_size=64, learning_rate=0.1, drop_path_keep=1.0, augment=(), optimize_graph=False)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load("digits", validation=0.7)


def in_parts(digits: Dataset, training: Training, ends: tuple[int, ...], folder: Path) -> Trained:
    """Trains a network in parts that end after the epochs `ends`, each with the checkpoint of the last one."""
    start: Checkpoint | None = None
    for end in ends:
        path = folder / f"{end}.npz"
        part = Part(end, start, lambda checkpoint, path=path: checkpoint.save(path))  # type: ignore[misc]
        found = train(dsl.loads(SMALL), digits, training, 5, part=part)
        start = Checkpoint.read(path)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "rmsprop", "schedule": "exponential", "ema_decay": 0.9, "fresh_statistics": False,
         "augment": ("crop", "cutout"), "cutout_size": 2, "auxiliary_weight": 0.4, "warmup_epochs": 1.0,
         "validate": "epochs"},
    ],
    ids=["plain", "everything random"],
)  # fmt: skip
def test_a_training_in_parts_ends_as_an_unbroken_one(
    digits: Dataset, settings: dict[str, object], tmp_path: Path
) -> None:
    training = Training(**{**vars_of(PLAIN), **settings})  # type: ignore[arg-type]
    whole = train(dsl.loads(SMALL), digits, training, 5)
    parts = in_parts(digits, training, (1, 2, 3), tmp_path)
    expected = weights.weights_of(whole.layers)
    for key, value in weights.weights_of(parts.layers).items():
        np.testing.assert_array_equal(value, expected[key], key)
    assert parts.accuracy == whole.accuracy and parts.metrics == whole.metrics
    assert [(one.loss, one.accuracy) for one in parts.history] == [(one.loss, one.accuracy) for one in whole.history]
    assert all(one.validation_accuracy is not None for one in parts.history), "each part ends with an evaluation"


def test_in_float16_the_scale_of_the_loss_is_continued(digits: Dataset, tmp_path: Path) -> None:
    training = replace(PLAIN, epochs=2, precision="float16")
    once, parts = tmp_path / "once", tmp_path / "parts"
    in_parts(digits, training, (2,), once)
    in_parts(digits, training, (1, 2), parts)
    expected, found = (Checkpoint.read(folder / "2.npz").values for folder in (once, parts))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, key)
    steps = len(digits.train.labels) // training.batch_size
    scale, since = float(expected["loss scale 0"]), int(expected["loss scale 1"])
    assert (scale, since) == (2.0**15, 2 * steps), "the scale, and the number of steps since it changed"


def vars_of(training: Training) -> dict[str, object]:
    return {name: getattr(training, name) for name in training.__dataclass_fields__}


def test_a_part_is_evaluated_once(digits: Dataset) -> None:
    training = Training(**{**vars_of(PLAIN), "validate": "epochs"})  # type: ignore[arg-type]
    found = train(dsl.loads(SMALL), digits, training, 5, part=Part(2))
    assert [one.validation_accuracy is None for one in found.history] == [True, False]


def test_a_training_below_the_least_accuracy_is_stopped_without_a_checkpoint(digits: Dataset) -> None:
    kept: list[Checkpoint] = []
    found = train(dsl.loads(SMALL), digits, PLAIN, 5, part=Part(3, None, kept.append, {1: 0.0, 2: 1.1}))
    assert len(found.history) == 2 and kept == []
    assert found.history[-1].validation_accuracy == found.accuracy


def test_a_damaged_checkpoint_is_refused(digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "1.npz"
    with pytest.raises(CompileError, match="there are no weights in"):
        Checkpoint.read(path)
    weights.save(path, {"a": np.zeros(3, np.float32)})
    with pytest.raises(CompileError, match="is not a checkpoint"):
        Checkpoint.read(path)
    Checkpoint({"a": np.zeros(3, np.float32)}, ()).save(path)
    with pytest.raises(CompileError, match="the weights lack"):
        train(dsl.loads(SMALL), digits, PLAIN, part=Part(2, Checkpoint.read(path)))
