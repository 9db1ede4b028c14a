"""A search space without a language: the 40 choices of the NASNet space. The fitness is the number of right choices."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from dsl import Noise
from evolve import (
    Algorithm,
    Child,
    Evaluation,
    Individual,
    LocalSearch,
    Neat,
    NonAgeingEvolution,
    Nsga2,
    PairwiseTournament,
    RandomSearch,
    RegularizedEvolution,
    Reinforcement,
    Task,
)
from evolve.algorithms.breeder import Breeder
from evolve.predictor.features import Features, Named, name
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
    """The mutations of the paper with their weights: another input, another operation, or no change."""

    has_crossover = False

    def sample(self, rng: random.Random, *, born: int | None = None) -> Genotype:
        return tuple(rng.randrange(size) for size in SIZES)

    def mutate(
        self, genotype: Genotype, rng: random.Random, *, mate: Genotype | None = None, born: int | None = None
    ) -> Child[Genotype]:
        rule = rng.choices(("nothing", "rewire", "op"), (0.05, 0.475, 0.475))[0]
        if rule == "nothing":
            return Child(genotype, rule)
        place = 2 * rng.randrange(len(SIZES) // 2) + (rule == "op")
        values = [v for v in range(SIZES[place]) if rule == "op" or v != genotype[place]]
        return Child((*genotype[:place], rng.choice(values), *genotype[place + 1 :]), rule)

    def draft(
        self, genotype: Genotype, rng: random.Random, *, mate: Genotype | None = None, born: int | None = None
    ) -> Child[Genotype]:
        return self.mutate(genotype, rng, mate=mate, born=born)

    def network(self, genotype: Genotype) -> tuple[str, str]:
        return self.fingerprint(genotype), ""

    def features(self, genotypes: Sequence[Genotype]) -> list[Features]:
        choices = [Named.of({name(f"{place}={value}"): 1 for place, value in enumerate(one)}) for one in genotypes]
        return [Features(one, one) for one in choices]

    def members(self, count: int, rng: random.Random) -> Sequence[Genotype]:
        return ()

    def parts(self, genotype: Genotype) -> Mapping[str, int]:
        return {f"{place}={value}": 0 for place, value in enumerate(genotype)}

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

    def cost(self, genotype: Genotype) -> None:
        return None


class CrossingSpace(ToySpace):
    """The toy with a uniform crossover, which makes half of the children that may have two parents."""

    has_crossover = True

    def mutate(
        self, genotype: Genotype, rng: random.Random, *, mate: Genotype | None = None, born: int | None = None
    ) -> Child[Genotype]:
        if mate is None or rng.random() < 0.5:
            return super().mutate(genotype, rng)
        places = tuple(place for place in range(len(SIZES)) if rng.random() < 0.5)
        child = tuple(mate[place] if place in places else value for place, value in enumerate(genotype))
        parts = tuple(("cell", "toy", str(place)) for place in places)
        return Child(child, "cross", crossed=True, from_mate=parts, noise=Noise("normal", 0.0, 0.1))


def crossing() -> Algorithm[Genotype]:
    """Regularized evolution with a population of ten, in a space with a crossover."""
    return RegularizedEvolution(CrossingSpace(), 0, population_size=10, sample_size=3)


def evolution() -> Algorithm[Genotype]:
    """Regularized evolution with a population of ten."""
    return RegularizedEvolution(ToySpace(), 0, population_size=10, sample_size=3)


def tournament() -> Algorithm[Genotype]:
    """Pairwise tournaments with a population of ten."""
    return PairwiseTournament(ToySpace(), 0, population_size=10)


def non_ageing() -> Algorithm[Genotype]:
    """Non-ageing evolution with a population of ten."""
    return NonAgeingEvolution(ToySpace(), 0, population_size=10, sample_size=3)


def neat() -> Algorithm[Genotype]:
    """NEAT with a population of ten, in a space with a crossover."""
    return Neat(CrossingSpace(), 0, population_size=10, threshold=1.5, large_species=2, stagnation=2)


def random_search() -> Algorithm[Genotype]:
    """Random search, whose curves show its latest ten individuals."""
    return RandomSearch(ToySpace(), 0, window=10)


def local_search() -> Algorithm[Genotype]:
    """Local search from the best of five, which starts again after eight children that are not better."""
    return LocalSearch(ToySpace(), 0, window=10, initial=5, patience=8)


def reinforcement() -> Algorithm[Genotype]:
    """A controller that learns after every eight individuals."""
    return Reinforcement(ToySpace(), 0, batch_size=8, units=16, window=10)


def nsga2() -> Algorithm[Genotype]:
    """NSGA-II with a population of ten."""
    return Nsga2(ToySpace(), 0, population_size=10)


def ageing_front() -> Algorithm[Genotype]:
    """Regularized evolution with two objectives, in a space with a crossover."""
    return RegularizedEvolution(CrossingSpace(), 0, population_size=10, sample_size=3)


def unseen() -> Algorithm[Genotype]:
    """Regularized evolution that proposes no network twice."""
    return Breeder(lambda space: RegularizedEvolution(space, 0, population_size=10, sample_size=3), ToySpace(), 0)


def chosen(space: ToySpace, seed: int, make: Callable[..., Algorithm[Genotype]], **settings: Any) -> Breeder[Genotype]:
    """Returns an algorithm of which a model chooses among ten children."""
    return Breeder(lambda drafts: make(drafts, seed, **settings), space, seed, candidates=5)


def candidates() -> Algorithm[Genotype]:
    """Non-ageing evolution in a space with a crossover; a model chooses among ten children."""
    return chosen(CrossingSpace(), 0, NonAgeingEvolution, population_size=10, sample_size=3, second_mutation=0.3)


FOR_FRONTS = (nsga2, ageing_front)  # their individuals are evaluated by two objectives
BRED = (unseen, candidates)  # another algorithm makes their proposals
MAKERS = (
    evolution,
    crossing,
    non_ageing,
    tournament,
    neat,
    local_search,
    random_search,
    reinforcement,
    *FOR_FRONTS,
    *BRED,
)


def result(id: int, fitness: float) -> Individual:
    """Returns a finished individual with this fitness."""
    return Individual(id, "", fitness=fitness, fingerprint="", finished=0)


def target(seed: int) -> Genotype:
    """Returns the genotype that a search is to find."""
    return ToySpace().sample(random.Random(f"target {seed}"))


def matches(genotype: Genotype, hidden: Genotype) -> int:
    """Counts the choices that are those of the hidden genotype."""
    return sum(a == b for a, b in zip(genotype, hidden, strict=True))


def evaluate(task: Task) -> Evaluation:
    """Returns the evaluation of a task: the number of right choices."""
    return Evaluation(float(matches(ToySpace().read(task.genotype), target(0))), params=40, seconds=0.01)


def by_halves(evaluate: Callable[[Task], Evaluation], task: Task) -> Evaluation:
    """Returns an evaluation with two scores: the numbers of right choices in each half of the genotype."""
    genotype, hidden = ToySpace().read(task.genotype), target(0)
    half = len(SIZES) // CELLS
    scores = [float(matches(genotype[part], hidden[part])) for part in (slice(half), slice(half, None))]
    found = evaluate(task)
    return found if found.is_failed else replace(found, scores=tuple(scores))


def suited(
    make: Callable[[], Algorithm[Genotype]], evaluate: Callable[[Task], Evaluation] = evaluate
) -> Callable[[Task], Evaluation]:
    """Returns the function that evaluates individuals of an algorithm, by two objectives if it searches a front."""
    return partial(by_halves, evaluate) if make in FOR_FRONTS else evaluate


def evaluate_slowly(task: Task) -> Evaluation:
    """Returns the same as `evaluate` after 20 ms, in which a test can kill the driver."""
    time.sleep(0.02)
    return evaluate(task)


def evaluate_in_vain(task: Task) -> Evaluation:
    """Fails every individual."""
    return failed(f"no luck with {task.id}")
