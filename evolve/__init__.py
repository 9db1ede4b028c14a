"""The search: evolution of `.cell` texts in worker processes, kept in a store.

An algorithm is asked for a genotype and told its fitness (`algorithms`); it knows no model, file or process.
`search` keeps workers busy with what it asks for (`executors`, `evaluate`), writes everything down (`store`),
and tells observers (`progress`, `board`, `keep`). `config` is the only place that knows gin, `run` puts the
parts together, and `main` is the command `evolve`. Importing this package loads no TensorFlow.
"""

from evolve.algorithms import (
    Algorithm,
    Child,
    NonAgeingEvolution,
    PairwiseTournament,
    RandomSearch,
    RegularizedEvolution,
    Reinforcement,
    SearchSpace,
)
from evolve.errors import SearchError, UsageError
from evolve.records import Evaluation, Individual, Proposal

__all__ = [
    "Algorithm",
    "Child",
    "Evaluation",
    "Individual",
    "NonAgeingEvolution",
    "PairwiseTournament",
    "Proposal",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforcement",
    "SearchError",
    "SearchSpace",
    "UsageError",
]
