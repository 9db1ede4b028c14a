"""Photographs of a user: exported networks reach the reported accuracy by the examples of `docs/exporting.md`."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from compiler.main import main
from tests.photographs import by_example, photographs

GIN = """
dataset.source = 'images:{photos}'
dataset.image_size = (16, 14)
dataset.crop = {crop}
dataset.stream = {stream}
training.epochs = 12
training.batch_size = 12
training.learning_rate = 0.05
training.augment = {augment}
training.drop_path_keep = 1.0
"""
CELL = """
network {
  body: conv[3x3, filters=8] | batch_norm | relu | max_pool[2x2, stride=2] | conv[3x3, filters=12] | batch_norm | relu
  head: global_avg_pool | dense[classes]
}
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder of three classes with its own test part. Sizes, kinds and orientations are mixed."""
    root = tmp_path_factory.mktemp("own") / "photos"
    photographs(root / "train", {"house": 40, "stripes": 38, "sun": 36}, seed=1, largest=60)
    photographs(root / "test", {"house": 9, "stripes": 9, "sun": 9}, seed=2, largest=60)
    return root


@pytest.fixture(scope="module", params=["in memory", "cropped", "streamed", "streamed and cropped"])
def trained(request: pytest.FixtureRequest, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Returns a folder with a trained network, and the reported test accuracy."""
    folder = tmp_path_factory.mktemp("trained")
    stream, crop = "streamed" in request.param, 0.8 if "cropped" in request.param else 1.0
    augment = ("random_crop", "flip") if stream and crop < 1 else ("flip",)
    (folder / "own.cell").write_text(CELL)
    (folder / "own.gin").write_text(GIN.format(photos=photos, crop=crop, stream=stream, augment=augment))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        arguments = ["train", str(folder / "own.cell"), "--gin_file", str(folder / "own.gin")]
        assert main([*arguments, "--workdir", str(folder / "net")]) == 0
        for name in ("net.keras", "net.tflite", "net.onnx"):
            assert main(["export", str(folder / "net"), "--out", str(folder / name)]) == 0
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)", out.getvalue())
    return folder, accuracy


def test_the_images_of_a_training_are_found_and_prepared_again(
    trained: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The float network reaches the validation accuracy that the training has recorded."""
    folder, _ = trained
    assert main(["export", str(folder / "net"), "--out", str(tmp_path / "a.tflite"), "--quantize", "dynamic"]) == 0
    recorded = json.loads((folder / "net" / "network.json").read_text())["accuracy"]
    assert re.search(rf"^float32 .* kB +{recorded:.4f}$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("kind", ["keras", "tflite", "onnx"])
def test_the_reported_accuracy_is_found_again_by_the_example(
    trained: tuple[Path, str], photos: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder, reported = trained
    monkeypatch.chdir(folder)
    paths = sorted((photos / "test").glob("*/*"))
    found = by_example(kind, paths)
    right = [name == path.parent.name for name, path in zip(found, paths, strict=True)]
    assert len(right) == 27
    assert f"{np.mean(right):.4f}" == reported
    assert np.mean(right) > 0.55  # above 1/3, the accuracy without learning
