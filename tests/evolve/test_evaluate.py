"""Evaluations in a worker: failures, inherited weights, reports, and images or storage that are not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import dsl
from compiler import DatasetSettings, Training, cost, lower, resolve
from compiler.filesystem import place
from compiler.images import data, kept
from compiler.layers.model import step_layers
from compiler.networks import weights
from compiler.training import candidate
from dsl import Noise
from evolve import Task, UsageError
from evolve.fitness import running, training
from evolve.fitness.base import Fitness
from evolve.fitness.function import FunctionFitness, fitness_function
from evolve.fitness.kept_weights import weights_file
from evolve.fitness.training import TrainingFitness
from evolve.records import LOWEST, Classification

PARAMS = {"N": 1, "F": 4}


def source(small_gin: Path, made: type[Fitness], name: str, **changes: Any) -> Fitness:
    """Returns a source of fitness for the images beside a gin file, with their facts if they were found before."""
    settings: dict[str, Any] = {
        "name": name,
        "space": dsl.load("nasnet.cell", PARAMS).space.text(),
        "dataset": DatasetSettings(source=f"npz:{small_gin.with_name('images.npz')}"),
        "training": Training(),
        "folder": small_gin.parent,
        "weights": small_gin.parent / "weights",
    }
    found = made(**settings | changes)
    return informed(found) if small_gin.exists() else found


def spec(small_gin: Path, function: str) -> Fitness:
    """Returns the source of fitness of a function of `made_up`."""
    return source(small_gin, FunctionFitness, f"tests.evolve.made_up:{function}")


def informed(given: Fitness) -> Fitness:
    """Returns the source with the facts of its images, and keeps both in its folder."""
    return replace(given, facts=given.find_facts())


def task() -> Task:
    return Task(1, dsl.load("nasnet.cell", PARAMS).text(), 0, 0.0)


def test_the_facts_are_those_of_the_images(small_gin: Path, tmp_path: Path) -> None:
    found = replace(spec(small_gin, "separables"), folder=tmp_path).find_facts()
    assert (found.input_shape, found.classes) == ((8, 8, 1), 3)
    assert "3 classes" in found.description


def test_an_evaluation_has_the_flops_of_its_training(small_gin: Path) -> None:
    found = spec(small_gin, "separables").evaluate(task())
    images, epochs = 54, Training().epochs
    assert found.flops == 3 * found.mult_adds * images * epochs > 0
    assert spec(small_gin, "refused").evaluate(task()).flops == 0


def test_the_header_warns_of_a_weight_for_an_auxiliary_head_that_the_seed_lacks(small_gin: Path) -> None:
    heard = Training(batch_size=20, auxiliary_weight=0.4)
    with_head = dsl.load("nasnet.cell", PARAMS).space.text()

    def is_warned(**changes: Any) -> bool:
        rows = trained(small_gin, **changes).rows()
        return any(name == "warning" and "nothing reads training.auxiliary_weight" in text for name, text in rows)

    assert is_warned(training=heard)
    assert not is_warned() and not is_warned(training=heard, space=with_head)


def test_a_worker_that_does_not_see_the_work_directory_refuses(small_gin: Path, tmp_path: Path) -> None:
    """It refuses before a training, whose weights would be lost."""
    far = trained(small_gin, weights=tmp_path / "far" / "weights")
    with pytest.raises(UsageError, match=r"cannot reach the folder .*far.*--workdir on storage that all"):
        far.evaluate(Task(1, GROWING.text(), 0, 1.0))


def test_a_worker_of_another_version_is_refused(small_gin: Path) -> None:
    other = replace(spec(small_gin, "separables"), version="0.0.1")
    with pytest.raises(
        UsageError, match=r"a worker on .* has amoeba-evolve .*, the driver has 0\.0\.1: install the same"
    ):
        other.evaluate(task())
    with pytest.raises(UsageError, match="install the same version on every machine"):
        other.find_facts()


def test_missing_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nope"):
        spec(tmp_path / "nope" / "small.gin", "separables").find_facts()


def test_a_fitness_comes_with_the_cost(small_gin: Path) -> None:
    found = spec(small_gin, "separables").evaluate(task())
    expected = cost(dsl.load("nasnet.cell", PARAMS), (8, 8, 1), 3)
    assert (found.status, found.fitness) == ("done", 0.0)
    assert (found.params, found.mult_adds) == (expected.params, expected.mult_adds)
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("fitness", "reason"),
    [
        ("refused", "there is no such layer"),
        ("out_of_memory", "the evaluation ran out of memory"),
        ("not_a_number", "the fitness is nan"),
    ],
)
def test_failures_have_a_reason_a_size_and_the_worst_fitness(small_gin: Path, fitness: str, reason: str) -> None:
    found = spec(small_gin, fitness).evaluate(task())
    assert (found.status, found.fitness, found.error) == ("failed", LOWEST, reason)
    assert found.params > 0 and found.seconds > 0
    assert found.is_retryable == (fitness == "out_of_memory")


def test_a_bug_is_not_a_failure_of_an_individual(small_gin: Path) -> None:
    with pytest.raises(UsageError) as raised:
        spec(small_gin, "bug").evaluate(task())
    assert "\n  tests/evolve/made_up.py, line " in str(raised.value)
    assert "in bug: raise KeyError(\"a bug\")\nKeyError: 'a bug'\n" in str(raised.value)


def test_a_fitness_that_cannot_be_imported_is_refused() -> None:
    with pytest.raises(UsageError, match=r"made_up has no function 'separable'; did you mean 'separables'"):
        fitness_function("tests.evolve.made_up:separable")


UNTRAINED = Training(epochs=0, batch_size=20, drop_path_keep=1.0, augment=())
GROWING = dsl.load("large_scale.cell")


def trained(small_gin: Path, **changes: Any) -> Fitness:
    settings = Training(epochs=1, batch_size=20, drop_path_keep=1.0, augment=())
    given = {"space": GROWING.space.text(), "training": settings, "inherit": True}
    return source(small_gin, TrainingFitness, "training", **given | changes)


def failing(monkeypatch: pytest.MonkeyPatch, error: type[tf.errors.OpError]) -> None:
    """Lets trainings fail with an error of TensorFlow, as those on a GPU do that is full or lost."""

    def train(*_: object, **__: object) -> None:
        raise error(None, None, "OOM when allocating tensor\n\nDetected at node ...")

    monkeypatch.setattr(candidate, "train", train)


def test_an_individual_for_which_a_gpu_has_no_memory_is_tried_again(
    small_gin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, tf.errors.ResourceExhaustedError)
    found = trained(small_gin).evaluate(Task(1, GROWING.text(), 0, 1.0))
    assert (found.status, found.is_retryable) == ("failed", True)
    assert found.error == "out of memory: OOM when allocating tensor"


@pytest.mark.parametrize("error", [tf.errors.InternalError, tf.errors.UnavailableError, tf.errors.UnknownError])
def test_a_gpu_that_is_lost_in_a_training_is_no_failure_of_the_individual(
    small_gin: Path, monkeypatch: pytest.MonkeyPatch, error: type[tf.errors.OpError]
) -> None:
    failing(monkeypatch, error)
    with pytest.raises(
        UsageError,
        match=r"^TensorFlow failed on .* while it trained individual 7: OOM when allocating tensor\n"
        r"no individual was recorded as failed: remove the cause, and the same command resumes the search$",
    ):
        trained(small_gin).evaluate(Task(7, GROWING.text(), 0, 1.0))


def test_a_child_starts_from_the_weights_of_its_parent(small_gin: Path) -> None:
    inheriting = trained(small_gin)
    parent = inheriting.evaluate(Task(1, GROWING.text(), 0, 1.0))
    assert (parent.status, parent.inherited, parent.note, parent.graph) == ("done", None, "", "")
    still = replace(GROWING, genes=(("learning_rate", 1e-6),))
    child = inheriting.evaluate(Task(2, still.text(), 5, 1.0, weights_from=1))
    assert (child.inherited, child.note) == (1.0, "")
    before, after = (weights.read(weights_file(inheriting.weights, id)) for id in (1, 2))
    kernel = "head/0/0/1/dense/kernel"
    assert before.keys() == after.keys() and kernel in before
    np.testing.assert_allclose(after[kernel], before[kernel], atol=1e-4)


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_child_whose_parents_weights_are_gone_starts_from_fresh_weights_with_a_note(
    small_gin: Path, content: bytes | None
) -> None:
    inheriting = trained(small_gin)
    if content is not None:
        inheriting.weights.mkdir()
        weights_file(inheriting.weights, 1).write_bytes(content)
    child = inheriting.evaluate(Task(2, GROWING.text(), 5, 1.0, weights_from=1))
    assert (child.status, child.inherited) == ("done", 0.0)
    assert child.note.startswith("trained from random weights: ") and "1.npz" in child.note


def test_a_child_of_two_parents_starts_from_the_weights_of_both(small_gin: Path) -> None:
    """Only `return` and the head have weights; without an epoch, the child keeps those with which it starts."""
    inheriting = trained(small_gin, training=UNTRAINED)
    for id in (1, 2):
        inheriting.evaluate(Task(id, GROWING.text(), id, 1.0))
    crossed = Task(3, GROWING.text(), 5, 1.0, weights_from=1, mate_weights_from=2, from_mate=(("step", "head", "0"),))
    child = inheriting.evaluate(crossed)
    first, second, found = (weights.read(weights_file(inheriting.weights, id)) for id in (1, 2, 3))
    assert (child.status, child.inherited, child.note, child.history) == ("done", 1.0, "", ())
    assert found.keys() == first.keys() == second.keys()
    for key, value in found.items():
        np.testing.assert_array_equal(value, (second if key.startswith("head/0/") else first)[key])


def test_a_child_whose_mates_weights_are_gone_starts_without_them_with_a_note(small_gin: Path) -> None:
    inheriting = trained(small_gin, training=UNTRAINED)
    inheriting.evaluate(Task(1, GROWING.text(), 1, 1.0))
    crossed = Task(3, GROWING.text(), 5, 1.0, weights_from=1, mate_weights_from=2, from_mate=(("step", "head", "0"),))
    child = inheriting.evaluate(crossed)
    assert (child.status, child.inherited) == ("done", 1.0)  # where the mate has no weight, it is the parent's
    assert child.note.startswith("started without the weights of its mate: there are no weights in ")
    assert child.note.endswith("2.npz")


def test_noise_is_added_in_the_worker(small_gin: Path) -> None:
    inheriting = trained(small_gin, training=UNTRAINED)
    inheriting.evaluate(Task(1, GROWING.text(), 1, 1.0))
    for id in (2, 3):
        inheriting.evaluate(Task(id, GROWING.text(), 5, 1.0, weights_from=1, noise=Noise("normal", 0.0, 0.1)))
    before, after, again = (weights.read(weights_file(inheriting.weights, id)) for id in (1, 2, 3))
    kernel = "head/0/0/1/dense/kernel"
    assert 0.05 < np.std(after[kernel] - before[kernel]) < 0.2
    np.testing.assert_array_equal(after[kernel], again[kernel])


def test_weights_are_compared_with_those_of_other_individuals_in_the_worker(small_gin: Path) -> None:
    inheriting = trained(small_gin, training=UNTRAINED)
    for id in (1, 2):
        inheriting.evaluate(Task(id, GROWING.text(), id, 1.0))
    child = inheriting.evaluate(Task(3, GROWING.text(), 5, 1.0, weights_from=1, compared=(1, 2, 9)))
    (first, same), (second, apart) = child.weight_differences
    assert (first, same, second) == (1, 0.0, 2) and apart > 0
    plain = replace(inheriting, inherit=False)
    assert plain.evaluate(Task(4, GROWING.text(), 5, 1.0, compared=(1, 2))).weight_differences == ()


def test_without_inheritance_only_a_new_best_leaves_weights(small_gin: Path) -> None:
    plain = replace(trained(small_gin), inherit=False)
    found = [plain.evaluate(Task(id, GROWING.text(), 5, best, weights_from=9)) for id, best in ((1, 1.0), (2, -1.0))]
    assert [(one.inherited, one.note, bool(one.graph)) for one in found] == [(None, "", False), (None, "", True)]
    assert [path.name for path in plain.weights.glob("*")] == ["2.npz"]


def test_an_individual_among_the_best_few_leaves_weights(small_gin: Path) -> None:
    plain = replace(trained(small_gin), inherit=False)
    for id, worth in ((1, 1.0), (2, -1.0)):
        assert not plain.evaluate(Task(id, GROWING.text(), 5, 1.0, keep_above=worth)).graph
    assert [path.name for path in plain.weights.glob("*")] == ["2.npz"]


def test_a_smaller_individual_of_equal_fitness_leaves_weights_and_its_graph(small_gin: Path) -> None:
    """Of equal fitnesses the smaller network is the best. Of equal sizes the first is."""
    plain = replace(trained(small_gin), inherit=False)
    one = plain.evaluate(Task(1, GROWING.text(), 5, -1.0))
    fitness, params, mult_adds = one.fitness, one.params, one.mult_adds
    for id, size, is_better in (
        (2, (params + 1, 0), True),
        (3, (params, mult_adds + 1), True),
        (4, (params, mult_adds), False),
        (5, (params - 1, mult_adds + 1), False),
    ):
        again = plain.evaluate(Task(id, GROWING.text(), 5, fitness, best_size=size))
        assert again.fitness == fitness and bool(again.graph) == is_better
        assert weights_file(plain.weights, id).is_file() == is_better
    for id, size, is_better in ((6, (params + 1, 0), True), (7, (params, mult_adds), False)):
        again = plain.evaluate(Task(id, GROWING.text(), 5, 1.0, keep_above=fitness, keep_above_size=size))
        assert not again.graph and weights_file(plain.weights, id).is_file() == is_better


def test_a_training_reports_its_epochs(small_gin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    reports = small_gin.parent / running.FOLDER
    run: Callable[..., Any] = candidate.train

    def train(*args: Any, on_epoch: Callable[[int], None], **named: Any) -> Any:
        def listen(epoch: int) -> None:
            on_epoch(epoch)
            seen.append(dict(running.read(reports)))

        seen.append(dict(running.read(reports)))
        return run(*args, on_epoch=listen, **named)

    monkeypatch.setattr(candidate, "train", train)
    running.prepare(reports)
    settings = Training(epochs=2, batch_size=20, augment=())
    plain = trained(small_gin, training=settings)
    assert plain.evaluate(Task(7, GROWING.text(), 5, 1.0)).status == "done"
    assert seen == [{7: (0, 2)}, {7: (1, 2)}, {7: (2, 2)}]
    assert running.read(reports) == {}
    too_large = replace(plain, training=replace(settings, batch_size=2000))
    with pytest.raises(UsageError, match=r"training\.batch_size is 2000, more than the 54 training images"):
        too_large.evaluate(Task(8, GROWING.text(), 5, 1.0))
    assert running.read(reports) == {}


def test_a_training_whose_report_cannot_be_written_has_the_same_result(small_gin: Path) -> None:
    """The folder for reports is missing at first, and then a file has its name."""
    given = trained(small_gin)
    for _ in range(2):
        assert given.evaluate(Task(7, GROWING.text(), 5, 1.0)).status == "done"
        (small_gin.parent / running.FOLDER).touch()


def test_the_confusion_of_a_network_is_its_accuracy_by_class(small_gin: Path) -> None:
    plain = trained(small_gin, training=Training(epochs=2, batch_size=20, augment=()))
    task = Task(1, GROWING.text(), 5, -1.0)
    plain.evaluate(task)
    tested = plain.test(task.id, task.genotype)
    assert tested is not None
    assert [sum(row) for row in tested.confusion] == [10, 10, 10] and tested.class_names == ("0", "1", "2")
    model = lower(resolve(GROWING, (8, 8, 1), 3))
    weights.restore(step_layers(model), weights.read(weights_file(plain.weights, 1)))
    dataset = data.load(**asdict(plain.dataset))
    assert tested.accuracy == candidate.accuracy(model, dataset, "test")
    given = model.predict((dataset.test.images - np.array(dataset.mean)) / np.array(dataset.std), verbose=0)
    counts = np.zeros((3, 3), int)
    for true, found in zip(dataset.test.labels, given.argmax(-1), strict=True):
        counts[true, found] += 1
    assert [list(row) for row in tested.confusion] == counts.tolist()
    assert Classification.read(tested.text()) == tested


def test_weights_that_cannot_be_written_end_the_search(small_gin: Path) -> None:
    plain = trained(small_gin)
    Path(str(plain.weights)).write_text("a file")
    with pytest.raises(UsageError, match=r"1\.npz cannot be written: .*the same command resumes the search"):
        plain.evaluate(Task(1, GROWING.text(), 5, -1.0))


def test_a_diverged_individual_keeps_the_epochs_before(small_gin: Path) -> None:
    wild = Training(
        epochs=4, batch_size=20, learning_rate=0.01, schedule="exponential", decay_rate=1e35, decay_epochs=2, augment=()
    )
    found = trained(small_gin, training=wild).evaluate(Task(1, GROWING.text(), 5, 1.0))
    assert found.status == "failed" and "in epoch" in found.error
    assert [epoch.epoch for epoch in found.history][:2] == [1, 2]
    assert all(epoch.loss > 0 for epoch in found.history)


def test_the_test_wants_the_weights_whole(small_gin: Path) -> None:
    plain = trained(small_gin, training=Training(epochs=1, batch_size=20, augment=()))
    task = Task(1, GROWING.text(), 5, -1.0)
    plain.evaluate(task)
    tested = plain.test(task.id, task.genotype)
    assert tested is not None and 0 <= tested.accuracy <= 1
    path = weights_file(plain.weights, 1)
    weights.save(path, {key: value for key, value in weights.read(path).items() if "kernel" not in key})
    with pytest.raises(UsageError, match=r"1\.npz cannot be used: the weights lack head/0/0/1/dense/kernel"):
        plain.test(task.id, task.genotype)


STREAMED = """
network { body: conv[3x3, filters=4] | batch_norm | relu   head: global_avg_pool | dense[classes] }
"""


def test_a_streamed_folder_trains_and_a_broken_file_in_it_is_named(small_gin: Path, tmp_path: Path) -> None:
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (9, 7), (level, number, 0)).save(tmp_path / "pictures" / name / f"{number}.jpg")
    given = source(
        small_gin,
        TrainingFitness,
        "training",
        space=dsl.loads(STREAMED).space.text(),
        dataset=DatasetSettings(source=f"images:{tmp_path / 'pictures'}", image_size=(8, 8), stream=True),
        training=Training(epochs=1, batch_size=5, augment=("random_crop", "flip", "colour")),
        folder=tmp_path,
    )
    assert given.facts is not None and "streamed as 8x8x3" in given.facts.description
    one = Task(1, dsl.loads(STREAMED).text(), 0, 0.0)
    assert given.evaluate(one).status == "done"
    tested = given.test(one.id, one.genotype)
    assert tested is not None
    assert 0 <= tested.accuracy <= 1 and tested.class_names == ("dark", "light")
    for path in (tmp_path / "pictures" / "dark").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"pictures/dark/\d\.jpg: cannot be read as an image: .*\nno individual was"):
        given.evaluate(one)
    (tmp_path / "pictures").rename(tmp_path / "away")
    with pytest.raises(UsageError, match=r"\.jpg cannot be read: No such file.*\nno individual was recorded"):
        given.evaluate(one)


def test_images_that_are_gone_end_the_search_and_fail_no_individual(small_gin: Path) -> None:
    """A new worker maps the kept images. Where those are gone too, an error names them."""
    images = small_gin.with_name("images.npz")
    given = trained(small_gin)
    images.rename(images.with_name("away.npz"))
    training._made_feed.cache_clear()
    assert given.evaluate(Task(1, GROWING.text(), 0, 1.0)).status == "done"
    images_kept = given.known.kept(given.folder)
    assert images_kept is not None
    kept.remove(images_kept.folder)
    training._made_feed.cache_clear()
    with pytest.raises(UsageError, match=r"images\.npz: no such file.*\nno individual was recorded as failed"):
        given.evaluate(Task(2, GROWING.text(), 0, 1.0))
    images.write_bytes(images.with_name("away.npz").read_bytes() + b" ")
    with pytest.raises(UsageError, match=r"finds other images in 'npz:.*images\.npz' than those of the search"):
        given.evaluate(Task(2, GROWING.text(), 0, 1.0))


def test_a_worker_that_does_not_reach_the_storage_refuses(small_gin: Path) -> None:
    """It refuses before a training, whose weights would be lost."""
    for address, said in (("nowhere://bucket", "cannot use nowhere://bucket"), ("file:///nowhere", "cannot reach")):
        far = trained(small_gin, weights=place(address) / "weights")
        with pytest.raises(UsageError, match=said):
            far.evaluate(Task(1, GROWING.text(), 0, 1.0))
