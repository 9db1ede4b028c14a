"""Settings from gin: shipped files can be read, names are checked, and the printed settings can be read back."""

from __future__ import annotations

import re
import shlex
from ast import literal_eval
from dataclasses import replace
from pathlib import Path

import pytest

import dsl
from compiler.domains import REQUIRED, settings_of, values
from compiler.training import gin_files
from evolve import (
    CellSpace,
    Individual,
    Neat,
    PairwiseTournament,
    RandomSearch,
    RegularizedEvolution,
    UsageError,
    config,
    main,
)
from evolve.algorithms import settings
from evolve.executors.serial import SerialSettings
from evolve.prepared import prepare
from evolve.settings import TableSettings

TABLE = ["search.fitness='table'", "table.path='a.npz'", "table.fitness='f'", "table.operations={'skip': 'skip'}"]
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


def test_amoeba_gin_is_the_small_search() -> None:
    made = config.read(["amoeba.gin"], [])
    assert (made.search.individuals, made.search.params) == (100, {"N": 0, "F": 16, "after": 1})
    assert not made.search.repeat_networks
    assert settings(made.algorithm(cell_space(made))) == {
        "regularized_evolution.population_size": 20,
        "regularized_evolution.initial": None,
        "regularized_evolution.second_mutation": 0.0,
        "regularized_evolution.sample_size": 10,
    }


def test_digits_gin_is_the_small_search_on_plain_digits() -> None:
    scattered, plain = config.read(["amoeba.gin"], []), config.read(["digits.gin"], [])
    assert (scattered.dataset.source, plain.dataset.source) == ("digits_scattered", "digits")
    dataset, training, algorithm = plain.dataset, plain.training, settings(plain.algorithm(cell_space(plain)))
    assert (dataset.test, dataset.validation, training.epochs, training.batch_size) == (0.2, 0.5, 12, 64)
    assert training.learning_rate == 0.1
    params = {"N": 1, "F": 8}
    assert plain.search == replace(scattered.search, seed_file="nasnet.cell", params=params, repeat_networks=True)
    assert algorithm["regularized_evolution.population_size"] == 20
    assert algorithm["regularized_evolution.sample_size"] == 5


def test_cifar10_is_the_papers() -> None:
    made = config.read(["amoeba_cifar10.gin"], [])
    assert (made.search.individuals, made.search.params) == (20_000, {"N": 3, "F": 24})
    assert (made.dataset.source, made.dataset.validation, made.training.epochs) == ("cifar10", 5000, 25)
    assert settings(made.algorithm(cell_space(made))) == {
        "regularized_evolution.population_size": 100,
        "regularized_evolution.initial": None,
        "regularized_evolution.second_mutation": 0.0,
        "regularized_evolution.sample_size": 25,
    }


@pytest.mark.parametrize(
    ("name", "validate"),
    [("amoeba", "end"), ("amoeba_cifar10", "end"), ("compare", "end"), ("large_scale", "end")],
)
def test_a_shipped_search_validates_by_its_setting_with_fresh_statistics(name: str, validate: str) -> None:
    made = config.read([f"{name}.gin"], [])
    assert (made.training.validate, made.training.fresh_statistics) == (validate, True)


def test_later_files_and_bindings_win(small_gin: Path) -> None:
    more = small_gin.with_name("more.gin")
    more.write_text("search.individuals = 7\nsearch.seed = 3")
    made = config.read([str(small_gin), str(more)], ["search.seed=4"])
    assert (made.search.individuals, made.search.seed) == (7, 4)


def test_a_cell_file_is_found_beside_the_gin_file(small_gin: Path) -> None:
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


def test_mobilenets_evolve_with_mates_from_a_seed_that_is_within_the_limit() -> None:
    made = config.read(["mobilenet.gin"], ["dataset.source='images:photos'"])
    space = cell_space(made)
    seed = dsl.load(made.search.seed_file, made.search.params, made.search.overlays)
    assert isinstance(made.algorithm(space), RegularizedEvolution) and space.has_crossover
    assert CellSpace(seed.space, (96, 96, 3), 5).unfit(seed) is None


