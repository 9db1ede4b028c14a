"""A resolved graph to a `tf_keras.Model`: one Keras layer a step of the network, so that set-up stays cheap."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from compiler.graph import IMAGE, Graph, Operation, Step
from compiler.layers import LAYERS, Run, Tensor, drop_path
from compiler.primitives import Settings, Shape, Weight
from dsl.syntax import Kernel

Array = np.ndarray[Any, np.dtype[np.float32]]

_NORMS = ("gamma", "beta", "mean", "variance")


@tf_keras.saving.register_keras_serializable("amoeba")
class StepLayer(tf_keras.layers.Layer):  # type: ignore[misc]
    """One step: a cell or a pipe of operations.

    Kernels and biases are variables under their keys in the genotype. Scales, offsets and moving statistics of all
    batch normalizations in the step are kept in four variables, one slice each: many small variables are slow.
    """

    def __init__(self, step: Step, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.step = step
        self._seed = seed
        self._norms = [operation for operation in step.operations if operation.primitive == "batch_norm"]
        self._kernels: dict[str, Any] = {}
        self._packed: dict[str, Any] = {}

    def build(self, input_shape: Any) -> None:
        """Creates the variables; kernels start as He et al. 2015 with a normal distribution."""
        generator = np.random.default_rng([self._seed, _stable_number(self.step.key)])
        for key, weight in self.step.weights():
            if weight.kind not in _NORMS:
                value = initial_value(weight, generator)
                self._kernels[key] = self.add_weight(
                    name=key, shape=weight.shape, initializer=lambda *a, v=value, **k: tf.constant(v)
                )
        channels = sum(operation.shape[-1] for operation in self._norms)
        if channels:
            for kind in _NORMS:
                start = "ones" if kind in ("gamma", "variance") else "zeros"
                trainable = kind in ("gamma", "beta")
                self._packed[kind] = self.add_weight(
                    name=f"{self.step.key}/{kind}", shape=(channels,), initializer=start, trainable=trainable,
                    aggregation=tf.VariableAggregation.NONE if trainable else tf.VariableAggregation.MEAN,
                    synchronization=tf.VariableSynchronization.AUTO
                    if trainable
                    else tf.VariableSynchronization.ON_READ,
                )  # fmt: skip
            self._updates = self.add_weight(
                name=f"{self.step.key}/updates", shape=(), initializer="zeros", trainable=False,
                aggregation=tf.VariableAggregation.MEAN, synchronization=tf.VariableSynchronization.ON_READ,
            )  # fmt: skip
        super().build(input_shape)

    @property
    def decayed(self) -> list[Any]:
        """The kernels, which L2 decays."""
        return [variable for variable in self._kernels.values() if len(variable.shape) > 1]

    @property
    def normalized(self) -> frozenset[str]:
        """The keys of all that batch normalizations have: scales, offsets and statistics."""
        return frozenset(key for key, weight in self.step.weights() if weight.kind in _NORMS)

    @property
    def updates_key(self) -> str:
        """The key of the number of updates that the statistics have seen."""
        return f"{self.step.key}/updates"

    def values(self) -> dict[str, Array]:
        """Every weight by its key, the packed ones each by its own, and the number of updates."""
        found = {key: variable.numpy() for key, variable in self._kernels.items()}
        if self._norms:
            ends = np.cumsum([norm.shape[-1] for norm in self._norms])[:-1]
            for kind, packed in self._packed.items():
                parts = np.split(packed.numpy(), ends)
                found |= {f"{norm.key}/{kind}": part for norm, part in zip(self._norms, parts, strict=True)}
            found[self.updates_key] = self._updates.numpy()
        return found

    def assign(self, values: Mapping[str, Array]) -> None:
        """Sets every variable; `values` has the keys and shapes that `values()` gives."""
        for key, variable in self._kernels.items():
            variable.assign(values[key])
        if self._norms:
            for kind, packed in self._packed.items():
                packed.assign(np.concatenate([values[f"{norm.key}/{kind}"] for norm in self._norms]))
            self._updates.assign(values[self.updates_key])

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def call(self, inputs: Any, training: bool | None = None, keep: Tensor | None = None) -> Tensor:
        """Runs the step on its inputs; `keep` is the probability of keeping a path."""
        values: list[Tensor] = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        norms = _Normalization(self._norms, self._packed, bool(training))
        run = Run(bool(training), keep if training else None, norms.normalize)
        for operation in self.step.operations:
            weights = tuple(
                self._kernels[f"{operation.key}/{weight.name}"]
                for weight in operation.weights
                if weight.kind not in _NORMS
            )
            value = LAYERS[operation.primitive](operation, tuple(values[i] for i in operation.inputs), weights, run)
            if operation.drop_path and run.keep is not None:
                value = drop_path(value, run.keep)
            values.append(value)
        if training and self._norms:
            norms.update(self._updates)
        return values[self.step.output]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The batch, then the step's own shape."""
        return (None, *self.step.shape)

    def get_config(self) -> dict[str, Any]:
        """The step as plain data, so that a saved model needs no genotype."""
        return {**super().get_config(), "step": json.dumps(asdict(self.step), default=_plain), "seed": self._seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StepLayer:
        """The layer of a saved model."""
        return cls(step_from_json(config.pop("step")), **config)


class _Normalization:
    """The batch normalizations of one pass: slices of the packed variables, one update of the statistics at the end."""

    def __init__(self, norms: Sequence[Operation], packed: dict[str, Any], training: bool) -> None:
        self._training = training
        self._packed = packed
        self._means: list[Tensor] = []
        self._variances: list[Tensor] = []
        self._decays = [float(_number(norm.settings["decay"])) for norm in norms]
        sizes = [norm.shape[-1] for norm in norms]
        kinds = [tf.split(tf.convert_to_tensor(packed[kind]), sizes) for kind in _NORMS] if norms else []
        self._slices = {norm.key: parts for norm, *parts in zip(norms, *kinds, strict=True)}
        self._sizes = sizes

    def normalize(self, operation: Operation, value: Tensor) -> Tensor:
        """Batch normalization of one operation; in training the batch's own statistics count."""
        gamma, beta, mean, variance = self._slices[operation.key]
        flat = len(value.shape) == 2
        value = value[:, None, None] if flat else value
        empty = tf.zeros((0,))
        normalized, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=value, scale=gamma, offset=beta, epsilon=float(_number(operation.settings["epsilon"])),
            mean=empty if self._training else mean, variance=empty if self._training else variance,
            is_training=self._training,
        )  # fmt: skip
        self._means.append(batch_mean)
        self._variances.append(batch_variance)
        return normalized[:, 0, 0] if flat else normalized

    def update(self, updates: Any) -> None:
        """Moves the statistics towards the batch's.

        The decay starts low and rises to its set value as updates are counted, so that the statistics of a short
        training are those of its end and not of the initial values.
        """
        count = updates.assign_add(1.0)
        limit = np.repeat(np.asarray(self._decays, np.float32), self._sizes)
        share = 1.0 - tf.minimum(limit, count / (9.0 + count))
        for kind, parts in (("mean", self._means), ("variance", self._variances)):
            variable = self._packed[kind]
            variable.assign_add((tf.concat(parts, axis=0) - variable) * share)


