"""Weights as arrays: a child inherits them from its parent, and a file gives them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import resolve
from compiler.layers.model import StepLayer, build_layers
from compiler.networks import weights
from dsl import Noise

SPACE = """
op norm = batch_norm | relu
cell net(image) fit resize_and_pad {
  a = conv[3x3, depth=3](image) | norm
  b = conv[KERNEL, depth=1](a) | norm
  return b + conv[1x1, depth=3](image)
}
network { body: net   head: global_avg_pool | dense[classes] }
"""
TRAINED = ("kernel", "gamma", "beta", "bias")
NUMBERS = {"a": 27 + 4 * 3, "b": 81 + 4 * 3, "return": 3, "head": 3 * 10 + 10}


def layers(seed: int, kernel: str = "3x3", before: str = "", after: str = "") -> list[StepLayer]:
    """Returns the network of the space with another kernel, and with one piece of its text replaced."""
    text = SPACE.replace("KERNEL", kernel)
    text = text.replace(before, after) if before else text
    return build_layers(resolve(dsl.loads(text), (8, 8, 1), 10), seed)


def changed(seed: int) -> dict[str, np.ndarray]:
    """Returns weights of a network. None of them has its initial value."""
    rng = np.random.default_rng(seed)
    return {
        key: np.add(rng.random(value.shape, np.float32), 1) for key, value in weights.weights_of(layers(seed)).items()
    }


def test_every_weight_of_the_graph_is_there_by_its_key_and_shape() -> None:
    made = layers(0)
    found = weights.weights_of(made)
    expected = {key: weight.shape for layer in made for key, weight in layer.step.weights()}
    assert {key: value.shape for key, value in found.items()} == {**expected, "body/0/0/updates": ()}
    assert {key.rsplit("/", 1)[1] for key in found if "batch_norm" in key} == {"gamma", "beta", "mean", "variance"}
    assert weights.count(made) == sum(NUMBERS.values())


def test_inheriting_from_oneself_copies_everything() -> None:
    parent, child = changed(1), layers(2)
    assert weights.inherit(child, parent) == weights.count(child)
    found = weights.weights_of(child)
    assert found.keys() == parent.keys()
    for key, value in parent.items():
        np.testing.assert_array_equal(found[key], value)


def test_weights_of_another_shape_start_fresh() -> None:
    parent, child = changed(1), layers(2, kernel="5x5")
    fresh = weights.weights_of(child)
    assert weights.inherit(child, parent) == sum(NUMBERS.values()) - 81
    found = weights.weights_of(child)
    assert {key for key in found if np.array_equal(found[key], fresh[key])} == {"body/0/0/net/b/0/conv/kernel"}
    assert {key for key in found if key not in parent or not np.array_equal(found[key], parent[key])} == {
        "body/0/0/net/b/0/conv/kernel"
    }


def test_a_new_norm_makes_the_statistics_of_its_step_quick_again() -> None:
    parent = changed(1)
    end = "  return b + conv[1x1, depth=3](image)"
    child = layers(2, before=end, after=f"  c = conv[3x3, depth=1](b) | norm\n{end} + c")
    assert weights.inherit(child, parent) == sum(NUMBERS.values())
    found = weights.weights_of(child)
    assert found["body/0/0/updates"] == 0
    assert np.array_equal(found["body/0/0/net/c/tail/0/norm/0/batch_norm/mean"], [0, 0, 0])
    key = "body/0/0/net/b/tail/0/norm/0/batch_norm/mean"
    np.testing.assert_array_equal(found[key], parent[key])


def test_a_norm_less_keeps_the_number_of_updates() -> None:
    parent = changed(1)
    child = layers(2, before="(a) | norm", after="(a)")
    assert weights.inherit(child, parent) == sum(NUMBERS.values()) - 12
    assert weights.weights_of(child)["body/0/0/updates"] == parent["body/0/0/updates"]


PARTS = {
    ("cell", "net", "a"): {"body/0/0/net/a/0/conv", "body/0/0/net/a/tail/0"},
    ("cell", "net", "a", "0"): {"body/0/0/net/a/0/conv"},
    ("cell", "net", "n1", "n2"): {"body/1/2/net/n1/n2/conv"},
    ("cell", "pair", "a"): {"body/3/0/top/b/0/both/0/pair/a/0/conv", "body/n4/0/pair/a/0/conv"},
    ("step", "body", "n4"): {"body/n4/0/pair/a/0/conv", "body/n4/updates"},
    ("step", "body", "1"): {"body/1/2/net/n1/n2/conv"},
}
KEYS = frozenset().union(*PARTS.values(), {"head/0/0/1/dense/kernel", "body/0/0/net/aa/0/conv", "stem/1/0/0/conv"})


@pytest.mark.parametrize(("part", "keys"), PARTS.items())
def test_a_part_of_the_mate_brings_its_weights(part: tuple[str, ...], keys: set[str]) -> None:
    parent = dict.fromkeys(KEYS, np.zeros(1, np.float32))
    mate = dict.fromkeys((*KEYS, "body/0/0/net/c/0/conv"), np.ones(1, np.float32))
    found = weights.of_parents(parent, mate, [part])
    assert {key for key, value in found.items() if value[0]} == keys
    assert found.keys() == parent.keys()
    assert weights.of_parents(parent, mate, []) == parent
    assert weights.of_parents(parent, {}, [part]) == parent
    assert weights.of_parents({}, mate, [part]).keys() == keys


@pytest.mark.parametrize(("kind", "first", "second"), [("normal", 0.1, 0.02), ("uniform", -0.3, 0.5)])
def test_noise_changes_trained_weights_and_no_statistics(kind: str, first: float, second: float) -> None:
    made, again, other = layers(1), layers(1), layers(1)
    for noisy, seed in ((made, 3), (again, 3), (other, 4)):
        weights.perturb(noisy, Noise(kind, first, second), seed)
    before, after = weights.weights_of(layers(1)), weights.weights_of(made)
    names = {key: key.rsplit("/", 1)[1] for key in before}
    added = np.concatenate([(after[key] - before[key]).ravel() for key in before if names[key] in TRAINED])
    mean, deviation = (first, second) if kind == "normal" else ((first + second) / 2, (second - first) / 12**0.5)
    error = deviation / added.size**0.5
    assert added.mean() == pytest.approx(mean, abs=5 * error)
    assert added.std() == pytest.approx(deviation, rel=0.3)
    assert len(np.unique(added)) > added.size * 0.9
    assert all(np.array_equal(after[key], before[key]) for key in before if names[key] not in TRAINED)
    assert all(np.array_equal(weights.weights_of(again)[key], value) for key, value in after.items())
    assert not np.array_equal(weights.weights_of(other)["head/0/0/1/dense/kernel"], after["head/0/0/1/dense/kernel"])


def test_the_difference_of_weights_is_the_root_mean_square_over_those_in_common() -> None:
    made = layers(1)
    own = weights.weights_of(made)
    assert weights.difference(made, own) == 0.0
    assert weights.difference(made, {}) is None
    assert weights.difference(made, {"head/0/0/1/dense/bias": np.ones(3, np.float32)}) is None  # of another shape
    statistics = {key: value + 5 for key, value in own.items() if key.rsplit("/", 1)[1] not in TRAINED}
    assert weights.difference(made, statistics) is None
    kernel, bias = "head/0/0/1/dense/kernel", "head/0/0/1/dense/bias"
    other = {kernel: own[kernel] + 2, bias: own[bias] - 1, "of/no/network": np.ones(3, np.float32), **statistics}
    expected = np.sqrt((own[kernel].size * 4 + own[bias].size) / (own[kernel].size + own[bias].size))
    assert weights.difference(made, other) == pytest.approx(expected)


def test_nothing_in_common_changes_nothing() -> None:
    child = layers(2)
    before = weights.weights_of(child)
    assert weights.inherit(child, {"somewhere/else": np.ones(3, np.float32)}) == 0
    after = weights.weights_of(child)
    assert all(np.array_equal(after[key], value) for key, value in before.items())


def test_under_a_strategy_with_copies_the_weights_are_the_same() -> None:
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        child = layers(2)
        assert weights.inherit(child, changed(1)) == weights.count(child)
        found = weights.weights_of(child)
    assert all(np.array_equal(found[key], value) for key, value in changed(1).items())


def test_a_file_gives_back_what_was_saved_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "7.npz"
    weights.save(path, changed(1))
    weights.save(path, changed(2))
    found = weights.read(path)
    assert {key: (value.dtype, value.tobytes()) for key, value in found.items()} == {
        key: (value.dtype, value.tobytes()) for key, value in changed(2).items()
    }
    assert [file.name for file in path.parent.iterdir()] == ["7.npz"]


def test_a_missing_or_damaged_file_of_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "7.npz"
    with pytest.raises(compiler.CompileError, match=r"there are no weights in .*7\.npz"):
        weights.read(path)
    weights.save(path, changed(1))
    whole = path.read_bytes()
    for damaged in (b"", b"nothing of the kind", whole[:-30], whole[:2000] + b"?" * 8 + whole[2008:]):
        path.write_bytes(damaged)
        with pytest.raises(compiler.CompileError, match=r"7\.npz is not a file of weights"):
            weights.read(path)


def test_restoring_wants_every_weight() -> None:
    values = changed(1)
    made = layers(2)
    weights.restore(made, {**values, "auxiliary/0/0/0/conv/kernel": np.ones(3, np.float32)})
    assert all(np.array_equal(value, values[key]) for key, value in weights.weights_of(made).items())
    kernel = "body/0/0/net/b/0/conv/kernel"
    with pytest.raises(compiler.CompileError, match=f"the weights lack {kernel}; the nearest is "):
        weights.restore(made, {key: value for key, value in values.items() if key != kernel})
    with pytest.raises(compiler.CompileError, match=r"in the shape \(5, 3, 3, 3\); the network needs \(3, 3, 3, 3\)"):
        weights.restore(made, {**values, kernel: np.ones((5, 3, 3, 3), np.float32)})
