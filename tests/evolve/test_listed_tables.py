"""Tables by networks: files whose keys are fingerprints or genotypes, searches among their networks, NAS-Bench-101."""

from __future__ import annotations

import csv
import functools
import itertools
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

import dsl
from evolve import Individual, Proposal, RegularizedEvolution, UsageError, main
from evolve.algorithms.breeder import Breeder
from evolve.fitness.table import loaded, looked_up
from evolve.fitness.table_files import Row
from evolve.search.listed_space import ListedSpace
from evolve.settings import TableSettings
from evolve.store.database import FILE
from experiments import nasbench101

SPACE = "nasbench101.cell"
SHAPE = ((32, 32, 3), 10)


@pytest.fixture(scope="module")
def seed() -> dsl.Genotype:
    return dsl.load(SPACE, {"N": 1, "F": 12})


@pytest.fixture(scope="module")
def genotypes(seed: dsl.Genotype) -> list[dsl.Genotype]:
    return [dsl.sample(seed.space, random.Random(number)) for number in range(300)]


def settings(path: Path, **changed: object) -> TableSettings:
    return TableSettings(**{"path": str(path), "keys": "key", "fitness": "high", **changed})  # type: ignore[arg-type]


def written(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Writes rows as the kind of file that the name says."""
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            out = csv.DictWriter(file, [*rows[0]])
            out.writeheader()
            out.writerows(rows)
    else:
        np.savez(path, **{name: np.array([row[name] for row in rows]) for name in rows[0]})  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json"])
@pytest.mark.parametrize("is_text", [True, False])
def test_every_kind_of_file_gives_the_numbers_of_a_network(
    suffix: str, is_text: bool, seed: dsl.Genotype, genotypes: list[dsl.Genotype], tmp_path: Path
) -> None:
    chosen = {dsl.fingerprint(one): one for one in genotypes[:9]}
    rows = [
        {"key": one.text() if is_text else network, "low": place / 8, "high": place / 4, "time": 3}
        for place, (network, one) in enumerate(chosen.items())
    ]
    own = settings(written(tmp_path / f"made{suffix}", rows), fitness=("low", "high"), metrics=("low",), epochs=4)
    table = loaded(own, seed.space)
    for place, one in enumerate(chosen.values()):
        expected = Row(place / 4, (("low", place / 8),), 0.0, (place / 8, place / 4))
        assert looked_up(one, table, None) == expected


def test_a_network_with_several_rows_has_their_means(seed: dsl.Genotype, tmp_path: Path) -> None:
    other = seed.space.genotype(seed.text().replace("max_pool[3x3]", "conv_bn[1x1]"))
    dead = next(
        child
        for number in range(300)
        if (child := dsl.mutate(seed, random.Random(number)).genotype).text() != seed.text()
        and dsl.fingerprint(child) == dsl.fingerprint(seed)
    )
    rows = [{"key": one.text(), "high": value} for one, value in ((seed, 0.2), (other, 0.9), (dead, 0.4))]
    table = loaded(settings(written(tmp_path / "made.json", rows)), seed.space)
    assert looked_up(seed, table, None).fitness == pytest.approx(0.3)
    assert looked_up(other, table, None).fitness == 0.9 and len(table.rows) == 2


def test_fingerprints_of_one_row_are_one_network(seed: dsl.Genotype, tmp_path: Path) -> None:
    """Rows that share a fingerprint are of the same network, also if a third row is what they share."""
    a, b, c, d, e = ("0123456789abcdef"[place] * 32 for place in range(5))
    rows = [{"key": key, "high": high} for key, high in ((f"{b} {a}", 0.1), (c, 0.3), (d, 0.9), (f"{e} {c} {a}", 0.5))]
    table = loaded(settings(written(tmp_path / "made.csv", rows)), seed.space)
    assert {name: round(row.fitness, 9) for name, row in table.rows.items()} == {c: 0.3, d: 0.9}
    assert table.names == {a: c, b: c, c: c, d: d, e: c}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "key,high\nnet,0.5\n", "the key 'net' in row 1 of"),
        ("a.csv", "key,high\n" + 32 * "0" + ",good\n", "the column 'high' is an array of <U4"),
        ("a.csv", "key,high\n" + 32 * "0" + ",1,2\n", "one row for each network, with a value for each column"),
        ("a.csv", "key,hihg\n" + 32 * "0" + ",1\n", "did you mean 'hihg'"),
        ("a.json", "{}", "one row for each network"),
        ("a.json", "[", "cannot be read"),
        ("a.json", "[]", "table.keys names the column 'key'"),
        ("a.csv", "key,high\n" + 2 * (32 * "0" + ",1\n"), "1 of its 2 keys repeat an earlier key"),
    ],
)
def test_files_that_are_not_tables_are_refused(
    name: str, content: str, message: str, seed: dsl.Genotype, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        loaded(settings(path), seed.space)
    assert message in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (None, "table.choices names the column 'choices', which"),
        ([0], "is an array of int64 and shape [1]; as table.choices it must have 1 rows of whole numbers"),
        ([[0.5]], "is an array of float64 and shape [1, 1]"),
        ([[3, -1]], "has -1; as table.choices it must have indices, which begin at 0"),
    ],
)
def test_choices_that_are_no_rows_of_numbers_are_refused(
    choices: list[int] | None, message: str, seed: dsl.Genotype, tmp_path: Path
) -> None:
    columns = {"key": np.array(["0" * 32]), "high": np.ones(1)}
    if choices is not None:
        columns["choices"] = np.array(choices)
    np.savez(tmp_path / "a.npz", **columns)  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        loaded(settings(tmp_path / "a.npz", choices="choices"), seed.space)
    assert message in str(caught.value)


def test_choices_are_refused_where_a_search_is_not_limited_to_a_table() -> None:
    with pytest.raises(UsageError, match=r"table\.choices=None.*table\.operations=None"):
        settings(Path("a.npz"), choices="choices", operations={"conv": "conv"})


def test_only_listed_networks_are_proposed(seed: dsl.Genotype, genotypes: list[dsl.Genotype]) -> None:
    listed = named(map(dsl.fingerprint, genotypes))
    space = ListedSpace(seed.space, *SHAPE, unfit=lambda _: None, listed=listed)
    sampled = space.sample(random.Random(1))
    assert dsl.fingerprint(sampled) in listed
    rules = set[str]()
    for number in range(30):
        make = space.mutate if number % 2 else space.draft
        child = make(genotypes[number], random.Random(number))
        assert dsl.fingerprint(child.genotype) in listed
        rules.add(child.rule)
        assert all(reason == "the table has no such network" for _, reason in child.rejected)
    assert {"edge", "edge, edge"} <= rules, "some children are reached by two mutations only"


def named(networks: Iterable[str]) -> dict[str, str]:
    """Returns a list of networks, each of which has one fingerprint."""
    return {network: network for network in networks}


@functools.cache
def made(count: int) -> tuple[dsl.Genotype, list[tuple[int, ...]], list[str]]:
    """Returns the seed of the small space, and the choices and fingerprints of some of its networks."""
    seed = dsl.loads(TOY)
    choices = [*itertools.product(range(4), repeat=3)][:count]
    return seed, choices, [dsl.fingerprint(dsl.decide(seed.space, one, random.Random(0))) for one in choices]


def test_random_networks_are_drawn_evenly_from_the_list() -> None:
    seed, choices, networks = made(20)
    space = ListedSpace(seed.space, *SHAPE, unfit=lambda _: None, listed=named(networks), choices=choices)
    rng = random.Random(0)
    sampled = Counter(dsl.fingerprint(space.sample(rng)) for _ in range(1000))
    assert {*sampled} == {*networks} and max(sampled.values()) < 2 * min(sampled.values())
    assert {*map(dsl.fingerprint, space.members(200, rng))} == {*networks}


def test_without_choices_no_random_networks_are_candidates() -> None:
    seed, _, networks = made(20)
    space = ListedSpace(seed.space, *SHAPE, unfit=lambda _: None, listed=named(networks))
    assert space.members(9, random.Random(0)) == []
    assert dsl.fingerprint(space.sample(random.Random(0))) in networks


def test_choices_of_another_space_are_refused(seed: dsl.Genotype) -> None:
    _, choices, networks = made(3)
    with pytest.raises(UsageError, match=r"table\.choices has choices of another search space: .* has 26 choices"):
        ListedSpace(seed.space, *SHAPE, listed=named(networks), choices=choices)


def listed_search(
    fitness: Callable[[str], float],
    count: int,
    listed: Mapping[str, str] | None = None,
    candidates: int | None = 10,
) -> list[Proposal[dsl.Genotype]]:
    """Returns the proposals of a search among 40 listed networks, by the fitness of fingerprints."""
    seed, choices, networks = made(40)
    listed = listed or named(networks)
    space = ListedSpace(seed.space, *SHAPE, unfit=lambda _: None, listed=listed, choices=choices)
    breeder = Breeder(
        lambda it: RegularizedEvolution(it, 0, population_size=10, sample_size=9), space, 0, candidates=candidates
    )
    proposals = []
    for id in range(1, count + 1):
        proposals.append(breeder.ask(id))
        value = fitness(dsl.fingerprint(proposals[-1].genotype))
        breeder.tell(Individual(id, "", fitness=value, fingerprint="", finished=id))
    return proposals


def digit(network: str) -> float:
    """Returns the place of a listed network, whose digits are the operations of a small cell."""
    return float(made(40)[2].index(network))


def test_every_listed_network_is_found_and_none_is_proposed_twice() -> None:
    proposals = listed_search(digit, 40)
    assert len({dsl.fingerprint(one.genotype) for one in proposals}) == 40
    picked = [one for one in proposals if one.predicted is not None]
    assert {one.parent is None for one in picked} == {True, False}, "children and random networks are chosen"


@pytest.mark.parametrize("candidates", [None, 10])
def test_networks_with_the_same_name_in_a_list_are_proposed_once(candidates: int | None) -> None:
    _, _, networks = made(40)
    listed = {network: networks[place // 2] for place, network in enumerate(networks)}
    proposals = listed_search(digit, 18, listed, candidates)
    found = [dsl.fingerprint(one.genotype) for one in proposals]
    assert len({listed[network] for network in found}) == 18
    assert any(listed[network] != network for network in found)


def test_a_listed_network_is_a_start_once_and_others_are_none() -> None:
    seed, choices, networks = made(4)
    listed = {networks[0]: networks[1], networks[1]: networks[1], networks[2]: networks[2]}
    texts = [dsl.decide(seed.space, choices[place], random.Random(0)).text() for place in (3, 0, 2, 1)]
    space = ListedSpace(seed.space, *SHAPE, unfit=lambda _: None, starts=texts, listed=listed)
    first, second, third = (space.sample(random.Random(0), born=born) for born in (1, 2, 3))
    assert [first.text(), second.text()] == texts[1:3]
    assert space.fingerprint(third) in listed.values() and space.keys(texts[3]) == space.keys(texts[1])


def test_in_a_list_proposals_depend_only_on_results_that_are_paid_for() -> None:
    first = listed_search(digit, 30)
    paid = {dsl.fingerprint(one.genotype) for one in first[:20]}
    other = listed_search(lambda network: digit(network) if network in paid else -digit(network), 30)
    assert other[:21] == first[:21] and other[21:] != first[21:]


def test_in_a_list_random_labels_give_no_gain() -> None:
    """The place of the best of 40 networks is 20.5 in the mean, if nothing is learned of labels that mean nothing."""
    _, _, networks = made(40)
    places = []
    for number in range(30):
        labels = dict(zip(networks, random.Random(number).sample(range(40), 40), strict=True))
        found = [labels[dsl.fingerprint(one.genotype)] for one in listed_search(labels.__getitem__, 40)]
        places.append(1 + found.index(39))
    assert fmean(places) >= 20.5 - 4 * (40 / 12**0.5) / 30**0.5


def test_a_table_of_another_space_is_refused(seed: dsl.Genotype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsl.rules.sample.MAX_REDRAWS", 5)
    space = ListedSpace(seed.space, *SHAPE, unfit=lambda _: None, listed=named(["0" * 32]))
    with pytest.raises(UsageError, match="no random genotype of the search space is in the table"):
        space.sample(random.Random(1))
    assert space.mutate(seed, random.Random(1)).rule == "none"


def test_a_gene_that_no_fingerprint_has_is_refused() -> None:
    space = dsl.load("mobilenet_space.cell").space
    text = space.text() + "gene learning_rate = 0.1 in 0.001..1\nmutation rate { learning_rate = learning_rate * 2 }\n"
    with pytest.raises(UsageError, match="do not depend on the gene learning_rate"):
        ListedSpace(dsl.loads(text).space, *SHAPE, listed={})


# --- NAS-Bench-101 ---------------------------------------------------------------------------------------------


CHAIN = """cell net(x: each conv_bn[1x1]) width split {
  a = skip(x) | conv_bn[3x3]
  b = skip(a) | max_pool[3x3]
  return concat(b) + skip(x)
}
"""
EDGES = ({(0, 1), (1, 2), (2, 3), (0, 3)}, {(0, 1), (0, 2), (1, 3), (2, 3)}, {(0, 1), (0, 2), (1, 3), (2, 3)})


def sample() -> dict[str, np.ndarray]:
    """Returns the arrays of three cells. The first is a chain with a skip, and the others are isomorphic."""
    adj = np.zeros((3, 7, 7), np.uint8)
    for cell, edges in enumerate(EDGES):
        for edge in edges:
            adj[(cell, *edge)] = 1
    operations = [[255, 0, 2, 255], [255, 0, 1, 255], [255, 1, 0, 255]]
    return {
        "adj": np.packbits(np.pad(adj.reshape(3, 49), ((0, 0), (0, 7))), axis=1),
        "ops": np.array([[*one, 255, 255, 255] for one in operations], np.uint8),
        "num_vertices": np.full(3, 4, np.uint8),
        "op_names": np.array([b"conv3x3-bn-relu", b"conv1x1-bn-relu", b"maxpool3x3"]),
        "epochs": np.array([4, 108]),
        "val_acc": np.array([[0.5, 0.9], [0.4, 0.8], [0.6, 0.7]]),
        "train_sec_108": np.array([108.0, 216.0, 432.0]),
        "params": np.array([1, 2, 2]),
    }  # fmt: skip


def test_a_sample_becomes_a_table_by_fingerprints(tmp_path: Path) -> None:
    found = nasbench101.table(sample())
    seed = dsl.load(SPACE)
    chain = dsl.fingerprint(seed.space.genotype(CHAIN + seed.text().partition("}\n")[2]))
    choices = found.pop("choices").tolist()
    networks, *columns = found.values()
    keys = [tuple(key.decode().split(" ")) for key in networks.tolist()]
    for one, key in zip(choices, keys, strict=True):
        assert dsl.fingerprint(dsl.decide(seed.space, one, random.Random(0))) in key
    rows = {key: values for key, *values in zip(keys, *columns, strict=True)}
    assert [*found] == ["fingerprint", "val_acc_4", "val_acc_108", "seconds_per_epoch", "params"]
    assert rows.pop((chain,)) == [50, 90, 1, 1]
    [(orders, values)] = rows.items()
    assert len({*orders}) == 2, "the output concatenates two states in two orders"
    assert values == pytest.approx([50, 75, 3, 2])


TOY = """op c[kernel] = conv[kernel] | relu
values ops = { c[1x1], c[3x3], max_pool[3x3], avg_pool[3x3] }
cell net(x) {
  a = c[1x1](x)
  b = c[1x1](a)
  d = c[1x1](b)
  return d
}
network {
  stem: conv[3x3, filters=4]
  body: net[4]
  head: global_avg_pool | dense[classes]
}
mutation op {
  choose n in net.nodes, t in n.terms
  t.op = any(other ops)
}
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Writes a table of a third of the cells of a small space, and a gin file; returns both paths."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy.cell").write_text(TOY)
    seed, rng = dsl.load(str(folder / "toy.cell")), random.Random(0)
    choices = [*itertools.product(range(4), repeat=3)][::3]
    networks = [dsl.fingerprint(dsl.decide(seed.space, one, rng)) for one in choices]
    np.savez(
        folder / "toy.npz",
        fingerprint=np.array(networks),
        choices=np.array(choices),
        val_acc_108=np.arange(22) / 22,
        seconds_per_epoch=np.ones(22),
    )
    gin = folder / "toy.gin"
    gin.write_text(
        f"include 'nasbench101.gin'\nsearch.seed_file = {str(folder / 'toy.cell')!r}\nsearch.params = {{}}\n"
        "regularized_evolution.population_size = 4\nregularized_evolution.sample_size = 2\n"
    )
    return folder / "toy.npz", gin


