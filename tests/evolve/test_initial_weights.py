"""A search whose individuals begin from the weights of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dsl
from compiler import Training, lower, resolve
from compiler.images import data
from compiler.layers.model import step_layers
from compiler.networks import pretrained, saved, weights
from evolve import Evaluation, Store, Task, UsageError, config, main
from evolve.fitness.images import facts_of
from evolve.fitness.initial import Initial
from evolve.fitness.kept_weights import weights_file
from evolve.fitness.training import TrainingFitness
from evolve.prepared import Run, prepare

TEXT = """
network { body: conv[3x3, filters=4] | batch_norm | relu, conv[1x1, filters=5]
          head: global_avg_pool | dense[classes] }
mutation wider { choose s in steps   s.filters = any(other { 5, 6 }) }
"""
GENOTYPE = dsl.loads(TEXT)
CHILD = TEXT.replace("filters=5]\n", "filters=6]\n")
FIRST, SECOND, LAST = "body/0/0/0/conv/kernel", "body/1/0/0/conv/kernel", "head/0/0/1/dense/kernel"


def made(path: Path, classes: int = 7, text: str = TEXT, mean: float = 100.0, std: float = 60.0) -> Path:
    """Writes a file of weights of the text for this number of classes. Every weight is 0.5."""
    genotype = dsl.loads(text)
    values = weights.weights_of(step_layers(lower(resolve(genotype, (8, 8, 1), classes))))
    equal = {key: np.full_like(value, 0.5) for key, value in values.items()}
    names = tuple(map(str, range(classes)))
    pretrained.write(path, saved.Saved(genotype, equal, (8, 8, 1), names, (mean,), (std,)), "a test")
    return path


def prepared(small_gin: Path, file: object, *bindings: str, folder: str = "w") -> Run:
    text = small_gin.parent / "net.cell"
    text.write_text(TEXT)
    bound = (f"search.seed_file={str(text)!r}", "search.params={}", "search.fitness='training'",
             f"search.initial_weights={str(file)!r}", "training.batch_size=20", *bindings)  # fmt: skip
    return prepare(config.read([str(small_gin)], bound), small_gin.parent / folder)


def begun(small_gin: Path, **changes: Any) -> TrainingFitness:
    """Returns the source of fitness of a search that takes no step, with the facts of its images."""
    untrained = Training(epochs=0, batch_size=20, drop_path_keep=1.0, augment=(), fresh_statistics=False)
    fitness = prepared(small_gin, made(small_gin.parent / "net.npz"), "search.inherit_weights=True").fitness
    assert isinstance(fitness, TrainingFitness) and fitness.initial is not None
    fitness.folder.mkdir(exist_ok=True)
    facts = facts_of(data.load(fitness.dataset.source))
    return replace(fitness, training=untrained, facts=fitness.initial.applied(facts, fitness.space), **changes)


def evaluated(
    fitness: TrainingFitness, id: int, text: str = TEXT, **parents: Any
) -> tuple[Evaluation, Mapping[str, Any]]:
    """Returns the evaluation of an individual, and the weights with which it began."""
    found = fitness.evaluate(Task(id, dsl.loads(text).text(), id, -1.0, **parents))
    return found, weights.read(weights_file(fitness.weights, id))


def is_taken(values: Mapping[str, Any], key: str, value: float = 0.5) -> bool:
    return bool((values[key] == value).all())


def test_an_individual_begins_from_the_weights_that_agree(small_gin: Path) -> None:
    found, own = evaluated(begun(small_gin), 1)
    assert is_taken(own, FIRST) and is_taken(own, SECOND) and not is_taken(own, LAST)
    assert own["body/0/0/updates"] == 0.5  # all statistics of the step are taken, and so is their age
    assert found.inherited == pytest.approx(0.82, abs=0.05)


def test_a_child_begins_from_its_parent_where_it_can_and_else_from_the_file(small_gin: Path) -> None:
    fitness = begun(small_gin)
    _, parent = evaluated(fitness, 1)
    changed = {**parent, FIRST: np.full_like(parent[FIRST], 0.25), SECOND: np.full((1, 1, 4, 9), 9.0, np.float32)}
    weights.save(weights_file(fitness.weights, 1), changed)  # the parent was trained, and has another second layer
    _, child = evaluated(fitness, 2, weights_from=1)
    assert is_taken(child, FIRST, 0.25) and is_taken(child, SECOND)
    np.testing.assert_array_equal(child[LAST], parent[LAST])
    _, other = evaluated(fitness, 3, CHILD, weights_from=1)
    assert is_taken(other, FIRST, 0.25) and other[SECOND].shape == (1, 1, 4, 6) and not is_taken(other, SECOND)


def test_a_child_that_inherits_nothing_begins_from_the_file(small_gin: Path) -> None:
    fitness = begun(small_gin)
    weights.save(weights_file(fitness.weights, 1), {FIRST: np.zeros((3, 3, 1, 4), np.float32)})
    _, forgetful = evaluated(fitness, 2)
    _, alone = evaluated(replace(fitness, inherit=False, repeats=1), 3, weights_from=1)
    assert is_taken(forgetful, FIRST) and is_taken(alone, FIRST)


def test_lost_weights_of_a_parent_leave_those_of_the_file_with_a_note(small_gin: Path) -> None:
    found, own = evaluated(begun(small_gin), 2, weights_from=1)
    assert is_taken(own, FIRST) and found.note.startswith("started from the initial weights: there are no weights in ")


def test_images_are_normalized_as_the_weights_expect(small_gin: Path) -> None:
    fitness = begun(small_gin)
    assert (fitness.known.mean, fitness.known.std) == ((100.0,), (60.0,))
    feed = fitness._feed()
    assert (feed.mean, feed.std) == ((100.0,), (60.0,))
    images, _, _ = next(iter(feed.evaluation("test", 30)))
    raw = data.load(fitness.dataset.source).test.images
    np.testing.assert_allclose(images, (raw - 100.0) / 60.0, atol=1e-5)


def test_the_header_says_what_is_taken_and_what_is_new(small_gin: Path) -> None:
    rows = dict(begun(small_gin).rows())
    assert rows["initial weights"] == f"{small_gin.parent / 'net.npz'}, from a test"
    assert rows["  taken"].startswith("6 of 8 weights, ")
    assert rows["  left new"].startswith(f"2 weights of another shape: {LAST} (5x3, in the file 5x7) and ")
    assert rows["  images"] == "normalized as the weights expect: (pixel - mean) / std, mean 100, std 60"


def test_the_contents_of_the_file_identify_the_search(small_gin: Path) -> None:
    def identity(file: object) -> str:
        run = prepared(small_gin, file)
        return run.identity(run.config.algorithm(run.space((8, 8, 1), 3)))["search.initial_weights"]

    first = made(small_gin.parent / "net.npz")
    same, other = made(small_gin.parent / "moved.npz"), made(small_gin.parent / "other.npz", mean=99.0)
    assert first.read_bytes() == same.read_bytes()
    assert identity(first) == identity(same) != identity(other)
    assert identity(first).startswith("a file with the digest ") and identity("") == ""


def test_a_search_is_resumed_with_the_same_contents_only(small_gin: Path) -> None:
    first, other = made(small_gin.parent / "net.npz"), made(small_gin.parent / "other.npz", mean=99.0)

    def identity(file: object) -> Mapping[str, str]:
        run = prepared(small_gin, file)
        return run.identity(run.config.algorithm(run.space((8, 8, 1), 3)))

    with Store(small_gin.parent / "store") as store:
        store.sign(identity(first))
        store.compare(identity(first), {}, False)
        for file, now in ((other, "a file with the digest "), ("", "nothing")):
            message = rf"search\.initial_weights: there a file with the digest \w+, now {now}"
            with pytest.raises(UsageError, match=message):
                store.compare(identity(file), {}, False)
        earlier = {name: value for name, value in identity("").items() if name != "search.initial_weights"}
    with Store(small_gin.parent / "earlier") as store:  # as a version without the setting began it
        store.sign(earlier)
        store.compare(identity(""), {}, False)


def test_a_file_beside_the_gin_file_is_found(small_gin: Path) -> None:
    made(small_gin.parent / "net.npz")
    initial = prepared(small_gin, "net.npz").fitness.initial
    assert initial is not None and initial.path == small_gin.parent / "net.npz"


def test_a_file_that_is_changed_during_a_search_ends_it(small_gin: Path) -> None:
    fitness = begun(small_gin)
    made(small_gin.parent / "net.npz", mean=50.0)
    assert fitness.initial is not None
    fitness.initial.read()  # this process has the weights of the search
    later = Initial("net.npz", small_gin.parent / "net.npz", "another")
    with pytest.raises(UsageError, match=r"net\.npz was changed since the search began; restore the file"):
        later.read()
    (small_gin.parent / "net.npz").unlink()
    with pytest.raises(UsageError, match=r"there are no weights in .*net\.npz; restore the file"):
        replace(later, digest="a third one").read()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("gone.npz", "there is no {folder}/gone.npz; restore or make the file, for example with cell weights --from "),
        ("raw.npz", "raw.npz has weights without the facts about their images"),
        ("damaged.npz", "damaged.npz is not a file of weights"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(small_gin: Path, file: str, message: str) -> None:
    weights.save(small_gin.parent / "raw.npz", {FIRST: np.zeros(3, np.float32)})
    (small_gin.parent / "damaged.npz").write_text("text")
    path = small_gin.parent / file
    with pytest.raises(UsageError) as raised:
        prepared(small_gin, path)
    text = str(raised.value)
    assert text.startswith(f"search.initial_weights is {str(path)!r}: ")
    assert message.format(folder=small_gin.parent) in text and text.endswith("\"search.initial_weights=''\"")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text": TEXT.replace("=4]", "=3]").replace("=5]", "=7]")}, "has the weights of another network: 0 of 8 "),
        ({"std": 0.2}, "are for pixels that are divided by 0.2, and the standard deviation of the pixels"),
    ],
)
def test_weights_that_do_not_fit_end_the_search_before_anything_is_trained(
    small_gin: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, Any], message: str
) -> None:
    made(small_gin.parent / "net.npz", **settings)
    (small_gin.parent / "net.cell").write_text(TEXT)
    bound = [f"search.seed_file={str(small_gin.parent / 'net.cell')!r}", "search.params={}", "training.batch_size=20",
             "search.fitness='training'", "search.initial_weights='net.npz'"]  # fmt: skip
    flags = [f"--gin_param={text}" for text in bound]
    assert main.run([f"--gin_file={small_gin}", f"--workdir={small_gin.parent / 'w'}", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("evolve: search.initial_weights is 'net.npz': ") and message in error
    assert not (small_gin.parent / "w").exists()


@pytest.mark.parametrize(
    "bindings", [("search.reuse=True",), ("search.repeat_networks=False",)], ids=lambda value: value[0]
)
def test_what_inherited_weights_refuse_stays_refused(small_gin: Path, bindings: tuple[str, ...]) -> None:
    file = made(small_gin.parent / "net.npz")
    with pytest.raises(UsageError, match=r"search\.inherit_weights is True"):
        prepared(small_gin, file, "search.inherit_weights=True", *bindings)
    assert prepared(small_gin, file, *bindings).fitness.initial is not None


def test_the_space_of_pretrained_mobilenets_has_the_keys_of_their_text() -> None:
    own, space = (
        {
            key: weight.shape
            for step in resolve(dsl.load(file), (128, 128, 3), 3).steps
            for key, weight in step.weights()
        }
        for file in ("mobilenet_v3_large.cell", "mobilenet_v3_space.cell")
    )
    assert own == space
