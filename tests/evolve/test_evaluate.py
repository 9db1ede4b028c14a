"""What a worker does with an individual that fails: exactly what is listed is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

import dsl
from compiler.cost import cost
from compiler.settings import Training
from evolve.errors import UsageError
from evolve.evaluate import Spec, evaluate, facts, fitness_function
from evolve.records import WORST, Task
from evolve.settings import DatasetSettings

PARAMS = {"N": 1, "F": 4}


def spec(small_gin: Path, fitness: str) -> Spec:
    source = f"npz:{small_gin.with_name('images.npz')}"
    return Spec(
        dsl.load("nasnet.cell", PARAMS).space.text(),
        DatasetSettings(source),
        Training(),
        f"tests.evolve.made_up:{fitness}",
        small_gin.parent / "weights",
    )


def task() -> Task:
    return Task(1, dsl.load("nasnet.cell", PARAMS).text(), 0, 0.0)


def test_facts(small_gin: Path) -> None:
    found = facts(spec(small_gin, "separables"))
    assert (found.input_shape, found.classes) == ((8, 8, 1), 3)
    assert "3 classes" in found.description


def test_images_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nope"):
        facts(spec(tmp_path / "nope" / "small.gin", "separables"))


def test_a_fitness_comes_with_the_cost(small_gin: Path) -> None:
    found = evaluate(spec(small_gin, "separables"), task())
    expected = cost(dsl.load("nasnet.cell", PARAMS), (8, 8, 1), 3)
    assert (found.status, found.fitness) == ("done", 0.0)
    assert (found.params, found.mult_adds) == (expected.params, expected.mult_adds)
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("fitness", "reason"),
    [
        ("refused", "there is no such layer"),
        ("out_of_memory", "MemoryError"),
        ("not_a_number", "its fitness is nan"),
    ],
)
def test_failures_have_a_reason_a_size_and_the_worst_fitness(small_gin: Path, fitness: str, reason: str) -> None:
    found = evaluate(spec(small_gin, fitness), task())
    assert (found.status, found.fitness, found.error) == ("failed", WORST, reason)
    assert found.params > 0 and found.seconds > 0


def test_a_bug_is_no_failure(small_gin: Path) -> None:
    with pytest.raises(KeyError):
        evaluate(spec(small_gin, "bug"), task())


def test_a_fitness_that_cannot_be_imported() -> None:
    with pytest.raises(UsageError, match="cannot be imported"):
        fitness_function("tests.evolve.made_up:nothing")
