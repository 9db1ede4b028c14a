"""The contract of every source of fitness. A new source has a row in `MADE`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest

import dsl
from compiler import CompileError, Cost, DataError, cost
from evolve import Evaluation, Processes, SearchError, Task, UsageError
from evolve.executors import call
from evolve.fitness.asked import ASK, AskedFitness
from evolve.fitness.base import Fitness
from evolve.fitness.facts import Facts
from evolve.fitness.function import FunctionFitness
from evolve.fitness.sources import SOURCES, source
from evolve.records import LOWEST, WORST
from evolve.settings import AskSettings, SearchSettings
from tests.evolve import made_table, made_up, test_evaluate, test_tables

MADE: dict[str, Callable[[Path, Path], Fitness]] = {  # made from a gin file of small images and the path of a table
    "training": lambda small_gin, _: test_evaluate.trained(small_gin),
    "table": lambda _, table: test_tables.spec(table),
    ASK: lambda small_gin, _: test_evaluate.source(small_gin, AskedFitness, ASK, own=AskSettings()),
    "tests.evolve.made_up:separables": lambda small_gin, _: test_evaluate.spec(small_gin, "separables"),
}
EVALUATING = [name for name in MADE if name != ASK]  # The individuals of the others are evaluated by other programs.


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_table.write(tmp_path_factory.mktemp("table") / "made.npz")


def test_every_source_is_under_contract() -> None:
    assert {source(name) for name in MADE} == {*SOURCES.values(), FunctionFitness}


@pytest.mark.parametrize("name", MADE)
class TestFitness:
    @pytest.fixture
    def fitness(self, name: str, small_gin: Path, table: Path) -> Fitness:
        return MADE[name](small_gin, table)

    @pytest.fixture
    def task(self, fitness: Fitness) -> Task:
        return Task(1, dsl.loads(fitness.space).text(), 0, 2.0)

    def test_its_name_finds_it(self, name: str, fitness: Fitness) -> None:
        assert source(name) is type(fitness) and fitness.name == name
        assert not fields(type(fitness))[len(fields(Fitness)) :], "workers get the fields of `Fitness` and no others"

    def test_its_facts_come_back_from_the_store(self, fitness: Fitness) -> None:
        assert fitness.facts is not None and Facts.read(fitness.facts.text()) == fitness.facts
        assert fitness.find_facts(fitness.facts) == fitness.facts
        assert fitness.facts_of_complete(fitness.facts, fitness.dataset.source) == fitness.facts

    @pytest.mark.parametrize("error", [CompileError("there is no such layer"), MemoryError()])
    def test_an_error_of_the_individual_makes_it_failed(
        self, fitness: Fitness, task: Task, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(type(fitness), "measure", _raising(error))
        found = fitness.evaluate(task)
        worst = WORST if fitness.metric == "accuracy" else LOWEST
        assert (found.status, found.fitness, found.is_retryable) == ("failed", worst, isinstance(error, MemoryError))
        assert found.error in ("there is no such layer", "the evaluation ran out of memory")
        assert found.params > 0 and found.depth and found.flops == 0

    def test_an_error_of_the_data_ends_the_search(
        self, fitness: Fitness, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(type(fitness), "measure", _raising(DataError("a.jpg cannot be read")))
        with pytest.raises(UsageError, match=r"a\.jpg cannot be read\nno individual was recorded as failed"):
            fitness.evaluate(task)

    def test_a_worker_of_another_version_refuses(self, fitness: Fitness, task: Task) -> None:
        with pytest.raises(UsageError, match=r"the driver has 0\.0\.1: install the same version"):
            replace(fitness, version="0.0.1").evaluate(task)

    def test_a_source_without_facts_evaluates_nothing(self, fitness: Fitness, task: Task) -> None:
        with pytest.raises(SearchError, match="before the images were read"):
            replace(fitness, facts=None).evaluate(task)

    def test_its_identity_stays_wherever_the_search_lies(self, fitness: Fitness, tmp_path: Path) -> None:
        elsewhere = replace(fitness, folder=tmp_path / "x", weights=tmp_path / "y", facts=None)
        assert elsewhere.identity() == fitness.identity() != {}
        assert not {*fitness.identity()} & {*fitness.changeable()}
        assert not any(str(tmp_path) in str(value) for value in fitness.identity().values())

    def test_without_weights_nothing_is_tested(self, fitness: Fitness) -> None:
        assert not fitness.can_test(7)
        assert fitness.test(7, dsl.loads(fitness.space).text()) is None

    def test_what_it_shows_are_pairs_of_text(self, fitness: Fitness) -> None:
        validation, flags = fitness.chance()
        assert all(isinstance(text, str) for row in fitness.rows() for text in row)
        assert bool(validation) == bool(flags) == fitness.trains

    def test_weights_are_inherited_only_where_it_leaves_some(self, name: str, fitness: Fitness) -> None:
        settings = SearchSettings(seed_file="nasnet.cell", fitness=name, inherit_weights=True)
        if fitness.trains:
            fitness.check(settings)
        else:
            with pytest.raises(UsageError, match=r"search\.inherit_weights is True .* which leaves no weights"):
                fitness.check(settings)

    def test_only_trainings_begin_from_weights(self, name: str, fitness: Fitness) -> None:
        settings = SearchSettings(seed_file="nasnet.cell", fitness=name, initial_weights="net.npz")
        if fitness.trains:
            fitness.check(settings)
        else:
            with pytest.raises(UsageError) as raised:
                fitness.check(settings)
            assert str(raised.value) == (
                f"search.initial_weights is 'net.npz' and search.fitness is {name!r}, which trains nothing: "
                "--gin_param=\"search.initial_weights=''\", or --gin_param=\"search.fitness='training'\""
            )


@pytest.mark.parametrize("name", EVALUATING)
def test_it_evaluates_in_a_worker_as_in_this_process(name: str, small_gin: Path, table: Path, tmp_path: Path) -> None:
    fitness = MADE[name](small_gin, table)
    task = Task(1, dsl.loads(fitness.space).text(), 0, 2.0)
    assert pickle.loads(pickle.dumps(fitness)) == fitness
    with closing(Processes(1, 9, tmp_path / "worker.log")) as executor:
        found, has_tensorflow = call(executor, made_up.evaluated, fitness, task)
    assert (found.status, has_tensorflow) == ("done", fitness.trains)
    assert (found.flops > 0) == ("training" not in fitness.not_read)
    expected = cost(dsl.loads(fitness.space), fitness.known.input_shape, fitness.known.classes)
    assert (found.params, found.mult_adds, found.depth) == (expected.params, expected.mult_adds, expected.depth)
    here = fitness.evaluate(task)
    assert here.fitness == pytest.approx(found.fitness, abs=0.1)


def test_a_worker_does_not_count_a_cost_that_its_task_has(small_gin: Path, table: Path) -> None:
    fitness = MADE["tests.evolve.made_up:separables"](small_gin, table)
    given = Cost(params=3, mult_adds=4, depth=5, activations=6)
    found = fitness.evaluate(Task(1, dsl.loads(fitness.space).text(), 0, 2.0, cost=given))
    assert (found.params, found.mult_adds, found.depth) == (3, 4, 5)


def test_individuals_of_another_program_are_not_evaluated(small_gin: Path, table: Path) -> None:
    fitness = MADE[ASK](small_gin, table)
    with pytest.raises(UsageError, match="with which your own program evaluates individuals"):
        fitness.evaluate(Task(1, dsl.loads(fitness.space).text(), 0, 2.0))


def _raising(error: Exception) -> Callable[..., Evaluation]:
    def measure(*_: object) -> Evaluation:
        raise error

    return measure
