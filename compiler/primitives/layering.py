"""The arguments of a primitive's layers: an operation with its tensors, or with Keras tensors for stock layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from compiler.primitives.base import Operation, Settings

Tensor = Any
# Value `[batch, ..., channels]`, scale, offset and epsilon to the normalized value, and the batch's mean and variance.
Norm = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class _Use:
    """One operation and the tensors that it reads."""

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
    """One operation on tensors `[batch, height, width, channels]` or `[batch, channels]`.

    Attributes:
      weights: its trained weights, in the order of `operation.weights`.
      seed: two int32 numbers `[2]` from which it draws; None where nothing is random.
      norm: the function that normalizes by the statistics of a batch; None takes the batch of this replica.
      statistics: the kept means and variances `[2, channels]`, by which it normalizes outside of training; else None.
    """

    weights: tuple[Tensor, ...] = ()
    seed: Tensor | None = None
    norm: Norm | None = None
    statistics: Tensor | None = None

    def number(self, name: str) -> float:
        """A setting that is a number."""
        value = self.settings[name]
        assert isinstance(value, int | float)
        return float(value)


@dataclass(frozen=True)
class Stock(_Use):
    """One operation that becomes stock layers of Keras; `weighted` collects the layer of each weight by its key."""

    l2: float
    keras: Any
    weighted: dict[str, Any] = field(repr=False)

    @property
    def is_map(self) -> bool:
        """Whether the first input has rows and columns."""
        return len(self.value.shape) == 4

    def layer(self, kind: str, *arguments: Any, what: str = "", **options: Any) -> Any:
        """A layer of this class, named by the operation's key; `what` distinguishes the layers of one operation."""
        # No name of the language has a dot, so these names are unique.
        words = [*self.operation.key.split("/"), what] if what else self.operation.key.split("/")
        # TensorFlow's names are ASCII.
        name = ".".join(words).encode("ascii", "backslashreplace").decode()
        return getattr(self.keras.layers, kind)(*arguments, name=name, **options)

    def with_weights(self, kind: str, *arguments: Any, only: str = "", **options: Any) -> Any:
        """A layer that has the operation's weights, or one of them."""
        layer = self.layer(kind, *arguments, what=only, **options)
        names = [only] if only else [weight.name for weight in self.operation.weights]
        self.weighted.update({f"{self.operation.key}/{name}": layer for name in names})
        return layer

    def decayed(self, name: str) -> dict[str, Any]:
        """Options of a kernel: initial values (He et al. 2015) and weight decay; `name` is the layer's word for it."""
        decay = {f"{name}_regularizer": self.keras.regularizers.L2(self.l2 / 2)} if self.l2 else {}
        return {f"{name}_initializer": "he_normal", **decay}

    def every(self, value: Tensor, step: tuple[int, int]) -> Tensor:
        """Every n-th pixel, by max pooling with a window of one pixel."""
        return value if step == (1, 1) else self.layer("MaxPooling2D", 1, strides=step, what="every")(value)


@dataclass(frozen=True, slots=True)
class Layers:
    """How a primitive is computed.

    Attributes:
      name: the primitive's.
      run: the value of an operation; where the operation keeps statistics also the batch's means and variances.
      stock: the value of stock layers of Keras 2 and Keras 3 that compute the same.
    """

    name: str
    run: Callable[[Run], Any]
    stock: Callable[[Stock], Tensor]
