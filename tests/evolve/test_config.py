"""Gin at the edge: shipped files build, names are checked, and what is in force can be read back."""

from __future__ import annotations

from pathlib import Path

import pytest

import dsl
from evolve import config
from evolve.algorithms import PairwiseTournament, RandomSearch, RegularizedEvolution
from evolve.errors import UsageError
from evolve.space import CellSpace

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SHIPPED = sorted(path for path in EXPERIMENTS.glob("*.gin") if not path.name.startswith("train_"))


def cell_space(made: config.Config) -> CellSpace:
    seed = dsl.load(made.seed_file(), made.search.params, made.overlays())
    return CellSpace(seed.space, (32, 32, 3), 10, made.search.sample_mutations)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_builds_and_explains_itself(path: Path) -> None:
    made = config.read([path.name], [])
    assert made.algorithm(cell_space(made)).ask(1).id == 1
    head = path.read_text().split("\n\n")[0]
    assert head.startswith("#") and "arXiv" in head
    assert "Expected" in path.read_text()


def test_amoeba() -> None:
    made = config.read(["amoeba.gin"], [])
    assert (made.search.individuals, made.search.params) == (100, {"N": 1, "F": 8})
    assert made.algorithm(cell_space(made)).settings == {
        "regularized_evolution.population_size": 20,
        "regularized_evolution.sample_size": 5,
    }


def test_cifar10_is_the_papers() -> None:
    made = config.read(["amoeba_cifar10.gin"], [])
    assert (made.search.individuals, made.search.params) == (20_000, {"N": 3, "F": 24})
    assert (made.dataset.source, made.dataset.validation, made.training.epochs) == ("cifar10", 5000, 25)
    assert made.algorithm(cell_space(made)).settings == {
        "regularized_evolution.population_size": 100,
        "regularized_evolution.sample_size": 25,
    }


def test_later_files_and_bindings_win(small_gin: Path) -> None:
    more = small_gin.with_name("more.gin")
    more.write_text("search.individuals = 7\nsearch.seed = 3")
    made = config.read([str(small_gin), str(more)], ["search.seed=4"])
    assert (made.search.individuals, made.search.seed) == (7, 4)


def test_a_cell_file_beside_the_gin_file(small_gin: Path) -> None:
    small_gin.with_name("mine.cell").write_text('include "nasnet.cell"\n')
    made = config.read([str(small_gin)], ["search.seed_file='mine.cell'"])
    assert made.seed_file() == str(small_gin.with_name("mine.cell"))


def test_large_scale_starts_from_the_seed_and_grows() -> None:
    made = config.read(["large_scale.gin"], [])
    search = made.search
    assert (search.seed_file, search.inherit_weights, search.sample_mutations) == ("large_scale.cell", True, 0)
    assert (made.training.schedule, made.training.batch_size, made.training.l2) == ("constant", 50, 1e-4)
    algorithm = made.algorithm(cell_space(made))
    assert isinstance(algorithm, PairwiseTournament)
    assert algorithm.ask(1).genotype == dsl.load("large_scale.cell")


@pytest.mark.parametrize("value", ["'random_search'", "@random_search"])
def test_another_algorithm(value: str) -> None:
    made = config.read(["amoeba.gin"], [f"search.algorithm={value}"])
    assert isinstance(made.algorithm(cell_space(made)), RandomSearch)


def test_the_tournaments_setting() -> None:
    bindings = ["search.algorithm='pairwise_tournament'", "pairwise_tournament.population_size=7"]
    made = config.read(["amoeba.gin"], bindings)
    assert made.algorithm(cell_space(made)).settings == {"pairwise_tournament.population_size": 7}
    assert "pairwise_tournament.population_size = 7" in config.in_force()


@pytest.mark.parametrize("name", ["non_ageing_evolution", "reinforcement"])
def test_settings_bear_the_gin_name(name: str) -> None:
    made = config.read(["amoeba.gin"], [f"search.algorithm='{name}'"])
    settings = made.algorithm(cell_space(made)).settings
    assert settings
    in_force = config.in_force().splitlines()
    for setting, value in settings.items():
        assert any(line.startswith(f"{setting} = ") and float(line.split(" = ")[1]) == value for line in in_force)


def test_a_space_without_choices_has_no_controller() -> None:
    made = config.read(["large_scale.gin"], ["search.algorithm='reinforcement'"])
    with pytest.raises(UsageError, match=r"the space's rules are alter_learning_rate, .*, and none is like that"):
        made.algorithm(cell_space(made))


