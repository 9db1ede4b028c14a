"""Search algorithms, asked for a genotype and told its fitness; they know of no image, file or process.

One file a role: what all share (`base`), evolution with and without ageing (`regularized`), the pairwise tournament
(`tournament`), random search (`sampling`), and reinforcement learning (`reinforcement`). Its network (`controller`) is
the only file here that knows TensorFlow, and is imported when it is first needed.
"""

from evolve.algorithms.base import Algorithm, Child, Ledger, Member, SearchSpace, generator
from evolve.algorithms.regularized import NonAgeingEvolution, RegularizedEvolution
from evolve.algorithms.reinforcement import ChoiceSpace, Reinforcement
from evolve.algorithms.sampling import RandomSearch
from evolve.algorithms.tournament import PairwiseTournament

__all__ = [
    "Algorithm",
    "Child",
    "ChoiceSpace",
    "Ledger",
    "Member",
    "NonAgeingEvolution",
    "PairwiseTournament",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforcement",
    "SearchSpace",
    "generator",
]
