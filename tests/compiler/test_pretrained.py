"""Weights from which trainings begin: their file, the models of Keras, `cell weights` and `cell train --weights`."""

from __future__ import annotations

import json
import sys
import urllib.error
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tf_keras
from tf_keras.src.utils import data_utils

import dsl
from compiler import CompileError, lower, resolve
from compiler.images.data import load
from compiler.layers.model import step_layers
from compiler.main import main
from compiler.networks import pretrained, saved, weights
from compiler.networks.applications import taken
from compiler.networks.pretrained import agreement
from tests.compiler.saved_networks import network

IMAGES = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), np.uint8)
TEXT = "network { body: conv[3x3, filters=4] | relu | conv[1x1, filters=5]   head: global_avg_pool | dense[classes] }"
QUICK = """
training.epochs = 1
training.batch_size = 16
training.learning_rate = 0.05
training.drop_path_keep = 1.0
training.augment = ()
training.optimize_graph = False
"""


# --- the file, and what a network takes of it ---


def test_the_file_has_the_network(tmp_path: Path) -> None:
    own = network()
    pretrained.write(tmp_path / "a.npz", own, "runs/a")
    found = pretrained.read(tmp_path / "a.npz")
    assert (found.source, found.network.mean, found.network.std) == ("runs/a", own.mean, own.std)
    assert found.network.genotype.standalone() == own.genotype.standalone()
    assert {key: value.tolist() for key, value in found.network.weights.items()} == {
        key: value.tolist() for key, value in own.weights.items()
    }


def test_it_is_read_as_a_file_of_weights_too(tmp_path: Path) -> None:
    pretrained.write(tmp_path / "a.npz", network(), "runs/a")
    assert weights.read(tmp_path / "a.npz").keys() == network().weights.keys()


@pytest.mark.parametrize(
    ("name", "source"), [("net/weights.npz", "net"), ("net/weights/57.npz", "net:57"), ("some.npz", "runs/net")]
)
def test_weights_without_facts_are_refused_with_the_command_that_adds_them(
    tmp_path: Path, name: str, source: str
) -> None:
    weights.save(tmp_path / name, network().weights)
    with pytest.raises(CompileError, match="without the facts about their images") as raised:
        pretrained.read(tmp_path / name)
    where = source if source == "runs/net" else str(tmp_path / source)
    assert str(raised.value).endswith(f"cell weights --from {where} --out initial.npz")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    pretrained.write(path, network(), "runs/a")
    content = weights.entries(path)
    facts = json.loads(str(content["network.json"]))
    np.savez(path, **{**content, "network.json": json.dumps({**facts, "std": [0.0]})})  # type: ignore[arg-type]
    with pytest.raises(CompileError, match=r"a\.npz is damaged: std is \[0\.0\]"):
        pretrained.read(path)
    path.write_bytes(b"PK")
    with pytest.raises(CompileError, match=r"a\.npz is not a file of weights"):
        pretrained.read(path)


def graph_of(text: str, classes: int = 3) -> Any:
    return resolve(dsl.loads(text), (8, 8, 3), classes)


def test_what_agrees_is_taken_and_the_rest_is_listed_with_the_reason() -> None:
    given = {key: np.zeros(shape, np.float32) for key, shape in agreement(graph_of(TEXT), {}).shapes.items()}
    found = agreement(graph_of(TEXT.replace("filters=5]", "filters=5] | batch_norm"), classes=7), given)
    kernel = "head/0/0/1/dense/kernel"
    assert (len(found.taken), found.reshaped) == (2, (kernel, "head/0/0/1/dense/bias"))
    assert [key.rpartition("/")[2] for key in found.absent] == ["gamma", "beta", "mean", "variance"]
    taken, reshaped, absent = found.rows()
    assert taken == ("  taken", "2 of 8 weights, 128 of 190 values")
    assert reshaped[1].startswith(f"2 weights of another shape: {kernel} (5x7, in the file 5x3) and ")
    assert absent[1].startswith("4 weights that the file lacks: ") and absent[1].endswith(" and 1 more")


def test_weights_of_another_network_are_refused() -> None:
    given = {key: np.zeros(shape, np.float32) for key, shape in agreement(graph_of(TEXT), {}).shapes.items()}
    other = agreement(graph_of(TEXT.replace("filters=4", "filters=6").replace("filters=5", "filters=7")), given)
    with pytest.raises(CompileError) as raised:
        other.check(Path("a.npz"))
    assert str(raised.value) == (
        "a.npz has the weights of another network: 1 of 4 weights of this one are in it with the same key and shape, "
        "and at least a third is needed; the first that is not is body/0/0/0/conv/kernel 3x3x3x6, and the nearest in "
        "the file is body/0/0/0/conv/kernel 3x3x3x4"
    )


# --- models of Keras ---


def preprocess_input(images: Any) -> Any:
    """Reverses the channels and subtracts means, as Keras does for the model `Tiny` below, which is in this module."""
    return tf_keras.applications.vgg16.preprocess_input(images)


