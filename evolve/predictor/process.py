"""A Gaussian process that predicts fitnesses, and the improvement that is expected of a candidate.

It predicts the normal scores of ranks, so that neither the scale of the fitness nor a few bad results matter.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from threadpoolctl import ThreadpoolController

from evolve.predictor.features import Features
from evolve.predictor.kernel import Array, Kernel, Likeness, Points

LENGTHS = (0.5, 1.0, 2.0)  # lengths of the Gaussian, in median distances
NOISES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # variances of the noise; that of normal scores is about 1
_NORMAL = NormalDist()
_LEAST_VARIANCE = 1e-9


_controller = functools.cache(ThreadpoolController)


@contextmanager
def one_thread() -> Iterator[None]:
    """A context in which numpy multiplies matrices on one thread.

    More threads would wait for the cores that the workers use, and would round in another way on another machine.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


def ranks(values: Sequence[float]) -> Array:
    """Returns the ranks of values from 0.5 on; equal values have their mean rank."""
    order = np.sort(values)
    return np.asarray((np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2)


def normal_scores(values: Sequence[float]) -> Array:
    """Returns the normal scores of the ranks of values."""
    found = ranks(values).tolist()
    scores = {rank: _NORMAL.inv_cdf(rank / len(found)) for rank in {*found}}
    return np.array([scores[rank] for rank in found])


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Returns Spearman's rank correlation; None if all values of a side are equal."""
    first, second = (ranks(values) - len(values) / 2 for values in (one, other))
    length = math.sqrt(float((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / length if length else None


@dataclass(frozen=True, slots=True)
class Assumed:
    """What a process assumes: the length of the Gaussian, and the variance of the noise."""

    length: float
    noise: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Evaluated individuals, compared with each other.

    Attributes:
      kernel: the kernel in their scale.
      points: the individuals as the kernel compares them.
      likeness: what their similarities are made of.
      distance: their median distance.
    """

    kernel: Kernel
    points: Points
    likeness: Likeness
    distance: float

    @classmethod
    def of(cls, evaluated: Sequence[Features], overlaps: Array | None = None) -> Compared:
        """Compares evaluated individuals. `overlaps` has the overlaps of their neighbourhoods if they are known."""
        kernel, points = Kernel.of(evaluated)
        shared = points.counts.overlaps(points.counts) if overlaps is None else kernel.varying(overlaps)
        likeness = Likeness.of(points, points, shared)
        return cls(kernel, points, likeness, likeness.median_distance())

    def between(self, one: Points, other: Points, length: float) -> Array:
        """Returns the similarities `[one, other]` for a length of the Gaussian, in median distances."""
        likeness = Likeness.of(one, other, one.counts.overlaps(other.counts))
        return likeness.similarities(length * self.distance)

    def among(self, length: float) -> Array:
        """Returns the similarities of the evaluated individuals with each other."""
        return self.likeness.similarities(length * self.distance)


@one_thread()
def likeliest(evaluated: Sequence[Features], values: Sequence[float], overlaps: Array | None = None) -> Assumed:
    """Returns the length and the noise with the greatest marginal likelihood of the values.

    `overlaps` has the overlaps of the neighbourhoods of the evaluated individuals if they are known.
    """
    compared = Compared.of(evaluated, overlaps)
    scores = normal_scores(values)
    found: dict[Assumed, float] = {}
    for length in LENGTHS:
        spread, axes = np.linalg.eigh(compared.among(length))
        squares = (axes.T @ scores) ** 2
        for noise in NOISES:
            variances = np.maximum(spread, 0.0) + noise
            found[Assumed(length, noise)] = -0.5 * float((squares / variances + np.log(variances)).sum())
    return max(found, key=found.__getitem__)


class Process:
    """A Gaussian process over the features of evaluated individuals.

    Attributes:
      left_out: for each individual, the normal score that the other individuals predict.
      scores: the normal scores of the individuals.
    """

    @one_thread()
    def __init__(
        self,
        evaluated: Sequence[Features],
        values: Sequence[float],
        assumed: Assumed,
        fitness: Sequence[float] | None = None,
        overlaps: Array | None = None,
    ) -> None:
        """Fits the process.

        Args:
          evaluated: the features of evaluated individuals.
          values: their values, of which the ranks count; larger is better.
          assumed: the length and the noise.
          fitness: their fitnesses, which are predicted; by default the values.
          overlaps: the overlaps of their neighbourhoods, if they are known.
        """
        self._assumed = assumed
        self._compared = Compared.of(evaluated, overlaps)
        self.scores = normal_scores(values)
        self._inverse = np.linalg.inv(self._noisy(self._compared.among(assumed.length)))
        self._weights = self._inverse @ self.scores
        self.left_out: Array = self.scores - self._weights / np.diag(self._inverse)
        shown = values if fitness is None else fitness
        scores = self.scores if shown == values else normal_scores(shown)
        self._fitness_weights = self._inverse @ scores
        self._fitness = np.sort(shown), np.sort(scores)

    def _noisy(self, covariance: Array) -> Array:
        return np.asarray(covariance + self._assumed.noise * np.eye(len(covariance)))

    @property
    def is_better_than_chance(self) -> bool:
        """Whether the rank correlation of predictions for left-out individuals is above that of chance.

        It is, if it is above 1.645 standard deviations of the rank correlation of independent numbers, which fewer than
        5 % of such numbers are.
        """
        found = rank_correlation(self.left_out.tolist(), self.scores.tolist())
        return found is not None and found * math.sqrt(len(self.scores) - 1) > 1.645

    @one_thread()
    def improvements(self, candidates: Sequence[Features], pending: Sequence[Features]) -> tuple[Array, Array]:
        """Returns the fitnesses that are predicted for candidates, and the improvements of values that are expected.

        What is pending counts as evaluated with the predicted value. So the predictions stay, and only what is unlike
        the pending individuals is as uncertain as before.
        """
        points = self._compared.kernel.points(candidates)
        near = self._between(points, self._compared.points)
        means, fitness = near @ self._weights, near @ self._fitness_weights
        explained = ((near @ self._inverse) * near).sum(axis=1)
        if pending:
            explained += self._explained_by(pending, points, near)
        deviations = np.sqrt(np.maximum(1 - explained, _LEAST_VARIANCE))
        above = (means - self.scores.max()) / deviations
        expected = [each * _NORMAL.cdf(each) + _NORMAL.pdf(each) for each in above.tolist()]
        known, scores = self._fitness
        return np.interp(fitness, scores, known), deviations * np.array(expected)

    def _explained_by(self, pending: Sequence[Features], points: Points, near: Array) -> Array:
        """Returns the part of the variances of candidates that only pending individuals explain.

        It follows from the Schur complement of the covariance of the evaluated individuals in that of both. A
        neighbourhood that no evaluated individual has makes none similar to a pending one.
        """
        waiting = self._compared.kernel.points(pending)
        known = np.unique(self._compared.points.counts.named.names)
        waiting = replace(waiting, counts=waiting.counts.within(known))
        beside = self._between(waiting, self._compared.points)
        predicted = beside @ self._inverse
        rest = self._noisy(self._between(waiting, waiting)) - predicted @ beside.T
        alike = self._between(points, waiting) - near @ predicted.T
        return np.asarray((alike * np.linalg.solve(rest, alike.T).T).sum(axis=1))

    def _between(self, one: Points, other: Points) -> Array:
        return self._compared.between(one, other, self._assumed.length)