def test_what_is_in_force_reads_back_the_same(small_gin: Path, tmp_path: Path) -> None:
    made = config.read([str(small_gin)], ["training.learning_rate=0.1"])
    assert isinstance(made.algorithm(cell_space(made)), RegularizedEvolution)
    text = config.in_force()
    for binding in ("regularized_evolution.sample_size = 3", "training.momentum = 0.9", "dataset.seed = 0"):
        assert binding in text
    (tmp_path / "config.gin").write_text(text)
    again = config.read([str(tmp_path / "config.gin")], [])
    assert (again.search, again.dataset, again.training) == (made.search, made.dataset, made.training)


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("serch.seed=1", "did you mean 'search'"),
        ("search.sead=1", "did you mean 'search.seed'"),
        ("training.epoch=1", "did you mean 'training.epochs'"),
        ("search.seed_file=nasnet.cell", "a text in quotes"),
        ("include 'nope.gin'", "nope.gin"),
        ("search.individuals=0", "search.individuals is 0"),
        ("search.workers='two'", "search.workers is 'two'"),
        ("search.params=3", "search.params is 3"),
        ("search.overlays='imagenet.cell'", "write it as ['imagenet.cell']"),
        ("search.executor='cloud'", "'processes' or 'serial'"),
        ("search.executor='process'", "did you mean 'processes'"),
        ("search.address='localhost'", "search.address is 'localhost'; it may be '' to start Ray here, 'auto'"),
        ("search.address='auto'", "search.address is 'auto' and search.executor is 'processes'"),
        ("search.worker_cpus=0", "search.worker_cpus is 0; it must be a number above 0"),
        ("search.worker_resources={'GPU': 1}", "write it as {'TPU': 4}, without what search.worker_cpus and"),
        ("search.worker_resources='TPU'", "search.worker_resources is 'TPU'"),
        ("search.workers=0", "search.workers is 0; it must be a whole number from 1"),
        ("search.workers=True", "search.workers is True"),
        ("search.timeout=-5", "search.timeout is -5; it must be a number above 0"),
        ("search.timeout='1h'", "search.timeout is '1h'"),
        ("search.retries=-1", "search.retries is -1; it must be a whole number from 0"),
        ("search.keep_best=0", "search.keep_best is 0"),
        ("search.budget='12 parsecs'", "search.budget is '12 parsecs'; it is a number of hours, or '90m'"),
        ("search.budget='h'", "search.budget is 'h'"),
        ("search.budget=0", "search.budget is 0"),
        ("search.budget_flops=-1.0", "search.budget_flops is -1.0"),
        ("search.target='high'", "search.target is 'high'"),
        ("search.gpus_per_worker=-1", "search.gpus_per_worker is -1"),
        ("search.gpus_per_worker=1.5", "a whole number, or a share such as 0.5"),
        ("search.reuse='yes'", "search.reuse is 'yes'; it may be True or False"),
        ("search.retry=2", "did you mean 'search.retries'"),
        ("search.fitness='luck'", "module:function"),
        ("training.epochs='many'", "training.epochs is 'many'"),
        ("training.schedule='cosin'", "training.schedule is 'cosin'; allowed: cosine, constant"),
        ("training.l2='small'", "training.l2 is 'small'; it is a number"),
        ("search.sample_mutations=-1", "search.sample_mutations is -1; it must be a whole number from 0"),
        ("search.inherit_weights='yes'", "search.inherit_weights is 'yes'; it may be True or False"),
        ("non_ageing_evolution.sample=3", "did you mean 'non_ageing_evolution.sample_size'"),
        ("reinforcement.entropie=0.1", "did you mean 'reinforcement.entropy'"),
        ("search.inherit_weight=True", "did you mean 'search.inherit_weights'"),
        ("pairwise_tournament.population=9", "did you mean 'pairwise_tournament.population_size'"),
        ("training.strategy='fast'", "training.strategy is 'fast'"),
    ],
)
def test_what_is_wrong_is_named(binding: str, message: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError) as raised:
        config.read(["amoeba.gin"], [binding])
    assert message in str(raised.value)
    assert "In call to" not in str(raised.value)
    assert not caplog.records


def test_a_made_up_fitness_leaves_no_weights() -> None:
    with pytest.raises(UsageError, match=r"search\.inherit_weights is True and search\.fitness is 'a:b'"):
        config.read(["amoeba.gin"], ["search.inherit_weights=True", "search.fitness='a:b'"])


@pytest.mark.parametrize(
    ("budget", "seconds"), [("'90m'", 5400), ("'12h'", 43_200), ("'2d'", 172_800), ("1.5", 5400), ("None", None)]
)
def test_budgets(budget: str, seconds: float | None) -> None:
    assert config.read(["amoeba.gin"], [f"search.budget={budget}"]).search.budget_seconds == seconds


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["search.reuse=True", "search.inherit_weights=True"], "trained from different weights"),
        (["search.executor='serial'", "search.timeout=60"], "only worker processes can be ended"),
        (["search.executor='serial'", "search.workers=2"], "serial means one worker"),
    ],
)
def test_settings_that_do_not_go_together(bindings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config.read(["amoeba.gin"], bindings)


def test_a_gin_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"there is no gin file 'amoba.gin'.*did you mean 'amoeba.gin'"):
        config.read(["amoba.gin"], [])


def test_no_seed_file(tmp_path: Path) -> None:
    (tmp_path / "empty.gin").write_text("search.seed = 1")
    with pytest.raises(UsageError, match=r"bind search\.seed_file"):
        config.read([str(tmp_path / "empty.gin")], [])


def test_an_unknown_algorithm() -> None:
    with pytest.raises(UsageError, match="did you mean 'random_search'"):
        config.read(["amoeba.gin"], ["search.algorithm='random_serch'"]).algorithm_name()
