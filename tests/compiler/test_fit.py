"""The fit of states of another shape in cells of the NASNet space, compared with stock layers of Keras."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import compiler
import dsl
from compiler import resolve
from compiler.layers.model import build_layers, forward

SPACE = (
    "amoebanet_a", "amoebanet_b", "amoebanet_c", "amoebanet_d", "nasnet", "nasnet_13", "nasnet_a", "nasnet_a_large",
    "pnasnet_5",
)  # fmt: skip
ONE_CELL = """include "nasnet.cell"
fixed cell normal(here: project, before: match) fit shape {{ {normal} }}
fixed cell reduction(here: project, before: match) stride 2 fit shape {{ {reduction} }}
network {{
  stem: conv[3x3, filters={stem}] | batch_norm
  body: {body}
  head: global_avg_pool | dense[classes]
}}"""


def network(normal: str, reduction: str, body: str, stem: int = 8) -> dsl.Genotype:
    """Returns a network of the space. `a` is a node of its cells."""
    return dsl.loads(ONE_CELL.format(normal=normal, reduction=reduction, body=body, stem=stem))


def run(genotype: dsl.Genotype, images: np.ndarray) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Returns random weights by their keys, and the value of every step for the images."""
    layers = build_layers(resolve(genotype, images.shape[1:], 4))
    generator = np.random.default_rng(5)
    values: dict[str, np.ndarray] = {}
    for layer in layers:
        own = {key: generator.uniform(0.2, 1.0, np.shape(value)).astype(np.float32) if "variance" in key
               else generator.normal(0, 0.4, np.shape(value)).astype(np.float32)
               for key, value in layer.values().items()}  # fmt: skip
        layer.assign(own)
        values |= own
    return values, [value.numpy() for value in forward(layers, tf.constant(images), training=False)]


def images(channels: int = 3, size: int = 8) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (2, size, size, channels)).astype(np.float32)