def tiny(weights: str | None, classes: int, classifier_activation: None) -> tf_keras.Model:
    """Builds a model in the form of the functions of `tf_keras.applications`."""
    image = tf_keras.Input((8, 8, 3))
    value = tf_keras.layers.Conv2D(4, 3, padding="same", use_bias=False, activation="relu")(image)
    value = tf_keras.layers.GlobalAveragePooling2D()(tf_keras.layers.Conv2D(5, 1, use_bias=False)(value))
    model = tf_keras.Model(image, tf_keras.layers.Dense(classes)(value))
    if weights is not None:
        model.load_weights(weights)
    return model


def test_a_model_that_reverses_the_channels_is_taken_for_images_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf_keras.applications, "Tiny", tiny, raising=False)
    path = str(tmp_path / "tiny.h5")
    tiny(None, 3, None).save_weights(path)
    found, difference = taken("Tiny", dsl.loads(TEXT), path, 3)
    assert difference < 1e-5
    assert found.mean == pytest.approx((123.68, 116.779, 103.939))
    assert found.std == pytest.approx((58.395, 57.12, 57.375))


@pytest.mark.parametrize(
    "prepare", [lambda images: images**2, lambda images: images.mean(-1, keepdims=True) + 0 * images]
)
def test_a_preparation_that_is_not_known_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(tf_keras.applications, "Tiny", tiny, raising=False)
    monkeypatch.setattr(sys.modules[__name__], "preprocess_input", prepare)
    tiny(None, 3, None).save_weights(str(tmp_path / "tiny.h5"))
    with pytest.raises(CompileError, match=r"prepares images by more than|compute other values"):
        taken("Tiny", dsl.loads(TEXT), str(tmp_path / "tiny.h5"), 3)


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the file that Keras would download: weights of a MobileNetV3-Small, which are random here."""
    path = tmp_path_factory.mktemp("keras") / "v3.h5"
    tf_keras.applications.MobileNetV3Small(weights=None).save_weights(str(path))
    return path


def test_a_model_of_keras_is_downloaded_and_taken(
    keras_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data_utils, "get_file", lambda *_, **__: str(keras_file))
    out = tmp_path / "v3.npz"
    assert main(["weights", "--from", "applications:MobileNetV3Small", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "from tf_keras.applications.MobileNetV3Small with the weights of ImageNet" in printed
    assert "images are normalized as the weights expect: (pixel - mean) / std, mean 127.5, std 127.5\n" in printed
    assert f"--gin_param=\"search.initial_weights='{out}'\"" in printed
    found = pretrained.read(out).network
    assert (*found.mean, *found.std) == pytest.approx((127.5,) * 6) and found.classes == 1000
    here = agreement(resolve(dsl.load("mobilenet_v3_small.cell"), (64, 64, 3), 5), found.weights)
    assert [key.rpartition("/")[0] for key in here.reshaped] == ["head/0/0/5/dense"] * 2 and not here.absent


def test_no_internet_has_a_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def get_file(*_: object, **__: object) -> None:
        try:
            raise urllib.error.URLError("no route")
        except urllib.error.URLError:
            raise Exception("URL fetch failure on https://there")  # as Keras does  # noqa: B904

    monkeypatch.setattr(data_utils, "get_file", get_file)
    assert main(["weights", "--from", "applications:MobileNet", "--out", "a.npz"]) == 2
    assert "URL fetch failure on https://there; without internet, copy the file" in capsys.readouterr().err


def test_the_weights_of_an_individual_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    individual: Any = SimpleNamespace(trained=network)
    out = tmp_path / "a.npz"
    arguments = ["weights", "--from", "runs/a:3", "--out", str(out)]
    assert main(arguments, lambda name: individual if name == "runs/a:3" else None) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 16 weights with 377 values, from runs/a:3\n")
    assert pretrained.read(out).source == "runs/a:3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["applications:MobileNetV3large", "--out=a.npz"], "'MobileNetV3large'; did you mean 'MobileNetV3Large'?"),
        (["applications:MobileNet", "--out=a.h5"], "--out 'a.h5' must end in .npz, such as a.npz"),
        (["applications:MobileNet", "--out=a.npz", "--file=b.h5"], "--file b.h5: there is no such file"),
        (["applications:MobileNet", "--out=a.npz", "--classes=3"], "--classes goes with --file"),
        (["applications:MobileNet", "--out=a.npz", "--classes=1", "--file={file}"], "--classes 1: it must be at least"),
        (["applications:MobileNet", "--out=a.npz", "--file={file}"], "cannot be read from {file} for 1,000 classes: "),
        (["applications:EfficientNetB0", "--out=a.npz", "--file={file}"], "into ~/.keras/models/, and leave"),
        (["nothing", "--out=a.npz"], "--from 'nothing' is neither a trained network"),
        (["nothing", "--out=a.npz", "--file=b.h5"], "--file goes with --from applications:NAME only"),
    ],
)  # fmt: skip
def test_mistakes_have_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    file = tmp_path / "text.h5"
    file.write_text("no weights")
    source, *others = (argument.format(file=file) for argument in arguments)
    assert main(["weights", "--from", source, *others]) == 2
    assert message.format(file=file) in capsys.readouterr().err


# --- trainings ---


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the current folder, with a text, settings, and scattered digits in two sets of other classes."""
    monkeypatch.chdir(tmp_path)
    digits = load("digits_scattered")
    images, labels = digits.train.images, digits.train.labels
    np.savez("first.npz", x_train=images[labels < 7], y_train=labels[labels < 7])
    others = np.flatnonzero(labels >= 7)
    np.savez("second.npz", x_train=images[others], y_train=labels[others] - 7)
    Path("small.cell").write_text(
        "op unit[stride=1] = conv[3x3, stride=stride] | batch_norm | relu\n"
        "network { stem: unit[filters=8]  body: unit[filters=16, stride=2], unit[filters=32, stride=2]\n"
        "  head: global_avg_pool | dense[classes] }"
    )
    Path("quick.gin").write_text(QUICK)
    return tmp_path


