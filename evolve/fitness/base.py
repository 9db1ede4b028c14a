"""The interface of a source of fitness, and the evaluation of an individual by a worker."""

from __future__ import annotations

import functools
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import dsl
from compiler.errors import CompileError, DataError, pasted
from compiler.filesystem import Place
from compiler.graph.cost import Cost
from compiler.graph.cost import cost as cost_of
from compiler.images.inventory import Progress
from compiler.settings import DatasetSettings, Training
from compiler.version import version
from evolve.errors import SearchError, UsageError
from evolve.fitness.facts import Facts
from evolve.fitness.initial import Initial
from evolve.fitness.measuring import Measuring
from evolve.fitness.repeats import error_of, mean_of, tasks
from evolve.objectives import MEASURES, Objective, Objectives
from evolve.records import Classification, Evaluation, Metrics, Task, failed
from evolve.settings import SearchSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness(ABC):
    """A source of fitness, with everything that the workers of one search share.

    A worker receives this object with every task, so the object is small and can be pickled. A subclass adds no fields.
    If a subclass has settings, they are a record of their own: `settings` is the type of the record, and `own` is the
    record.

    Attributes:
      name: the source as `search.fitness` names it.
      space: the `.cell` text of the search space.
      dataset: the settings of the data set.
      training: the settings of the trainings.
      folder: the work directory.
      weights: the folder for the weights of a new best individual, and of those that children may inherit. The folder
        of the checkpoints is beside it.
      inherit: whether children start from the weights of their parents.
      initial: the weights from which individuals begin; None for random weights.
      own: the settings of this source, which are of the type `settings`.
      objectives: the metrics by which individuals are compared; without one, the metric that the source measures.
      measuring: the measures of exported networks.
      repeats: the number of evaluations of each individual.
      rungs: the epochs after which trainings are compared; empty if trainings are not interrupted.
      gpu: the name of the GPU on which workers train; empty for the CPU.
      facts: the facts of the images; None before they are found.
      version: the version of the driver.
    """

    name: str
    space: str
    dataset: DatasetSettings
    training: Training
    folder: Path
    weights: Place
    inherit: bool = False
    initial: Initial | None = None
    own: Any = None
    objectives: Objectives = field(default_factory=Objectives)
    measuring: Measuring = field(default_factory=Measuring)
    rungs: tuple[int, ...] = ()
    repeats: int = 1
    gpu: str = ""
    facts: Facts | None = None
    version: str = field(default_factory=version)

    settings: ClassVar[type[Any] | None] = None  # the type of `own`; its gin name is the name of the source
    # Groups of settings that the source does not read, each with the reason. The group `training.*` is without
    # `training.epochs`, from which FLOPs are computed.
    not_read: ClassVar[Mapping[str, str]] = {}
    budget_advice: ClassVar[str] = pasted("search.budget_flops", None)  # flags that replace a budget in FLOPs
    metric: ClassVar[str] = "fitness"  # the metric that is the fitness if no setting chooses another one
    trains: ClassVar[bool] = False  # whether an evaluation is a training, which needs TensorFlow in the worker
    has_images: ClassVar[bool] = False  # whether networks are for the images of `dataset`
    takes_rungs: ClassVar[bool] = False  # whether a training can stop at a rung and be continued later
    is_simulated: ClassVar[bool] = False  # whether the seconds of an evaluation come from a table

    def __post_init__(self) -> None:
        if not self.objectives:
            object.__setattr__(self, "objectives", Objectives([Objective(self.metric)]))

    # Before the search begins, in the driver.

    @classmethod
    def check(cls, search: SearchSettings) -> None:
        """Checks those settings of the search that only some sources of fitness allow.

        Raises:
          UsageError: this source of fitness does not allow the value of a setting.
        """
        if search.budget_flops is not None and "training" in cls.not_read:
            raise UsageError(
                f"search.budget_flops is {search.budget_flops!r} and search.fitness is {search.fitness!r}, "
                f"which trains nothing: {cls.budget_advice}"
            )
        if search.inherit_weights and not cls.trains:
            raise UsageError(
                f"search.inherit_weights is True and search.fitness is {search.fitness!r}, "
                f"which leaves no weights: {pasted('search.inherit_weights', False)}, or "
                f"{pasted('search.fitness', 'training')}"
            )
        if search.initial_weights and not cls.trains:
            raise UsageError(
                f"search.initial_weights is {search.initial_weights!r} and search.fitness is {search.fitness!r}, "
                f"which trains nothing: {pasted('search.initial_weights', '')}, or "
                f"{pasted('search.fitness', 'training')}"
            )
        if search.measure and not cls.trains:
            raise UsageError(
                f"search.measure is {search.measure!r} and search.fitness is {search.fitness!r}, which trains no "
                f"network that could be exported: {pasted('search.measure', '')}"
            )

    @classmethod
    def metrics(cls, own: Any) -> Collection[str] | None:
        """Returns the names of the metrics that this source measures; None if they are not known before the search.

        Args:
          own: the settings of this source.
        """
        return (cls.metric, *MEASURES)

    def try_measures(self, seed: str) -> Metrics:
        """Returns the measures of the seed's exported network, so that a fault is found before the search begins.

        Raises:
          UsageError: the seed cannot be measured.
        """
        return ()

    def checked(self, seed: dsl.Genotype, beside: Callable[[str], str]) -> Self:
        """Returns this source after all checks that need no images.

        Args:
          seed: the seed of the search.
          beside: finds a file by the name that a gin file gives it.

        Raises:
          UsageError: the source of fitness cannot be used.
        """
        return self

    @abstractmethod
    def identity(self) -> Mapping[str, object]:
        """Returns, by name, the settings of this source that identify a search. Another value makes another search."""

    def changeable(self) -> Mapping[str, object]:
        """Returns the settings of this source, by name, that may change when a search is resumed."""
        return {}

    @property
    def needs_worker(self) -> bool:
        """Whether a worker must find the facts of the images, because TensorFlow is needed to read the images."""
        return False

    @abstractmethod
    def find_facts(self, known: Facts | None = None, progress: Progress | None = None) -> Facts:
        """Returns the facts of the images, which the driver needs before the first individual is proposed.

        Args:
          known: the facts of a search that is resumed.
          progress: is called while files are read.

        Raises:
          UsageError: the images are missing, differ from those of `known`, or cannot be used to evaluate individuals.
        """

    def facts_of_complete(self, known: Facts, source: str | None) -> Facts:
        """Returns the facts of a complete search. The search can be shown even if its images have been removed.

        Args:
          known: the facts of the search.
          source: the value of `dataset.source` with which the search was run.

        Raises:
          UsageError: the images are those of another search.
        """
        return known

    # The methods by which the driver shows a search.

    @property
    def known(self) -> Facts:
        """The facts of the images.

        Raises:
          SearchError: the facts are not known yet.
        """
        if self.facts is None:
            raise SearchError("an individual was sent before the images were read")
        return self.facts

    @property
    def budget_seconds(self) -> float | None:
        """The simulated seconds after which the search ends; None: simulated seconds are not limited."""
        return None

    @property
    def listed(self) -> Mapping[str, str] | None:
        """The fingerprints of the networks that may be proposed; None: every network of the search space.

        Each has the fingerprint that stands for its network. Several may have the same, and are one network then.
        """
        return None

    @property
    def choices(self) -> Sequence[Sequence[int]]:
        """The choices of the listed networks, as `dsl.decide` takes them; empty if they are not known."""
        return ()

    def rows(self) -> list[tuple[str, str]]:
        """Returns further rows about the images for the header of the search, each a title and a text."""
        return []

    def chance(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Returns the number of validation images of each class, and flags that may raise an accuracy above chance.

        If the fitness is not an accuracy, both are empty tuples.
        """
        return (), ()

    def can_test(self, id: int) -> bool:
        """Whether an individual can be measured on the test images."""
        return False

    # The methods that a worker calls.

    @abstractmethod
    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Returns the evaluation of a genotype. `evaluate` adds the size, the FLOPs and the measured seconds.

        Raises:
          CompileError: the individual fails.
          MemoryError: the individual is evaluated again, and fails if the memory is short again.
          DataError, UsageError: the images or the machine are at fault. The search ends and records no failure.
        """

    def test(self, id: int, genotype: str) -> Classification | None:
        """Returns the result of an individual on the test images, or None if the individual cannot be tested.

        Raises:
          UsageError: the individual cannot be evaluated.
        """
        return None

    def warm(self) -> None:
        """Imports in a new worker what evaluations need. Only some sources have large imports."""
        return None

    def evaluate(self, task: Task) -> Evaluation:
        """Returns the evaluation of one individual.

        Raises:
          UsageError: this worker has another version than the driver, or the images or the machine are at fault.
        """
        check_version(self)
        start = time.perf_counter()
        genotype, runs = parsed(self.space).genotype(task.genotype), list[Evaluation]()
        for number, own in tasks(task, self.repeats):
            runs.append(self._measured(genotype, replace(own, earlier=tuple(runs))))
            if runs[-1].is_failed:
                reason = f"repeat {number + 1} of {self.repeats}: " if self.repeats > 1 else ""
                runs = [replace(runs[-1], error=f"{reason}{runs[-1].error}")]
                break
        found = replace(mean_of(runs), fitness_error=error_of(runs, self.objectives, self.metric))
        seconds = found.seconds if self.is_simulated else time.perf_counter() - start
        found = self.objectives.judged(replace(found, seconds=seconds), self.metric)
        # A backward pass counts as two forward passes, which gives the factor 3. A mult-add counts as one FLOP.
        images = self.known.images if found.status == "done" and "training" not in self.not_read else 0
        epochs = self.training.epochs * self.repeats if found.epochs is None else found.epochs
        return replace(found, flops=3.0 * found.mult_adds * images * epochs)

    def _measured(self, genotype: dsl.Genotype, task: Task) -> Evaluation:
        # The size is computed before the measurement, so that an individual that fails in the measurement has a size.
        cost = task.cost
        try:
            cost = cost or cost_of(genotype, self.known.input_shape, self.known.classes)
            found = self.measure(genotype, task, cost)
        except DataError as error:
            raise UsageError(unrecorded(error)) from None
        except CompileError as error:
            found = failed(str(error))
        except MemoryError as error:
            found = out_of_memory(error)
        return found if cost is None else sized(found, cost)


def sized(evaluation: Evaluation, size: Cost | Evaluation) -> Evaluation:
    """Returns an evaluation with the size of a network, which `size` has."""
    return replace(evaluation, params=size.params, mult_adds=size.mult_adds, depth=size.depth)


@functools.lru_cache(maxsize=1)
def parsed(text: str) -> dsl.Space:
    """Returns the search space of a `.cell` text. A worker parses the text once."""
    return dsl.loads(text).space


def check_version(fitness: Fitness) -> None:
    """Checks that a worker has the version of the driver.

    Raises:
      UsageError: the worker has another version.
    """
    found = getattr(fitness, "version", "another")  # an object that another version has pickled may lack the attribute
    if found != version():
        raise UsageError(
            f"a worker on {socket.gethostname()} has amoeba-evolve {version()}, the driver has {found}: "
            "install the same version on every machine"
        )


def out_of_memory(error: Exception) -> Evaluation:
    """Returns the evaluation of an individual that ran out of memory. A retry may succeed, so it is retryable."""
    return replace(failed(str(error) or "the evaluation ran out of memory"), is_retryable=True)


def unrecorded(reason: object) -> str:
    """Returns the message for a fault of the images or the machine, which is not a failure of the individual."""
    return f"{reason}\nno individual was recorded as failed: remove the cause, and the same command resumes the search"
