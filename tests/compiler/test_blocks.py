"""Cells with brackets, operations as settings, and `none` as a case, in the compiler."""

from __future__ import annotations

import pytest

import dsl
from compiler import CompileError, cost, resolve

NETWORK = """
network { stem: conv[3x3, filters=8] | batch_norm  body: %s  head: global_avg_pool | dense[classes] }
"""
CONV = "op conv_bn[kernel, act=relu] = conv[kernel, stride=stride] | batch_norm | act\n"


def operations(declared: str, body: str) -> list[str]:
    """Returns the primitives of the steps of the body for images of 16x16x3, each with its output shape."""
    graph = resolve(dsl.loads(declared + NETWORK % body), (16, 16, 3), 5)
    steps = [step for step in graph.steps if step.key.startswith("body")]
    return [f"{o.primitive} {'x'.join(map(str, o.shape))}" for step in steps for o in step.operations]


def test_the_stride_of_a_cell_with_brackets_goes_only_where_it_is_written() -> None:
    text = "cell block[](x) { y = depthwise[3x3](x) | depthwise[3x3, stride=stride] return y }"
    assert operations(text, "block[stride=2]") == ["depthwise 16x16x8", "depthwise 8x8x8"]
    without = text.replace("block[](x)", "block(x)")
    assert operations(without, "block[8, stride=2]") == ["depthwise 8x8x8", "depthwise 8x8x8"]


def test_filters_are_those_of_the_cell_wherever_they_stand() -> None:
    text = "cell block[](x) { y = conv[1x1, filters=filters // 2](x) | conv[1x1, filters=filters * 2] return y }"
    assert operations(text, "block[filters=12]") == ["conv 16x16x6", "conv 16x16x24"]


def test_without_filters_a_cell_has_those_of_its_first_input() -> None:
    text = "cell block[](x, w) { y = conv[1x1](w) return y }"
    assert operations(text, "conv[1x1, filters=6], block") == ["conv 16x16x6", "conv 16x16x6"]


def test_settings_are_in_order_by_name_and_by_default() -> None:
    text = "cell block[kernel, dilation=1](x) { y = conv[kernel, dilation=dilation](x) return y }"
    graph = resolve(dsl.loads(text + NETWORK % "block[5x5], block[dilation=2, kernel=1x1]"), (16, 16, 3), 5)
    found = [(str(step.operations[0].settings["kernel"]), step.operations[0].settings["dilation"])
             for step in graph.steps[1:3]]  # fmt: skip
    assert found == [("5x5", 1), ("1x1", 2)]


def test_channels_are_those_of_what_an_operation_reads() -> None:
    text = (
        "cell block[](x) { y = conv[1x1, filters=channels * 2](x) | conv[1x1, filters=channels + x.channels] return y }"
    )
    assert operations(text, "block") == ["conv 16x16x16", "conv 16x16x24"]
    assert operations("", "conv[1x1, filters=channels * 3]") == ["conv 16x16x24"]
    assert operations(text, "block[filters=channels * 3]") == ["conv 16x16x16", "conv 16x16x24"]


def test_channels_of_a_node_that_is_read_only_for_its_channels() -> None:
    text = "cell block[](x) { a = conv[1x1, filters=6](x)  b = conv[1x1, filters=a.channels * 2](x) return b }"
    assert operations(text, "block") == ["conv 16x16x12"]


def test_an_operation_is_a_setting_of_a_cell_and_of_an_op() -> None:
    text = CONV + "cell block[act=relu](x) { y = conv_bn[1x1, act](x) | conv_bn[1x1, skip] | act return act(y) }"
    conv = ["conv 16x16x8", "batch_norm 16x16x8"]
    assert operations(text, "block") == [*conv, "relu 16x16x8", *conv, "relu 16x16x8", "relu 16x16x8"]
    assert operations(text, "block[skip]") == [*conv, *conv]


def test_a_setting_in_an_operation_is_the_writers_and_filters_are_those_of_its_place() -> None:
    text = """
    op twice[act] = conv[1x1, filters=filters * 2] | act
    cell block[units](x) { y = twice[conv[1x1, filters=units]](x) return y }
    cell other[](x) { y = twice[act=conv[1x1, filters=channels - filters]](x) return y }
    """
    assert operations(text, "block[3]") == ["conv 16x16x16", "conv 16x16x3"]
    assert operations(text, "other[filters=6]") == ["conv 16x16x12", "conv 16x16x6"]


