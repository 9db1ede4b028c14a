"""The record of the functions that compute a primitive, and the records of the arguments of these functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.primitives.base import Operation, Settings

Tensor = Any
# A batch normalization takes a value `[batch, ..., channels]`, a scale, an offset and an epsilon. The function returns
# the normalized value, and the mean and the variance `[channels]` of the batch.
Norm = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]]


def resized(layer: Any, value: Tensor) -> Tensor:
    """Returns a map that a layer of Keras resizes or crops, with the same meaning in training and in inference.

    In Keras 3 these layers have the default `training=True`, and a call of a model hands it on to all layers after
    them. Batch normalization would then use the statistics of the batch, so the default is replaced.
    """
    mode = inspect.signature(layer.call).parameters.get("training")
    return layer(value) if mode is None else layer(value, training=False)


@dataclass(frozen=True)
class _Use:
    """An operation and the tensors that it reads."""

    operation: Operation
    inputs: tuple[Tensor, ...]

    @property
    def value(self) -> Tensor:
        """The first input."""
        return self.inputs[0]

    @property
    def settings(self) -> Settings:
        """The operation's settings."""
        return self.operation.settings


@dataclass(frozen=True)
class Run(_Use):
    """The arguments of an operation that runs on tensors `[batch, height, width, channels]` or `[batch, channels]`.

    Attributes:
      weights: the trained weights, in the order of `operation.weights`.
      drawn: the random numbers of the operation, as its `Layers.draw` returns them; None switches dropout off.
      norm: the batch normalization of training; None normalizes the batch of each replica by itself.
      statistics: the kept means and variances `[2, channels]` for batch normalization outside of training; None in
        training.
      refreshes: whether the statistics of the batch replace `statistics`, as a tensor of type bool; None if they never
        do. Batch normalization returns the statistics of the batch in both cases.
      trains: whether gradients may be taken, so that the form of an operation that trains faster is wanted.
      compiled: whether XLA compiles the operation, so that XLA must know all operations of TensorFlow in it.
    """

    weights: tuple[Tensor, ...] = ()
    drawn: Tensor | None = None
    norm: Norm | None = None
    statistics: Tensor | None = None
    refreshes: Tensor | None = None
    trains: bool = False
    compiled: bool = False

    def number(self, name: str) -> float:
        """Returns the value of a setting that is a number."""
        value = self.settings[name]
        assert isinstance(value, int | float)
        return float(value)


@dataclass(frozen=True)
class Stock(_Use):
    """The arguments of an operation that is made of stock layers of Keras.

    Attributes:
      l2: the weight decay.
      keras: the module from which layers are taken, `tf_keras` or `keras`.
      weighted: gets the layer of each weight by the key of the weight.
    """

    l2: float
    keras: Any
    weighted: dict[str, Any] = field(repr=False)

    @property
    def is_map(self) -> bool:
        """Whether the first input is a map `[batch, height, width, channels]`."""
        return len(self.value.shape) == 4

    def layer(self, kind: str, *arguments: Any, what: str = "", **options: Any) -> Any:
        """Returns a layer of the class `kind`, with a name made of the operation's key and of `what`."""
        # No name in a `.cell` text has a dot, so the names of layers are unique.
        words = [*self.operation.key.split("/"), what] if what else self.operation.key.split("/")
        # TensorFlow allows only ASCII in names.
        name = ".".join(words).encode("ascii", "backslashreplace").decode()
        return getattr(self.keras.layers, kind)(*arguments, name=name, **options)

    def with_weights(self, kind: str, *arguments: Any, only: Sequence[str] = (), **options: Any) -> Any:
        """Returns a layer with the weights of the operation, or with those in `only`, and adds it to `weighted`."""
        layer = self.layer(kind, *arguments, what=only[0] if only else "", **options)
        names = only or [weight.name for weight in self.operation.weights]
        self.weighted.update({f"{self.operation.key}/{name}": layer for name in names})
        return layer

    def decayed(self, name: str) -> dict[str, Any]:
        """Returns the layer options for a kernel: the initial values (He et al. 2015) and the weight decay.

        `name` is the first part of the option names in Keras, such as `kernel` or `depthwise`.
        """
        decay = {f"{name}_regularizer": self.keras.regularizers.L2(self.l2 / 2)} if self.l2 else {}
        return {f"{name}_initializer": "he_normal", **decay}

    def every(self, value: Tensor, step: tuple[int, int]) -> Tensor:
        """Returns every n-th pixel of a map, by max pooling with a window of one pixel."""
        return value if step == (1, 1) else self.layer("MaxPooling2D", 1, strides=step, what="every")(value)


@dataclass(frozen=True, slots=True)
class Layers:
    """The functions that compute a primitive.

    Attributes:
      name: the name of the primitive.
      run: returns the output of an operation. A batch normalization returns also the means and variances of the batch.
      stock: returns the output of stock layers of Keras 2 or Keras 3 that compute the same.
      has_gradient: whether `run` may define a gradient. TensorFlow keeps such a gradient, with the graph in which it
        was defined, until the process ends.
      draw: returns the random numbers of an operation from its seed, two int32 numbers `[2]`, for a number of images
        and a type; None for a primitive that is not random. They are drawn before the operation runs, because XLA
        would draw other numbers.
    """

    name: str
    run: Callable[[Run], Any]
    stock: Callable[[Stock], Tensor]
    has_gradient: bool = False
    draw: Callable[[Operation, Tensor, Tensor | int, str], Tensor] | None = None