def train(source: str, folder: str, *more: str, **settings: object) -> int:
    bound = [f"--gin_param=training.{name}={value!r}" for name, value in settings.items()]
    data = f"--gin_param=dataset.source='npz:{source}.npz'"
    return main(["train", "small.cell", "--gin_file=quick.gin", data, f"--workdir={folder}", *bound, *more])


def accuracies(folder: str) -> list[float]:
    return [epoch["validation_accuracy"] for epoch in json.loads(Path(folder, "training.json").read_text())["history"]]


def test_a_training_learns_faster_from_the_weights_of_another(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first training has seven classes, and the second one the three others, so the last layer is new."""
    assert train("first", "first", epochs=8, learning_rate=0.1) == 0
    assert main(["weights", "--from", "first", "--out", "first_weights.npz"]) == 0
    few = ("--gin_param=dataset.validation=450", "--gin_param=dataset.test=100")
    assert train("second", "random", *few, epochs=4) == 0
    capsys.readouterr()
    assert train("second", "begun", "--weights=first_weights.npz", *few, epochs=4) == 0
    printed = capsys.readouterr().out
    assert "initial weights first_weights.npz, from first\n  taken         15 of 17 weights, " in printed
    assert "  left new      2 weights of another shape: head/0/0/1/dense/kernel (32x3, in the file 32x7) " in printed
    assert sum(accuracies("begun")) > sum(accuracies("random")) + 0.2
    first, begun = saved.read(Path("first")), saved.read(Path("begun"))
    assert (begun.mean, begun.std) == (first.mean, first.std)  # its images are normalized as the weights expect
    assert saved.read(Path("random")).mean != first.mean


def made(path: str = "made.npz", std: float = 60.0) -> None:
    """Writes random weights for the text, of pixels with this deviation."""
    genotype = dsl.load("small.cell")
    values = weights.weights_of(step_layers(lower(resolve(genotype, (12, 12, 1), 3))))
    pretrained.write(Path(path), saved.Saved(genotype, values, (12, 12, 1), ("a", "b", "c"), (40.0,), (std,)), path)


def test_a_training_is_resumed_with_the_same_weights_only(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made()
    assert train("second", "run", "--weights=made.npz") == 0
    assert train("second", "run", "--weights=made.npz") == 0
    assert train("second", "run") == 2
    assert "  --weights: there a file with the digest " in capsys.readouterr().err
    made(std=50.0)
    assert train("second", "run", "--weights=made.npz") == 2
    assert "run holds another training:\n  --weights: there a file with the digest " in capsys.readouterr().err
    Path("made.npz").unlink()
    assert train("second", "run", "--weights=made.npz") == 2
    assert "there are no weights in made.npz" in capsys.readouterr().err


def test_weights_that_do_not_fit_are_refused_before_anything_is_trained(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(std=1.0)
    assert train("second", "units", "--weights=made.npz") == 2
    assert "are for pixels that are divided by 1, and the standard deviation of the pixels" in capsys.readouterr().err
    made()
    Path("small.cell").write_text(TEXT)
    assert train("second", "other", "--weights=made.npz") == 2
    assert "made.npz has the weights of another network: 1 of 4 weights" in capsys.readouterr().err
    np.savez("coloured.npz", x_train=IMAGES, y_train=np.arange(90) % 3)
    assert train("coloured", "channels", "--weights=made.npz") == 2
    assert "made.npz are for images of 1 channel, and these images have 3 channels" in capsys.readouterr().err
    assert not [path for path in files.iterdir() if path.is_dir()]


def test_an_export_takes_the_normalization_of_the_weights(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made()
    taken_by = ["--weights=made.npz", "--input=12x12x1", "--classes=3", "--out=a.keras"]
    assert main(["export", "small.cell", *taken_by]) == 0
    import keras

    normalization = [layer for layer in keras.models.load_model("a.keras").layers if layer.name == "normalized"]
    assert [np.ravel(layer.mean).tolist() for layer in normalization] == [[40.0]]
    capsys.readouterr()
    assert main(["export", "small.cell", "--weights=made.npz", "--out=a.keras"]) == 2
    assert capsys.readouterr().err == "--weights made.npz: give --input and --classes too; the file lacks them\n"
