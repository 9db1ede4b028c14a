"""The front of a search for several objectives: which individuals it has, and which files are kept of them."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dsl
from compiler.networks import saved, weights
from evolve import Individual, Standing, Store, Task, UsageError, config, main
from evolve.algorithms.fronts import non_dominated
from evolve.fitness.kept_weights import weights_file
from evolve.objectives import Objective, Objectives
from evolve.observers.front import Found
from evolve.observers.front import read as front_of
from evolve.observers.keep import Keeper
from evolve.prepared import prepare
from evolve.search.front import Front
from tests.evolve import toy
from tests.evolve.test_keep import SEED, WEIGHTS, individual, kept, source
from tests.evolve.test_search import search

TWO = Objectives([Objective("accuracy"), Objective("mult_adds", "min")])


def scored(id: int, *scores: float, params: int = 1) -> Individual:
    return replace(individual(id, scores[0]), scores=scores, params=params)


class TestFront:
    def test_it_has_each_point_that_no_other_dominates_once(self) -> None:
        rng = random.Random(0)
        points = [(float(rng.randrange(12)), float(rng.randrange(12))) for _ in range(300)]
        front = Front([scored(id, *point) for id, point in enumerate(points, 1)])
        assert {one.scores for one in front} == {points[place] for place in non_dominated(points)}
        assert len(front.ids) == len({one.scores for one in front})

    def test_the_best_by_the_first_objective_comes_first(self) -> None:
        assert Front([scored(1, 0.1, 9.0), scored(2, 0.9, 1.0), scored(3, 0.5, 5.0)]).ids == (2, 3, 1)

    @pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
    def test_of_equally_good_ones_it_has_the_smallest_and_then_the_first(self, order: tuple[int, ...]) -> None:
        sizes = {1: 70, 2: 50, 3: 50}
        assert Front([scored(id, 0.5, 5.0, params=sizes[id]) for id in order]).ids == (2,)

    def test_failed_individuals_and_those_with_one_objective_are_not_in_it(self) -> None:
        assert Front([replace(scored(1, 0.5, 5.0), status="failed"), individual(2, 0.9)]).ids == ()


def test_the_scores_of_several_objectives_are_stored_and_the_first_is_the_fitness() -> None:
    found = replace(individual(1, 0.9), mult_adds=700)
    assert (TWO.judged(found, "accuracy").fitness, TWO.judged(found, "accuracy").scores) == (0.9, (0.9, -700.0))
    assert Objectives([Objective("accuracy")]).judged(found, "accuracy").scores == ()


class Watching:
    """Records the front after each result."""

    def __init__(self) -> None:
        self.fronts: dict[int, tuple[int, ...]] = {}

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        self.fronts[individual.id] = standing.front


def test_observers_see_the_front_and_a_resumed_search_has_the_same_one(tmp_path: Path) -> None:
    seen, resumed = Watching(), Watching()
    two: dict[str, Any] = {"make": toy.nsga2, "evaluate": toy.suited(toy.nsga2), "objectives": TWO}
    with Store(tmp_path / "whole") as store:
        search(store, 60, observers=[seen], **two)
        everyone = {one.id: one for one in store.finished()}
        for id, front in seen.fronts.items():
            assert front == Front([one for one in everyone.values() if one.finished <= everyone[id].finished]).ids
    with Store(tmp_path / "resumed") as store:
        search(store, 25, observers=[resumed], **two)
        search(store, 60, observers=[resumed], **two)
    assert resumed.fronts == seen.fronts
    assert len(set(seen.fronts.values())) > 5


def test_workers_keep_the_weights_of_every_individual_that_may_be_in_the_front(tmp_path: Path) -> None:
    tasks: list[Task] = []

    def noted(task: Task) -> object:
        tasks.append(task)
        return toy.suited(toy.nsga2)(task)

    with Store(tmp_path) as store:
        search(store, 15, noted, make=toy.nsga2, objectives=TWO)
    assert {task.keep_above for task in tasks} == {float("-inf")}


class TestFiles:
    """The folder `front`, with the text and the network of each individual of the front."""

    def finish(self, keeper: Keeper, folder: Path, id: int, front: tuple[int, ...]) -> None:
        (folder / "weights").mkdir(exist_ok=True)
        weights.save(weights_file(folder / "weights", id), WEIGHTS)
        best = individual(front[0], 0.9)
        keeper.individual(individual(id, 0.5), SEED, Standing((), best, front=front))

    def names(self, folder: Path) -> set[str]:
        return {path.name for path in (folder / "front").iterdir()}

    def test_they_come_and_go_with_the_individual(self, tmp_path: Path) -> None:
        keeper = Keeper(source(tmp_path), SEED.space, None)
        for id, front, expected in ((1, (1,), {1}), (2, (1, 2), {1, 2}), (3, (1, 2), {1, 2}), (4, (1, 4), {1, 4})):
            self.finish(keeper, tmp_path, id, front)
            assert self.names(tmp_path) == {str(one) for one in expected} | {f"{one}.cell" for one in expected}
            assert kept(tmp_path) == expected
        assert dsl.load(tmp_path / "front" / "4.cell") == SEED
        assert saved.read(tmp_path / "front" / "4").accuracy == 0.5

    def test_a_resumed_search_writes_what_a_kill_left_out_and_removes_what_is_left_over(self, tmp_path: Path) -> None:
        keeper = Keeper(source(tmp_path), SEED.space, None)
        for id in (1, 2, 3):
            self.finish(keeper, tmp_path, id, tuple(range(1, id + 1)))
        (tmp_path / "front" / "1.cell").unlink()
        (tmp_path / "front" / "2" / "network.json").unlink()
        (tmp_path / "front" / "3.cell.0a1b2c3d.new").write_text("half a te")
        again = Keeper(
            source(tmp_path), SEED.space, individual(1, 0.9), front=[scored(1, 0.9, 1.0), scored(2, 0.8, 2.0)]
        )
        assert self.names(tmp_path) == {"1", "1.cell", "2", "2.cell"}
        assert saved.read(tmp_path / "front" / "2").accuracy == 0.8
        self.finish(again, tmp_path, 4, (1, 4))
        assert kept(tmp_path) == {1, 4}

    def test_networks_are_in_the_storage_and_texts_in_the_work_directory(self, tmp_path: Path) -> None:
        fitness = replace(source(tmp_path / "work"), weights=tmp_path / "storage" / "weights")
        keeper = Keeper(fitness, SEED.space, None)
        weights_file(fitness.weights, 1).parent.mkdir(parents=True)
        weights.save(weights_file(fitness.weights, 1), WEIGHTS)
        (tmp_path / "work").mkdir()
        keeper.individual(individual(1, 0.5), SEED, Standing((), individual(1, 0.5), front=(1,)))
        assert self.names(tmp_path / "work") == {"1.cell"}
        assert self.names(tmp_path / "storage") == {"1"}
        keeper.individual(individual(2, 0.5), SEED, Standing((), individual(2, 0.5), front=(2,)))
        assert self.names(tmp_path / "storage") == set()

    def test_without_weights_there_are_texts_only(self, tmp_path: Path) -> None:
        keeper = Keeper(source(tmp_path), SEED.space, None)
        keeper.individual(individual(1, 0.5), SEED, Standing((), individual(1, 0.5), front=(1,)))
        assert self.names(tmp_path) == {"1.cell"}


BOTH = "search.objectives={'accuracy': 'max', 'mult_adds': 'min'}"


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (
            [BOTH, "search.algorithm='neat'"],
            "search.objectives has 2 metrics and search.algorithm is 'neat', which compares individuals by one: "
            "--gin_param=\"search.algorithm='nsga2'\", or --gin_param=\"search.objectives={'accuracy': 'max'}\"",
        ),
        ([BOTH, "search.algorithm='pairwise_tournament'"], "'pairwise_tournament', which compares individuals by one"),
        ([BOTH, "search.algorithm='non_ageing_evolution'"], "which compares individuals by one"),
        ([BOTH, "search.algorithm='reinforcement'"], "which compares individuals by one"),
        (
            ["search.algorithm='nsga2'"],
            "search.algorithm is 'nsga2', which needs two objectives or more, and search.objectives has 0: "
            "--gin_param=\"search.objectives={'accuracy': 'max', 'mult_adds': 'min'}\", or "
            "--gin_param=\"search.algorithm='regularized_evolution'\"",
        ),
        (
            ["search.algorithm='nsga2'", "search.objectives={'mult_adds': 'min'}"],
            "search.objectives has 1: --gin_param=\"search.objectives={'mult_adds': 'min', 'params': 'min'}\"",
        ),
    ],
)
def test_objectives_that_an_algorithm_does_not_take_are_refused(
    tmp_path: Path, bindings: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        prepare(config.read(["amoeba.gin"], bindings), tmp_path)
    assert message in str(raised.value)


@pytest.mark.parametrize("algorithm", ["nsga2", "regularized_evolution", "random_search"])
def test_the_algorithms_for_fronts_take_objectives(tmp_path: Path, algorithm: str) -> None:
    found = prepare(config.read(["amoeba.gin"], [BOTH, f"search.algorithm={algorithm!r}"]), tmp_path)
    assert found.plan.objectives == TWO


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    """Returns the work directory of a finished search on the toy, by two objectives."""
    folder = tmp_path / "work"
    with Store(folder) as store:
        store.sign({"search.objectives": str(TWO)})
        search(store, 40, toy.suited(toy.nsga2), make=toy.nsga2, objectives=TWO)
    return folder


class TestCommand:
    """`evolve front` on a search whose scores are numbers of right choices; the second one is shown negated."""

    def test_json_has_the_front_in_the_units_of_the_metrics(
        self, searched: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main.run(["front", f"--workdir={searched}", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        with Store(searched) as store:
            front = [*Front(store.scored())]
        assert [(row["id"], row["accuracy"], row["mult_adds"]) for row in rows] == [
            (one.id, one.scores[0], -one.scores[1]) for one in front
        ]
        assert {"params", "rule", "parent", "mate"} <= rows[0].keys()

    def test_an_objective_with_the_name_of_another_value_takes_no_place_of_it(self) -> None:
        names = ("id", "rule", "parent", "mate", "accuracy")
        objectives = Objectives([Objective(name) for name in names])
        (row,) = json.loads(Found.of("runs/a", objectives, [scored(7, 0.1, 0.2, 0.3, 0.4, 0.5)]).json())
        assert [row[name] for name in names] == [7, "op", None, None, 0.5]
        assert [row[f"metrics.{name}"] for name in names[:4]] == [0.1, 0.2, 0.3, 0.4]

    def test_the_table_names_the_metrics_and_the_counts(
        self, searched: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main.run(["front", f"--workdir={searched}"]) == 0
        shown = capsys.readouterr().out
        assert re.search(r"The front: \d+ of 40 individuals", shown)
        assert re.search("accuracy .* mult-adds .* params .* id .* rule .* parent", shown)

    def test_the_picture_has_every_individual(self, searched: Path, tmp_path: Path) -> None:
        assert main.run(["front", f"--workdir={searched}", f"--out={tmp_path / 'front.svg'}"]) == 0
        assert (tmp_path / "front.svg").read_text().count("<circle") == 40

    def test_it_works_while_the_search_has_the_folder(self, searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with Store(searched):
            assert main.run(["front", f"--workdir={searched}"]) == 0
        assert "The front" in capsys.readouterr().out

    def test_a_search_for_one_objective_is_refused_with_what_to_do(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Store(tmp_path) as store:
            search(store, 5)
        assert main.run(["front", f"--workdir={tmp_path}"]) == 2
        message = capsys.readouterr().err
        assert f"has one objective, so its front is its best individual: cell draw {tmp_path}" in message
        assert "--gin_param=\"search.objectives={'accuracy': 'max', 'mult_adds': 'min'}\"" in message

    @pytest.mark.parametrize("arguments", [[], ["--workdir=nowhere"]])
    def test_a_search_must_be_named(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main.run(["front", *arguments]) == 2
        assert re.search("name a search|there is no search in nowhere", capsys.readouterr().err)

    def test_before_the_first_result_there_is_a_table_and_no_picture(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Store(tmp_path) as store:
            store.sign({"search.objectives": str(TWO)})
        assert main.run(["front", f"--workdir={tmp_path}", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == []
        assert main.run(["front", f"--workdir={tmp_path}", f"--out={tmp_path / 'x.svg'}"]) == 2
        assert "no individual with all objectives yet" in capsys.readouterr().err


def test_objectives_are_read_from_their_text() -> None:
    three = Objectives([*TWO, Objective("recall_a, b max", "max")])
    assert Objectives.read(str(three)) == three


def test_with_three_objectives_there_is_a_diagram_for_each_after_the_first() -> None:
    three = Objectives([*TWO, Objective("latency_ms", "min")])
    found = Found.of("runs/x", three, [scored(1, 0.9, -500.0, -2.0), scored(2, 0.5, -900.0, -1.0)])
    assert [one.id for one in found.front] == [1, 2]
    drawn = found.svg()
    assert "mult-adds (less is better)" in drawn and "latency (ms) (less is better)" in drawn
    assert "2: accuracy 0.5000, mult-adds 900, latency (ms) 1.0000" in drawn


def test_a_search_for_a_front_ends_with_its_table_its_picture_and_its_files(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    arguments = [
        f"--gin_file={small_gin}",
        f"--workdir={work}",
        "--gin_param=search.objectives={'fitness': 'max', 'mult_adds': 'min'}",
        "--gin_param=search.algorithm='nsga2'",
        "--gin_param=nsga2.population_size=8",
    ]
    assert main.run(arguments) == 0
    shown = capsys.readouterr().out
    front = front_of(work).front
    assert f"The front: {len(front)} of 30 individuals" in shown
    assert f"written to {work / 'best.cell'}, {work / 'front'}, {work / 'front.svg'}; next:" in shown.replace("\n", "")
    assert {path.name for path in (work / "front").iterdir()} == {f"{one.id}.cell" for one in front}
    assert front[0].fitness == max(one.fitness for one in front_of(work).individuals)
    (work / "front.svg").unlink()
    assert main.run(arguments) == 0, "the end is shown again"
    assert (work / "front.svg").is_file()
