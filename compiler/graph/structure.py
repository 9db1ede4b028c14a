"""The resolved graph: every value with its shape, every weight with its key. Cost, pictures and layers read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.graph.primitives import Settings, Shape, Weight

IMAGE = -1  # the index under which a step reads the image itself


@dataclass(frozen=True)
class Operation:
    """One primitive. Its inputs count the step's inputs first, then the operations before it."""

    primitive: str
    settings: Settings
    inputs: tuple[int, ...]
    shape: Shape
    weights: tuple[Weight, ...]
    mult_adds: int
    key: str
    drop_path: bool = False


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
