"""The files for TensorBoard, read back with TensorBoard's own readers."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import STORE_EVERYTHING_SIZE_GUIDANCE, EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def
from tensorboard.util.tensor_util import make_ndarray

from compiler import Epoch
from compiler.filesystem import place
from evolve import Individual, Standing
from evolve.objectives import Objective
from evolve.observers.events import PacedFile
from evolve.observers.summaries import BEST_RUNS, Summaries
from evolve.records import LOWEST

RULES = ("op", "rewire")
HISTORY = (Epoch(1, 2.0, 0.25, 1.5, 0.5), Epoch(2, 1.0, 0.75, 0.5, 0.875))


def _layer(name: str, *sources: str) -> dict[str, object]:
    nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {"class_name": "Layer", "name": name, "config": {"name": name, "dtype": "float32"}, "inbound_nodes": nodes}


# The form is that of `to_json()` of a functional tf-keras model.
GRAPH = json.dumps(
    {
        "class_name": "Functional",
        "config": {
            "name": "amoeba",
            "layers": [_layer("image"), _layer("stem", "image"), _layer("cell", "stem", "image")],
            "input_layers": [["image", 0, 0]],
            "output_layers": [["cell", 0, 0]],
        },
        "keras_version": "2.21.0",
        "backend": "tensorflow",
    }
)


class _Record(NamedTuple):
    """The arguments of `Summaries.individual`."""

    individual: Individual
    standing: Standing
    parent_fitness: float | None


def _individual(done: int, **changes: Any) -> Individual:
    settings: dict[str, Any] = {
        "id": done - 1, "genotype": "text", "rule": "op", "fingerprint": "f", "fitness": 0.75, "params": 1000,
        "mult_adds": 2000, "seconds": 1.5, "finished": done,
    }  # fmt: skip
    return Individual(**(settings | changes))


def _record(
    done: int = 1, parent_fitness: float | None = 0.5, population: tuple[float | None, ...] = (0.25, 0.5, 0.75),
    best: float = 0.75, **changes: Any,
) -> _Record:  # fmt: skip
    standing = Standing(population, _individual(done, fitness=best))
    return _Record(_individual(done, **changes), standing, parent_fitness)


def _records(count: int) -> Iterator[_Record]:
    source = random.Random(1)
    population: list[float] = []
    for done in range(1, count + 1):
        fitness = source.random()
        population = [*population, fitness][-20:]
        parent = None if done <= 20 else source.choice(population)
        rejected = tuple((source.choice(RULES), "the same network") for _ in range(source.randrange(3)))
        rule = "random" if parent is None else source.choice(RULES)
        yield _record(
            done, parent, tuple(population), max(population), rule=rule, rejected=rejected, fitness=fitness,
            status="failed" if source.random() < 0.1 else "done",
        )  # fmt: skip


def _png(width: int, height: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(data, "png")
    return data.getvalue()


def _new_best(
    summaries: Summaries, done: int = 1, id: int = 0, graph: str = GRAPH, history: tuple[Epoch, ...] = HISTORY
) -> None:
    best = _individual(done, id=id, graph=graph, history=history)
    summaries.individual(best, Standing((), best), None)
    summaries.new_best(best, "cell normal(here) {}\n", (_png(40, 30), 40, 30))


def _read(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run), size_guidance=STORE_EVERYTHING_SIZE_GUIDANCE).Reload()


def _points(run: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, make_ndarray(event.tensor_proto).item()) for event in run.Tensors(tag)]


def _texts(run: EventAccumulator, tag: str) -> list[tuple[int, str]]:
    return [(event.step, event.tensor_proto.string_val[0].decode()) for event in run.Tensors(tag)]


def _events(file: Path) -> Iterator[Event]:
    events: Iterator[Event] = EventFileLoader(str(file)).Load()
    return events


def _contents(folder: Path) -> list[tuple[str, list[tuple[int, bytes]]]]:
    """Returns every event of every file without its time, by run."""
    return [
        (path.parent.name, [(e.step, e.summary.SerializeToString() + e.graph_def) for e in _events(path)])
        for path in sorted(folder.rglob("events.out.tfevents.*"))
    ]


def test_an_individual_is_a_point_of_every_curve(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        summaries.individual(*_record(7))
    run = _read(tmp_path / "search")
    expected = {
        "best/accuracy": 0.75, "individual/failed": 0,
        "population/mean": 0.5, "population/min": 0.25, "population/max": 0.75,
        "individual/accuracy": 0.75, "individual/params": 1000, "individual/mult_adds": 2000,
        "individual/seconds": 1.5,
        "rules/op/tried": 1, "rules/op/improved": 1, "rules/op/rejected": 0,
        "rules/rewire/tried": 0, "rules/rewire/improved": 0, "rules/rewire/rejected": 0,
    }  # fmt: skip
    assert {tag: _points(run, tag) for tag in run.Tags()["tensors"]} == {
        tag: [(7, value)] for tag, value in expected.items()
    }


def test_the_number_of_species_is_a_curve_where_there_are_species(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        for done, species in ((1, 0), (2, 3), (3, 2)):
            record = _record(done)
            summaries.individual(*record._replace(standing=replace(record.standing, species=species)))
    assert _points(_read(tmp_path / "search"), "population/species") == [(2, 3), (3, 2)]


def test_every_curve_has_a_description(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        summaries.individual(*_record())
        _new_best(summaries)
    for run in (_read(tmp_path / "search"), _read(tmp_path / "best" / "000000")):
        for tag in set(run.Tags()["tensors"]) - {"keras"}:
            assert run.SummaryMetadata(tag).summary_description.endswith("."), tag


def test_rules_are_counted(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        summaries.individual(*_record(1, rule="random", parent_fitness=None))
        summaries.individual(*_record(2, rejected=(("op", "a loop"), ("rewire", "a loop"), ("op", "a loop"))))
        summaries.individual(*_record(3, parent_fitness=0.75))
        summaries.individual(*_record(4, rule="rewire", parent_fitness=0.0, fitness=0.5, status="failed"))
    run = _read(tmp_path / "search")
    values = {tag: [value for _, value in _points(run, tag)] for tag in run.Tags()["tensors"]}
    assert values["rules/op/tried"] == [0, 1, 2, 2]
    assert values["rules/op/improved"] == [0, 1, 1, 1]
    assert values["rules/op/rejected"] == [0, 2, 2, 2]
    assert values["rules/rewire/tried"] == [0, 0, 0, 1]
    assert values["rules/rewire/improved"] == [0, 0, 0, 0]
    assert values["rules/rewire/rejected"] == [0, 1, 1, 1]
    assert not [tag for tag in values if "random" in tag]


def test_a_failed_individual_is_counted_and_leaves_the_other_curves_readable(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        summaries.individual(*_record(1, status="failed", fitness=0.0, population=(None,), best=0.0))
        summaries.individual(*_record(2, population=(None, 0.75)))
    run = _read(tmp_path / "search")
    assert _points(run, "individual/failed") == [(1, 1), (2, 1)]
    assert _points(run, "individual/accuracy") == [(2, 0.75)]
    assert _points(run, "population/min") == [(2, 0.75)]
    assert _points(run, "individual/seconds") == [(1, 1.5), (2, 1.5)]


def test_a_fitness_of_zero_is_shown_where_failed_individuals_have_a_lower_one(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES, Objective("fitness"))) as summaries:
        failed = _record(1, status="failed", fitness=LOWEST, population=(None,))
        summaries.individual(*failed._replace(standing=replace(failed.standing, best=None)))
        summaries.individual(*_record(2, fitness=0.0, population=(None, 0.0, -1.0), best=0.0))
    run = _read(tmp_path / "search")
    assert _points(run, "population/max") == [(2, 0.0)] and _points(run, "population/mean") == [(2, -0.5)]
    assert _points(run, "best/accuracy") == [(2, 0.0)], "a fitness may be negative, so there is none before"


def test_a_share_of_zero_is_in_the_curves_of_the_population(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES, Objective("recall_cat"))) as summaries:
        summaries.individual(*_record(1, population=(0.0, 0.0, None, 0.0, 0.5), best=0.5))
    run = _read(tmp_path / "search")
    assert _points(run, "population/mean") == [(1, 0.125)] and _points(run, "population/min") == [(1, 0.0)]


def test_the_inherited_share_is_a_curve_where_weights_are_inherited(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        summaries.individual(*_record(1))
        summaries.individual(*_record(2, inherited=0.75))
        summaries.individual(*_record(3, inherited=0.0))
        summaries.individual(*_record(4, inherited=0.5, status="failed"))
    assert _points(_read(tmp_path / "search"), "individual/inherited") == [(2, 0.75), (3, 0.0)]


def test_config_and_space_are_shown_as_they_are(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        summaries.start("search.seed = 1\n", "# has ``` in it\nop a = relu\n")
    run = _read(tmp_path / "search")
    assert _texts(run, "config/gin") == [(0, "```\nsearch.seed = 1\n```\n")]
    assert _texts(run, "space") == [(0, "````\n# has ``` in it\nop a = relu\n````\n")]
    assert run.SummaryMetadata("space").plugin_data.plugin_name == "text"
    layout = Layout.FromString(run.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    assert [category.title for category in layout.category] == [
        "Search", "Mutation rules", "Training of new best individuals",
    ]  # fmt: skip


def test_a_new_best_has_a_picture_and_a_text_in_the_search(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        _new_best(summaries, done=3, id=2)
        _new_best(summaries, done=9, id=8)
    run = _read(tmp_path / "search")
    assert _texts(run, "best/genotype")[1] == (9, "```\n# individual 8\ncell normal(here) {}\n```\n")
    events = run.Tensors("best/cells")
    assert [event.step for event in events] == [3, 9]
    width, height, png = events[1].tensor_proto.string_val
    assert (width, height) == (b"40", b"30")
    assert Image.open(io.BytesIO(png)).size == (40, 30)
    assert run.SummaryMetadata("best/cells").plugin_data.plugin_name == "images"


def test_only_the_latest_bests_have_runs_in_tensorboard(tmp_path: Path) -> None:
    for graph in (GRAPH, ""):  # and the same when the search is resumed
        with closing(Summaries(tmp_path, RULES)) as summaries:
            for id in range(1, BEST_RUNS + 8):
                _new_best(summaries, done=id, id=id, graph=graph)
        runs = sorted(int(path.name) for path in (tmp_path / "best").iterdir())
        assert runs == list(range(8, BEST_RUNS + 8)) and len(runs) + 1 <= 40
        assert len(_read(tmp_path / "search").Tensors("best/cells")) == BEST_RUNS + 7


def test_each_result_of_a_promotion_has_a_step_of_its_own(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        for done in (1, 2, 3):
            summaries.individual(*_record(done, fitness=done / 8, rule="op"))
        summaries.individual(*_record(2, fitness=0.75, rung=1, rule="op"))
        summaries.individual(*_record(4, fitness=0.5, rule="op"))
    run = _read(tmp_path / "search")
    assert _points(run, "individual/accuracy") == [(1, 0.125), (2, 0.25), (3, 0.375), (4, 0.75), (5, 0.5)]
    assert [step for step, _ in _points(run, "best/accuracy")] == [1, 2, 3, 4, 5]
    assert _points(run, "rules/op/tried")[-1] == (5, 4), "a promotion is no new child"


def test_the_run_of_a_promoted_best_has_each_epoch_once(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        _new_best(summaries, done=8, id=8, history=HISTORY[:1])
        for done in range(9, 9 + BEST_RUNS - 1):
            _new_best(summaries, done=done, id=done)
        _new_best(summaries, done=8, id=8)
        _new_best(summaries, done=9 + BEST_RUNS, id=9 + BEST_RUNS)
    assert _points(_read(tmp_path / "best" / "000008"), "training/loss") == [(1, 2.0), (2, 1.0)]
    assert not (tmp_path / "best" / "000009").exists(), "of the runs, the one that was written longest ago is removed"


def test_a_new_best_has_a_run_of_its_training(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        _new_best(summaries, id=8)
    run = _read(tmp_path / "best" / "000008")
    assert _points(run, "training/loss") == [(1, 2.0), (2, 1.0)]
    assert _points(run, "training/accuracy") == [(1, 0.25), (2, 0.75)]
    assert _points(run, "validation/loss") == [(1, 1.5), (2, 0.5)]
    assert _points(run, "validation/accuracy") == [(1, 0.5), (2, 0.875)]


def test_nothing_is_drawn_where_nothing_was_measured(tmp_path: Path) -> None:
    history = (Epoch(1, 2.0, 0.25), Epoch(2, 1.5, 0.5, float("nan"), 0.1), Epoch(3, 1.0, 0.75, 0.5, 0.875))
    with closing(Summaries(tmp_path, RULES)) as summaries:
        _new_best(summaries, id=8, history=history)
    run = _read(tmp_path / "best" / "000008")
    assert _points(run, "training/accuracy") == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert _points(run, "validation/loss") == [(3, 0.5)]
    assert _points(run, "validation/accuracy") == [(2, pytest.approx(0.1)), (3, 0.875)]


def test_a_new_best_has_a_graph_with_arrows(tmp_path: Path) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        _new_best(summaries)
    run = _read(tmp_path / "best" / "000000")
    assert run.SummaryMetadata("keras").plugin_data.plugin_name == "graph_keras_model"
    conceptual = keras_model_to_graph_def(json.loads(_texts(run, "keras")[0][1]))
    (path,) = (tmp_path / "best" / "000000").iterdir()
    (operations,) = [e.graph_def for e in _events(path) if e.graph_def]
    for graph in (conceptual, GraphDef.FromString(operations)):
        assert [(node.name, list(node.input)) for node in graph.node] == [
            ("image", []), ("stem", ["image"]), ("cell", ["stem", "image"]),
        ]  # fmt: skip


def test_a_long_search_is_one_run(tmp_path: Path) -> None:
    sizes = []
    with closing(Summaries(tmp_path, RULES)) as summaries:
        (file,) = (tmp_path / "search").iterdir()
        for record in _records(500):
            summaries.individual(*record)
            sizes.append(file.stat().st_size)
    assert [path.name for path in tmp_path.rglob("*") if path.is_dir()] == ["search"]
    assert len(_points(_read(tmp_path / "search"), "best/accuracy")) == 500
    # The last individual takes as many bytes as an early one, without the descriptions.
    assert sizes[499] - sizes[498] < 1.2 * (sizes[30] - sizes[29])


def _search(folder: Path, count: int, graph: str = GRAPH) -> None:
    with closing(Summaries(folder, RULES)) as summaries:
        summaries.start("search.seed = 1\n", "op a = relu\n")
        for record in _records(count):
            summaries.individual(*record)
            if record.individual.finished in (1, 30, 60):
                _new_best(summaries, record.individual.finished, record.individual.id, graph)


def test_a_resumed_search_reads_as_an_uninterrupted_one(tmp_path: Path) -> None:
    _search(tmp_path / "resumed", 50)
    _search(tmp_path / "resumed", 80)
    _search(tmp_path / "uninterrupted", 80)
    assert _contents(tmp_path / "resumed") == _contents(tmp_path / "uninterrupted")


def test_resuming_without_graphs_keeps_those_that_are_there(tmp_path: Path) -> None:
    _search(tmp_path / "resumed", 80)
    before = _contents(tmp_path / "resumed")
    _search(tmp_path / "resumed", 80, graph="")
    assert _contents(tmp_path / "resumed") == before


def test_other_files_of_the_run_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    mine = tmp_path / "search" / "notes.txt"
    mine.write_text("mine")
    Summaries(tmp_path, RULES).close()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("cut", [1, 20])
def test_a_last_record_that_was_cut_short_costs_only_itself(tmp_path: Path, cut: int) -> None:
    with closing(Summaries(tmp_path, RULES)) as summaries:
        for record in _records(3):
            summaries.individual(*record)
        # The file is still open: every record is on the disk as soon as it is written.
        (file,) = (tmp_path / "search").iterdir()
        data = file.read_bytes()
    file.write_bytes(data[:-cut])
    assert [step for step, _ in _points(_read(tmp_path / "search"), "best/accuracy")] == [1, 2]


def test_writing_does_not_import_tensorflow(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from tests.evolve.test_summaries import _search\n"
        "_search(pathlib.Path(sys.argv[1]), 3)\n"
        "assert 'tensorflow' not in sys.modules and 'tf_keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=Path(__file__).parents[2])


class _Sends:
    """A file at an address that records when it is sent."""

    def __init__(self) -> None:
        self.content = b""
        self.sent: list[bytes] = []

    def write(self, content: bytes) -> None:
        self.content += content

    def flush(self) -> None:
        self.sent.append(self.content)

    def close(self) -> None:
        self.flush()


def test_a_file_is_sent_to_an_address_once_a_minute_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here, seconds = _Sends(), _Sends(), [1000.0]
    monkeypatch.setattr("evolve.observers.events.create", lambda path: here if isinstance(path, Path) else there)
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    files = [PacedFile(place("gs://bucket/file")), PacedFile(Path("file"))]
    for second in range(121):
        seconds[0] = 1000.0 + second
        for file in files:
            file.write(b".")
            file.flush()
    assert [len(content) for content in there.sent] == [1, 61, 121] and len(here.sent) == 121
    for file in files:
        file.write(b"!")
        file.close()
    assert there.sent[-1] == here.sent[-1] == b"." * 121 + b"!"
