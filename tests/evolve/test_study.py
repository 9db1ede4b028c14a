"""A search as Python sees it: it is run, opened, and read, also while it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dsl
import evolve
from evolve import Evaluation, Proposal, SearchError, Store, Study, UsageError, main
from evolve.observers.front import read as front_of
from evolve.records import failed
from evolve.store.rungs import promoted


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the work directory of a search that has three done individuals, one failed one and one without result."""
    folder = tmp_path_factory.mktemp("study")
    seed = dsl.load("nasnet.cell", {"N": 1, "F": 8})
    text = seed.text()
    with Store(folder) as store:
        store.sign({"the space": seed.space.text()})
        for id in range(1, 6):
            store.propose(Proposal(id, text), f"network {id}")
        for id, scores in ((1, (0.5, -10.0)), (2, (0.9, -30.0)), (3, (0.5, -20.0))):
            metrics = (("accuracy", scores[0]), ("latency_ms", -scores[1]), ("params", 7.0))
            store.finish(id, Evaluation(scores[0], scores=scores, metrics=metrics, params=100 * id))
        store.finish(4, failed("no such layer"))
    return folder


def test_an_individual(found: Path) -> None:
    one = evolve.open(found)[2]
    assert (one.id, one.status, one.fitness, one.params, one.parent, one.rule) == (2, "done", 0.9, 200, None, "random")
    assert one.metrics == {"accuracy": 0.9, "latency_ms": 30.0, "params": 7.0}
    assert one.genotype == dsl.load("nasnet.cell", {"N": 1, "F": 8})
    assert dsl.loads(one.text).text() == one.genotype.text()
    svg = one.picture._repr_svg_()
    assert svg.startswith("<svg") and "individual 2 of" in svg
    assert "individual 2" in repr(one) and "fitness=0.9" in repr(one) and "latency_ms=30" in repr(one)
    assert (evolve.open(found)[4].error, evolve.open(found)[5].fitness) == ("no such layer", None)
    assert "running" in repr(evolve.open(found)[5])


def test_the_best_the_front_and_the_length(found: Path) -> None:
    study = evolve.open(str(found))
    assert study.best is not None and study.best.id == 2
    assert [one.id for one in study.front] == [2, 1]
    assert len(study) == 5 and [one.id for one in study] == [1, 2, 3, 4, 5]
    assert repr(study) == (
        f"<study of {found}: 5 individuals, 1 of them failed, 1 without a result, best 2 with accuracy 0.9000>"
    )


def test_the_front_of_one_objective_is_the_best(small_gin: Path, tmp_path: Path) -> None:
    study = evolve.run(small_gin, ["search.individuals=9"], tmp_path / "work", quiet=True)
    assert study.best is not None and [one.id for one in study.front] == [study.best.id]


@pytest.mark.parametrize(("objectives", "front"), [("accuracy max, mult_adds min", [2, 4]), ("", [2])])
def test_the_front_has_individuals_of_the_highest_rung_alone(objectives: str, front: list[int], tmp_path: Path) -> None:
    first, last = (
        {1: (0.95, -10.0), 2: (0.6, -30.0), 3: (0.9, -1.0), 4: (0.5, -20.0)},
        {2: (0.9, -30.0), 4: (0.8, -20.0)},
    )
    seed = dsl.load("nasnet.cell", {"N": 1, "F": 8})

    def scored(accuracy: float, size: float) -> Evaluation:
        return Evaluation(accuracy, scores=(accuracy, size) if objectives else ())

    with Store(tmp_path) as store:
        store.sign({"the space": seed.space.text(), **({"search.objectives": objectives} if objectives else {})})
        for id in first:
            store.propose(Proposal(id, seed.text()), f"network {id}")
            one = store.finish(id, scored(*first[id]))
            if id in last:
                store.promote(promoted(one, scored(*last[id]), 1))
    study = evolve.open(tmp_path)
    assert [one.id for one in study.front] == front
    assert study.best is not None and study.best.id == front[0]
    if objectives:
        assert [one.id for one in front_of(tmp_path).front] == front, "the command shows the same front"


def test_a_missing_individual(found: Path) -> None:
    for id in (0, 6, -1, 2**63, 2**70, -(2**70)):
        with pytest.raises(LookupError, match=f"no individual {id}; it has 5, from 1 to 5") as raised:
            evolve.open(found)[id]
        assert isinstance(raised.value, UsageError)


def test_weights_that_were_not_kept(found: Path, tmp_path: Path, small_gin: Path) -> None:
    study = evolve.run(small_gin, ["search.individuals=2"], tmp_path / "work", quiet=True)
    with pytest.raises(UsageError, match=r"has not kept the weights of individual 1; .*\nsearch.keep_best"):
        study[1].model()


def test_the_table(found: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    table = evolve.open(found).frame()
    assert isinstance(table, pandas.DataFrame) and len(table) == 5
    assert main.run(["export", f"--workdir={found}", "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert [*table.columns] == [*exported[0], "accuracy", "latency_ms", "metrics.params"]
    assert table.loc[1, "latency_ms"] == 30 and table.loc[0, "params"] == 100 and table.loc[0, "metrics.params"] == 7
    monkeypatch.setitem(sys.modules, "pandas", None)
    rows = evolve.open(found).frame()
    assert [{name: row[name] for name in exported[0]} for row in rows] == exported
    assert [row["accuracy"] for row in rows] == [0.5, 0.9, 0.5, None, None]


def test_a_folder_without_a_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no search in"):
        evolve.open(tmp_path)


def test_it_is_read_while_a_search_has_the_folder(found: Path) -> None:
    with Store(found):
        study = evolve.open(found)
        assert len(study) == 5 and study.best is not None and study.best.id == 2
        with pytest.raises(UsageError, match="another search is running"):
            Store(found)


def test_a_search_is_run_and_resumed(small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    study = evolve.run(str(small_gin), ["search.individuals=9"], work)
    assert isinstance(study, Study) and len(study) == 9 and (work / "best.cell").is_file()
    assert "all 9 individuals are finished" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--resume=changed"):
        evolve.run([small_gin], ["search.individuals=12"], work, quiet=True)
    assert len(evolve.run([small_gin], ["search.individuals=12"], work, changed=True, quiet=True)) == 12
    assert capsys.readouterr().out == ""


def test_the_default_folder_is_that_of_the_command(
    small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert evolve.run(small_gin, ["search.individuals=2"], quiet=True).folder == Path("runs/small")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"params": "search.individuals=9"}, r"write it as a list: params=\['search.individuals=9'\]"),
        ({"params": ["search.individual=9"]}, "search.individuals"),
        ({"gin_file": []}, r"name a gin file"),
        ({"gin_file": "nothing.gin"}, "nothing.gin"),
        ({"params": ["search.seed_file='nothing.cell'"]}, "nothing.cell"),
    ],
)
def test_mistakes(arguments: dict[str, Any], message: str, small_gin: Path, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=message):
        evolve.run(**{"gin_file": small_gin, "workdir": tmp_path / "work", "quiet": True, **arguments})
    assert not (tmp_path / "work").exists()


def test_the_public_names_load_neither_tensorflow_nor_pandas() -> None:
    code = (
        "import sys, evolve\n"
        "assert not {'numpy', 'rich', 'gin', 'sqlite3'} & {*sys.modules}, 'import evolve loads too much'\n"
        "evolve.run, evolve.open, evolve.Study\n"
        "assert not {'tensorflow', 'tf_keras', 'keras', 'pandas'} & {*sys.modules}"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
