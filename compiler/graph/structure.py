"""The records of a resolved graph, from which costs and layers are made, and a step as JSON for saved Keras models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import prod
from typing import Any

from compiler.primitives.base import Operation, Settings, Shape, Weight
from dsl.space.stack import IMAGE as IMAGE
from dsl.values import Kernel


@dataclass(frozen=True)
class Step:
    """One step of the network: one use of a cell, or a pipe of operations.

    Attributes:
      key: the place in the network, made of section, step and repetition, such as `body/2/0`.
      name: the name of the cell, or the operations of the pipe.
      inputs: indices of earlier steps in the graph, or IMAGE.
      input_shapes: the shapes of the inputs.
      operations: primitives in an order in which they can run. The inputs of an operation are indices of values: the
        inputs of the step are counted first, and after them the operations.
      output: the index of the value that is the output of the step.
      shape: the output shape. For the last step of a network this is `(classes,)`, even if its last operation gives a
        map of one pixel.
      repetition: the number of the repetition, from 0.
      is_cell: whether the step is a use of a cell.
    """

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
        """Yields the key and the record of every weight, in the order of the operations."""
        for operation in self.operations:
            for weight in operation.weights:
                yield f"{operation.key}/{weight.name}", weight

    def reading(self, inputs: tuple[int, ...]) -> Step:
        """Returns this step with other inputs. It keeps the costs that were computed for this step."""
        if inputs == self.inputs:
            return self
        other: Step = object.__new__(Step)  # `copy.copy` would take five times as long.
        other.__dict__.update(self.__dict__, inputs=inputs)
        return other

    @cached_property
    def params(self) -> int:
        """The number of parameters."""
        return sum([prod(w.shape) for operation in self.operations for w in operation.weights if w.trainable])

    @cached_property
    def mult_adds(self) -> int:
        """The mult-adds for one image."""
        return sum([operation.mult_adds for operation in self.operations])

    @cached_property
    def activations(self) -> int:
        """The number of values in the outputs of all operations of the step, for one image."""
        return sum([prod(operation.shape) for operation in self.operations])

    @cached_property
    def chains(self) -> tuple[int | None, ...]:
        """For each input, the operations with kernels on the longest path to the output; None without a path."""
        own = [int(any([weight.is_kernel for weight in operation.weights])) for operation in self.operations]
        return tuple([self._chain(index, own) for index in range(len(self.inputs))])

    def _chain(self, start: int, own: Sequence[int]) -> int | None:
        """Returns the largest sum of `own` along a path from an input to the output. Without a path it returns None."""
        nowhere = -1
        longest = [0 if index == start else nowhere for index in range(len(self.inputs))]
        for operation, count in zip(self.operations, own, strict=True):
            inputs = operation.inputs
            way = longest[inputs[0]] if len(inputs) == 1 else max([longest[index] for index in inputs])
            longest.append(nowhere if way == nowhere else way + count)
        return None if longest[self.output] == nowhere else longest[self.output]


@dataclass(frozen=True)
class Graph:
    """A resolved network for images `[height, width, channels]`. Only training uses the steps in `auxiliary`."""

    input_shape: Shape
    classes: int
    steps: tuple[Step, ...]
    auxiliary: tuple[Step, ...] = ()

    @property
    def cells(self) -> int:
        """The number of steps that are uses of a cell."""
        return sum(step.is_cell for step in self.steps)


def step_to_json(step: Step) -> str:
    """Returns a step as JSON."""
    return json.dumps(asdict(step), default=str)


def step_from_json(text: str) -> Step:
    """Returns the step of a text from `step_to_json`."""
    data = json.loads(text)
    operations = tuple(
        Operation(
            item["primitive"], _settings(item["settings"]), tuple(item["inputs"]), tuple(item["shape"]),
            tuple(map(_weight, item["weights"])), item["mult_adds"], item["key"], item["drop_path"],
        )
        for item in data["operations"]
    )  # fmt: skip
    shapes: tuple[Shape, ...] = tuple(tuple(shape) for shape in data["input_shapes"])
    return Step(
        data["key"], data["name"], tuple(data["inputs"]), shapes, operations, data["output"], tuple(data["shape"]),
        data["repetition"], data["is_cell"],
    )  # fmt: skip


def _weight(data: dict[str, Any]) -> Weight:
    return Weight(data["name"], tuple(data["shape"]), data["kind"], data.get("start", 1.0))


def _settings(data: dict[str, Any]) -> Settings:
    return {
        name: Kernel(value["height"], value["width"]) if isinstance(value, dict) else value
        for name, value in data.items()
    }
