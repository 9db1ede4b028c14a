"""The commands `evolve ask` and `evolve tell`: what they print, their exit codes, and the messages for mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dsl
import evolve
from evolve import main
from tests.evolve.asking import SPACE, begun

GIN = """
search.seed_file = '{folder}/space.cell'
search.individuals = 3
regularized_evolution.population_size = 2
regularized_evolution.sample_size = 1
"""


@pytest.fixture
def gin(tmp_path: Path) -> str:
    (tmp_path / "space.cell").write_text(SPACE)
    path = tmp_path / "mine.gin"
    path.write_text(GIN.format(folder=tmp_path))
    return f"--gin_file={path}"


@pytest.fixture
def work(tmp_path: Path) -> str:
    return f"--workdir={tmp_path / 'work'}"


def test_a_whole_search(gin: str, work: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", gin, work, "--json"]) == 0
    first: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [first[name] for name in ("id", "parent", "rule", "input_shape", "classes")] == [
        1,
        None,
        "random",
        [8, 8, 1],
        10,
    ]
    assert dsl.loads(first["text"]).text() == first["genotype"]
    assert first["directory"] == str(tmp_path / "work" / "trials" / "1") and Path(first["directory"]).is_dir()
    assert main.run(["ask", work]) == 0  # the settings are those in the work directory
    line, text = capsys.readouterr().out.split("\n", 1)
    assert line.startswith("# individual 2, seed ") and dsl.loads(text)
    assert main.run(["ask", work, "--id=1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert main.run(["tell", work, "--id=2", "--fitness=0.5", "--metric=latency_ms=4.1"]) == 0
    assert capsys.readouterr().out == "individual 2 is the best so far: accuracy 0.5, latency_ms 4.1\n"
    assert main.run(["tell", work, "--id=1", "--error=out of memory \udcff"]) == 0
    assert capsys.readouterr().out == "individual 1 has failed: out of memory \\udcff\n"
    assert main.run(["ask", gin, work]) == 0
    assert main.run(["ask", gin, work]) == 1
    assert "all 3 individuals of search.individuals have been asked for" in capsys.readouterr().err
    assert main.run(["tell", work, "--id=3", "--metric=accuracy=0.25"]) == 0
    assert capsys.readouterr().out.endswith("individual 3: accuracy 0.25; the best is 2\n")
    study = evolve.open(tmp_path / "work")
    assert [(one.status, one.fitness) for one in study] == [("failed", 0.0), ("done", 0.5), ("done", 0.25)]
    assert (tmp_path / "work" / "best.cell").is_file() and not Path(first["directory"]).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask"], "name the folder of the search: evolve ask --workdir=runs/mine"),
        (["ask", "WORK"], "there is no search in"),
        (["ask", "WORK", "--gin_param=search.seed=1"], "--gin_param goes with --gin_file"),
        (
            ["ask", "WORK", "GIN", "--gin_param=training.epochs=1"],
            "nothing reads training.epochs: search.fitness is 'ask'",
        ),
        (
            ["ask", "WORK", "GIN", "--gin_param=search.timeout=5"],
            "nothing reads search.timeout: search.fitness is 'ask'",
        ),
        (["ask", "WORK", "GIN", "--gin_param=search.reduction=4"], "nothing reads search.reduction: search.fitness is"),
        (["ask", "WORK", "GIN", "--gin_param=search.budget='1h'"], "search.budget is '1h'"),
        (["ask", "WORK", "GIN", "--gin_param=search.rungs=(1, 3)"], "search.rungs is (1, 3)"),
        (["ask", "WORK", "GIN", "--resume=yes"], "--resume is 'yes'"),
        (["ask", "WORK", "GIN", "--id=one"], "--id is 'one'; it must be the id of an individual"),
        (["tell", "WORK"], "name the individual: evolve tell --workdir="),
        (["tell", "WORK", "--id=1"], "give the result: evolve tell --workdir="),
        (["tell", "WORK", "--id=1", "--fitness=high"], "--fitness is 'high'; it must be a number"),
        (
            ["tell", "WORK", "--id=1", "--metric=latency_ms"],
            "--metric is 'latency_ms'; write it as a name and a number",
        ),
        (["tell", "WORK", "--id=1", "--metric=a=1", "--metric=a=2"], "the metric 'a' is given twice: 1 and 2"),
        (["tell", "WORK", "--id=1", "--error="], "--error is empty"),
        (["tell", "WORK", "--id=1", "--fitness=0.5"], "there is no search in"),
        (["tell", "WORK", "--ids=1"], "Did you mean: id"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, gin: str, work: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([{"WORK": work, "GIN": gin}.get(word, word) for word in arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_results_that_are_refused(gin: str, work: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", gin, work]) == 0
    for flags, message in (
        (["--id=2", "--fitness=0.5"], "individual 2 of"),
        (["--id=1", "--metric=latency_ms=4"], "the metric 'accuracy' of this search is missing"),
        (["--id=1", "--fitness=0.5", "--metric=error=1"], "error cannot be the name of a metric"),
        (["--id=1", "--fitness=0.5", "--metric=seconds=-5"], "seconds is -5; the seconds of an evaluation are 0"),
        (["--id=1", "--fitness=-0.5"], "the metric 'accuracy' is -0.5; a metric of this name is from 0 to 1"),
    ):
        assert main.run(["tell", work, *flags]) == 2
        assert message in capsys.readouterr().err
    assert main.run(["tell", work, "--id=1", "--fitness=0.5"]) == 0
    assert main.run(["tell", work, "--id=1", "--fitness=0.5"]) == 2
    assert "individual 1 of" in (err := capsys.readouterr().err) and "has a result already" in err


def test_metrics_with_names_of_parameters(gin: str, work: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", gin, work]) == 0
    names = ("trial", "self", "metrics")
    metrics = [f"--metric={name}=1" for name in names]
    assert main.run(["tell", work, "--id=99", "--fitness=0.5", *metrics]) == 2
    assert "individual 99 of" in capsys.readouterr().err
    assert main.run(["tell", work, "--id=1", "--fitness=0.5", *metrics]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name} 1" in printed for name in names)


def test_a_search_that_evaluates_itself(
    small_gin: Path, work: str, gin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([f"--gin_file={small_gin}", "--gin_param=search.individuals=2", work]) == 0
    for arguments in (["ask", work], ["tell", work, "--id=1", "--fitness=0.5"]):
        assert main.run(arguments) == 2
        assert "evaluates its individuals itself, and none can be asked for or told" in capsys.readouterr().err


def test_a_search_that_only_asks(gin: str, work: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([gin, work, "--gin_param=search.fitness='ask'"]) == 2
    assert "with which your own program evaluates individuals: evolve ask --workdir=" in capsys.readouterr().err


@pytest.mark.parametrize("is_created", [True, False])
def test_a_result_is_taken_after_a_limit_was_raised(
    is_created: bool, gin: str, work: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for id in (1, 2):
        if is_created:
            assert begun(tmp_path, individuals=id).ask().id == id
        else:
            assert main.run(["ask", gin, work, f"--gin_param=search.individuals={id}", "--resume=changed"]) == 0
        assert main.run(["tell", work, f"--id={id}", "--fitness=0.5"]) == 0
    assert main.run(["ask", work]) == 1
    assert "all 2 individuals of search.individuals have been asked for" in capsys.readouterr().err


def test_seconds_that_are_the_fitness_are_printed(gin: str, work: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["ask", gin, work, "--gin_param=search.metric='seconds'"]) == 0
    capsys.readouterr()
    assert main.run(["tell", work, "--id=1", "--fitness=50"]) == 0
    assert capsys.readouterr().out == "individual 1 is the best so far: seconds 50\n"
