"""Every shipped space: children are costed and built, and learn in one step."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import compiler
import dsl
from compiler import requirement
from compiler.layers.model import build_layers, forward
from dsl import shipped_cells

FILES = [path for path in sorted(shipped_cells().glob("*.cell")) if dsl.load(path).space.mutations]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_descendant_is_costed_and_trains_a_step(path: Path) -> None:
    params = dsl.load(path).space.params
    genotype = dsl.load(path, {name: value for name, value in {"N": 1, "F": 8}.items() if name in params})
    rng, check = random.Random(3), requirement(genotype.space, (32, 32, 3), 10)
    for _ in range(12):
        genotype = dsl.mutate(genotype, rng, check).genotype
    graph = compiler.resolve(genotype, (32, 32, 3), 10)
    layers = build_layers(graph)
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    assert sum(int(np.prod(variable.shape)) for variable in variables) == compiler.graph_cost(graph).params
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(forward(layers, tf.random.normal((2, 32, 32, 3)), training=True)[-1] ** 2)
    gradients = tape.gradient(loss, variables)
    assert all(gradient is not None for gradient in gradients)
    assert np.isfinite(float(loss))
