"""Reinforcement learning, the other control of Real et al. 2019, arXiv 1802.01548: a controller that writes networks.

The controller itself, and TensorFlow with it, is in `controller.py`, which is imported when it is first needed.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Protocol

from compiler.quiet import quiet
from evolve.algorithms.base import Latest, Ledger, SearchSpace, generator
from evolve.algorithms.episode import Episode
from evolve.errors import SearchError, UsageError, check_whole
from evolve.search.records import G, Proposal

if TYPE_CHECKING:
    from evolve.algorithms.controller import Controller, Policy

POLICY = "policy"  # The rule of an individual that the controller has written, and of what was rejected on the way.
MAX_REDRAWS = 1000


class ChoiceSpace(SearchSpace[G], Protocol[G]):
    """A space whose genotypes are so many choices, each from a set of its own."""

    def sizes(self) -> tuple[int, ...]:
        """How many values each choice has.

        Raises:
          UsageError: the space leaves no choices.
        """

    def decide(self, choices: Sequence[int], rng: random.Random) -> G:
        """The genotype of these choices, each a place in its set."""

    def unfit(self, genotype: G) -> str | None:
        """Why a genotype may not be proposed, or None."""


class Reinforcement(Latest, Generic[G]):
    """An LSTM draws all choices in turn, and proximal policy optimization makes what was good likelier.

    Every `batch_size` individuals, in the order in which they are told, are one update. An individual that was drawn by
    an older policy counts by its ratio to that one. What the defaults are taken from is recalled, not read (Zoph et al.
    2018), and `epochs` is ours.

    Args:
      space: where genotypes come from.
      seed: of all draws and of the first weights.
      batch_size: individuals an update (memory).
      learning_rate: of Adam (memory).
      epochs: steps of gradient descent on each batch.
      clip: how far a ratio of probabilities may leave 1 and still count (memory).
      entropy: what a unit of entropy in a choice is worth, in fitness (memory).
      baseline_decay: how much of the moving average of the fitness stays with each individual (memory).
      units: of the LSTM and of the embedding (memory).
      window: how many of the latest the curves show.
    """

    def __init__(
        self,
        space: ChoiceSpace[G],
        seed: int,
        *,
        batch_size: int = 20,
        learning_rate: float = 0.00035,
        epochs: int = 5,
        clip: float = 0.2,
        entropy: float = 0.00001,
        baseline_decay: float = 0.95,
        units: int = 100,
        window: int = 100,
    ) -> None:
        for name, value in {"batch_size": batch_size, "epochs": epochs, "units": units, "window": window}.items():
            check_whole(f"reinforcement.{name}", value, 1)
        _check_numbers(learning_rate=learning_rate, clip=clip, entropy=entropy, baseline_decay=baseline_decay)
        super().__init__(window)
        self._space = space
        self._sizes = space.sizes()
        self._seed = seed
        self._batch_size = batch_size
        self._learning_rate = learning_rate
        self._epochs = epochs
        self._clip = clip
        self._entropy = entropy
        self._baseline_decay = baseline_decay
        self._units = units
        self._policy: Policy | None = None  # that of the beginning is made when it is first needed
        self._baseline: float | None = None
        self._batch: list[tuple[Episode, float]] = []  # who was told since the last update, and the advantage of each
        self._ledger: Ledger[Episode] = Ledger()

    @property
    def memory(self) -> None:
        """All: the policy is what every one of them has taught, in turn."""
        return None

    @property
    def settings(self) -> Mapping[str, object]:
        """Its settings by their gin names; the window is only looked through."""
        return {
            f"reinforcement.{name}": value
            for name, value in {
                "batch_size": self._batch_size,
                "learning_rate": self._learning_rate,
                "epochs": self._epochs,
                "clip": self._clip,
                "entropy": self._entropy,
                "baseline_decay": self._baseline_decay,
                "units": self._units,
            }.items()
        }

    @functools.cached_property
    def _controller(self) -> Controller:
        with quiet():  # TensorFlow says of the machine what no setting silences
            from evolve.algorithms import controller

            controller.settle()
            return controller.controller(
                controller.Shape(
                    self._sizes,
                    self._batch_size,
                    self._units,
                    self._learning_rate,
                    self._epochs,
                    self._clip,
                    self._entropy,
                )
            )

    def _current(self) -> Policy:
        if self._policy is None:
            self._policy = self._controller.fresh(generator(self._seed, 0, POLICY))
        return self._policy

    def ask(self, id: int) -> Proposal[G]:
        """A genotype drawn by the policy as it is now.

        Raises:
          SearchError: a thousand in a row break what the space requires.
        """
        self._ledger.ask(id)
        rng = generator(self._seed, id)
        rejected: list[tuple[str, str]] = []
        for _ in range(MAX_REDRAWS):
            episode = self._controller.draw(self._current(), [rng.random() for _ in self._sizes])
            genotype = self._space.decide(episode.choices, rng)
            reason = self._space.unfit(genotype)
            if reason is None:
                proposal = Proposal(id, genotype, None, POLICY, tuple(rejected), memo=episode.text())
                self.adopt(proposal)
                return proposal
            rejected.append((POLICY, reason))
        reasons = "; ".join(sorted({reason for _, reason in rejected})[:3])
        raise SearchError(f"{MAX_REDRAWS:,} genotypes of the policy in a row break what the space requires: {reasons}")

    def adopt(self, proposal: Proposal[G]) -> None:
        """Take back a proposal of an earlier run, its choices and their probabilities then as the memo has them."""
        self._ledger.enter(proposal.id, Episode.read(proposal.memo))

    def tell(self, id: int, fitness: float) -> None:
        """Put an individual into the batch; a full batch is learnt from."""
        episode = self._ledger.leave(id)
        self._latest.append(fitness)
        baseline = fitness if self._baseline is None else self._baseline
        self._batch.append((episode, fitness - baseline))
        self._baseline = self._baseline_decay * baseline + (1 - self._baseline_decay) * fitness
        if len(self._batch) == self._batch_size:
            episodes, advantages = zip(*self._batch, strict=True)
            self._policy = self._controller.learn(self._current(), episodes, advantages)
            self._batch.clear()


_NUMBERS: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("above 0", lambda value: value > 0),
    "clip": ("between 0 and 1", lambda value: 0 < value < 1),
    "entropy": ("0 or more", lambda value: value >= 0),
    "baseline_decay": ("0 or more and below 1", lambda value: 0 <= value < 1),
}


def _check_numbers(**values: float) -> None:
    for name, value in values.items():
        allowed, holds = _NUMBERS[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
        if not is_number or not holds(value):
            raise UsageError(f"reinforcement.{name} is {value!r}; it must be {allowed}")
