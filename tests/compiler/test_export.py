"""`cell export`: every format computes what the trained network does, in processes that lack this package too."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tf_keras
from PIL import Image

from compiler.errors import CompileError
from compiler.main import main
from compiler.networks import formats, weights
from compiler.networks.saved import write
from tests.compiler.saved_networks import TEXT, network

README = Path(__file__).parents[2] / "README.md"
OUTS = ("out.keras", "out.tflite", "out")

# Runs what lies in the current folder where neither this package nor its custom layers can be imported.
ELSEWHERE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("compiler", "dsl", "evolve", "experiments"):
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
import numpy as np
import tensorflow as tf
import tf_keras

images = np.load("images.npy")
found = {"out.keras": tf_keras.models.load_model("out.keras").predict(images, verbose=0)}
serve = tf.saved_model.load("out").signatures["serving_default"]
found["out"] = serve(image=tf.constant(images))["probabilities"].numpy()
interpreter = tf.lite.Interpreter("out.tflite")
interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], images.shape)
found["out.tflite"] = interpreter.get_signature_runner()(image=images)["probabilities"]
np.savez("found.npz", **found)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A trained network, and what each format made of it."""
    folder = tmp_path_factory.mktemp("exported")
    write(folder / "net", network(channels=3))
    for out in OUTS:
        assert main(["export", str(folder / "net"), "--out", str(folder / out)]) == 0
    return folder


def test_every_format_runs_where_this_package_is_not(folder):
    images = formats.random_images(network(channels=3))
    np.save(folder / "images.npy", images)
    child = subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=folder, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    wanted = formats.probabilities(network(channels=3), images)
    assert wanted.shape == (8, 3) and wanted.min() > 0.01 and np.ptp(wanted, axis=0).min() > 1e-3
    with np.load(folder / "found.npz") as found:
        assert sorted(found) == sorted(OUTS)
        for name in OUTS:
            np.testing.assert_allclose(found[name], wanted, atol=1e-5)


def test_images_of_bytes_go_in_as_they_are(folder):
    images = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), np.uint8)
    found = tf_keras.models.load_model(folder / "out.keras").predict(images, verbose=0)
    np.testing.assert_allclose(found, formats.probabilities(network(channels=3), images), atol=1e-5)


@pytest.mark.parametrize("out", OUTS)
def test_what_is_there_is_replaced_and_nothing_else_is_left(tmp_path, capsys, out):
    for seed in range(2):
        write(tmp_path / "net", network(seed=seed))
        assert main(["export", str(tmp_path / "net" / "network.cell"), "--out", str(tmp_path / "deep" / out)]) == 0
        said = capsys.readouterr().out
        assert re.fullmatch(
            rf".*{out}: images of 8x8x1 to 3 classes, \d+\.\d MB\n"
            r"read back: on 8 random images it is the trained network, up to \d(e-\d+)?\n", said,
        )  # fmt: skip
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [out]
    images = formats.random_images(network())
    found = formats.FORMATS[Path(out).suffix].run(tmp_path / "deep" / out, images)
    np.testing.assert_allclose(found, formats.probabilities(network(seed=1), images), atol=1e-5)


