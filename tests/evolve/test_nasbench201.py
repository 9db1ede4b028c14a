"""The comparison of methods on a table: the result of one search, the printed table of many, and their JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from dsl import Genotype
from evolve import main
from evolve.fitness.table import key, looked_up
from evolve.fitness.table_files import Row, Table
from evolve.store.database import FILE
from experiments import nasbench201
from experiments.nasbench201 import METHODS, SHARES, Found, World, one_search, permuted, report, rows
from tests.evolve import made_table

BY_NAME = {method.name: method.bindings for method in METHODS}
EVOLUTION, CONTROL, REUSE = "evolution P=10 S=3", "random_search", "reuse P=10 S=3"
TAKES_SECONDS = ("reinforcement",)  # its network is trained in the driver


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_table.write(tmp_path_factory.mktemp("table") / "made.npz")


@pytest.fixture(scope="module")
def gin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes a gin file of the shipped settings for a small network, whose cost is quickly counted."""
    path = tmp_path_factory.mktemp("gin") / "small.gin"
    path.write_text("include 'nasbench201.gin'\nsearch.params = {'N': 1, 'F': 4}\ntable.budget_seconds = 3000\n")
    return path


def world(gin: Path, path: Path, name: str = EVOLUTION, queries: int | None = None) -> World:
    return nasbench201.prepared(str(gin), str(path), BY_NAME[name], queries)


def test_a_search_ends_within_its_budget_and_repeats(gin: Path, path: Path) -> None:
    made = world(gin, path)
    found = one_search(made, 1)
    assert 20 < found.cells == found.trained < 120
    again, other = one_search(made, 1), one_search(made, 2)
    assert (again.best, again.cells) == (found.best, found.cells)
    assert (other.best, other.cells) != (found.best, found.cells)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in TAKES_SECONDS])
def test_every_method_trains_as_many_cells_as_it_may(gin: Path, path: Path, name: str) -> None:
    found = one_search(world(gin, path, name, queries=15), 3)
    assert found.trained == 15 <= found.cells and len(found.best) == len(SHARES)
    values = [row.fitness for row in found.best]
    assert values == sorted(values)


def test_reuse_trains_each_network_once(gin: Path, path: Path) -> None:
    made = world(gin, path, REUSE)
    found = [one_search(made, seed) for seed in range(3)]
    assert all(one.trained < one.cells for one in found)


@pytest.mark.parametrize("name", [EVOLUTION, REUSE])
def test_a_search_is_that_of_the_command(gin: Path, path: Path, tmp_path: Path, name: str) -> None:
    bindings = [f"--gin_param={binding}" for binding in (f"table.path={str(path)!r}", *BY_NAME[name])]
    assert main.run([f"--gin_file={gin}", *bindings, f"--workdir={tmp_path}"]) == 0
    found = one_search(world(gin, path, name), 0)
    read = sqlite3.connect(tmp_path / FILE).execute("select fitness, seconds from individuals order by finished")
    *within, (_, price) = read.fetchall()  # The last individual of the command does not fit into the budget.
    assert price > 0 and sum(seconds for _, seconds in within) + price > 3000
    assert (found.cells, found.best[-1].fitness) == (len(within), max(fitness for fitness, _ in within))


def test_only_trained_cells_are_read(gin: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that sees only the rows that it has paid for, and the row that does not fit, finds the same."""
    made, read = world(gin, path, "candidates P=50 S=15", queries=25), list[str]()

    def counted(genotype: Genotype, table: Table, operations: Mapping[str, str]) -> Row:
        read.append(key(genotype.cell("net"), operations))
        return looked_up(genotype, table, operations)

    monkeypatch.setattr(nasbench201, "looked_up", counted)
    found = one_search(made, 0)
    paid, seen = list(read), {name: made.table.rows[name] for name in read}
    assert len(paid) == found.cells + 1
    assert one_search(replace(made, table=replace(made.table, rows=seen)), 0).best == found.best
    assert read == 2 * paid


def test_cells_that_the_table_lacks_are_the_worst(gin: Path, path: Path) -> None:
    made = world(gin, path)
    kept = {name: row for number, (name, row) in enumerate(made.table.rows.items()) if number % 3}
    found = one_search(replace(made, table=replace(made.table, rows=kept)), 1)
    assert found.best[-1].fitness > 0 and found.cells > one_search(made, 1).cells


def test_permuted_fitnesses_are_those_of_other_cells(gin: Path, path: Path) -> None:
    table = world(gin, path).table
    mixed = permuted(table)
    assert sorted(row.fitness for row in mixed.rows.values()) == sorted(row.fitness for row in table.rows.values())
    moved = sum(mixed.rows[name].fitness != row.fitness for name, row in table.rows.items())
    assert moved > 0.99 * len(table.rows)
    assert all(mixed.rows[name].metrics == row.metrics for name, row in table.rows.items())


def test_the_comparison_shows_evolution_above_random_search(
    gin: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--table", str(path), "--gin_file", str(gin), "--seeds", "5", "--processes", "1"]
    assert nasbench201.main([*arguments, "--methods", CONTROL, EVOLUTION, "--json"]) == 0
    control, evolved = json.loads(capsys.readouterr().out)
    assert list(evolved) == ["name", "cifar10", "cifar100", "imagenet16", "cells"]
    assert (control["name"], evolved["name"]) == (CONTROL, EVOLUTION)
    assert all(evolved[name] > control[name] for name in ("cifar10", "cifar100", "imagenet16"))


def test_the_table_has_means_errors_and_tests(gin: Path, path: Path) -> None:
    row = next(iter(world(gin, path).table.rows.values()))

    def found(*tests: float) -> list[Found]:
        made = [(replace(row, metrics=(("a", test), ("b", -test))),) * len(SHARES) for test in tests]
        return [Found(best, 9, 8, 0.25) for best in made]

    both = {"low": found(1, 2, 0), "high": found(3, 4, 5)}
    lines = [*report(both, ["a", "b"], 80, "cells")]
    assert [line.split() for line in lines[:3]] == [
        ["at", "20", "cells", "a", "b"], ["low", "1.00", "(0.58)", "-1.00", "(0.58)"],
        ["high", "4.00", "(0.58)", "-4.00", "(0.58)"],
    ]  # fmt: skip
    # the probability that three are above three others by chance is 1 in 20
    assert lines[-2].split()[:3] == ["a", "Mann-Whitney", "5.0e-02,"]
    assert lines[-1].split()[:3] == ["b", "Mann-Whitney", "1.0e+00,"]
    assert rows(both, ["a", "b"])[1] == {"name": "high", "a": 4, "b": -4, "cells": 9}


def test_a_saved_table_has_the_same_digest(gin: Path, path: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.npz"
    arguments = ["--table", str(path), "--gin_file", str(gin), "--save", str(saved), "--methods", EVOLUTION]
    assert nasbench201.main(arguments) == 0
    assert world(gin, saved).table.digest == world(gin, path).table.digest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "nowhere.npz"], "there is no such table"),
        (["--table", "{path}", "--methods", "candidates P=50 S=1"], "did you mean 'candidates P=50 S=15'"),
        (["--table", "{path}", "--gin_file", "amoeba.gin"], "bind it to a column of the table"),
        (["--table", "{path}", "--gin_param", "table.epoch=3"], "did you mean 'table.epochs'"),
    ],
)
def test_mistakes_give_one_message_and_exit_code_2(
    arguments: list[str], message: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nasbench201.main([argument.format(path=path) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("nasbench201: ") and not printed.out
