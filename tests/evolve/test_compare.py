"""The comparison of algorithms: every search has its own work directory, is resumed, and is drawn from its store."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import dsl
from evolve import CellSpace, RandomSearch
from evolve.store.database import FILE
from experiments import compare
from experiments.figure import Curves, band, draw, spread


@pytest.fixture
def command(small_gin: Path, tmp_path: Path) -> list[str]:
    """Compares two algorithms over two seeds: a dozen individuals each, without training."""
    small = small_gin.read_text().replace("digits.gin", "compare.gin")
    small_gin.write_text(f"{small}pairwise_tournament.population_size = 5\n")
    settings = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'out'}", "--individuals=12", "--seeds=2"]
    return [*settings, "--algorithms=pairwise_tournament,random_search"]


def test_every_search_is_kept_and_drawn(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(command) == 0
    said = capsys.readouterr().out
    assert "4 of 4: random_search, random seed 1" in said and "left" in said
    assert "pairwise_tournament" in said and "±" in said
    for name in ("pairwise_tournament", "random_search"):
        for seed in ("0", "1"):
            reader = sqlite3.connect(tmp_path / "out" / name / seed / FILE)
            assert reader.execute("select count(finished) from individuals").fetchone() == (12,)
    texts = {text.strip() for text in ElementTree.parse(tmp_path / "out" / "compare.svg").getroot().itertext()}
    assert {"pairwise tournament", "random search", "models trained", "Mean of the population"} <= texts
    assert Image.open(tmp_path / "out" / "compare.png").width == 11 * 160


def test_the_same_command_goes_on_and_draws_what_is_stored(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [part for part in command if not part.startswith("--individuals")]
    assert compare.main([*command, "--seeds=1", "--individuals=6"]) == 0
    command.append("--individuals=8")
    assert compare.main([*command, "--seeds=1"]) == 0
    assert compare.main([*command, "--algorithms=random_search"]) == 0
    capsys.readouterr()
    assert compare.main([*command, "--seeds=1"]) == 0
    assert "left" not in capsys.readouterr().out  # without a training there is no rate
    for job in compare._jobs(compare._parser().parse_args([*command, "--algorithms=random_search"])):
        rows = sqlite3.connect(job.folder / FILE).execute("select fitness from individuals order by finished")
        fitness = [value for (value,) in rows]
        curves = compare._curves(job, RandomSearch(CellSpace(dsl.load("nasnet.cell").space, (1, 1, 1), 1), 0, window=4))
        assert curves.best == tuple(np.maximum.accumulate(fitness))
        assert curves.population[-1] == pytest.approx(np.mean(fitness[-4:]))
        assert curves.population[1] == pytest.approx(np.mean(fitness[:2]))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--algorithms=random_serch", "search.algorithm is 'random_serch'"),
        ("--gin_file=compar.gin", "did you mean 'compare.gin'"),
        ("--gin_param=search.seeds=3", "did you mean 'search.seed'"),
        ("--gin_param=search.metric='params'", "and the fitness is 'params': --gin_param"),
    ],
)
def test_mistakes_are_printed_before_a_search_runs(
    option: str, message: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main([*command, option]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_number_of_seeds_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.main(["--seeds=0"])
    assert ended.value.code == 2
    assert "'0' is not a whole number from 1" in capsys.readouterr().err


def test_without_matplotlib_there_is_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    compare._draw({"flat": [Curves((0.5,), (0.5,))]}, tmp_path, Console())
    assert "pip install 'amoeba-evolve[plot]'" in capsys.readouterr().out


def test_the_first_algorithm_is_compared_with_each_other_by_seed() -> None:
    curves = {
        "evolution": [Curves((0.6,), (0.5,), 0.58), Curves((0.7,), (0.6,), 0.69), Curves((0.8,), (0.4,), 0.7)],
        "random": [Curves((0.5,), (0.4,), 0.55), Curves((0.6,), (0.4,), 0.71), Curves((0.7,), (0.4,), None)],
        "table": [Curves((0.5,), (0.7,))] * 3,
    }
    assert list(compare._duels(curves)) == [
        "evolution is above random by the mean of the population with 2 of 3 random seeds, by the test accuracy of the "
        "best with 1 of 2",
        "evolution is above table by the mean of the population with 0 of 3 random seeds",
    ]
    console = Console(width=120)
    with console.capture() as captured:
        console.print(compare._table(curves))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in captured.get().splitlines() if "│" in line]
    assert [row[4] for row in rows] == ["0.6567 ± 0.0666", "0.6300 ± 0.1131", "-"]


def test_a_band_is_two_standard_errors_as_far_as_all_have_come() -> None:
    found = band([(0.1, 0.4, 0.5), (0.3, 0.4)])
    assert found.mean == pytest.approx([0.2, 0.4])
    assert found.reach == pytest.approx([2 * np.std([0.1, 0.3], ddof=1) / 2**0.5, 0.0])
    assert band([(0.1, 0.2)]).reach == pytest.approx([0, 0])


def test_labels_keep_apart_and_in_order() -> None:
    placed = spread([0.5, 0.9, 0.5, 0.49], 0.06)
    assert sorted(range(4), key=lambda n: placed[n]) == [3, 0, 2, 1]
    assert np.diff(sorted(placed)).min() >= 0.06 - 1e-6
    assert placed[1] == pytest.approx(0.9)


def test_a_constant_curve_is_drawn_too(tmp_path: Path) -> None:
    svg, png = draw({"flat": [Curves((0.5,), (0.5,))]}, tmp_path / "flat")
    assert svg.read_text().startswith("<?xml") and png.stat().st_size > 0
