"""A search space without a language: the 40 choices of the NASNet space, and how many equal a hidden target."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from evolve import (
    Algorithm,
    Child,
    Evaluation,
    Individual,
    NonAgeingEvolution,
    PairwiseTournament,
    RandomSearch,
    RegularizedEvolution,
    Reinforcement,
    Task,
)
from evolve.records import failed

Genotype = tuple[int, ...]

PAIRS = 5
CELLS = 2
OPERATIONS = 8
# Of each of the 2 cells, 5 pairs, 2 elements: which earlier state (2 inputs and the pairs before), which operation.
SIZES: Genotype = tuple(
    size for _ in range(CELLS) for pair in range(PAIRS) for _ in range(2) for size in (2 + pair, OPERATIONS)
)


class ToySpace:
    """Rewire, operation and identity, with the weights of the paper."""

    def sample(self, rng: random.Random) -> Genotype:
        return tuple(rng.randrange(size) for size in SIZES)

    def mutate(self, genotype: Genotype, rng: random.Random) -> Child[Genotype]:
        rule = rng.choices(("nothing", "rewire", "op"), (0.05, 0.475, 0.475))[0]
        if rule == "nothing":
            return Child(genotype, rule)
        place = 2 * rng.randrange(len(SIZES) // 2) + (rule == "op")
        values = [v for v in range(SIZES[place]) if rule == "op" or v != genotype[place]]
        return Child((*genotype[:place], rng.choice(values), *genotype[place + 1 :]), rule)

    def sizes(self) -> tuple[int, ...]:
        return SIZES

    def decide(self, choices: Sequence[int], rng: random.Random) -> Genotype:
        return tuple(choices)

    def unfit(self, genotype: Genotype) -> str | None:
        return None

    def text(self, genotype: Genotype) -> str:
        return " ".join(map(str, genotype))

    def read(self, text: str) -> Genotype:
        return tuple(map(int, text.split()))

    def fingerprint(self, genotype: Genotype) -> str:
        return self.text(genotype)

    def genes(self, genotype: Genotype) -> str:
        return ""


def evolution() -> Algorithm[Genotype]:
    """Ten that age."""
    return RegularizedEvolution(ToySpace(), 0, population_size=10, sample_size=3)


def tournament() -> Algorithm[Genotype]:
    """Ten of which the worse are killed."""
    return PairwiseTournament(ToySpace(), 0, population_size=10)


def non_ageing() -> Algorithm[Genotype]:
    """Ten of which the worst of a sample is killed."""
    return NonAgeingEvolution(ToySpace(), 0, population_size=10, sample_size=3)


def random_search() -> Algorithm[Genotype]:
    """The control, which shows its latest ten."""
    return RandomSearch(ToySpace(), 0, window=10)


def reinforcement() -> Algorithm[Genotype]:
    """A controller that learns from every eight."""
    return Reinforcement(ToySpace(), 0, batch_size=8, units=16, window=10)


MAKERS = (evolution, non_ageing, tournament, random_search, reinforcement)


def result(id: int, fitness: float) -> Individual:
    """An individual with a fitness."""
    return Individual(id, "", fitness=fitness, fingerprint="", finished=0)


def target(seed: int) -> Genotype:
    """The hidden genotype."""
    return ToySpace().sample(random.Random(f"target {seed}"))


def matches(genotype: Genotype, hidden: Genotype) -> int:
    """How many of the 40 choices are right."""
    return sum(a == b for a, b in zip(genotype, hidden, strict=True))


def evaluate(task: Task) -> Evaluation:
    """The toy's fitness as a worker computes it."""
    return Evaluation(float(matches(ToySpace().read(task.genotype), target(0))), params=40, seconds=0.01)


def evaluate_slowly(task: Task) -> Evaluation:
    """The same with the time that it takes to kill the driver in between."""
    time.sleep(0.02)
    return evaluate(task)


def evaluate_in_vain(task: Task) -> Evaluation:
    """A worker that has no luck."""
    return failed(f"no luck with {task.id}")
