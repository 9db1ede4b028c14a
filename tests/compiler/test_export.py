"""`cell export`: every format computes the outputs of the trained network, also in processes without this package."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
import tf_keras
from PIL import Image

from compiler import CompileError
from compiler.images.preparation import Preparation
from compiler.main import main
from compiler.networks import formats, weights
from compiler.networks.saved import Saved, write
from tests.compiler.saved_networks import TEXT, network

OUTS = ("out.keras", "old.keras", "out.tflite", "out.onnx", "out")
PREPARATION = Preparation((8, 8), 0.875)

# Runs the exported files where neither this package nor its custom layers can be imported.
ELSEWHERE = """
import sys
import zipfile

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("compiler", "dsl", "evolve", "experiments"):
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf_keras

with np.load("images.npz") as archive:
    sizes = dict(archive)
prepared = sizes.pop("prepared")
found = {}
session = onnxruntime.InferenceSession("out.onnx")
for name, images in sizes.items():
    found[f"out.keras {name}"] = keras.models.load_model("out.keras").predict(images, verbose=0)
    found[f"old.keras {name}"] = tf_keras.models.load_model("old.keras").predict(images, verbose=0)
    serve = tf.saved_model.load("out").signatures["serving_default"]
    found[f"out {name}"] = serve(image=tf.constant(images))["probabilities"].numpy()
    (found[f"out.onnx {name}"],) = session.run(["probabilities"], {"image": images})
    interpreter = tf.lite.Interpreter("out.tflite")
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], prepared.shape)
    found[f"out.tflite {name}"] = interpreter.get_signature_runner()(image=prepared)["probabilities"]
np.savez("found.npz", **found)
texts = [zipfile.ZipFile(file).read("labels.txt") for file in ("out.keras", "old.keras", "out.tflite")]
onnx = session.get_modelmeta().custom_metadata_map["labels.txt"].encode()
for text in (*texts, onnx, open("out/assets/labels.txt", "rb").read()):
    print(ascii(text.decode().splitlines()))
"""


def write_all(folder: Path, saved: Saved, outs: tuple[str, ...] = OUTS) -> None:
    write(folder / "net", saved)
    for out in outs:
        older = ["--tf_keras"] * (out == "old.keras")
        assert main(["export", str(folder / "net"), "--out", str(folder / out), *older]) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a trained network and its export in each format."""
    folder = tmp_path_factory.mktemp("exported")
    write_all(folder, NETWORK)
    return folder


NETWORK = replace(network(channels=3), preparation=PREPARATION, class_names=("zéro", "one two", "3 \u4e09"))


