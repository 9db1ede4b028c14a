"""Models and their training, on small real data."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import compiler
import dsl
from compiler import Dataset, Images, Trained, Training, accuracy, train
from compiler.images import data
from compiler.layers.model import step_layers
from compiler.networks import weights
from compiler.settings import GENES
from compiler.training.optimizers import learning_rate
from dsl import Noise

QUICK = Training(epochs=3, batch_size=32, learning_rate=0.1, l2=5e-4, drop_path_keep=1.0, augment=())


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load("digits", validation=0.2)


@pytest.fixture(scope="module")
def trained(digits: Dataset) -> Trained:
    return train(dsl.load("amoebanet_a.cell", {"N": 1, "F": 4}), digits, QUICK, seed=1)


def test_a_small_network_learns_the_digits(trained: Trained) -> None:
    assert [epoch.epoch for epoch in trained.history] == [1, 2, 3]
    assert trained.history[-1].validation_accuracy == trained.accuracy > 0.8
    assert trained.history[-1].loss < trained.history[0].loss
    assert 0 < trained.data_seconds < trained.train_seconds < trained.seconds


def test_the_model_has_the_costs_parameters(trained: Trained) -> None:
    assert sum(int(np.prod(v.shape)) for v in trained.model.trainable_variables) == trained.params


def test_a_saved_model_gives_the_recorded_accuracy(trained: Trained, digits: Dataset, tmp_path: Path) -> None:
    trained.model.save(tmp_path / "model.keras")
    loaded = tf_keras.models.load_model(tmp_path / "model.keras")
    assert accuracy(loaded, digits, "validation") == pytest.approx(trained.accuracy, abs=1e-6)
    images = tf.random.stateless_normal((3, 8, 8, 1), seed=(1, 2))
    np.testing.assert_allclose(loaded(images), trained.model(images), rtol=1e-4, atol=1e-4)
    assert isinstance(loaded, tf_keras.Model)
    assert loaded.to_json()


SIXTEEN = """
cell net(image) {
  a = conv[3x3, filters=4](image) | batch_norm | relu
  b = conv[1x1, filters=4, bias=yes](a) | dropout[rate=0.2]
  return a + b
}
network { body: net   head: batch_norm | global_avg_pool | dense[classes] }
"""


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_model_of_each_precision_predicts_as_float32(digits: Dataset, precision: str) -> None:
    settings = Training(epochs=0, batch_size=256, precision=precision, optimize_graph=False)
    found = train(dsl.loads(SIXTEEN), digits, settings)
    assert found.model.to_json()
    whole = compiler.lower(found.graph)
    weights.restore(step_layers(whole), weights.weights_of(found.layers))
    images = digits.train.images[:64].astype(np.float32) / 8 - 1
    logits = np.asarray(tf.cast(found.model(images, training=False), tf.float32))
    np.testing.assert_allclose(logits, whole(images, training=False), atol=0.0 if precision == "float32" else 0.05)


def test_weights_carry_the_genotypes_names(trained: Trained) -> None:
    names = weights.weights_of(trained.layers)
    assert any("body/0/0/normal/b/0/sep_conv/1/depthwise/kernel" in name for name in names)


SAME = """
import dsl
from compiler import Training, train
from compiler.images import data

genotype, digits = dsl.load("nasnet.cell", {"N": 0, "F": 4}), data.load("digits", validation=0.2)
for seed in (3, 3, 4):
    print("history:", train(genotype, digits, Training(epochs=1, batch_size=64), seed=seed).history)
"""


def test_the_same_seed_gives_the_same_training() -> None:
    """The process has one thread, as a worker has. Between several threads, sums have no fixed order."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run([sys.executable, "-c", SAME], env=environment, capture_output=True, text=True, check=True)
    once, again, other = (line for line in ended.stdout.splitlines() if line.startswith("history:"))
    assert once == again
    assert once != other


def test_moving_statistics_are_those_of_the_data(trained: Trained) -> None:
    for layer in step_layers(trained.model):
        for key, value in layer.values().items():
            if key.startswith("body") and key.endswith("variance"):
                assert not np.allclose(value, 1.0)


def still(text: str, **genes: float) -> dsl.Genotype:
    """Returns a small network with these genes."""
    declared = "".join(f"gene {name} = {value}\n" for name, value in genes.items())
    return dsl.loads(declared + text)


SMALL = """
cell net(image) {
  a = conv[3x3, filters=8](image) | batch_norm | relu
  return a
}
network { body: net   head: global_avg_pool | dense[classes] }
"""


