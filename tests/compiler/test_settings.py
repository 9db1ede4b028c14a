"""Settings of a training: allowed values, and the messages for others."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

import compiler
from compiler import Training
from compiler.domains import settings_of
from compiler.settings import GENES, Beside

SETTINGS = settings_of(Training)
REALS = sorted(setting.name for setting in SETTINGS if setting.domain.normal is float)
# Settings that are one of several names. `augment` has several, `class_weights` may be None, and `jit_compile` True.
NAMES = sorted(
    setting.name
    for setting in SETTINGS
    if setting.domain.choices
    and setting.name != "augment"
    and not any(setting.domain.holds(other) for other in (None, True))
)
COUNTS = ["batch_size", "crop_padding", "cutout_size", "epochs"]
FLAGS = ["nesterov", "optimize_graph"]


def test_every_setting_has_a_rule() -> None:
    assert [setting.name for setting in SETTINGS] == [field.name for field in fields(Training)]
    assert set(GENES) <= set(REALS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "training.epochs is -1; it must be a whole number from 0 to 1,000,000"),
        ({"drop_path_keep": 0}, "training.drop_path_keep is 0; it must be a number above 0 and at most 1"),
        ({"momentum": 1.5}, "training.momentum is 1.5; it must be a number from 0 to 1"),
        ({"l2": "low"}, "training.l2 is 'low'; it must be a number of at least 0"),
        ({"l2": -1}, "training.l2 is -1; it must be a number of at least 0"),
        ({"schedule": "linear"}, "training.schedule is 'linear'; allowed: cosine, constant, exponential"),
        ({"strategy": "mirorred"}, "did you mean 'mirrored'?"),
        ({"strategy": None}, "training.strategy is None; allowed: auto, default"),
        ({"augment": ["flop"]}, "training.augment has 'flop'; allowed: flip, crop, cutout, colour, random_crop; did"),
        (
            {"augment": "flip"},
            "training.augment is 'flip'; it must be a tuple of augmentations, () for none: "
            "--gin_param=\"training.augment=('flip',)\"",
        ),
        ({"augment": "flip, crop"}, "--gin_param=\"training.augment=('flip', 'crop')\"; allowed: flip, crop"),
        ({"augment": None}, "training.augment is None; it must be a tuple of augmentations"),
        ({"augment": (["flip"],)}, "training.augment has ['flip']; allowed: flip"),
        ({"learning_rate": float("1e400")}, "training.learning_rate is inf; it must be a number of at least 0"),
        ({"learning_rate": 1e39}, "training.learning_rate is 1e+39; it must be a number of at least 0"),
        ({"learning_rate": 10**400}, "it must be a number of at least 0"),
        ({"epochs": 10**12}, "it must be a whole number from 0 to 1,000,000"),
        ({"epochs": 2.0}, "training.epochs is 2.0; it must be a whole number"),
        ({"sync_batch_norm": "yes"}, "training.sync_batch_norm is 'yes'; it must be True, False or None"),
        ({"sync_batch_norm": 1}, "training.sync_batch_norm is 1; it must be True, False or None"),
        ({"jit_compile": None}, "training.jit_compile is None; it must be True, False or 'auto'"),
        ({"jit_compile": 1}, "training.jit_compile is 1; it must be True, False or 'auto'"),
        ({"tpu": None}, "training.tpu is None; it must be a text: a name, an address, 'local', or '' for none"),
        ({"rmsprop_start": -1.0}, "training.rmsprop_start is -1.0; it must be a number of at least 0"),
        ({"label_smoothing": 1}, "training.label_smoothing is 1; it must be a number from 0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused_with_the_allowed_values(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(compiler.CompileError) as caught:
        Training(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, False, None, "0.1", (0.1,)])
@pytest.mark.parametrize("name", REALS)
def test_a_number_is_finite_and_of_a_number_s_type(name: str, value: Any) -> None:
    with pytest.raises(compiler.CompileError, match=rf"training\.{name} is .*; it must be a number"):
        Training(**{name: value})


@pytest.mark.parametrize("value", [math.nan, 1.5, True, None, "3", -1])
@pytest.mark.parametrize("name", COUNTS)
def test_a_count_is_whole(name: str, value: Any) -> None:
    with pytest.raises(compiler.CompileError, match=rf"training\.{name} is .*; it must be a whole number"):
        Training(**{name: value})


@pytest.mark.parametrize("value", [0, 1, 1.0, None, "True", ""])
@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_is_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(compiler.CompileError, match=rf"training\.{name} is .*; it must be True or False"):
        Training(**{name: value})


@pytest.mark.parametrize("value", [0, True, None, ("sgd",), "", "SGD"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_of_those_that_there_are(name: str, value: Any) -> None:
    with pytest.raises(compiler.CompileError, match=rf"training\.{name} is .*; allowed: "):
        Training(**{name: value})


@pytest.mark.parametrize("value", [0, True, ("balanced",), "", "Balanced"])
def test_class_weights_are_balanced_or_none(value: Any) -> None:
    with pytest.raises(compiler.CompileError, match=r"training\.class_weights is .*; it must be 'balanced' or None"):
        Training(class_weights=value)
    assert Training(class_weights=None) != Training(class_weights="balanced")


def test_a_whole_number_is_the_real_one() -> None:
    assert Training(clip_norm=5, decay_rate=1) == Training(clip_norm=5.0, decay_rate=1.0)
    assert repr(Training(clip_norm=5)) == repr(Training(clip_norm=5.0))


def test_a_list_of_steps_is_their_tuple() -> None:
    steps: Any = ["flip", "crop"]
    assert Training(augment=steps) == Training(augment=("flip", "crop"))
    assert Training(augment=steps[:0]).augment == ()


def test_settings_that_another_one_leaves_without_effect_are_settings() -> None:
    known = {setting.name for setting in SETTINGS}
    found = [mark.other for setting in SETTINGS for mark in setting.marks if isinstance(mark, Beside)]
    assert len(found) == 11 and set(found) <= known


@pytest.mark.parametrize(("epochs", "warmup"), [(3, 3.5), (1, 2)])
def test_a_warm_up_ends_before_the_training(epochs: int, warmup: float) -> None:
    message = rf"training\.warmup_epochs is {warmup} and training\.epochs is {epochs}: "
    with pytest.raises(compiler.CompileError, match=message):
        Training(epochs=epochs, warmup_epochs=warmup)
    assert Training(epochs=3, warmup_epochs=3).warmup_epochs == 3.0
