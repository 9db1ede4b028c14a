"""The answers about single individuals agree with the store, with the language, and with each other."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import dsl
from compiler.pictures.picture import marked
from dsl.report.diff import differences
from evolve import Individual, Store, UsageError
from evolve.fitness import running
from evolve.store.database import FILE
from evolve.tab.data import Data
from evolve.tab.errors import Missing
from tests.evolve.tab.made_up import SCRIPT, SPACE, MadeUp
from tests.evolve.tab.test_data import changed
from tests.evolve.test_migrations import STORES, store_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made up")
    MadeUp(individuals=200, population=20, inherits=True, crosses=True).write(made)
    return made


@pytest.fixture(scope="module")
def stored(folder: Path) -> dict[int, Individual]:
    with Store(folder) as store:
        return {one.id: one for one in sorted(store.finished(), key=lambda one: one.id)}


@pytest.fixture(scope="module")
def data(folder: Path) -> Data:
    return Data(folder)


def asked(data: Data, id: int) -> dict[str, Any]:
    return data.individual(id)


def test_an_individual_has_everything_that_the_store_has(data: Data, stored: dict[int, Individual]) -> None:
    for id in (1, 50, 117, 200):
        found, one = asked(data, id), stored[id]
        assert (found["text"], found["rule"], found["parent"]) == (one.genotype, one.rule, one.parent)
        assert (found["status"], found["error"], found["note"]) == (one.status, one.error, one.note)
        for name in ("params", "mult_adds", "depth", "seconds", "step_seconds", "flops", "tries", "inherited"):
            assert found[name] == getattr(one, name)
        assert found["fitness"] == (None if one.is_failed else one.fitness)
        assert found["metrics"] == dict(one.metrics)
        assert [tuple(epoch.values()) for epoch in found["epochs"]] == [
            (e.epoch, e.loss, e.accuracy, e.validation_loss, e.validation_accuracy) for e in one.history
        ]
        assert [tuple(pair) for pair in found["rejected"]] == [*one.rejected]
        assert [f"{name} = {value!r}" for name, value in found["genes"].items()] == one.genes.splitlines()
        json.dumps(found, allow_nan=False)


def test_a_crossed_individual_has_both_parents(data: Data, stored: dict[int, Individual]) -> None:
    space = dsl.loads(SPACE, {"N": 1, "F": 8}).space
    crossed = [one for one in stored.values() if one.mate is not None]
    assert 20 < len(crossed) < 120
    for one in crossed[::9]:
        found = asked(data, one.id)
        assert (found["parent"], found["mate"]) == (one.parent, one.mate)
        for parent, lines in ((one.parent, found["difference"]), (one.mate, found["mate_difference"])):
            texts = (stored[parent or 0].genotype, one.genotype)
            assert lines == [str(line) for line in differences(*map(space.genotype, texts))]
        assert one.id in asked(data, one.mate or 0)["mated"]
        parts = len(one.from_mate)
        taken = f"{parts} part{'s' * (parts > 1)} of the network may start from the weights of the mate."
        assert found["weights"] == [taken] * (parts > 0) + ["Noise was added to the weights: normal(0, 0.02)."]
        line = data.ancestors(one.id)["line"]
        assert isinstance(line, list) and line[-1]["mate"] == one.mate
    alone = next(one for one in stored.values() if one.mate is None)
    assert (asked(data, alone.id)["mate"], asked(data, alone.id)["mate_difference"]) == (None, [])
    assert asked(data, alone.id)["weights"] == []


def test_an_epoch_has_every_number_also_those_that_were_not_measured(tmp_path: Path) -> None:
    MadeUp(individuals=20, population=10).write(tmp_path)
    changed(tmp_path, "update individuals set history = '[[1, 0.5, 0.25], [2, NaN, 0.5, null, 0.75]]' where id = 3")
    rest = {"validation_loss": None, "validation_accuracy": None}
    columns: dict[str, list[int]] = Data(tmp_path).overview()["columns"]  # type: ignore[assignment]
    assert columns["epochs"][2] == 2
    assert asked(Data(tmp_path), 3)["epochs"] == [
        {"epoch": 1, "loss": 0.5, "accuracy": 0.25, **rest},
        {"epoch": 2, "loss": None, "accuracy": 0.5, **rest, "validation_accuracy": 0.75},
    ]


def test_relatives_are_those_of_the_store(data: Data, stored: dict[int, Individual]) -> None:
    parents = {id: one.parent for id, one in stored.items()}

    def ancestors(id: int) -> list[int]:
        above = parents[id]
        return [id] if above is None else [*ancestors(above), id]

    for id, one in stored.items():
        if id % 17 and id != 200:
            continue
        found, line = asked(data, id), data.ancestors(id)["line"]
        assert isinstance(line, list)
        assert found["children"] == [child for child, parent in parents.items() if parent == id]
        assert found["descendants"] == sum(id in ancestors(other) for other in stored if other != id)
        assert found["duplicates"] == [
            other for other in stored if stored[other].network == one.network and other != id
        ]
        assert [step["id"] for step in line] == ancestors(id)
        assert (line[-1]["difference"], line[-1]["gain"]) == (found["difference"], found["gain"])
        if one.parent is None or one.is_failed:
            assert found["gain"] is None
        else:
            assert found["gain"] == one.fitness - stored[one.parent].fitness


def test_differences_are_in_the_words_of_the_language(data: Data, stored: dict[int, Individual]) -> None:
    space = dsl.loads(SPACE, {"N": 1, "F": 8}).space
    texts = {id: space.genotype(one.genotype) for id, one in stored.items() if id > 150}
    for id, genotype in texts.items():
        parent = stored[id].parent
        assert parent is not None
        expected = [str(one) for one in differences(space.genotype(stored[parent].genotype), genotype)]
        assert asked(data, id)["difference"] == expected
        assert bool(expected) == (stored[id].genotype != stored[parent].genotype)
    assert data.difference(151, 199)["lines"] == [str(one) for one in differences(texts[151], texts[199])]
    assert data.difference(151, 151) == {"lines": []}


def test_the_commands_name_the_search_as_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs") / "my search"
    MadeUp(individuals=20, population=10).write(folder)
    assert asked(Data(folder), 7)["commands"] == ["cell draw 'runs/my search:7'", "cell train 'runs/my search:7'"]
    (folder / "weights").mkdir()
    (folder / "weights" / "7.npz").touch()
    assert asked(Data(folder), 7)["commands"][2] == "cell export 'runs/my search:7' --out 'my search-7.keras'"


def test_an_individual_in_training_has_its_epoch(tmp_path: Path) -> None:
    MadeUp(individuals=20, population=10, finished=10).write(tmp_path)
    reports = tmp_path / running.FOLDER
    running.prepare(reports)
    data = Data(tmp_path)
    columns: dict[str, list[int]] = data.overview()["columns"]  # type: ignore[assignment]
    id = columns["id"][columns["status"].index(0)]
    running.report(reports, id, 3, 6)
    assert asked(data, id)["trained_now"] == {"epoch": 3, "of": 6} and asked(data, id)["status"] == "pending"
    assert asked(data, 1)["trained_now"] is None


def test_a_picture_is_one_of_the_cells(data: Data) -> None:
    found = data.picture(33)
    assert found.startswith("<svg") and "normal" in found and "reduction" in found


def test_a_picture_marks_what_differs_from_another_individual(data: Data, stored: dict[int, Individual]) -> None:
    pairs = ((one, stored[one.parent]) for one in stored.values() if one.parent is not None and one.rule == "op")
    child, parent = next((one, other) for one, other in pairs if one.genotype != other.genotype)
    space = dsl.loads(SPACE).space
    before, after = space.genotype(parent.genotype), space.genotype(child.genotype)
    for dark in (False, True):
        for only_changed in (False, True):
            expected = marked(before, after, dark=dark, only_changed=only_changed).svg()
            assert data.picture(child.id, parent.id, dark, only_changed) == expected
            assert "(was " in expected
    assert data.picture(child.id, child.id) == data.picture(child.id)


def test_texts_are_found_in_genotypes_notes_and_errors(data: Data, stored: dict[int, Individual]) -> None:
    ids = [id for id, one in stored.items() if "conv_1x7_7x1(a)" in one.genotype]
    assert data.genotypes("CONV_1x7_7x1(A)") == {"ids": sorted(ids)} and ids
    reason = next(one.error for one in stored.values() if one.is_failed)
    assert data.genotypes(reason) == {"ids": sorted(id for id, one in stored.items() if one.error == reason)}
    assert data.genotypes("%_%' or 1=1") == {"ids": []}


def test_letters_beyond_ascii_are_found(tmp_path: Path) -> None:
    MadeUp(individuals=12, population=10).write(tmp_path)
    changed(tmp_path, "update individuals set note = 'ÄRGER in Österreich' where id = 3")
    for text in ("ÄRGER", "Ärger", "ÖSTERREICH"):
        assert Data(tmp_path).genotypes(text) == {"ids": [3]}


@pytest.mark.parametrize("ask", ["individual", "ancestors", "picture"])
def test_an_individual_that_is_not_there_is_missing(data: Data, ask: str) -> None:
    with pytest.raises(Missing, match="the search has no individual 999; it has 200"):
        getattr(data, ask)(999)


def test_texts_of_the_store_stay_texts(tmp_path: Path) -> None:
    MadeUp(individuals=100, population=10, hostile=True).write(tmp_path)
    data = Data(tmp_path)
    changed(tmp_path, "update individuals set rule = ? where id = 50", SCRIPT)
    assert asked(data, 50)["rule"] == SCRIPT and data.genotypes("<script>")["ids"]
    json.dumps([data.overview(), data.traits(), data.ancestors(50)], allow_nan=False)


@pytest.mark.parametrize("version", STORES)
def test_individuals_of_earlier_versions_have_their_differences_and_pictures(tmp_path: Path, version: str) -> None:
    work = store_of(version, tmp_path)
    data = Data(work)
    assert data.picture(4).startswith("<svg")
    assert len(data.individual(4)) == len(data.individual(1)) > 20
    assert data.difference(1, 4)["lines"] and data.traits()["id"]


def test_a_genotype_that_cannot_be_read_leaves_the_rest(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    long = "cell normal(here) { a = " + " + ".join(["sep_conv[3x3](here)"] * 150_000) + "\n  return a\n}\n"
    changed(tmp_path, "update individuals set genotype = ? where id = 30", long)
    changed(tmp_path, "update individuals set genotype = '}}' where id = 29")
    data = Data(tmp_path)
    for id, text in ((30, long), (29, "}}")):
        found = asked(data, id)
        assert found["text"] == text and found["children"] == []
        assert found["difference"][0].startswith("this version of the program cannot read a genotype: ")
        with pytest.raises(UsageError, match="the picture cannot be drawn"):
            data.picture(id)
    assert len(data.traits()["id"]) == 30  # type: ignore[arg-type]
    assert data.genotypes("sep_conv[3x3](here) + sep_conv[3x3](here)")["ids"][-1] == 30  # type: ignore[index]


def test_parents_that_no_search_has_make_no_circle(tmp_path: Path) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("update individuals set parent = id where id = 20")
    db.execute("update individuals set parent = 30 where id = 25")
    db.execute("update individuals set parent = 25 where id = 30")
    db.execute("update individuals set parent = -7 where id = 26")
    db.commit()
    data = Data(tmp_path)
    for id, line in ((20, [20]), (25, [25]), (30, [25, 30]), (26, [26])):
        found = data.ancestors(id)["line"]
        assert isinstance(found, list) and [step["id"] for step in found] == line
        assert isinstance(data.individual(id)["descendants"], int)
