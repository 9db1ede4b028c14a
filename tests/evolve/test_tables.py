"""Fitness from a table: cells that it has, cells that it lacks, and tables of another space."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dsl
from compiler import CompileError
from evolve import Task, UsageError, config, main
from evolve.config import Config
from evolve.fitness import table_files
from evolve.fitness.base import Fitness
from evolve.fitness.table import TableFitness, check_space, key, looked_up
from evolve.fitness.table_files import Row, Table
from evolve.prepared import prepare
from evolve.records import LOWEST
from evolve.settings import TableSettings
from evolve.store.database import FILE
from tests.evolve import made_table, toy
from tests.evolve.made_table import COLUMNS, OPERATIONS
from tests.evolve.test_search import rows

SMALL = "search.params={'N': 1, 'F': 4}"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_table.write(tmp_path_factory.mktemp("table") / "made.npz")


def settings(path: Path, **changed: Any) -> TableSettings:
    read: TableSettings = config.read(["nasbench201.gin"], [f"table.path={str(path)!r}"]).own
    return replace(read, **changed)


def table_of(path: Path, **changed: object) -> Table:
    return table_files.load(settings(path, **changed))


def cell(*edges: str) -> str:
    a, b, c, d, e, f = edges
    return f"cell net(x) {{\n a = {a}(x)\n b = {b}(x) + {c}(a)\n c = {d}(x) + {e}(a) + {f}(b)\n return c\n}}\n"


def genotype(text: str) -> dsl.Genotype:
    """Returns a genotype of the space with this `net`."""
    seed = dsl.load("nasbench201.cell")
    return seed.space.genotype(text + "\n".join(seed.text().split("\n")[seed.text().split("\n").index("") :]))


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (["relu_conv[3x3]"] * 6, "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
         "|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"),
        (["pool", "relu_conv[1x1]", "skip", "relu_conv[1x1]", "zero", "relu_conv[3x3]"],
         "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"),
    ],
)  # fmt: skip
def test_keys_are_those_written_by_hand(edges: list[str], expected: str, path: Path) -> None:
    made = genotype(cell(*edges))
    assert key(made.cell("net"), OPERATIONS) == expected
    names = tuple(OPERATIONS[edge] for edge in edges)
    row = looked_up(made, table_of(path), OPERATIONS)
    assert row.fitness == pytest.approx(made_table.accuracy(names) / 100)
    assert dict(row.metrics) == pytest.approx(
        {name: made_table.accuracy(names) + number for number, name in enumerate(COLUMNS) if number}
    )
    assert row.seconds == pytest.approx(12.5 * made_table.seconds(names))


def test_every_individual_has_a_row(path: Path) -> None:
    table = table_of(path)
    one = dsl.load("nasbench201.cell")
    met = set()
    for number in range(300):
        rng = random.Random(number)
        one = dsl.sample(one.space, rng) if number % 3 == 0 else dsl.mutate(one, rng).genotype
        met.add(looked_up(one, table, OPERATIONS))
    assert len(table.rows) == 15_625 and len(met) > 280


def test_equal_cells_have_the_same_row(path: Path) -> None:
    one = genotype(cell("pool", "skip", "zero", "relu_conv[1x1]", "pool", "skip"))
    other = genotype(
        "cell net(y) {\n b = pool(y)\n a = zero(b) + skip(y)\n"
        " z = skip(a) + relu_conv[1x1](y) + pool(b)\n return z\n}\n"
    )
    bare = genotype(
        "cell net(x) {\n a = pool(x)\n b = x + zero(a)\n c = relu_conv[1x1](x) + pool(a) + b\n return c\n}\n"
    )
    assert dsl.fingerprint(one) == dsl.fingerprint(other) == dsl.fingerprint(bare)
    assert {key(each.cell("net"), OPERATIONS) for each in (one, other, bare)} == {
        "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|skip_connect~2|"
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cell net(x) {\n a = pool(x)\n return a + x\n}\n", "returns its last node and nothing else"),
        ("cell net(x) {\n a = pool(x)\n b = pool(x)\n return a\n}\n", "returns its last node and nothing else"),
        ("cell net(x) {\n a = pool(x) | bn\n return a\n}\n", "a table has no name for"),
        ("cell net(x) {\n a = pool(skip(x))\n return a\n}\n", "a table has no name for pool(skip(x)) in node a"),
        ("cell net(x) {\n a = relu_conv[5x5](x)\n return a\n}\n", "a table has no name for relu_conv[5x5](x)"),
        ("cell net(x) {\n a = pool(x)\n return a\n}\n", "has no cell |avg_pool_3x3~0|"),
    ],
)
def test_cells_outside_of_the_table_have_no_key(text: str, reason: str, path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        looked_up(genotype(text), table_of(path), OPERATIONS)
    assert reason in str(caught.value)


# --- the worker's side -----------------------------------------------------------------------------------------


def spec(path: Path) -> Fitness:
    made = config.read(["nasbench201.gin"], [])
    space = dsl.load("nasbench201.cell").space.text()
    found = TableFitness(
        name="table",
        space=space,
        dataset=made.dataset,
        training=made.training,
        folder=path.parent,
        weights=path.parent / "weights",
        own=settings(path),
    )
    return replace(found, facts=found.find_facts())


def test_an_evaluation_has_costs_metrics_and_simulated_seconds(path: Path) -> None:
    names = ("nor_conv_3x3",) * 6
    found = spec(path).evaluate(Task(1, dsl.load("nasbench201.cell").text(), 0, 0.0))
    assert (found.status, found.params) == ("done", 1_531_546)
    assert found.fitness == pytest.approx(made_table.accuracy(names) / 100)
    assert found.seconds == pytest.approx(12.5 * made_table.seconds(names))
    assert [name for name, _ in found.metrics] == list(COLUMNS[1:])


def test_no_image_is_needed(path: Path) -> None:
    found = spec(path).known
    assert (found.input_shape, found.classes) == ((32, 32, 3), 10)
    assert found.description == f"{path}, 15,625 cells"


def test_a_cell_that_the_table_lacks_fails_by_name(tmp_path: Path) -> None:
    whole = made_table.columns()
    missing = made_table.key(("nor_conv_3x3",) * 6)
    kept = whole["arch"] != missing.encode()
    path = made_table.write(tmp_path / "less.npz", **{name: column[kept] for name, column in whole.items()})
    found = spec(path).evaluate(Task(1, dsl.load("nasbench201.cell").text(), 0, 0.0))
    assert (found.status, found.fitness, found.seconds) == ("failed", LOWEST, 0.0)
    assert found.error == f"the table {path} has no cell {missing}"
    assert found.params == 1_531_546


# --- tables that cannot be used --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"c10v_val_acc_12": None}, "table.fitness names the column 'c10v_val_acc_12', which"),
        ({"arch": None}, "table.keys names the column 'arch'"),
        ({"c100_test_acc_200": None}, "table.metrics names the column 'c100_test_acc_200'"),
        ({"c10v_val_sec": np.zeros(3)}, "'c10v_val_sec' is an array of float64 and shape [3]; it must have 15625"),
        ({"c10v_val_sec": np.full(15_625, "a")}, "'c10v_val_sec' is an array of <U1"),
        ({"c10v_val_sec": np.full(15_625, np.nan)}, "takes nan seconds; the seconds must be 0 or more"),
        ({"arch": np.arange(15_625)}, "it must have one text for each cell"),
        ({"arch": np.array(["a"] * 15_625)}, "15624 of its 15625 keys repeat an earlier key"),
        ({"arch": np.array([{}] * 15_625)}, "cannot be read"),
    ],
)
def test_files_that_are_not_tables_are_refused(
    changed: dict[str, np.ndarray | None], message: str, tmp_path: Path
) -> None:
    path = made_table.write(tmp_path / "wrong.npz", **changed)
    with pytest.raises(UsageError) as caught:
        table_of(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_a_wrong_column_is_refused_with_the_nearest_one(path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'c10v_val_acc_12'") as caught:
        table_of(path, fitness="c10_val_acc_12")
    assert "its columns are arch, c100_test_acc_200, c10_test_acc_200" in str(caught.value)


def test_a_file_that_is_damaged(tmp_path: Path, path: Path) -> None:
    damaged = tmp_path / "damaged.npz"
    for content in (path.read_bytes()[:1000], b"", b"no archive at all"):
        damaged.write_bytes(content)
        with pytest.raises(UsageError, match=r"damaged\.npz cannot be read"):
            table_of(damaged)


@pytest.mark.parametrize(
    ("file", "changed", "message"),
    [
        ("nasnet.cell", {}, "the mutation rules of search.seed_file change normal, reduction; for a table, "),
        ("darts.cell", {}, "for a table, which has one cell for each network"),
        ("nasbench201.cell", {"operations": {**OPERATIONS, "skip": "skip_conect"}}, "did you mean 'skip_connect'"),
        (
            "nasbench201.cell",
            {"operations": {key: name for key, name in OPERATIONS.items() if key != "pool"}},
            "table.operations lacks 'pool', which cell net may contain",
        ),
    ],
)
def test_tables_of_another_space_are_refused(file: str, changed: dict[str, object], message: str, path: Path) -> None:
    made = settings(path, **changed)
    with pytest.raises(UsageError) as caught:
        check_space(dsl.load(file), table_files.load(made), made)
    assert message in str(caught.value)


def test_a_table_of_smaller_cells_is_refused(path: Path) -> None:
    table = replace(table_of(path), rows={f"|{name}~0|": Row(0.5, (), 1.0) for name in made_table.NAMES})
    with pytest.raises(UsageError, match="is the table of another search space: the seed's cell would be"):
        check_space(dsl.load("nasbench201.cell"), table, settings(path))


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("table.path='nowhere.npz'", "table.path is 'nowhere.npz': there is no such table"),
        ("table.path=''", "bind it to the table's file"),
        ("table.fitness=None", "bind it to a column"),
        ("table.scale=0", "table.scale is 0; it must be a number above 0"),
        ("table.epochs='12'", "table.epochs is '12'"),
        ("table.operations={}", "table.operations is {}; write it as"),
        ("table.metrics='c10_test_acc_200'", "write it as ['c10_test_acc_200']"),
        ("table.input_shape=32", "table.input_shape is 32; write it as (32, 32, 3)"),
        ("table.classes=0", "table.classes is 0"),
        ("table.patch='a.npz'", "did you mean 'table.path'"),
        ("table.budget_seconds=0", "table.budget_seconds is 0; it must be a number above 0, or None"),
        ("search.budget_flops=1e9", "its budget is table.budget_seconds"),
        ("search.rungs=(4, 12)", "a table needs a column for each of the 2 rungs"),
        ("table.fitness=('c10v_val_acc_12', 'c10_test_acc_200')", "a column for each rung needs rungs"),
        ("table.metrics=('fitness',)", "a metric of this name already, as it has params, mult_adds, depth, seconds: "),
        (
            "table.metrics=('c10_test_acc_200', 'params')",
            """or leave it out: --gin_param="table.metrics=('c10_test_acc_200',)\"""",
        ),
        ("table.fitness=()", "bind it to a column of the table, or a tuple with a column for each rung"),
        ("search.fitness='tabel'", "or 'module:function'"),
    ],
)
def test_mistakes_give_one_message_and_exit_code_2(
    binding: str, message: str, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    arguments = [f"--gin_param=table.path={str(path)!r}", f"--gin_param={binding}", f"--workdir={work}"]
    assert main.run(["--gin_file=nasbench201.gin", *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("evolve: ")
    assert not (work / FILE).exists()


# --- whole searches --------------------------------------------------------------------------------------------


RUNGS = ["table.fitness=('c10v_val_acc_12', 'c10_test_acc_200')", "search.rungs=(12, 200)", "table.epochs=200"]


def test_a_promotion_in_a_table_takes_the_seconds_of_the_further_epochs(path: Path, tmp_path: Path) -> None:
    assert run(path, tmp_path, *RUNGS, "table.budget_seconds=60000", "search.individuals=30") == 0
    query = (
        "select low.fitness, high.fitness, low.seconds, high.seconds from rungs as low join rungs as high using (id) "
        "where low.rung = 0 and high.rung = 1 and high.status = 'done'"
    )
    found = sqlite3.connect(tmp_path / FILE).execute(query).fetchall()
    assert len(found) >= 3
    for low, high, first, whole in found:
        assert high == pytest.approx(low + 0.01), "the made-up column of the next rung is one percent higher"
        epoch = first / 12.5
        assert whole == pytest.approx(200 * epoch + 2 * epoch / 2)


def test_the_last_rung_of_a_table_is_the_whole_training(path: Path, tmp_path: Path) -> None:
    made = config.read(["nasbench201.gin"], [f"table.path={str(path)!r}", *RUNGS[:2]])
    with pytest.raises(UsageError, match=r"table\.epochs is 12 and the last of search\.rungs is 200"):
        prepare(made, tmp_path)


def run(path: Path, work: Path, *bindings: str) -> int:
    arguments = [f"table.path={str(path)!r}", SMALL, "table.budget_seconds=3000", *bindings]
    parameters = [f"--gin_param={binding}" for binding in arguments]
    return main.run(["--gin_file=nasbench201.gin", *parameters, "--resume=changed", f"--workdir={work}"])


def seconds(work: Path) -> list[float]:
    reader = sqlite3.connect(work / FILE)
    return [found for (found,) in reader.execute("select seconds from individuals order by finished")]


def test_the_simulated_budget_ends_a_search(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(path, tmp_path) == 0
    spent = seconds(tmp_path)
    assert sum(spent[:-1]) < 3000 <= sum(spent)
    printed = capsys.readouterr().out
    best, metrics = sqlite3.connect(tmp_path / FILE).execute(
        "select id, metrics from individuals order by fitness desc, params, mult_adds, finished limit 1"
    ).fetchone()  # fmt: skip
    assert f"c10_test_acc_200 of {best}: " in printed and '"in16_test_acc_200": ' in metrics
    assert "in 3,000 simulated seconds" in printed
    # The same command again adds nothing; a larger budget goes on.
    assert run(path, tmp_path) == 0 and len(seconds(tmp_path)) == len(spent)
    assert run(path, tmp_path, "table.budget_seconds=3200") == 0
    assert sum(seconds(tmp_path)) >= 3200 and seconds(tmp_path)[: len(spent)] == spent


def test_resumed_equals_uninterrupted(path: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(path, whole) == 0
    for budget in (400, 1700):
        assert run(path, parts, f"table.budget_seconds={budget}") == 0
    database = sqlite3.connect(parts / FILE)
    with database:  # the last one, as if the driver had been killed before its evaluation
        last = "(select max(id) from individuals)"
        database.execute(f"update individuals set finished = null, status = 'running' where id = {last}")
    database.close()
    assert run(path, parts) == 0
    assert rows(parts) == rows(whole) and seconds(parts) == seconds(whole)


def test_reuse_pays_for_a_network_once(path: Path, tmp_path: Path) -> None:
    assert run(path, tmp_path, "search.reuse=True", "search.repeat_networks=True") == 0
    found = sqlite3.connect(tmp_path / FILE).execute(
        "select own.seconds, own.fitness = twin.fitness, own.metrics = twin.metrics from individuals as own "
        "join individuals as twin on own.note = 'as ' || twin.id where own.fingerprint = twin.fingerprint"
    ).fetchall()  # fmt: skip
    assert len(found) >= 3 and set(found) == {(0.0, 1, 1)}
    assert sum(seconds(tmp_path)) >= 3000


def test_another_table_is_another_search(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    assert run(path, work, "search.individuals=3") == 0
    moved = tmp_path / "moved.npz"
    moved.write_bytes(path.read_bytes())
    assert run(moved, work, "search.individuals=4") == 0
    better = made_table.write(tmp_path / "better.npz", c10v_val_acc_12=made_table.columns()["c10v_val_acc_12"] + 1)
    assert run(better, work, "search.individuals=5") == 2
    assert "table.path: there a table with the digest" in capsys.readouterr().err


def test_a_search_survives_cells_that_the_table_lacks(tmp_path: Path) -> None:
    whole = made_table.columns()
    kept = np.arange(15_625) % 4 > 0
    path = made_table.write(tmp_path / "less.npz", **{name: column[kept] for name, column in whole.items()})
    assert run(path, tmp_path / "work", "search.individuals=40") == 0
    reader = sqlite3.connect(tmp_path / "work" / FILE)
    found = dict(reader.execute("select status, count(*) from individuals group by status"))
    assert found["failed"] >= 3 and found["done"] >= 10
    ((error,),) = reader.execute("select error from individuals where status = 'failed' limit 1")
    assert error.startswith(f"the table {path} has no cell |")


def test_evolution_beats_random_search(path: Path) -> None:
    """The searches are those of `evolve`, on the made-up table."""
    from evolve import CellSpace

    made: Config = config.read(["nasbench201.gin"], [])
    table, seed = table_of(path), dsl.load("nasbench201.cell", {"N": 1, "F": 4})
    space = CellSpace(seed.space, (32, 32, 3), 10, unfit=lambda _: None)
    best: dict[str, float] = {}
    for name in ("regularized_evolution", "random_search"):
        for number in range(10):
            chosen = replace(made, search=replace(made.search, algorithm=name, seed=number))
            algorithm = chosen.algorithm(space)
            found = []
            for id in range(1, 101):
                row = looked_up(algorithm.ask(id).genotype, table, OPERATIONS)
                algorithm.tell(toy.result(id, row.fitness))
                found.append(row.fitness)
            best[name] = best.get(name, 0.0) + max(found)
    assert best["regularized_evolution"] > best["random_search"] + 10 * 0.02