def by_pillow(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns images of bytes, prepared as by the data set."""
    return np.stack([np.asarray(PREPARATION.applied(Image.fromarray(image))) for image in images])


def test_every_format_runs_where_this_package_is_not(folder: Path) -> None:
    """Images of bytes and of other sizes are accepted unchanged. A .tflite file takes images that Pillow resized."""
    rng = np.random.default_rng(1)
    base = rng.integers(0, 13, (2, 40, 61, 3), np.uint8)
    prepared = by_pillow(base)
    sizes: dict[str, Any] = {"large": base, "prepared": prepared}
    np.savez(folder / "images.npz", **{name: images.astype(np.float32) for name, images in sizes.items()})
    child = subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=folder, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert child.stdout == f"{list(NETWORK.class_names)!a}\n" * len(OUTS)
    wanted = formats.probabilities(NETWORK, prepared)
    assert wanted.shape == (2, 3) and wanted.min() > 0.01
    with np.load(folder / "found.npz") as found:
        assert sorted(found) == sorted(f"{out} large" for out in OUTS)
        np.testing.assert_allclose(found["out.tflite large"], wanted, atol=1e-5)
        for out in set(OUTS) - {"out.tflite"}:
            # Pillow rounds to whole levels twice
            np.testing.assert_allclose(found[f"{out} large"], wanted, atol=0.05)


@pytest.mark.parametrize("size", [(9, 9), (8, 8), (5, 30), (1, 1), (64, 48)], ids=str)
@pytest.mark.parametrize("out", ["out.keras", "old.keras", "out.onnx", "out"])
def test_images_of_any_size_are_prepared_as_pillow_prepares_them(folder: Path, out: str, size: tuple[int, int]) -> None:
    """The images are real numbers, which Pillow does not round. It resizes them one plane at a time."""
    images = formats.random_images(NETWORK, size)
    planes = [[np.asarray(PREPARATION.applied(Image.fromarray(plane))) for plane in np.moveaxis(image, -1, 0)]
              for image in images]  # fmt: skip
    wanted = formats.probabilities(NETWORK, np.moveaxis(np.array(planes), 1, -1))
    form = formats.TF_KERAS if out == "old.keras" else formats.FORMATS[Path(out).suffix]
    np.testing.assert_allclose(form.run(folder / out, images), wanted, atol=1e-4)


def test_images_of_bytes_go_in_as_they_are(folder: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 9, 9, 3), np.uint8)
    wanted = formats.probabilities(NETWORK, images[:, :8, :8])
    assert PREPARATION.corner == (0, 0)
    for found in (keras.models.load_model(folder / "out.keras"), tf_keras.models.load_model(folder / "old.keras")):
        assert found.input_shape == (None, None, None, 3)
        np.testing.assert_allclose(found.predict(images, verbose=0), wanted, atol=1e-5)


@pytest.mark.parametrize(("module", "out"), [(keras, "out.keras"), (tf_keras, "old.keras")])
@pytest.mark.parametrize("crop", [1.0, 0.875])
def test_every_way_to_call_a_model_gives_the_same_probabilities(
    module: Any, out: str, crop: float, tmp_path: Path
) -> None:
    """A layer that prepares images must not put the layers after it into the mode of training."""
    saved = replace(NETWORK, preparation=replace(PREPARATION, crop=crop))
    write_all(tmp_path, saved, (out,))
    model = module.models.load_model(tmp_path / out)
    images = formats.random_images(NETWORK, (9, 9))
    wanted = model.predict(images, verbose=0)
    for found in (model(images), model(images, training=False)):
        np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-6)


def test_each_keras_reads_its_own_form(folder: Path) -> None:
    """Each version of Keras refuses the file that is for the other one."""
    for module, path in ((tf_keras, "out.keras"), (keras, "old.keras")):
        with pytest.raises((TypeError, ValueError, ImportError, AttributeError)):
            module.models.load_model(folder / path)


def test_the_signature_of_a_saved_model_takes_any_size(folder: Path) -> None:
    (image,) = (
        tf.saved_model.load(str(folder / "out")).signatures["serving_default"].structured_input_signature[1].values()
    )
    assert (image.shape.as_list(), image.dtype) == ([None, None, None, 3], tf.float32)


def test_an_onnx_file_has_the_standard_operations_and_names_its_sizes(folder: Path) -> None:
    model = onnx.load(folder / "out.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert ("", 18) in {(one.domain, one.version) for one in model.opset_import}
    for (value,), name, sizes in (
        (model.graph.input, "image", ["batch", "height", "width", 3]),
        (model.graph.output, "probabilities", ["batch", 3]),
    ):
        found = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        assert (value.name, found) == (name, sizes)
    modes = {attribute.s for node in model.graph.node for attribute in node.attribute}
    assert b"half_pixel" in modes and b"tf_half_pixel_for_nn" not in modes


@pytest.mark.parametrize("missing", ["onnx", "tf2onnx", "onnxruntime"])
def test_a_missing_package_of_onnx_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["export", str(folder / "net"), "--out", str(tmp_path / "a.onnx")]) == 2
    assert re.fullmatch(
        rf"ONNX files need the packages onnx, tf2onnx, onnxruntime \(.*{missing}.*\): "
        r"pip install 'amoeba-evolve\[onnx\]'\n",
        capsys.readouterr().err,
    )
    assert not list(tmp_path.iterdir())


def test_an_operation_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    image = tf_keras.Input((4,))
    model = tf_keras.Model(image, tf_keras.layers.Lambda(lambda x: tf.math.igamma(x, x))(image))
    with pytest.raises(CompileError, match=r"a\.onnx cannot be written: ONNX lacks the operation Igamma"):
        formats.FORMATS[".onnx"].write(model, tmp_path / "a.onnx", {})


def test_a_format_that_does_not_resize_prints_how_images_are_prepared(folder: Path) -> None:
    archive = zipfile.ZipFile(folder / "out.tflite")
    assert archive.namelist() == ["labels.txt", "preparation.json"]
    assert json.loads(archive.read("preparation.json")) == {
        "resize": "bilinear, antialiased", "resized": [9, 9], "crop": 0.875, "size": [8, 8],
        "rounded": False,
    }  # fmt: skip
    assert "preparation.json" not in zipfile.ZipFile(folder / "out.keras").namelist()
    assert sorted(path.name for path in (folder / "out" / "assets").iterdir()) == ["labels.txt"]


def test_the_printed_text_names_the_accepted_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path, replace(NETWORK, preparation=Preparation((8, 8))), ("out.keras", "out.tflite"))
    first, scale, _, second, _, advice, _ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r".*out\.keras: images of any size, resized to 8x8x3, to 3 classes, 0\.\d MB", first)
    assert scale == "pixels are normalized inside: (pixel - mean) / std, mean 5, 6, 7, std 3, 4, 5"
    assert re.fullmatch(r".*out\.tflite: images of 8x8x3 to 3 classes, 0\.\d MB", second)
    assert advice.endswith(
        "out.tflite does not resize: resize images to 8x8, bilinear with antialiasing, as docs/exporting.md shows"
    )
    write_all(tmp_path, NETWORK, ("out.tflite",))
    assert "resize images to 9x9, bilinear with antialiasing, and crop the middle 8x8" in capsys.readouterr().out
    write_all(tmp_path, replace(NETWORK, preparation=None), ("out.keras",))
    assert "takes only images of 8x8x3: weights without a folder, and networks saved by version 0.5.0, do not" in (
        capsys.readouterr().out
    )
    assert keras.models.load_model(tmp_path / "out.keras").input_shape == (None, 8, 8, 3)


def test_a_line_break_in_a_class_name_is_written_as_in_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a\nb", "a\r\nb", "a\u2028b")
    write_all(tmp_path, replace(NETWORK, class_names=names), ("out.keras", "out.tflite"))
    assert "line breaks inside class names are written as \\n in labels.txt" in capsys.readouterr().out
    for out in ("out.keras", "out.tflite"):
        text = zipfile.ZipFile(tmp_path / out).read("labels.txt").decode()
        assert text.splitlines() == [ascii(name)[1:-1] for name in names]


def test_keras_without_its_backend_is_refused(folder: Path, tmp_path: Path) -> None:
    """There is one message where the chosen backend is not installed."""
    command = [sys.executable, "-m", "compiler.main", "export", str(folder / "net"), "--out", str(tmp_path / "a.keras")]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    child = subprocess.run(command, env=environment, capture_output=True, text=True)
    if importlib.util.find_spec("torch") is None:
        assert child.returncode == 2
        assert re.fullmatch(
            r"Keras 3 cannot be imported: .*torch.*; .*: export KERAS_BACKEND=tensorflow\n", child.stderr
        )


@pytest.mark.parametrize("out", ["out.keras", "out.tflite", "out.onnx", "old", "new"])
def test_an_earlier_export_is_replaced_and_no_other_file_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    for seed in range(2):
        write(tmp_path / "net", replace(network(seed=seed), preparation=Preparation((8, 8))))
        assert main(["export", str(tmp_path / "net" / "network.cell"), "--out", str(tmp_path / "deep" / out)]) == 0
        said = capsys.readouterr().out
        assert re.fullmatch(
            rf".*{out}: images of (any size, resized to )?8x8x1,? to 3 classes, \d+\.\d MB\n"
            r"pixels are normalized inside: \(pixel - mean\) / std, mean 5, std 3\n(.*does not resize.*\n)?"
            r"read back and compared on 8 random images( of each of two sizes)?: "
            r"the largest relative difference of log probabilities is \d(e-\d+)?\n",
            said,
        )
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [out]
    images = formats.random_images(network())
    found = formats.FORMATS[Path(out).suffix].run(tmp_path / "deep" / out, images)
    np.testing.assert_allclose(found, formats.probabilities(network(seed=1), images), atol=1e-5)


def test_the_weights_of_a_search_can_be_exported(tmp_path: Path) -> None:
    (tmp_path / "best.cell").write_text(TEXT, encoding="utf-8")
    saved = network(channels=3)
    weights.save(tmp_path / "57.npz", saved.weights)
    command = ["export", f"{tmp_path}/best.cell", "--weights", f"{tmp_path}/57.npz", "--input", "8x8x3", "--classes"]
    assert main([*command, "3", "--mean", "5,6,7", "--std", "3,4,5", "--out", f"{tmp_path}/all.keras"]) == 0
    assert main([*command, "3", "--mean", "0", "--std", "2", "--out", f"{tmp_path}/none.keras"]) == 0
    images = formats.random_images(saved)
    for name, known in (("all", saved), ("none", replace(saved, mean=(0.0,) * 3, std=(2.0,) * 3))):
        found = keras.models.load_model(tmp_path / f"{name}.keras").predict(images, verbose=0)
        np.testing.assert_allclose(found, formats.probabilities(known, images), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("net --out a.h5", r"--out 'a\.h5' ends in \.h5; allowed: \.keras, \.tflite, \.onnx, or for a SavedModel"),
        ("net --out net", r"--out 'net' exists and is not a SavedModel; name a folder that does not exist yet"),
        ("net --out d.keras", r"--out 'd\.keras' is a folder"),
        ("nowhere --out a.keras", r"there is no nowhere"),
        (". --out a.keras", r"\. is not a trained network, which is a folder with a network\.json in it; net is one"),
        ("best.cell --out a.keras", r"best\.cell has no weights: name the folder of a trained network, or give"),
        (
            "net --out a.tflite --tf_keras",
            r"--tf_keras goes with a file that ends in \.keras, and --out is 'a\.tflite'",
        ),
        ("net --out a.keras --classes 3", r"--classes goes with --weights only; the folder of a trained network has"),
        ("net --out a.keras --param N=3", r"--param goes with --weights only"),
        ("net --out a.keras --weights 5.npz", r"net is a folder; --weights goes with a \.cell file"),
        ("best.cell --out a.keras --weights 5.npz", r"--weights 5\.npz: give --input, --classes, --mean and --std too"),
        (
            "WITH --input 8x8x1 --classes 3",
            r"--weights 5\.npz: give --mean and --std too; the file lacks them; --mean 0 --std 1 for a network that",
        ),
        ("WITH --input 8x8x1 --classes 3 --mean 5", r"--weights 5\.npz: give --std too; the file lacks it; --mean 0"),
        ("WITH --input 8x8 --classes 3 --mean 5 --std 3", r"--input '8x8' is not HEIGHTxWIDTHxCHANNELS"),
        ("WITH --input 8x8x1 --classes 0", r"--classes 0: it must be at least 1"),
        ("WITH --input 8x8x1 --classes 3 --mean a --std 3", r"--mean 'a' is not NUMBER,NUMBER,\.\.\., such as"),
        (
            "WITH --input 8x8x1 --classes 3 --mean 1,2 --std 3",
            r"best\.cell with 5\.npz: mean is \[1\.0, 2\.0\]: wanted",
        ),
        (
            "WITH --input 8x8x1 --classes 4 --mean 5 --std 3",
            r"best\.cell with 5\.npz: the weights have head/0/0/3/dense/kernel in the",
        ),
        ("WITHOUT --input 8x8x1 --classes 3", r"there are no weights in 6\.npz"),
    ],
)
def test_an_export_that_cannot_be_done_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: str, reason: str
) -> None:
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


def test_a_file_that_computes_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = network(seed=1)
    monkeypatch.setattr(
        formats, "probabilities", lambda saved, images: np.array([[0.2, 0.3, 0.5]] * len(images), np.float32)
    )
    with pytest.raises(CompileError, match=r"out\.keras is not written: its log probabilities differ from"):
        formats.export(other, tmp_path / "out.keras")
    monkeypatch.setattr(formats, "probabilities", lambda saved, images: np.full((len(images), 3), np.nan, np.float32))
    with pytest.raises(CompileError, match="trained network by nan of the greatest"):
        formats.export(other, tmp_path / "out.keras")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "a.tflite", Path("/proc/none/a.tflite")):
        with pytest.raises(CompileError, match=rf"{out} cannot be written in {out.parent}: .+; name another --out"):
            formats.export(network(), out)


def test_an_operation_that_a_format_lacks_is_named(tmp_path: Path) -> None:
    image = tf_keras.Input((4,))
    model = tf_keras.Model(image, tf_keras.layers.Lambda(lambda x: tf.math.erfinv(x))(image))
    with pytest.raises(CompileError, match=r"a\.tflite cannot be written: TensorFlow Lite lacks the operation Erfinv"):
        formats.FORMATS[".tflite"].write(model, tmp_path / "a.tflite", {})