def test_neat_grows_from_the_seed_with_a_crossover() -> None:
    made = config.read(["neat.gin"], [])
    assert (made.search.seed_file, made.search.inherit_weights, made.training.epochs) == ("neat.cell", True, 4)
    space = cell_space(made)
    algorithm = made.algorithm(space)
    assert isinstance(algorithm, Neat) and space.has_crossover
    assert algorithm.ask(1).genotype == dsl.load("neat.cell")


def test_networks_of_neat_grow_from_no_hidden_node_in_species_that_appear_and_are_removed() -> None:
    made = config.read(["neat.gin"], ["search.seed=1", "neat.population_size=10", "neat.stagnation=3"])
    algorithm = made.algorithm(cell_space(made))
    appeared: set[int] = set()
    sizes, crossed = [], 0
    for id in range(1, 151):
        proposal = algorithm.ask(id)
        sizes.append(len(proposal.genotype.cells[0].nodes))
        crossed += proposal.mate is not None
        appeared |= set(algorithm.species.values())
        algorithm.tell(Individual(id, "", fitness=0.03 * sizes[-1] * (1 + id % 2), fingerprint="", finished=id))
    assert set(sizes[:10]) == {0} and max(sizes) > 5
    assert 1 < len(set(algorithm.species.values())) < len(appeared)
    assert crossed > 50


def test_deep_ga_trains_nothing_and_adds_noise() -> None:
    made = config.read(["deep_ga.gin"], [])
    search = made.search
    assert (search.seed_file, search.inherit_weights, search.sample_mutations) == ("deep_ga.cell", True, 0)
    assert made.training.epochs == 0
    algorithm = made.algorithm(cell_space(made))
    first = [algorithm.ask(id) for id in range(1, 21)]
    assert {one.genotype for one in first} == {dsl.load("deep_ga.cell")}
    algorithm.tell(Individual(1, "", fitness=0.5, fingerprint="", finished=1))
    child = algorithm.ask(21)
    assert (child.genotype, child.parent, child.noise) == (first[0].genotype, 1, dsl.Noise("normal", 0, 0.05))


@pytest.mark.parametrize("value", ["'random_search'", "@random_search"])
def test_another_algorithm_may_be_bound(value: str) -> None:
    made = config.read(["amoeba.gin"], [f"search.algorithm={value}"])
    assert isinstance(made.algorithm(cell_space(made)), RandomSearch)


def test_the_tournament_has_its_own_population_size() -> None:
    bindings = ["search.algorithm='pairwise_tournament'", "pairwise_tournament.population_size=7"]
    made = config.read(["amoeba.gin"], bindings)
    assert settings(made.algorithm(cell_space(made)))["pairwise_tournament.population_size"] == 7
    assert "pairwise_tournament.population_size = 7" in config.in_force()


@pytest.mark.parametrize("name", ["non_ageing_evolution", "reinforcement"])
def test_settings_bear_the_gin_name(name: str) -> None:
    made = config.read(["amoeba.gin"], [f"search.algorithm='{name}'"])
    found = settings(made.algorithm(cell_space(made)))
    assert found
    in_force = config.in_force().splitlines()
    for setting, value in found.items():
        assert any(
            line.startswith(f"{setting} = ") and literal_eval(line.split(" = ")[1]) == value for line in in_force
        )


def test_a_space_without_choices_has_no_controller() -> None:
    made = config.read(["large_scale.gin"], ["search.algorithm='reinforcement'"])
    with pytest.raises(UsageError, match=r"rules of the search space are alter_learning_rate, .*, and none of them"):
        made.algorithm(cell_space(made))


