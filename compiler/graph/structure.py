"""The resolved graph: every value with its shape, every weight with its key. Cost, pictures and layers read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from math import prod

from compiler.primitives.base import Operation, Shape, Weight

IMAGE = -1  # the index under which a step reads the image itself


@dataclass(frozen=True)
class Step:
    """One step of the network: a cell or a pipe of operations. `inputs` are indices of earlier steps."""

    key: str
    name: str
    inputs: tuple[int, ...]
    input_shapes: tuple[Shape, ...]
    operations: tuple[Operation, ...]
    output: int
    shape: Shape
    repetition: int = 0
    is_cell: bool = False

    def weights(self) -> Iterator[tuple[str, Weight]]:
        """Every weight with its key, in order."""
        for operation in self.operations:
            for weight in operation.weights:
                yield f"{operation.key}/{weight.name}", weight

    def reading(self, inputs: tuple[int, ...]) -> Step:
        """The same step after other ones; what has been counted of it is not counted again."""
        other = copy(self)
        object.__setattr__(other, "inputs", inputs)
        return other

    @cached_property
    def params(self) -> int:
        """Trainable values."""
        return sum([prod(w.shape) for operation in self.operations for w in operation.weights if w.trainable])

    @cached_property
    def mult_adds(self) -> int:
        """Multiplications with additions, for one image."""
        return sum([operation.mult_adds for operation in self.operations])

    @cached_property
    def activations(self) -> int:
        """Values that its operations make for one image."""
        return sum([prod(operation.shape) for operation in self.operations])

    @cached_property
    def chains(self) -> tuple[int | None, ...]:
        """Operations with weights on the longest way from each input to the output; `None` where there is no way."""
        own = [int(any([weight.is_kernel for weight in operation.weights])) for operation in self.operations]
        return tuple([self._chain(index, own) for index in range(len(self.inputs))])

    def _chain(self, start: int, own: Sequence[int]) -> int | None:
        """The longest way from an input, where each operation counts for so much."""
        nowhere = -1
        longest = [0 if index == start else nowhere for index in range(len(self.inputs))]
        for operation, count in zip(self.operations, own, strict=True):
            inputs = operation.inputs
            way = longest[inputs[0]] if len(inputs) == 1 else max([longest[index] for index in inputs])
            longest.append(nowhere if way == nowhere else way + count)
        return None if longest[self.output] == nowhere else longest[self.output]


@dataclass(frozen=True)
class Graph:
    """A network for images of one shape; `auxiliary` steps exist in training only."""

    input_shape: Shape
    classes: int
    steps: tuple[Step, ...]
    auxiliary: tuple[Step, ...] = ()

    @property
    def cells(self) -> int:
        """How many steps are cells."""
        return sum(step.is_cell for step in self.steps)
