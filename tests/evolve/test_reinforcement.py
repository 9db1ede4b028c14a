"""The controller: it draws by its probabilities, learns from rewards, and proposes networks that can be built."""

from __future__ import annotations

import functools
import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import dsl
from evolve import CellSpace, Proposal, Reinforcement, SearchError
from evolve.algorithms.controller import Controller, Episode, Policy, Shape, controller
from evolve.algorithms.reinforcement import POLICY
from evolve.records import LOWEST, WORST
from tests.evolve.toy import ToySpace, result

SIZES = (3, 2, 4)
TARGET = (2, 0, 3)
BATCH = 16


def made(entropy: float = 0.0) -> Controller:
    return controller(Shape(SIZES, BATCH, 8, 0.02, 2, 0.2, entropy))


def fresh(seed: int = 0) -> Policy:
    return made().fresh(random.Random(seed))


def draws(policy: Policy, count: int, rng: random.Random) -> list[Episode]:
    return [made().draw(policy, [rng.random() for _ in SIZES]) for _ in range(count)]


def learnt(policy: Policy, episodes: Sequence[Episode], advantages: Sequence[float], entropy: float = 0.0) -> Policy:
    return made(entropy).learn(policy, [episode.text() for episode in episodes], advantages)


@functools.cache
def trained(updates: int = 60) -> Policy:
    """Returns a policy that has learnt a target, with a reward of 1 for each right choice."""
    policy, rng = fresh(), random.Random(1)
    for _ in range(updates):
        episodes = draws(policy, BATCH, rng)
        rewards = [sum(a == b for a, b in zip(episode.choices, TARGET, strict=True)) for episode in episodes]
        policy = learnt(policy, episodes, [reward - sum(rewards) / BATCH for reward in rewards])
    return policy


