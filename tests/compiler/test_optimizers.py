"""Optimizers, compared with their formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from compiler import Training
from compiler.training.optimizers import make_optimizer

RMSPROP = Training(optimizer="rmsprop", schedule="constant", learning_rate=0.1, rmsprop_decay=0.8, rmsprop_epsilon=0.5)
GRADIENTS = np.array([[1.0, -2.0, 0.01], [0.5, 3.0, -0.02], [-1.0, 0.0, 0.5]])


def by_hand(training: Training, start: np.ndarray) -> np.ndarray:
    """Computes RMSProp by its formula, with epsilon under the root and momentum of the step."""
    weights, square, moved = start.copy(), np.full_like(start, training.rmsprop_start), np.zeros_like(start)
    for gradient in GRADIENTS:
        square = training.rmsprop_decay * square + (1 - training.rmsprop_decay) * gradient**2
        step = training.learning_rate * gradient / np.sqrt(square + training.rmsprop_epsilon)
        moved = training.momentum * moved + step
        weights -= moved
    return weights


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("start", [0.0, 1.0, 4.0])
def test_rmsprop_has_its_epsilon_under_the_root(momentum: float, start: float) -> None:
    training = replace(RMSPROP, momentum=momentum, rmsprop_start=start)
    weights = np.array([1.0, -1.0, 0.5])
    variable = tf.Variable(weights, dtype=tf.float32)
    optimizer = make_optimizer(training, 10)
    for gradient in GRADIENTS:
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)])
    np.testing.assert_allclose(variable, by_hand(training, weights), rtol=1e-5)


def test_where_the_epsilon_stands_makes_a_difference() -> None:
    """With epsilon outside of the root, as Keras has it without momentum, the first step differs by a fifth."""
    training = replace(RMSPROP, momentum=0.0)
    variable = tf.Variable([0.0])
    make_optimizer(training, 10).apply_gradients([(tf.constant([1.0]), variable)])
    outside = -0.1 / (np.sqrt(0.2) + 0.5)
    assert float(variable[0]) == pytest.approx(-0.1 / np.sqrt(0.2 + 0.5))
    assert abs(float(variable[0]) / outside) > 1.1


def test_the_scaled_loss_of_half_precision_leaves_the_start_as_it_is() -> None:
    optimizer = make_optimizer(replace(RMSPROP, precision="float16", rmsprop_start=1.0), 10)
    variable = tf.Variable([0.0])
    optimizer.apply_gradients([(tf.constant([0.0]), variable)])
    assert float(optimizer.inner_optimizer.get_slot(variable, "rms")[0]) == pytest.approx(0.8)