def lower(graph: Graph, seed: int = 0) -> tf_keras.Model:
    """A functional Keras model of a graph: images `[batch, height, width, channels]` to logits `[batch, classes]`.

    A graph with an auxiliary head has its logits as a second output.
    """
    return assemble(graph, build_layers(graph, seed))


def build_layers(graph: Graph, seed: int = 0) -> list[StepLayer]:
    """The steps of a graph with their variables, in order; `forward` runs them without a Keras model around them."""
    layers = [StepLayer(step, seed, name=layer_name(step)) for step in (*graph.steps, *graph.auxiliary)]
    for layer in layers:
        layer.build(None)
    return layers


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


def forward(layers: Sequence[StepLayer], images: Tensor, training: bool, keep: Tensor | None = None) -> list[Tensor]:
    """Runs steps on images, past Keras's own bookkeeping; returns every step's value, in order."""
    values: list[Tensor] = []
    for layer in layers:
        inputs = [images if index == IMAGE else values[index] for index in layer.step.inputs]
        values.append(layer.call(inputs, training=training, keep=keep))
    return values


def layer_name(step: Step) -> str:
    """A step's key as a Keras layer is named."""
    words = step.key.split("/")
    return "_".join([*words, step.name]) if step.is_cell else "_".join(words)


def initial_value(weight: Weight, generator: np.random.Generator) -> Array:
    """Zeros for a bias; else normal values with variance 2 / (inputs of one output)."""
    if weight.kind == "bias":
        return np.zeros(weight.shape, np.float32)
    inputs = math.prod(weight.shape[:2]) if weight.kind == "depthwise" else math.prod(weight.shape[:-1])
    return (generator.standard_normal(weight.shape, np.float32) * math.sqrt(2.0 / inputs)).astype(np.float32)


def _stable_number(text: str) -> int:
    return int.from_bytes(text.encode()[-8:], "big")


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return value


# --- saved steps -----------------------------------------------------------------------------------------------


def _plain(value: object) -> object:
    return str(value)


def step_from_json(text: str) -> Step:
    """A step from the text that a saved model holds."""
    data = json.loads(text)
    operations = tuple(
        Operation(
            item["primitive"], _settings(item["settings"]), tuple(item["inputs"]), tuple(item["shape"]),
            tuple(Weight(w["name"], tuple(w["shape"]), w["kind"]) for w in item["weights"]), item["mult_adds"],
            item["key"], item["drop_path"],
        )
        for item in data["operations"]
    )  # fmt: skip
    shapes: tuple[Shape, ...] = tuple(tuple(shape) for shape in data["input_shapes"])
    return Step(
        data["key"], data["name"], tuple(data["inputs"]), shapes, operations, data["output"], tuple(data["shape"]),
        data["repetition"], data["is_cell"],
    )  # fmt: skip


def _settings(data: dict[str, Any]) -> Settings:
    return {
        name: Kernel(value["height"], value["width"]) if isinstance(value, dict) else value
        for name, value in data.items()
    }
