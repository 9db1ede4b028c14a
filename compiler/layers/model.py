"""A resolved graph to a `tf_keras.Model`: one Keras layer a step of the network, so that set-up stays cheap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from compiler.graph.step_text import step_from_json, step_to_json
from compiler.graph.structure import IMAGE, Graph, Step
from compiler.layers.chains import Pass
from compiler.layers.execute import run_step
from compiler.layers.noise import Noise
from compiler.layers.packing import Array, Packing, packing
from compiler.primitives.base import Weight
from compiler.primitives.layering import Tensor
from compiler.primitives.normalization_layers import local_norm


@tf_keras.saving.register_keras_serializable("amoeba")
class StepLayer(tf_keras.layers.Layer):  # type: ignore[misc]
    """One step: a cell or a pipe of operations.

    All that gradients change lies in one variable, all moving statistics of batch normalizations in another, and
    `values` gives every weight by its key in the genotype: hundreds of small variables cost more than the arithmetic.
    """

    def __init__(self, step: Step, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.step = step
        self.packing: Packing = packing(step)
        self._seed = seed
        self._trained: Any = None
        self._statistics: Any = None
        self._updates: Any = None

    def build(self, input_shape: Any) -> None:
        """Creates the variables; kernels start as He et al. 2015 with a normal distribution."""
        generator = np.random.default_rng([self._seed, _stable_number(self.step.key)])
        # in the order of the text, so that how they are packed does not change what they are
        values = {key: initial_value(weight, generator) for key, weight in self.step.weights() if weight.trainable}
        if self.packing.trained:
            self._trained = self._variable("weights", self.packing.pack(values), trainable=True)
        if self.packing.channels:
            statistics = np.stack([np.zeros(self.packing.channels), np.ones(self.packing.channels)])
            self._statistics = self._variable("statistics", statistics)
            self._updates = self._variable("updates", np.zeros(()))
        super().build(input_shape)

    def _variable(self, name: str, value: Any, trainable: bool = False) -> Any:
        """A variable; those of batch statistics are each replica's own until they are read."""
        start = np.asarray(value, np.float32)
        aggregation, reading = tf.VariableAggregation, tf.VariableSynchronization
        return self.add_weight(
            name=f"{self.step.key}/{name}", shape=start.shape, dtype=tf.float32, trainable=trainable,
            initializer=lambda *_, **__: tf.constant(start),
            aggregation=aggregation.NONE if trainable else aggregation.MEAN,
            synchronization=reading.AUTO if trainable else reading.ON_READ,
        )  # fmt: skip

    @property
    def trained(self) -> Any:
        """The variable that gradients change; None where there is nothing to learn."""
        return self._trained

    def decay_loss(self) -> Tensor | None:
        """Half the squared sum of the kernels, which L2 decays; None where there are none."""
        count = self.packing.decayed
        if not count:
            return None
        return tf.nn.l2_loss(self._trained if count == self.packing.size else self._trained[:count])

    @property
    def normalized(self) -> frozenset[str]:
        """The keys of all that batch normalizations have: scales, offsets and statistics."""
        return self.packing.normalized

    @property
    def updates_key(self) -> str:
        """The key of the number of updates that the statistics have seen."""
        return f"{self.step.key}/updates"

    def values(self) -> dict[str, Array]:
        """Every weight by its key, and the number of updates of the statistics."""
        found: dict[str, Array] = {}
        if self._trained is not None:
            found |= self.packing.unpack(self._trained.numpy())
        if self._statistics is not None:
            found |= self.packing.unpack_statistics(self._statistics.numpy())
            found[self.updates_key] = self._updates.numpy()
        return found

    def assign(self, values: Mapping[str, Array]) -> None:
        """Sets every variable; `values` has the keys and shapes that `values()` gives."""
        if self._trained is not None:
            self._trained.assign(self.packing.pack(values))
        if self._statistics is not None:
            self._statistics.assign(self.packing.pack_statistics(values))
            self._updates.assign(values[self.updates_key])

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def call(
        self,
        inputs: Any,
        training: bool | None = None,
        noise: Noise | None = None,
        norm: Any = None,
        keep: Keep | None = None,
    ) -> Tensor:
        """Runs the step on its inputs.

        Args:
          inputs: one tensor or a list, `[batch, height, width, channels]` each.
          training: whether batches normalize by their own statistics, which then move the kept ones.
          noise: of drop path and dropout; none without it.
          norm: batch normalization in training, where it is not this replica's alone.
          keep: is called with the statistics of a batch `[2, channels]` instead of moving the kept ones.
        """
        values = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
        mode = Pass(bool(training), self.compute_dtype, norm or local_norm)
        value, statistics = run_step(self.step, self.packing, self._trained, self._statistics, values, mode, noise)
        if statistics is not None:
            (keep or StepLayer.update)(self, statistics)
        return value

    def update(self, statistics: Tensor) -> None:
        """Moves the kept statistics towards those of a batch, means and variances `[2, channels]`.

        The decay starts low and rises to its set value as updates are counted, so that the statistics of a short
        training are those of its end and not of the initial values.
        """
        count = self._updates.assign_add(1.0)
        share = 1.0 - tf.minimum(tf.constant(self.packing.decays), count / (9.0 + count))
        self._statistics.assign_add((statistics - self._statistics) * share)

    def pool(self, statistics: Tensor, number: Tensor, images: int) -> None:
        """Adds one batch to the kept statistics, which become those of all values of the batches so far.

        The variance is the unbiased one of all values together. It has two parts: the variance inside the batches, and
        the variance of their means.

        Args:
          statistics: means and unbiased variances of one batch `[2, channels]`.
          number: of the batch, counted from 1, as a float; the first replaces what was kept.
          images: how many each batch has.
        """
        values = tf.constant(images * self.packing.places)
        mean, variance = tf.unstack(tf.where(number > 1, self._statistics, 0.0))
        shift = statistics[0] - mean
        squares = tf.maximum((number - 1) * values - 1, 0.0) * variance + (values - 1) * statistics[1]
        squares += tf.square(shift) * values * (number - 1) / number
        self._statistics.assign(tf.stack([mean + shift / number, squares / tf.maximum(number * values - 1, 1.0)]))

    def synchronize(self) -> None:
        """Gives all replicas the mean of their statistics, which each has kept for itself."""
        if self._statistics is not None:
            self._statistics.assign(self._statistics.numpy())
            self._updates.assign(self._updates.numpy())

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The batch, then the step's own shape."""
        return (None, *self.step.shape)

    def get_config(self) -> dict[str, Any]:
        """The step as plain data, so that a saved model needs no genotype."""
        return {**super().get_config(), "step": step_to_json(self.step), "seed": self._seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StepLayer:
        """The layer of a saved model."""
        return cls(step_from_json(config.pop("step")), **config)


Keep = Callable[[StepLayer, Tensor], None]


def lower(graph: Graph, seed: int = 0) -> tf_keras.Model:
    """A functional Keras model of a graph: images `[batch, height, width, channels]` to logits `[batch, classes]`.

    A graph with an auxiliary head has its logits as a second output.
    """
    return assemble(graph, build_layers(graph, seed))


def build_layers(graph: Graph, seed: int = 0, precision: str = "float32") -> list[StepLayer]:
    """The steps of a graph with their variables, in order; `forward` runs them without a Keras model around them.

    Steps of another precision than `float32` compute in it; variables, statistics and logits stay float32.
    """
    layers = [StepLayer(step, seed, name=layer_name(step), dtype=precision) for step in all_steps(graph)]
    for layer in layers:
        layer.build(None)
    return layers


def all_steps(graph: Graph) -> tuple[Step, ...]:
    """The steps of a graph, those of the auxiliary head last."""
    return (*graph.steps, *graph.auxiliary)


def assemble(graph: Graph, layers: Sequence[StepLayer]) -> tf_keras.Model:
    """The functional Keras model around layers that exist, for saving, showing and exporting."""
    image = tf_keras.Input(graph.input_shape, name="image")
    values: list[Any] = []
    for layer in layers:
        inputs = [image if index == IMAGE else values[index] for index in layer.step.inputs]
        values.append(layer(inputs if len(inputs) > 1 else inputs[0]))
    logits = values[len(graph.steps) - 1]
    outputs = [logits, values[-1]] if graph.auxiliary else logits
    return tf_keras.Model(image, outputs, name="amoeba")


def step_layers(model: tf_keras.Model) -> list[StepLayer]:
    """The model's steps in the order in which they run."""
    return [layer for layer in model.layers if isinstance(layer, StepLayer)]


def forward(
    layers: Sequence[StepLayer],
    images: Tensor,
    training: bool,
    noise: Sequence[Noise | None] | None = None,
    norm: Any = None,
    keep: Keep | None = None,
) -> list[Tensor]:
    """Runs steps on images, past Keras's own bookkeeping; returns every step's value, in order."""
    values: list[Tensor] = []
    for layer, own in zip(layers, noise or [None] * len(layers), strict=True):
        inputs = [images if index == IMAGE else values[index] for index in layer.step.inputs]
        values.append(layer.call(inputs, training=training, noise=own, norm=norm, keep=keep))
    return values


def layer_name(step: Step) -> str:
    """A step's key as a Keras layer is named."""
    words = step.key.split("/")
    name = "_".join([*words, step.name]) if step.is_cell else "_".join(words)
    return name.encode("ascii", "backslashreplace").decode()  # TensorFlow's scopes know no other letters


def initial_value(weight: Weight, generator: np.random.Generator) -> Array:
    """Zeros for biases and offsets, ones for scales; else normal values with variance 2 / (inputs of one output)."""
    if weight.kind in ("bias", "beta"):
        return np.zeros(weight.shape, np.float32)
    if weight.kind == "gamma":
        return np.ones(weight.shape, np.float32)
    drawn = generator.standard_normal(weight.shape, np.float32)
    return (drawn * math.sqrt(2.0 / weight.inputs)).astype(np.float32)


def _stable_number(text: str) -> int:
    return int.from_bytes(text.encode()[-8:], "big")
