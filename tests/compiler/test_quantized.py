"""`cell export --quantize`: smaller `.tflite` files, calibrated on training images and compared with float32."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import dsl
from compiler import Dataset, resolve
from compiler.commands.export import QUANTIZED
from compiler.images.data import load
from compiler.main import main
from compiler.networks import formats, quantized, weights
from compiler.networks.plain import plain_model
from compiler.networks.saved import Saved, write

TEXT = "network { body: conv[3x3, filters=16] | relu head: flatten | dense[classes] }"
MADE = quantized.Quantized(
    size=1000, float_size=3000, calibrated=0, measured=288, accuracy=0.7, float_accuracy=0.9, difference=0.5,
    agreement=0.75,
)  # fmt: skip
SOURCE = "dataset.source='digits'"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", validation=0.2)


@pytest.fixture(scope="module")
def classifier(digits: Dataset) -> Saved:
    """Returns a network for the digits: its convolution is random, and least squares give its dense layer."""
    genotype, rng = dsl.loads(TEXT), np.random.default_rng(0)
    graph = resolve(genotype, digits.input_shape, 10)
    shapes = {key: weight.shape for step in graph.steps for key, weight in step.weights()}
    values = {key: rng.normal(0, 0.3, shape).astype(np.float32) for key, shape in shapes.items()}
    whole = plain_model(graph, values)
    features = tf_keras.Model(whole.input, whole.layers[-2].output)
    normal = (digits.train.images - np.asarray(digits.mean)) / np.asarray(digits.std)
    found = features.predict(normal, verbose=0)
    bias = found.mean(axis=0)
    wanted = 8.0 * np.eye(10)[digits.train.labels] - 0.8
    kernel = np.linalg.solve(np.cov(found.T) + 1.0 * np.eye(len(bias)), (found - bias).T @ wanted / len(found))
    for key, shape in shapes.items():
        if shape == kernel.shape:
            values[key] = kernel.astype(np.float32)
        elif shape == (10,):
            values[key] = (-bias @ kernel).astype(np.float32)
    return Saved(genotype, values, digits.input_shape, digits.class_names, digits.mean, digits.std, 0.9)


@pytest.fixture
def net(classifier: Saved, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder `net` in the current folder, as a final training on the digits leaves it."""
    monkeypatch.chdir(tmp_path)
    write(Path("net"), classifier)
    Path("net/config.gin").write_text(f"{SOURCE}\ndataset.validation = 0.2\n")
    identity = {"dataset.source": repr(f"images with the digest {digits.digest[:16]}")}
    Path("net/training.json").write_text(json.dumps({"identity": identity}))
    return Path("net")


def table(text: str) -> dict[str, list[str]]:
    """Returns the rows of the printed table by the words at their beginnings."""
    return {
        line.split()[0]: line.split()[1:] for line in text.splitlines() if re.match(r"(float|int|dynamic)\S* ", line)
    }


def test_int8_keeps_the_accuracy_on_digits(net: Path, digits: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "net", "--out", "a.tflite", "--quantize", "int8"]) == 0
    out = capsys.readouterr().out
    first, _, _, _, _, _, last = out.splitlines()
    assert first == "a.tflite: images of 8x8x1 to 10 classes, quantized to int8; its input and output are float32"
    assert last == (
        "calibrated on 500 training images of digits; read back and compared with float32 on 288 validation images of "
        "digits"
    )
    size, accuracy, same, difference = (table(out)["int8"][place] for place in (0, 2, 3, 4))
    float_size, _, float_accuracy = table(out)["float32"]
    assert float(size) < 0.5 * float(float_size)
    assert float(float_accuracy) > 0.9
    assert abs(float(float_accuracy) - float(accuracy)) < 0.02
    assert 95 < float(same.rstrip("%")) <= 100
    interpreter = tf.lite.Interpreter("a.tflite")
    images, labels = digits.validation.images.astype(np.float32), digits.validation.labels
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], images.shape)
    found = interpreter.get_signature_runner()(image=images)["probabilities"]
    assert f"{np.mean(found.argmax(axis=1) == labels):.4f}" == accuracy
    assert 0 < float(difference) < 1
    kinds = [tensor["dtype"] for tensor in interpreter.get_tensor_details()]
    assert kinds.count(np.float32) == 2, "the input and the output alone are real numbers"


