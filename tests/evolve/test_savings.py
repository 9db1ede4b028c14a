"""The measurement of what rungs and candidates save: both searches are kept, and compared by their stores."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from evolve import Store
from experiments import savings
from experiments.savings import Saving, Spent
from tests.evolve.test_rungs_trained import SEARCH, SPACE


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "small.cell").write_text(SPACE)
    plain = [line for line in SEARCH.splitlines() if "rungs" not in line and "reduction" not in line]
    (tmp_path / "small.gin").write_text("\n".join(plain).format(inherit=False))
    # An earlier test may have used TensorFlow in this process, which then cannot train as a worker does.
    workers = ["--gin_param=search.executor='processes'", "--gin_param=processes.workers=1"]
    folders = [f"--gin_file={tmp_path / 'small.gin'}", f"--workdir={tmp_path / 'out'}"]
    return [*folders, *workers, "--seeds=1", "--candidates=5"]


def test_both_searches_are_kept_and_compared(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command += ["--rungs", "1", "--saving_param=regularized_evolution.second_mutation=0.5"]
    assert savings.main(command) == 0
    said = capsys.readouterr().out
    with Store(tmp_path / "out" / "regularized_evolution" / "0") as plain:
        goal, whole = plain.best(1)[0].fitness, plain.spent()
    with Store(tmp_path / "out" / "saving" / "0") as saving:
        best, spent = saving.best(1)[0], saving.spent()
    assert whole.finished == 5
    reached = best.rung == 1 and best.fitness >= goal
    assert reached or spent.flops >= whole.flops, "it ends at its goal, or with the same arithmetic"
    assert f"{goal:.4f}" in said and f"{whole.flops:.3g}" in said and f"{spent.flops:.3g}" in said
    assert f"{'1' if reached else '0'} of 1 searches reached the goal" in said
    for name, is_set in (("regularized_evolution", False), ("saving", True)):
        assert ("second_mutation = 0.5" in (tmp_path / "out" / name / "0" / "config.gin").read_text()) is is_set
    assert savings.main(command) == 0
    assert capsys.readouterr().out.splitlines()[-9:] == said.splitlines()[-9:], "the same command adds nothing"


@pytest.mark.parametrize(
    "option",
    [
        ("--rungs", "2", "1"),
        ("--rungs", "3"),
        ("--gin_param=search.seeed = 1",),
        ("--saving_param=search.seeed = 1",),
        ("--gin_param=search.metric='loss'",),
    ],
)
def test_mistakes_are_printed_before_a_search_runs(
    command: list[str], option: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert savings.main([*command, *option]) == 2
    assert capsys.readouterr().err.startswith("savings: ") and not (tmp_path / "out").exists()


def test_the_median_counts_searches_that_did_not_reach_the_goal() -> None:
    found = [Saving(seed, Spent(0.5, 100, 1e12), Spent(best, 60, flops)) for seed, (best, flops) in enumerate(
        [(0.5, 4e11), (0.51, 6e11), (0.49, 1e12)]
    )]  # fmt: skip
    assert [one.share for one in found] == [0.4, 0.6, None]
    worst = Saving(0, Spent(-0.5, 100, 1e12), Spent(-math.inf, 30, 1e11))
    assert worst.share is None, "no network had all epochs"
    assert savings.summary(found) == "2 of 3 searches reached the goal; median share of the FLOPs: 0.60"
    assert savings.summary(found[2:]) == "0 of 1 searches reached the goal; median share of the FLOPs: above 1"
