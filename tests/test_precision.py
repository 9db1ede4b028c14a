"""The comparison of precisions: its numbers, and that one seed has the same training in each precision."""

from __future__ import annotations

import json

import pytest

from compiler import Training
from experiments.bench import precision
from experiments.bench.precision import PRECISIONS, summary, table

ACCURACIES = {"float32": [0.5, 0.75, 1.0], "bfloat16": [0.5, 0.5, 0.5], "float16": [0.75, 1.0, 1.25]}


def test_means_and_differences_are_those_of_pairs() -> None:
    found = {str(one["precision"]): one for one in summary(ACCURACIES)}
    assert [found[name]["mean"] for name in PRECISIONS] == [0.75, 0.5, 1.0]
    assert [found[name]["difference"] for name in PRECISIONS] == [0.0, -0.25, 0.25]
    assert found["float32"]["standard_error"] == pytest.approx(0.25 / 3**0.5)
    errors = [found[name]["standard_error_of_difference"] for name in PRECISIONS]
    assert errors == pytest.approx([0.0, 0.25 / 3**0.5, 0.0])
    assert table(list(found.values())).splitlines()[2].split() == [
        "bfloat16",
        *["0.5000", "±", "0.0000", "-0.2500", "±", "0.1443"],
    ]


def test_each_seed_trains_in_each_precision(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[int, str, int]] = []

    def train(genotype: object, images: object, training: Training, seed: int) -> object:
        calls.append((seed, training.precision, training.epochs))
        return type("Made", (), {"accuracy": seed / 10})

    monkeypatch.setattr(precision, "train", train)
    monkeypatch.setattr("sys.argv", ["precision", "--seeds", "2", "--epochs", "3", "--json"])
    precision.main()
    assert calls == [(seed, kind, 3) for seed in (0, 1) for kind in PRECISIONS]
    assert [one["accuracies"] for one in json.loads(capsys.readouterr().out)] == [[0.0, 0.1]] * 3
    monkeypatch.setattr("sys.argv", ["precision", "--seeds", "1"])
    with pytest.raises(SystemExit):
        precision.main()
    assert "--seeds is 1; a standard error needs at least 2: --seeds 5" in capsys.readouterr().err
