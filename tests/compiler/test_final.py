"""`cell train`: a final training, its resumption, and the refusal of a work directory of another training."""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from signal import Signals
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow.tsl.profiler.protobuf import xplane_pb2

import dsl
from compiler import CompileError, accuracy
from compiler.images import fit
from compiler.images.data import load
from compiler.layers.model import step_layers
from compiler.main import main
from compiler.networks import saved, weights
from compiler.training import gin_files
from compiler.training.final import RECORD, FinalTraining
from compiler.training.trainer import Trainer

SHIPPED = sorted((Path(__file__).parents[2] / "experiments").glob("train_*.gin"))
TEXT = """
param F = 4
cell net(image) {
  a = conv[3x3, filters=F](image) | batch_norm | relu
  b = conv[3x3, filters=F](a) + a
  return b | batch_norm | relu
}
network { body: net   head: global_avg_pool | dropout[rate=0.1] | dense[classes] }
"""
QUICK = """
dataset.source = 'digits'
training.epochs = 3
training.batch_size = 128
training.learning_rate = 0.2
training.drop_path_keep = 0.8
training.ema_decay = 0.5
training.augment = ('crop',)
training.crop_padding = 1
training.optimize_graph = False
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "small.cell").write_text(TEXT)
    (tmp_path / "quick.gin").write_text(QUICK)
    return tmp_path


def train(files: Path, *more: str, folder: str = "run") -> int:
    return main(["train", str(files / "small.cell"), f"--gin_file={files / 'quick.gin'}",
                 f"--workdir={files / folder}", *more])  # fmt: skip


def history(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / RECORD).read_text())["history"]
    return found


def final(files: Path, folder: str) -> FinalTraining:
    return FinalTraining(dsl.load(files / "small.cell"), gin_files.read([str(files / "quick.gin")], []), files / folder)


def test_the_network_of_a_training_has_the_reported_accuracy(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(files, "--param=F=6") == 0
    out = capsys.readouterr().out
    assert "epoch 3/3" in out and f"cell export {files / 'run'}" in out
    found = saved.read(files / "run")
    assert found.genotype.space.params == {"F": 6}
    digits = load("digits")
    from compiler import lower

    model = lower(found.graph)
    weights.restore(step_layers(model), found.weights)
    assert accuracy(model, digits, "validation") == pytest.approx(found.accuracy, abs=1e-6)
    assert f"test accuracy {accuracy(model, digits, 'test'):.4f}" in out
    assert (files / "run" / "config.gin").read_text().count("training.epochs = 3") == 1
    assert list((files / "run" / "tensorboard").rglob("events*"))
    (share,) = re.findall(r"steps waited for images for ([0-9.]+)% of their time", out)
    assert 0 <= float(share) < 100
    capsys.readouterr()
    assert train(files, "--param=F=6") == 0
    assert "3 of them finished" in capsys.readouterr().out


def test_a_training_that_was_stopped_goes_on_exactly(files: Path) -> None:
    whole = final(files, "whole")
    list(whole.epochs())
    expected = whole.finish()
    stopped: Any = final(files, "stopped").epochs()
    next(stopped)
    stopped.close()
    again = final(files, "stopped")
    assert [epoch.epoch for epoch in again.history] == [1]
    assert [epoch.epoch for epoch in again.epochs()] == [2, 3]
    result = again.finish()
    for one, other in zip(result.history, expected.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
    values = saved.read(files / "whole").weights
    for key, value in saved.read(files / "stopped").weights.items():
        np.testing.assert_allclose(value, values[key], rtol=1e-3, atol=1e-4)


def test_a_training_that_validates_at_its_end_shows_only_measured_accuracies(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(files, "--gin_param=training.validate='end'") == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("epoch ")]
    assert ["validation" in line for line in lines] == [False, False, True]
    assert "None" not in out and "nan" not in out
    measured = [(epoch["validation_loss"], epoch["validation_accuracy"]) for epoch in history(files / "run")]
    assert measured[:2] == [(None, None)] * 2
    assert f"validation accuracy {measured[2][1]:.4f}" in out
    assert drawn(files / "run", "training") == [1, 2, 3]
    assert drawn(files / "run", "validation") == [3]
    assert train(files, folder="watched") == 0
    assert history(files / "watched")[-1] == history(files / "run")[-1]
    assert drawn(files / "watched", "validation") == [1, 2, 3]


def drawn(folder: Path, part: str) -> list[int]:
    """Returns the epochs with an accuracy in TensorBoard's files."""
    events = EventAccumulator(str(folder / "tensorboard" / part)).Reload()
    return [event.step for event in events.Tensors("accuracy")]


