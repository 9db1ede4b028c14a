"""The checks of a search before it begins, and the record of a search that has passed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import dsl
from compiler.domains import settings_of, values
from compiler.errors import CompileError, pasted
from compiler.filesystem import Place
from compiler.settings import GENES, Training
from evolve.algorithms import ALGORITHMS, Algorithm, gin_name
from evolve.algorithms import settings as settings_of_algorithm
from evolve.algorithms.base import Evolution
from evolve.config import RECORDS, Config, algorithm_names
from evolve.errors import UsageError
from evolve.executors import machine
from evolve.fitness.asked import ASK
from evolve.fitness.base import Fitness
from evolve.fitness.facts import Facts
from evolve.fitness.initial import Initial
from evolve.fitness.measuring import Measuring
from evolve.fitness.probe import gpus_of
from evolve.fitness.sharing import Choice
from evolve.objectives import Objective, chosen, direction_of
from evolve.search.cell_space import CellSpace
from evolve.search.listed_space import ListedSpace
from evolve.search.plan import Plan
from evolve.search.warm_start import starts
from evolve.settings import CHANGEABLE, IDENTITY, LATENCY, SearchSettings


@dataclass(frozen=True, slots=True)
class Run:
    """A search whose settings are checked, before its images are read."""

    config: Config
    seed: dsl.Genotype
    fitness: Fitness
    plan: Plan
    workers: str  # the description of the workers in the header
    folder: Path
    storage: Place  # where weights and summaries are kept: `search.storage`, or the work directory
    starts: tuple[str, ...] = ()  # the genotypes of the first individuals, which another search has found
    found: tuple[tuple[str, str], ...] = ()  # rows of the header about what `'auto'` has decided

    def with_facts(self, facts: Facts) -> Run:
        """Returns this search with the facts of its images. The number of workers depends on the size of the images."""
        workers = self.config.executor.describe(facts.bytes)
        return replace(self, fitness=replace(self.fitness, facts=facts), workers=workers)

    def with_choice(self, choice: Choice, warning: str) -> Run:
        """Returns this search with what `'auto'` has decided, and with a warning for the header, which may be empty."""
        executor, gpu = self.config.executor, ""
        if isinstance(executor, machine.WorkerSettings) and executor.finds_share and gpus_of(executor):
            executor = replace(executor, gpus_per_worker=choice.share)
            gpu = choice.gpu if choice.share else ""
        training = replace(
            self.fitness.training, precision=choice.precision, jit_compile=choice.jit_compile,
            images_on_device=choice.images_on_device,
        )  # fmt: skip
        return replace(
            self,
            config=replace(self.config, executor=executor),
            fitness=replace(self.fitness, training=training, gpu=gpu),
            workers=executor.describe(self.fitness.known.bytes),
            found=(*choice.found.items(), *([("warning", warning)] if warning else [])),
        )

    def space(self, input_shape: tuple[int, int, int], classes: int) -> CellSpace:
        """Returns the search space for images of this shape."""
        mutations = self.config.search.sample_mutations
        space, listed = self.seed.space, self.fitness.listed
        if listed is None:
            return CellSpace(space, input_shape, classes, mutations, starts=self.starts)
        choices = self.fitness.choices
        return ListedSpace(space, input_shape, classes, mutations, starts=self.starts, listed=listed, choices=choices)

    def identity(self, algorithm: Algorithm[dsl.Genotype]) -> Mapping[str, str]:
        """Returns, by name, the search space and the settings that identify this search."""
        settings = self._marked(IDENTITY)
        settings["search.algorithm"] = self.config.algorithm_name()
        # The weights are identified by their contents, and not by their file.
        initial = self.fitness.initial
        settings["search.initial_weights"] = "" if initial is None else f"a file with the digest {initial.digest[:16]}"
        settings |= {**settings_of_algorithm(algorithm), **self.fitness.identity()}
        if self.fitness.objectives != (Objective(self.fitness.metric),):
            settings["search.objectives"] = self.fitness.objectives
        if self.fitness.measuring.latency is not None:
            settings |= {f"latency.{name}": value for name, value in values(self.fitness.measuring.latency).items()}
        return {**{name: str(value) for name, value in settings.items()}, "the space": self.fitness.space}

    def _marked(self, mark: str) -> dict[str, object]:
        """Returns, by name, the values of the settings `search.*` that are marked with `mark`."""
        declared, found = settings_of(SearchSettings), self.config.search
        return {f"search.{one.name}": getattr(found, one.name) for one in declared if mark in one.marks}

    def settings(self) -> Mapping[str, str]:
        """Returns the settings, by name, that may change when the search is resumed."""
        changeable = self._marked(CHANGEABLE)
        executor, name = self.config.executor, self.config.executor_name
        own: Mapping[str, object] = values(executor) if is_dataclass(executor) else {}
        changeable |= {"search.executor": name, **{f"{name}.{key}": value for key, value in own.items()}}
        return {name: str(value) for name, value in (changeable | dict(self.fitness.changeable())).items()}


def prepare(config: Config, folder: Path) -> Run:
    """Checks all settings, and returns the search. Nothing is written.

    Raises:
      UsageError, dsl.CellError: a setting or a `.cell` file is wrong.
    """
    settings = config.search
    _check_flops(config)
    _check_objectives(config)
    _check_repeats(config)
    _check_finalists(config)
    _check_rungs(config)
    _check_candidates(config)
    seed = dsl.load(config.seed_file(), settings.params, config.overlays())
    dsl.decisions(seed)  # Every algorithm begins with random samples. Here a joint draw of too many steps is an error.
    place = settings.place or folder
    fitness = config.source(
        name=settings.fitness,
        space=seed.space.text(),
        dataset=config.images(),
        training=config.training,
        folder=folder,
        weights=place / "weights",
        inherit=settings.inherit_weights,
        initial=_initial(config),
        rungs=settings.rungs,
        repeats=settings.repeats,
        own=config.own,
        measuring=Measuring(
            latency=config.latency if LATENCY in settings.metrics else None,
            command=settings.measure,
            seconds=settings.measure_seconds,
        ),
        objectives=chosen(
            settings.metric, settings.objectives, config.source.metric, config.source.metrics(config.own)
        ),
    ).checked(seed, config.beside)
    workers = config.executor.describe()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the work directory {folder} is a file; choose another --workdir")
    _check_genes(config.training, seed)
    # Every other field of a plan has the value of the setting of its name.
    limits: dict[str, Any] = values(settings) | {
        "log": config.executor.log(folder),
        "budget": settings.budget_seconds,
        "budget_simulated": fitness.budget_seconds,
        "objectives": fitness.objectives,
    }
    plan = Plan(**{field.name: limits[field.name] for field in fields(Plan)})
    return Run(config, seed, fitness, plan, workers, folder, place, _starts(config, seed, folder))


def _initial(config: Config) -> Initial | None:
    """Returns the weights from which individuals begin; None for random weights.

    Raises:
      UsageError: `search.initial_weights` cannot be used.
    """
    name = config.search.initial_weights
    return Initial.of(name, Path(config.beside(name, Path.is_file)).absolute()) if name else None


def _starts(config: Config, seed: dsl.Genotype, folder: Path) -> tuple[str, ...]:
    """Returns the genotypes of the first individuals: half as many as would be random, so that others are new.

    Raises:
      UsageError: `search.warm_start` cannot be used.
    """
    name = config.search.warm_start
    if not name:
        return ()
    algorithm = config.algorithm(CellSpace(seed.space, (1, 1, 1), 1))
    if not isinstance(algorithm, Evolution):
        raise UsageError(
            f"search.warm_start is {name!r} and search.algorithm is {config.algorithm_name()!r}, which learns nothing "
            f"from first individuals: {pasted('search.warm_start', '')}, or "
            f"{pasted('search.algorithm', 'regularized_evolution')}"
        )
    count = max(1, algorithm.sampled // 2)
    return starts(name, Path(config.beside(name, Path.is_dir)), folder, seed.space.text(), count)


def _check_repeats(config: Config) -> None:
    """Checks that individuals can be evaluated several times.

    Raises:
      UsageError: they cannot with these settings.
    """
    search, folds = config.search, config.dataset.folds
    if folds is not None and search.fitness == ASK:
        raise UsageError(
            f"dataset.folds is {folds} and search.fitness is {ASK!r}, with which your own program divides its images: "
            f"{pasted('dataset.folds', None)}"
        )
    if search.repeats > 1 and config.source.is_simulated:
        raise UsageError(
            f"search.repeats is {search.repeats} and search.fitness is {search.fitness!r}, which has one result for "
            f"each network: {pasted('search.repeats', 1)}"
        )
    if search.repeats > 1 and search.rungs:
        raise UsageError(
            f"search.repeats is {search.repeats} and search.rungs is {search.rungs}, with which one training is "
            f"continued: {pasted('search.repeats', 1)}, or {pasted('search.rungs', ())}"
        )
    if folds is not None and search.repeats > folds:
        raise UsageError(
            f"search.repeats is {search.repeats} and dataset.folds is {folds}, and each repeat validates on a fold of "
            f"its own: {pasted('search.repeats', folds)}, or {pasted('dataset.folds', search.repeats)}"
        )
    if folds is not None and search.inherit_weights:
        raise UsageError(
            f"dataset.folds is {folds} and search.inherit_weights is True, but inherited weights have seen images "
            f"of other folds: {pasted('dataset.folds', None)}, or {pasted('search.inherit_weights', False)}"
        )


def _check_finalists(config: Config) -> None:
    """Checks that the best individuals can be trained again at the end.

    Raises:
      UsageError: they cannot with these settings.
    """
    search, folds = config.search, config.dataset.folds
    if search.finalists is None:
        return
    found, off = f"search.finalists is {search.finalists}", pasted("search.finalists", None)
    if config.source.is_simulated:
        raise UsageError(
            f"{found} and search.fitness is {search.fitness!r}, which has one result for each network, so a second "
            f"evaluation finds the same: {off}"
        )
    if search.inherit_weights:
        raise UsageError(
            f"{found} and search.inherit_weights is True, but the weights with which an individual started may be "
            f"gone at the end: {off}, or {pasted('search.inherit_weights', False)}"
        )
    if folds is not None and search.finalist_repeats > folds:
        raise UsageError(
            f"search.finalist_repeats is {search.finalist_repeats} and dataset.folds is {folds}, and each retraining "
            f"validates on a fold of its own: {pasted('search.finalist_repeats', folds)}, or "
            f"{pasted('dataset.folds', search.finalist_repeats)}"
        )


def _check_rungs(config: Config) -> None:
    """Checks that the algorithm and the source of fitness of a search with rungs take rungs.

    Raises:
      UsageError: one of them does not, or the last rung is not the whole training.
    """
    rungs, search = config.search.rungs, config.search
    if not rungs:
        return
    off = pasted("search.rungs", ())
    if not config.source.takes_rungs:
        raise UsageError(
            f"search.rungs is {rungs} and search.fitness is {search.fitness!r}, which cannot stop a training and "
            f"continue it later: {off}, or {pasted('search.fitness', 'training')}"
        )
    if search.stop and not config.source.trains:
        raise UsageError(
            f"search.stop is True and search.fitness is {search.fitness!r}, which has no curves of a training: "
            f"{pasted('search.stop', False)}, or {pasted('search.fitness', 'training')}"
        )
    chosen = config.algorithm_name()
    if not RECORDS[chosen].takes_rungs:
        others = " or ".join(repr(name) for name in algorithm_names() if RECORDS[name].takes_rungs)
        raise UsageError(
            f"search.rungs is {rungs} and search.algorithm is {chosen!r}, which compares whole trainings only: {off}, "
            f"or one of {others}: {pasted('search.algorithm', 'regularized_evolution')}"
        )
    epochs = config.training.epochs
    if config.source.trains and epochs != rungs[-1]:
        raise UsageError(
            f"training.epochs is {epochs} and the last of search.rungs is {rungs[-1]}; the last rung is the whole "
            f"training: {pasted('training.epochs', rungs[-1])}"
        )


def bred(
    config: Config, space: CellSpace, networks: Mapping[int, tuple[str, str]] | None = None
) -> Algorithm[dsl.Genotype]:
    """Returns the algorithm of a search, which draws proposals again or chooses candidates if the settings say so.

    Args:
      config: the settings of the search.
      space: the search space.
      networks: the fingerprints and genes of the individuals of earlier runs, by their ids.
    """
    search = config.search
    if search.candidates is None and search.repeat_networks:
        return config.algorithm(space)
    from evolve.algorithms.breeder import Breeder  # It needs numpy, which takes a moment to load.

    # Only inherited weights make a network that was seen worth another training.
    repeats = search.repeat_networks and (search.candidates is None or search.inherit_weights)
    return Breeder(config.algorithm, space, search.seed, search.candidates, repeats, networks)


def _check_flops(config: Config) -> None:
    """Checks that individuals cost FLOPs if the search ends after a budget of them."""
    budget = config.search.budget_flops
    if budget is not None and not config.training.epochs:
        raise UsageError(
            f"search.budget_flops is {budget!r} and training.epochs is 0, with which no individual takes FLOPs: "
            f"{pasted('search.budget_flops', None)}, or {pasted('training.epochs', 1)}"
        )


def _check_objectives(config: Config) -> None:
    """Checks that the algorithm takes one objective, or several of them."""
    objectives, name = config.search.objectives, config.algorithm_name()
    taken = _class(config).objectives
    if len(objectives) > 1 and taken == "one":
        first = dict([*objectives.items()][:1])
        raise UsageError(
            f"search.objectives has {len(objectives)} metrics and search.algorithm is {name!r}, which compares "
            f"individuals by one: {pasted('search.algorithm', 'nsga2')}, or {pasted('search.objectives', first)}"
        )
    if len(objectives) < 2 and taken == "several":
        first_metric = config.search.first_metric or config.source.metric
        size = "params" if first_metric == "mult_adds" else "mult_adds"
        wanted = {first_metric: direction_of(first_metric) or "max", **objectives, size: "min"}
        raise UsageError(
            f"search.algorithm is {name!r}, which needs two objectives or more, and search.objectives has "
            f"{len(objectives)}: {pasted('search.objectives', wanted)}, or "
            f"{pasted('search.algorithm', 'regularized_evolution')}"
        )


def _class(config: Config) -> type[Any]:
    """Returns the class of the algorithm."""
    return RECORDS[config.algorithm_name()] if config.made is None else type(config.made)


def _check_candidates(config: Config) -> None:
    """Checks that the algorithm makes children, of which a model can choose one."""
    count, name = config.search.candidates, config.algorithm_name()
    if count is not None and not _class(config).breeds:
        breeding = [gin_name(made) for made in ALGORITHMS if made.breeds]
        raise UsageError(
            f"search.candidates is {count} and search.algorithm is {name!r}, which makes no children of which a model "
            f"could choose one: {pasted('search.candidates', None)}, or choose one of {', '.join(breeding)}: "
            f"{pasted('search.algorithm', breeding[0])}"
        )


def _check_genes(training: Training, seed: dsl.Genotype) -> None:
    """Checks that the training can have every member of the domain of each gene that it reads."""
    genes = dict(seed.genes)
    members = [
        {name: value} for name, domain in seed.space.domains.items() if name in GENES for value in domain.members
    ]
    try:
        for changed in ({}, *members):
            training.with_genes(genes | changed)
    except CompileError as error:
        raise UsageError(str(error)) from None
