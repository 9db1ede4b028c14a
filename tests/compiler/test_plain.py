"""The model of stock layers computes what the trained one computes: every primitive, every shipped file, both Keras."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import compiler
import dsl
from compiler.graph.primitives import TABLE
from compiler.graph.requirements import requirement
from compiler.graph.structure import Graph
from compiler.layers.model import step_layers
from compiler.networks.plain import plain_model
from compiler.networks.weights import restore, weights_of
from dsl.shipped import shipped_cells

KERAS = (tf_keras, keras)  # Keras 2 and Keras 3, in one process
OPERATIONS = [
    "conv[3x3]", "conv[3x3, stride=2]", "conv[5x5, padding=valid]", "conv[1x7, stride_x=2]", "conv[3x3, dilation=2]",
    "conv[3x3, dilation=2, stride=2]", "conv[3x3, dilation=2, padding=valid]", "conv[2x3, dilation=2, stride_y=2]",
    "conv[3x1, dilation=3, stride=2, padding=valid]", "conv[full]", "conv[full, stride=2]", "conv[3x3, depth=1.5]",
    "depthwise[3x3]", "depthwise[5x5, stride=2]", "depthwise[4x2, stride=4, padding=valid]",
    "depthwise[3x3, dilation=2]", "depthwise[3x3, dilation=2, padding=valid]", "depthwise[3x3, dilation=2, stride=2]",
    "depthwise[1x3, stride_x=2]", "depthwise[3x3, stride_y=2, padding=valid]", "factorized_conv[stride=2]",
    "factorized_conv", "factorized_conv[stride=4, filters=5]", "batch_norm", "batch_norm[epsilon=0.1]", "relu",
    "avg_pool[3x3]", "avg_pool[2x2, stride=2]", "avg_pool[3x2, stride=3, padding=valid]", "max_pool[3x3, stride=2]",
    "max_pool[1x5]", "max_pool[5x5, stride=3, padding=valid]", "skip", "zero", "zero[stride=2]", "dropout[rate=0.5]",
    "global_avg_pool | batch_norm", "global_avg_pool | relu | dropout[rate=0.2]", "global_avg_pool | zero",
    "conv[full] | dense[7]",
]  # fmt: skip

CELLS = {
    "a sum of three": "cell net(x) { a = relu(x) + conv[3x3, filters=4](x) + max_pool[3x3](x)  return a }",
    "a concat": "cell net(x) { a = conv[3x3, filters=5](x)  return concat(a, relu(x)) }",
    "a smaller map and fewer channels": "cell net(x) fit resize_and_pad {"
    " a = conv[3x3, filters=2, stride=2](x) + conv[1x1, filters=5](x)  return a }",
    "a larger map and more channels": "cell net(x) fit resize_and_pad {"
    " a = conv[1x1, filters=5](x) + conv[3x3, filters=2, stride=4](x)  return a }",
    "more channels alone": "cell net(x) fit resize_and_pad { a = conv[1x1, filters=9](x) + relu(x)  return a }",
}  # fmt: skip


def of_random_weights(graph: Graph, seed: int = 0) -> tuple[tf_keras.Model, dict[str, np.ndarray[Any, Any]]]:
    """The trained kind of model with weights and statistics of which none is as it begins, and those weights."""
    model = compiler.lower(graph)
    rng = np.random.default_rng(seed)
    values: dict[str, np.ndarray] = {}
    for key, value in weights_of(step_layers(model)).items():
        if key.endswith(("gamma", "variance")):
            values[key] = np.asarray(rng.uniform(0.5, 1.5, value.shape), np.float32)
        else:
            values[key] = (value + 0.3 * rng.standard_normal(value.shape)).astype(np.float32)
    restore(step_layers(model), values)
    return model, values


def compare(graph: Graph, modules: tuple[Any, ...] = KERAS) -> Any:
    """Compares the trained kind of model with that of each Keras; the first one's."""
    model, values = of_random_weights(graph)
    images = tf.random.stateless_normal((3, *graph.input_shape), seed=(1, 2))
    wanted = np.asarray(tf.nest.flatten(model(images, training=False)))
    scale = max(1.0, float(np.abs(wanted).max()))
    made = [plain_model(graph, values, keras=module) for module in modules]
    for module, plain in zip(modules, made, strict=True):
        found = np.asarray(tf.nest.flatten(plain(images, training=False)))
        np.testing.assert_allclose(found / scale, wanted / scale, atol=2e-5)
        assert sum(int(np.prod(v.shape)) for v in plain.trainable_variables) == sum(
            int(np.prod(v.shape)) for v in model.trainable_variables
        )
        assert {type(layer).__module__.split(".")[0] for layer in plain.layers} == {module.__name__.split(".")[0]}
    return made[0]


def operation_graph(text: str) -> Graph:
    head = "dense[classes]" if "global" in text or "dense" in text else "global_avg_pool | dense[classes]"
    network = f"network {{ body: conv[1x1, filters=6] | {text} head: {head} }}"
    return compiler.resolve(dsl.loads(network), (7, 8, 3), 10)  # odd and even: padding is another