def test_training_goes_on_from_the_weights_it_is_given(digits: Dataset) -> None:
    parent = train(still(SMALL), digits, QUICK, seed=1)
    assert (parent.inherited, parent.weights) == (0, 72 + 32 + 90)
    values = weights.weights_of(parent.layers)
    assert values["body/0/0/updates"] == 3 * (len(digits.train) // 32)
    kept = train(still(SMALL, learning_rate=0), digits, replace(QUICK, epochs=1, l2=0.0), seed=2, initial=values)
    assert kept.inherited == kept.weights == parent.weights
    assert kept.history[0].loss < parent.history[0].loss
    for key, value in weights.weights_of(kept.layers).items():
        if key.rsplit("/", 1)[1] not in ("mean", "variance", "updates"):
            np.testing.assert_array_equal(value, values[key])


def test_without_an_epoch_the_weights_are_evaluated_and_stay(digits: Dataset) -> None:
    parent = train(still(SMALL), digits, QUICK, seed=1)
    values = weights.weights_of(parent.layers)
    none = replace(QUICK, epochs=0, ema_decay=0.9, fresh_statistics=False)
    kept = train(still(SMALL), digits, none, seed=2, initial=values)
    assert (kept.history, kept.accuracy, kept.inherited) == ((), parent.accuracy, parent.weights)
    assert weights.weights_of(kept.layers).keys() == values.keys()
    assert all(np.array_equal(values[key], value) for key, value in weights.weights_of(kept.layers).items())
    noisy = train(still(SMALL), digits, none, seed=2, initial=values, noise=Noise("normal", 0.0, 10.0))
    assert noisy.accuracy < parent.accuracy
    with pytest.raises(compiler.CompileError, match="the validation loss of the weights with which it starts is nan"):
        train(still(SMALL), digits, none, seed=2, initial=values, noise=Noise("normal", math.nan, 1.0))


def test_a_gene_takes_the_place_of_the_setting(digits: Dataset) -> None:
    once = replace(QUICK, epochs=1)
    by_setting = train(still(SMALL), digits, replace(once, learning_rate=0.02, label_smoothing=0.1), seed=1)
    by_gene = train(still(SMALL, learning_rate=0.02, label_smoothing=0.1, of_nobody=3), digits, once, seed=1)
    assert by_gene.history == by_setting.history
    assert by_gene.history != train(still(SMALL), digits, once, seed=1).history


def test_a_gene_without_a_setting_of_its_name_is_refused(digits: Dataset) -> None:
    with pytest.raises(compiler.CompileError, match=r"training\.drop_path_keep is 1\.5; .* the gene of this name"):
        train(still(SMALL, drop_path_keep=1.5), digits, QUICK)


@pytest.mark.parametrize("name", GENES)
def test_every_setting_that_can_be_a_gene_is_read(name: str) -> None:
    assert getattr(QUICK.with_genes({name: 0.25, "epochs": 7}), name) == 0.25
    assert QUICK.with_genes({"epochs": 7, "batch_size": 1}) == QUICK


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("cosine", 0, (0.1, 0.05, 0.0)),
        ("cosine", 2, (0.0, 0.1 * 0.5 * (1 + np.cos(np.pi * 3 / 8)), 0.0)),
        ("constant", 0, (0.1, 0.1, 0.1)),
        ("constant", 2, (0.0, 0.1, 0.1)),
    ],
)
def test_schedules_at_the_start_in_the_middle_and_at_the_end(
    schedule: str, warmup: int, expected: tuple[float, ...]
) -> None:
    rate = learning_rate(Training(epochs=5, learning_rate=0.1, schedule=schedule, warmup_epochs=warmup / 2), 2)
    found = [float(rate(step)) if callable(rate) else rate for step in (0, 5, 10)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_divergence_is_an_error(digits: Dataset) -> None:
    wild = Training(epochs=1, batch_size=64, learning_rate=1e9, drop_path_keep=1.0, augment=())
    with pytest.raises(compiler.Diverged, match="epoch 1"):
        train(dsl.load("nasnet.cell", {"N": 0, "F": 4}), digits, wild)


def test_a_batch_larger_than_the_data_is_refused(digits: Dataset) -> None:
    with pytest.raises(compiler.CompileError, match="batch_size is 5000"):
        train(dsl.load("nasnet.cell", {"N": 0, "F": 4}), digits, Training(batch_size=5000))


def test_the_auxiliary_head_trains() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 255, (64, 8, 8, 3), np.uint8)
    split = Images(images, np.arange(64, dtype=np.int32) % 2)
    small = Dataset("made up", split, split, split, ("a", "b"), (127.0,) * 3, (70.0,) * 3)
    settings = Training(epochs=1, batch_size=32, auxiliary_weight=0.4, augment=("flip", "crop"), label_smoothing=0.1)
    hanging = SMALL.replace("body: net", "body: net as middle  auxiliary(middle): global_avg_pool | dense[classes]")
    result = train(dsl.loads(hanging), small, settings)
    assert len(result.model.outputs) == 2
    assert np.isfinite(result.history[0].loss)


def test_trainings_leave_nothing_behind(digits: Dataset) -> None:
    """Graphs have reference cycles, some through C++. A graph that is not freed leaves tens of thousands of objects."""
    settings = Training(epochs=1, batch_size=64, drop_path_keep=1.0, augment=())
    counts = []
    for seed in range(3):
        train(dsl.load("nasnet.cell", {"N": 0, "F": 4}), digits, settings, seed)
        gc.collect()
        counts.append(len(gc.get_objects()))
    assert abs(counts[2] - counts[1]) < 2000


def test_every_epoch_is_reported_when_it_ends(digits: Dataset) -> None:
    seen: list[int] = []
    train(dsl.load("nasnet.cell", {"N": 0, "F": 4}), digits, replace(QUICK, epochs=2), on_epoch=seen.append)
    assert seen == [1, 2]
