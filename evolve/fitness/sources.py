"""The sources of fitness by the names that `search.fitness` gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from compiler.errors import pasted
from evolve.errors import UsageError
from evolve.fitness.asked import ASK, AskedFitness
from evolve.fitness.base import Fitness
from evolve.fitness.function import FunctionFitness
from evolve.fitness.table import TableFitness
from evolve.fitness.training import TrainingFitness

SOURCES: Mapping[str, type[Fitness]] = {"training": TrainingFitness, "table": TableFitness, ASK: AskedFitness}


def source(name: object) -> type[Fitness]:
    """Returns the source that `search.fitness` names.

    Raises:
      UsageError: there is no such source.
    """
    if isinstance(name, str) and name in SOURCES:
        return SOURCES[name]
    if isinstance(name, str) and re.fullmatch("[^:]+:[^:]+", name):
        return FunctionFitness
    if callable(name):
        text = f"{name.__module__}:{getattr(name, '__qualname__', name)}"
        raise UsageError(
            f"search.fitness is the function {text}; worker processes import a function by its name, so it must be "
            f"given as text: {pasted('search.fitness', text)}"
        )
    raise UsageError(f"search.fitness is {name!r}; it may be {', '.join(map(repr, SOURCES))} or 'module:function'")
