"""The builder of one step of the network. Errors name the key of an operation and its place in the `.cell` file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from compiler.errors import CompileError, ShapeError
from compiler.graph.cache import Expansion
from compiler.primitives.base import Operation, Settings, Shape
from compiler.primitives.records import TABLE
from dsl.errors import CellError, Position, Problem
from dsl.space.expand import Place
from dsl.text.unparse import op as printed
from dsl.tree import syntax as s
from dsl.wording import by_x

MAX_OPERATIONS = 100_000
MAX_CHANNELS = 1_000_000


@dataclass
class Block:
    """Collects the operations of one step of the network while the step is resolved.

    `shapes` has the shapes of the step's inputs, and after them the output shape of each operation. In this package,
    the index of a value is the place of its shape in this list. `has_dead` says that the output may not depend on all
    operations.
    """

    shapes: list[Shape]
    operations: list[Operation] = field(default_factory=list)
    has_dead: bool = False

    def add(
        self, primitive: str, settings: Settings, inputs: tuple[int, ...], key: str, position: Position | None,
        advice: str = "",
    ) -> int:  # fmt: skip
        """Adds a primitive and returns the index of its output.

        Raises:
          ShapeError: the shapes of the inputs do not fit. The message names `key`, shows the line at `position`, and
            ends with `advice`.
        """
        record = TABLE[primitive]
        shapes = tuple(self.shapes[index] for index in inputs)
        try:
            shape = record.shape(settings, shapes)
            weights = () if record.weights is None else record.weights(settings, shapes)
        except ShapeError as error:
            raise located(position, key, f"{error}{advice}", type(error)) from None
        if shape[-1] > MAX_CHANNELS:
            message = f"{primitive} would return {shape[-1]:,} channels; at most {MAX_CHANNELS:,}"
            raise located(position, key, message, ShapeError)
        mult_adds = record.mult_adds(shape, weights)
        drops = record.drops is not None and record.drops(settings)
        self._append(Operation(primitive, settings, inputs, shape, weights, mult_adds, key, drops), position)
        return len(self.shapes) - 1

    def add_again(self, expansion: Expansion, value: int, key: str, position: Position | None) -> int:
        """Adds a sequence of operations from the cache and returns the index of the last output."""
        for o in expansion.operations:
            own = key + o.key[expansion.prefix :]
            one = Operation(o.primitive, o.settings, (value,), o.shape, o.weights, o.mult_adds, own, o.drop_path)
            self._append(one, position)
            value = len(self.shapes) - 1
        return value

    def _append(self, operation: Operation, position: Position | None) -> None:
        self.operations.append(operation)
        self.shapes.append(operation.shape)
        if len(self.operations) > MAX_OPERATIONS:
            message = f"a step has more than {MAX_OPERATIONS:,} operations"
            raise located(position, operation.key, message)

    def without_dead(self, output: int) -> int:
        """Removes the operations on which the value `output` does not depend, and returns its new index."""
        inputs = len(self.shapes) - len(self.operations)
        live = {output}
        for index in range(len(self.operations) - 1, -1, -1):
            if inputs + index in live:
                live.update(self.operations[index].inputs)
        kept = [index for index in range(len(self.operations)) if inputs + index in live]
        places = {inputs + index: inputs + place for place, index in enumerate(kept)}
        places.update((index, index) for index in range(inputs))
        self.operations = [
            replace(o, inputs=tuple(places[value] for value in o.inputs))
            for o in map(self.operations.__getitem__, kept)
        ]
        self.shapes = [*self.shapes[:inputs], *(operation.shape for operation in self.operations)]
        return places[output]

    def drop_path(self, value: int) -> None:
        """Marks the operation whose output has this index, so that drop path may drop the output in training.

        An operation that drops paths by itself stays as it is.
        """
        index = value - (len(self.shapes) - len(self.operations))
        o = self.operations[index]
        if TABLE[o.primitive].drops is not None:
            return
        # `dataclasses.replace` would take three times as long, and this method is called for each edge of each cell.
        self.operations[index] = Operation(
            o.primitive, o.settings, o.inputs, o.shape, o.weights, o.mult_adds, o.key, drop_path=True
        )


def located(
    position: Position | None, key: str, message: str, kind: type[CompileError] = CompileError, hint: str = ""
) -> CompileError:
    """Returns an error that names the part of the network and the place in the file, and shows the line there."""
    reason = f"{key}: {message}"
    problem = Problem(reason, position, hint)
    return kind(str(problem), reason, problem)


def called_by(error: CompileError, op: s.Op) -> CompileError:
    """Returns an error in a cell with the place and the settings of the operation that calls the cell."""
    problem = error.problem
    if problem is None or op.position is None or not op.arguments:
        return error
    hint = "\n".join(part for part in (problem.hint, f"the call is {printed(op)} at {op.position}") if part)
    located = replace(problem, hint=hint)
    return type(error)(str(located), error.reason, located)


def not_here(error: CellError, op: s.Op, place: Place, shape: Shape, key: str) -> CompileError:
    """Returns the error for a setting that is wrong at one use of an operation.

    The message has the filters, the stride and the input shape of this use.
    """
    problem = error.problems[0]
    filters = shape[-1] if place.filters is None else place.filters
    asked = f"{op.name} is asked for filters={filters}, stride={place.stride} and reads {by_x(shape)}"
    at = f" at {op.position}" if op.position is not None and op.position != problem.position else ""
    hint = "\n".join(part for part in (problem.hint, asked + at) if part)
    return located(problem.position or op.position, key, problem.message, hint=hint)
