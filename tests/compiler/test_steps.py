"""Steps of a network in the graph: their labels, the stride of the first repetition, and inputs by name."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import compiler
import dsl
from compiler import CompileError, cost, requirement, resolve
from compiler.graph.cache import ResolveCache

CELLS = """
op cbr[kernel=3x3] = conv[kernel, stride=stride] | batch_norm | relu
cell b(x) {
  y = conv[3x3](x)
  return y
}
cell up(x, before) {
  a = conv[3x3](x)
  return concat(a, before) | cbr
}
"""


def steps(body: str) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Returns the key, the inputs and the output shape of each step of a body, after a stem of one step."""
    text = f"{CELLS}network {{ stem: conv[3x3, filters=4] body: {body} head: global_avg_pool | dense[classes] }}"
    graph = resolve(dsl.loads(text), (16, 16, 3), 10)
    return [(step.key, step.inputs, step.shape) for step in graph.steps[1:-1]]


def test_a_label_is_part_of_the_key() -> None:
    assert [key for key, _, _ in steps("7: b * 2, b, n57: b")] == ["body/7/0", "body/7/1", "body/1/0", "body/n57/0"]


@pytest.mark.parametrize(
    "step", ["b[8] * 2 stride 2", "cbr[filters=8] * 2 stride 2", "conv[3x3, filters=8] * 2 stride 2"]
)
def test_a_stride_after_a_step_is_that_of_its_first_repetition(step: str) -> None:
    assert [shape for _, _, shape in steps(step)] == [(8, 8, 8), (8, 8, 8)]


def test_a_stride_in_brackets_is_that_of_each_repetition() -> None:
    assert [shape for _, _, shape in steps("b[8, stride=2] * 2")] == [(8, 8, 8), (4, 4, 8)]


def test_a_stride_after_a_step_replaces_that_of_the_cell() -> None:
    text = CELLS.replace("cell b(x)", "cell b(x) stride 2")
    text += "network { body: b[8] * 2 stride 1 head: global_avg_pool | dense[classes] }"
    assert [step.shape for step in resolve(dsl.loads(text), (16, 16, 3), 10).steps[:2]] == [(16, 16, 8), (8, 8, 8)]


def test_inputs_are_named_steps() -> None:
    found = steps("b[8] as e1, b[8], b[8] as m, up[8](m, e1), up[8](e1, -1)")
    assert [inputs for _, inputs, _ in found[3:]] == [(3, 1), (1, 4)]


def test_a_name_is_that_of_the_last_repetition() -> None:
    assert steps("b[8] * 3 as e1, b[8], up[8](-1, e1)")[-1][1] == (4, 3)


def test_later_repetitions_read_the_one_before_in_place_of_the_first_name() -> None:
    found = steps("b[8] as e1, b[8], up[8](e1, -1) * 3, up[8](-1, e1) * 2")
    assert [inputs for _, inputs, _ in found[2:]] == [(1, 2), (3, 3), (4, 4), (5, 1), (6, 1)]


def test_a_step_of_the_stem_may_be_named() -> None:
    text = f"{CELLS}network {{ stem: b[8] as e1 body: b[8], up[8](-1, e1) head: global_avg_pool | dense[classes] }}"
    assert resolve(dsl.loads(text), (16, 16, 3), 10).steps[2].inputs == (1, 0)


def test_a_step_that_nothing_reads_is_not_built() -> None:
    found = steps("b[8] as e1, b[8] as dead, b[4](e1) * 2, b[8], up[8](-3, -1) * 2")
    assert [key for key, _, _ in found] == ["body/0/0", "body/2/0", "body/2/1", "body/3/0", "body/4/0", "body/4/1"]
    assert [inputs for _, inputs, _ in found] == [(0,), (1,), (2,), (3,), (2, 4), (3, 5)]


