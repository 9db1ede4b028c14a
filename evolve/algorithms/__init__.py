"""Search algorithms, which make proposals and receive fitnesses. They do not depend on images, files or processes.

`base` has the common interface, `evolution` evolution with and without ageing, the pairwise tournament and random
search, `nsga2` NSGA-II, `neat` evolution in species, and `reinforcement` reinforcement learning. Only `controller`, the
neural network of `reinforcement`, uses TensorFlow. `controller` is imported before the first draw of `reinforcement`.
"""

from typing import Any

from evolve.algorithms.base import Algorithm, Child, SearchSpace, generator, gin_name, settings
from evolve.algorithms.evolution import NonAgeingEvolution, PairwiseTournament, RandomSearch, RegularizedEvolution
from evolve.algorithms.local_search import LocalSearch
from evolve.algorithms.neat import Neat
from evolve.algorithms.nsga2 import Nsga2
from evolve.algorithms.reinforcement import Reinforcement

# The algorithms that `search.algorithm` may name. The name follows from the class: `RandomSearch` is 'random_search'.
ALGORITHMS: tuple[type[Any], ...] = (
    RegularizedEvolution,
    NonAgeingEvolution,
    PairwiseTournament,
    Nsga2,
    Neat,
    LocalSearch,
    RandomSearch,
    Reinforcement,
)

__all__ = [
    "ALGORITHMS", "Algorithm", "Child", "LocalSearch", "Neat", "NonAgeingEvolution", "Nsga2", "PairwiseTournament",
    "RandomSearch", "RegularizedEvolution", "Reinforcement", "SearchSpace", "generator", "gin_name", "settings",
]  # fmt: skip