def test_a_training_that_was_stopped_before_its_test_has_the_same_fresh_statistics(files: Path) -> None:
    whole = final(files, "whole")
    list(whole.epochs())
    expected = whole.finish()
    list(final(files, "stopped").epochs())
    again = final(files, "stopped")
    assert list(again.epochs()) == []
    result = again.finish()
    assert (result.test_accuracy, result.validation_accuracy) == (expected.test_accuracy, expected.validation_accuracy)
    values = saved.read(files / "whole").weights
    for key, value in saved.read(files / "stopped").weights.items():
        np.testing.assert_allclose(value, values[key], rtol=1e-3, atol=1e-4)
    moved = [key for key in values if key.endswith("variance")]
    assert moved and not any(np.allclose(values[key], 1.0) for key in moved)


def test_another_training_in_the_folder_is_refused_with_the_difference(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(files) == 0
    assert train(files, "--gin_param=training.learning_rate=0.3", "--param=F=5") == 2
    error = capsys.readouterr().err
    assert "holds another training" in error
    assert "training.learning_rate: there 0.2, now 0.3" in error
    assert "the network is another one" in error


def test_a_damaged_record_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(files) == 0
    (files / "run" / RECORD).write_text("{")
    assert train(files) == 2
    error = capsys.readouterr().err
    assert "is damaged" in error and f"; move {files / 'run'} away to begin anew, or choose another --workdir" in error


def test_checkpoints_without_their_record_are_refused(files: Path) -> None:
    """Otherwise trained weights would be trained again, as if they were new."""
    training: Any = final(files, "run")
    training._manager.save(3)
    words = rf"epoch-3 is the checkpoint of epoch 3, and .*{RECORD} records 0 epochs, .*; move {files / 'run'} away"
    with pytest.raises(CompileError, match=words):
        final(files, "run")


def test_an_auxiliary_weight_without_an_auxiliary_head_gets_a_warning(files: Path) -> None:
    warning = (
        "nothing reads training.auxiliary_weight, which is 0.4: the network has no auxiliary section; "
        '--gin_param="training.auxiliary_weight=0.0"'
    )
    assert not [text for text in final(files, "run").warnings if "auxiliary" in text]
    with (files / "quick.gin").open("a") as file:
        file.write("training.auxiliary_weight = 0.4\n")
    assert warning in final(files, "run").warnings
    body = "body: net as n   auxiliary(n): global_avg_pool | dense[classes]"
    (files / "small.cell").write_text(TEXT.replace("body: net", body))
    assert warning not in final(files, "run").warnings


def test_the_written_settings_say_where_relative_images_were_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf" / "photos").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "conf" / "my.gin").write_text("dataset.source = 'images:photos'\ndataset.seed = 3\n")
    monkeypatch.chdir(tmp_path)
    found = gin_files.read(["conf/my.gin"], [])
    assert found.dataset.source == f"images:{tmp_path / 'conf' / 'photos'}"
    (tmp_path / "config.gin").write_text(gin_files.in_force())
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert gin_files.read([str(tmp_path / "config.gin")], []).dataset == found.dataset


def test_checkpoints_of_another_network_are_refused(files: Path) -> None:
    list(final(files, "run").epochs())
    record = files / "run" / RECORD
    (files / "small.cell").write_text(TEXT.replace("F = 4", "F = 5"))
    found = json.loads(record.read_text())
    found["identity"]["the network"] = dsl.load(files / "small.cell").standalone()
    record.write_text(json.dumps(found))
    with pytest.raises(CompileError, match="cannot be read into this network"):
        final(files, "run")


def listen() -> None:
    """Stops ignoring Ctrl-C, which the children of a test run in the background would inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_sigterm_keeps_whole_epochs(files: Path, number: Signals) -> None:
    command = [sys.executable, "-m", "compiler.main", "train", str(files / "small.cell"),
               f"--gin_file={files / 'quick.gin'}", "--gin_param=training.epochs=5000",
               f"--workdir={files / 'run'}"]  # fmt: skip
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(root)}, preexec_fn=listen)  # fmt: skip
    deadline = time.monotonic() + 240
    while not (files / "run" / RECORD).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: " in out and "the same command resumes the training" in out
    assert 1 <= len(history(files / "run")) < 5000


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_training_goes_on_where_its_output_is_not_read(
    files: Path, is_closed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", None if is_closed else full)
        assert train(files) == 1
        monkeypatch.undo()
    assert len(history(files / "run")) == 3 and (files / "run" / "network.json").is_file()
    (printed,) = capsys.readouterr().err.splitlines()
    assert printed.startswith("cell: standard output cannot be written: ")


def test_a_profile_has_every_step_and_changes_nothing(files: Path) -> None:
    assert train(files, "--profile", folder="profiled") == 0
    assert train(files, folder="plain") == 0
    for profiled, plain in zip(history(files / "profiled"), history(files / "plain"), strict=True):
        # With a profile the loss is summed step by step.
        assert profiled == {**plain, "loss": pytest.approx(plain["loss"], rel=1e-6)}
    (profile,) = (files / "profiled").rglob("*.xplane.pb")
    # an epoch of these digits has ten steps, of which the second half is profiled
    assert marked_steps(profile) == [5, 6, 7, 8, 9]


def marked_steps(profile: Path) -> list[int]:
    """Returns the numbers of the training steps in a profile."""
    found = []
    for plane in xplane_pb2.XSpace.FromString(profile.read_bytes()).planes:
        steps = {number for number, kind in plane.event_metadata.items() if kind.name == "train"}
        events = [event for line in plane.lines for event in line.events if event.metadata_id in steps]
        stats = [stat for event in events for stat in event.stats]
        found += [stat.int64_value for stat in stats if plane.stat_metadata[stat.metadata_id].name == "step_num"]
    return sorted(found)


@pytest.mark.parametrize(
    ("limit", "epochs", "what"),
    [(2_000, 3, "the checkpoint of epoch 1"), (4_800, 25, "what TensorBoard shows")],
)
def test_a_full_disk_is_reported_and_loses_nothing(files: Path, limit: int, epochs: int, what: str) -> None:
    """Files are limited. A checkpoint of this network has 4,534 bytes, and curves grow with every epoch."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "compiler.main", "train", str(files / "small.cell"),
               f"--gin_file={files / 'quick.gin'}", f"--gin_param=training.epochs={epochs}",
               f"--workdir={files / 'run'}"]  # fmt: skip
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # The number of threads changes the last digits, and an earlier test may have set it in this process.
    if threads := tf.config.threading.get_intra_op_parallelism_threads():
        environment["TF_NUM_INTRAOP_THREADS"] = str(threads)
    ended = subprocess.run(command, cwd=root, env=environment, preexec_fn=limited, capture_output=True, text=True,
                           timeout=240)  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr == (f"the training stops: {what} cannot be written: File too large; "
                            "every whole epoch is kept, and the same command resumes the training\n")  # fmt: skip
    kept = history(files / "run")
    assert train(files, f"--gin_param=training.epochs={epochs}") == 0
    assert train(files, f"--gin_param=training.epochs={epochs}", folder="whole") == 0
    assert history(files / "run") == history(files / "whole")
    assert history(files / "run")[: len(kept)] == kept


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (tf.errors.ResourceExhaustedError, r"the memory of the device is full \(OOM of 1 GB\): end other programs"),
        (tf.errors.InternalError, "TensorFlow failed: OOM of 1 GB; every whole epoch is kept"),
        (tf.errors.UnavailableError, "TensorFlow failed: OOM of 1 GB; every whole epoch is kept"),
    ],
)
def test_a_device_that_is_full_or_lost_loses_no_epoch(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Any, shown: str
) -> None:
    run, at_start = Trainer.run, Trainer.__init__

    def lost(trainer: Trainer, steps: int) -> tuple[float, float]:
        if trainer.step >= trainer.steps_per_epoch:
            raise error(None, None, "OOM of 1 GB\nand a long trace")
        return run(trainer, steps)

    def full(*_: object) -> None:
        raise error(None, None, "OOM of 1 GB\nand a long trace")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", lost)
        assert train(files) == 2
        assert re.match(f"the training stops: {shown}", capsys.readouterr().err)
        patch.setattr(Trainer, "__init__", full)
        assert train(files) == 2
        assert re.match(f"the training stops: {shown}", capsys.readouterr().err)
    assert Trainer.__init__ is at_start and len(history(files / "run")) == 1
    if error is tf.errors.InternalError:
        assert train(files) == 0
        assert len(history(files / "run")) == 3