def test_a_step_that_only_the_auxiliary_head_reads_is_built_for_training() -> None:
    text = f"{CELLS}network {{ stem: b[4] as s body: b[8] as a, b[8](s) as o auxiliary(a): up[8](-1, o) | relu "
    text = text.replace("(-1, o) | relu", "(-1, o), global_avg_pool | dense[classes]")
    genotype = dsl.loads(f"{text} head: global_avg_pool | dense[classes] }}")
    assert [step.key for step in resolve(genotype, (16, 16, 3), 10).steps] == ["stem/0/0", "body/1/0", "head/0/0"]
    graph = resolve(genotype, (16, 16, 3), 10, auxiliary=True)
    assert [(step.key, step.inputs) for step in (*graph.steps, *graph.auxiliary)] == [
        ("stem/0/0", (-1,)), ("body/0/0", (0,)), ("body/1/0", (0,)), ("head/0/0", (2,)),
        ("auxiliary/0/0", (1, 2)), ("auxiliary/1/0", (4,)),
    ]  # fmt: skip


def test_a_named_step_that_is_repeated_no_times_cannot_be_read() -> None:
    with pytest.raises(CompileError, match="this step reads 'e1', which is repeated 0 times"):
        steps("b[8], b[8] * 0 as e1, up[8](-1, e1)")


SPACE = Path(__file__).parents[1] / "golden" / "cell" / "steps.cell"


def keys(genotype: dsl.Genotype) -> set[str]:
    """Returns the keys of all weights."""
    return {key for step in resolve(genotype, (16, 16, 3), 10).steps for key, _ in step.weights()}


@pytest.mark.parametrize("born", [None, 7])
def test_an_inserted_step_leaves_all_keys_of_weights(born: int | None) -> None:
    seed = dsl.load(SPACE)
    rules = [rule for rule in seed.space.mutations if rule.name in ("grow", "twice")]
    found = []
    for number in range(20):
        child = dsl.mutate(seed, random.Random(number), only=rules, born=born).genotype
        with suppress(CompileError):  # Some of these children have maps of different sizes to join.
            found.append(keys(child) - keys(seed))
            assert keys(seed) <= keys(child)
    assert any(found)


def test_a_removed_step_leaves_the_keys_of_the_others() -> None:
    seed = dsl.load(SPACE)
    (rule,) = [rule for rule in seed.space.mutations if rule.name == "shrink"]
    check = requirement(seed.space, (16, 16, 3), 10)
    for number in range(10):
        child = dsl.mutate(seed, random.Random(number), check, only=[rule]).genotype
        assert keys(child) < keys(seed)
        assert len({key.split("/")[1] for key in keys(seed) - keys(child)}) == 1


def test_a_cost_with_a_cache_is_that_of_the_network_alone() -> None:
    seed = dsl.load(SPACE)
    check, cache, rng = requirement(seed.space, (16, 16, 3), 10), ResolveCache(), random.Random(3)
    genotype = seed
    for _ in range(60):
        genotype = dsl.mutate(genotype, rng, check, mate=seed).genotype
        assert cost(genotype, (16, 16, 3), 10, cache) == cost(genotype, (16, 16, 3), 10)


@pytest.mark.parametrize(
    "number", [1, pytest.param(2, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full)]
)
def test_a_descendant_by_rules_of_steps_has_the_parameters_that_it_costs(number: int) -> None:
    seed = dsl.load(SPACE)
    check, rng = requirement(seed.space, (16, 16, 3), 10), random.Random(number)
    genotype = seed
    for _ in range(30):
        genotype = dsl.mutate(genotype, rng, check, mate=seed).genotype
    model = compiler.lower(resolve(genotype, (16, 16, 3), 10))
    built = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    assert built == cost(genotype, (16, 16, 3), 10).params


def test_the_number_of_steps_may_be_required() -> None:
    text = f"{CELLS}network {{ body: b[8], b[8] head: global_avg_pool | dense[classes] }}"
    genotype = dsl.loads(f"{text} mutation shrink {{ choose s in steps remove s }} require steps.count >= 2")
    with pytest.raises(dsl.CellError, match=r"require steps\.count >= 2 \(steps\.count 1\)"):
        dsl.mutate(genotype, random.Random(0), requirement(genotype.space, (8, 8, 3), 10))
