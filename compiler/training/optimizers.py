"""Optimizers and learning rates by the names of `training.optimizer` and `training.schedule`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from compiler.settings import Training

LearningRate = Any  # a number, or a schedule of Keras
Optimizer = Any
schedules = tf_keras.optimizers.schedules
legacy = tf_keras.optimizers.legacy  # Newer optimizers trace several operations for each variable.


def make_optimizer(training: Training, steps: int) -> Optimizer:
    """Returns the optimizer of a training with `steps` steps an epoch. In float16 the loss is scaled."""
    optimizer = _OPTIMIZERS[training.optimizer](training, learning_rate(training, steps))
    return tf_keras.mixed_precision.LossScaleOptimizer(optimizer) if training.precision == "float16" else optimizer


def scale_of(optimizer: Optimizer) -> tuple[Any, ...]:
    """Returns the variables of the scale of the loss; none if the loss is not scaled."""
    if not isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer):
        return ()
    scale = optimizer._loss_scale  # The public property `loss_scale` is a tensor, which cannot be assigned.
    return scale.current_loss_scale, scale.counter


def learning_rate(training: Training, steps: int) -> LearningRate:
    """Returns the learning rate of a training with `steps` steps an epoch: a number, or a schedule."""
    warmup = int(training.warmup_epochs * steps)
    return _SCHEDULES[training.schedule](training, steps, warmup)


class _RMSprop(legacy.RMSprop):  # type: ignore[misc, name-defined]
    """RMSProp of TensorFlow 1, as in the papers: epsilon is inside the root, and `rmsprop_start` is the first mean."""

    def __init__(self, training: Training, rate: LearningRate) -> None:
        super().__init__(rate, training.rmsprop_decay, training.momentum, training.rmsprop_epsilon)
        self._start = training.rmsprop_start
        # With momentum 0 Keras adds epsilon outside the root. With this flag, Keras adds it inside the root in all
        # cases.
        self._momentum = True

    def _create_slots(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            self.add_slot(variable, "rms", initializer=tf_keras.initializers.Constant(self._start))
            self.add_slot(variable, "momentum")


def _cosine(training: Training, steps: int, warmup: int) -> LearningRate:
    """Returns a cosine from the set value to 0, over the steps after the warm-up."""
    return schedules.CosineDecay(
        0.0 if warmup else training.learning_rate,
        max(1, steps * training.epochs - warmup),
        warmup_target=training.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def _constant(training: Training, steps: int, warmup: int) -> LearningRate:
    """Returns the set value, after the warm-up."""
    if not warmup:
        return training.learning_rate
    return schedules.PolynomialDecay(0.0, warmup, training.learning_rate)


def _exponential(training: Training, steps: int, warmup: int) -> LearningRate:
    """Returns the exponential schedule, which multiplies the rate by a factor after every `decay_epochs` epochs."""
    rate = training.learning_rate
    stairs = schedules.ExponentialDecay(
        rate, max(1, round(training.decay_epochs * steps)), training.decay_rate, staircase=True
    )
    return _Warmup(rate, warmup, stairs) if warmup else stairs


class _Warmup(schedules.LearningRateSchedule):  # type: ignore[misc, name-defined]
    """A schedule that rises in a line from 0 to the first value of another schedule, and then follows the other one."""

    def __init__(self, start: float, steps: int, after: Any) -> None:
        self._start, self._steps, self._after = start, steps, after

    def __call__(self, step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        return tf.where(step < self._steps, self._start * step / self._steps, self._after(step - self._steps))


_OPTIMIZERS: Mapping[str, Callable[[Training, LearningRate], Optimizer]] = {
    "sgd": lambda training, rate: legacy.SGD(rate, training.momentum, nesterov=training.nesterov),
    "rmsprop": _RMSprop,
}
_SCHEDULES: Mapping[str, Callable[[Training, int, int], LearningRate]] = {
    "cosine": _cosine,
    "constant": _constant,
    "exponential": _exponential,
}
