"""Fitness from a function of the user, `module:function`, which is called with a genotype and a seed."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import dsl
from compiler.errors import CompileError, did_you_mean, pasted, raised
from compiler.graph.cost import Cost
from evolve.errors import KEPT, UsageError
from evolve.fitness.images import ImagesFitness
from evolve.objectives import MEASURES, Objective
from evolve.records import Evaluation, Task, failed


class FunctionFitness(ImagesFitness):
    """A source whose fitness is the number that a function of the user returns for a genotype.

    The function may also return a mapping from the names of metrics to numbers.
    """

    not_read: ClassVar[Mapping[str, str]] = {"training.*": "which trains nothing"}

    @classmethod
    def metrics(cls, own: Any) -> None:
        """Returns None, because the function may return any metrics."""
        return None

    def checked(self, seed: dsl.Genotype, beside: Callable[[str], str]) -> Self:
        """Returns this source after a check that the function can be imported."""
        fitness_function(self.name)
        return self

    def warm(self) -> None:
        """Imports the function. If that fails, the evaluations of the worker raise the error."""
        with contextlib.suppress(UsageError):
            fitness_function(self.name)

    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Returns the number or the metrics that the function returns for the genotype and the random seed.

        Without a metric `fitness`, the fitness is the first objective.
        """
        function = fitness_function(self.name)
        try:
            value = function(genotype, task.seed)
        except (CompileError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # a user's function may raise any exception
            raise UsageError(
                f"search.fitness, {self.name!r}, raised an exception:\n{raised(error)}\ncorrect the function: {KEPT}"
            ) from None
        try:
            if not isinstance(value, Mapping):
                return Evaluation(float(value))
            metrics = {str(name): float(number) for name, number in value.items()}
        except (TypeError, ValueError):
            raise UsageError(
                f"search.fitness, {self.name!r}, returned {value!r}; it must return a number, or a mapping from names "
                "of metrics to numbers"
            ) from None
        return self._of(metrics, value)

    def _of(self, metrics: Mapping[str, float], value: object) -> Evaluation:
        """Returns the evaluation with the metrics that the function has returned.

        Raises:
          UsageError: the function has returned no fitness, or a metric that every evaluation has already.
        """
        own = [name for name in metrics if name in MEASURES]
        if own:
            raise UsageError(
                f"search.fitness, {self.name!r}, returned {value!r}; every individual has a metric {own[0]!r} of its "
                "own: return it under another name"
            )
        if self.metric not in metrics and self.objectives == (Objective(self.metric),):
            names = [*metrics]
            raise UsageError(
                f"search.fitness, {self.name!r}, returned {value!r}, which has no {self.metric!r}: choose the metric "
                f"that is the fitness: {pasted('search.objectives', dict.fromkeys(names[:1] or ['accuracy'], 'max'))}"
            )
        wrong = [name for name, number in metrics.items() if not math.isfinite(number)]
        if wrong:
            return failed(f"the metric {wrong[0]} is {metrics[wrong[0]]}")
        return Evaluation(metrics.get(self.metric, math.nan), metrics=tuple(metrics.items()))


def fitness_function(name: str) -> Callable[[dsl.Genotype, int], Any]:
    """Returns the function that `module:function` names.

    Raises:
      UsageError: the module cannot be imported, or has no such function.
    """
    module, _, function = name.partition(":")
    try:
        loaded = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a user's module may raise any exception
        raise UsageError(
            f"search.fitness is {name!r}, which cannot be imported:\n{_unimported(module, error)}"
        ) from None
    found: Callable[[dsl.Genotype, int], Any] | None = getattr(loaded, function, None)
    if not callable(found):
        near = did_you_mean(function, (known for known in vars(loaded) if callable(vars(loaded)[known])))
        raise UsageError(f"search.fitness is {name!r}, and {module} has no function {function!r}{near}")
    return found


def _unimported(module: str, error: BaseException) -> str:
    """Returns why a module cannot be imported, with advice if its file is in a folder that Python does not search."""
    there = Path(*module.split(".")).with_suffix(".py")
    if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0] and there.is_file():
        return f"{error}; {there} is in the current folder, in which Python does not search: export PYTHONPATH=."
    return raised(error)