def test_the_printed_settings_read_back_the_same(small_gin: Path, tmp_path: Path) -> None:
    made = config.read([str(small_gin)], ["training.epochs=7"])
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
        ("processes.workers='two'", "processes.workers is 'two'"),
        ("search.params=3", "search.params is 3"),
        ("search.overlays='imagenet.cell'", "write it as ['imagenet.cell']"),
        ("search.executor='cloud'", "'processes' or 'serial'"),
        ("search.executor='process'", "did you mean 'processes'"),
        ("ray.address='localhost'", "ray.address is 'localhost'; it may be '' to start Ray on this machine, 'auto'"),
        ("ray.worker_cpus=0", "ray.worker_cpus is 0; it must be a number above 0"),
        ("ray.worker_resources={'GPU': 1}", "write it as {'TPU': 4}, without CPU and GPU"),
        ("ray.worker_resources='TPU'", "ray.worker_resources is 'TPU'"),
        ("processes.workers=0", "processes.workers is 0; it must be a whole number from 1"),
        ("processes.workers=True", "processes.workers is True"),
        ("search.timeout=-5", "search.timeout is -5; it must be a number above 0"),
        ("search.timeout='1h'", "search.timeout is '1h'"),
        ("search.retries=-1", "search.retries is -1; it must be a whole number from 0"),
        ("search.keep_best=0", "search.keep_best is 0"),
        ("search.budget='12 parsecs'", "search.budget is '12 parsecs'; it must be a number of hours, or '90m'"),
        ("search.budget='h'", "search.budget is 'h'"),
        ("search.budget=0", "search.budget is 0"),
        ("search.budget_flops=-1.0", "search.budget_flops is -1.0"),
        ("search.target='high'", "search.target is 'high'"),
        ("processes.gpus_per_worker=-1", "processes.gpus_per_worker is -1"),
        ("processes.gpus_per_worker=1.5", "a whole number, or a share such as 0.5"),
        ("search.reuse='yes'", "search.reuse is 'yes'; it must be True or False"),
        ("search.retry=2", "did you mean 'search.retries'"),
        ("search.target=95", 'an accuracy, above 0 and at most 1: --gin_param="search.target=0.95"'),
        ("search.target=100", '--gin_param="search.target=1.0"'),
        ("search.target=0", "search.target is 0, and the fitness is an accuracy"),
        ("search.target=1e400", "search.target is inf; it must be a number"),
        ("search.target=True", "search.target is True; it must be a number"),
        ("search.timeout=1e400", "search.timeout is inf; it must be a number above 0, or None for no limit"),
        ("search.timeout=True", "search.timeout is True"),
        ("search.budget=1e400", "search.budget is inf"),
        (f"search.budget='{'9' * 400}h'", "search.budget is '999"),
        ("search.budget=True", "search.budget is True"),
        (f"search.budget_flops={10**400}", "search.budget_flops is 1000"),
        ("ray.worker_cpus=1e400", "ray.worker_cpus is inf"),
        ("processes.gpus_per_worker=True", "processes.gpus_per_worker is True"),
        ("search.seed=-1", "search.seed is -1; it must be a whole number from 0"),
        ("search.seed=True", "search.seed is True"),
        ("search.seed=0.5", "search.seed is 0.5"),
        ("search.individuals=True", "search.individuals is True"),
        ("search.individuals=1e3", "search.individuals is 1000.0; it must be a whole number"),
        ("search.params={'N': 1e400}", "search.params is {'N': inf}; write it as"),
        ("search.params={'N': '3'}", "search.params is {'N': '3'}; write it as"),
        ("search.overlays=[3]", "search.overlays is [3]; write it as"),
        ("search.seed_file=3", "search.seed_file is 3; it must be a .cell file"),
        ("search.fitness=3", "search.fitness is 3; it may be"),
        ("search.fitness='mine:'", "search.fitness is 'mine:'; it may be"),
        ("search.fitness='luck'", "module:function"),
        ("training.epochs='many'", "training.epochs is 'many'"),
        ("training.schedule='cosin'", "training.schedule is 'cosin'; allowed: cosine, constant"),
        ("training.l2='small'", "training.l2 is 'small'; it must be a number"),
        ("search.sample_mutations=-1", "search.sample_mutations is -1; it must be a whole number from 0"),
        ("search.inherit_weights='yes'", "search.inherit_weights is 'yes'; it must be True or False"),
        ("non_ageing_evolution.sample=3", "did you mean 'non_ageing_evolution.sample_size'"),
        ("reinforcement.entropie=0.1", "did you mean 'reinforcement.entropy'"),
        ("search.inherit_weight=True", "did you mean 'search.inherit_weights'"),
        ("pairwise_tournament.population=9", "did you mean 'pairwise_tournament.population_size'"),
        ("training.strategy='fast'", "training.strategy is 'fast'"),
    ],
)
def test_what_is_wrong_is_named(binding: str, message: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError) as raised:
        config.read(["amoeba.gin"], ["search.executor='ray'"] * binding.startswith("ray.") + [binding])
    assert message in str(raised.value)
    assert "In call to" not in str(raised.value)
    assert not caplog.records


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("regularized_evolution.sample_size=True", "sample_size is True; it must be a whole number from 1"),
        ("regularized_evolution.sample_size='x'", "sample_size is 'x'"),
        ("regularized_evolution.population_size=1e400", "population_size is inf; it must be a whole number"),
        ("regularized_evolution.population_size=20.5", "population_size is 20.5"),
        ("non_ageing_evolution.sample_size=0", "non_ageing_evolution.sample_size is 0"),
        ("pairwise_tournament.population_size=1", "population_size is 1; it must be a whole number from 2"),
        ("pairwise_tournament.population_size='x'", "population_size is 'x'"),
        ("random_search.window=True", "random_search.window is True"),
        ("random_search.window=-1", "random_search.window is -1; it must be a whole number from 1"),
        ("reinforcement.batch_size=True", "reinforcement.batch_size is True"),
        ("reinforcement.learning_rate=1e400", "reinforcement.learning_rate is inf; it must be a number above 0"),
        ("reinforcement.entropy='x'", "reinforcement.entropy is 'x'; it must be a number of 0 or more"),
        ("reinforcement.clip=True", "reinforcement.clip is True"),
    ],
)
def test_settings_of_an_algorithm_that_are_out_of_range(binding: str, message: str) -> None:
    algorithm = binding.partition(".")[0]
    made = config.read(["amoeba.gin"], [f"search.algorithm='{algorithm}'", binding])
    with pytest.raises(UsageError) as raised:
        made.algorithm(cell_space(made))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["search.workers=2"], 'search.workers is processes.workers now: --gin_param="processes.workers=2"'),
        (["search.worker_tasks=9", "search.executor='ray'"], '--gin_param="ray.worker_tasks=9"'),
        (["search.executor=@ray", "search.gpus_per_worker=0.5"], '--gin_param="ray.gpus_per_worker=0.5"'),
        (["search.address='auto'"], "search.address is ray.address now: --gin_param=\"ray.address='auto'\""),
        (["search.worker_resources={'TPU': 4}"], "--gin_param=\"ray.worker_resources={'TPU': 4}\""),
        (["evolve.search.worker_cpus=2"], '--gin_param="ray.worker_cpus=2"'),
        (["E='ray'", "search.executor=%E", "search.workers=2"], '--gin_param="ray.workers=2"'),
        (["search.executor=['x']", "search.workers=2"], "which search.executor=['x'] does not use"),
        (
            ["search.executor='serial'", "search.workers=1"],
            "search.workers is processes.workers or ray.workers now, which search.executor='serial' does not use",
        ),
    ],
)
def test_an_old_name_is_refused_with_the_new_one(tmp_path: Path, bindings: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        config.read(["amoeba.gin"], bindings)
    assert message in str(raised.value) and str(raised.value).startswith("--gin_param=")
    (tmp_path / "mine.gin").write_text("\n".join(["include 'amoeba.gin'", *bindings]))
    with pytest.raises(UsageError) as raised:
        config.read([str(tmp_path / "mine.gin")], [])
    assert message in str(raised.value) and str(raised.value).startswith(f"{tmp_path / 'mine.gin'}, line ")


def test_a_scoped_reference_to_an_executor_has_its_name_and_settings(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gin"
    mine.write_text("include 'amoeba.gin'\nsearch.executor = @a/processes\nprocesses.workers = 3\n")
    made = config.read([str(mine)], ["processes.worker_tasks=9"])
    assert (made.executor_name, values(made.executor)["workers"], made.not_read) == ("processes", 3, ())


OWN = """
import gin
from dataclasses import dataclass
from typing import Annotated
from compiler.domains import whole
from evolve.executors.serial import SerialSettings

@gin.configurable
@dataclass(frozen=True)
class my_executor(SerialSettings):
    size: Annotated[int, whole(1), "how large it is"] = 1

@gin.configurable
def no_executor():
    return 3

@gin.configurable
def broken_executor():
    raise KeyError("broken")
"""


def test_an_executor_of_the_user_has_its_own_settings(
    small_gin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its settings are bound by its name, and may change between two runs of a search."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_executor.py").write_text(OWN)
    mine = tmp_path / "mine.gin"
    mine.write_text(
        f"import own_executor\ninclude '{small_gin}'\nsearch.executor = @my_executor\nmy_executor.size = 7\n"
    )
    assert config.read([str(mine)], []).executor_name == "own_executor:my_executor"
    command = [f"--gin_file={mine}", f"--workdir={tmp_path / 'work'}", "--gin_param=search.individuals=3"]
    assert main.run(command) == 0
    capsys.readouterr()
    assert main.run([*command, "--gin_param=my_executor.size=8"]) == 2
    assert "own_executor:my_executor.size: there 7, now 8" in capsys.readouterr().err
    assert main.run([*command, "--gin_param=my_executor.size=8", "--resume=changed"]) == 0
    mine.write_text(f"import own_executor\ninclude '{small_gin}'\nsearch.executor = @no_executor\n")
    with pytest.raises(UsageError, match=r"search\.executor gives 3, which is not the settings of an executor; .*log"):
        config.read([str(mine)], [])
    mine.write_text(f"import own_executor\ninclude '{small_gin}'\nsearch.executor = @broken_executor\n")
    with pytest.raises(UsageError, match=r"search\.executor raised an exception:\n(.|\n)*KeyError: .*broken"):
        config.read([str(mine)], [])


def test_a_target_above_one_is_allowed_for_a_fitness_that_is_not_an_accuracy() -> None:
    bindings = ["search.target=95", "search.fitness='tests.evolve.made_up:separables'"]
    assert config.read(["amoeba.gin"], bindings).search.target == 95


UNREAD = [
    ("epochs=7", "nothing reads epochs; did you mean 'training.epochs' or"),
    ("popsize=7", "a name without a dot is a macro, which another binding reads as %popsize"),
    ("EPOCHS=7\nepochs=%EPOCHS", "nothing reads epochs"),
    ("a/b=7", "nothing reads a/b"),
    ("train/training.epochs=1", "nothing reads train/training.epochs; did you mean 'training.epochs'?"),
    ("a/b/search.seed=1", "nothing reads a/b/search.seed; did you mean 'search.seed'?"),
    ("train/compiler.training.epochs=1", "nothing reads train/training.epochs; did you mean 'training.epochs'?"),
    ("network.params={'N': 2}", "does not read network.params: it is a setting of `cell train`; a search has"),
    ("network.seed=1", "this command does not read network.seed"),
    ("trainer.epochs=1", "nothing reads trainer.epochs; did you mean 'training'?"),
    ("training.epochs=%EPOCS", "training.epochs reads %EPOCS, which is not bound"),
    ("training.epochs=@nobody()", "No configurable matching reference '@nobody"),
    ("gin.macro.value=3", "nothing reads macro.value"),
]


@pytest.mark.parametrize(("text", "message"), UNREAD)
def test_a_name_that_nothing_reads(tmp_path: Path, text: str, message: str) -> None:
    """It is refused on the command line and in a file, whose line is named."""
    with pytest.raises(UsageError) as raised:
        config.read(["amoeba.gin"], [text])
    assert message in str(raised.value) and str(raised.value).startswith("--gin_param=")
    (tmp_path / "mine.gin").write_text(f"include 'amoeba.gin'\n# a comment\n{text}\n")
    with pytest.raises(UsageError) as raised:
        config.read([str(tmp_path / "mine.gin")], [])
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{tmp_path / 'mine.gin'}, line {4 if chr(10) in text else 3}: ")


def test_the_nearest_name_of_a_macro_that_is_read() -> None:
    with pytest.raises(UsageError, match="reads %EPOCS, which is not bound; did you mean 'EPOCHS'"):
        config.read(["amoeba.gin"], ["EPOCHS=3\ntraining.epochs=%EPOCS"])


def test_macros_scoped_macros_and_functions_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that another binding reads is not a mistake, in either order of the two."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "read_by_gin.py").write_text(
        "import gin\ngin.constant('read_by_gin.TWO', 2)\n@gin.configurable\ndef doubled(value):\n    return 2 * value\n"
    )
    lines = [
        "training.epochs = %EPOCHS",
        "EPOCHS = @doubled()",
        "doubled.value = %small/number",
        "small/number = 3",
        "import read_by_gin",
        "search.seed = %TWO",
        "big/doubled.value = 50",
        "search.individuals = @big/doubled()",
    ]
    text = "\n".join(lines[-4:-3] + lines[:4] + lines[-3:])
    (tmp_path / "mine.gin").write_text(f"include 'amoeba.gin'\n{text}\n")
    made = config.read([str(tmp_path / "mine.gin")], [])
    assert (made.training.epochs, made.search.seed, made.search.individuals) == (6, 2, 100)
    with pytest.raises(UsageError, match=r"mine\.gin, line 5: nothing reads doubled\.value"):
        (tmp_path / "mine.gin").write_text(
            f"include 'amoeba.gin'\n{text}\n".replace("@doubled()", "3")
            .replace("@big/doubled()", "100")
            .replace("big/doubled.value = 50\n", "")
        )
        config.read([str(tmp_path / "mine.gin")], [])


@pytest.mark.parametrize(
    ("binding", "others", "reason"),
    [
        ("non_ageing_evolution.sample_size=3", [], "search.algorithm is 'regularized_evolution'"),
        ("regularized_evolution.sample_size=3", ["search.algorithm='random_search'"], "is 'random_search'"),
        ("regularized_evolution.sample_size=3", ["search.algorithm=@random_search"], "is 'random_search'"),
        ("table.path='a.npz'", [], "search.fitness is 'training'"),
        ("table.scale=0.1", ["search.fitness='tests.evolve.made_up:slow'"], "is 'tests.evolve.made_up:slow'"),
        ("training.epochs=3", TABLE, "search.fitness is 'table', whose networks are trained already"),
        ("dataset.source='cifar10'", TABLE, "search.fitness is 'table'"),
    ],
)  # fmt: skip
def test_bindings_of_another_algorithm_or_fitness_are_refused_or_shown(
    tmp_path: Path, binding: str, others: list[str], reason: str
) -> None:
    """It is refused on the command line. In a file, which may serve several searches, it is only shown."""
    name = binding.partition("=")[0]
    with pytest.raises(UsageError) as raised:
        config.read(["amoeba.gin"], [binding, *others])
    assert str(raised.value).startswith(f"nothing reads {name}: ") and reason in str(raised.value)
    (tmp_path / "mine.gin").write_text(f"include 'amoeba.gin'\n{binding}\n")
    assert name in config.read([str(tmp_path / "mine.gin")], others).not_read


def test_the_header_of_a_search_lists_what_a_file_binds_in_vain(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--gin_file={small_gin}", "--gin_param=search.individuals=1"]
    assert main.run([*arguments, f"--workdir={tmp_path / 'a'}"]) == 0
    assert [line.split()[2:] for line in capsys.readouterr().out.splitlines() if line.startswith("not read")] == [
        ["training.*"]  # with a fitness from `made_up`
    ]
    other = "--gin_param=search.algorithm='random_search'"
    assert main.run([*arguments, f"--workdir={tmp_path / 'b'}", other]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("not read"))
    assert set(" ".join(row.split()[2:]).split(", ")) == {
        "training.*", "regularized_evolution.population_size", "regularized_evolution.sample_size"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["A=%A", "training.epochs=%A"], "A refers to itself by %A"),
        (["A=%B", "B=%A", "training.epochs=%A"], "B refers to itself by %A"),
        (["training.epochs=@training()"], "training.epochs refers to itself by @training"),
        (["E=50", "training.epochs=%E", "training.epochs=2"], "nothing reads E"),
        (
            ["search.fitness='tests.evolve.made_up:slow'", "training.l2=0.1"],
            "nothing reads training.l2: search.fitness is",
        ),
    ],
)
def test_bindings_without_effect_are_reported(bindings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        config.read(["amoeba.gin"], bindings)


def test_a_binding_that_a_message_asks_for_may_be_given() -> None:
    found = config.read(["amoeba.gin"], ["training.augment=('cutout',)", "training.cutout_size=3"])
    assert (found.training.augment, found.training.cutout_size) == (("cutout",), 3)


def test_bindings_with_effect_are_not_listed() -> None:
    assert config.read(["amoeba.gin"], ["regularized_evolution.sample_size=3"]).not_read == ()
    found = config.read(["amoeba.gin"], ["search.algorithm='random_search'"]).not_read
    assert found == ("regularized_evolution.population_size", "regularized_evolution.sample_size")
    assert config.read(["nasbench201.gin"], ["table.path='a.npz'"]).not_read == (
        "reinforcement.batch_size", "reinforcement.learning_rate"
    )  # fmt: skip
    assert config.read(["amoeba.gin"], ["random_search.window=3"], ["random_search"]).not_read == (
        "random_search.window",
    )


def test_a_file_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "mine.gin"
    path.write_bytes(b"\xef\xbb\xbfinclude 'amoeba.gin'\r\nsearch.seed = 5\r\n")
    assert config.read([str(path)], []).search.seed == 5


@pytest.mark.parametrize("name", ["base/common.gin", "./base/common.gin", "../{}/base/common.gin"])
def test_an_include_is_found_beside_the_file_that_includes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file of the same name in the current folder, or beside the first file, is not read."""
    (tmp_path / "base" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for folder in (tmp_path, tmp_path / "elsewhere"):
        (folder / "more.gin").write_text("search.seed = 1")
    (tmp_path / "mine.gin").write_text(f"include '{name.format(tmp_path.name)}'\n")
    (tmp_path / "base" / "common.gin").write_text("include 'amoeba.gin'\ninclude 'more.gin'\ninclude 'deep/last.gin'\n")
    (tmp_path / "base" / "more.gin").write_text("search.seed = 2\nsearch.seed_file = 'own.cell'\n")
    (tmp_path / "base" / "own.cell").write_text('include "nasnet.cell"\n')
    (tmp_path / "base" / "deep" / "last.gin").write_text("search.individuals = 33\n")
    made = config.read([str(tmp_path / "mine.gin")], [])
    assert (made.search.seed, made.search.individuals) == (2, 33)
    assert made.seed_file() == str(tmp_path / "base" / "own.cell")


def test_an_include_that_is_not_there_or_goes_round(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine.gin").write_text("include 'sub/a.gin'\n")
    (tmp_path / "sub" / "a.gin").write_text("# nothing\n\ninclude 'amobea.gin'\n")
    with pytest.raises(
        UsageError, match=r"sub/a\.gin, line 3: there is no gin file 'amobea\.gin'.*did you mean 'amoeba"
    ):
        config.read([str(tmp_path / "mine.gin")], [])
    (tmp_path / "sub" / "a.gin").write_text("include '../mine.gin'\n")
    with pytest.raises(UsageError, match=r"sub/a\.gin, line 1: .*mine\.gin includes itself"):
        config.read([str(tmp_path / "mine.gin")], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"search.seed = 1\xff\n", r"mine\.gin is not UTF-8 text: .* at byte 15"),
        (b"search.seed = 1\nsearch.params = {'N': 3\n", r"in or below .*mine\.gin, line 1: a bracket or a quote"),
        (b"search.seed = 1\nsearch.seed_file = nasnet.cell\n", r"gin, line 2: this is not a valid Python value: s"),
        (b"search.seed = 1\n\nsearch seed = 2\n", r"mine\.gin, line 3: "),
        (b"import no_such_module_at_all\n", r"mine\.gin, line 1: 'import no_.*' raised an exception:\nModule"),
    ],
)  # fmt: skip
def test_a_gin_file_that_cannot_be_read_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "mine.gin").write_bytes(text)
    with pytest.raises(UsageError, match=message):
        config.read([str(tmp_path / "mine.gin")], [])


def test_a_module_that_raises_is_shown_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "raises_for_gin.py").write_text("import math\n\nSIZE = math.sqrt(-1)\n")
    with pytest.raises(UsageError) as raised:
        config.read(["amoeba.gin"], ["import raises_for_gin"])
    assert "raises_for_gin.py, line 3, in <module>: SIZE = math.sqrt(-1)\nValueError: " in str(raised.value)
    assert str(raised.value).count(", line ") == 1


def test_a_made_up_fitness_leaves_no_weights() -> None:
    with pytest.raises(UsageError, match=r"search\.inherit_weights is True and search\.fitness is 'a:b'"):
        config.read(["digits.gin"], ["search.inherit_weights=True", "search.fitness='a:b'"])


@pytest.mark.parametrize(
    ("budget", "seconds"), [("'90m'", 5400), ("'12h'", 43_200), ("'2d'", 172_800), ("1.5", 5400), ("None", None)]
)
def test_a_budget_of_time_is_read_as_seconds(budget: str, seconds: float | None) -> None:
    assert config.read(["amoeba.gin"], [f"search.budget={budget}"]).search.budget_seconds == seconds


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["search.reuse=True", "search.inherit_weights=True"], "trained from different weights"),
        (["search.executor='serial'", "search.timeout=60"], "a timeout needs worker processes"),
        (["search.executor='serial'", "processes.workers=2"], "reads processes.workers: search.executor is 'serial'"),
        (["ray.address='auto'"], "nothing reads ray.address: search.executor is 'processes'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(bindings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config.read(["amoeba.gin"], bindings)


@pytest.mark.parametrize(
    "wrong",
    [
        ["search.target=95"], ["search.budget='12 parsecs'"], ["search.params=3"], ["search.overlays='imagenet.cell'"],
        ["processes.gpus_per_worker=1.5"], ["search.seed_file=3"], ["dataset.image_size=64"], ["dataset.crop=87.5"],
        ["dataset.unreadable='skp'"], ["search.reuse=True", "search.inherit_weights=True"],
        ["search.executor='serial'", "search.timeout=60"], ["search.executor='serial'", "processes.workers=2"],
        ["search.inherit_weights=True", "search.fitness='a:b'"], ["ray.address='auto'"],
    ],
)  # fmt: skip
def test_the_advice_of_a_message_can_be_pasted_and_helps(wrong: list[str]) -> None:
    """A shell splits the advised flag correctly. With the flag after the wrong ones the settings are accepted."""
    with pytest.raises(UsageError) as raised:
        config.read(["digits.gin"], wrong)
    flag = shlex.split(str(raised.value)[str(raised.value).index("--gin_param=") :])[0].rstrip(",")
    config.read(["digits.gin"], [*wrong, flag.removeprefix("--gin_param=")])


def test_a_missing_gin_file_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"there is no gin file 'amoba.gin'.*did you mean 'amoeba.gin'"):
        config.read(["amoba.gin"], [])


def test_settings_without_a_seed_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.gin").write_text("search.seed = 1")
    with pytest.raises(UsageError, match=r"bind search\.seed_file"):
        config.read([str(tmp_path / "empty.gin")], [])


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'random_search'"):
        config.read(["amoeba.gin"], ["search.algorithm='random_serch'"]).algorithm_name()


def test_a_function_as_the_fitness_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_fitness.py").write_text(
        "import gin\n\n\n@gin.configurable\ndef mine(genotype, seed):\n    return 1.0\n"
    )
    (tmp_path / "mine.gin").write_text("import own_fitness\ninclude 'amoeba.gin'\nsearch.fitness = @mine\n")
    with pytest.raises(UsageError, match=r"imports? .*--gin_param=\"search\.fitness='own_fitness:mine'\""):
        config.read([str(tmp_path / "mine.gin")], [])


def test_every_setting_has_its_allowed_values_and_its_meaning() -> None:
    for record in (*config.RECORDS.values(), *gin_files.RECORDS.values()):
        assert settings_of(record) or record is SerialSettings
        for setting in settings_of(record):
            assert setting.type and setting.domain.words and setting.meaning[0] not in " A"
            # A search by a table must name its path, its fitness and its operations.
            is_open = setting.default is REQUIRED or (record is TableSettings and not setting.default)
            assert is_open or setting.domain.holds(setting.default)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["search.candidates=1"], "search.candidates is 1; it must be a whole number from 2, or None for no model"),
        (
            ["search.repeat_networks=False", "search.inherit_weights=True"],
            "search.repeat_networks is False and search.inherit_weights is True, but",
        ),
        (
            ["search.candidates=10", "search.algorithm='random_search'"],
            "search.candidates is 10 and search.algorithm is 'random_search', which makes no children",
        ),
        (["search.candidates=10", "search.algorithm='reinforcement'"], "which makes no children of which a model"),
    ],
)
def test_contradictions_of_candidates_are_refused(bindings: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        prepare(config.read(["amoeba.gin"], bindings), tmp_path / "work")
    assert (message in str(raised.value) and "--gin_param=" in str(raised.value)) or "whole number" in message
    assert not (tmp_path / "work").exists()