def test_the_weights_of_a_search(tmp_path):
    (tmp_path / "best.cell").write_text(TEXT, encoding="utf-8")
    saved = network(channels=3)
    weights.save(tmp_path / "57.npz", saved.weights)
    command = ["export", f"{tmp_path}/best.cell", "--weights", f"{tmp_path}/57.npz", "--input", "8x8x3", "--classes"]
    assert main([*command, "3", "--mean", "5,6,7", "--std", "3,4,5", "--out", f"{tmp_path}/all.keras"]) == 0
    assert main([*command, "3", "--std", "2", "--out", f"{tmp_path}/none.keras"]) == 0
    images = formats.random_images(saved)
    for name, known in (("all", saved), ("none", replace(saved, mean=(0.0,) * 3, std=(2.0,) * 3))):
        found = tf_keras.models.load_model(tmp_path / f"{name}.keras").predict(images, verbose=0)
        np.testing.assert_allclose(found, formats.probabilities(known, images), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("net --out a.h5", r"--out 'a\.h5' ends in \.h5; allowed: \.keras, \.tflite, or for a SavedModel"),
        ("net --out net", r"--out 'net' is there and is no SavedModel; a SavedModel takes a folder of its own"),
        ("net --out d.keras", r"--out 'd\.keras' is a folder"),
        ("nowhere --out a.keras", r"there is no nowhere"),
        (". --out a.keras", r"\. is no trained network, which is a folder with a network\.json in it; net is one"),
        ("best.cell --out a.keras", r"best\.cell has no weights: name the folder of a trained network, or give"),
        ("net --out a.keras --classes 3", r"--classes goes with --weights only; a trained network's folder has its"),
        ("net --out a.keras --param N=3", r"--param goes with --weights only"),
        ("net --out a.keras --weights 5.npz", r"net is a folder; --weights goes with a \.cell file"),
        ("best.cell --out a.keras --weights 5.npz", r"--weights 5\.npz: give --input and --classes too"),
        ("WITH --input 8x8 --classes 3", r"--input '8x8' is not HEIGHTxWIDTHxCHANNELS"),
        ("WITH --input 8x8x1 --classes 0", r"--classes 0: there is at least 1"),
        ("WITH --input 8x8x1 --classes 3 --mean a", r"--mean 'a' is not NUMBER,NUMBER,\.\.\., such as"),
        ("WITH --input 8x8x1 --classes 3 --mean 1,2", r"best\.cell with 5\.npz: mean is \[1\.0, 2\.0\]: wanted"),
        ("WITH --input 8x8x1 --classes 4", r"best\.cell with 5\.npz: the weights have head/0/0/3/dense/kernel in the"),
        ("WITHOUT --input 8x8x1 --classes 3", r"there are no weights in 6\.npz"),
    ],
)
def test_what_cannot_be_exported(tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    write(Path("net"), network())
    Path("d.keras").mkdir()
    Path("best.cell").write_text(TEXT, encoding="utf-8")
    weights.save(Path("5.npz"), network().weights)
    alone = "best.cell --out a.keras --weights "
    arguments = arguments.replace("WITHOUT", f"{alone}6.npz").replace("WITH", f"{alone}5.npz")
    assert main(["export", *arguments.split()]) == 2
    assert re.match(reason, capsys.readouterr().err)
    assert not Path("a.keras").exists()


def test_a_file_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    other = network(seed=1)
    monkeypatch.setattr(formats, "probabilities", lambda saved, images: np.float32([[0.2, 0.3, 0.5]] * len(images)))
    with pytest.raises(CompileError, match=r"out\.keras is not written: read back, it differs by \d\S* from the"):
        formats.export(other, tmp_path / "out.keras")
    monkeypatch.setattr(formats, "probabilities", lambda saved, images: np.full((len(images), 3), np.nan, np.float32))
    with pytest.raises(CompileError, match="it differs by nan from the trained network"):
        formats.export(other, tmp_path / "out.keras")
    assert not list(tmp_path.iterdir())


def test_an_operation_that_a_format_lacks_is_named(tmp_path):
    image = tf_keras.Input((4,))
    model = tf_keras.Model(image, tf_keras.layers.Lambda(lambda x: formats.tf.math.erfinv(x))(image))
    with pytest.raises(CompileError, match=r"a\.tflite cannot be written: TensorFlow Lite lacks the operation Erfinv"):
        formats.FORMATS[".tflite"].write(model, tmp_path / "a.tflite")


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """The block that begins with tf_keras, beside the folder and the image that it names."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?load_model.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    facts, model, image = re.findall(r'(?:open|load_model)\("([^"]*)"\)', block)
    write(Path(facts).parent, network(channels=1))
    assert main(["export", str(Path(facts).parent), "--out", model]) == 0
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(image)
    capsys.readouterr()
    exec(compile(block, str(README), "exec"), {})
    assert re.fullmatch(r"(zero|one|two) \d+\.\d%\n", capsys.readouterr().out)