def test_a_broken_validation_image_is_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stream reads it when the first epoch is validated, minutes after the begin of the training."""
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    for part, name in itertools.product(("train", "validation", "test"), ("cat", "dog")):
        (files / "photos" / part / name).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(pixels).save(files / "photos" / part / name / f"{number}.png")
    (files / "photos" / "validation" / "dog" / "2.png").write_text("no image")
    stream = ("stream=True", "image_size=(8, 8)", f"source='images:{files / 'photos'}'")
    assert train(files, "--gin_param=training.batch_size=4", *(f"--gin_param=dataset.{item}" for item in stream)) == 2
    error = capsys.readouterr().err
    assert "cannot be read as an image" in error and "validation/dog/2.png" in error


class TestMistakes:
    def test_a_training_without_settings_is_refused_with_a_command(
        self, files: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["train", str(files / "small.cell")]) == 2
        assert f"cell train {files / 'small.cell'} --gin_file=train_digits.gin" in capsys.readouterr().err

    @pytest.mark.parametrize(("binding", "message"), [
        ("training.epoch=3", "did you mean 'training.epochs'?"), ("trainin.epochs=3", "did you mean 'training'?"),
        ("training.epochs=none", "a value is written as in Python"), ("training.batch_size=100000", "training images"),
        ("dataset.source='digit'", "did you mean 'digits'?"), ("training.strategy='tpus'", "did you mean 'tpu'?"),
        ("training.strategy='tpu'", "no TPU is named"), ("network.params=3", "network.params is 3"),
        ("network.params={'G': 3}", "there is no param 'G'"), ("training.auxiliary_weight=-1", "at least 0"),
        ("training.epochs=0", "training.epochs is 0, with which only a search evaluates networks"),
    ])  # fmt: skip
    def test_wrong_bindings_are_refused_before_a_training(
        self, files: Path, capsys: pytest.CaptureFixture[str], binding: str, message: str
    ) -> None:
        assert train(files, f"--gin_param={binding}") == 2
        assert message in capsys.readouterr().err
        assert not (files / "run").exists()

    def test_a_missing_gin_file_is_refused_with_the_nearest_name(
        self, files: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["train", str(files / "small.cell"), "--gin_file=train_digit.gin"]) == 2
        assert "did you mean 'train_digits.gin'?" in capsys.readouterr().err

    def test_a_work_directory_that_is_a_file_is_refused(self, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (files / "run").write_text("")
        assert train(files) == 2
        assert "is a file" in capsys.readouterr().err


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_is_read_and_explains_itself(path: Path) -> None:
    made = gin_files.read([path.name], [])
    text = path.read_text()
    assert text.startswith("#") and "arXiv" in text and "Expected" in text
    assert (made.training.validate, made.training.fresh_statistics) == ("epochs", True)
    genotype = dsl.load("amoebanet_a.cell", made.network.params, made.network.overlays)
    for name, value in made.network.params.items():
        assert genotype.space.params[name] == value
    # train_final.gin is for every network and every search, so it binds neither
    assert bool(made.network.params) == ("dataset.source" in text) == (path.name != "train_final.gin")
    assert not fit.unread(made.training, genotype)


def test_cifar10_and_imagenet_are_the_papers() -> None:
    cifar, imagenet = (gin_files.read([f"train_{name}.gin"], []).training for name in ("cifar10", "imagenet"))
    assert (cifar.epochs, cifar.batch_size, cifar.learning_rate, cifar.l2) == (600, 128, 0.024, 5e-4)
    assert (cifar.momentum, cifar.schedule, cifar.drop_path_keep, cifar.auxiliary_weight) == (0.9, "cosine", 0.7, 0.5)
    assert (imagenet.optimizer, imagenet.rmsprop_decay, imagenet.rmsprop_epsilon) == ("rmsprop", 0.9, 0.1)
    assert (imagenet.l2, imagenet.label_smoothing, imagenet.auxiliary_weight) == (4e-5, 0.1, 0.4)
    assert (imagenet.learning_rate, imagenet.decay_rate, imagenet.decay_epochs) == (0.001, 0.97, 2.0)
