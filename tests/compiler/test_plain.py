"""The model of stock layers computes what the trained one computes: every shipped file, both Keras."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import requirement
from compiler.networks.plain import plain_model
from tests.compiler.shipped import QUICK
from tests.compiler.stock_networks import KERAS, compare, of_random_weights


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.name)
def test_every_shipped_file_is_the_same_in_stock_layers(path: Path) -> None:
    genotype = small(path)
    graph = compiler.resolve(genotype, (32, 32, 3), 10)
    plain = compare(graph)
    built = sum(int(np.prod(variable.shape)) for variable in plain.trainable_variables)
    assert built == compiler.graph_cost(graph).params


@pytest.mark.full
@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.name)
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


def test_weights_that_do_not_fit_are_refused() -> None:
    graph = compiler.resolve(dsl.loads("network { body: relu head: global_avg_pool | dense[classes] }"), (4, 4, 1), 3)
    _, values = of_random_weights(graph)
    kernel = next(key for key in values if key.endswith("kernel"))
    with pytest.raises(compiler.CompileError, match=f"the weights lack {kernel}"):
        plain_model(graph, {key: value for key, value in values.items() if key != kernel})
    with pytest.raises(compiler.CompileError, match=r"in the shape \(2, 2\); the network needs \(1, 3\)"):
        plain_model(graph, {**values, kernel: np.ones((2, 2), np.float32)})
