"""Search algorithms, asked for a genotype and told its fitness; they know of no image, file or process.

One file a role: what all share (`base`), evolution with and without ageing (`regularized`), the pairwise tournament
(`tournament`), random search (`sampling`), and reinforcement learning (`reinforcement`). Its network (`controller`) is
the only file here that knows TensorFlow, and is imported when it is first needed.
"""

from typing import Any

from evolve.algorithms.base import (
    SHOWN,
    Algorithm,
    Child,
    Evolution,
    Latest,
    Ledger,
    Member,
    SearchSpace,
    Survivors,
    generator,
    gin_name,
    settings,
)
from evolve.algorithms.regularized import NonAgeingEvolution, RegularizedEvolution
from evolve.algorithms.reinforcement import ChoiceSpace, Reinforcement
from evolve.algorithms.sampling import RandomSearch
from evolve.algorithms.tournament import PairwiseTournament

# The algorithms that a search may name, each by its class's name: `RandomSearch` is 'random_search'.
ALGORITHMS: tuple[type[Any], ...] = (
    RegularizedEvolution,
    NonAgeingEvolution,
    PairwiseTournament,
    RandomSearch,
    Reinforcement,
)

__all__ = [
    "ALGORITHMS",
    "SHOWN",
    "Algorithm",
    "Child",
    "ChoiceSpace",
    "Evolution",
    "Latest",
    "Ledger",
    "Member",
    "NonAgeingEvolution",
    "PairwiseTournament",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforcement",
    "SearchSpace",
    "Survivors",
    "generator",
    "gin_name",
    "settings",
]
