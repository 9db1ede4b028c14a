"""A search that begins from what another search of the same space has found."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import dsl
from dsl.identity.marks import latest
from evolve import CellSpace, Evaluation, Proposal, Store, UsageError, config
from evolve.prepared import Run, prepare
from evolve.search.warm_start import NOTED, starts

NEAT = {"add_node": 30, "add_link": 20, "perturb": 50}  # weights of the rules
BINDINGS = ["search.seed_file='nasbench201.cell'", "search.params={}"]


def other(folder: Path, space: dsl.Space, count: int = 8) -> list[str]:
    """Makes a search whose later individuals are fitter. Returns their genotypes, and repeats the last one."""
    cells = CellSpace(space, (8, 8, 1), 10)
    rng = random.Random(0)
    texts = [cells.text(cells.sample(rng)) for _ in range(count)]
    with Store(folder) as store:
        store.sign({"the space": space.text()})
        for id, text in enumerate([*texts, texts[-1]], 1):
            store.propose(Proposal(id, text), cells.fingerprint(cells.read(text)))
            store.finish(id, Evaluation(id / 100))
    return texts


def seed() -> dsl.Genotype:
    return dsl.load("nasbench201.cell", {})


def prepared(folder: Path, *bindings: str) -> Run:
    return prepare(config.read(["amoeba.gin"], [*BINDINGS, *bindings]), folder)


def test_it_begins_from_the_best_networks_each_once(tmp_path: Path) -> None:
    texts = other(tmp_path / "other", seed().space)
    found = prepared(tmp_path / "own", f"search.warm_start={str(tmp_path / 'other')!r}").starts
    assert found == tuple(texts[:-11:-1])  # 10 of them would be half of the population


def test_the_first_proposals_are_the_starts(tmp_path: Path) -> None:
    texts = other(tmp_path / "other", seed().space)
    bindings = (f"search.warm_start={str(tmp_path / 'other')!r}", "regularized_evolution.initial=6")
    run = prepared(tmp_path / "own", *bindings)
    algorithm = run.config.algorithm(run.space((8, 8, 1), 10))
    proposed = [algorithm.ask(id).genotype.text() for id in range(1, 7)]
    assert proposed[:3] == texts[:-4:-1]
    assert not {*proposed[3:]} & {*texts}


def test_births_are_counted_on_from_those_in_the_starts() -> None:
    """Two parts with one name come from one ancestor, so a new part may not have the name of a part in a start."""
    space = dsl.load("neat.cell", NEAT).space
    earlier, rng = CellSpace(space, (8, 8, 1), 10), random.Random(0)
    grown = [space.seed]
    for id in range(1, 41):
        grown.append(earlier.mutate(rng.choice(grown), rng, born=id).genotype)
    starts = [one.text() for one in grown[-3:]]
    cells = CellSpace(space, (8, 8, 1), 10, starts=starts)
    before = {name for one in starts for name in cells.parts(space.genotype(one))}
    highest = max(map(latest, map(space.genotype, starts)))
    assert highest > 20
    born = {
        name: number
        for id in range(1, 31)
        for name, number in cells.parts(cells.mutate(cells.sample(rng, born=1 + id % 3), rng, born=id).genotype).items()
        if name not in before
    }
    assert born and min(born.values()) > highest


def test_a_resumed_search_does_not_need_the_other(tmp_path: Path) -> None:
    with Store(tmp_path / "own") as store:
        store.note(NOTED, json.dumps(["a", "b"]))
        store.sign({"search.seed": "0"})
    assert starts("gone", tmp_path / "gone", tmp_path / "own", "", 1) == ("a", "b")


def test_a_search_that_runs_is_only_read(tmp_path: Path) -> None:
    texts = other(tmp_path / "other", seed().space)
    with Store(tmp_path / "other"):
        found = starts("other", tmp_path / "other", tmp_path / "own", seed().space.text(), 2)
    assert found == tuple(texts[:-3:-1])


@pytest.mark.parametrize(
    ("name", "bindings", "message"),
    [
        ("missing", [], "there is no search in"),
        ("own", [], "which is this search's own --workdir"),
        ("empty", [], "none of its individuals is finished"),
        ("elsewhere", [], "which is a search of another space:\n  the space, line "),
        ("other", ["search.algorithm='random_search'"], "search.algorithm is 'random_search', which learns nothing"),
    ],
)
def test_what_it_cannot_begin_from_is_refused(tmp_path: Path, name: str, bindings: list[str], message: str) -> None:
    other(tmp_path / "other", seed().space, 2)
    other(tmp_path / "elsewhere", dsl.load("nasnet.cell").space, 2)
    with Store(tmp_path / "empty") as store:
        store.sign({"the space": seed().space.text()})
    with pytest.raises(UsageError) as raised:
        prepared(tmp_path / "own", f"search.warm_start={str(tmp_path / name)!r}", *bindings)
    text = str(raised.value)
    assert text.startswith(f"search.warm_start is {str(tmp_path / name)!r}") and message in text
    assert not (tmp_path / "own").exists()
