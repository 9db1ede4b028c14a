"""The compiler's record of a primitive, and the record of one use of a primitive in a network, without TensorFlow.

Shapes do not contain the batch: `(height, width, channels)`, or `(channels,)` after global pooling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from compiler.errors import ShapeError
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive
from dsl.values import Kernel
from dsl.wording import by_x, plural

Shape = tuple[int, ...]
Settings = Mapping[str, int | float | str | Kernel | None]


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight of an operation. Its kind decides its initial value and whether it is trained and has weight decay."""

    name: str
    shape: Shape
    kind: str  # one of: kernel, depthwise, bias, gamma, beta, mean, variance, embedding
    start: float = 1.0  # the initial value of a gamma

    @property
    def trainable(self) -> bool:
        """Whether training changes this weight by gradients."""
        return self.kind not in ("mean", "variance")

    @property
    def is_kernel(self) -> bool:
        """Whether this is a kernel, by which values are multiplied. Kernels cost mult-adds and have weight decay."""
        return self.kind in ("kernel", "depthwise")

    @property
    def inputs(self) -> int:
        """The number of input values from which a kernel computes one output value."""
        return prod(self.shape[:2]) if self.kind == "depthwise" else prod(self.shape[:-1])


def same(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    """Returns the shape of the only input, for a primitive whose output has the same shape."""
    return shapes[0]


def kernels_everywhere(shape: Shape, weights: Sequence[Weight]) -> int:
    """Returns the mult-adds of kernels that are applied at every pixel of the output."""
    return prod(shape[:-1]) * sum(prod(weight.shape) for weight in weights if weight.is_kernel)


@dataclass(frozen=True, slots=True)
class Record:
    """The functions that give the output shape, the weights and the cost of a primitive.

    Attributes:
      name: the name of the primitive.
      shape: returns the output shape from the settings and the shapes of the inputs. The function raises `ShapeError`
        if the shapes do not fit.
      weights: returns the weights from the same arguments; None for a primitive without weights.
      mult_adds: returns the mult-adds for one image from the output shape and the weights.
      drops: returns from the settings whether the training's drop path may drop the output, wherever it stands.
    """

    name: str
    shape: Callable[[Settings, tuple[Shape, ...]], Shape] = same
    weights: Callable[[Settings, tuple[Shape, ...]], tuple[Weight, ...]] | None = None
    mult_adds: Callable[[Shape, Sequence[Weight]], int] = kernels_everywhere
    drops: Callable[[Settings], bool] | None = None


@dataclass(frozen=True)
class Operation:
    """One use of a primitive in a network.

    Attributes:
      primitive: the name of the primitive.
      settings: the values of the settings.
      inputs: indices of values. The inputs of the step are counted first, and after them the operations of the step.
      shape: the output shape.
      weights: the weights of this use.
      mult_adds: the mult-adds for one image.
      key: the place in the network, such as `body/2/0/normal/a/0`. The keys of the weights begin with this text.
      drop_path: whether drop path may drop the output in training.
    """

    primitive: str
    settings: Settings
    inputs: tuple[int, ...]
    shape: Shape
    weights: tuple[Weight, ...]
    mult_adds: int
    key: str
    drop_path: bool = False

    @property
    def declared(self) -> Primitive:
        """The record that the package `dsl` has of the primitive."""
        return PRIMITIVES[self.primitive]

    @property
    def normalizes(self) -> bool:
        """Whether the operation is a normalization. It computes in float32, whatever the type of other operations."""
        return any(weight.kind == "beta" for weight in self.weights)

    @property
    def keeps_statistics(self) -> bool:
        """Whether the operation is a batch normalization, which keeps moving means and variances."""
        return any(not weight.trainable for weight in self.weights)


def whole_number(settings: Settings, name: str) -> int:
    """Returns the value of a setting that must be a whole number.

    Raises:
      ShapeError: the value is not a whole number.
    """
    value = settings[name]
    if not isinstance(value, int):
        raise ShapeError(f"{name} is {value}; write {name} as a whole number, such as F//4")
    return value


def largest_divisor(number: int, limit: int) -> int:
    """Returns the largest whole number of at most `limit` that divides a number."""
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)


def map_shape(shapes: tuple[Shape, ...], name: str) -> Shape:
    """Returns the shape of the only input, which must be a map `(height, width, channels)`.

    Raises:
      ShapeError: the input has the shape `(channels,)`.
    """
    if len(shapes[0]) != 3:
        found = f"{name} needs a map of height x width x channels, found {by_x(shapes[0])}"
        raise ShapeError(f"{found}; put it before global_avg_pool or flatten")
    return shapes[0]


def group_size(name: str, setting: str, groups: int, channels: int, noun: str = "groups") -> int:
    """Returns the channels of each of `groups` equal groups of channels.

    Args:
      name: the name of the primitive, for the message.
      setting: the text before the number of groups in the brackets of the primitive, such as `of=`.
      groups: the number of groups.
      channels: the number of all channels.
      noun: the word for the groups, for the message.

    Raises:
      ShapeError: the channels do not divide into the groups.
    """
    if channels % groups:
        fewer = f"{name}[{setting}{largest_divisor(channels, groups)}]"
        raise ShapeError(
            f"{name}: {plural(channels, 'channel')} do not divide into {groups} equal {noun}; write {fewer}, "
            f"or give it a multiple of {groups} channels"
        )
    return channels // groups
