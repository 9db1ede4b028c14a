"""Reinforcement learning, with which Real et al. 2019, arXiv 1802.01548, compare evolution: an LSTM draws genotypes.

The LSTM is in `controller.py`, which imports TensorFlow. `controller.py` is imported before the first draw.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

from compiler.domains import ABOVE_0, real, whole
from compiler.outlet import quiet
from evolve.algorithms.base import NO_SPACE, Latest, SearchSpace, generator
from evolve.errors import SearchError
from evolve.records import LOWEST, G, Measured, Proposal

if TYPE_CHECKING:
    from evolve.algorithms.controller import Controller, Policy

POLICY = "policy"  # stands for the mutation rule in proposals that the controller draws, and in rejected draws
MAX_REDRAWS = 1000


class ChoiceSpace(SearchSpace[G], Protocol[G]):
    """A space whose genotypes are made by a fixed number of choices, each from its own set of values."""

    def sizes(self) -> tuple[int, ...]:
        """Returns the number of values of each choice.

        Raises:
          UsageError: genotypes of this space are not made by choices.
        """

    def decide(self, choices: Sequence[int], rng: random.Random) -> G:
        """Returns the genotype that choices give. Each choice is an index into the values of its decision."""

    def unfit(self, genotype: G) -> str | None:
        """Returns why a genotype may not be proposed, or None if it may be proposed."""


@dataclass(eq=False)
class Reinforcement(Latest[G]):
    """An LSTM draws the choices of a genotype, and proximal policy optimization makes good choices more likely.

    Each update uses `batch_size` individuals, in the order of their results, and is made before the next draw. An
    individual that an older policy drew is weighted by the ratio of its probabilities in the two policies. The defaults
    are recalled from Zoph et al. 2018 and not read in that paper. The default of `epochs` is our choice.
    """

    space: ChoiceSpace[G] = NO_SPACE
    _: KW_ONLY
    batch_size: Annotated[int, whole(1), "number of individuals from which one update learns"] = 20
    learning_rate: Annotated[float, ABOVE_0, "learning rate of Adam"] = 0.00035
    epochs: Annotated[int, whole(1), "number of times that one update changes the weights of the LSTM"] = 5
    clip: Annotated[
        float,
        real("between 0 and 1", lambda value: 0 < value < 1),
        "distance from 1 beyond which the ratio of the new to the old probability has no effect",
    ] = 0.2
    entropy: Annotated[
        float,
        real("of 0 or more", lambda value: value >= 0),
        "weight of the entropy of the choices in the objective, in units of fitness",
    ] = 0.00001
    baseline_decay: Annotated[
        float,
        real("of 0 or more and below 1", lambda value: 0 <= value < 1),
        "decay of the moving average of the fitness, applied once for each individual",
    ] = 0.95
    units: Annotated[int, whole(1), "units of the LSTM and of the embedding"] = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sizes = () if self.space is NO_SPACE else self.space.sizes()
        self._policy: Policy | None = None  # None before the first draw, which creates the initial policy
        self._baseline: float | None = None
        self._lowest = 0.0  # the lowest fitness so far, or 0
        self._batch: list[tuple[str, float]] = []  # memos and advantages of the individuals since the last update

    @property
    def replayed(self) -> None:
        """None, because the policy depends on all results and on their order."""
        return None

    @functools.cached_property
    def _controller(self) -> Controller:
        with quiet():  # no setting turns off TensorFlow's first messages about the machine
            from evolve.algorithms import controller

            controller.leave_devices()
            return controller.controller(
                controller.Shape(
                    self._sizes, self.batch_size, self.units, self.learning_rate, self.epochs, self.clip, self.entropy
                )
            )

    def _current(self) -> Policy:
        """Returns the policy. It is updated before, if `batch_size` results have come since the last update."""
        policy = self._policy or self._controller.fresh(generator(self.seed, 0, POLICY))
        while len(self._batch) >= self.batch_size:
            memos, advantages = zip(*self._batch[: self.batch_size], strict=True)
            del self._batch[: self.batch_size]
            policy = self._controller.learn(policy, memos, advantages)
        self._policy = policy
        return policy

    def draw(self, id: int, rng: random.Random) -> Proposal[G]:
        """Returns a genotype drawn by the current policy.

        Raises:
          SearchError: `MAX_REDRAWS` genotypes in a row may not be proposed.
        """
        rejected: list[tuple[str, str]] = []
        for _ in range(MAX_REDRAWS):
            episode = self._controller.draw(self._current(), [rng.random() for _ in self._sizes])
            genotype = self.space.decide(episode.choices, rng)
            reason = self.space.unfit(genotype)
            if reason is None:
                return Proposal(id, genotype, None, POLICY, tuple(rejected), memo=episode.text())
            rejected.append((POLICY, reason))
        reasons = "; ".join(sorted({reason for _, reason in rejected})[:3])
        raise SearchError(f"the policy drew {MAX_REDRAWS:,} genotypes in a row that may not be proposed: {reasons}")

    def tell(self, individual: Measured) -> None:
        """Keeps the result for the next update. The update is made at the next draw after `batch_size` results."""
        self._show(individual)
        memo, fitness = self._finish(individual.id).memo, individual.fitness
        if fitness == LOWEST:
            # This number is not a reward. Before the first success no fitness is known to which a failure could be
            # compared, and a baseline above all successes would punish them.
            if self._baseline is None:
                self._batch.append((memo, 0.0))
                return
            fitness = self._lowest
        self._lowest = min(self._lowest, fitness)
        baseline = fitness if self._baseline is None else self._baseline
        self._batch.append((memo, fitness - baseline))
        self._baseline = self.baseline_decay * baseline + (1 - self.baseline_decay) * fitness