def test_a_search_stays_in_the_table(toy: tuple[Path, Path], tmp_path: Path) -> None:
    path, gin = toy
    bindings = [f"--gin_param={one}" for one in (f"table.path={str(path)!r}", "search.individuals=15")]
    assert main.run([f"--gin_file={gin}", *bindings, f"--workdir={tmp_path}"]) == 0
    found = sqlite3.connect(tmp_path / FILE).execute("select status, rule, fingerprint, seconds from individuals")
    statuses, rules, networks, seconds = zip(*found.fetchall(), strict=True)
    assert {*statuses} == {"done"} and len({*networks}) == 15 and {*seconds} == {108.0}
    assert "op, op" in rules


def rows_of(folder: Path) -> list[tuple[object, ...]]:
    """Returns the individuals in the store of a search."""
    columns = "id, parent, rule, genotype, fingerprint, fitness, predicted, memo"
    return sqlite3.connect(folder / FILE).execute(f"select {columns} from individuals order by id").fetchall()


@pytest.mark.parametrize("binding", ["search.candidates=5", "search.reuse=True"])
def test_a_search_by_rows_with_several_fingerprints_resumes_with_the_same_proposals(
    binding: str, toy: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, gin = toy
    with np.load(path) as file:
        columns = {name: file[name][::2] for name in file.files}
        pairs = zip(file["fingerprint"][::2].tolist(), file["fingerprint"][1::2].tolist(), strict=True)
        columns["fingerprint"] = np.array([" ".join(pair) for pair in pairs])
    np.savez(tmp_path / "pairs.npz", **columns)
    bindings = [f"--gin_param=table.path={str(tmp_path / 'pairs.npz')!r}", f"--gin_param={binding}"]
    if "reuse" in binding:
        bindings.append("--gin_param=search.repeat_networks=True")
    for folder, count in (("whole", 9), ("parts", 6), ("parts", 9)):
        last = [f"--gin_param=search.individuals={count}", f"--workdir={tmp_path / folder}", "--resume=changed"]
        assert main.run([f"--gin_file={gin}", *bindings, *last]) == 0
    found = rows_of(tmp_path / "whole")
    assert found == rows_of(tmp_path / "parts")
    assert {row[4] for row in found} <= {*(key.split(" ")[0] for key in columns["fingerprint"].tolist())}
    own = [dsl.fingerprint(dsl.load(str(gin.with_suffix(".cell"))).space.genotype(str(row[3]))) for row in found]
    assert any(network != row[4] for network, row in zip(own, found, strict=True))
    assert (len({row[4] for row in found}) < 9) == ("reuse" in binding)
    capsys.readouterr()
    assert main.run(["export", f"--workdir={tmp_path / 'whole'}", "--csv"]) == 0
    exported = [
        (row["genotype"], row["fingerprint"]) for row in csv.DictReader(capsys.readouterr().out.splitlines(True))
    ]
    assert exported == [(row[3], row[4]) for row in found], "a network has one fingerprint, whichever genotype it is"


def test_the_comparison_takes_a_table_by_fingerprints(
    toy: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path, gin = toy
    names = ["random_search", "candidates P=50 S=15"]
    arguments = ["--table", str(path), "--gin_file", str(gin), "--seeds", "2", "--processes", "1", "--queries", "14"]
    assert nasbench101.main([*arguments, "--methods", *names, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [[*one] for one in found] == 2 * [["name", "val_acc_108", "cells"]]
    assert [one["name"] for one in found] == names and found[1]["cells"] == 14


@pytest.mark.parametrize(
    ("is_there", "message"),
    [(False, "No such file"), (True, "cannot be read as a sample of NAS-Bench-101: 'op_names'")],
)
def test_a_wrong_sample_gives_one_message_and_exit_code_2(
    is_there: bool, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.npz"
    if is_there:
        np.savez(path, adj=np.zeros((3, 7), np.uint8))
    assert nasbench101.main(["--table", str(path)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("nasbench101: ") and not printed.out
