"""The compiler's record of a primitive, and a primitive at its place in a network. No TensorFlow.

Shapes leave the batch out: `(height, width, channels)`, or `(channels,)` after global pooling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from compiler.errors import ShapeError
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive
from dsl.values import Kernel
from dsl.wording import by_x

Shape = tuple[int, ...]
Settings = Mapping[str, int | float | str | Kernel | None]


@dataclass(frozen=True, slots=True)
class Weight:
    """A variable of an operation; `kind` says how it starts and whether L2 decays it."""

    name: str
    shape: Shape
    kind: str  # kernel, depthwise, bias, gamma, beta, mean or variance

    @property
    def trainable(self) -> bool:
        """Whether gradients change it."""
        return self.kind not in ("mean", "variance")

    @property
    def is_kernel(self) -> bool:
        """Whether it is multiplied with values: it costs mult-adds, and L2 decays it."""
        return self.kind in ("kernel", "depthwise")

    @property
    def inputs(self) -> int:
        """How many values each output of a kernel is computed from."""
        return prod(self.shape[:2]) if self.kind == "depthwise" else prod(self.shape[:-1])


def same(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    """The shape of the only input."""
    return shapes[0]


def kernels_everywhere(shape: Shape, weights: Sequence[Weight]) -> int:
    """The mult-adds of kernels that are applied at every place of the output."""
    return prod(shape[:-1]) * sum(prod(weight.shape) for weight in weights if weight.is_kernel)


@dataclass(frozen=True, slots=True)
class Record:
    """What a primitive does to shapes, which weights it has and what it costs.

    Attributes:
      name: the primitive's.
      shape: the output's shape, of the settings and the shapes of the inputs; it raises `ShapeError` where these do
        not fit.
      weights: its variables, of the same; None for a primitive that never has any.
      mult_adds: its multiplications with additions for one image, of the output's shape and the weights.
    """

    name: str
    shape: Callable[[Settings, tuple[Shape, ...]], Shape] = same
    weights: Callable[[Settings, tuple[Shape, ...]], tuple[Weight, ...]] | None = None
    mult_adds: Callable[[Shape, Sequence[Weight]], int] = kernels_everywhere


@dataclass(frozen=True)
class Operation:
    """One primitive at a place of a network. Its inputs count the step's inputs first, then the operations before."""

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
        """The language's record of the primitive."""
        return PRIMITIVES[self.primitive]

    @property
    def keeps_statistics(self) -> bool:
        """Whether it normalizes by a batch's means and variances, of which it keeps moving averages."""
        return any(not weight.trainable for weight in self.weights)


def whole_number(settings: Settings, name: str) -> int:
    """A setting that must be a whole number here.

    Raises:
      ShapeError: it is not.
    """
    value = settings[name]
    if not isinstance(value, int):
        raise ShapeError(f"{name} is {value}; write {name} as a whole number, such as F//4")
    return value


def map_shape(shapes: tuple[Shape, ...], name: str) -> Shape:
    """The shape of the only input, which must be a map.

    Raises:
      ShapeError: it has one value a channel.
    """
    if len(shapes[0]) != 3:
        raise ShapeError(f"{name} needs a map of height x width x channels, found {by_x(shapes[0])}")
    return shapes[0]