def normalized(value: np.ndarray, weights: dict[str, np.ndarray], key: str) -> np.ndarray:
    """Computes batch normalization at inference by its formula."""
    gamma, beta, mean, variance = (weights[f"{key}/{name}"] for name in ("gamma", "beta", "mean", "variance"))
    result: np.ndarray = (value - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    return result


def one_by_one(value: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    result: np.ndarray = value @ kernel[0, 0]
    return result


def only(weights: dict[str, np.ndarray], *parts: str) -> str:
    """Returns the only key with all these parts."""
    (key,) = [key for key in weights if all(part in key for part in parts)]
    return key


def stock(value: np.ndarray, *layers: tf_keras.layers.Layer) -> np.ndarray:
    """Returns a model of Keras's own layers in a row."""
    for layer in layers:
        value = layer(value)
    return np.asarray(value)


def test_a_concatenated_state_of_another_width_is_fitted_without_a_relu() -> None:
    """The raw stem of 8 channels is concatenated in a cell of 6: conv 1x1 and batch norm, of negative values too."""
    genotype = network("a = identity(here)  return concat(before, a)", "return concat(here)", "normal[6]")
    weights, values = run(genotype, images())
    stem, cell = values[0], values[1]
    assert (stem < 0).any()
    kernel = weights[only(weights, "fit", "conv/kernel")]
    norm = only(weights, "fit", "gamma").removesuffix("/gamma")
    np.testing.assert_allclose(cell[..., :6], normalized(one_by_one(stem, kernel), weights, norm), rtol=1e-4, atol=1e-5)
    with_relu = normalized(one_by_one(np.maximum(stem, 0), kernel), weights, norm)
    assert np.abs(cell[..., :6] - with_relu).max() > 0.1


@pytest.mark.parametrize("state", ["here", "before"])
def test_a_concatenated_state_of_another_size_is_fitted_without_a_relu(state: str) -> None:
    """A reduction concatenates an input: two 1x1 paths of stride 2, one shifted by a pixel, and batch norm."""
    genotype = network("return concat(here)", f"a = max_pool[3x3](here)  return concat({state}, a)",
                       "normal[6], reduction[6]")  # fmt: skip
    weights, values = run(genotype, images())
    read = {key: value for key, value in weights.items() if f"/1/0/reduction/{state}/" in key}
    kernel, norm = read[only(read, "conv/kernel")], only(read, "gamma").removesuffix("/gamma")
    source = normalized(one_by_one(np.maximum(values[1 if state == "here" else 0], 0), kernel), weights, norm)
    assert (source < 0).any()
    halves = [weights[key] for key in sorted(weights) if "fit" in key and "factorized_conv" in key]
    shifted = np.pad(source, [(0, 0), (0, 1), (0, 1), (0, 0)])[:, 1:, 1:]
    paths = [
        stock(value, tf_keras.layers.AveragePooling2D(1, 2), convolution(half))
        for value, half in zip((source, shifted), halves, strict=True)
    ]
    norm = only(weights, "fit", "gamma").removesuffix("/gamma")
    expected = normalized(np.concatenate(paths, -1), weights, norm)
    np.testing.assert_allclose(values[2][..., :6], expected, rtol=1e-4, atol=1e-5)


def convolution(kernel: np.ndarray) -> tf_keras.layers.Layer:
    """Returns Keras's own 1x1 convolution with this kernel."""
    return tf_keras.layers.Conv2D(kernel.shape[-1], 1, use_bias=False, kernel_initializer=lambda *_, **__: kernel)


def test_an_input_of_another_width_keeps_its_relu() -> None:
    """`before` of the second cell has 12 channels where 6 are wanted: ReLU, conv 1x1 and batch norm."""
    genotype = network("a = skip(before)  return concat(a)", "return concat(here)", "normal[12], normal[12], normal[6]")
    weights, values = run(genotype, images())
    kernel = weights[only(weights, "/2/0/normal/before/", "conv/kernel")]
    norm = only(weights, "/2/0/normal/before/", "gamma").removesuffix("/gamma")
    expected = normalized(one_by_one(np.maximum(values[1], 0), kernel), weights, norm)
    np.testing.assert_allclose(values[3], expected, rtol=1e-4, atol=1e-5)


def test_a_concatenated_state_that_fits_goes_in_as_it_is() -> None:
    genotype = network("a = identity(here)  return concat(before, a)", "return concat(here)", "normal[6]", stem=6)
    weights, values = run(genotype, images())
    assert not any("fit" in key for key in weights)
    np.testing.assert_array_equal(values[1][..., :6], values[0])


@pytest.mark.parametrize("name", SPACE)
def test_every_cell_of_the_space_fits_by_shape(name: str) -> None:
    for cell in dsl.load(f"{name}.cell").cells:
        assert cell.fit is not None
        kind = cell.inputs[1].kind
        assert kind is not None
        assert (cell.fit.name, kind.name) == ("shape", "match")


@pytest.mark.parametrize("name", ["amoebanet_a", "amoebanet_c", "nasnet_a"])
def test_no_relu_stands_in_any_fit(name: str) -> None:
    graph = compiler.resolve(dsl.load(f"{name}.cell", {"N": 1, "F": 8}), (32, 32, 3), 10)
    fitted = {op.primitive for step in graph.steps for op in step.operations if "/fit/" in op.key}
    assert {"conv", "batch_norm"} <= fitted <= {"factorized_conv", "conv", "batch_norm"}


# --- which operations lose their path in training ---


def dropped(text: str, space: str = "") -> list[str]:
    """Returns the primitives whose path may be dropped, in a reduction cell that reads a wider state."""
    genotype = dsl.loads(f"""{space}
      fixed cell net(here, before) stride 2 fit shape {{ a = {text}  return concat(a) }}
      network {{ stem: conv[3x3, filters=8]  body: conv[3x3, filters=6], net[4]
                 head: global_avg_pool | dense[classes] }}""")
    steps = compiler.resolve(genotype, (8, 8, 3), 10).steps
    return [operation.key.rpartition("/")[2] for step in steps for operation in step.operations if operation.drop_path]


NASNET = 'include "nasnet.cell"'


@pytest.mark.parametrize("text", ["identity(here)", "identity(before)", "identity(identity(before))", "skip(here)",
                                  "here", "shape(before)", "match(before)"])  # fmt: skip
def test_no_path_of_an_identity_is_dropped_projected_or_not(text: str) -> None:
    assert dropped(text, NASNET) == []


@pytest.mark.parametrize("text", ["sep_conv[3x3](here)", "max_pool[3x3](before)", "conv_1x7_7x1(here)", "project(here)",
                                  "avg_pool[3x3](identity(here))"])  # fmt: skip
def test_the_path_of_every_other_operation_is_dropped_once(text: str) -> None:
    assert len(dropped(text, NASNET)) == 1


SHAPE = "op shape = conv[1x1, stride=stride]"


@pytest.mark.parametrize(
    ("op", "is_identity"),
    [
        ("op own = skip", True),
        ("op own = conv[1x1, stride=stride] if stride > 1 else skip", True),
        ("op own = skip if stride == 1 else conv[1x1, stride=stride]", True),
        ("op inner = conv[1x1] if channels != filters else skip\nop own = conv[1x1, stride=2] if stride > 2 else inner",
         True),
        ("op skip = skip if stride == 1 else conv[1x1, stride=stride]\nop own = skip[stride=stride]", True),
        ("op skip = conv[3x3, stride=stride]\nop own = skip[stride=stride]", False),
        ("op widen = conv[1x1] if channels != filters else skip\nop own = max_pool[3x3, stride=stride] | widen", False),
        ("op own = relu", False),
    ],
)  # fmt: skip
def test_an_identity_is_an_op_one_case_of_which_is_skip(op: str, is_identity: bool) -> None:
    assert bool(dropped("own(here)", f"{SHAPE}\n{op}")) is not is_identity
