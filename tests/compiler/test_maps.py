"""Values of the primitives that change the size of a map, the order of its channels, or all values of a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compiler
import dsl
from compiler.graph.structure import step_from_json, step_to_json
from compiler.layers.model import build_layers, forward
from compiler.networks import formats
from tests.compiler.saved_networks import network

MAP = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)


def of(operation: str, value: np.ndarray[Any, Any] = MAP) -> np.ndarray[Any, Any]:
    """Returns the output of an operation that is the body of a network."""
    head = "dense[classes]" if "flatten" in operation else "global_avg_pool | dense[classes]"
    text = f"network {{ body: {operation} head: {head} }}"
    layers = build_layers(compiler.resolve(dsl.loads(text), value.shape[1:], 10))
    return np.asarray(forward(layers, value, training=True)[0])


def test_padding_surrounds_a_map_with_zeros() -> None:
    np.testing.assert_array_equal(of("pad[2]"), np.pad(MAP, [(0, 0), (2, 2), (2, 2), (0, 0)]))


def test_upsampling_repeats_pixels_or_draws_lines_between_them() -> None:
    np.testing.assert_array_equal(of("upsample[2x3]"), MAP.repeat(2, axis=1).repeat(3, axis=2))
    middle = of("upsample[2x1, mode=bilinear]")
    np.testing.assert_allclose(middle[:, 1], 0.75 * MAP[:, 0] + 0.25 * MAP[:, 1], rtol=1e-6)
    np.testing.assert_allclose(middle[:, [0, -1]], MAP[:, [0, -1]], rtol=1e-6)


def test_flattening_keeps_the_channels_of_a_pixel_together() -> None:
    np.testing.assert_array_equal(of("flatten"), MAP.reshape(2, -1))


def test_parts_are_groups_of_neighbouring_channels() -> None:
    for index in (1, 2, 3):
        np.testing.assert_array_equal(of(f"part[{index}, of=3]"), MAP[..., 2 * index - 2 : 2 * index])


def test_a_shuffle_takes_one_channel_of_each_group_in_turn() -> None:
    np.testing.assert_array_equal(of("shuffle[2]"), MAP[..., [0, 3, 1, 4, 2, 5]])
    np.testing.assert_array_equal(of("shuffle[3] | shuffle[2]"), MAP)


def test_a_factor_is_fixed_or_starts_where_the_text_says() -> None:
    np.testing.assert_allclose(of("rescale[-0.5, offset=3]"), 3 - MAP / 2)
    np.testing.assert_allclose(of("scale[0.25]"), MAP / 4)
    np.testing.assert_array_equal(of("scale"), MAP)


def test_a_step_keeps_the_start_of_its_factors_as_json() -> None:
    text = "network { body: scale[0.25] head: global_avg_pool | dense[classes] }"
    step = compiler.resolve(dsl.loads(text), (4, 4, 2), 3).steps[0]
    assert step_from_json(step_to_json(step)).operations == step.operations
    older = step_to_json(step).replace(', "start": 0.25', "")  # as saved before weights had a start
    assert [weight.start for _, weight in step_from_json(older).weights()] == [1.0]


def test_an_operation_knows_how_many_channels_it_reads() -> None:
    """A condition on `channels` after a part or a flattened map is decided by the channels that are there."""
    text = """
    op half = part[1, of=2] | fit
    op fit = skip if channels == filters else conv[1x1]
    op flat = flatten | wide
    op wide = dense[channels // 4]
    cell net(x) { {} }
    network { body: net[6] head: global_avg_pool | dense[classes] }
    """
    kept, made = (dsl.loads(text.replace("{}", f"a = {op}(x) return a")) for op in ("half", "part[1, of=2]"))
    assert dsl.fingerprint(kept) != dsl.fingerprint(made)
    assert [step.shape for step in compiler.resolve(kept, (3, 4, 6), 10).steps[:1]] == [(3, 4, 6)]
    flat = dsl.loads(
        text.replace("{}", "return x").replace("body: net[6] head: global_avg_pool", "body: flat head: relu")
    )
    assert compiler.resolve(flat, (3, 4, 6), 10).steps[0].shape == (18,)


@pytest.mark.parametrize("out", ["out.keras", "out.tflite", "out.onnx", "out"])
def test_every_format_has_them(tmp_path: Path, out: str) -> None:
    text = """
    network {
      stem: conv[3x3, filters=6] | pad[1] | scale[0.5] | shuffle[3]
      body: part[2, of=2] | upsample[2x2] | upsample[2x1, mode=bilinear] | rescale[2, offset=-1]
      head: max_pool[5x5, stride=5] | flatten | scale | shuffle[2] | part[1, of=3] | dense[classes]
    }
    """
    assert formats.export(network(text), tmp_path / out).difference < 1e-4