def same(first: Policy, second: Policy) -> bool:
    """Returns whether two policies have the same weights. The state of the optimizer may differ."""
    # The state of the optimizer comes after the weights, and begins with the number of its steps.
    weights = next(place for place, array in enumerate(first.arrays) if array.ndim == 0)
    pairs = zip(first.arrays[:weights], second.arrays[:weights], strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("updates", [0, 15])
def test_the_policy_draws_with_its_own_probabilities(updates: int) -> None:
    policy, count = trained(updates), 600
    found = Counter(draws(policy, count, random.Random(2)))
    chances = {episode: math.exp(sum(episode.logs)) for episode in found}
    for episode, times in found.items():
        assert all(0 <= choice < size for choice, size in zip(episode.choices, SIZES, strict=True))
        assert times / count == pytest.approx(chances[episode], abs=5 * 0.5 / count**0.5)
    assert len({episode.choices for episode in found}) == len(found) <= math.prod(SIZES)
    assert sum(chances.values()) == pytest.approx(1, abs=0.01 if updates else 1e-5)


def test_a_number_decides_a_choice_even_at_its_ends() -> None:
    policy = fresh()
    assert made().draw(policy, [0.0, 0.0, 0.0]).choices == (0, 0, 0)
    assert made().draw(policy, [1.0, 1.0, 1.0]).choices == (2, 1, 3)


def test_the_controller_learns_from_rewards() -> None:
    episode = draws(trained(), 1, random.Random(0))[0]
    assert episode.choices == TARGET
    assert math.exp(sum(episode.logs)) > 0.8


@pytest.mark.parametrize(
    ("shift", "advantage", "moves"),
    [(0.0, 1.0, True), (0.17, 1.0, True), (0.2, 1.0, False), (0.2, -1.0, True), (-0.21, 1.0, True),
     (-0.24, -1.0, False), (-0.21, -1.0, True)],
)  # fmt: skip
def test_the_ratio_of_probabilities_is_clipped(shift: float, advantage: float, moves: bool) -> None:
    """A ratio is clipped at 0.8 and 1.2: log 1.2 is 0.182, log 0.8 is -0.223."""
    policy = fresh()
    episode = draws(policy, 1, random.Random(3))[0]
    older = Episode(episode.choices, tuple(log - shift for log in episode.logs))
    after = learnt(policy, [older] * BATCH, [advantage] * BATCH)
    assert same(policy, after) is not moves


def test_learning_does_not_change_the_old_policy() -> None:
    policy = fresh()
    before = draws(policy, 5, random.Random(4))
    learnt(policy, draws(policy, BATCH, random.Random(5)), [1.0] * BATCH)
    assert draws(policy, 5, random.Random(4)) == before


def test_entropy_keeps_choices_open() -> None:
    policy = trained()
    likeliest = draws(policy, 1, random.Random(0))[0]
    for n in range(20):
        policy = learnt(policy, draws(policy, BATCH, random.Random(n)), [0.0] * BATCH, entropy=1.0)
    assert sum(made().draw(policy, [0.99] * len(SIZES)).logs) < 0
    again = {episode.choices: sum(episode.logs) for episode in draws(policy, 200, random.Random(0))}
    assert again[likeliest.choices] < sum(likeliest.logs) - 0.1


def test_an_episode_comes_back_from_its_memo() -> None:
    for episode in draws(trained(15), 50, random.Random(6)):
        again = Episode.read(episode.text())
        assert again.choices == episode.choices
        assert np.array_equal(np.asarray(again.logs, np.float32), np.asarray(episode.logs, np.float32))


SMALL_ONLY = 'include "nasnet.cell"\nrequire params < 60000\n'


def test_a_genotype_that_the_file_forbids_is_drawn_again_and_counted() -> None:
    space = dsl.loads(SMALL_ONLY, params={"N": 1, "F": 8}).space
    cells = CellSpace(space, (8, 8, 1), 10)
    algorithm = Reinforcement(cells, 0, units=8)
    proposals = [algorithm.ask(id) for id in range(1, 21)]
    assert all(cells.unfit(proposal.genotype) is None for proposal in proposals)
    rejected = [reason for proposal in proposals for reason in proposal.rejected]
    assert rejected and all(rule == POLICY and "require params < 60000" in reason for rule, reason in rejected)
    assert {proposal.rule for proposal in proposals} == {POLICY}
    assert len({proposal.genotype for proposal in proposals}) == 20


def advantages(*fitnesses: float) -> list[float]:
    """Returns the advantages of individuals that have these fitnesses."""
    algorithm = Reinforcement[object](baseline_decay=0.5)
    for id, fitness in enumerate(fitnesses, 1):
        algorithm.adopt(Proposal(id, None))
        algorithm.tell(result(id, fitness))
    return [advantage for _, advantage in algorithm._batch]


def test_failures_before_the_first_success_do_not_punish_it() -> None:
    assert advantages(LOWEST, LOWEST, -2.0, -1.0, LOWEST) == [0.0, 0.0, 0.0, 1.0, -0.5]
    assert advantages(WORST, 0.5, WORST) == [0.0, 0.5, -0.25], "a share of 0 is a reward"


def test_a_memo_is_the_choices_of_its_genotype() -> None:
    space = dsl.load("nasnet.cell").space
    algorithm = Reinforcement(CellSpace(space, (8, 8, 1), 10), 0, units=8)
    proposal = algorithm.ask(1)
    assert dsl.decide(space, Episode.read(proposal.memo).choices, random.Random(0)) == proposal.genotype


def test_genes_with_members_are_choices() -> None:
    space = dsl.load(Path(__file__).parents[1] / "golden" / "cell" / "genes.cell").space
    cells = CellSpace(space, (8, 8, 1), 10)
    assert cells.sizes() == (3, 3, 3, 3, 2)
    algorithm = Reinforcement(cells, 0, units=8)
    genes = [dict(algorithm.ask(id).genotype.genes) for id in range(1, 25)]
    assert all(len({found[name] for found in genes}) > 1 for name in ("k", "act", "d", "width", "s"))
    assert {found["learning_rate"] for found in genes} == {0.1}


def test_attributes_of_steps_are_choices() -> None:
    cells = CellSpace(dsl.load(Path(__file__).parents[1] / "golden" / "cell" / "steps.cell").space, (16, 16, 3), 10)
    assert len(cells.sizes()) == 20
    algorithm = Reinforcement(cells, 0, units=8)
    assert len({algorithm.ask(id).genotype.network for id in range(1, 9)}) == 8


class Forbidden(ToySpace):
    """A space without a network that may be built."""

    def sizes(self) -> tuple[int, ...]:
        return SIZES

    def decide(self, choices: Sequence[int], rng: random.Random) -> tuple[int, ...]:
        return tuple(choices)

    def unfit(self, genotype: tuple[int, ...]) -> str | None:
        return "too large"


def test_the_controller_gives_up_where_no_network_may_be_built() -> None:
    with pytest.raises(SearchError, match=r"the policy drew 1,000 genotypes in a row .*: too large"):
        Reinforcement(Forbidden(), 0, units=8).ask(1)


def test_tensorflow_comes_with_the_first_proposal() -> None:
    code = (
        "import sys; from evolve.algorithms import Reinforcement, settings; from tests.evolve.toy import ToySpace\n"
        "algorithm = Reinforcement(ToySpace(), 0); settings(algorithm); algorithm.population\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
