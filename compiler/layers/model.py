"""Lowers a resolved graph to a `tf_keras.Model`.

Each step of the network is one Keras layer. One layer for each operation would make the set-up of a network slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from compiler.graph.structure import IMAGE, Graph, Step, step_from_json, step_to_json
from compiler.layers.chains import Pass
from compiler.layers.execute import Drawn, Noise, draw, run_step
from compiler.layers.packing import Array, Packing, packing
from compiler.primitives.base import Weight
from compiler.primitives.layering import Tensor
from compiler.primitives.normalization_layers import local_norm

EMBEDDING = 0.02  # the standard deviation of the initial values of an embedding


@tf_keras.saving.register_keras_serializable("amoeba")
class StepLayer(tf_keras.layers.Layer):  # type: ignore[misc]
    """The Keras layer of one step of the network: one use of a cell, or a pipe of operations.

    One variable has all trained weights, and another variable has all moving statistics of batch normalizations. With
    hundreds of small variables, TensorFlow's administration of variables would take longer than the arithmetic.
    `values` returns every weight by its key in the genotype.
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
        """Creates the variables. Kernels are initialized as in He et al. 2015, from a normal distribution."""
        generator = np.random.default_rng([self._seed, _stable_number(self.step.key)])
        # Values are drawn in the order of the text, so that they do not depend on the packing.
        values = {key: initial_value(weight, generator) for key, weight in self.step.weights() if weight.trainable}
        if self.packing.trained:
            self._trained = self._variable("weights", self.packing.pack(values), trainable=True)
        if self.packing.channels:
            statistics = np.stack([np.zeros(self.packing.channels), np.ones(self.packing.channels)])
            self._statistics = self._variable("statistics", statistics)
            self._updates = self._variable("updates", np.zeros(()))
        super().build(input_shape)

    def _variable(self, name: str, value: Any, trainable: bool = False) -> Any:
        """Adds a variable. Each replica has a copy of batch statistics, and a read returns the mean of the copies.

        Every read returns float32. Otherwise a layer that Keras calls would read the statistics in 16 bits, and these
        layers cast the kernels themselves.
        """
        start = np.asarray(value, np.float32)
        aggregation, reading = tf.VariableAggregation, tf.VariableSynchronization
        return self.add_weight(
            name=f"{self.step.key}/{name}", shape=start.shape, dtype=tf.float32, trainable=trainable,
            initializer=lambda *_, **__: tf.constant(start),
            aggregation=aggregation.NONE if trainable else aggregation.MEAN,
            synchronization=reading.AUTO if trainable else reading.ON_READ,
            experimental_autocast=False,
        )  # fmt: skip

    @property
    def trained(self) -> Any:
        """The variable of all trained weights; None if the step has none."""
        return self._trained

    def decay(self, factor: float) -> Tensor | None:
        """Returns `factor` times the kernels, and zeros for the other weights; None if the step has no kernel.

        This is the gradient of weight decay. A loss with its own gradient would need three times as many operations.
        """
        count, size = self.packing.decayed, self.packing.size
        if not count:
            return None
        if count == size:
            return factor * self._trained
        return tf.pad(factor * tf.slice(self._trained, (0,), (count,)), ((0, size - count),))

    @property
    def updates_key(self) -> str:
        """The key under which `values` has the number of updates of the statistics."""
        return f"{self.step.key}/updates"

    def values(self) -> dict[str, Array]:
        """Returns every weight by its key, and the number of updates of the statistics."""
        found: dict[str, Array] = {}
        if self._trained is not None:
            found |= self.packing.unpack(self._trained.numpy())
        if self._statistics is not None:
            found |= self.packing.unpack_statistics(self._statistics.numpy())
            found[self.updates_key] = self._updates.numpy()
        return found

    def assign(self, values: Mapping[str, Array]) -> None:
        """Sets all variables from a mapping with the keys and shapes that `values()` returns."""
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
        noise: Noise | Drawn | None = None,
        norm: Any = None,
        keep: Keep | None = None,
        compiled: bool = False,
        refreshes: Tensor | None = None,
    ) -> Tensor:
        """Runs the step on its inputs and returns its output.

        Args:
          inputs: one tensor or a list, `[batch, height, width, channels]` each.
          training: whether batch normalization uses the statistics of the batch and then updates the kept statistics.
          noise: the random numbers of drop path and dropout, or their source; None switches both off.
          norm: the batch normalization of training; None normalizes the batch of each replica by itself.
          keep: is called with the layer and the statistics of a batch `[2, channels]`, whose means and unbiased
            variances are then not added to the kept ones.
          compiled: whether XLA compiles the call as a part of a program.
          refreshes: outside of training, a tensor of type bool: whether batch normalization uses the statistics of the
            batch. `keep` is called in both cases. Without the tensor, the kept statistics are used and `keep` is not
            called.
        """
        values = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
        mode = Pass(bool(training), self.compute_dtype, norm or local_norm, compiled, refreshes)
        drawn = noise if isinstance(noise, Drawn) else self.draw(noise, values[0].shape[0] or tf.shape(values[0])[0])
        value, statistics = run_step(self.step, self.packing, self._trained, self._statistics, values, mode, drawn)
        if statistics is not None:
            (keep or StepLayer.update)(self, statistics)
        return value

    def draw(self, noise: Noise | None, images: Tensor | int) -> Drawn | None:
        """Returns the random numbers of this layer for a number of images; None without noise."""
        return draw(self.step, noise, images, self.compute_dtype)

    def update(self, statistics: Tensor) -> None:
        """Moves the kept statistics towards the means and variances `[2, channels]` of a batch.

        The decay starts low and rises with the number of updates to its set value. Otherwise the statistics of a short
        training would still contain the initial values.
        """
        count = self._updates.assign_add(1.0)
        share = 1.0 - tf.minimum(tf.constant(self.packing.decays), count / (9.0 + count))
        self._statistics.assign_add((statistics - self._statistics) * share)

    def refresh(self, statistics: Array) -> None:
        """Replaces the kept means and variances by `statistics` `[2, channels]`."""
        self._statistics.assign(statistics)

    def synchronize(self) -> None:
        """Sets the statistics of every replica to the mean over all replicas."""
        if self._statistics is not None:
            self._statistics.assign(self._statistics.numpy())
            self._updates.assign(self._updates.numpy())

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Returns the shape of the output, with None for the batch."""
        return (None, *self.step.shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the step as data for JSON, so that a saved model can be loaded without its genotype."""
        return {**super().get_config(), "step": step_to_json(self.step), "seed": self._seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StepLayer:
        """Returns the layer of a saved model from the data of `get_config`."""
        return cls(step_from_json(config.pop("step")), **config)


Keep = Callable[[StepLayer, Tensor], None]


def lower(graph: Graph, seed: int = 0) -> tf_keras.Model:
    """Returns the functional Keras model of a graph, from images `[batch, height, width, channels]` to logits.

    The logits have the shape `[batch, classes]`. With an auxiliary head, its logits are a second output.
    """
    return assemble(graph, build_layers(graph, seed))


def build_layers(graph: Graph, seed: int = 0, precision: str = "float32") -> list[StepLayer]:
    """Returns the layers of a graph in order, with their variables. `forward` runs these layers without a Keras model.

    Layers compute in the type `precision`. Variables, statistics and logits are always float32.
    """
    layers = [StepLayer(step, seed, name=layer_name(step), dtype=precision) for step in all_steps(graph)]
    for layer in layers:
        layer.build(None)
    return layers


def all_steps(graph: Graph) -> tuple[Step, ...]:
    """Returns the steps of a graph, with the steps of the auxiliary head at the end."""
    return (*graph.steps, *graph.auxiliary)


def assemble(graph: Graph, layers: Sequence[StepLayer]) -> tf_keras.Model:
    """Returns the functional Keras model of a graph that uses these layers and their variables."""
    image = tf_keras.Input(graph.input_shape, name="image")
    values: list[Any] = []
    for layer in layers:
        inputs = [image if index == IMAGE else values[index] for index in layer.step.inputs]
        values.append(layer(inputs if len(inputs) > 1 else inputs[0]))
    logits = values[len(graph.steps) - 1]
    outputs = [logits, values[-1]] if graph.auxiliary else logits
    return tf_keras.Model(image, outputs, name="amoeba")


def step_layers(model: tf_keras.Model) -> list[StepLayer]:
    """Returns the step layers of a model in the order in which they run."""
    return [layer for layer in model.layers if isinstance(layer, StepLayer)]


def forward(
    layers: Sequence[StepLayer],
    images: Tensor,
    training: bool,
    noise: Sequence[Noise | Drawn | None] | None = None,
    norm: Any = None,
    keep: Keep | None = None,
    compiled: bool = False,
    refreshes: Tensor | None = None,
) -> list[Tensor]:
    """Runs layers on images and returns the output of each, in order, without the overhead of a Keras model.

    The arguments are those of `StepLayer.call`.
    """
    values: list[Tensor] = []
    for layer, own in zip(layers, noise or [None] * len(layers), strict=True):
        inputs = [images if index == IMAGE else values[index] for index in layer.step.inputs]
        values.append(
            layer.call(
                inputs, training=training, noise=own, norm=norm, keep=keep, compiled=compiled, refreshes=refreshes
            )
        )
    return values


def layer_name(step: Step) -> str:
    """Returns the name of the Keras layer of a step, made of its key."""
    words = step.key.split("/")
    name = "_".join([*words, step.name]) if step.is_cell else "_".join(words)
    return name.encode("ascii", "backslashreplace").decode()  # TensorFlow allows only ASCII in names of scopes


def initial_value(weight: Weight, generator: np.random.Generator) -> Array:
    """Returns the initial value of a weight: zeros for biases and offsets, `start` for scales.

    Kernels are drawn from a normal distribution with the variance 2 / n, where n is the number of inputs of one output.
    Embeddings are drawn from a normal distribution with the deviation 0.02 (ViT).
    """
    if weight.kind in ("bias", "beta"):
        return np.zeros(weight.shape, np.float32)
    if weight.kind == "gamma":
        return np.full(weight.shape, weight.start, np.float32)
    drawn = generator.standard_normal(weight.shape, np.float32)
    deviation = EMBEDDING if weight.kind == "embedding" else math.sqrt(2.0 / weight.inputs)
    return (drawn * deviation).astype(np.float32)


def _stable_number(text: str) -> int:
    return int.from_bytes(text.encode()[-8:], "big")
