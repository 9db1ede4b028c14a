"""The comparison on a table: the result of one search, and the printed table of many."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from evolve import main
from evolve.store.database import FILE
from experiments import nasbench201
from experiments.nasbench201 import Found, Variant, World, one_search, report
from tests.evolve import made_table

EVOLUTION = "regularized_evolution"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_table.write(tmp_path_factory.mktemp("table") / "made.npz")


@pytest.fixture(scope="module")
def gin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes a gin file of the shipped settings for a small network, whose cost is quickly counted."""
    path = tmp_path_factory.mktemp("gin") / "small.gin"
    path.write_text("include 'nasbench201.gin'\nsearch.params = {'N': 1, 'F': 4}\ntable.budget_seconds = 3000\n")
    return path


@pytest.fixture(scope="module")
def world(path: Path, gin: Path) -> World:
    return nasbench201.prepared(str(gin), str(path))


def test_a_search_ends_with_its_budget_and_repeats(world: World) -> None:
    found = one_search(world, Variant(EVOLUTION), 1)
    assert 20 < found.cells == found.trained < 120
    again, other = one_search(world, Variant(EVOLUTION), 1), one_search(world, Variant(EVOLUTION), 2)
    assert (again.best, again.cells) == (found.best, found.cells)
    assert (other.best, other.cells) != (found.best, found.cells)


def test_reuse_trains_each_network_once(world: World) -> None:
    found = [one_search(world, Variant(EVOLUTION, reuse=True), seed) for seed in range(3)]
    assert all(one.trained < one.cells for one in found)


@pytest.mark.parametrize("reuse", [False, True])
def test_a_search_is_that_of_the_command(world: World, path: Path, gin: Path, tmp_path: Path, reuse: bool) -> None:
    parameters = [f"--gin_param=table.path={str(path)!r}", f"--gin_param=search.reuse={reuse}"]
    assert main.run([f"--gin_file={gin}", *parameters, f"--workdir={tmp_path}"]) == 0
    found = one_search(world, Variant(EVOLUTION, reuse), 0)
    cells, trained, fitness = sqlite3.connect(tmp_path / FILE).execute(
        "select count(*), sum(seconds > 0), max(fitness) from individuals"
    ).fetchone()  # fmt: skip
    assert (found.cells, found.trained, found.best.fitness) == (cells, trained, fitness)


def test_cells_that_the_table_lacks_are_the_worst(world: World) -> None:
    whole = one_search(world, Variant(EVOLUTION), 1)
    rows = {key: row for number, (key, row) in enumerate(world.table.rows.items()) if number % 3}
    less = replace(world, table=replace(world.table, rows=rows))
    found = one_search(less, Variant(EVOLUTION), 1)
    assert found.best.fitness > 0 and found.cells > whole.cells


def test_the_comparison_shows_evolution_above_random_search(
    path: Path, gin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--table", str(path), "--gin_file", str(gin), "--seeds", "5", "--processes", "1"]
    assert nasbench201.main([*arguments, "--algorithms", EVOLUTION, "random_search"]) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    evolved, control = (next(line for line in lines if line[:1] == [name] and "±" in line) for name in
                        (EVOLUTION, "random_search"))  # fmt: skip
    assert float(evolved[1]) > float(control[1])
    assert "93.92 ± 0.30" in printed and f"{EVOLUTION}, reuse above random_search, reuse, one-sided p:" in printed


def test_the_table_has_means_deviations_and_tests(world: World) -> None:
    def found(*tests: float) -> list[Found]:
        rows = [(row, test) for row, test in zip(world.table.rows.values(), tests, strict=False)]
        return [Found(type(row)(0.5, (("a", test), ("b", -test)), 1.0), 9, 8, 0.25) for row, test in rows]

    lines = report({Variant(EVOLUTION): found(3, 4, 5), Variant("random_search"): found(1, 2, 0)}, ["a", "b"])
    assert lines[2].split() == [EVOLUTION, "4.00", "±", "1.00", "-4.00", "±", "1.00", "9.0", "8.0", "0.25"]
    # the probability that three are above three others by chance is 1 in 20
    assert lines[-2].split()[:3] == ["a", "Mann-Whitney", "5.0e-02,"]
    assert lines[-1].split()[:3] == ["b", "Mann-Whitney", "1.0e+00,"]


def test_a_saved_table_has_the_same_digest(path: Path, gin: Path, tmp_path: Path, world: World) -> None:
    saved = tmp_path / "saved.npz"
    assert nasbench201.main(["--table", str(path), "--gin_file", str(gin), "--save", str(saved)]) == 0
    assert nasbench201.prepared(str(gin), str(saved)).table.digest == world.table.digest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "nowhere.npz"], "there is no such table"),
        (["--table", "{path}", "--algorithms", "regularised_evolution"], "did you mean 'regularized_evolution'"),
        (["--table", "{path}", "--gin_file", "amoeba.gin"], "bind it to a column of the table"),
    ],
)
def test_mistakes_give_one_message_and_exit_code_2(
    arguments: list[str], message: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nasbench201.main([argument.format(path=path) for argument in arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("nasbench201: ")
