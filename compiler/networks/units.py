"""The layers with weights of a network and what each of them reads, without TensorFlow.

In this form a network of another program is compared with a graph. Two networks match if they have the same layers with
weights, and if these read each other in the same way. Operations without weights count only as the ways between them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Generic, TypeVar

from compiler.errors import CompileError
from compiler.graph.structure import IMAGE, Graph
from compiler.primitives.base import Operation, Shape, Weight
from dsl.primitives import CONCATENATION
from dsl.wording import by_x

KERNELS = ("kernel", "depthwise")
Source = tuple[int, int]  # the index of a unit or IMAGE, and the first of its channels in what is read
Sources = frozenset[Source]
FROM_IMAGE: Sources = frozenset({(IMAGE, 0)})
_Handle = TypeVar("_Handle")
Number = Callable[[object], int]  # returns one number for equal descriptions


@dataclass(frozen=True)
class Unit(Generic[_Handle]):
    """A layer with weights: one kernel with its bias, one normalization, or one scale.

    Attributes:
      name: the place in its network, for messages.
      weights: a shape and a handle for each role (kernel, depthwise, bias, gamma, beta, mean, variance). Kernels have
        four dimensions, also those of dense layers, since a dense layer and a 1x1 convolution compute the same.
      size: the output shape `(height, width, channels)`. One value a channel is a map of one pixel.
      reads: the units whose outputs reach this one through operations without weights. Each comes with the place of
        its channels, which concatenations move.
    """

    name: str
    weights: Mapping[str, tuple[Shape, _Handle]]
    size: Shape
    reads: Sources

    @property
    def kind(self) -> tuple[tuple[str, Shape], ...]:
        """The roles and shapes of the weights."""
        return tuple(sorted((role, shape) for role, (shape, _) in self.weights.items()))

    @property
    def values(self) -> int:
        """The number of values of all weights."""
        return sum(prod(shape) for shape, _ in self.weights.values())

    @property
    def mult_adds(self) -> int:
        """The mult-adds for one image: every kernel is applied at every pixel of the output."""
        kernels = [shape for role, (shape, _) in self.weights.items() if role in KERNELS]
        return prod(self.size[:2]) * sum(map(prod, kernels))


def as_map(shape: Sequence[int]) -> Shape:
    """Returns a shape with height and width."""
    return (1,) * (3 - len(shape)) + tuple(shape)


def role_of(kind: str, shape: Sequence[int], groups: object = 1) -> tuple[str, Shape]:
    """Returns the role and the shape of a weight in a unit; `groups` are those of its convolution.

    A dense layer is a 1x1 convolution, and a convolution with a group for each channel is a depthwise one.
    """
    if kind not in KERNELS:
        return kind, tuple(shape)
    height, width, inputs, outputs = (1,) * (4 - len(shape)) + tuple(shape)
    if kind == "kernel" and inputs == 1 and groups == outputs != 1:
        return "depthwise", (height, width, outputs, 1)
    return kind, (height, width, inputs, outputs)


def side_by_side(parts: Iterable[tuple[Sources, int]]) -> Sources:
    """Returns the sources of a concatenation of parts, each given by its sources and its channels."""
    found: set[Source] = set()
    start = 0
    for sources, channels in parts:
        found.update((index, start + offset) for index, offset in sources)
        start += channels
    return frozenset(found)


def together(parts: Iterable[Sources]) -> Sources:
    """Returns the sources of a sum, a product, or another operation without weights."""
    return frozenset().union(*parts)


def graph_units(graph: Graph) -> tuple[Unit[str], ...]:
    """Returns the units of a graph without its auxiliary head, in the order in which they run.

    The handles are the keys of the weights.
    """
    units: list[Unit[str]] = []
    outputs: list[Sources] = []
    for step in graph.steps:
        values = [FROM_IMAGE if index == IMAGE else outputs[index] for index in step.inputs]
        shapes = list(step.input_shapes)
        for operation in step.operations:
            parts = [(values[index], shapes[index][-1]) for index in operation.inputs]
            joined = operation.primitive == CONCATENATION
            value = side_by_side(parts) if joined else together(sources for sources, _ in parts)
            values.append(_applied(operation, value, units))
            shapes.append(operation.shape)
        outputs.append(values[step.output])
    return tuple(units)


def _applied(operation: Operation, reads: Sources, units: list[Unit[str]]) -> Sources:
    """Adds the units of an operation; returns the sources of its output."""
    if not operation.weights:
        return reads
    kernels = [weight for weight in operation.weights if weight.kind == "kernel"]
    if len(kernels) > 1 and sum(weight.shape[-1] for weight in kernels) == operation.shape[-1]:
        # The kernels are side by side (NASNet's factorized convolution), and each is a convolution of its own.
        return side_by_side([(_added(operation, [kernel], reads, units), kernel.shape[-1]) for kernel in kernels])
    return _added(operation, operation.weights, reads, units)


def _added(operation: Operation, weights: Sequence[Weight], reads: Sources, units: list[Unit[str]]) -> Sources:
    channels = weights[0].shape[-1] if len(weights) < len(operation.weights) else operation.shape[-1]
    size = (*as_map(operation.shape)[:-1], channels)
    groups = operation.settings.get("groups", 1)
    named: dict[str, tuple[Shape, str]] = {}
    for weight in weights:
        role, shape = role_of(weight.kind, weight.shape, groups)
        named[role] = (shape, f"{operation.key}/{weight.name}")
    if len(named) < len(weights):
        raise CompileError(f"{operation.key}: weights of {operation.primitive} cannot be taken from another network")
    units.append(Unit(operation.key, named, size, reads))
    return frozenset({(len(units) - 1, 0)})


def matched(wanted: Sequence[Unit[Any]], given: Sequence[Unit[Any]]) -> tuple[int, ...]:
    """Returns for each wanted unit the index of the given unit that has its place.

    Each unit is described by its weights, by what it reads and by what reads it, until no description gets finer. Where
    several units still have one description, such as two equal terms of a sum, they are matched in the order in which
    they run.

    Raises:
      CompileError: the two networks have other units, or units that read each other in other ways.
    """
    _check_kinds(wanted, given)
    pairs: dict[int, int] = {}
    while True:
        own, other = _colours(wanted, given, pairs)
        members: defaultdict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side, colours in enumerate((own, other)):
            for index, colour in enumerate(colours):
                members[colour][side].append(index)
        if any(len(left) != len(right) for left, right in members.values()):
            raise CompileError(_elsewhere(wanted, given))
        open_ones = next(((left, right) for left, right in members.values() if len(left) > 1), None)
        if open_ones is None:
            places = {left[0]: right[0] for left, right in members.values()}
            return tuple(places[index] for index in range(len(wanted)))
        pairs[open_ones[0][0]] = open_ones[1][0]


def _colours(
    wanted: Sequence[Unit[Any]], given: Sequence[Unit[Any]], pairs: Mapping[int, int]
) -> tuple[list[int], list[int]]:
    """Returns a number for each unit of both networks: equal numbers for units that nothing distinguishes.

    `pairs` has the units that are matched already.
    """
    numbers: dict[object, int] = {}

    def number(description: object) -> int:
        return numbers.setdefault(description, len(numbers))

    sides = (wanted, given)
    marks = [{unit: place for place, unit in enumerate(chosen)} for chosen in (pairs, pairs.values())]
    colours = [[number((unit.kind, mark.get(index))) for index, unit in enumerate(units)]
               for units, mark in zip(sides, marks, strict=True)]  # fmt: skip
    count = 0
    while len({*colours[0], *colours[1]}) > count:
        count = len({*colours[0], *colours[1]})
        colours = [_refined(units, own, number) for units, own in zip(sides, colours, strict=True)]
    return colours[0], colours[1]


def _refined(units: Sequence[Unit[Any]], colours: Sequence[int], number: Number) -> list[int]:
    """Returns finer colours: first by all that a unit depends on, and then by all that depends on it."""
    before = _by_reads(units, colours, number)
    readers: list[list[Source]] = [[] for _ in units]
    for index, unit in enumerate(units):
        for source, place in unit.reads:
            if source != IMAGE:
                readers[source].append((index, place))
    after = [0] * len(units)
    for index in reversed(range(len(units))):
        by = sorted((after[reader], place) for reader, place in readers[index])
        after[index] = number((before[index], tuple(by), "read by"))
    return after


def _by_reads(units: Sequence[Unit[Any]], colours: Sequence[int], number: Number) -> list[int]:
    found: list[int] = []
    for colour, unit in zip(colours, units, strict=True):
        read = sorted((found[source] if source != IMAGE else IMAGE, place) for source, place in unit.reads)
        found.append(number((colour, tuple(read), "reads")))
    return found


def _check_kinds(wanted: Sequence[Unit[Any]], given: Sequence[Unit[Any]]) -> None:
    own, other = (Counter(unit.kind for unit in units) for units in (wanted, given))
    more, less = own - other, other - own
    if more or less:
        parts = [f"it {verb} {_listed(kinds)}" for verb, kinds in (("has", more), ("lacks", less)) if kinds]
        raise CompileError(f"the network has other layers than the one with the weights: {' and '.join(parts)}")


def _listed(kinds: Mapping[tuple[tuple[str, Shape], ...], int]) -> str:
    shown = [f"{count} x {' '.join(f'{role}[{by_x(shape)}]' for role, shape in kind)}"
             for kind, count in list(kinds.items())[:3]]  # fmt: skip
    more = sum(list(kinds.values())[3:])
    return ", ".join([*shown, *([f"{more} others"] if more else [])])


def _elsewhere(wanted: Sequence[Unit[Any]], given: Sequence[Unit[Any]]) -> str:
    """Returns a message that names the first unit which reads other units than any unit of the other network."""
    numbers: dict[object, int] = {}

    def number(description: object) -> int:
        return numbers.setdefault(description, len(numbers))

    own, other = (_by_reads(units, [number(unit.kind) for unit in units], number) for units in (wanted, given))
    message = "the layers read each other in other ways than in the network with the weights"
    if (index := _first_lacking(own, other)) is not None:
        message += f"; nothing corresponds to {wanted[index].name}"
    if (index := _first_lacking(other, own)) is not None:
        message += f", and nothing to {given[index].name} of the one with the weights"
    return message


def _first_lacking(colours: Sequence[int], others: Sequence[int]) -> int | None:
    left = Counter(others)
    for index, colour in enumerate(colours):
        left[colour] -= 1
        if left[colour] < 0:
            return index
    return None
