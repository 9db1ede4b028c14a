"""The curves of a resumed search are those of an uninterrupted one, for every way in which members are removed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import dsl
from compiler.pictures import card
from compiler.pictures import picture as pictures
from compiler.pictures.canvas import Drawing
from evolve import (
    Algorithm,
    CellSpace,
    Evaluation,
    NonAgeingEvolution,
    PairwiseTournament,
    Plan,
    RandomSearch,
    RegularizedEvolution,
    Search,
    Serial,
    Store,
    Task,
)
from evolve.observers import board as board_module
from evolve.observers.board import Board, show_test
from evolve.records import Classification
from tests.evolve.test_summaries import _contents, _points, _read, _texts

SPACE = dsl.load("large_scale.cell").space


def evolution() -> Algorithm[dsl.Genotype]:
    return RegularizedEvolution(CellSpace(SPACE, (8, 8, 1), 10), 0, population_size=4, sample_size=2)


def tournament() -> Algorithm[dsl.Genotype]:
    return PairwiseTournament(CellSpace(SPACE, (8, 8, 1), 10), 0, population_size=4)


def non_ageing() -> Algorithm[dsl.Genotype]:
    return NonAgeingEvolution(CellSpace(SPACE, (8, 8, 1), 10), 0, population_size=4, sample_size=2)


def random_search() -> Algorithm[dsl.Genotype]:
    return RandomSearch(CellSpace(SPACE, (8, 8, 1), 10), 0, window=4)


def measure(task: Task) -> Evaluation:
    inherited = None if task.weights_from is None else 0.5
    return Evaluation((7 * task.id % 20) / 20, inherited=inherited, note="a note" if task.id == 17 else "")


def search(folder: Path, make: Callable[[], Algorithm[dsl.Genotype]], individuals: int) -> None:
    algorithm = make()
    with Store(folder) as store:
        board = Board(folder / "tensorboard", SPACE, store)
        board.start("", make())
        plan = Plan(individuals, 0, folder / "log")
        Search(plan, algorithm, CellSpace(SPACE, (8, 8, 1), 10), store, Serial(), measure, [board]).run()
        board.close()


@pytest.mark.parametrize("make", [evolution, non_ageing, tournament, random_search])
def test_a_resumed_search_reads_as_an_uninterrupted_one(
    tmp_path: Path, make: Callable[[], Algorithm[dsl.Genotype]]
) -> None:
    search(tmp_path / "resumed", make, 13)
    search(tmp_path / "resumed", make, 25)
    search(tmp_path / "whole", make, 25)
    resumed, whole = (tmp_path / name / "tensorboard" for name in ("resumed", "whole"))
    assert _contents(resumed) == _contents(whole)
    run = _read(whole / "search")
    assert len(_points(run, "population/mean")) == 25


def test_with_rungs_a_child_is_compared_with_its_parent_on_the_first_rung(tmp_path: Path) -> None:
    def evaluate(task: Task) -> Evaluation:
        return Evaluation(measure(task).fitness + 10 * task.rung)

    def written(individuals: int) -> dict[str, list[tuple[int, float]]]:
        plan = Plan(individuals, 0, tmp_path / "log", rungs=(3, 9), reduction=3)
        board = Board(tmp_path / "tensorboard", SPACE, store)
        board.start("", evolution())
        space = CellSpace(SPACE, (8, 8, 1), 10)
        Search(plan, evolution(), space, store, Serial(), evaluate, [board]).run()
        board.close()
        run = _read(tmp_path / "tensorboard" / "search")
        return {tag: _points(run, tag) for tag in run.Tags()["tensors"] if tag.endswith("/improved")}

    with Store(tmp_path) as store:
        live, again = written(40), written(40)
        first = {one.id: one for one in store.rungs.results() if not one.rung}
        better = [one for one in first.values() if one.parent and one.fitness > first[one.parent].fitness]
        promoted = {id for id, _ in store.rungs.promotions()}
    assert sum(points[-1][1] for points in live.values()) == len(better) > 3
    assert promoted & {one.parent for one in better}, "the row of a parent has the fitness of another rung"
    assert again == live


def test_the_text_of_the_best_shows_its_parent_and_rule(tmp_path: Path) -> None:
    search(tmp_path, tournament, 20)
    texts = dict(_texts(_read(tmp_path / "tensorboard" / "search"), "best/genotype"))
    assert "# individual 1\n# by random\n" in texts[1]
    lines = texts[17].splitlines()
    assert lines[1] == "# individual 17"
    assert lines[2].startswith("# by ") and lines[2].endswith(", 50% of its weights inherited")
    assert lines[3] == "# a note"


def test_a_new_best_is_a_picture_with_its_id_accuracy_and_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Drawing] = []

    def picture(*args: Any, **named: Any) -> Drawing:
        drawn.append(pictures.picture(*args, **named))
        return drawn[-1]

    monkeypatch.setattr(board_module, "picture", picture)
    search(tmp_path, tournament, 20)
    with Store(tmp_path) as store:
        (best,) = store.best(1)
        found = {one.id: one for one in store.finished()}
    titles = [drawing.title for drawing in drawn]
    assert titles[0] == "1: accuracy 0.3500, by random"
    assert titles[-1] == f"{best.id}: accuracy {best.fitness:.4f}, by {best.rule} from {best.parent}"
    assert titles == [board_module.title(found[int(title.split(":")[0])]) for title in titles]
    for event in _read(tmp_path / "tensorboard" / "search").Tensors("best/cells"):
        width, height, png = event.tensor_proto.string_val
        assert Image.open(io.BytesIO(png)).size == (int(width), int(height))
        assert int(width) % card.WIDTH == 0


def test_of_equals_the_smaller_is_a_new_best(tmp_path: Path) -> None:
    def evaluate(task: Task) -> Evaluation:
        return Evaluation(0.5, params=100 - task.id if task.id < 4 else 100, mult_adds=1)

    with Store(tmp_path) as store:
        board = Board(tmp_path / "tensorboard", SPACE, store)
        board.start("", evolution())
        space = CellSpace(SPACE, (8, 8, 1), 10)
        Search(Plan(8, 0, tmp_path / "log"), evolution(), space, store, Serial(), evaluate, [board]).run()
        board.close()
        shown = [event.step for event in _read(tmp_path / "tensorboard" / "search").Tensors("best/cells")]
        Board(tmp_path / "tensorboard", SPACE, store).start("", evolution())
    assert shown == [1, 2, 3]
    assert [event.step for event in _read(tmp_path / "tensorboard" / "search").Tensors("best/cells")] == [1, 2, 3]


CLASSIFICATION = Classification.of(((8, 2), (1, 9)), ("cat", "*dog* `犬`"))


def test_the_confusion_matrix_is_added_to_the_search(tmp_path: Path) -> None:
    search(tmp_path, evolution, 12)
    before = _points(_read(tmp_path / "tensorboard" / "search"), "best/accuracy")
    with Store(tmp_path) as store:
        show_test(tmp_path / "tensorboard", store.best(1)[0], CLASSIFICATION, 12)
    run = _read(tmp_path / "tensorboard" / "search")
    assert _points(run, "best/accuracy") == before and len(before) == 12
    (event,) = run.Tensors("best/confusion")
    width, height, png = event.tensor_proto.string_val
    assert event.step == 12 and Image.open(io.BytesIO(png)).size == (int(width), int(height))
    metadata = run.SummaryMetadata("best/confusion")
    assert metadata.plugin_data.plugin_name == "images"
    # An indented block shows names without interpreting their characters.
    assert metadata.summary_description.endswith("\n\n    0: cat\n    1: *dog* `犬`\n")


def test_without_a_confusion_matrix_nothing_is_added(tmp_path: Path) -> None:
    search(tmp_path, evolution, 3)
    with Store(tmp_path) as store:
        show_test(tmp_path / "tensorboard", store.best(1)[0], Classification(0.5), 3)
    assert "best/confusion" not in _read(tmp_path / "tensorboard" / "search").Tags()["tensors"]
