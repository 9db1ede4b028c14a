"""The models of `tf_keras.applications`: each has a file, and the smallest of each family computes what Keras does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tf_keras

import dsl
from compiler import resolve
from compiler.graph.cost import weight_values
from compiler.networks.applications import Application, applications
from compiler.networks.from_keras import preparation, weights_from
from compiler.networks.plain import plain_model
from experiments.bench import applications as bench
from experiments.bench.applications import Compared, built, compare, main, models, randomize, summary

APPLICATIONS = applications()
README = Path(__file__).parent.parent / "experiments" / "README.md"
SMALLEST = [one for one in APPLICATIONS.values() if one.smallest]
# Keras takes most of a minute of a slow core to build and run one of these.
LARGE = ("DenseNet121", "EfficientNetV2B0", "InceptionResNetV2", "InceptionV3", "NASNetMobile")
CLASSES = 10
EQUAL = Compared(
    application=APPLICATIONS["MobileNet"], params=5, keras_params=5, mult_adds=7, keras_mult_adds=7, layers_agree=True,
    difference=2e-6, noise=1e-6,
)  # fmt: skip


def size(one: Application) -> int:
    """Returns an odd size of images that both Keras and the text take."""
    return 75 if "ception" in one.model else 65


def test_every_model_of_keras_has_a_file() -> None:
    assert sorted(APPLICATIONS) == sorted(models())
    assert len(models()) >= 71


@pytest.mark.parametrize("one", APPLICATIONS.values(), ids=lambda one: one.model)
def test_the_file_of_a_model_has_its_params(one: Application) -> None:
    space = dsl.load(one.file, dict(one.params), one.overlays).space
    assert {name: space.params[name] for name in one.params} == one.params


def test_each_file_has_one_smallest_model_or_includes_a_file_that_has() -> None:
    tried = {one.file for one in SMALLEST}
    others = {one.file for one in APPLICATIONS.values()} - tried
    assert len(SMALLEST) == len(tried)
    for file in others:
        included = re.findall(r'include "([^"]+)"', (dsl.shipped_cells() / file).read_text(encoding="utf-8"))
        includes_this = {one for one in tried if f'"{file}"' in (dsl.shipped_cells() / one).read_text(encoding="utf-8")}
        assert tried & {*included, *includes_this}, file


@pytest.mark.parametrize(
    "one",
    [pytest.param(one, marks=[pytest.mark.full] if one.model in LARGE else []) for one in SMALLEST],
    ids=lambda one: one.model,
)
def test_the_smallest_model_of_a_family_is_equal_to_that_of_keras(one: Application) -> None:
    found = compare(one, (size(one),), CLASSES, counted=size(one))
    assert found.reasons == ()
    assert found.params == found.keras_params > 0
    assert found.mult_adds == found.keras_mult_adds > 0
    assert found.difference is not None and found.difference < 1e-4


@pytest.mark.full
@pytest.mark.parametrize("one", SMALLEST, ids=lambda one: one.model)
def test_the_smallest_model_of_a_family_is_equal_in_stock_layers(one: Application) -> None:
    model = built(one.model, size(one), CLASSES)
    generator = np.random.default_rng(1)
    images = generator.uniform(0, 255, (2, size(one), size(one), 3)).astype(np.float32)
    randomize(model, images, generator)
    graph = resolve(dsl.load(one.file, dict(one.params), one.overlays), (size(one), size(one), 3), CLASSES)
    weights, (mean, std) = weights_from(model, graph), preparation(model)
    wanted = np.asarray(model(images))
    for module in (tf_keras, keras):
        found = np.asarray(plain_model(graph, weights, keras=module)((images - mean) / std))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"params": 4}, "-1 parameters"), ({"mult_adds": 1007}, "+1,000 mult-adds"),
        ({"layers_agree": False}, "layers of other sizes"),
        ({"difference": None, "noise": None, "reason": "no weights"}, "no weights"),
        ({"difference": 0.5}, "outputs differ by 5.0e-01 of the largest, more than 1.0e-05"),
        ({"difference": float("nan")}, "outputs differ by nan of the largest, more than 1.0e-05"),
    ],
)  # fmt: skip
def test_what_differs_is_listed_with_the_reason(changed: dict[str, object], reason: str) -> None:
    found = replace(EQUAL, **changed)  # type: ignore[arg-type]
    assert found.reasons == (reason,)
    assert summary([EQUAL, found]).splitlines() == ["1 of 2 are equal.", f"- MobileNet: {reason}."]


def given(found: Compared) -> Callable[[Application], Compared]:
    return lambda one: replace(found, application=one)


def test_standard_output_is_only_a_list_with_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "compare", given(EQUAL))
    assert main(["--json", "--only", "VGG16"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == [
        {"model": "VGG16", "file": "vgg.cell", "params": 5, "keras_params": 5, "difference": 2e-6}
    ]
    assert output.err.startswith("VGG16: equal (")


def test_the_exit_code_is_1_if_something_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "compare", given(replace(EQUAL, params=6)))
    assert main(["--only", "VGG16"]) == 1
    assert capsys.readouterr().out.endswith("- VGG16: +1 parameters.\n")


def test_a_model_without_a_file_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "models", lambda: ("MobileNetV9",))
    assert main([]) == 1
    assert (
        "MobileNetV9: no file has this model; add it to experiments/cells/applications.json" in capsys.readouterr().err
    )


def test_an_unknown_model_has_a_message_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "MobilenetV2"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "tf_keras.applications has no 'MobilenetV2'; did you mean 'MobileNetV2'?\n"


def test_the_readme_has_every_model_with_its_weights() -> None:
    text = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+\.cell) \| [^|]* \| ([\d,]+) \|", text, re.MULTILINE)
    assert {model: (file, count) for model, file, count in rows} == {
        one.model: (one.file, f"{weights(one):,}") for one in APPLICATIONS.values()
    }


def weights(one: Application) -> int:
    """Returns the number of weights of a text, at the size of images for which VGG's dense layers are made."""
    return weight_values(resolve(dsl.load(one.file, dict(one.params), one.overlays), (224, 224, 3), 1000))