def cell_graph(cell: str) -> Graph:
    network = f"{cell} network {{ body: conv[1x1, filters=4], net head: global_avg_pool | dense[classes] }}"
    return compiler.resolve(dsl.loads(network), (8, 6, 3), 10)


@pytest.mark.parametrize("text", OPERATIONS)
def test_an_operation_is_the_same_in_stock_layers(text: str) -> None:
    compare(operation_graph(text))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_what_a_cell_joins_or_fits_is_the_same_in_stock_layers(cell: str) -> None:
    compare(cell_graph(cell))


def test_every_primitive_is_among_what_is_compared() -> None:
    graphs = [*map(operation_graph, OPERATIONS), *map(cell_graph, CELLS.values())]
    compared = {operation.primitive for graph in graphs for step in graph.steps for operation in step.operations}
    # these two leave nothing in a graph: an edge that hands its value on, and one that is not there
    assert compared == TABLE.keys() - {"skip", "none"}


@pytest.mark.parametrize("path", sorted(shipped_cells().glob("*.cell")), ids=lambda path: path.name)
def test_every_shipped_file_is_the_same_in_stock_layers(path: Path) -> None:
    genotype = small(path)
    graph = compiler.resolve(genotype, (32, 32, 3), 10)
    plain = compare(graph)
    built = sum(int(np.prod(variable.shape)) for variable in plain.trainable_variables)
    assert built == compiler.graph_cost(graph).params


@pytest.mark.full
@pytest.mark.parametrize("path", sorted(shipped_cells().glob("*.cell")), ids=lambda path: path.name)
def test_descendants_are_the_same_in_stock_layers(path: Path) -> None:
    genotype, rng = small(path), random.Random(5)
    check = requirement(genotype.space, (16, 16, 3), 10)
    for _ in range(10 if genotype.space.mutations else 0):
        for _ in range(5):
            genotype = dsl.mutate(genotype, rng, check).genotype
        compare(compiler.resolve(genotype, (16, 16, 3), 10))


def small(path: Path) -> dsl.Genotype:
    params = dsl.load(path).space.params
    return dsl.load(path, {name: value for name, value in {"N": 1, "F": 8}.items() if name in params})


def test_an_auxiliary_head_is_a_second_output() -> None:
    text = """network {
      body: conv[3x3, filters=4] as middle, max_pool[2x2, stride=2]
      head: global_avg_pool | dense[classes]
      auxiliary(middle): relu | global_avg_pool | dense[classes]
    }"""
    graph = compiler.resolve(dsl.loads(text), (8, 8, 1), 10, auxiliary=True)
    assert len(compare(graph).outputs) == 2


@pytest.mark.parametrize("module", KERAS, ids=["Keras 2", "Keras 3"])
def test_fit_trains_it_with_decay(module: ModuleType) -> None:
    text = "conv[3x3, filters=4] | batch_norm | relu | depthwise[3x3] head: global_avg_pool | dense[classes]"
    graph = compiler.resolve(dsl.loads(f"network {{ body: {text} }}"), (8, 8, 1), 3)
    model = plain_model(graph, l2=0.1, keras=module)
    kernels = [w for layer in model.layers for w in layer.trainable_weights if "kernel" in w.name]
    decay = 0.05 * sum(float(tf.reduce_sum(kernel**2)) for kernel in kernels)
    assert float(tf.add_n(model.losses)) == pytest.approx(decay, rel=1e-4)
    loss = module.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(module.optimizers.SGD(0.01), loss)
    before = [variable.numpy() for variable in model.variables]
    rng = np.random.default_rng(0)
    model.fit(rng.random((8, 8, 8, 1), np.float32), rng.integers(0, 3, 8), batch_size=4, verbose=0)
    assert all(not np.array_equal(old, new) for old, new in zip(before, model.variables, strict=True))


@pytest.mark.parametrize("module", KERAS, ids=["Keras 2", "Keras 3"])
def test_names_may_have_letters_of_any_alphabet(module: ModuleType) -> None:
    cell = "cell café(x) { a_b = conv[1x1, filters=4](x)  b = relu(a_b)  return b }"
    network = f"{cell} network {{ body: café head: global_avg_pool | dense[classes] }}"
    model = plain_model(compiler.resolve(dsl.loads(network), (8, 8, 1), 3), keras=module)
    assert model(tf.zeros((2, 8, 8, 1))).shape == (2, 3)


def test_weights_that_do_not_fit_are_told() -> None:
    graph = compiler.resolve(dsl.loads("network { body: relu head: global_avg_pool | dense[classes] }"), (4, 4, 1), 3)
    _, values = of_random_weights(graph)
    kernel = next(key for key in values if key.endswith("kernel"))
    with pytest.raises(compiler.CompileError, match=f"the weights lack {kernel}"):
        plain_model(graph, {key: value for key, value in values.items() if key != kernel})
    with pytest.raises(compiler.CompileError, match=r"in the shape \(2, 2\); the network's is \(1, 3\)"):
        plain_model(graph, {**values, kernel: np.ones((2, 2), np.float32)})
