"""Steps of a network in the graph: their labels, the stride of the first repetition, and inputs by name."""

from __future__ import annotations

import pytest

import dsl
from compiler import CompileError, resolve

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
    found = steps("b[8] as e1, b[8], b[8] as m, up[8](m, e1), up[8](e1, -2)")
    assert [inputs for _, inputs, _ in found[3:]] == [(3, 1), (1, 3)]


def test_a_name_is_that_of_the_last_repetition() -> None:
    assert steps("b[8] * 3 as e1, b[8], up[8](-1, e1)")[-1][1] == (4, 3)


def test_later_repetitions_read_the_one_before_in_place_of_the_first_name() -> None:
    found = steps("b[8] as e1, b[8], up[8](e1, -1) * 3, up[8](-1, e1) * 2")
    assert [inputs for _, inputs, _ in found[2:]] == [(1, 2), (3, 3), (4, 4), (5, 1), (6, 1)]


def test_a_step_of_the_stem_may_be_named() -> None:
    text = f"{CELLS}network {{ stem: b[8] as e1 body: b[8], up[8](-1, e1) head: global_avg_pool | dense[classes] }}"
    assert resolve(dsl.loads(text), (16, 16, 3), 10).steps[2].inputs == (1, 0)


def test_a_named_step_that_is_repeated_no_times_cannot_be_read() -> None:
    with pytest.raises(CompileError, match="this step reads 'e1', which is repeated 0 times"):
        steps("b[8], b[8] * 0 as e1, up[8](-1, e1)")
