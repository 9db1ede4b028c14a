"""The search: evolution of `.cell` texts in worker processes, kept in a store.

An algorithm proposes genotypes and receives their fitness (`algorithms`). Algorithms do not depend on models, files
or processes. `search` gives the proposals to workers (`executors`), writes their results to the store (`store`), and
hands finished individuals to observers (`observers`). `fitness` has the sources of fitness. Only `config` uses gin.
`whole` puts the parts together, and `main` is the command `evolve`. Importing this package loads no TensorFlow.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # importing `typing` for its constant would take most of the time of importing this package
if TYPE_CHECKING:
    from typing import Any

    from evolve.algorithms import (
        Algorithm,
        Child,
        LocalSearch,
        Neat,
        NonAgeingEvolution,
        Nsga2,
        PairwiseTournament,
        RandomSearch,
        RegularizedEvolution,
        Reinforcement,
        SearchSpace,
    )
    from evolve.asking import AskStudy, SearchEnded, Trial
    from evolve.creation import create
    from evolve.errors import SearchError, UsageError
    from evolve.executors import Executor, Processes, Serial
    from evolve.records import Evaluation, Individual, Proposal, Standing, Task
    from evolve.search.cell_space import CellSpace
    from evolve.search.loop import Search
    from evolve.search.plan import Plan
    from evolve.store.store import Store
    from evolve.study import Study, open, run

__all__ = [
    "Algorithm", "AskStudy", "CellSpace", "Child", "Evaluation", "Executor", "Individual", "LocalSearch", "Neat",
    "NonAgeingEvolution", "Nsga2", "PairwiseTournament", "Plan", "Processes", "Proposal", "RandomSearch",
    "RegularizedEvolution", "Reinforcement", "Search", "SearchEnded", "SearchError", "SearchSpace", "Serial",
    "Standing", "Store", "Study", "Task", "Trial", "UsageError", "create", "open", "run",
]  # fmt: skip

_MODULES = {
    "CellSpace": "evolve.search.cell_space",
    "Plan": "evolve.search.plan",
    "Search": "evolve.search.loop",
    "Store": "evolve.store.store",
    **dict.fromkeys(("AskStudy", "SearchEnded", "Trial"), "evolve.asking"),
    "create": "evolve.creation",
    **dict.fromkeys(("Study", "open", "run"), "evolve.study"),
    **dict.fromkeys(("SearchError", "UsageError"), "evolve.errors"),
    **dict.fromkeys(("Executor", "Processes", "Serial"), "evolve.executors"),
    **dict.fromkeys(("Evaluation", "Individual", "Proposal", "Standing", "Task"), "evolve.records"),
}


def __getattr__(name: str) -> Any:
    """Returns a public name of this package, whose module is imported now. `evolve --help` imports no such module."""
    if name not in __all__:
        raise AttributeError(f"module 'evolve' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES.get(name, "evolve.algorithms")), name)
