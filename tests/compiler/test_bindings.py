"""Bindings of `cell train` in gin files and flags: an unknown name is an error with the nearest name."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from compiler.errors import pasted
from compiler.main import main
from compiler.training import gin_files
from compiler.training.bindings import ConfigError

TRAIN = ["train", "amoebanet_a.cell", "--gin_file=train_digits.gin"]


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("epochs=7", "--gin_param='epochs=7': nothing reads epochs; did you mean 'training.epochs'?"),
        ("train/training.epochs=1", "nothing reads train/training.epochs; did you mean 'training.epochs'?"),
        ("training.epoch=1", "there is no setting training.epoch; did you mean 'training.epochs'?"),
        ("network.parms={'N': 2}", "there is no setting network.parms; did you mean 'network.params'?"),
        (
            "search.individuals=7",
            "this command does not read search.individuals: it is a setting of `evolve`; `cell train` reads",
        ),
        (
            "networks.seed=7",
            "nothing reads networks.seed; did you mean 'network'?\nthis command reads: network, dataset, training",
        ),
        ("regularized_evolution.sample_size=3", "regularized_evolution.sample_size\nthis command reads: network"),
        ("training.epochs=", "--gin_param='training.epochs=': "),
        ("training.epochs", "--gin_param='training.epochs': "),
        ("network.seed=True", "network.seed is True; it must be a whole number from 0 to 2,147,483,647"),
        ("network.params={'N': True}", "network.params is {'N': True}; write it as"),
        ("network.params={'N': 1e999}", "network.params is {'N': inf}; write it as"),
        ("network.overlays=[1]", "network.overlays is [1]; write it as"),
        ("dataset.source=3", "dataset.source is 3; it must be a text that names images, for example --gin_param="),
        ("dataset.source=' '", "dataset.source is ' '; it must be a text"),
        ("dataset.validation=1.5", "is 1.5; it must be a share between 0 and 1, or a whole number of images, for"),
        ("dataset.validation=True", "dataset.validation is True; it must be a share"),
        ("dataset.test=0", "dataset.test is 0; it must be a share"),
        ("dataset.test=1e999", "dataset.test is inf; it must be a share"),
        (
            "dataset.seed=-1",
            'dataset.seed is -1; it must be a whole number of at least 0, for example --gin_param="dataset.',
        ),
        ("dataset.seed=False", "dataset.seed is False"),
        ("dataset.image_size=64", '--gin_param="dataset.image_size=(64, 64)"'),
        ("dataset.image_size=(64, 0)", "dataset.image_size is (64, 0); it must be (height, width)"),
        ("dataset.image_size=(64.0, 64.0)", "dataset.image_size is (64.0, 64.0)"),
        ("dataset.image_size=(64, 64, 3)", "dataset.image_size is (64, 64, 3)"),
        ("dataset.stream='yes'", "dataset.stream is 'yes'; it must be True or False"),
        ("dataset.stream=1", "dataset.stream is 1"),
        ("dataset.crop=0", "dataset.crop is 0; it must be a share above 0 and at most 1"),
        ("dataset.crop=87.5", "dataset.crop is 87.5"),
        ("dataset.unreadable='skp'", "it must be 'error' or 'skip'; did you mean 'skip'?"),
        ("dataset.channels='frist'", "did you mean 'first'?"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], binding: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN, f"--gin_param={binding}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert not list(tmp_path.iterdir())


def test_a_gin_file_of_a_search_is_refused_for_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "amoebanet_a.cell", "--gin_file=amoeba.gin"]) == 2
    error = capsys.readouterr().err
    assert "amoeba.gin, line " in error and "this command does not read search.seed_file: it is a setting" in error


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ((64, 64), '--gin_param="dataset.image_size=(64, 64)"'),
        ("images:my photos", "--gin_param=\"dataset.image_size='images:my photos'\""),
        ("it's", "--gin_param='dataset.image_size=\"it'\"'\"'s\"'"),
        ("$HOME", "--gin_param='dataset.image_size='\"'\"'$HOME'\"'\"''"),
        (True, '--gin_param="dataset.image_size=True"'),
        (0.95, '--gin_param="dataset.image_size=0.95"'),
    ],
)
def test_advice_can_be_pasted_on_a_shell(value: object, flag: str) -> None:
    assert pasted("dataset.image_size", value) == flag
    assert shlex.split(flag) == [f"--gin_param=dataset.image_size={value!r}"]


def test_a_file_and_what_it_includes_are_found_in_the_folder_that_is_handed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "own.gin").write_text("include 'other.gin'\n")
    (shipped / "other.gin").write_text("training.epochs = 7\n")
    monkeypatch.chdir(tmp_path)
    assert gin_files.read(["own.gin"], [], shipped=lambda: shipped).training.epochs == 7
    with pytest.raises(ConfigError, match=r"no gin file 'train_digits\.gin'.*other\.gin, own\.gin"):
        gin_files.read(["train_digits.gin"], [], shipped=lambda: shipped)
