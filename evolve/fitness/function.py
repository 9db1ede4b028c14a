"""Fitness from a function of the user, `module:function`, which is called with a genotype and a seed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import dsl
from compiler.errors import CompileError, did_you_mean, raised
from compiler.graph.cost import Cost
from evolve.errors import KEPT, UsageError
from evolve.fitness.images import ImagesFitness
from evolve.records import Evaluation, Task


class FunctionFitness(ImagesFitness):
    """A source whose fitness is the number that a function of the user returns for a genotype."""

    not_read: ClassVar[Mapping[str, str]] = {"training.*": "which trains nothing"}

    @classmethod
    def metrics(cls, own: Any) -> None:
        """Returns None, because the function may return any metrics."""
        return None

    def checked(self, seed: dsl.Genotype, beside: Callable[[str], str]) -> Self:
        """Returns this source after a check that the function can be imported."""
        fitness_function(self.name)
        return self

    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Returns the number that the function returns for the genotype and the random seed of the individual."""
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
            return Evaluation(float(value))
        except (TypeError, ValueError):
            raise UsageError(f"search.fitness, {self.name!r}, returned {value!r}; it must return a number") from None


def fitness_function(name: str) -> Callable[[dsl.Genotype, int], float]:
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
    found: Callable[[dsl.Genotype, int], float] | None = getattr(loaded, function, None)
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