@pytest.mark.parametrize(("kind", "share", "out"), [("float16", 0.7, "float32.tflite"), ("dynamic", 0.5, "a.tflite")])
def test_weights_alone_are_made_smaller(
    net: Path, capsys: pytest.CaptureFixture[str], kind: str, share: float, out: str
) -> None:
    assert main(["export", "net", "--out", out, "--quantize", kind]) == 0
    shown = capsys.readouterr().out
    rows = table(shown)
    assert float(rows[kind][0]) < share * float(rows["float32"][0])
    assert abs(float(rows[kind][2]) - float(rows["float32"][2])) < 0.01
    assert shown.splitlines()[-1] == "read back and compared with float32 on 288 validation images of digits"
    assert sorted(path.name for path in Path().iterdir()) == [out, "net"]


def test_without_images_weights_are_quantized_and_int8_is_refused(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (net / "config.gin").unlink()
    nothing = (
        "nothing says on which images net was trained; name their source: "
        "--gin_param=\"dataset.source='images:photos'\""
    )
    assert main(["export", "net", "--out", "a.tflite", "--quantize", "int8"]) == 2
    assert capsys.readouterr().err == f"{nothing}\n"
    assert not Path("a.tflite").exists()
    assert main(["export", "net", "--out", "a.tflite", "--quantize", "float16"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "read back and compared with float32 on random images", f"the accuracy is not measured: {nothing}"
    ]  # fmt: skip


def test_a_text_with_weights_is_calibrated_on_named_images(
    classifier: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.cell").write_text(TEXT)
    weights.save(Path("a.npz"), classifier.weights)
    command = ["export", "a.cell", "--weights", "a.npz", "--input", "8x8x1", "--classes", "10", "--quantize", "int8"]
    scale = ["--mean", str(classifier.mean[0]), "--std", str(classifier.std[0]), "--out", "a.tflite"]
    assert main([*command, *scale]) == 2
    assert capsys.readouterr().err.startswith("nothing says on which images a.cell was trained; name their source")
    assert main([*command, *scale, "--gin_param", SOURCE, "--gin_param", "dataset.validation=30"]) == 0
    assert float(table(capsys.readouterr().out)["int8"][2]) > 0.9


def other_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name, shape, classes in (("size", (60, 6, 6), 10), ("classes", (60, 8, 8), 3), ("empty", (0, 8, 8), 3)):
        labels = np.arange(shape[0]) % classes
        np.savez(folder / f"{name}.npz", x_train=rng.integers(0, 255, shape).astype(np.uint8), y_train=labels)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--out a.tflite --quantize int4",
         r"--quantize 'int4': allowed: float16, dynamic, int8; did you mean 'int8'\?$"),
        ("--out a.keras --quantize int8",
         r"--quantize goes with a file that ends in \.tflite, and --out is 'a\.keras': --out a\.tflite$"),
        ("--out a --quantize int8", r"--quantize goes with .* --out a\.tflite$"),
        ("--out a.onnx --quantize float16", r"--quantize goes with .* --out a\.tflite$"),
        ("--out a.tflite --gin_param dataset.seed=1",
         r"--gin_param goes with --quantize only; without it, no images are read"),
        ("INT8 --gin_param training.epochs=1", r".*this command does not read training\.epochs: it trains nothing"),
        ("INT8 --gin_param dataset.sauce=1", r".*dataset\.sauce"),
        ("INT8 --gin_param dataset.source='images:none'",
         r"the images of net cannot be read: .*none.*; another source: "),
        ("INT8 --gin_param dataset.source='npz:empty.npz'",
         r"the images of net cannot be read: npz:.*empty\.npz: x_train holds no images; another source: "),
        ("INT8 --gin_param dataset.source='npz:size.npz'",
         r"the images at npz:.*size\.npz are 6x6x1, and net takes 8x8x1: name other images, or "
         r"their size: --gin_param=\"dataset\.image_size=\(8, 8\)\"$"),
        ("INT8 --gin_param dataset.source='npz:classes.npz'",
         r"the images at npz:.*classes\.npz have 3 classes \(0, 1, 2\), and net has 10 \(0, 1, .*\): name images of"),
    ],
)  # fmt: skip
def test_a_quantization_that_cannot_be_done_is_refused(
    net: Path, capsys: pytest.CaptureFixture[str], arguments: str, reason: str
) -> None:
    other_images(Path())
    assert main(["export", "net", *arguments.replace("INT8", "--out a.tflite --quantize int8").split()]) == 2
    printed = capsys.readouterr()
    assert re.match(reason, printed.err) and printed.out == ""
    assert sorted(path.name for path in Path().iterdir()) == ["classes.npz", "empty.npz", "net", "size.npz"]