def test_a_setting_hides_an_op_and_a_param() -> None:
    text = """
    param width = 3
    op act = batch_norm
    op use[act, width] = conv[1x1, filters=width] | act
    """
    assert operations(text, "use[relu, 5]") == ["conv 16x16x5", "relu 16x16x5"]


def test_an_op_within_itself_as_a_setting() -> None:
    text = CONV
    assert operations(text, "conv_bn[1x1, conv_bn[3x3, skip]]") == ["conv 16x16x8", "batch_norm 16x16x8"] * 2


def test_none_as_a_case_leaves_the_edge_out() -> None:
    text = """
    op residual = skip if stride == 1 and channels == filters else none
    cell block[](x) { y = conv[3x3, stride=stride](x) return y + residual[stride=stride](x) }
    """
    assert operations(text, "block") == ["conv 16x16x8", "add 16x16x8"]
    assert operations(text, "block[stride=2]") == ["conv 8x8x8"]
    assert operations(text, "block[filters=4]") == ["conv 16x16x4"]


def test_what_only_a_dead_edge_reads_is_not_built() -> None:
    text = """
    op project = conv[1x1] if channels != filters else none
    cell block[](x) { p = batch_norm(x) | relu  y = conv[3x3](x) return y + project(p) }
    """
    assert operations(text, "block") == ["conv 16x16x8"]
    assert operations(text, "block[filters=4]") == [
        "batch_norm 16x16x8", "relu 16x16x8", "conv 16x16x4", "conv 16x16x4", "add 16x16x4",
    ]  # fmt: skip


def test_a_node_that_dies_takes_its_readers_with_it() -> None:
    text = """
    op residual = skip if channels == filters else none
    cell block[](x) { a = residual(x)  b = relu(a)  y = conv[3x3](x) return y + b }
    """
    assert operations(text, "block[filters=4]") == ["conv 16x16x4"]


def test_an_output_that_dies_is_an_error() -> None:
    text = "op residual = skip if channels == filters else none\ncell block[](x) { return residual(x) }"
    with pytest.raises(CompileError, match=r"body/0/0/block/return: the return has no live edge") as caught:
        operations(text, "block[filters=4]")
    assert "^" in str(caught.value)


def test_a_cell_in_an_op_switches_a_branch_off() -> None:
    text = """
    op gate[units] = excite[units] if units > 0 else skip
    cell excite[units](x) { s = global_avg_pool(x) | dense[units] | relu | dense[x.channels]  return x * s }
    cell block[share](x) { y = conv[1x1](x) | gate[floor(x.channels * share)] return y }
    """
    assert operations(text, "block[0]") == ["conv 16x16x8"]
    gated = operations(text, "block[0.25]")
    assert gated == ["conv 16x16x8", "global_avg_pool 8", "dense 2", "relu 2", "dense 8", "multiply 16x16x8"]


def test_drop_path_in_a_cell_with_brackets_is_only_where_it_is_written() -> None:
    cell = "(x) { y = conv[3x3](x) return relu(y) + skip(x) }"
    marked = []
    for brackets in ("", "[]"):
        graph = resolve(dsl.loads(f"cell block{brackets}{cell}" + NETWORK % "block"), (16, 16, 3), 5)
        marked.append([operation.drop_path for operation in graph.steps[1].operations])
    assert marked == [[True, True, False], [False, False, False]]


def test_weights_are_keyed_by_the_place_of_use() -> None:
    text = """
    op gate[units] = excite[units] if units > 0 else skip
    cell excite[units](x) { s = global_avg_pool(x) | dense[units]  | dense[x.channels] return x * s }
    cell block[act=relu](x) { y = act(x) | gate[2] return y }
    """
    graph = resolve(dsl.loads(text + NETWORK % "block[conv[1x1]] * 2"), (16, 16, 3), 5)
    keys = [key for step in graph.steps for key, _ in step.weights() if key.startswith("body/0/1")]
    assert keys[0] == "body/0/1/block/y/0/conv/kernel"
    assert keys[1] == "body/0/1/block/y/tail/0/gate/0/excite/s/tail/0/dense/kernel"


def test_steps_from_a_cache_have_the_settings_of_their_call() -> None:
    from compiler.graph.cache import ResolveCache

    text = "cell block[kernel, act=relu](x) { y = conv[kernel](x) | act return y }"
    genotype = dsl.loads(text + NETWORK % "block[1x1], block[3x3], block[3x3, conv[1x1]]")
    cache = ResolveCache()
    assert {cost(genotype, (16, 16, 3), 5, cache) for _ in range(3)} == {cost(genotype, (16, 16, 3), 5)}
