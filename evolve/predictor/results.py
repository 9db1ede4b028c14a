"""The results from which a model of the fitness is made, and the model. All follows from the results in their order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from evolve.predictor.features import Features
from evolve.predictor.kernel import Overlaps
from evolve.predictor.process import Assumed, Process, likeliest, rank_correlation

LEAST = 10  # the number of results from which on there is a model
MOST_BEST, MOST_LATEST = 100, 200  # a model is made of the latest results, and of the best ones before them
REFIT = 5  # the length and the noise are chosen anew after this number of results, or after a tenth more results
FORGET = 5  # the number of results after which what is known of individuals that have no part in a model is forgotten
AUGMENTED = 0.05  # the weight of the sum of the distances, so that no dominated individual is as good as another
LATEST_CHOSEN = 100  # how many of the latest individuals that the model chose give its rank correlation


def correlation(chosen: Collection[tuple[float, float]]) -> float | None:
    """Returns the rank correlation of predicted and measured fitness of chosen individuals; None of fewer than 3."""
    return rank_correlation(*zip(*chosen, strict=True)) if len(chosen) > 2 else None


def weighted(
    scores: Mapping[int, Sequence[float]], individuals: Iterable[int], weights: Sequence[float]
) -> list[float]:
    """Returns the weighted values of individuals by several objectives, of which the larger is better.

    The value is the augmented Chebyshev distance from the best of each objective, which finds each point of a front for
    some weights. Individuals without scores have failed, and have the lowest value.
    """
    columns = [*zip(*scores.values(), strict=True)]
    best, spans = [max(column) for column in columns], [max(column) - min(column) or 1.0 for column in columns]

    def value(id: int) -> float:
        if id not in scores:
            return -math.inf
        parts = zip(weights, best, scores[id], spans, strict=True)
        distances: list[float] = [weight * (top - score) / span for weight, top, score, span in parts]
        return -max(distances) - AUGMENTED * sum(distances)

    return [value(id) for id in individuals]


class Results:
    """The results of a search, and the models that are made of them.

    Args:
      features: returns the features of an individual that has a result.
    """

    def __init__(self, features: Callable[[int], Features]) -> None:
        self._features = features
        self._count = 0
        self._best: dict[int, float] = {}
        self._latest: dict[int, float] = {}
        self._chosen: deque[tuple[float, float]] = deque(maxlen=LATEST_CHOSEN)
        self._higher: dict[int, dict[int, float]] = {}  # the fitness of trained individuals by rungs above the first
        self._scores: dict[int, Sequence[float]] = {}
        self.objectives = 1  # the number of objectives
        self._overlaps = Overlaps(features)
        self._next_refit = REFIT
        self._at_refit: dict[int, float] = {}
        self._assumed: Assumed | None = None

    def tell(self, id: int, fitness: float, predicted: float | None, scores: Sequence[float] = ()) -> None:
        """Adds the result of an individual.

        Args:
          id: the id of the individual.
          fitness: its fitness; with rungs that on the first rung, which the models predict.
          predicted: the fitness that a model predicted when it chose the individual; None if no model chose it.
          scores: its scores by several objectives; empty if there is one objective, or the individual failed.
        """
        self._count += 1
        self._latest[id] = fitness
        if len(scores) > 1:
            self.objectives, self._scores[id] = len(scores), scores
        if len(self._latest) > MOST_LATEST:
            oldest = next(iter(self._latest))
            self._best[oldest] = self._latest.pop(oldest)
            if len(self._best) > MOST_BEST:
                del self._best[min(self._best, key=lambda one: (self._best[one], one))]
        if predicted is not None:
            self._chosen.append((predicted, fitness))
        if self._count % FORGET == 0:
            kept = {**self._best, **self._latest}
            self._scores = {id: scores for id, scores in self._scores.items() if id in kept}
            self._higher = {
                rung: {id: value for id, value in found.items() if id in kept} for rung, found in self._higher.items()
            }
        if self._count == self._next_refit:
            self._at_refit, self._assumed = self.values(), None
            self._next_refit += max(REFIT, self._count // 10)

    def promote(self, id: int, fitness: float, rung: int) -> None:
        """Adds the result of an individual that was trained to a higher rung."""
        self._higher.setdefault(rung, {})[id] = fitness

    def values(self) -> dict[int, float]:
        """Returns the values of the individuals of which a model is made: fitnesses in the scale of the first rung.

        Fitnesses of different rungs cannot be compared. So the individuals of a higher rung exchange their values, and
        then have the order of their results in this rung.
        """
        values = {**self._best, **self._latest}
        for _, found in sorted(self._higher.items()):
            ids = sorted((id for id in values if id in found), key=found.__getitem__)
            values |= dict(zip(ids, sorted(values[id] for id in ids), strict=True))
        return values

    @property
    def needed(self) -> Collection[int]:
        """The individuals whose features a model may need."""
        return {**self._at_refit, **self._best, **self._latest}.keys()

    @property
    def correlation(self) -> float | None:
        """The rank correlation of predicted and measured fitness of the latest individuals that a model chose."""
        return correlation(self._chosen)

    def model(self, weights: Sequence[float] = ()) -> Process | None:
        """Returns a model of the results; None if there are too few, or it predicts no better than chance.

        The length and the noise are those that were likeliest when they were last chosen. With several objectives the
        model is one of their weighted value (Knowles 2006, ParEGO), and `weights` has their weights.
        """
        if self._count < LEAST:
            return None
        if self._assumed is None:
            overlaps = self._overlaps.among([*self._at_refit])
            self._assumed = likeliest(self._known(self._at_refit), [*self._at_refit.values()], overlaps)
        fitness = self.values()
        values = weighted(self._scores, fitness, weights) if weights else [*fitness.values()]
        overlaps = self._overlaps.among([*fitness])
        model = Process(self._known(fitness), values, self._assumed, [*fitness.values()], overlaps)
        return model if model.is_better_than_chance else None

    def _known(self, individuals: Iterable[int]) -> list[Features]:
        return [self._features(id) for id in individuals]