def test_images_that_have_changed_are_refused_unless_they_are_named(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = {"dataset.source": "'images with the digest 0123456789abcdef'"}
    (net / "training.json").write_text(json.dumps({"identity": identity}))
    command = ["export", "net", "--out", "a.tflite", "--quantize", "int8"]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "the images at digits differ from those on which net was trained; to use them, name their source: "
        "--gin_param=\"dataset.source='digits'\"\n"
    )
    assert not Path("a.tflite").exists()
    monkeypatch.setattr(quantized, "export", lambda *_: MADE)
    assert main([*command, "--gin_param", SOURCE]) == 0


def test_a_file_that_computes_something_else_is_not_written(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1, and an earlier file stays."""
    Path("a.tflite").write_text("earlier")
    monkeypatch.setattr(quantized, "LIMITS", {"float16": -1.0})
    assert main(["export", "net", "--out", "a.tflite", "--quantize", "float16"]) == 1
    assert re.match(
        r"a\.tflite is not written: quantized to float16, the network moves \d+% of", capsys.readouterr().err
    )
    assert Path("a.tflite").read_text() == "earlier"
    monkeypatch.setattr(formats, "TOLERANCE", -1.0)
    assert main(["export", "net", "--out", "a.keras"]) == 1
    assert sorted(path.name for path in Path().iterdir()) == ["a.tflite", "net"]


@pytest.mark.parametrize(
    ("kind", "other"), [("int8", "float16 or dynamic"), ("float16", "the export without --quantize")]
)
def test_a_far_lower_accuracy_gets_a_warning(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, other: str
) -> None:
    warning = re.compile(rf"warning: {kind} costs 0\.\d+ of the accuracy; {other} keeps more of it$", re.M)

    def is_warned(accuracy: float) -> bool:
        monkeypatch.setattr(quantized, "export", lambda *_: replace(MADE, accuracy=accuracy))
        assert main(["export", "net", "--out", "a.tflite", "--quantize", kind]) == 0
        return bool(warning.search(capsys.readouterr().out))

    assert is_warned(0.7) and not is_warned(0.89)


class TestSome:
    def test_images_have_the_values_of_the_data_set(self, digits: Dataset) -> None:
        batches = [*quantized.some(digits, "validation", 1000)]
        assert len(batches) == 6  # of 50 at most
        for place, part in enumerate((digits.validation.images, digits.validation.labels)):
            np.testing.assert_allclose(np.concatenate([batch[place] for batch in batches]), part, atol=1e-4)

    def test_a_part_of_them_is_drawn_from_all(self, digits: Dataset) -> None:
        """The images may be in the order of their classes."""
        order = np.argsort(digits.train.labels, kind="stable")
        found = quantized.some(replace(digits, train=digits.train.of(order)), "train", 120)
        labels = np.concatenate([part for _, part in found])
        assert len(labels) == 120 and {*labels} == {*range(10)}


def test_the_command_offers_every_kind() -> None:
    assert tuple(quantized.LIMITS) == QUANTIZED
